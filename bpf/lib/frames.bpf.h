/* HTTP/2's frames (RFC 9113 4.1), walked in the calls of a connection that speaks it, so that every header block is
 * copied and the payload of DATA is not, however the frames fall into calls and segments. Each direction is in step
 * from its first bytes on, or from a call that begins with a chain of plausible headers; it stays so while the calls
 * follow one another by position, or what is missing between them lies in a payload. */
#pragma once
#include "lib/copy.bpf.h"

#define FRAME_HEADER   9
#define FRAME_CHAIN    3     /* headers, each where the one before says, until a place that was not known is believed */
#define SMALL_DATA     256   /* payload that is copied along: a record of its own would cost as much */
#define DATA_START     5     /* bytes of every other DATA payload that are copied: gRPC's prefix of a message */
#define MAX_BLOCK      65536 /* bytes of any other frame that are copied, as many as user space reads of a block */
#define PREFACE_BYTES  24
#define START_BYTES    16 /* that tell the preface */
#define LOOK_SEGMENTS  4  /* a header lies in at most so many, or is read in parts */
#define MAX_PASSED     32 /* segments that one look passes */
#define MAX_LOOKS      16 /* for one place */
#define FRAMES_AT_ONCE 4  /* frames of one step */
#define STEPS_AT_ONCE  16 /* of one walk */
#define MAX_WALKS      16 /* for one call; what lies beyond is copied as far as the budget goes */

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

/* Frames of a type that nobody knows are passed over by whoever reads them (RFC 9113 4.1); they prove nothing. */
static __always_inline int is_frame(const __u8 *header, int is_known_place)
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
	default:
		return is_known_place;
	}
}

/* Bytes of the payload that are copied. */
static __always_inline __u32 wanted_of(const __u8 *header)
{
	__u32 length = frame_length(header);

	if (header[3] >= FRAME_HEADERS && header[3] <= FRAME_CONTINUATION)
		return length < MAX_BLOCK ? length : MAX_BLOCK;
	return length <= SMALL_DATA ? length : DATA_START;
}

/* Moves operation->looked on to the segment before whose byte `place` bytes of them all lie. False: it was not reached
 * yet, or is not there. */
static __always_inline int look_for(struct operation *operation, __u64 place)
{
	struct segment_cursor *looked = &operation->looked;

	if (place < looked->start) {
		looked->index = 0;
		looked->start = 0;
	}
	for (__u32 i = 0; i < MAX_PASSED; i++) {
		struct iovec segment = {};

		if (looked->index >= operation->segments)
			return 0;
		read_segment(operation, looked->index, &segment);
		if (segment.iov_len > place - looked->start)
			return 1;
		looked->start += segment.iov_len;
		looked->index++;
	}
	return 0;
}

/* Bytes of the segments from that place on into operation->start, at most START_BYTES. Returns how many. */
static __always_inline __u32 read_found(struct operation *operation, __u64 place, __u32 wanted)
{
	__u64 skip = place - operation->looked.start;
	__u32 read = 0;

	for (__u32 i = 0; i < LOOK_SEGMENTS; i++) {
		struct iovec segment = {};
		__u64 length;

		if (operation->looked.index + i >= operation->segments || read >= wanted || read >= START_BYTES)
			break;
		read_segment(operation, operation->looked.index + i, &segment);
		length = segment.iov_len > skip ? segment.iov_len - skip : 0;
		if (length > wanted - read)
			length = wanted - read;
		if (length > START_BYTES)
			length = START_BYTES;
		if (bpf_probe_read_user(operation->start + read, (__u32)length, (const __u8 *)segment.iov_base + skip))
			break;
		read += (__u32)length;
		skip = 0;
	}
	return read;
}

#define LOOK_AGAIN (-1) /* the segments before it were too many: the next look goes on behind them */

/* The first `wanted` bytes, at most START_BYTES, of what lies `at` bytes behind the piece's beginning, into
 * operation->start. Returns how many were read, or LOOK_AGAIN. A global function: the verifier walks it once.
 * Weak, as all of them: else clang shapes its arguments after its callers. */
#define read_start NAME_IN_UNIT(read_start, WS_UNIT)
__weak __noinline int read_start(__u32 at, __u32 wanted)
{
	struct thread_state *thread = find_current_thread();
	struct operation *operation;
	__u64 place;
	__u32 index;

	if (!thread)
		return 0;
	operation = &thread->operation;
	place = operation->offset + at;
	if (wanted > START_BYTES)
		wanted = START_BYTES;
	if (operation->memory == MEMORY_NONE)
		return 0;
	if (operation->memory == MEMORY_BUFFER)
		return bpf_probe_read_user(operation->start, wanted, (const void *)(operation->base + place))
			       ? 0
			       : (int)wanted;
	index = operation->looked.index;
	if (look_for(operation, place))
		return (int)read_found(operation, place, wanted);
	return operation->looked.index != index ? LOOK_AGAIN : 0;
}

/* Moves operation->copied to the segment in which the piece's first copied byte lies. False: it was not found. */
static __always_inline int seek_segment(struct operation *operation)
{
	if (operation->memory == MEMORY_BUFFER)
		return 1;
	for (__u32 i = 0; i < MAX_LOOKS; i++) {
		int read = read_start((__u32)operation->skipped, 1);

		if (read != LOOK_AGAIN) {
			operation->copied = operation->looked;
			return operation->looked.index < operation->segments;
		}
	}
	return 0;
}

/* "PRI * HTTP/2.0" and a line's end (RFC 9113 3.4). */
static __always_inline int is_preface(const __u8 *start)
{
	const char *preface = "PRI * HTTP/2.0\r\n";

#pragma unroll
	for (int i = 0; i < START_BYTES; i++) {
		if (start[i] != preface[i])
			return 0;
	}
	return 1;
}

/* Whether the call begins with a chain of plausible frames, or is made of them. */
static __always_inline int begins_with_frames(struct operation *operation)
{
	__u64 at = 0;

	for (__u32 i = 0; i < FRAME_CHAIN; i++) {
		if (at + FRAME_HEADER > operation->rest || read_start((__u32)at, FRAME_HEADER) != FRAME_HEADER ||
		    !is_frame(operation->start, 0))
			return 0;
		at += FRAME_HEADER + frame_length(operation->start);
		if (at == operation->rest)
			break;
	}
	return 1;
}

static __always_inline void start_walk(struct operation *operation, struct frame_walk *walk, __u32 left)
{
	walk->state = WALK_IN_STEP;
	walk->expected = operation->position;
	walk->left = left;
	walk->wanted = left;
	walk->gathered = 0;
}

/* The first bytes of a direction. A client says the preface; a server, which may speak before it hears that, SETTINGS
 * (3.4): of those nine bytes eight are known. */
static __always_inline void begin_walk(struct operation *operation, struct connection *connection,
				       struct frame_walk *walk)
{
	const __u32 wanted = operation->rest < START_BYTES ? (__u32)operation->rest : START_BYTES;
	const __u8 *start = operation->start;

	walk->state = WALK_LOST;
	if (!connection->is_multiplexed && connection->walks[!operation->direction].state != WALK_NEW)
		return;
	if (wanted < FRAME_HEADER || read_start(0, wanted) != (int)wanted)
		return;
	if (wanted == START_BYTES && is_preface(start)) {
		start_walk(operation, walk, PREFACE_BYTES);
	} else if (start[3] == FRAME_SETTINGS && !start[4] && !start[0] && is_frame(start, 0)) {
		start_walk(operation, walk, 0);
	} else {
		return;
	}
	connection->is_multiplexed = 1;
	connection->budget = default_budget(connection);
}

/* Whether the direction is in step at the call's first byte. Bytes that no hook saw, or that are in no memory
 * (sendfile), cost nothing where they lie in a payload. */
static __always_inline int find_frames(struct operation *operation, struct connection *connection,
				       struct frame_walk *walk)
{
	__u32 missed = operation->position - walk->expected;

	if (walk->state == WALK_NEW) {
		begin_walk(operation, connection, walk);
		missed = 0;
	}
	if (!connection->is_multiplexed)
		return 0;
	if (operation->data_flags & WS_DATA_POSITION_RACED) {
		walk->state = WALK_LOST;
		return 0;
	}
	if (missed && walk->state == WALK_IN_STEP) {
		if (missed > walk->left)
			walk->state = WALK_LOST;
		walk->left -= missed;
		walk->wanted = 0;
	}
	if (operation->memory == MEMORY_NONE) {
		if (operation->rest > walk->left)
			walk->state = WALK_LOST;
		walk->left -= (__u32)operation->rest;
		walk->wanted = 0;
		operation->skipped = operation->rest;
		operation->flush = 1;
		return walk->state == WALK_IN_STEP;
	}
	if (walk->state != WALK_IN_STEP && begins_with_frames(operation))
		start_walk(operation, walk, 0);
	return walk->state == WALK_IN_STEP;
}

/* The header of the next frame, as far as it is there: `left` bytes of the call. False: it is none. */
static __noinline int walk_header(struct operation *operation, struct frame_walk *walk, __u64 left)
{
	__u32 missing = FRAME_HEADER - (walk->gathered < FRAME_HEADER ? walk->gathered : 0);
	int read;

	if (missing > left)
		missing = (__u32)left;
	read = read_start((__u32)operation->skipped + operation->kept, missing);
	if (read == LOOK_AGAIN)
		return 1;
	if (read <= 0)
		return 0;
	for (__u32 i = 0; i < FRAME_HEADER; i++) {
		if (i < (__u32)read)
			walk->header[(walk->gathered + i) & 15] = operation->start[i];
	}
	if (!operation->kept)
		operation->copied = operation->looked;
	operation->kept += (__u32)read;
	walk->gathered += (__u8)read;
	if (walk->gathered < FRAME_HEADER)
		return 1;
	walk->gathered = 0;
	if (!is_frame(walk->header, 1))
		return 0;
	walk->left = frame_length(walk->header);
	walk->wanted = wanted_of(walk->header);
	return 1;
}

/* The payload in progress, as far as it is there and one record has room. */
static __always_inline void walk_payload(struct operation *operation, struct frame_walk *walk, __u64 left)
{
	__u64 taken = walk->wanted ? walk->wanted : walk->left;

	if (taken > left)
		taken = left;
	if (walk->wanted) {
		if (taken > WS_MAX_PAYLOAD - operation->kept)
			taken = WS_MAX_PAYLOAD - operation->kept;
		operation->kept += (__u32)taken;
		walk->wanted -= (__u32)taken;
	} else {
		if (operation->kept)
			return;
		operation->skipped += taken;
	}
	walk->left -= (__u32)taken;
}

/* One frame, or a part of one. True: what was walked has to be told before the next. */
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
	return !left || operation->kept > WS_MAX_PAYLOAD - FRAME_HEADER ||
	       (walk->left && !walk->wanted && operation->kept);
}
