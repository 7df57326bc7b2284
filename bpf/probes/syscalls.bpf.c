/* System calls: the `syscall` source (every call of the read and write families) and, for both sources, what ends a
 * thread's turn (multiplexed waits, eventfd and pipe reads, futex waits) and accept. One pair of functions behind three
 * kinds of hook: tp_btf and raw tracepoints on all calls (cheapest for the traced process, needs no tracefs), or
 * tracepoints on single calls. */
#include "lib/capture.bpf.h"
#include <bpf/bpf_tracing.h>
#include "lib/compat.bpf.h"
#include "lib/syscall_numbers.bpf.h"

#define MSG_PEEK	   2
#define SOL_SOCKET	   1
#define SO_ERROR	   4
#define POLLFD_BYTES	   8
#define FUTEX_COMMAND_MASK 0x7f
#define FUTEX_WAIT	   0
#define FUTEX_WAIT_BITSET  9
#define MAX_MESSAGES	   8 /* of one sendmmsg or recvmmsg that are looked at; the rest becomes a gap */

struct call_arguments {
	__u64 value[6];
};

static __always_inline void set_memory(struct operation *operation, __u32 memory, __u64 base, __u64 segments)
{
	operation->memory = memory;
	operation->base = base;
	operation->segments = segments;
	operation->offset = 0;
}

/* Fills the operation for the calls that move bytes. Returns its kind. */
static __always_inline __u32 describe_io(struct operation *operation, long id, const struct call_arguments *arguments)
{
	const __u64 *a = arguments->value;

	operation->is_peek = 0;
	operation->fd = (__s32)a[0];
	switch (id) {
	case NR_read:
		set_memory(operation, MEMORY_BUFFER, a[1], 1);
		return OPERATION_RECEIVE;
	case NR_recvfrom:
		set_memory(operation, MEMORY_BUFFER, a[1], 1);
		operation->is_peek = (a[3] & MSG_PEEK) != 0;
		return OPERATION_RECEIVE;
	case NR_readv:
		set_memory(operation, MEMORY_USER_IOVEC, a[1], a[2]);
		return OPERATION_RECEIVE;
	case NR_recvmsg:
		set_memory(operation, MEMORY_MESSAGE, a[1], 0);
		operation->is_peek = (a[2] & MSG_PEEK) != 0;
		return OPERATION_RECEIVE;
	case NR_recvmmsg:
		set_memory(operation, MEMORY_MESSAGES, a[1], 0);
		operation->is_peek = (a[3] & MSG_PEEK) != 0;
		return OPERATION_RECEIVE;
	case NR_write:
	case NR_sendto:
		set_memory(operation, MEMORY_BUFFER, a[1], 1);
		return OPERATION_SEND;
	case NR_writev:
		set_memory(operation, MEMORY_USER_IOVEC, a[1], a[2]);
		return OPERATION_SEND;
	case NR_sendmsg:
		set_memory(operation, MEMORY_MESSAGE, a[1], 0);
		return OPERATION_SEND;
	case NR_sendmmsg:
		set_memory(operation, MEMORY_MESSAGES, a[1], 0);
		return OPERATION_SEND;
	case NR_sendfile:
		set_memory(operation, MEMORY_NONE, 0, 0);
		return OPERATION_SEND;
	case NR_splice: /* out of a pipe into a socket, else out of a socket: enter_call looks */
		set_memory(operation, MEMORY_NONE, 0, 0);
		operation->fd = (__s32)a[2];
		return OPERATION_SEND;
	}
	return OPERATION_NONE;
}

static __always_inline __s64 timespec_ns(__u64 address)
{
	__s64 value[2] = {};

	if (!address)
		return -1;
	if (bpf_probe_read_user(value, sizeof(value), (const void *)address))
		return -1;
	return value[0] * 1000000000LL + value[1];
}

static __always_inline __s64 milliseconds_ns(__s32 timeout)
{
	return timeout < 0 ? -1 : (__s64)timeout * 1000000LL;
}

/* Fills the operation for what may end a turn. A poll of one descriptor is a blocking read in disguise and ends none.
 */
static __always_inline __u32 describe_wait(struct operation *operation, long id, const struct call_arguments *arguments)
{
	const __u64 *a = arguments->value;
	__s64 timeval[2] = {};

	switch (id) {
	case NR_epoll_wait:
	case NR_epoll_pwait:
		operation->timeout_ns = milliseconds_ns((__s32)a[3]);
		return OPERATION_WAIT;
	case NR_epoll_pwait2:
		operation->timeout_ns = timespec_ns(a[3]);
		return OPERATION_WAIT;
	case NR_poll:
		operation->timeout_ns = milliseconds_ns((__s32)a[2]);
		return (__u32)a[1] > 1 ? OPERATION_WAIT : OPERATION_NONE;
	case NR_ppoll:
		operation->timeout_ns = timespec_ns(a[2]);
		return (__u32)a[1] > 1 ? OPERATION_WAIT : OPERATION_NONE;
	case NR_pselect6:
		operation->timeout_ns = timespec_ns(a[4]);
		return OPERATION_WAIT;
	case NR_select:
		operation->timeout_ns = -1;
		if (a[4] && !bpf_probe_read_user(timeval, sizeof(timeval), (const void *)a[4]))
			operation->timeout_ns = timeval[0] * 1000000000LL + timeval[1] * 1000;
		return OPERATION_WAIT;
	case NR_futex:
		if ((a[1] & FUTEX_COMMAND_MASK) == FUTEX_WAIT || (a[1] & FUTEX_COMMAND_MASK) == FUTEX_WAIT_BITSET)
			return OPERATION_FUTEX;
		return OPERATION_NONE;
	case NR_accept:
	case NR_accept4:
		return OPERATION_ACCEPT;
	}
	return OPERATION_NONE;
}

/* Of two descriptors the second only wakes the thread up (one of Ruby's waiting threads watches for signals). */
static __always_inline int polls_one(const struct call_arguments *arguments)
{
	struct socket_ref ref;
	__s32 fd = -1;

	if ((__u32)arguments->value[1] != 2 ||
	    bpf_probe_read_user(&fd, sizeof(fd), (const void *)(arguments->value[0] + POLLFD_BYTES)))
		return 0;
	socket_of_fd(fd, &ref);
	return ref.mode == S_IFIFO || (ref.file && is_eventfd(ref.file));
}

static __always_inline int is_poll(long id)
{
	return id == NR_poll || id == NR_ppoll;
}

static __always_inline int is_io(long id)
{
	switch (id) {
	case NR_read:
	case NR_recvfrom:
	case NR_readv:
	case NR_recvmsg:
	case NR_recvmmsg:
	case NR_write:
	case NR_sendto:
	case NR_writev:
	case NR_sendmsg:
	case NR_sendmmsg:
	case NR_sendfile:
	case NR_splice:
		return 1;
	}
	return 0;
}

static __always_inline int is_wait(long id)
{
	switch (id) {
	case NR_epoll_wait:
	case NR_epoll_pwait:
	case NR_epoll_pwait2:
	case NR_poll:
	case NR_ppoll:
	case NR_select:
	case NR_pselect6:
	case NR_futex:
	case NR_accept:
	case NR_accept4:
	case NR_close:
	case NR_getsockopt:
		return 1;
	}
	return 0;
}

/* Whether this configuration looks at the call at all: in source `socket` the bytes are seen elsewhere. */
static __always_inline int is_watched(long id)
{
	if (is_wait(id))
		return 1;
	return (config.features & WS_FEATURE_SYSCALL_IO) && is_io(id);
}

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
static __always_inline void enter_getsockopt(struct thread_state *thread, const struct call_arguments *arguments)
{
	struct connection *connection;
	struct socket_ref ref;
	__u64 key;

	if (arguments->value[1] != SOL_SOCKET || arguments->value[2] != SO_ERROR)
		return;
	socket_of_fd((__s32)arguments->value[0], &ref);
	key = (__u64)ref.sock;
	connection = key ? bpf_map_lookup_elem(&connections, &key) : NULL;
	if (connection)
		finish_connect(thread, connection);
}

static __always_inline int is_epoll(long id)
{
	return id == NR_epoll_wait || id == NR_epoll_pwait || id == NR_epoll_pwait2;
}

static __always_inline int enter_call(struct ws_target *target, long id, const struct call_arguments *arguments)
{
	struct thread_state *thread;
	struct operation *operation;
	struct socket_ref ref;

	if (id == NR_close) {
		enter_close(target, (__s32)arguments->value[0]);
		return 0;
	}
	thread = current_thread();
	if (!thread)
		return 0;
	if (id == NR_getsockopt) {
		enter_getsockopt(thread, arguments);
		return 0;
	}
	operation = &thread->operation;
	operation->start_ns = bpf_ktime_get_boot_ns();
	operation->sock = 0;
	operation->trailing = 0;
	if (is_wait(id)) {
		operation->kind = describe_wait(operation, id, arguments);
		if (operation->kind == OPERATION_WAIT && is_poll(id) && !thread->is_loop && polls_one(arguments))
			operation->kind = OPERATION_NONE;
		/* Like a poll of one descriptor: a thread that waits for its one socket (Python's selectors). */
		if (is_epoll(id) && !thread->is_loop && watches_one((__s32)arguments->value[0]))
			operation->kind = OPERATION_NONE;
		return 0;
	}
	operation->kind = describe_io(operation, id, arguments);
	if (operation->kind != OPERATION_SEND)
		return 0; /* a receive is looked at when it has moved something */
	socket_of_fd(operation->fd, &ref);
	if (!ref.sock) {
		operation->kind = id == NR_splice ? OPERATION_RECEIVE : OPERATION_NONE;
		operation->fd = (__s32)arguments->value[0];
		return 0;
	}
	start_send(thread, target, ref.sock, ref.inode);
	return 0;
}

static __always_inline __u64 message_total(__u64 base, __u32 count)
{
	__u64 total = 0;

	for (__u32 i = 0; i < MAX_MESSAGES; i++) {
		struct mmsghdr header = {};

		if (i >= count)
			break;
		bpf_probe_read_user(&header, sizeof(header), (const void *)(base + i * sizeof(header)));
		total += header.msg_len;
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
	struct mmsghdr header = {};
	__u64 key;

	if (!target || !thread)
		return 0;
	operation = &thread->operation;
	key = operation->sock;
	connection = bpf_map_lookup_elem(&connections, &key);
	if (!connection)
		return 0;
	if (bpf_probe_read_user(&header, sizeof(header), (const void *)(operation->messages + index * sizeof(header))))
		return 0;
	operation->base = (__u64)header.msg_hdr.msg_iov;
	operation->segments = header.msg_hdr.msg_iovlen;
	operation->total = header.msg_len;
	operation->trailing -= header.msg_len;
	if (operation->kind == OPERATION_SEND) {
		finish_send(thread, target, connection, (struct sock *)key);
		operation->position += header.msg_len;
	} else {
		finish_receive(thread, target, connection, (struct sock *)key);
	}
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

static __always_inline void leave_send(struct thread_state *thread, struct ws_target *target, long moved)
{
	struct operation *operation = &thread->operation;
	struct connection *connection;
	__u64 key = operation->sock;

	if (moved <= 0 || !key)
		return;
	connection = bpf_map_lookup_elem(&connections, &key);
	if (!connection || connection->inode != operation->inode)
		return;
	operation->total = (__u64)moved;
	if (operation->memory == MEMORY_MESSAGES) {
		finish_messages(operation, connection, (struct sock *)key, (__u32)moved);
		return;
	}
	resolve_message(operation);
	check_position(operation, connection, (struct sock *)key, operation->total);
	finish_send(thread, target, connection, (struct sock *)key);
}

/* A read that was no socket: an eventfd or a pipe may hand over any work. */
static __always_inline void leave_other_read(struct thread_state *thread, const struct socket_ref *ref, long moved)
{
	struct file *file = ref->file;

	if (ref->mode == S_IFIFO || (moved == 8 && file && is_eventfd(file)))
		forget_token(thread);
}

static __always_inline void leave_receive(struct thread_state *thread, struct ws_target *target, long moved)
{
	struct operation *operation = &thread->operation;
	struct connection *connection;
	struct socket_ref ref;

	if (moved < 0 || operation->is_peek)
		return;
	socket_of_fd(operation->fd, &ref);
	if (!ref.sock) {
		leave_other_read(thread, &ref, moved);
		return;
	}
	if (moved == 0) {
		finish_empty_receive(ref.sock, ref.inode);
		receive_end(thread, target, ref.sock, ref.inode);
		return;
	}
	connection = connection_of(ref.sock, ref.inode, operation->fd);
	if (!connection)
		return;
	operation->total = (__u64)moved;
	if (operation->memory == MEMORY_MESSAGES) {
		finish_messages(operation, connection, ref.sock, (__u32)moved);
		return;
	}
	resolve_message(operation);
	finish_receive(thread, target, connection, ref.sock);
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

static __always_inline int leave_call(long result)
{
	struct ws_target *target = current_target();
	struct thread_state *thread;
	__u32 kind;

	if (!target)
		return 0;
	thread = find_current_thread();
	if (!thread)
		return 0;
	kind = thread->operation.kind;
	switch (kind) {
	case OPERATION_SEND:
		leave_send(thread, target, result);
		break;
	case OPERATION_RECEIVE:
		leave_receive(thread, target, result);
		break;
	case OPERATION_ACCEPT:
		leave_accept(result);
		break;
	case OPERATION_WAIT:
		finish_wait(thread, bpf_ktime_get_boot_ns());
		break;
	case OPERATION_FUTEX:
		if (result == 0)
			finish_futex(thread);
		break;
	}
	thread->operation.kind = OPERATION_NONE;
	return 0;
}

static __always_inline int enter_with_registers(struct pt_regs *regs, long id)
{
	struct call_arguments arguments = {};
	struct ws_target *target;

	if (!is_watched(id) && !is_compat_io(id) && !is_compat_wait(id))
		return 0;
	target = current_target();
	if (!target)
		return 0;
	if (is_compat_call()) {
		enter_compat_call(regs, id);
		return 0;
	}
	if (!is_watched(id))
		return 0;
	arguments.value[0] = PT_REGS_PARM1_CORE_SYSCALL(regs);
	arguments.value[1] = PT_REGS_PARM2_CORE_SYSCALL(regs);
	arguments.value[2] = PT_REGS_PARM3_CORE_SYSCALL(regs);
	arguments.value[3] = PT_REGS_PARM4_CORE_SYSCALL(regs);
	arguments.value[4] = PT_REGS_PARM5_CORE_SYSCALL(regs);
	return enter_call(target, id, &arguments);
}

static __always_inline long call_number(struct pt_regs *regs)
{
#if defined(__TARGET_ARCH_x86)
	return (long)BPF_CORE_READ(regs, orig_ax);
#else
	return (long)(__s32)BPF_CORE_READ(regs, user_regs.regs[8]); /* x8 holds the number throughout the call */
#endif
}

SEC("tp_btf/sys_enter")
int on_sys_enter_btf(__u64 *ctx)
{
	return enter_with_registers((struct pt_regs *)ctx[0], (long)ctx[1]);
}

SEC("tp_btf/sys_exit")
int on_sys_exit_btf(__u64 *ctx)
{
	long id = call_number((struct pt_regs *)ctx[0]);

	return is_watched(id) ? leave_call((long)ctx[1]) : 0;
}

SEC("raw_tp/sys_enter")
int on_sys_enter_raw(__u64 *ctx)
{
	return enter_with_registers((struct pt_regs *)ctx[0], (long)ctx[1]);
}

SEC("raw_tp/sys_exit")
int on_sys_exit_raw(__u64 *ctx)
{
	long id = call_number((struct pt_regs *)ctx[0]);

	return is_watched(id) ? leave_call((long)ctx[1]) : 0;
}

/* Attached to one syscalls:sys_enter_* and sys_exit_* tracepoint per watched call. */
SEC("tracepoint")
int on_sys_enter_tracepoint(struct trace_event_raw_sys_enter *ctx)
{
	struct ws_target *target = current_target();
	struct call_arguments arguments = {};

	if (!target)
		return 0;
	/* Not by direct access: the kernel refuses to attach a program that reads more arguments than the call has. */
	bpf_probe_read_kernel(&arguments, 5 * sizeof(arguments.value[0]), &ctx->args[0]);
	return enter_call(target, ctx->id, &arguments);
}

SEC("tracepoint")
int on_sys_exit_tracepoint(struct trace_event_raw_sys_exit *ctx)
{
	return leave_call(ctx->ret);
}
