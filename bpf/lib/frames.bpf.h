/* HTTP/2's frames (RFC 9113 4.1), walked in the calls of a connection that speaks it, so that every header block is
 * copied and the payload of DATA is not, however the frames fall into calls. Each direction is in step from the preface
 * on, or from a call that begins with a chain of plausible headers; it stays so while the calls follow one another by
 * position. */
#pragma once
#include "lib/copy.bpf.h"

#define FRAME_HEADER   9
#define FRAME_CHAIN    3   /* headers, each where the one before says, until a place that was not known is believed */
#define SMALL_DATA     256 /* payload that is copied along: a record of its own would cost as much */
#define DATA_START     5   /* bytes of every other DATA payload that are copied: gRPC's prefix of a message */
#define PREFACE_BYTES  24
#define MAX_WALK_STEPS 512 /* frames of one call, about; what lies beyond is copied as far as the budget goes */

enum frame_type {
	FRAME_DATA = 0,
	FRAME_HEADERS = 1,
	FRAME_PRIORITY = 2,
	FRAME_RST_STREAM = 3,
	FRAME_SETTINGS = 4,
	FRAME_PUSH_PROMISE = 5,
	FRAME_PING = 6,
	FRAME_GOAWAY = 7,
	FRAME_WINDOW_UPDATE = 8,
	FRAME_CONTINUATION = 9,
	FRAME_ALTSVC = 10,	    /* RFC 7838 4 */
	FRAME_ORIGIN = 12,	    /* RFC 8336 2 */
	FRAME_PRIORITY_UPDATE = 16, /* RFC 9218 7.1 */
};

static __always_inline __u32 frame_length(const __u8 *header)
{
	return (__u32)header[0] << 16 | (__u32)header[1] << 8 | header[2];
}

static __always_inline int is_frame(const __u8 *header)
{
	__u32 length = frame_length(header);
	int on_stream = header[5] || header[6] || header[7] || header[8];

	if (header[5] & 0x80)
		return 0;
	switch (header[3]) {
	case FRAME_DATA:
	case FRAME_HEADERS:
	case FRAME_PUSH_PROMISE:
	case FRAME_CONTINUATION:
		return on_stream;
	case FRAME_PRIORITY:
		return on_stream && length == 5;
	case FRAME_RST_STREAM:
		return on_stream && length == 4;
	case FRAME_SETTINGS:
		return !on_stream && length % 6 == 0 && !(header[4] & ~1);
	case FRAME_PING:
		return !on_stream && length == 8;
	case FRAME_GOAWAY:
		return !on_stream && length >= 8;
	case FRAME_WINDOW_UPDATE:
		return length == 4;
	case FRAME_ALTSVC:
	case FRAME_ORIGIN:
	case FRAME_PRIORITY_UPDATE:
		return length <= 16384;
	default:
		return 0;
	}
}

/* The first `wanted` bytes, at most 16, of what lies `at` bytes behind the piece's beginning, into operation->start.
 * Returns how many were read. A global function: the verifier walks it once. Weak, because two units carry it. */
__weak __noinline int read_start(__u32 at, __u32 wanted)
{
	struct thread_state *thread = find_current_thread();
	struct operation *operation;
	__u64 skipped;
	__u32 count;

	if (!thread)
		return 0;
	operation = &thread->operation;
	if (operation->memory == MEMORY_NONE)
		return 0;
	skipped = operation->skipped;
	operation->skipped = at;
	if (operation->memory == MEMORY_BUFFER)
		count = copy_buffer(operation, operation->start, wanted, 16);
	else
		count = copy_segments(operation, operation->start, wanted, 16);
	operation->skipped = skipped;
	return (int)count;
}

/* "PRI * HTTP/2.0" and a line's end (RFC 9113 3.4). */
static __always_inline int is_preface(const __u8 *start)
{
	const char *preface = "PRI * HTTP/2.0\r\n";

#pragma unroll
	for (int i = 0; i < 16; i++) {
		if (start[i] != preface[i])
			return 0;
	}
	return 1;
}

/* Whether the call begins with `count` plausible frames. */
static __always_inline int begins_with_frames(struct operation *operation, const __u32 count)
{
	__u64 at = 0;

	for (__u32 i = 0; i < FRAME_CHAIN; i++) {
		if (i >= count)
			break;
		if (at + FRAME_HEADER > operation->rest || read_start((__u32)at, FRAME_HEADER) < FRAME_HEADER ||
		    !is_frame(operation->start))
			return 0;
		at += FRAME_HEADER + frame_length(operation->start);
	}
	return 1;
}

static __always_inline void start_walk(struct frame_walk *walk, __u32 left)
{
	walk->state = WALK_IN_STEP;
	walk->left = left;
	walk->is_skipped = 0;
	walk->wanted = 0;
	walk->gathered = 0;
}

/* Whether the direction is in step at the call's first byte. */
static __always_inline void find_frames(struct operation *operation, struct connection *connection,
					struct frame_walk *walk)
{
	__u8 was_new = walk->state == WALK_NEW;

	if (was_new) {
		walk->state = WALK_LOST;
		if (operation->rest >= 16 && read_start(0, 16) == 16 && is_preface(operation->start)) {
			connection->is_multiplexed = 1;
			connection->budget = default_budget(connection);
			start_walk(walk, PREFACE_BYTES);
			walk->expected = operation->position;
		}
	}
	if (!connection->is_multiplexed)
		return;
	if (operation->memory == MEMORY_NONE || operation->data_flags & WS_DATA_POSITION_RACED ||
	    walk->expected != operation->position)
		walk->state = WALK_LOST;
	if (walk->state == WALK_IN_STEP || operation->data_flags & WS_DATA_POSITION_RACED)
		return;
	/* What a server says first is SETTINGS (3.4). */
	if (was_new && begins_with_frames(operation, 1) && operation->start[3] == FRAME_SETTINGS)
		start_walk(walk, 0);
	else if (begins_with_frames(operation, FRAME_CHAIN))
		start_walk(walk, 0);
}

/* The header of the next frame, as far as it is there: `left` bytes of the call. False: it is none. */
static __always_inline int walk_header(struct operation *operation, struct frame_walk *walk, __u64 left)
{
	__u32 missing = FRAME_HEADER - (walk->gathered < FRAME_HEADER ? walk->gathered : 0);
	__u32 length;

	if (missing > left)
		missing = (__u32)left;
	if (read_start((__u32)operation->skipped + operation->kept, missing) < (int)missing)
		return 0;
	for (__u32 i = 0; i < FRAME_HEADER; i++) {
		if (i < missing)
			walk->header[(walk->gathered + i) & 15] = operation->start[i];
	}
	operation->kept += missing;
	walk->gathered += (__u8)missing;
	if (walk->gathered < FRAME_HEADER)
		return 1;
	walk->gathered = 0;
	if (!is_frame(walk->header))
		return 0;
	length = frame_length(walk->header);
	walk->left = length;
	walk->is_skipped = walk->header[3] == FRAME_DATA && length > SMALL_DATA;
	walk->wanted = walk->is_skipped ? DATA_START : 0;
	return 1;
}

/* The payload in progress, as far as it is there and one record has room. */
static __always_inline void walk_payload(struct operation *operation, struct frame_walk *walk, __u64 left)
{
	__u64 taken = walk->left;

	if (taken > left)
		taken = left;
	if (walk->is_skipped && !walk->wanted) {
		if (operation->kept)
			return;
		operation->skipped += taken;
		walk->left -= (__u32)taken;
		return;
	}
	if (walk->is_skipped && taken > walk->wanted)
		taken = walk->wanted;
	if (taken > WS_MAX_PAYLOAD - operation->kept)
		taken = WS_MAX_PAYLOAD - operation->kept;
	operation->kept += (__u32)taken;
	walk->left -= (__u32)taken;
	if (walk->is_skipped)
		walk->wanted -= (__u8)taken;
}

/* One frame, or a part of one. True: what was walked has to be emitted before the next. */
static __always_inline int walk_frame(struct operation *operation, struct frame_walk *walk)
{
	__u64 left = operation->rest - operation->skipped - operation->kept;

	if (!walk->left && left && !walk_header(operation, walk, left)) {
		walk->state = WALK_LOST;
		return 1;
	}
	left = operation->rest - operation->skipped - operation->kept;
	if (walk->left && left)
		walk_payload(operation, walk, left);
	left = operation->rest - operation->skipped - operation->kept;
	if (!left || operation->kept > WS_MAX_PAYLOAD - FRAME_HEADER)
		return 1;
	return walk->left && walk->is_skipped && !walk->wanted && operation->kept;
}
