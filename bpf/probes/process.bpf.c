/* Processes: children of targets become targets, exec is told to user space (which decides again), exit cleans up; and
 * the wake of a thread that waits for another one's work (completion wake). Raw tracepoints: they need no tracefs and
 * no fentry. */
#include "lib/stamp.bpf.h"

static __always_inline void emit_process(__u32 type, __u32 tgid, __u32 parent_tgid, __u32 tid, __u32 code)
{
	struct ws_process_event *event = RESERVE_CONTROL(0, struct ws_process_event);

	if (!event)
		return;
	event->header.type = type;
	event->header.size = sizeof(*event);
	event->header.time_ns = bpf_ktime_get_boot_ns();
	event->tgid = tgid;
	event->parent_tgid = parent_tgid;
	event->tid = tid;
	event->exit_code = code;
	bpf_get_current_comm(event->comm, sizeof(event->comm));
	submit_control(event);
}

SEC("raw_tp/sched_process_fork")
int on_process_fork(__u64 *ctx)
{
	struct task_struct *parent = (struct task_struct *)ctx[0];
	struct task_struct *child = (struct task_struct *)ctx[1];
	__u32 parent_tgid = READ(parent, tgid);
	__u32 child_tgid = READ(child, tgid);
	struct ws_target inherited = {};
	struct ws_runtime copy;
	struct ws_runtime *runtime;
	struct ws_target *target = bpf_map_lookup_elem(&targets, &parent_tgid);

	if (!target || child_tgid == parent_tgid || !(target->flags & WS_TARGET_INHERIT))
		return 0;
	inherited = *target;
	inherited.flags |= WS_TARGET_INHERITED;
	inherited.unacted_exchanges = 0;
	runtime = bpf_map_lookup_elem(&runtimes, &parent_tgid);
	if (runtime) { /* the child's memory is laid out as its parent's */
		copy = *runtime;
		bpf_map_update_elem(&runtimes, &child_tgid, &copy, BPF_ANY);
	}
	if (bpf_map_update_elem(&targets, &child_tgid, &inherited, BPF_ANY)) {
		add_loss(WS_LOSS_TARGETS_FULL, 1);
		return 0;
	}
	emit_process(WS_EVENT_PROCESS_FORKED, child_tgid, parent_tgid, 0, 0);
	return 0;
}

SEC("raw_tp/sched_process_exec")
int on_process_exec(void *ctx __attribute__((unused)))
{
	__u64 id = bpf_get_current_pid_tgid();
	__u32 tgid = (__u32)(id >> 32);

	if (!current_target())
		return 0;
	bpf_map_delete_elem(&runtimes, &tgid); /* the old program's offsets do not hold for the new one */
	emit_process(WS_EVENT_PROCESS_EXECED, tgid, 0, (__u32)id, 0);
	return 0;
}

SEC("raw_tp/sched_process_exit")
int on_process_exit(__u64 *ctx)
{
	struct task_struct *task = (struct task_struct *)ctx[0];
	__u32 tid = READ(task, pid);
	__u32 tgid = READ(task, tgid);

	bpf_map_delete_elem(&threads, &tid); /* whatever ends first: of a killed process that may be the leader */
	if (!bpf_map_lookup_elem(&targets, &tgid))
		return 0;
	if (tid != tgid)
		return 0; /* a leader that ends before its threads is seen as the process's end: rare, and user space
			     looks again */
	bpf_map_delete_elem(&targets, &tgid);
	bpf_map_delete_elem(&runtimes, &tgid);
	emit_process(WS_EVENT_PROCESS_EXITED, tgid, 0, tid, (__u32)READ(task, exit_code));
	return 0;
}

/* A worker that has read a call's response wakes a thread that waits with an open exchange of its own: the backward
 * hand-over of blocking pools. Loop threads wake others for many reasons; theirs say nothing. */
SEC("raw_tp/sched_waking")
int on_waking(__u64 *ctx)
{
	struct task_struct *wakee = (struct task_struct *)ctx[0];
	struct ws_target *target = current_target();
	struct thread_state *waker, *waiting;
	struct ws_wake_event *event;
	__u32 tid;

	if (!target)
		return 0;
	waker = find_current_thread();
	if (!waker || waker->is_loop || !waker->active_is_call || waker->active_source != WS_ACTIVE_RESPONSE ||
	    !waker->active)
		return 0;
	tid = READ(wakee, pid);
	waiting = bpf_map_lookup_elem(&threads, &tid);
	if (!waiting || waiting->operation.kind != OPERATION_FUTEX || waiting->active_is_call ||
	    waiting->active_source != WS_ACTIVE_READ || !open_exchange(waiting->active, waiting->active_sock))
		return 0;
	event = RESERVE_CONTROL(waiting->active >> WS_TOKEN_TURN_BITS, struct ws_wake_event);
	if (!event)
		return 0;
	stamp_thread(waker, 0);
	event->header.type = WS_EVENT_COMPLETION_WAKE;
	event->header.size = sizeof(*event);
	event->header.time_ns = bpf_ktime_get_boot_ns();
	read_task_times(&waker->operation);
	waker->operation.runtime_id = 0;
	waker->operation.runtime_parent = 0;
	fill_thread(&event->thread, waker);
	event->token = waker->active;
	event->wakee_exchange = waiting->active;
	event->wakee_tid = tid;
	event->wakee_tgid = READ(wakee, tgid);
	submit_control(event);
	waker->active = 0;
	return 0;
}
