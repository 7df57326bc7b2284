/* A program that does nothing: user space attaches it for a moment to learn whether kprobes work here at all, before it
 * has the verifier walk the real programs; and one that user space runs to read the kernel's clock of ticks. */
#include "lib/kernel_types.bpf.h"
#include <bpf/bpf_helpers.h>

SEC("kprobe/tcp_sendmsg")
int try_kprobe(void *ctx __attribute__((unused)))
{
	return 0;
}

volatile __u64 read_jiffies;
volatile __u64 read_ns;

SEC("raw_tracepoint/never_attached")
int read_clocks(void *ctx __attribute__((unused)))
{
	read_jiffies = bpf_jiffies64();
	read_ns = bpf_ktime_get_boot_ns();
	return 0;
}

char LICENSE[] SEC("license") = "GPL";
