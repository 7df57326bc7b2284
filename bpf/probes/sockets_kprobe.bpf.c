/* The functions of lib/sockets.bpf.h by kprobe. Their returns by the tracepoints that every send and receive of a
 * socket passes (6.3, commit 6e6eda44b939), else by kretprobe, of which as many calls as there are instances are seen:
 * twice the processors, at least ten. A thread that waits in a receive holds one. */
#include "lib/sockets.bpf.h"

/* (struct sock *, int moved, int flags) */
SEC("raw_tp/sock_send_length")
int on_socket_sent(__u64 *ctx)
{
	return leave_send_call((struct sock *)ctx[0], (int)ctx[1]);
}

SEC("raw_tp/sock_recv_length")
int on_socket_received(__u64 *ctx)
{
	return leave_receive_call((struct sock *)ctx[0], (int)ctx[1]);
}

SEC("kprobe/tcp_sendmsg")
int on_tcp_sendmsg_kprobe(struct pt_regs *ctx)
{
	return enter_send((struct sock *)PT_REGS_PARM1_CORE(ctx), (struct msghdr *)PT_REGS_PARM2_CORE(ctx));
}

SEC("kretprobe/tcp_sendmsg")
int on_tcp_sendmsg_kretprobe(struct pt_regs *ctx)
{
	return leave_send_call(NULL, (int)PT_REGS_RC_CORE(ctx));
}

SEC("kprobe/tcp_recvmsg")
int on_tcp_recvmsg_kprobe(struct pt_regs *ctx)
{
	return enter_receive((struct sock *)PT_REGS_PARM1_CORE(ctx), (struct msghdr *)PT_REGS_PARM2_CORE(ctx));
}

SEC("kretprobe/tcp_recvmsg")
int on_tcp_recvmsg_kretprobe(struct pt_regs *ctx)
{
	return leave_receive_call(NULL, (int)PT_REGS_RC_CORE(ctx));
}

SEC("kprobe/unix_stream_sendmsg")
int on_unix_sendmsg_kprobe(struct pt_regs *ctx)
{
	return enter_send(sock_of((struct socket *)PT_REGS_PARM1_CORE(ctx)), (struct msghdr *)PT_REGS_PARM2_CORE(ctx));
}

SEC("kretprobe/unix_stream_sendmsg")
int on_unix_sendmsg_kretprobe(struct pt_regs *ctx)
{
	return leave_send_call(NULL, (int)PT_REGS_RC_CORE(ctx));
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
	return leave_receive_call(NULL, (int)PT_REGS_RC_CORE(ctx));
}

SEC("kprobe/eventfd_read")
int on_eventfd_read_kprobe(void *ctx __attribute__((unused)))
{
	return forget_current_token();
}

SEC("kprobe/pipe_read")
int on_pipe_read_kprobe(void *ctx __attribute__((unused)))
{
	return forget_current_token();
}
