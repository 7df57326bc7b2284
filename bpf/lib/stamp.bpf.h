/* The stamp of the acting thread: its causal state, its CPU accounting, its runtime's identity. */
#pragma once
#include "lib/causality.bpf.h"

static __always_inline void fill_thread(struct ws_thread_stamp *stamp, struct thread_state *thread)
{
	struct operation *operation = &thread->operation;
	__u64 id = bpf_get_current_pid_tgid();

	stamp->tgid = (__u32)(id >> 32);
	stamp->tid = (__u32)id;
	stamp->sequence = thread->sequence++;
	stamp->turn = thread->turn;
	stamp->active = operation->active;
	stamp->last_call = operation->last_call;
	stamp->runtime_id = operation->runtime_id;
	stamp->cpu_ns = operation->cpu_ns;
	stamp->exec_start_ns = operation->exec_start_ns;
	stamp->run_delay_ns = operation->run_delay_ns;
	stamp->active_source = operation->active_source;
	stamp->cpu = (__u16)bpf_get_smp_processor_id();
	stamp->activations = (__u16)operation->activations;
}

static __always_inline void read_task_times(struct operation *operation)
{
	operation->cpu_ns = READ_TASK(se.sum_exec_runtime);
	operation->exec_start_ns = READ_TASK(se.exec_start);
	operation->run_delay_ns = 0;
	if (bpf_core_field_exists(((struct task_struct *)0)->sched_info.run_delay))
		operation->run_delay_ns = READ_TASK(sched_info.run_delay);
}
