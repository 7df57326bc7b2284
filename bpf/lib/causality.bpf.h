/* The forward token: which exchange, or which call, a thread works for (docs/linking.md has the whole algorithm; this
 * is its kernel half). Each function is one rule; all state is the thread's or the connection's, nothing blocks,
 * nothing loops. */
#pragma once
#include "lib/connection.bpf.h"
#include "lib/requester.bpf.h"

/* The server connection whose exchange `token` is open, NULL if that exchange is closed or its connection gone. */
static __always_inline struct connection *open_exchange(__u64 token, __u64 sock)
{
	struct connection *connection;

	if (!token || !sock)
		return NULL;
	connection = bpf_map_lookup_elem(&connections, &sock);
	if (!connection || connection->current != token || connection->response_started)
		return NULL;
	return connection;
}

/* An exchange calls or answers for the first time. */
static __always_inline void mark_acted(struct connection *connection, struct thread_state *thread,
				       struct ws_target *target)
{
	if (connection->has_acted)
		return;
	connection->has_acted = 1;
	__sync_fetch_and_add(&target->unacted_exchanges, -1);
	if (connection->reader_tid == (__u32)bpf_get_current_pid_tgid() && connection->reader_turn == thread->turn &&
	    thread->unacted > 0)
		thread->unacted--;
}

#define HEAD_BUDGET 65536 /* the largest: whole heads, or the heads of many streams */

static __always_inline __u32 default_budget(struct connection *connection)
{
	return connection->is_multiplexed && config.turn_budget_bytes >= 1024 ? HEAD_BUDGET : config.turn_budget_bytes;
}

static __always_inline void load_policy(struct connection *connection)
{
	__u64 inode = connection->inode;
	struct ws_policy *policy = bpf_map_lookup_elem(&policies, &inode);

	connection->budget = default_budget(connection);
	if (!policy)
		return;
	connection->is_off = policy->mode == WS_POLICY_OFF;
	if (policy->mode == WS_POLICY_FRAMES)
		connection->is_multiplexed = 1;
	if (policy->budget_bytes)
		connection->budget = policy->budget_bytes;
	if (connection->role == WS_ROLE_UNKNOWN)
		connection->role = (__u8)policy->role;
}

static __always_inline int begin_turn(struct connection *connection, __u8 direction)
{
	if (connection->last_direction == direction)
		return 0;
	connection->last_direction = direction;
	connection->turn++;
	connection->captured = 0;
	load_policy(connection);
	return 1;
}

/* Go looks for ready connections between any two goroutines: its looks say nothing of timers. */
static __always_inline int may_be_timer(struct thread_state *thread, __u64 now_ns)
{
	if (!thread->is_loop)
		return 0;
	return now_ns >= thread->deadline_ns ||
	       (now_ns >= thread->looked_ns && !is_goroutine(thread->operation.runtime_id));
}

/* The thread's token as it stands before the event, and what the rules ask about it. */
static __always_inline void stamp_thread(struct thread_state *thread, __u64 now_ns)
{
	struct operation *operation = &thread->operation;
	struct connection *exchange = NULL;
	__u32 flags = 0;
	__u16 others = thread->unacted;

	operation->active = thread->active;
	operation->active_source = thread->active_source;
	operation->stored = 0;
	operation->last_call = thread->last_call;
	if (!thread->active && thread->woken_active) { /* the one token that has no source */
		operation->active = thread->woken_active;
		operation->active_source = WS_ACTIVE_NONE;
		operation->last_call = thread->woken_call;
	}
	operation->activations = thread->activations;
	if (thread->is_loop)
		flags |= WS_DATA_LOOP_THREAD;
	if (may_be_timer(thread, now_ns))
		flags |= WS_DATA_TIMER_DUE;
	if (thread->handed_over)
		flags |= WS_DATA_HANDED_OVER;
	if (!thread->active_is_call)
		exchange = open_exchange(thread->active, thread->active_sock);
	if (exchange) {
		flags |= WS_DATA_ACTIVE_OPEN;
		if (!exchange->has_acted && others > 0)
			others--;
	}
	if (others > 0)
		flags |= WS_DATA_OTHER_UNRESOLVED;
	if (thread->reads > 1)
		flags |= WS_DATA_SEVERAL_READS;
	operation->data_flags = flags;
}

/* A goroutine that hands its work to another one waits, and that runs next on the thread: what was read here speaks for
 * the next call alone. Whatever runs after that was made ready by somebody else. */
static __always_inline void consume_token(struct thread_state *thread)
{
	if (!is_goroutine(thread->operation.runtime_id))
		return;
	thread->active = 0;
	thread->active_source = WS_ACTIVE_NONE;
}

/* SEND C, new turn, asked for by a goroutine that is known by name, or written by one that serves an open exchange, or
 * on a new connection made for one: that exchange is the parent, whatever ran on the thread before. 0: goroutines tell
 * nothing. */
static __always_inline int begin_call_of_goroutine(struct thread_state *thread, struct ws_target *target,
						   struct connection *connection)
{
	struct operation *operation = &thread->operation;
	__u64 sock = 0;
	struct connection *exchange = exchange_of_goroutine(operation->runtime_id, &sock);

	if (!is_goroutine(operation->runtime_id))
		return 0;
	if (connection->is_fresh)
		operation->data_flags |= WS_DATA_FRESH;
	note_own_requester(connection, operation->runtime_id);
	if (connection->stored_flags & WS_DATA_REQUESTER) {
		operation->data_flags |= connection->stored_flags;
		operation->stored = connection->stored;
		sock = connection->stored_sock;
		exchange = open_exchange(connection->stored, sock);
		connection->stored = 0;
		connection->stored_flags = 0;
	} else if (!exchange && connection->is_fresh) {
		sock = connection->stored_sock;
		exchange = open_exchange(connection->stored, sock);
	}
	if (!exchange && !(operation->data_flags & WS_DATA_REQUESTER))
		return 0;
	connection->current = WS_TOKEN(connection->inode, connection->turn);
	connection->parent = exchange ? exchange->current : 0;
	connection->parent_sock = sock;
	if (!exchange)
		return 1;
	operation->stored = exchange->current;
	mark_acted(exchange, thread, target);
	return 1;
}

/* What is known of the token that connect() noted: a timer may have made the connection, or, if a read of the same turn
 * followed, the loop was still at its events. */
static __always_inline __u32 stored_flags(struct thread_state *thread, struct connection *connection)
{
	struct turn_activity *past = &thread->past[connection->stored_turn % PAST_TURNS];
	__u32 flags = connection->stored_flags;
	__u32 activity = 0;

	if (!(flags & WS_DATA_STORED_TIMER) || connection->stored_tid != (__u32)bpf_get_current_pid_tgid())
		return flags;
	if (thread->turn == connection->stored_turn)
		activity = thread->activity;
	else if (past->turn == connection->stored_turn)
		activity = past->activity;
	if (activity > connection->stored_activity)
		flags = (flags & ~WS_DATA_STORED_TIMER) | WS_DATA_STORED_SANDWICHED;
	return flags;
}

/* SEND C, new turn: a call begins; its parent is the open exchange the thread works for. */
static __always_inline void begin_call(struct thread_state *thread, struct ws_target *target,
				       struct connection *connection)
{
	struct operation *operation = &thread->operation;
	struct connection *exchange = NULL;
	__u64 parent = 0, parent_sock = 0;

	if (begin_call_of_goroutine(thread, target, connection)) {
		consume_token(thread);
		return;
	}
	if ((operation->data_flags & WS_DATA_ACTIVE_OPEN) && !(operation->data_flags & WS_DATA_TIMER_DUE)) {
		parent = thread->active;
		parent_sock = thread->active_sock;
	}
	operation->stored = connection->stored;
	if (connection->is_fresh) {
		operation->data_flags |= WS_DATA_FRESH;
		operation->data_flags |=
			connection->stored ? stored_flags(thread, connection) : connection->stored_flags;
		if (connection->stored && thread->active && thread->active != connection->stored) {
			operation->data_flags |= WS_DATA_STORED_CONFLICT;
			parent = 0;
		} else if (operation->data_flags & (WS_DATA_STORED_DOUBTFUL | WS_DATA_STORED_TIMER)) {
			parent = 0;
		} else if (connection->stored) {
			parent = connection->stored;
			parent_sock = connection->stored_sock;
		}
	}
	if (thread->active_source == WS_ACTIVE_RESPONSE && thread->is_loop &&
	    thread->response_inode == connection->inode) {
		operation->data_flags |= WS_DATA_QUEUED_REUSE;
		if (target->unacted_exchanges > 0)
			parent = 0;
	} else if (thread->is_loop && connection->reader_tid == (__u32)bpf_get_current_pid_tgid() &&
		   connection->reader_turn == thread->turn) {
		operation->data_flags |=
			WS_DATA_QUEUED_REUSE; /* whoever got its response may go on, not who read last */
	}
	exchange = open_exchange(parent, parent_sock);
	connection->current = WS_TOKEN(connection->inode, connection->turn);
	connection->parent = exchange ? parent : 0;
	connection->parent_sock = exchange ? parent_sock : 0;
	/* Whether or not a timer acted: nothing else of this turn waits on the thread's exchange. */
	if (!exchange && (operation->data_flags & WS_DATA_TIMER_DUE))
		exchange = open_exchange(thread->active_is_call ? 0 : thread->active, thread->active_sock);
	if (exchange)
		mark_acted(exchange, thread, target);
	consume_token(thread);
}

/* Entry of a send. Runs before the bytes go: the answer may be read by another thread before this call returns. */
static __always_inline void begin_send(struct thread_state *thread, struct ws_target *target,
				       struct connection *connection)
{
	stamp_thread(thread, thread->operation.start_ns);
	if (thread->reads <= 1)
		thread->reads = 0; /* of several, any may lead to any later send of the turn */
	if (begin_turn(connection, WS_SEND))
		connection->turn_unsent = 1;
	if (!connection->turn_unsent)
		return;
	if (connection->role == WS_ROLE_CLIENT) {
		begin_call(thread, target, connection);
	} else if (connection->role == WS_ROLE_SERVER) {
		mark_acted(connection, thread, target);
		connection->response_started = 1;
		thread->active = 0;
		thread->woken_active = 0;
		thread->active_source = WS_ACTIVE_NONE;
	}
}

/* RECV S makes the exchange active; RECV C the exchange behind the call again, or the call itself where that is not
 * known. */
static __always_inline void activate_receive(struct thread_state *thread, struct ws_target *target,
					     struct connection *connection, struct sock *sk)
{
	thread->woken_active = 0;
	if (connection->role == WS_ROLE_SERVER) {
		if (thread->operation.is_new_turn) {
			if (connection->current && !connection->has_acted)
				__sync_fetch_and_add(&target->unacted_exchanges, -1);
			connection->current = WS_TOKEN(connection->inode, connection->turn);
			connection->response_started = 0;
			connection->has_acted = 0;
			connection->reader_tid = (__u32)bpf_get_current_pid_tgid();
			connection->reader_turn = thread->turn;
			__sync_fetch_and_add(&target->unacted_exchanges, 1);
			if (thread->activations < 0xffff)
				thread->activations++;
			if (thread->unacted < 0xffff)
				thread->unacted++;
		}
		note_reader(thread, connection, (__u64)sk);
		thread->active = connection->current;
		thread->active_sock = (__u64)sk;
		thread->active_source = WS_ACTIVE_READ;
		thread->active_is_call = 0;
	} else if (connection->role == WS_ROLE_CLIENT) {
		thread->active_is_call = !connection->parent;
		thread->active = connection->parent ? connection->parent : connection->current;
		thread->active_sock = connection->parent ? connection->parent_sock : (__u64)sk;
		thread->active_source = WS_ACTIVE_RESPONSE;
		connection->reader_tid = (__u32)bpf_get_current_pid_tgid();
		connection->reader_turn = thread->turn;
		note_reader(thread, connection, (__u64)sk);
		thread->last_call = connection->current;
		thread->response_inode = connection->inode;
	} else if (thread->is_loop) {
		thread->active = 0; /* bytes of an unknown kind may hand over any work */
	}
}

/* Several responses read before anything is sent: which of them led to what is sent next is not known. */
static __always_inline void count_response(struct thread_state *thread, __u64 inode)
{
	if (thread->reads && thread->read_inode == inode)
		return;
	thread->read_inode = inode;
	thread->reads++;
}

/* Return of a receive, before its bytes are emitted. */
static __always_inline void begin_receive(struct thread_state *thread, struct ws_target *target,
					  struct connection *connection, struct sock *sk)
{
	thread->operation.is_new_turn = begin_turn(connection, WS_RECEIVE);
	if (thread->operation.is_new_turn)
		thread->operation.data_flags |= WS_DATA_FIRST_OF_TURN;
	thread->activity++;
	if (connection->role == WS_ROLE_CLIENT)
		count_response(thread, connection->inode);
	activate_receive(thread, target, connection, sk);
}

/* RECV C that returns nothing, the end of the stream: who waits for it goes on, as with any part of a response (nginx
 * answers only when a FastCGI server has closed). Not where the exchange is answered: so a pool finds out that a
 * connection is gone. */
static __always_inline void receive_end(struct thread_state *thread, struct ws_target *target, struct sock *sk,
					__u64 inode)
{
	__u64 key = (__u64)sk;
	struct connection *connection = bpf_map_lookup_elem(&connections, &key);

	if (!connection || connection->inode != inode || connection->role != WS_ROLE_CLIENT ||
	    connection->last_direction != WS_RECEIVE || is_goroutine(thread->operation.runtime_id))
		return;
	if (!open_exchange(connection->parent, connection->parent_sock))
		return;
	thread->activity++;
	count_response(thread, inode);
	activate_receive(thread, target, connection, sk);
}

/* CONNECT in a goroutine: asked for by the exchange that this goroutine serves, or the one that started it to dial. */
static __always_inline void store_token_of_goroutine(struct operation *operation, struct connection *connection)
{
	__u64 sock = 0;
	struct connection *exchange = exchange_of_goroutine(operation->runtime_id, &sock);

	if (!exchange)
		exchange = exchange_of_goroutine(operation->runtime_parent, &sock);
	if (is_named_goroutine(operation->runtime_id))
		connection->goroutine = operation->runtime_id;
	if (!exchange)
		return;
	connection->stored = exchange->current;
	connection->stored_sock = sock;
}

/* CONNECT by a loop that was woken at a futex: for what it worked for before, perhaps. */
static __always_inline void store_woken_token(struct thread_state *thread, struct connection *connection)
{
	if (thread->active || thread->woken_is_call || !open_exchange(thread->woken_active, thread->woken_sock))
		return;
	connection->stored = thread->woken_active;
	connection->stored_sock = thread->woken_sock;
	connection->stored_tid = (__u32)bpf_get_current_pid_tgid();
	connection->stored_turn = thread->turn;
	connection->stored_activity = thread->activity;
	connection->stored_flags |= WS_DATA_STORED_DOUBTFUL;
}

/* CONNECT: the new connection remembers who asked for it: an open exchange, or a call whose own exchange is not known.
 * Of a goroutine's connection its thread tells nothing. */
static __always_inline void store_token(struct thread_state *thread, struct ws_target *target,
					struct connection *connection, __u64 now_ns)
{
	struct connection *exchange;

	if (is_goroutine(thread->operation.runtime_id)) {
		store_token_of_goroutine(&thread->operation, connection);
		consume_token(thread);
		return;
	}
	connection->stored_flags = 0;
	if (may_be_timer(thread, now_ns))
		connection->stored_flags |= WS_DATA_STORED_TIMER;
	exchange = thread->active_is_call ? NULL : open_exchange(thread->active, thread->active_sock);
	if (!exchange && !(thread->active && thread->active_is_call)) {
		store_woken_token(thread, connection);
		if (!connection->stored && (thread->active || thread->handed_over))
			connection->stored_flags = 0;
		return;
	}
	connection->stored = thread->active;
	connection->stored_sock = exchange ? thread->active_sock : 0;
	connection->stored_tid = (__u32)bpf_get_current_pid_tgid();
	connection->stored_turn = thread->turn;
	connection->stored_activity = thread->activity;
	if (exchange)
		mark_acted(exchange, thread, target);
	if (thread->unacted > 0 || (!exchange && thread->reads > 1))
		connection->stored_flags |= WS_DATA_STORED_DOUBTFUL;
	if (thread->reads <= 1)
		thread->reads = 0; /* as in begin_send: what was read led to this connection */
}

/* CLOSE: what was read there and is not answered will never be: it is not open beside what the thread reads next (PHP
 * reads the rest of a request behind its answer, and closes). */
static __always_inline void close_exchange(struct thread_state *thread, struct ws_target *target,
					   struct connection *connection)
{
	if (connection->role == WS_ROLE_SERVER && connection->current)
		mark_acted(connection, thread, target);
}

/* CONNDONE: the thread goes on with what the connection was made for. */
static __always_inline void finish_connect(struct thread_state *thread, struct connection *connection)
{
	if (!connection->is_fresh || !connection->stored || is_goroutine(thread->operation.runtime_id))
		return;
	thread->woken_active = 0;
	thread->active = connection->stored;
	thread->active_sock = connection->stored_sock;
	thread->active_source = WS_ACTIVE_CONNECT;
	thread->active_is_call = connection->stored_sock == 0;
	thread->activity++;
}

static __always_inline void end_turn(struct thread_state *thread)
{
	struct turn_activity *past = &thread->past[thread->turn % PAST_TURNS];

	past->turn = thread->turn;
	past->activity = thread->activity;
	thread->activity = 0;
	thread->turn++;
	thread->sequence++;
	thread->active = 0;
	thread->active_source = WS_ACTIVE_NONE;
	thread->last_call = 0;
	thread->response_inode = 0;
	thread->activations = 0;
	thread->unacted = 0;
	thread->reads = 0;
}

/* WAIT: return of a multiplexed wait. Its time-out tells when timers of the program can fire first. One of 0 tells
 * nothing: libuv looks so before each wait, and waits only if nothing was there. Timers set since the last time-out
 * that was seen can be due a millisecond after it. */
static __always_inline void finish_wait(struct thread_state *thread, __u64 start_ns, __s64 timeout_ns, __u64 now_ns)
{
	thread->is_loop = 1;
	if (timeout_ns == 0) {
		thread->looked_ns = thread->waited_ns + SHORTEST_TIMER_NS;
	} else {
		thread->waited_ns = now_ns;
		thread->looked_ns = ~0ULL;
		thread->deadline_ns = timeout_ns == WAIT_UNKNOWN ? 0 : ~0ULL;
		if (timeout_ns > 0)
			thread->deadline_ns = start_ns + (__u64)timeout_ns - config.timer_slack_ns;
	}
	end_turn(thread);
	thread->handed_over = 0;
	thread->woken_active = 0;
}

/* FWAIT: a thread that waits for several descriptors at other times was woken: for any work. What it worked for before
 * is kept aside: a lock or a collector may have held it up, and it goes on. Not in Go, whose threads so wait for work.
 */
static __always_inline void finish_futex(struct thread_state *thread)
{
	if (!thread->is_loop)
		return;
	if (thread->active && !is_goroutine(thread->operation.runtime_id)) {
		thread->woken_active = thread->active;
		thread->woken_sock = thread->active_sock;
		thread->woken_call = thread->last_call;
		thread->woken_is_call = thread->active_is_call;
	}
	end_turn(thread);
	thread->handed_over = 1;
}

/* XREAD: bytes of an eventfd, a pipe or an untraced unix socket may hand over any work. */
static __always_inline void forget_token(struct thread_state *thread)
{
	thread->active = 0;
	thread->active_source = WS_ACTIVE_NONE;
	thread->woken_active = 0;
	thread->sequence++;
	thread->handed_over = 1;
}
