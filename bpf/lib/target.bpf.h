/* Target and thread look-up: the first act of every program. A process that was not selected costs the one look-up. */
#pragma once
#include "lib/loss.bpf.h"

static __always_inline struct ws_target *current_target(void)
{
	__u32 tgid = (__u32)(bpf_get_current_pid_tgid() >> 32);

	return bpf_map_lookup_elem(&targets, &tgid);
}

static __always_inline struct thread_state *find_current_thread(void)
{
	__u32 tid = (__u32)bpf_get_current_pid_tgid();

	return bpf_map_lookup_elem(&threads, &tid);
}

/* The current thread's state, made at its first traced call. */
static __always_inline struct thread_state *current_thread(void)
{
	static const struct thread_state empty = {.deadline_ns = ~0ULL};
	__u32 tid = (__u32)bpf_get_current_pid_tgid();
	struct thread_state *thread = bpf_map_lookup_elem(&threads, &tid);

	if (thread)
		return thread;
	if (bpf_map_update_elem(&threads, &tid, &empty, BPF_NOEXIST)) {
		add_loss(WS_LOSS_THREADS_FULL, 1);
		return NULL;
	}
	return bpf_map_lookup_elem(&threads, &tid);
}
