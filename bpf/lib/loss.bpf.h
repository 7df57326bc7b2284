/* Counters: per CPU, so that no atomic instruction is needed. Nothing that fails goes uncounted. */
#pragma once
#include "maps/maps.bpf.h"

static __always_inline void add_loss(__u32 reason, __u64 amount)
{
	__u64 *count = bpf_map_lookup_elem(&losses, &reason);

	if (count)
		*count += amount;
}

static __always_inline void add_count(__u32 which, __u64 amount)
{
	__u64 *count = bpf_map_lookup_elem(&counts, &which);

	if (count)
		*count += amount;
}
