/* Capture: one data event for what one call moved. The record is reserved in one of a few sizes, the bytes are copied
 * straight into it, and the rest of the call is only counted. */
#pragma once
#include "lib/frames.bpf.h"
#include "lib/stamp.bpf.h"

/* Records for one call: 16 of WS_MAX_PAYLOAD within the largest budget, one that is cut, one for the rest; more where
 * segments are many. */
#define MAX_PIECES 80

/* A call that begins in a context whose origin is known says it; all else leaves it empty. */
static __always_inline void fill_ancestors(struct ws_data_event *event, struct operation *operation,
					   struct connection *connection)
{
	struct ws_goroutine key = {.id = operation->runtime_parent, .tgid = event->thread.tgid};
	struct ancestry *ancestry;

	__builtin_memset(event->ancestors, 0, sizeof(event->ancestors));
	if (!(operation->data_flags & WS_DATA_FIRST_OF_TURN) || connection->role != WS_ROLE_CLIENT ||
	    operation->direction != WS_SEND || is_goroutine(operation->runtime_id) ||
	    !(operation->runtime_id & WS_RUNTIME_NUMBER_BIT))
		return;
	ancestry = bpf_map_lookup_elem(&contexts, &key);
	if (ancestry && ancestry->number == operation->runtime_id)
		__builtin_memcpy(event->ancestors, ancestry->ancestors, sizeof(event->ancestors));
}

static __always_inline void fill_event(struct ws_data_event *event, struct thread_state *thread,
				       struct connection *connection, __u32 captured)
{
	struct operation *operation = &thread->operation;

	event->header.type = WS_EVENT_DATA;
	event->header.size = sizeof(*event) + captured;
	event->header.time_ns = operation->time_ns;
	fill_thread(&event->thread, thread);
	event->inode = connection->inode;
	event->exchange = connection->current;
	event->stored = operation->stored;
	event->position = operation->position;
	event->reverse_position = operation->reverse_position;
	event->position_high = operation->position_high;
	event->original_size = (__u32)operation->total;
	event->captured_size = captured;
	event->skipped_size = (__u32)operation->skipped;
	event->flags = operation->data_flags;
	event->turn = connection->turn;
	event->direction = (__u16)operation->direction;
	event->role = connection->role;
	event->fd = operation->fd;
	event->srtt_us = operation->srtt_us;
	event->retransmits = operation->retransmits;
	event->queue_wait_jiffies = operation->queue_wait_jiffies;
	event->reserved = 0;
	fill_ancestors(event, operation, connection);
}

/* Who began, told by the first four bytes: only for connections whose role is not known (older than the agent, no
 * listener seen). The token rules that depend on the role are made up for. A global function: the verifier walks it
 * once. */
#define classify NAME_IN_UNIT(classify, WS_UNIT)
__weak __noinline int classify(__u32 start)
{
	struct ws_target *target = current_target();
	struct thread_state *thread = find_current_thread();
	const __u8 bytes[4] = {(__u8)start, (__u8)(start >> 8), (__u8)(start >> 16), (__u8)(start >> 24)};
	int is_response = start == ('H' | 'T' << 8 | 'T' << 16 | 'P' << 24);
	int is_request = bytes[0] >= 'A' && bytes[0] <= 'Z' && bytes[1] >= 'A' && bytes[1] <= 'Z' && bytes[2] >= 'A' &&
			 bytes[2] <= 'Z' && (bytes[3] == ' ' || (bytes[3] >= 'A' && bytes[3] <= 'Z'));
	struct connection *connection;
	int is_send;
	__u64 key;

	if (!target || !thread)
		return 0;
	key = thread->operation.sock;
	connection = bpf_map_lookup_elem(&connections, &key);
	if (!connection)
		return 0;
	is_send = thread->operation.direction == WS_SEND;
	if (is_response)
		connection->role = is_send ? WS_ROLE_SERVER : WS_ROLE_CLIENT;
	else if (is_request)
		connection->role = is_send ? WS_ROLE_CLIENT : WS_ROLE_SERVER;
	else
		return 0;
	if (!is_send)
		activate_receive(thread, target, connection, (struct sock *)key);
	else if (connection->role == WS_ROLE_CLIENT)
		connection->current = WS_TOKEN(connection->inode, connection->turn);
	return 0;
}

/* The first byte of a request tells whether it is all head: GET, HEAD, DELETE and OPTIONS carry no body to speak of, so
 * that the whole turn may be copied and no field of a long head is missed. Other methods keep the budget; where that
 * cuts a head, user space raises it for the connection. A connection that begins with HTTP/2's preface (RFC 9113 3.4)
 * has heads of many streams in each turn, of both directions. What follows a 101 is new in both, and may be its frames
 * (RFC 7540 3.2). `role` is as it was before this call; `start` and `more` are its first twelve bytes. */
static __always_inline void widen_budget(struct connection *connection, __u32 direction, __u32 role, __u64 start,
					 __u32 more, __u32 captured)
{
	int is_request =
		(role == WS_ROLE_SERVER && direction == WS_RECEIVE) || (role == WS_ROLE_CLIENT && direction == WS_SEND);
	__u8 first = (__u8)start;

	if (captured >= 4 && (__u32)start == ('P' | 'R' << 8 | 'I' << 16 | ' ' << 24)) {
		connection->is_multiplexed = 1;
		connection->budget = default_budget(connection);
		return;
	}
	if (!is_request && captured >= 12 && first == 'H' && more == (' ' | '1' << 8 | '0' << 16 | '1' << 24)) {
		connection->walks[0].state = WALK_NEW;
		connection->walks[1].state = WALK_NEW;
		if (connection->budget < HEAD_BUDGET && config.turn_budget_bytes >= 1024)
			connection->budget = HEAD_BUDGET;
		return;
	}
	if (is_request && (first == 'G' || first == 'H' || first == 'D' || first == 'O') &&
	    connection->budget < HEAD_BUDGET && config.turn_budget_bytes >= 1024)
		connection->budget = HEAD_BUDGET;
}

/* Of a piece that lies in too many segments only the first part is told with it, and the next one goes on there. */
static __always_inline void shorten_piece(struct operation *operation, __u32 captured)
{
	if (operation->data_flags & WS_DATA_COPY_FAULT)
		return;
	if (captured)
		operation->total = operation->skipped + captured;
	else
		add_loss(WS_LOSS_IOVEC_LIMIT, 1);
}

/* The sizes bound what a record wastes on the ring, not what is copied. Segments need twice the room: the verifier
 * cannot relate an offset to what is left behind it. */
#define RESERVE_AND_COPY(SIZE, ROOM, COPY)                                                                             \
	do {                                                                                                           \
		event = bpf_ringbuf_reserve(ring, sizeof(*event) + (ROOM), 0);                                         \
		if (!event)                                                                                            \
			goto full;                                                                                     \
		COPY(&thread->operation, (__u8 *)(event + 1), wanted, SIZE);                                           \
	} while (0)

/* One record of the call in flight: operation->total bytes, of which those behind operation->skipped are copied. There
 * is one such function, whatever the record's size: what loading a program costs grows with the square of its length.
 * How much is wanted it reads from memory, for up to 6.3 the verifier cannot follow a number that matters into a
 * function, and then takes no two states for the same. */
static __noinline int emit_record(struct thread_state *thread, struct connection *connection)
{
	struct ws_data_event *event;
	__u32 captured, role, more;
	__u64 start, wanted;
	void *ring;

	if (!thread || !connection)
		return 0;
	role = connection->role;
	wanted = thread->operation.total - thread->operation.skipped;
	ring = ring_of(connection->inode);
	if (!ring)
		return 0;
	if (thread->operation.memory != MEMORY_BUFFER && wanted <= 256)
		RESERVE_AND_COPY(256, 512, copy_segments);
	else if (thread->operation.memory != MEMORY_BUFFER && wanted <= 1024)
		RESERVE_AND_COPY(1024, 2048, copy_segments);
	else if (thread->operation.memory != MEMORY_BUFFER)
		RESERVE_AND_COPY(4096, 8192, copy_segments);
	else if (wanted <= 256)
		RESERVE_AND_COPY(256, 256, copy_buffer);
	else if (wanted <= 1024)
		RESERVE_AND_COPY(1024, 1024, copy_buffer);
	else
		RESERVE_AND_COPY(4096, 4096, copy_buffer);
	captured = *(volatile __u32 *)&thread->operation.captured;
	start = *(const __u64 *)(event + 1);
	more = *(const __u32 *)((const __u64 *)(event + 1) + 1);
	if (captured < wanted)
		shorten_piece(&thread->operation, captured);
	if (role == WS_ROLE_UNKNOWN && captured >= 4)
		classify((__u32)start);
	if (captured < thread->operation.total)
		thread->operation.data_flags |= WS_DATA_BUDGET_SPENT;
	fill_event(event, thread, connection, captured);
	submit(event);
	if (captured && !connection->captured)
		widen_budget(connection, thread->operation.direction, role, start, more, captured);
	if (thread->operation.skipped == 0)
		connection->captured += captured;
	add_count(WS_COUNT_DATA_EVENTS, 1);
	add_count(WS_COUNT_CAPTURED_BYTES, captured);
	return 0;
full:
	add_loss(WS_LOSS_RING_FULL, 1);
	return 0;
}

/* A call whose bytes are not copied (budget spent, not user memory): a record without payload tells its time and size.
 */
static __noinline int emit_empty(struct thread_state *thread, struct ws_target *target, struct connection *connection)
{
	struct ws_data_event *event;
	void *ring;

	if (!thread || !target || !connection)
		return 0;
	ring = ring_of(connection->inode);
	if (!ring)
		return 0;
	event = bpf_ringbuf_reserve(ring, sizeof(*event), 0);
	if (!event) {
		add_loss(WS_LOSS_RING_FULL, 1);
		return 0;
	}
	thread->operation.data_flags |= WS_DATA_BUDGET_SPENT;
	fill_event(event, thread, connection, 0);
	submit(event);
	add_count(WS_COUNT_DATA_EVENTS, 1);
	return 0;
}

/* The last bytes of a call are copied even where its budget is spent: there a chunked body ends, or a FastCGI response
 * (with a record of 16 bytes). */
#define TAIL_BYTES   16
#define WALKED_PIECE MAX_PIECES /* a number for emit_next_piece: the frames that were walked, whatever the budget */

/* Sets the size of the next piece within the turn's budget, and what lies before its first copied byte. Returns how
 * many bytes are copied. */
static __always_inline __u32 measure_piece(struct operation *operation, struct connection *connection, __u32 number)
{
	__u32 left = connection->budget > connection->captured ? connection->budget - connection->captured : 0;
	__u32 wanted = TAIL_BYTES;

	if (left > WS_MAX_PAYLOAD)
		left = WS_MAX_PAYLOAD;
	if (operation->memory == MEMORY_NONE || number >= MAX_PIECES - 1)
		left = 0;
	operation->total = left && left < operation->rest ? left : operation->rest;
	operation->skipped = 0;
	if (operation->memory == MEMORY_NONE)
		return 0;
	if (left || operation->total < wanted)
		wanted = (__u32)operation->total; /* what lies behind is not of this call */
	operation->skipped = operation->total - wanted;
	if (seek_segment(operation))
		return wanted;
	add_loss(WS_LOSS_IOVEC_LIMIT, 1);
	return 0;
}

/* One piece of a call that does not fit into one record or into the turn's budget, or whose frames are walked. A global
 * function: the verifier walks it once. */
#define emit_next_piece NAME_IN_UNIT(emit_next_piece, WS_UNIT)
__weak __noinline int emit_next_piece(__u32 number)
{
	struct ws_target *target = current_target();
	struct thread_state *thread = find_current_thread();
	struct connection *connection;
	struct operation *operation;
	volatile __u32 *piece; /* in memory, so that the verifier does not tell one number from another */
	__u32 captured, wanted;
	__u64 key;

	if (!target || !thread)
		return 0;
	operation = &thread->operation;
	piece = &operation->number;
	*piece = number;
	key = operation->sock;
	connection = bpf_map_lookup_elem(&connections, &key);
	if (!connection || !operation->rest)
		return 0;
	if (operation->pieces++) { /* only the first one begins a turn */
		operation->data_flags &= ~(WS_DATA_FIRST_OF_TURN | WS_DATA_FIRST_OF_RESPONSE);
		add_count(WS_COUNT_FURTHER_PIECES, 1);
	}
	captured = connection->captured;
	if (*piece == WALKED_PIECE) {
		operation->total = operation->skipped + operation->kept;
		wanted = operation->kept;
	} else {
		wanted = measure_piece(operation, connection, *piece);
	}
	if (wanted) {
		emit_record(thread, connection);
	} else {
		operation->skipped = 0;
		emit_empty(thread, target, connection);
	}
	operation->rest -= operation->total;
	operation->offset += operation->total;
	operation->position += (__u32)operation->total;
	if (*piece == WALKED_PIECE) {
		connection->captured = captured;
		wanted = (__u32)(operation->total - operation->skipped);
		operation->kept -= wanted < operation->kept ? wanted : operation->kept;
		operation->flush = operation->kept != 0; /* its segments were too many for one piece */
	}
	operation->skipped = 0;
	return 0;
}

enum walk_step { WALK_OVER = 0, WALK_ON = 1, WALK_EMIT = 2 };

/* A few frames, or parts of them, up to where something has to be told. A global function, as emit_next_piece. */
#define walk_on NAME_IN_UNIT(walk_on, WS_UNIT)
__weak __noinline int walk_on(__u32 number __attribute__((unused)))
{
	struct thread_state *thread = find_current_thread();
	struct connection *connection;
	struct operation *operation;
	struct frame_walk *walk;
	__u64 key;

	if (!thread)
		return WALK_OVER;
	operation = &thread->operation;
	key = operation->sock;
	connection = bpf_map_lookup_elem(&connections, &key);
	if (!connection || !operation->rest)
		return WALK_OVER;
	walk = &connection->walks[operation->direction & 1];
	for (__u32 i = 0; i < FRAMES_AT_ONCE; i++) {
		if (operation->flush)
			return operation->skipped || operation->kept ? WALK_EMIT : WALK_OVER;
		if (walk->state != WALK_IN_STEP)
			return WALK_OVER;
		operation->flush = walk_frame(operation, walk);
	}
	return WALK_ON;
}

/* Some steps, each told. Returns WALK_OVER or WALK_ON. Global, too: a loop costs the verifier its body for each turn.
 */
#define walk_and_emit NAME_IN_UNIT(walk_and_emit, WS_UNIT)
__weak __noinline int walk_and_emit(__u32 number __attribute__((unused)))
{
	for (__u32 i = 0; i < STEPS_AT_ONCE; i++) {
		int step = walk_on(0);

		if (step == WALK_OVER)
			return WALK_OVER;
		if (step == WALK_EMIT)
			emit_next_piece(WALKED_PIECE);
	}
	return WALK_ON;
}

/* Tells the frames of the call in flight. False: they are not known, or not known to the end; the rest of the call is
 * left to the budget. Global, too. */
#define emit_frames NAME_IN_UNIT(emit_frames, WS_UNIT)
__weak __noinline int emit_frames(__u32 number __attribute__((unused)))
{
	struct thread_state *thread = find_current_thread();
	struct connection *connection;
	struct operation *operation;
	struct frame_walk *walk;
	__u64 key;

	if (!thread)
		return 0;
	operation = &thread->operation;
	key = operation->sock;
	connection = bpf_map_lookup_elem(&connections, &key);
	if (!connection)
		return 0;
	walk = &connection->walks[operation->direction & 1];
	operation->kept = 0;
	operation->flush = 0;
	if (!find_frames(operation, connection, walk))
		return 0;
	for (__u32 i = 0; i < MAX_WALKS; i++) {
		if (walk_and_emit(0) == WALK_OVER)
			break;
	}
	operation->skipped = 0;
	walk->expected = operation->position;
	if (!operation->rest)
		return 1;
	walk->state = WALK_LOST;
	return 0;
}

static __always_inline int may_be_frames(struct operation *operation, struct connection *connection)
{
	return connection->is_multiplexed || connection->walks[operation->direction & 1].state == WALK_NEW;
}

/* Emits operation->total bytes of the call in flight. `operation` has direction, position, time and memory set. Where
 * the verifier has enough to walk, `may_be_whole` is 0: all is told piece by piece. */
static __always_inline int emit_data(struct thread_state *thread, struct ws_target *target,
				     struct connection *connection, struct sock *sk, const int may_be_whole)
{
	struct operation *operation;
	__u32 left;

	if (!thread || !target || !connection)
		return 0;
	operation = &thread->operation;
	add_count(WS_COUNT_TRACED_CALLS, 1);
	add_count(WS_COUNT_MOVED_BYTES, operation->total);
	if (operation->direction == WS_RECEIVE)
		begin_receive(thread, target, connection, sk);
	if (connection->is_off) {
		add_count(WS_COUNT_OFF_CALLS, 1);
		return 0;
	}
	if (!connection->is_announced && announce_connection(connection, sk, operation->fd, 0)) {
		add_loss(WS_LOSS_RING_FULL, 1);
		return 0;
	}
	operation->skipped = 0;
	operation->pieces = 0;
	operation->copied.index = 0;
	operation->copied.start = 0;
	operation->looked = operation->copied;
	operation->sock = (__u64)sk;
	operation->rest = operation->total;
	if (may_be_frames(operation, connection) && emit_frames(0))
		return 0;
	left = connection->budget > connection->captured ? connection->budget - connection->captured : 0;
	if (may_be_whole && !operation->pieces && operation->total <= left && operation->total <= WS_MAX_PAYLOAD &&
	    operation->memory != MEMORY_NONE &&
	    (operation->memory == MEMORY_BUFFER || operation->segments <= MAX_SEGMENTS))
		return emit_record(thread, connection);
	for (__u32 number = 0; number < MAX_PIECES; number++) {
		if (!operation->rest)
			break;
		emit_next_piece(number);
	}
	return 0;
}

/* How the connection fares: told with every event of it. */
static __always_inline void read_path(struct operation *operation, struct connection *connection, struct tcp_sock *tp)
{
	operation->srtt_us = connection->is_unix ? 0 : READ_TCP(tp, srtt_us) >> 3;
	operation->retransmits = connection->is_unix ? 0 : READ_TCP(tp, total_retrans);
}

/* Return of a send that moved operation->total bytes; tell_call follows. */
static __always_inline void finish_send(struct thread_state *thread, struct connection *connection, struct sock *sk)
{
	struct operation *operation = &thread->operation;

	operation->direction = WS_SEND;
	operation->time_ns = operation->start_ns;
	operation->queue_wait_jiffies = 0;
	read_path(operation, connection, TCP_OF(sk));
	if (connection->turn_unsent) {
		operation->data_flags |= WS_DATA_FIRST_OF_TURN;
		if (connection->role == WS_ROLE_SERVER)
			operation->data_flags |= WS_DATA_FIRST_OF_RESPONSE;
		connection->turn_unsent = 0;
	}
	if (connection->is_unix) {
		operation->position = (__u32)connection->sent_bytes;
		operation->position_high = (__u32)(connection->sent_bytes >> 20);
		connection->sent_bytes += operation->total;
	}
}

/* Return of a receive that moved operation->total > 0 bytes; tell_call follows. */
static __always_inline void finish_receive(struct thread_state *thread, struct connection *connection, struct sock *sk)
{
	struct operation *operation = &thread->operation;
	__u64 now_ns = bpf_ktime_get_boot_ns();
	struct tcp_sock *tp = TCP_OF(sk);

	operation->direction = WS_RECEIVE;
	operation->time_ns = now_ns;
	operation->queue_wait_jiffies = 0;
	stamp_thread(thread, now_ns);
	read_identity(thread);
	read_task_times(operation);
	read_path(operation, connection, tp);
	if (connection->is_unix) {
		operation->position = (__u32)connection->received_bytes;
		operation->reverse_position = (__u32)connection->sent_bytes;
		operation->position_high = (__u32)(connection->received_bytes >> 20);
		connection->received_bytes += operation->total;
	} else {
		operation->position = end_of_receive(sk, tp) - (__u32)(operation->trailing + operation->total);
		operation->reverse_position = send_position_of(tp);
		operation->position_high = receive_total_mib(tp);
		if (connection->last_direction != WS_RECEIVE)
			operation->queue_wait_jiffies =
				(__u32)bpf_jiffies64() - READ_TCP(tp, inet_conn.icsk_ack.lrcvtime);
	}
}

/* Tells a call that finish_send or finish_receive has described. */
static __always_inline void tell_call(struct thread_state *thread, struct ws_target *target,
				      struct connection *connection, struct sock *sk, const int may_be_whole)
{
	emit_data(thread, target, connection, sk, may_be_whole);
	if (thread->operation.direction == WS_RECEIVE)
		return;
	connection->is_fresh = 0;
	if (!(connection->stored_flags & WS_DATA_REQUESTER)) /* that one is of the next call already */
		connection->stored = 0;
}

/* A send that another thread's send on the same socket overlapped has an uncertain position. `moved` is the whole
 * call's. */
static __always_inline void check_position(struct operation *operation, struct connection *connection, struct sock *sk,
					   __u64 moved)
{
	if (connection->is_unix || send_position_of(TCP_OF(sk)) - operation->position == (__u32)moved)
		return;
	operation->data_flags |= WS_DATA_POSITION_RACED;
	add_loss(WS_LOSS_POSITION_RACED, 1);
}

/* What every send records on entry, whichever hook sees it. */
static __always_inline void start_send(struct thread_state *thread, struct ws_target *target, struct sock *sk,
				       __u64 inode)
{
	struct operation *operation = &thread->operation;
	struct connection *connection = connection_of(sk, inode, operation->fd);
	struct tcp_sock *tp;

	if (!connection) {
		operation->kind = OPERATION_NONE;
		return;
	}
	operation->sock = (__u64)sk;
	operation->inode = inode;
	if (!connection->is_unix) {
		tp = TCP_OF(sk);
		operation->position = send_position_of(tp);
		operation->reverse_position = receive_position_of(tp);
		operation->position_high = send_total_mib(tp);
	} else {
		operation->reverse_position = (__u32)connection->received_bytes;
	}
	read_task_times(operation);
	read_identity(thread);
	begin_send(thread, target, connection);
}
