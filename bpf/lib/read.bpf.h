/* Reading kernel memory. Up to 6.1 by a call of bpf_probe_read_kernel for each field (some 20 ns); from 6.2 on by a
 * load that the kernel guards against faults (bpf_rdonly_cast, commit a35b9af4ec2c), where user space has found that
 * function in the kernel's BTF. What is not taken is cut away before the program is compiled: `config` is frozen. */
#pragma once
#include "lib/kernel_types.bpf.h"
#include "shared/config.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_core_read.h>

extern const volatile struct ws_config config;

/* The linker takes no kernel function that two units declare, and one global function of those that two define: each
 * unit has its own name for them. libbpf cuts a kernel function's at the three underscores. */
#define JOIN_NAMES(name, unit)	 name##___##unit
#define NAME_IN_UNIT(name, unit) JOIN_NAMES(name, unit)
#define cast_to_type		 NAME_IN_UNIT(bpf_rdonly_cast, WS_UNIT)
extern void *cast_to_type(const void *object, __u32 btf_id) __ksym __weak;

/* A field, or a field of a field, of the structure behind `pointer`: 0 where that cannot be read. Not of structures
 * that a module may define (unix_sock): their types have no number in the kernel's own BTF. */
#define READ(pointer, field)                                                                                           \
	({                                                                                                             \
		__typeof__(pointer) object_ = (pointer);                                                               \
		__typeof__(object_->field) value_;                                                                     \
		if (config.features & WS_FEATURE_TYPED_READS)                                                          \
			value_ = ((__typeof__(object_))cast_to_type(object_,                                           \
								    bpf_core_type_id_kernel(__typeof__(*object_))))    \
					 ->field;                                                                      \
		else                                                                                                   \
			value_ = BPF_CORE_READ(object_, field);                                                        \
		value_;                                                                                                \
	})

enum bpf_func_id___task {
	BPF_FUNC_get_current_task_btf___task = 158, /* 5.11, commit 3ca1032ab7ab */
};

/* The same of the current task, which needs no cast. */
#define READ_TASK(field)                                                                                               \
	({                                                                                                             \
		__typeof__(((struct task_struct *)0)->field) value_;                                                   \
		if (bpf_core_enum_value_exists(enum bpf_func_id___task, BPF_FUNC_get_current_task_btf___task))         \
			value_ = bpf_get_current_task_btf()->field;                                                    \
		else                                                                                                   \
			value_ = BPF_CORE_READ((struct task_struct *)bpf_get_current_task(), field);                   \
		value_;                                                                                                \
	})

/* What the arguments of a hooked function lead to. An fentry program knows their types: plain loads, on every kernel.
 * Only there, and only of pointers that come from its arguments: not out of a map. READ_TCP is 0 of what is no TCP
 * socket. */
#ifdef WS_TYPED_ARGUMENTS
#define READ_ARGUMENT(pointer, field) ((pointer)->field)
#define TCP_OF(sk)		      bpf_skc_to_tcp_sock(sk)
#define READ_TCP(tp, field)	      ((tp) ? (tp)->field : 0)
#else
#define READ_ARGUMENT(pointer, field) READ(pointer, field)
#define TCP_OF(sk)		      ((struct tcp_sock *)(sk))
#define READ_TCP(tp, field)	      READ(tp, field)
#endif
