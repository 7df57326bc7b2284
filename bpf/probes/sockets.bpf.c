/* The `socket` source: the functions through which every byte of a TCP or unix stream socket passes, whatever system
 * call or io_uring request moved it. Each function has an fentry/fexit pair and a kprobe/kretprobe pair; user space
 * attaches the first that it can. */
#include "lib/capture.bpf.h"
#include <bpf/bpf_tracing.h>

static __always_inline int enter_send(struct sock *sk, struct msghdr *message)
{
	struct ws_target *target = current_target();
	struct thread_state *thread;
	struct operation *operation;
	__u64 inode;

	if (!target)
		return 0;
	thread = current_thread();
	if (!thread)
		return 0;
	operation = &thread->operation;
	operation->start_ns = bpf_ktime_get_boot_ns();
	operation->kind = OPERATION_SEND;
	operation->sock = 0;
	operation->trailing = 0;
	operation->fd = -1;
	inode = inode_of_sock(sk);
	if (!inode) {
		operation->kind = OPERATION_NONE;
		return 0;
	}
	operation->memory =
		memory_of_iterator(&message->msg_iter, &operation->base, &operation->segments, &operation->offset);
	start_send(thread, target, sk, inode);
	return 0;
}

static __always_inline int enter_receive(struct sock *sk, struct msghdr *message)
{
	struct ws_target *target = current_target();
	struct thread_state *thread;
	struct operation *operation;

	if (!target)
		return 0;
	thread = current_thread();
	if (!thread)
		return 0;
	operation = &thread->operation;
	operation->start_ns = bpf_ktime_get_boot_ns();
	operation->kind = OPERATION_RECEIVE;
	operation->sock = (__u64)sk;
	operation->trailing = 0;
	operation->fd = -1;
	operation->memory =
		memory_of_iterator(&message->msg_iter, &operation->base, &operation->segments, &operation->offset);
	operation->position =
		receive_position_of(sk); /* TCP: unchanged on return after a peek; ignored for unix sockets */
	return 0;
}

static __always_inline int leave_send_call(int moved)
{
	struct ws_target *target = current_target();
	struct thread_state *thread = target ? find_current_thread() : NULL;
	struct connection *connection;
	struct operation *operation;
	__u64 key;

	if (!thread || thread->operation.kind != OPERATION_SEND)
		return 0;
	operation = &thread->operation;
	operation->kind = OPERATION_NONE;
	key = operation->sock;
	if (moved <= 0 || !key)
		return 0;
	connection = bpf_map_lookup_elem(&connections, &key);
	if (!connection || connection->inode != operation->inode)
		return 0;
	operation->total = (__u64)moved;
	check_position(operation, connection, (struct sock *)key, operation->total);
	finish_send(thread, target, connection, (struct sock *)key);
	return 0;
}

static __always_inline int leave_receive_call(int moved)
{
	struct ws_target *target = current_target();
	struct thread_state *thread = target ? find_current_thread() : NULL;
	struct connection *connection;
	struct operation *operation;
	struct sock *sk;
	__u64 inode;

	if (!thread || thread->operation.kind != OPERATION_RECEIVE)
		return 0;
	operation = &thread->operation;
	operation->kind = OPERATION_NONE;
	sk = (struct sock *)operation->sock;
	if (moved < 0 || !sk)
		return 0;
	inode = inode_of_sock(sk);
	if (!inode)
		return 0;
	if (moved == 0) {
		finish_empty_receive(sk, inode);
		receive_end(thread, target, sk, inode);
		return 0;
	}
	connection = connection_of(sk, inode, -1);
	if (!connection)
		return 0;
	if (!connection->is_unix && receive_position_of(sk) == operation->position)
		return 0; /* MSG_PEEK */
	operation->total = (__u64)moved;
	finish_receive(thread, target, connection, sk);
	return 0;
}

static __always_inline struct sock *sock_of(struct socket *socket)
{
	return READ(socket, sk);
}

#define FIRST(ctx)  ((void *)(ctx)[0])
#define SECOND(ctx) ((void *)(ctx)[1])

/* int tcp_sendmsg(struct sock *, struct msghdr *, size_t) */
SEC("fentry/tcp_sendmsg")
int on_tcp_sendmsg(__u64 *ctx)
{
	return enter_send(FIRST(ctx), SECOND(ctx));
}

SEC("fexit/tcp_sendmsg")
int on_tcp_sendmsg_return(__u64 *ctx)
{
	return leave_send_call((int)ctx[3]);
}

/* int tcp_recvmsg(struct sock *, struct msghdr *, size_t, int flags, int *addr_len); up to 5.18 with `int nonblock`
 * before flags. */
SEC("fentry/tcp_recvmsg")
int on_tcp_recvmsg(__u64 *ctx)
{
	return enter_receive(FIRST(ctx), SECOND(ctx));
}

SEC("fexit/tcp_recvmsg")
int on_tcp_recvmsg_return(__u64 *ctx)
{
	return leave_receive_call((int)ctx[5]);
}

SEC("fexit/tcp_recvmsg")
int on_tcp_recvmsg_return_before_5_19(__u64 *ctx)
{
	return leave_receive_call((int)ctx[6]);
}

/* int unix_stream_sendmsg(struct socket *, struct msghdr *, size_t) */
SEC("fentry/unix_stream_sendmsg")
int on_unix_sendmsg(__u64 *ctx)
{
	return enter_send(sock_of(FIRST(ctx)), SECOND(ctx));
}

SEC("fexit/unix_stream_sendmsg")
int on_unix_sendmsg_return(__u64 *ctx)
{
	return leave_send_call((int)ctx[3]);
}

/* int unix_stream_recvmsg(struct socket *, struct msghdr *, size_t, int flags) */
SEC("fentry/unix_stream_recvmsg")
int on_unix_recvmsg(__u64 *ctx)
{
	if ((int)ctx[3] & 2) /* MSG_PEEK */
		return 0;
	return enter_receive(sock_of(FIRST(ctx)), SECOND(ctx));
}

SEC("fexit/unix_stream_recvmsg")
int on_unix_recvmsg_return(__u64 *ctx)
{
	if ((int)ctx[3] & 2)
		return 0;
	return leave_receive_call((int)ctx[4]);
}

SEC("kprobe/tcp_sendmsg")
int on_tcp_sendmsg_kprobe(struct pt_regs *ctx)
{
	return enter_send((struct sock *)PT_REGS_PARM1_CORE(ctx), (struct msghdr *)PT_REGS_PARM2_CORE(ctx));
}

SEC("kretprobe/tcp_sendmsg")
int on_tcp_sendmsg_kretprobe(struct pt_regs *ctx)
{
	return leave_send_call((int)PT_REGS_RC_CORE(ctx));
}

SEC("kprobe/tcp_recvmsg")
int on_tcp_recvmsg_kprobe(struct pt_regs *ctx)
{
	return enter_receive((struct sock *)PT_REGS_PARM1_CORE(ctx), (struct msghdr *)PT_REGS_PARM2_CORE(ctx));
}

SEC("kretprobe/tcp_recvmsg")
int on_tcp_recvmsg_kretprobe(struct pt_regs *ctx)
{
	return leave_receive_call((int)PT_REGS_RC_CORE(ctx));
}

SEC("kprobe/unix_stream_sendmsg")
int on_unix_sendmsg_kprobe(struct pt_regs *ctx)
{
	return enter_send(sock_of((struct socket *)PT_REGS_PARM1_CORE(ctx)), (struct msghdr *)PT_REGS_PARM2_CORE(ctx));
}

SEC("kretprobe/unix_stream_sendmsg")
int on_unix_sendmsg_kretprobe(struct pt_regs *ctx)
{
	return leave_send_call((int)PT_REGS_RC_CORE(ctx));
}

SEC("kprobe/unix_stream_recvmsg")
int on_unix_recvmsg_kprobe(struct pt_regs *ctx)
{
	if ((int)PT_REGS_PARM4_CORE(ctx) & 2) /* MSG_PEEK */
		return 0;
	return enter_receive(sock_of((struct socket *)PT_REGS_PARM1_CORE(ctx)),
			     (struct msghdr *)PT_REGS_PARM2_CORE(ctx));
}

SEC("kretprobe/unix_stream_recvmsg")
int on_unix_recvmsg_kretprobe(struct pt_regs *ctx)
{
	return leave_receive_call((int)PT_REGS_RC_CORE(ctx));
}

/* In this source read() is not watched; the functions behind eventfds and pipes are. */
static __always_inline int forget_current_token(void)
{
	struct thread_state *thread = current_target() ? find_current_thread() : NULL;

	if (thread)
		forget_token(thread);
	return 0;
}

SEC("kprobe/eventfd_read")
int on_eventfd_read_kprobe(void *ctx __attribute__((unused)))
{
	return forget_current_token();
}

SEC("fentry/eventfd_read")
int on_eventfd_read(void *ctx __attribute__((unused)))
{
	return forget_current_token();
}

SEC("kprobe/pipe_read")
int on_pipe_read_kprobe(void *ctx __attribute__((unused)))
{
	return forget_current_token();
}

SEC("fentry/pipe_read")
int on_pipe_read(void *ctx __attribute__((unused)))
{
	return forget_current_token();
}
