/* Copying user memory: out of a buffer, or out of segments. */
#pragma once
#include "lib/causality.bpf.h"

#define MAX_SEGMENTS 16 /* iovecs that one piece of a call is copied from; the next one goes on behind them */

static __always_inline void read_segment(const struct operation *operation, __u32 index, struct iovec *segment)
{
	const void *slot = (const void *)(operation->base + (__u64)index * sizeof(struct iovec));

	if (operation->memory == MEMORY_KERNEL_IOVEC)
		bpf_probe_read_kernel(segment, sizeof(*segment), slot);
	else
		bpf_probe_read_user(segment, sizeof(*segment), slot);
}

/* Copies up to `size` bytes of the segments from operation->copied on, which names the one that `from` lies in, into
 * `payload`, which has room for twice as many: the verifier cannot relate the offset to what is left. Returns the bytes
 * copied; fewer than are wanted where the segments of one piece are used up. */
static __always_inline __u32 copy_segments(struct operation *operation, __u8 *payload, __u32 wanted, const __u32 size)
{
	const __u64 from = operation->offset + operation->skipped;
	__u64 skip = from - operation->copied.start;
	const __u32 index = operation->copied.index;
	__u32 copied = 0;

	for (__u32 i = 0; i < MAX_SEGMENTS; i++) {
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
		if (length > size)
			length = size;
		if (bpf_probe_read_user(payload + copied, (__u32)length, (const __u8 *)segment.iov_base + skip)) {
			operation->data_flags |= WS_DATA_COPY_FAULT;
			add_loss(WS_LOSS_COPY_FAULT, 1);
			break;
		}
		copied += (__u32)length;
		skip = 0;
	}
	return copied;
}

/* At most `limit`, in the very register that the caller uses: up to 6.1 the verifier forgets the bound of a copy. */
static __always_inline __u64 at_most(__u64 value, const __u64 limit)
{
	asm volatile("if %[value] <= %[limit] goto +1\n\t%[value] = %[limit]"
		     : [value] "+r"(value)
		     : [limit] "i"(limit));
	return value;
}

static __always_inline __u32 copy_buffer(struct operation *operation, __u8 *payload, __u64 wanted, const __u32 size)
{
	const __u64 address = operation->base + operation->offset + operation->skipped;
	const __u64 length = at_most(wanted, size);

	if (bpf_probe_read_user(payload, length, (const void *)address)) {
		operation->data_flags |= WS_DATA_COPY_FAULT;
		add_loss(WS_LOSS_COPY_FAULT, 1);
		return 0;
	}
	return (__u32)length;
}
