/* System calls: the `syscall` source (every call of the read and write families) and, for both sources, what ends a
 * thread's turn (multiplexed waits, eventfd and pipe reads, futex waits) and accept. One pair of functions behind three
 * kinds of hook: tp_btf and raw tracepoints on all calls (cheapest for the traced process, needs no tracefs), or
 * tracepoints on single calls. */
#include "lib/calls.bpf.h"
#include <bpf/bpf_tracing.h>
#include "lib/compat.bpf.h"

#define MAX_MESSAGES 8 /* of one sendmmsg or recvmmsg that are looked at; the rest becomes a gap */

/* The last close of a unix socket is its end; TCP's ends are told by its state machine. */
static __always_inline void enter_close(struct ws_target *target, __s32 fd)
{
	struct thread_state *thread;
	struct connection *connection;
	struct socket_ref ref;
	__u64 key;

	socket_of_fd(fd, &ref);
	key = (__u64)ref.sock;
	connection = key ? bpf_map_lookup_elem(&connections, &key) : NULL;
	if (!connection || connection->inode != ref.inode || !is_last_reference(ref.file))
		return;
	thread = current_thread(); /* only now: most of what is closed is no connection of ours */
	if (thread)
		close_exchange(thread, target, connection);
	if (!connection->is_unix)
		return;
	if (connection->is_announced) {
		end_stream(ref.inode, WS_SEND, (__u32)connection->sent_bytes);
		close_connection(ref.inode, (__u32)(bpf_get_current_pid_tgid() >> 32), 0);
	}
	bpf_map_delete_elem(&policies, &ref.inode);
	bpf_map_delete_elem(&connections, &key);
}

/* getsockopt(SO_ERROR) is how a program learns that its connect() is done: it goes on with what it connected for. */
static __always_inline void enter_getsockopt(__s32 fd)
{
	struct thread_state *thread = find_current_thread();
	struct connection *connection;
	struct socket_ref ref;
	__u64 key;

	if (!thread)
		return;
	socket_of_fd(fd, &ref);
	key = (__u64)ref.sock;
	connection = key ? bpf_map_lookup_elem(&connections, &key) : NULL;
	if (connection)
		finish_connect(thread, connection);
}

static __always_inline void enter_wait(long id, const struct call_arguments *arguments)
{
	struct thread_state *thread = current_thread();

	if (!thread)
		return;
	thread->operation.kind = OPERATION_WAIT;
	thread->operation.start_ns = bpf_ktime_get_boot_ns();
	thread->operation.timeout_ns = timeout_of(id, arguments);
}

static __always_inline void enter_futex(void)
{
	struct thread_state *thread = find_current_thread();

	if (thread)
		thread->operation.kind = OPERATION_FUTEX;
}

static __always_inline void enter_send(struct ws_target *target, long id, const struct call_arguments *arguments)
{
	const int is_splice = id == NR_splice;
	struct thread_state *thread;
	struct operation *operation;
	struct socket_ref ref;

	socket_of_fd((__s32)arguments->value[is_splice ? 2 : 0], &ref);
	if (!ref.sock && !is_splice)
		return;
	thread = current_thread();
	if (!thread)
		return;
	operation = &thread->operation;
	operation->kind = ref.sock ? OPERATION_SEND : OPERATION_RECEIVE; /* splice: out of a pipe, or of a socket */
	if (!ref.sock)
		return;
	operation->start_ns = bpf_ktime_get_boot_ns();
	operation->fd = (__s32)arguments->value[is_splice ? 2 : 0];
	operation->trailing = 0;
	describe_memory(operation, id, arguments);
	start_send(thread, target, ref.sock, ref.inode);
}

static __always_inline int enter_call(struct ws_target *target, long id, const struct call_arguments *arguments)
{
	if (id == NR_close)
		enter_close(target, (__s32)arguments->value[0]);
	else if (id == NR_getsockopt)
		enter_getsockopt((__s32)arguments->value[0]);
	else if (id == NR_futex)
		enter_futex();
	else if (is_wait(id))
		enter_wait(id, arguments);
	else
		enter_send(target, id, arguments);
	return 0;
}

static __always_inline __u64 message_total(__u64 base, __u32 count)
{
	struct mmsghdr *messages = (struct mmsghdr *)base;
	__u64 total = 0;
	__u32 length;

	for (__u32 i = 0; i < MAX_MESSAGES; i++) {
		if (i >= count)
			break;
		length = 0;
		bpf_probe_read_user(&length, sizeof(length), &messages[i].msg_len);
		total += length;
	}
	return total;
}

/* One message of the sendmmsg or recvmmsg in flight. A global function: the verifier walks it once, not once per
 * message. */
__noinline int emit_message(__u32 index)
{
	struct ws_target *target = current_target();
	struct thread_state *thread = find_current_thread();
	struct connection *connection;
	struct operation *operation;
	struct mmsghdr *message;
	__u32 length = 0, position;
	__u64 key;

	if (!target || !thread)
		return 0;
	operation = &thread->operation;
	key = operation->sock;
	connection = bpf_map_lookup_elem(&connections, &key);
	if (!connection)
		return 0;
	message = (struct mmsghdr *)operation->messages + index;
	if (bpf_probe_read_user(&operation->base, sizeof(operation->base), &message->msg_hdr.msg_iov) ||
	    bpf_probe_read_user(&operation->segments, sizeof(operation->segments), &message->msg_hdr.msg_iovlen) ||
	    bpf_probe_read_user(&length, sizeof(length), &message->msg_len))
		return 0;
	operation->total = length;
	operation->trailing -= length;
	if (operation->kind == OPERATION_SEND)
		finish_send(thread, connection, (struct sock *)key);
	else
		finish_receive(thread, connection, (struct sock *)key);
	position = operation->position;
	tell_call(thread, target, connection, (struct sock *)key, 0);
	operation->position = position + length; /* of the next message sent */
	return 0;
}

/* The messages of sendmmsg and recvmmsg, one event each. */
static __always_inline void finish_messages(struct operation *operation, struct connection *connection, struct sock *sk,
					    __u32 count)
{
	__u64 total = message_total(operation->base, count);

	if (count > MAX_MESSAGES)
		add_loss(WS_LOSS_IOVEC_LIMIT, 1);
	if (operation->kind == OPERATION_SEND)
		check_position(operation, connection, sk, total);
	operation->sock = (__u64)sk;
	operation->memory = MEMORY_USER_IOVEC;
	operation->messages = operation->base;
	operation->trailing = total;
	for (__u32 i = 0; i < MAX_MESSAGES; i++) {
		if (i >= count)
			break;
		emit_message(i);
	}
	operation->trailing = 0;
}

static __always_inline void resolve_message(struct operation *operation)
{
	struct user_msghdr header = {};

	if (operation->memory != MEMORY_MESSAGE)
		return;
	if (bpf_probe_read_user(&header, sizeof(header), (const void *)operation->base)) {
		operation->memory = MEMORY_NONE;
		add_loss(WS_LOSS_COPY_FAULT, 1);
		return;
	}
	operation->memory = MEMORY_USER_IOVEC;
	operation->base = (__u64)header.msg_iov;
	operation->segments = header.msg_iovlen;
}

/* The connection of a send that is to be told; NULL: there is nothing to tell, or it is told. */
static __always_inline struct connection *leave_send(struct thread_state *thread, long moved)
{
	struct operation *operation = &thread->operation;
	struct connection *connection;
	__u64 key = operation->sock;

	if (moved <= 0 || !key)
		return NULL;
	connection = bpf_map_lookup_elem(&connections, &key);
	if (!connection || connection->inode != operation->inode)
		return NULL;
	operation->total = (__u64)moved;
	if (operation->memory == MEMORY_MESSAGES) {
		finish_messages(operation, connection, (struct sock *)key, (__u32)moved);
		return NULL;
	}
	resolve_message(operation);
	check_position(operation, connection, (struct sock *)key, operation->total);
	finish_send(thread, connection, (struct sock *)key);
	return connection;
}

/* A read that was no socket: an eventfd or a pipe may hand over any work. */
static __always_inline void leave_other_read(const struct socket_ref *ref, long moved)
{
	struct thread_state *thread;

	if (ref->mode != S_IFIFO && !(moved == 8 && ref->file && is_eventfd(ref->file)))
		return;
	thread = find_current_thread();
	if (thread)
		forget_token(thread);
}

/* As leave_send, of a call that receives. */
static __always_inline struct connection *leave_receive(struct thread_state *thread, struct ws_target *target,
							const struct socket_ref *ref, long id,
							const struct call_arguments *arguments, long moved)
{
	struct operation *operation = &thread->operation;
	struct connection *connection;

	if (moved == 0) {
		finish_empty_receive(ref->sock, ref->inode);
		receive_end(thread, target, ref->sock, ref->inode);
		return NULL;
	}
	operation->fd = (__s32)arguments->value[0];
	operation->trailing = 0;
	describe_memory(operation, id, arguments);
	connection = connection_of(ref->sock, ref->inode, operation->fd);
	if (!connection)
		return NULL;
	operation->kind = OPERATION_RECEIVE;
	operation->total = (__u64)moved;
	if (operation->memory == MEMORY_MESSAGES) {
		finish_messages(operation, connection, ref->sock, (__u32)moved);
		return NULL;
	}
	resolve_message(operation);
	operation->sock = (__u64)ref->sock;
	finish_receive(thread, connection, ref->sock);
	return connection;
}

/* A call that sends or receives. */
static __always_inline void leave_io(struct ws_target *target, long id, const struct call_arguments *arguments,
				     long moved)
{
	struct thread_state *thread = find_current_thread();
	__u32 kind = thread ? thread->operation.kind : OPERATION_NONE;
	struct connection *connection = NULL;
	struct socket_ref ref;

	if (is_receive(id))
		kind = OPERATION_RECEIVE;
	if (kind == OPERATION_RECEIVE && moved >= 0 && !is_peek(id, arguments)) {
		socket_of_fd((__s32)arguments->value[0], &ref);
		if (!ref.sock)
			leave_other_read(&ref, moved);
		else
			thread = current_thread();
		if (ref.sock && thread)
			connection = leave_receive(thread, target, &ref, id, arguments, moved);
	} else if (kind == OPERATION_SEND) {
		connection = leave_send(thread, moved);
	}
	if (!thread)
		return;
	if (connection)
		tell_call(thread, target, connection, (struct sock *)thread->operation.sock, 1);
	thread->operation.kind = OPERATION_NONE;
}

static __always_inline void leave_accept(long fd)
{
	struct socket_ref ref;
	__u32 one = 1;
	__u64 listener;

	if (fd < 0)
		return;
	socket_of_fd((__s32)fd, &ref);
	if (!ref.sock || stream_kind_of(ref.sock) == STREAM_NONE)
		return;
	listener = listener_key(ref.sock);
	if (stream_kind_of(ref.sock) == STREAM_TCP)
		bpf_map_update_elem(&listeners, &listener, &one, BPF_ANY);
	end_predecessor(ref.sock, ref.inode);
	make_connection(ref.sock, ref.inode, (__s32)fd, WS_ROLE_SERVER, 0);
}

static __always_inline void leave_wait(long id, const struct call_arguments *arguments)
{
	struct thread_state *thread = current_thread();
	__s64 timeout_ns = WAIT_UNKNOWN;

	if (!thread)
		return;
	if (thread->operation.kind == OPERATION_WAIT)
		timeout_ns = thread->operation.timeout_ns;
	else if (!has_timeout(id, arguments))
		timeout_ns = timeout_of(id, arguments);
	thread->operation.kind = OPERATION_NONE;
	if (!waits_for_one(thread, id, arguments))
		finish_wait(thread, thread->operation.start_ns, timeout_ns, timeout_ns ? bpf_ktime_get_boot_ns() : 0);
}

/* Also of a wait that a stop had broken off (restart_syscall): which one it was is not told. */
static __always_inline void leave_futex(long result)
{
	struct thread_state *thread = find_current_thread();

	if (!thread)
		return;
	thread->operation.kind = OPERATION_NONE;
	if (result >= 0)
		finish_futex(thread);
}

static __always_inline int leave_call(struct ws_target *target, long id, const struct call_arguments *arguments,
				      long result, const int may_be_io)
{
	if (is_wait(id))
		leave_wait(id, arguments);
	else if (id == NR_futex || id == NR_restart_syscall)
		leave_futex(result);
	else if (is_accept(id))
		leave_accept(result);
	else if (may_be_io && (config.features & WS_FEATURE_SYSCALL_IO))
		leave_io(target, id, arguments, result);
	return 0;
}

/* The registers of a system call. A tp_btf program knows their type: on x86 they are read by plain loads. */
static __always_inline void read_arguments(struct call_arguments *arguments, struct pt_regs *regs, const int is_typed)
{
#if defined(__TARGET_ARCH_x86)
	if (is_typed) {
		arguments->value[0] = regs->di;
		arguments->value[1] = regs->si;
		arguments->value[2] = regs->dx;
		arguments->value[3] = regs->r10;
		arguments->value[4] = regs->r8;
		return;
	}
#else
	(void)is_typed;
#endif
	arguments->value[0] = PT_REGS_PARM1_CORE_SYSCALL(regs);
	arguments->value[1] = PT_REGS_PARM2_CORE_SYSCALL(regs);
	arguments->value[2] = PT_REGS_PARM3_CORE_SYSCALL(regs);
	arguments->value[3] = PT_REGS_PARM4_CORE_SYSCALL(regs);
	arguments->value[4] = PT_REGS_PARM5_CORE_SYSCALL(regs);
}

static __always_inline int enter_with_registers(struct pt_regs *regs, long id, const int is_typed)
{
	const int may_be_compat = is_compat_io(id) || is_compat_wait(id);
	struct call_arguments arguments;
	struct ws_target *target;
	int is_wanted;

	if (!may_enter(id) && !may_be_compat)
		return 0;
	read_arguments(&arguments, regs, is_typed);
	is_wanted = needs_entry(id, &arguments);
	if (!is_wanted && !may_be_compat)
		return 0;
	target = current_target();
	if (!target)
		return 0;
	if (is_compat_call())
		enter_compat_call(regs, id);
	else if (is_wanted)
		enter_call(target, id, &arguments);
	return 0;
}

static __always_inline long call_number(struct pt_regs *regs, const int is_typed)
{
#if defined(__TARGET_ARCH_x86)
	return is_typed ? (long)regs->orig_ax : (long)READ(regs, orig_ax);
#else
	(void)is_typed;
	return (long)(__s32)READ(regs, user_regs.regs[8]); /* x8 holds the number throughout the call */
#endif
}

static __always_inline int leave_with_registers(struct pt_regs *regs, long result, const int is_typed)
{
	const long id = call_number(regs, is_typed);
	struct call_arguments arguments;
	struct ws_target *target;

	if (!may_leave(id))
		return 0;
	read_arguments(&arguments, regs, is_typed);
	if (!needs_return(id, &arguments, result))
		return 0;
	target = current_target();
	if (!target || is_compat_call())
		return 0;
	return leave_call(target, id, &arguments, result, 1);
}

SEC("tp_btf/sys_enter")
int on_sys_enter_btf(__u64 *ctx)
{
	return enter_with_registers((struct pt_regs *)ctx[0], (long)ctx[1], 1);
}

SEC("tp_btf/sys_exit")
int on_sys_exit_btf(__u64 *ctx)
{
	return leave_with_registers((struct pt_regs *)ctx[0], (long)ctx[1], 1);
}

SEC("raw_tp/sys_enter")
int on_sys_enter_raw(__u64 *ctx)
{
	return enter_with_registers((struct pt_regs *)ctx[0], (long)ctx[1], 0);
}

SEC("raw_tp/sys_exit")
int on_sys_exit_raw(__u64 *ctx)
{
	return leave_with_registers((struct pt_regs *)ctx[0], (long)ctx[1], 0);
}

/* Attached to one syscalls:sys_enter_* and sys_exit_* tracepoint per watched call. The return does not see the
 * arguments: the thread keeps them. */
SEC("tracepoint")
int on_sys_enter_tracepoint(struct trace_event_raw_sys_enter *ctx)
{
	struct ws_target *target = current_target();
	struct call_arguments arguments = {};
	struct thread_state *thread;
	long id = ctx->id;

	if (!target)
		return 0;
	/* Not by direct access: the kernel refuses to attach a program that reads more arguments than the call has. */
	bpf_probe_read_kernel(&arguments, sizeof(arguments), &ctx->args[0]);
	if (may_leave(id)) {
		thread = current_thread();
		if (!thread)
			return 0;
		__builtin_memcpy(thread->arguments, &arguments, sizeof(arguments));
	}
	return needs_entry(id, &arguments) ? enter_call(target, id, &arguments) : 0;
}

static __always_inline int leave_from_tracepoint(struct trace_event_raw_sys_exit *ctx, const int may_be_io)
{
	struct ws_target *target = current_target();
	struct thread_state *thread = target ? find_current_thread() : NULL;
	struct call_arguments arguments;

	if (!thread)
		return 0;
	__builtin_memcpy(&arguments, thread->arguments, sizeof(arguments));
	if (!needs_return(ctx->id, &arguments, ctx->ret))
		return 0;
	return leave_call(target, ctx->id, &arguments, ctx->ret, may_be_io);
}

SEC("tracepoint")
int on_sys_exit_tracepoint(struct trace_event_raw_sys_exit *ctx)
{
	return leave_from_tracepoint(ctx, 1);
}

/* The same of the waits alone, for the `socket` source: old kernels verify what captures bytes wherever it could be
 * called from, were it never. */
SEC("tracepoint")
int on_wait_exit_tracepoint(struct trace_event_raw_sys_exit *ctx)
{
	return leave_from_tracepoint(ctx, 0);
}
