/* Copying user memory: out of a buffer, or out of segments. */
#pragma once
#include "lib/causality.bpf.h"

#define MAX_SEGMENTS 32 /* iovecs walked in one call; what lies beyond is counted as a gap */

/* Copies up to `size` bytes of the segments into `payload`, which has room for twice as many: the verifier cannot
 * relate the offset to what is left. Returns the bytes copied. */
static __always_inline __u32 copy_segments(struct operation *operation, __u8 *payload, __u32 wanted, const __u32 size)
{
	__u32 copied = 0;
	__u64 skip = operation->offset + operation->skipped;

	for (__u32 i = 0; i < MAX_SEGMENTS; i++) {
		struct iovec segment = {};
		const void *slot = (const void *)(operation->base + i * sizeof(struct iovec));
		__u64 length;

		if (i >= operation->segments || copied >= wanted || copied >= size)
			break;
		if (operation->memory == MEMORY_KERNEL_IOVEC)
			bpf_probe_read_kernel(&segment, sizeof(segment), slot);
		else
			bpf_probe_read_user(&segment, sizeof(segment), slot);
		if (segment.iov_len <= skip) {
			skip -= segment.iov_len;
			continue;
		}
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
		if (i == MAX_SEGMENTS - 1 && copied < wanted)
			add_loss(WS_LOSS_IOVEC_LIMIT, 1);
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
