/* The constants the agent fills in before the programs are loaded (one rodata struct, frozen afterwards), and the
 * values of the maps that user space writes while they run. Included by bpf/ and by agent/kernel/ only. */
#pragma once
#include "bpf/shared/events.h"

enum ws_feature {
	WS_FEATURE_SYSCALL_IO = 1 << 0,	     /* the syscall programs capture data (source `syscall`), not only waits */
	WS_FEATURE_COMPLETION_WAKE = 1 << 1, /* the sched_waking program emits completion wakes */
	WS_FEATURE_RUNTIME_IDS = 1 << 2,     /* runtime identities are read where a process has offsets */
};

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
	__u32 runtime;		     /* enum ws_runtime */
	__u32 runtime_offset;	     /* Go: offset of goid in runtime.g */
	__u32 runtime_parent_offset; /* Go: offset of parentGoid in runtime.g */
	__s32 unacted_exchanges;     /* kernel's own: open exchanges that have neither called nor answered; user space
					writes 0 */
	__u32 reserved;
};

enum ws_runtime { WS_RUNTIME_UNKNOWN = 0, WS_RUNTIME_GO = 1 };

/* Map `policies`: socket inode -> what user space decided about a connection. Read when a turn begins. */
enum ws_policy_mode { WS_POLICY_BUDGET = 0, WS_POLICY_OFF = 1 };

struct ws_policy {
	__u32 mode;	    /* enum ws_policy_mode */
	__u32 budget_bytes; /* WS_POLICY_BUDGET: in place of the default */
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
WS_STATIC_ASSERT(sizeof(struct ws_target) == 24, "ws_target");
WS_STATIC_ASSERT(sizeof(struct ws_policy) == 16, "ws_policy");
