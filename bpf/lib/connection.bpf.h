/* Connections: finding one, making one (its CONNECTION_OPENED record goes first), and letting it go. */
#pragma once
#include "lib/core_read.bpf.h"
#include "lib/ring.bpf.h"

static __always_inline void fill_address(struct ws_address *address, struct sock *sk)
{
	__u16 family = READ(sk, __sk_common.skc_family);

	__builtin_memset(address, 0, sizeof(*address));
	address->family = family;
	if (family == AF_UNIX)
		return;
	address->local_port = READ(sk, __sk_common.skc_num);
	address->peer_port = __builtin_bswap16(READ(sk, __sk_common.skc_dport));
	if (family == AF_INET) {
		__u32 local = READ(sk, __sk_common.skc_rcv_saddr);
		__u32 peer = READ(sk, __sk_common.skc_daddr);

		__builtin_memcpy(address->local, &local, 4);
		__builtin_memcpy(address->peer, &peer, 4);
	} else {
		BPF_CORE_READ_INTO(&address->local, sk, __sk_common.skc_v6_rcv_saddr);
		BPF_CORE_READ_INTO(&address->peer, sk, __sk_common.skc_v6_daddr);
	}
}

/* As inode_of_sock, of a socket that no argument led to. */
static __always_inline __u64 inode_of_peer(struct sock *peer)
{
	struct socket *socket = READ(peer, sk_socket);
	struct file *file = socket ? READ(socket, file) : NULL;

	return file ? READ(READ(file, f_inode), i_ino) : 0;
}

/* An accepted unix socket carries the listener's address; the connecting one has none of its own, but its peer has. */
static __always_inline void fill_unix(struct ws_connection_event *event, struct sock *sk)
{
	struct unix_sock *self = (struct unix_sock *)sk;
	struct sock *peer = BPF_CORE_READ(self, peer);
	struct unix_address *address = BPF_CORE_READ(self, addr);
	int length;

	if (peer)
		event->peer_inode = inode_of_peer(peer);
	if (!address && peer)
		address = BPF_CORE_READ((struct unix_sock *)peer, addr);
	if (!address)
		return;
	length = BPF_CORE_READ(address, len) - 2;
	if (length <= 0)
		return;
	if (length > WS_UNIX_PATH_LENGTH)
		length = WS_UNIX_PATH_LENGTH;
	/* The allocation is as long as the address, so no more than that is read. */
	if (bpf_probe_read_kernel(event->path, (__u32)length, &address->name[0].sun_path) == 0)
		event->address.path_length = (__u16)length;
}

static __always_inline __u32 unix_role(struct sock *sk)
{
	struct unix_sock *self = (struct unix_sock *)sk;
	struct sock *peer = BPF_CORE_READ(self, peer);

	if (BPF_CORE_READ(self, addr))
		return WS_ROLE_SERVER;
	if (peer && BPF_CORE_READ((struct unix_sock *)peer, addr))
		return WS_ROLE_CLIENT;
	return WS_ROLE_UNKNOWN;
}

static __noinline int announce_connection(struct connection *connection, struct sock *sk, __s32 fd, __u32 flags)
{
	struct ws_connection_event *event;

	if (!connection)
		return -1;
	event = RESERVE_CONTROL(connection->inode, struct ws_connection_event);
	if (!event)
		return -1;
	__builtin_memset(event, 0, sizeof(*event));
	event->header.type = WS_EVENT_CONNECTION_OPENED;
	event->header.size = sizeof(*event);
	event->header.time_ns = bpf_ktime_get_boot_ns();
	event->inode = connection->inode;
	event->net_namespace = READ(READ(sk, __sk_common.skc_net.net), ns.inum);
	event->opened_ns = event->header.time_ns;
	fill_address(&event->address, sk);
	event->tgid = (__u32)(bpf_get_current_pid_tgid() >> 32);
	event->fd = fd;
	event->role = connection->role;
	event->flags = flags;
	if (connection->is_unix) {
		event->send_position = (__u32)connection->sent_bytes;
		event->receive_position = (__u32)connection->received_bytes;
		fill_unix(event, sk);
	} else {
		event->send_position = READ((struct tcp_sock *)sk, write_seq);
		event->receive_position = READ((struct tcp_sock *)sk, copied_seq);
	}
	submit_control(event);
	connection->is_announced = 1;
	return 0;
}

static __always_inline void close_connection(__u64 inode, __u32 tgid, __u32 error)
{
	struct ws_close_event *event = RESERVE_CONTROL(inode, struct ws_close_event);

	if (!event)
		return;
	event->header.type = WS_EVENT_CONNECTION_CLOSED;
	event->header.size = sizeof(*event);
	event->header.time_ns = bpf_ktime_get_boot_ns();
	event->inode = inode;
	event->tgid = tgid;
	event->direction = 0;
	event->position = 0;
	event->error = error;
	submit_control(event);
}

static __always_inline void end_stream(__u64 inode, __u32 direction, __u32 position)
{
	struct ws_close_event *event = RESERVE_CONTROL(inode, struct ws_close_event);

	if (!event)
		return;
	event->header.type = WS_EVENT_STREAM_ENDED;
	event->header.size = sizeof(*event);
	event->header.time_ns = bpf_ktime_get_boot_ns();
	event->inode = inode;
	event->tgid = (__u32)(bpf_get_current_pid_tgid() >> 32);
	event->direction = direction;
	event->position = position;
	event->error = 0;
	submit_control(event);
}

/* The number of the sweep under way or last done (user space): entries that it did not find are removed. */
extern volatile __u32 sweep_number;

/* Makes the entry of a socket that is new to us. A role that is not known is taken from the listeners of the targets.
 */
static __noinline struct connection *make_connection(struct sock *sk, __u64 inode, __s32 fd, __u32 role, __u32 flags)
{
	struct connection fresh = {};
	struct connection *connection;
	__u64 key = (__u64)sk;

	fresh.inode = inode;
	fresh.sweep = sweep_number;
	fresh.last_direction = NO_DIRECTION;
	fresh.is_unix = READ(sk, __sk_common.skc_family) == AF_UNIX;
	fresh.owner_tgid = (__u32)(bpf_get_current_pid_tgid() >> 32);
	if (role == WS_ROLE_UNKNOWN && fresh.is_unix)
		role = unix_role(sk);
	if (role == WS_ROLE_UNKNOWN) {
		__u64 listener = listener_key(sk);

		if (bpf_map_lookup_elem(&listeners, &listener))
			role = WS_ROLE_SERVER;
	}
	fresh.role = (__u8)role;
	fresh.is_fresh = role == WS_ROLE_CLIENT && !(flags & WS_CONNECTION_PREEXISTING);
	if (bpf_map_update_elem(&connections, &key, &fresh, BPF_ANY)) {
		add_loss(WS_LOSS_CONNECTIONS_FULL, 1);
		return NULL;
	}
	connection = bpf_map_lookup_elem(&connections, &key);
	if (!connection)
		return NULL;
	/* A client is announced at its first byte: before, its local port is not chosen yet. */
	if (role == WS_ROLE_CLIENT && fresh.is_fresh && !fresh.is_unix)
		return connection;
	if (announce_connection(connection, sk, fd, flags)) {
		bpf_map_delete_elem(&connections, &key); /* tried again at the next byte */
		return NULL;
	}
	return connection;
}

/* Before a new socket's entry is made. Where another socket's stands at its address, the end of that one was not seen,
 * but it has come. */
static __always_inline void end_predecessor(struct sock *sk, __u64 inode)
{
	__u64 former, key = (__u64)sk;
	struct connection *connection = bpf_map_lookup_elem(&connections, &key);

	if (!connection)
		return;
	former = connection->inode;
	if (former != inode) {
		if (connection->is_announced)
			close_connection(former, 0, 0);
		bpf_map_delete_elem(&policies, &former);
	}
	bpf_map_delete_elem(&connections, &key);
}

/* A receive that returned no byte: the end of the stream, unless nothing was asked for or this end shut it down itself.
 */
static __always_inline void finish_empty_receive(struct sock *sk, __u64 inode)
{
	__u64 key = (__u64)sk;
	struct connection *connection = bpf_map_lookup_elem(&connections, &key);

	if (!connection || connection->inode != inode || !connection->is_announced)
		return;
	if (connection->is_unix)
		end_stream(inode, WS_RECEIVE, (__u32)connection->received_bytes);
	else if (has_received_fin(state_of(sk)))
		end_stream(inode, WS_RECEIVE, READ((struct tcp_sock *)sk, copied_seq) - 1);
}

/* The connection of a stream socket, made if need be; NULL where it is none or cannot be made (counted). */
static __always_inline struct connection *connection_of(struct sock *sk, __u64 inode, __s32 fd)
{
	__u64 key = (__u64)sk;
	struct connection *connection = bpf_map_lookup_elem(&connections, &key);
	enum stream_kind kind;

	if (connection) {
		if (connection->inode == inode)
			return connection;
		close_connection(connection->inode, 0, 0); /* the address was used again and its end not seen */
		return make_connection(sk, inode, fd, WS_ROLE_UNKNOWN, WS_CONNECTION_PREEXISTING);
	}
	kind = stream_kind_of(sk);
	if (kind == STREAM_NONE)
		return NULL;
	/* A socket that is closed or not connected yet has no end to come that would remove its entry. */
	if (kind == STREAM_TCP && (state_of(sk) == TCP_CLOSE || state_of(sk) == TCP_LISTEN))
		return NULL;
	return make_connection(sk, inode, fd, WS_ROLE_UNKNOWN, WS_CONNECTION_PREEXISTING);
}
