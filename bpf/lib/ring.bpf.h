/* The rings. A connection's records are always on one ring, so that they stay in order. User space looks at them by the
 * clock, for a wake-up costs a hundred times the capture; only while all its readers rest does a record on an empty
 * ring wake one. */
#pragma once
#include "lib/loss.bpf.h"

/* Written by user space: not 0 while all readers rest. */
extern volatile __u32 readers_rest;

static __always_inline void submit(void *record)
{
	bpf_ringbuf_submit(record, readers_rest ? 0 : BPF_RB_NO_WAKEUP);
}

static __always_inline void *ring_of(__u64 inode)
{
	__u32 count = config.ring_count;
	__u32 index = 0;
	void *ring;

	if (count > 1)
		index = (__u32)((inode * 0x9e3779b97f4a7c15ULL) >> 32) % count;
	ring = bpf_map_lookup_elem(&rings, &index);
	if (!ring)
		add_loss(WS_LOSS_NO_RING, 1);
	return ring;
}

/* Reserves a control record on the ring of `inode`; counts a failure. The caller fills every field and submits. */
#define RESERVE_CONTROL(inode, type) ((type *)reserve_control(inode, sizeof(type)))
static __always_inline void *reserve_control(__u64 inode, const __u64 size)
{
	void *ring = ring_of(inode);
	void *record;

	if (!ring)
		return NULL;
	record = bpf_ringbuf_reserve(ring, size, 0);
	if (!record) {
		add_loss(WS_LOSS_RING_FULL_CONTROL, 1);
		return NULL;
	}
	return record;
}

static __always_inline void submit_control(void *record)
{
	submit(record);
	add_count(WS_COUNT_CONTROL_EVENTS, 1);
}
