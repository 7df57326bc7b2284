/* The `socket` source: the functions through which every byte of a TCP or unix stream socket passes, whatever system
 * call or io_uring request moved it. Their entries are seen by fentry or kprobe, their returns by fexit
 * (probes/sockets_fentry), by tracepoint or by kretprobe (probes/sockets_kprobe); user space attaches the first that it
 * can. This is what all do. */
#pragma once
#define WS_KERNEL_SEGMENTS
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
	operation->kind = OPERATION_RECEIVE;
	operation->sock = (__u64)sk;
	operation->trailing = 0;
	operation->fd = -1;
	operation->memory =
		memory_of_iterator(&message->msg_iter, &operation->base, &operation->segments, &operation->offset);
	operation->position =
		receive_position_of(TCP_OF(sk)); /* unchanged on return after a peek; not of unix sockets */
	return 0;
}

/* The socket of the call that returns, NULL where the return is another's: what hooks returns is told which, but for
 * kretprobes (NULL). */
static __always_inline struct sock *sock_of_call(struct operation *operation, struct sock *argument)
{
#ifndef WS_TYPED_ARGUMENTS
	if (!argument)
		return (struct sock *)operation->sock;
#endif
	return (__u64)argument == operation->sock ? argument : NULL;
}

static __always_inline int leave_send_call(struct sock *argument, int moved)
{
	struct ws_target *target = current_target();
	struct thread_state *thread = target ? find_current_thread() : NULL;
	struct connection *connection;
	struct operation *operation;
	struct sock *sk;
	__u64 key;

	if (!thread || thread->operation.kind != OPERATION_SEND)
		return 0;
	operation = &thread->operation;
	sk = sock_of_call(operation, argument);
	if (!sk)
		return 0;
	operation->kind = OPERATION_NONE;
	if (moved <= 0)
		return 0;
	key = (__u64)sk;
	connection = bpf_map_lookup_elem(&connections, &key);
	if (!connection || connection->inode != operation->inode)
		return 0;
	operation->total = (__u64)moved;
	check_position(operation, connection, sk, operation->total);
	finish_send(thread, connection, sk);
	tell_call(thread, target, connection, sk, 1);
	return 0;
}

static __always_inline int leave_receive_call(struct sock *argument, int moved)
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
	sk = sock_of_call(operation, argument);
	if (!sk)
		return 0;
	operation->kind = OPERATION_NONE;
	if (moved < 0)
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
	if (!connection->is_unix && receive_position_of(TCP_OF(sk)) == operation->position)
		return 0; /* MSG_PEEK */
	operation->total = (__u64)moved;
	finish_receive(thread, connection, sk);
	tell_call(thread, target, connection, sk, 1);
	return 0;
}

static __always_inline struct sock *sock_of(struct socket *socket)
{
	return READ_ARGUMENT(socket, sk);
}

/* In this source read() is not watched; the functions behind eventfds and pipes are. */
static __always_inline int forget_current_token(void)
{
	struct thread_state *thread = current_target() ? find_current_thread() : NULL;

	if (thread)
		forget_token(thread);
	return 0;
}
