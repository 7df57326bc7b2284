/* The functions of lib/sockets.bpf.h by fentry and fexit: their arguments come with their types. */
#define WS_TYPED_ARGUMENTS
#include "lib/sockets.bpf.h"

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
	return leave_send_call(FIRST(ctx), (int)ctx[3]);
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
	return leave_receive_call(FIRST(ctx), (int)ctx[5]);
}

SEC("fexit/tcp_recvmsg")
int on_tcp_recvmsg_return_before_5_19(__u64 *ctx)
{
	return leave_receive_call(FIRST(ctx), (int)ctx[6]);
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
	return leave_send_call(sock_of(FIRST(ctx)), (int)ctx[3]);
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
	return leave_receive_call(sock_of(FIRST(ctx)), (int)ctx[4]);
}

SEC("fentry/eventfd_read")
int on_eventfd_read(void *ctx __attribute__((unused)))
{
	return forget_current_token();
}

SEC("fentry/pipe_read")
int on_pipe_read(void *ctx __attribute__((unused)))
{
	return forget_current_token();
}
