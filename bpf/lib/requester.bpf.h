/* Who asked for a call, by name: the exchange that a goroutine serves, or that it was started for. Programs on
 * functions of the Go runtime and of net/http (probes/goroutines.bpf.c) tell it; without them nothing here is known. */
#pragma once
#include "lib/runtime.bpf.h"

/* What a goroutine works for. token 0: nothing, as far as is known. */
struct work {
	__u64 token;
	__u64 sock;
	__u32 flags; /* enum ws_data_flag: WS_DATA_REQUESTER and what else is to be told of it */
	__u32 is_open;
};

/* The server connection that the goroutine reads, answered or not. */
static __always_inline struct connection *served_by(__u64 id, __u64 *sock)
{
	struct ws_goroutine key = {.id = id, .tgid = (__u32)(bpf_get_current_pid_tgid() >> 32)};
	struct connection *connection;
	__u64 *found;

	if (!is_named_goroutine(id))
		return NULL;
	found = bpf_map_lookup_elem(&goroutines, &key);
	if (!found)
		return NULL;
	*sock = *found;
	connection = bpf_map_lookup_elem(&connections, sock);
	if (!connection || connection->role != WS_ROLE_SERVER || connection->goroutine != id || !connection->current)
		return NULL;
	return connection;
}

/* The server connection that the goroutine reads, with an exchange that is open; NULL where there is none. */
static __always_inline struct connection *exchange_of_goroutine(__u64 id, __u64 *sock)
{
	struct connection *connection = served_by(id, sock);

	return connection && !connection->response_started ? connection : NULL;
}

static __always_inline struct lineage *lineage_of(__u64 id)
{
	struct ws_goroutine key = {.id = id, .tgid = (__u32)(bpf_get_current_pid_tgid() >> 32)};

	return bpf_map_lookup_elem(&lineages, &key);
}

/* What the goroutine serves; else what it was started for, as long as that exchange is the last of its connection. */
static __always_inline void find_work(__u64 id, struct work *work)
{
	struct connection *connection = served_by(id, &work->sock);
	struct lineage *lineage;

	work->token = 0;
	work->flags = WS_DATA_REQUESTER;
	work->is_open = 0;
	if (!connection) {
		lineage = lineage_of(id);
		if (!lineage)
			return;
		work->sock = lineage->sock;
		connection = bpf_map_lookup_elem(&connections, &work->sock);
		if (!connection || connection->current != lineage->token)
			return;
		if (lineage->calls)
			work->flags |= WS_DATA_REQUESTER_AGAIN;
	}
	work->token = connection->current;
	work->is_open = !connection->response_started;
}

/* A goroutine was started by one that works for an open exchange: for the same. */
static __always_inline void inherit_work(__u64 id, __u64 parent)
{
	struct ws_goroutine key = {.id = id, .tgid = (__u32)(bpf_get_current_pid_tgid() >> 32)};
	struct lineage lineage = {};
	struct work work = {};

	find_work(parent, &work);
	if (!work.token || !work.is_open)
		return;
	lineage.token = work.token;
	lineage.sock = work.sock;
	bpf_map_update_elem(&lineages, &key, &lineage, BPF_ANY);
}

/* The goroutine is about to have a call made on the connection, by whichever goroutine writes there. */
static __always_inline void note_requester(struct connection *connection, __u64 id)
{
	struct lineage *lineage = lineage_of(id);
	struct work work = {};

	find_work(id, &work);
	connection->stored = work.token;
	connection->stored_sock = work.sock;
	connection->stored_flags = work.flags;
	if (lineage && lineage->calls < 0xffff)
		lineage->calls++;
}

/* SEND C, new turn: a goroutine that connected, or read the last response there, itself, asks for its calls itself. */
static __always_inline void note_own_requester(struct connection *connection, __u64 id)
{
	if (connection->goroutine == id && !(connection->stored_flags & WS_DATA_REQUESTER) && lineage_of(id))
		note_requester(connection, id);
}
