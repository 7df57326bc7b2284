/* System calls by number and arguments: which are looked at and where, what they move, what they wait for. The
 * registers still hold the arguments when a call returns. So what can be told then is told then, and an entry is looked
 * at only for what the call itself changes: the positions before a send, the moment at which a wait with a time-out
 * began. */
#pragma once
#include "lib/capture.bpf.h"
#include "lib/syscall_numbers.bpf.h"

#define MSG_PEEK	   2
#define SOL_SOCKET	   1
#define SO_ERROR	   4
#define POLLFD_BYTES	   8
#define FUTEX_COMMAND_MASK 0x7f
#define FUTEX_WAIT	   0
#define FUTEX_WAIT_BITSET  9

struct call_arguments {
	__u64 value[CALL_ARGUMENTS];
};

static __always_inline int is_send(long id)
{
	switch (id) {
	case NR_write:
	case NR_sendto:
	case NR_writev:
	case NR_sendmsg:
	case NR_sendmmsg:
	case NR_sendfile:
		return 1;
	}
	return 0;
}

static __always_inline int is_receive(long id)
{
	switch (id) {
	case NR_read:
	case NR_recvfrom:
	case NR_readv:
	case NR_recvmsg:
	case NR_recvmmsg:
		return 1;
	}
	return 0;
}

static __always_inline int is_poll(long id)
{
	return id == NR_poll || id == NR_ppoll;
}

static __always_inline int is_epoll(long id)
{
	return id == NR_epoll_wait || id == NR_epoll_pwait || id == NR_epoll_pwait2;
}

static __always_inline int is_wait(long id)
{
	return is_epoll(id) || is_poll(id) || id == NR_select || id == NR_pselect6;
}

static __always_inline int is_accept(long id)
{
	return id == NR_accept || id == NR_accept4;
}

/* Whether this configuration looks at what the call moves: in source `socket` the bytes are seen elsewhere. */
static __always_inline int is_io(long id)
{
	return (config.features & WS_FEATURE_SYSCALL_IO) && (is_send(id) || is_receive(id) || id == NR_splice);
}

static __always_inline int is_futex_wait(const struct call_arguments *arguments)
{
	__u64 command = arguments->value[1] & FUTEX_COMMAND_MASK;

	return command == FUTEX_WAIT || command == FUTEX_WAIT_BITSET;
}

/* A wait that ends at some time, or may: whether its end depends on when it began. */
static __always_inline int has_timeout(long id, const struct call_arguments *arguments)
{
	const __u64 *a = arguments->value;

	switch (id) {
	case NR_epoll_wait:
	case NR_epoll_pwait:
		return (__s32)a[3] > 0;
	case NR_poll:
		return (__s32)a[2] > 0;
	case NR_epoll_pwait2:
		return a[3] != 0;
	case NR_ppoll:
		return a[2] != 0;
	case NR_select:
	case NR_pselect6:
		return a[4] != 0;
	}
	return 0;
}

/* By its number alone: whether the entry of a call may be looked at. */
static __always_inline int may_enter(long id)
{
	return is_wait(id) || id == NR_close || id == NR_getsockopt || id == NR_futex ||
	       ((config.features & WS_FEATURE_SYSCALL_IO) && (is_send(id) || id == NR_splice));
}

static __always_inline int needs_entry(long id, const struct call_arguments *arguments)
{
	if (is_wait(id))
		return has_timeout(id, arguments);
	if (id == NR_getsockopt)
		return arguments->value[1] == SOL_SOCKET && arguments->value[2] == SO_ERROR;
	if (id == NR_futex) /* who wakes a thread must know what it waits for */
		return (config.features & WS_FEATURE_COMPLETION_WAKE) && is_futex_wait(arguments);
	return may_enter(id);
}

/* The same of its return. */
static __always_inline int may_leave(long id)
{
	return is_io(id) || is_wait(id) || id == NR_futex || is_accept(id) || id == NR_restart_syscall;
}

static __always_inline int needs_return(long id, const struct call_arguments *arguments, long result)
{
	if (id == NR_futex)
		return is_futex_wait(arguments) && (result == 0 || (config.features & WS_FEATURE_COMPLETION_WAKE));
	if (is_receive(id) || is_accept(id))
		return result >= 0;
	return may_leave(id);
}

static __always_inline void set_memory(struct operation *operation, __u32 memory, __u64 base, __u64 segments)
{
	operation->memory = memory;
	operation->base = base;
	operation->segments = segments;
	operation->offset = 0;
}

/* Where the bytes of a call lie. */
static __always_inline void describe_memory(struct operation *operation, long id,
					    const struct call_arguments *arguments)
{
	const __u64 *a = arguments->value;

	switch (id) {
	case NR_read:
	case NR_recvfrom:
	case NR_write:
	case NR_sendto:
		set_memory(operation, MEMORY_BUFFER, a[1], 1);
		return;
	case NR_readv:
	case NR_writev:
		set_memory(operation, MEMORY_USER_IOVEC, a[1], a[2]);
		return;
	case NR_recvmsg:
	case NR_sendmsg:
		set_memory(operation, MEMORY_MESSAGE, a[1], 0);
		return;
	case NR_recvmmsg:
	case NR_sendmmsg:
		set_memory(operation, MEMORY_MESSAGES, a[1], 0);
		return;
	}
	set_memory(operation, MEMORY_NONE, 0, 0);
}

static __always_inline int is_peek(long id, const struct call_arguments *arguments)
{
	if (id == NR_recvmsg)
		return (arguments->value[2] & MSG_PEEK) != 0;
	return (id == NR_recvfrom || id == NR_recvmmsg) && (arguments->value[3] & MSG_PEEK);
}

static __always_inline __s64 timespec_ns(__u64 address)
{
	__s64 value[2] = {};

	if (!address)
		return WAIT_FOREVER;
	if (bpf_probe_read_user(value, sizeof(value), (const void *)address))
		return WAIT_UNKNOWN;
	return value[0] * 1000000000LL + value[1];
}

static __always_inline __s64 milliseconds_ns(__s32 timeout)
{
	return timeout < 0 ? WAIT_FOREVER : (__s64)timeout * 1000000LL;
}

/* How long a wait may take, as its caller asked for it; WAIT_FOREVER, WAIT_UNKNOWN. At its entry: select and ppoll
 * leave the rest of the time in its place. */
static __always_inline __s64 timeout_of(long id, const struct call_arguments *arguments)
{
	const __u64 *a = arguments->value;
	__s64 timeval[2] = {};

	switch (id) {
	case NR_epoll_wait:
	case NR_epoll_pwait:
		return milliseconds_ns((__s32)a[3]);
	case NR_poll:
		return milliseconds_ns((__s32)a[2]);
	case NR_epoll_pwait2:
		return timespec_ns(a[3]);
	case NR_ppoll:
		return timespec_ns(a[2]);
	case NR_pselect6:
		return timespec_ns(a[4]);
	case NR_select:
		if (!a[4])
			return WAIT_FOREVER;
		if (!bpf_probe_read_user(timeval, sizeof(timeval), (const void *)a[4]))
			return timeval[0] * 1000000000LL + timeval[1] * 1000;
	}
	return WAIT_UNKNOWN;
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

/* A wait for one thing is a blocking read in disguise and ends no turn: a poll of one descriptor; of a thread that is
 * no loop, one that watches one socket (Python's selectors). */
static __always_inline int waits_for_one(struct thread_state *thread, long id, const struct call_arguments *arguments)
{
	if (is_poll(id))
		return (__u32)arguments->value[1] <= 1 || (!thread->is_loop && polls_one(arguments));
	return is_epoll(id) && !thread->is_loop && watches_one((__s32)arguments->value[0]);
}
