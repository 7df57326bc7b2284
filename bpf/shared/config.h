/* The constants the agent fills in before the programs are loaded (one rodata struct, frozen afterwards), and the
 * values of the maps that user space writes while they run. Included by bpf/ and by agent/kernel/ only. */
#pragma once
#include "bpf/shared/events.h"

enum ws_feature {
	WS_FEATURE_SYSCALL_IO = 1 << 0,	     /* the syscall programs capture data (source `syscall`), not only waits */
	WS_FEATURE_COMPLETION_WAKE = 1 << 1, /* the sched_waking program emits completion wakes */
	WS_FEATURE_RUNTIME_IDS = 1 << 2,     /* runtime identities are read where a process has offsets */
	WS_FEATURE_TYPED_READS = 1 << 3,     /* the kernel has bpf_rdonly_cast */
};

/* `counters` has a row for each CPU: enum ws_loss_reason, then enum ws_count; whole cache lines. Both are powers of
 * two, as far as the verifier of old kernels can follow an index. Beyond so many CPUs two share a row. */
#define WS_COUNTERS	32
#define WS_COUNTER_ROWS 512
WS_STATIC_ASSERT((int)WS_LOSS_REASON_COUNT + (int)WS_COUNT_COUNT <= WS_COUNTERS, "WS_COUNTERS");

struct ws_config {
	__u32 features;		 /* enum ws_feature */
	__u32 ring_count;	 /* number of rings in use, >= 1 */
	__u32 turn_budget_bytes; /* bytes copied per direction and turn, <= 64 KiB */
	__u32 ignored_tgid;	 /* the agent itself */
	__u32 timer_slack_ns;	 /* taken off a multiplexed wait's time-out (1.5 ms: epoll's granularity is 1 ms) */
	__u32 reserved;
};

/* Map `targets`: tgid -> how it is traced. Written by user space; forked children are added by the kernel. */
enum ws_target_flag {
	WS_TARGET_INHERIT = 1 << 0,   /* children become targets */
	WS_TARGET_INHERITED = 1 << 1, /* added by a fork */
};

struct ws_target {
	__u32 flags;
	__s32 unacted_exchanges; /* kernel's own: open exchanges that have neither called nor answered; user space
				    writes 0 */
};

/* Map `runtimes`: tgid -> where the program keeps the identity of what runs on a thread. Written by user space, copied
 * to forked children, deleted at exec and exit. Offsets are bytes within the runtime's own structures. */
enum ws_runtime_kind { WS_RUNTIME_GO = 1, WS_RUNTIME_PYTHON = 2 };

struct ws_runtime {
	__u32 kind;	      /* enum ws_runtime_kind */
	__s32 base_offset;    /* Go: of the pointer to runtime.g, from the thread pointer */
	__u32 machine_offset; /* Go: of m in runtime.g */
	__u32 id_offset;      /* Go: of goid in runtime.g; 0: not known, nothing is read */
	__u32 parent_offset;  /* Go: of parentGoid in runtime.g; 0 where there is none (before 1.21) */
	__u32 threads_offset; /* CPython: of the first thread state in the interpreter state */
	__u32 next_offset;    /* CPython: these three in the thread state */
	__u32 thread_id_offset;
	__u32 context_offset;
	__u32 type_offset;	   /* CPython: of ob_type in PyObject */
	__u64 interpreter_address; /* CPython: of the pointer to the main interpreter state */
	__u64 context_type;	   /* CPython: address of PyContext_Type */
	__u64 births;		   /* that probes were passed for; the kernel's own, user space writes 0 */
	__u32 epoch; /* CPython: what was told of contexts in another one is not believed; 0: nothing is told */
	__u32 reserved;
};

/* Key of map `goroutines`, the kernel's own. */
struct ws_goroutine {
	__u64 id;
	__u32 tgid;
	__u32 reserved;
};

/* Map `policies`: socket inode -> what user space decided about a connection. Read when a turn begins. */
enum ws_policy_mode {
	WS_POLICY_BUDGET = 0,
	WS_POLICY_OFF = 1,
	WS_POLICY_FRAMES = 2, /* it speaks HTTP/2: its frames are walked, and only where that fails is there a budget */
};

struct ws_policy {
	__u32 mode;	    /* enum ws_policy_mode */
	__u32 budget_bytes; /* WS_POLICY_BUDGET, WS_POLICY_FRAMES: in place of the default */
	__u32 role;	    /* enum ws_role, 0 where user space does not know better */
	__u32 reserved;
};

/* The first bytes of a value of map `connections`: all that user space reads of it. */
struct ws_connection_life {
	__u64 inode;
	__u32 sweep; /* number of the last sweep that found the socket open */
	__u32 is_unix;
};

/* What the iterator over open files is run for. */
enum ws_iteration { WS_ITERATE_CONNECTIONS = 0, WS_ITERATE_LISTENERS = 1, WS_ITERATE_SWEEP = 2 };

WS_STATIC_ASSERT(sizeof(struct ws_config) == 24, "ws_config");
WS_STATIC_ASSERT(sizeof(struct ws_target) == 8, "ws_target");
WS_STATIC_ASSERT(sizeof(struct ws_runtime) == 72, "ws_runtime");
WS_STATIC_ASSERT(sizeof(struct ws_policy) == 16, "ws_policy");
