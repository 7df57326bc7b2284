/* Copying user memory: out of a buffer, or out of segments. */
#pragma once
#include "lib/causality.bpf.h"

#define MAX_SEGMENTS 8 /* iovecs that one piece of a call is copied from; the next one goes on behind them */

/* A unit whose calls all have their array of iovecs in the kernel says so (WS_KERNEL_SEGMENTS); in all others it is the
 * caller's own. */
#ifdef WS_KERNEL_SEGMENTS
#define read_segments bpf_probe_read_kernel
#else
#define read_segments bpf_probe_read_user
#endif

static __always_inline void read_segment(const struct operation *operation, __u32 index, struct iovec *segment)
{
	read_segments(segment, sizeof(*segment), (const void *)(operation->base + (__u64)index * sizeof(struct iovec)));
}

/* At most `limit`, in the very register that the caller uses: up to 6.1 the verifier forgets the bound of a copy. */
static __always_inline __u64 at_most(__u64 value, const __u64 limit)
{
	asm volatile("if %[value] <= %[limit] goto +1\n\t%[value] = %[limit]"
		     : [value] "+r"(value)
		     : [limit] "i"(limit));
	return value;
}

/* Copies up to `size` bytes of the segments from operation->copied on, which names the one that `from` lies in, into
 * `payload`, which has room for twice as many: the verifier cannot relate the offset to what is left. The bytes copied
 * are in operation->captured; fewer than are wanted where MAX_SEGMENTS are used up.
 *
 * What is copied so far is kept in that memory, whose value the verifier does not follow: it walks each turn of the
 * loop, and what comes behind, once, and not once for every way that led there. For the same reason a fault is told
 * behind it. */
static __always_inline void copy_segments(struct operation *operation, __u8 *payload, __u32 wanted, const __u32 size)
{
	const __u64 from = operation->offset + operation->skipped;
	__u64 skip = from - operation->copied.start;
	const __u32 index = operation->copied.index;
	volatile __u32 *so_far = &operation->captured;
	long fault = 0;

	*so_far = 0;
	for (__u32 i = 0; i < MAX_SEGMENTS; i++) {
		const __u32 copied = *so_far;
		struct iovec segment = {};
		__u64 length;

		if (index + i >= operation->segments || copied >= wanted || copied >= size)
			break;
		read_segment(operation, index + i, &segment);
		operation->copied.index = index + i;
		operation->copied.start = from + copied - skip;
		if (segment.iov_len < skip)
			break; /* changed meanwhile */
		length = segment.iov_len - skip;
		if (length > wanted - copied)
			length = wanted - copied;
		length = at_most(length, size);
		fault = bpf_probe_read_user(payload + copied, length, (const __u8 *)segment.iov_base + skip);
		if (fault)
			break;
		*so_far = copied + (__u32)length;
		skip = 0;
	}
	if (fault) {
		operation->data_flags |= WS_DATA_COPY_FAULT;
		add_loss(WS_LOSS_COPY_FAULT, 1);
	}
}

static __always_inline void copy_buffer(struct operation *operation, __u8 *payload, __u64 wanted, const __u32 size)
{
	const __u64 address = operation->base + operation->offset + operation->skipped;
	const __u64 length = at_most(wanted, size);
	volatile __u32 *captured = &operation->captured;

	*captured = (__u32)length;
	if (bpf_probe_read_user(payload, length, (const void *)address)) {
		*captured = 0;
		operation->data_flags |= WS_DATA_COPY_FAULT;
		add_loss(WS_LOSS_COPY_FAULT, 1);
	}
}
