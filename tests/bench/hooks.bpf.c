/* Programs that do nothing at the entry and the return of every system call: what it costs that there are any. */

#include "lib/read.bpf.h"

SEC("tp_btf/sys_enter")
int on_enter(void* ctx __attribute__((unused))) { return 0; }

SEC("tp_btf/sys_exit")
int on_exit(void* ctx __attribute__((unused))) { return 0; }
