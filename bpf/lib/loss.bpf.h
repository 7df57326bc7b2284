/* Counters: a row for each CPU, so that no atomic instruction is needed. Nothing that fails goes uncounted. */
#pragma once
#include "maps/maps.bpf.h"

static __always_inline void count_up(__u32 counter, __u64 amount)
{
	__u32 row = bpf_get_smp_processor_id() & (WS_COUNTER_ROWS - 1);

	counters[row * WS_COUNTERS + counter] += amount;
}

static __always_inline void add_loss(__u32 reason, __u64 amount)
{
	count_up(reason, amount);
}

static __always_inline void add_count(__u32 which, __u64 amount)
{
	count_up(WS_LOSS_REASON_COUNT + which, amount);
}
