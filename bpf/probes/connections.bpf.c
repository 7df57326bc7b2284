/* The life of TCP connections, from the kernel's own state machine: who connects, when a direction ends, when a socket
 * is gone. It also runs in softirq, where "current" means nothing: there the connection table is the filter. */
#include "lib/causality.bpf.h"

static __always_inline void on_connecting(struct sock *sk)
{
	struct ws_target *target = current_target();
	struct thread_state *thread;
	struct connection *connection;
	__u64 inode;

	if (!target)
		return;
	inode = inode_of_sock(sk);
	if (!inode || stream_kind_of(sk) != STREAM_TCP)
		return;
	end_predecessor(sk, inode);
	connection = make_connection(sk, inode, -1, WS_ROLE_CLIENT, 0);
	thread = current_thread();
	if (!connection || !thread)
		return;
	read_identity(thread);
	store_token(thread, target, connection, bpf_ktime_get_boot_ns());
}

static __always_inline void on_gone(struct sock *sk, struct connection *connection)
{
	__u64 key = (__u64)sk;
	__u32 owner = connection->owner_tgid;
	__u32 error = (__u32)READ(sk, sk_err);
	struct ws_target *target;
	__u64 inode;

	if (connection->role == WS_ROLE_SERVER && connection->current && !connection->has_acted) {
		target = bpf_map_lookup_elem(&targets, &owner);
		if (target)
			__sync_fetch_and_add(&target->unacted_exchanges, -1);
	}
	if (!connection->is_announced && error)
		announce_connection(connection, sk, -1, 0); /* a connect that failed is told too */
	forget_goroutine(connection, key, owner);
	inode = connection->inode;
	if (connection->is_announced)
		close_connection(inode, 0, error);
	bpf_map_delete_elem(&policies, &inode);
	bpf_map_delete_elem(&connections, &key);
}

SEC("raw_tp/inet_sock_set_state")
int on_socket_state(__u64 *ctx)
{
	struct sock *sk = (struct sock *)ctx[0];
	int old_state = (int)ctx[1];
	int new_state = (int)ctx[2];
	struct connection *connection;
	__u64 key = (__u64)sk;

	if (new_state == TCP_SYN_SENT) {
		on_connecting(sk);
		return 0;
	}
	connection = bpf_map_lookup_elem(&connections, &key);
	if (!connection)
		return 0;
	if (new_state == TCP_CLOSE) {
		on_gone(sk, connection);
		return 0;
	}
	/* FIN_WAIT1 and LAST_ACK are set before the FIN itself takes a sequence number. */
	if ((new_state == TCP_FIN_WAIT1 || new_state == TCP_LAST_ACK) && connection->is_announced &&
	    (old_state == TCP_ESTABLISHED || old_state == TCP_CLOSE_WAIT))
		end_stream(connection->inode, WS_SEND, send_position_of(TCP_OF(sk)));
	return 0;
}

/* A program that was interrupted is not run again on its CPU: of the sockets that a softirq then closes, the tracepoint
 * above tells nothing. This one cannot be interrupted there as well. */
SEC("raw_tp/tcp_destroy_sock")
int on_socket_destroyed(__u64 *ctx)
{
	struct sock *sk = (struct sock *)ctx[0];
	__u64 key = (__u64)sk;
	struct connection *connection = bpf_map_lookup_elem(&connections, &key);

	if (connection)
		on_gone(sk, connection);
	return 0;
}

/* Connections and listeners that existed before the agent, listeners first; and, now and then, which connections still
 * exist: a unix socket dies without a trace when its process does. */
volatile __u32 iteration;

SEC("iter/task_file")
int on_task_file(struct bpf_iter__task_file *ctx)
{
	struct task_struct *task = ctx->task;
	struct file *file = ctx->file;
	struct socket_ref ref = {};
	struct connection *connection;
	struct sock *sk;
	__u32 tgid, one = 1;
	__u64 key;
	__u8 state;

	if (!task || !file)
		return 0;
	tgid = READ(task, tgid);
	if (!bpf_map_lookup_elem(&targets, &tgid))
		return 0;
	socket_of_file(file, &ref);
	sk = ref.sock;
	if (!sk || stream_kind_of(sk) == STREAM_NONE)
		return 0;
	key = (__u64)sk;
	if (iteration == WS_ITERATE_SWEEP) {
		connection = bpf_map_lookup_elem(&connections, &key);
		if (connection)
			connection->sweep = sweep_number;
		return 0;
	}
	state = state_of(sk);
	if (state == TCP_LISTEN) {
		key = listener_key(sk);
		if (iteration == WS_ITERATE_LISTENERS && stream_kind_of(sk) == STREAM_TCP)
			bpf_map_update_elem(&listeners, &key, &one, BPF_ANY);
		return 0;
	}
	if (iteration != WS_ITERATE_CONNECTIONS || (state != TCP_ESTABLISHED && state != TCP_CLOSE_WAIT))
		return 0;
	connection = bpf_map_lookup_elem(&connections, &key);
	if (!connection) {
		make_connection(sk, ref.inode, (__s32)ctx->fd, WS_ROLE_UNKNOWN, WS_CONNECTION_PREEXISTING);
	} else if (connection->role == WS_ROLE_UNKNOWN && !connection->is_unix) {
		/* A busy one was found by its own bytes, before the listeners were. */
		key = listener_key(sk);
		if (bpf_map_lookup_elem(&listeners, &key))
			connection->role = WS_ROLE_SERVER;
	}
	return 0;
}
