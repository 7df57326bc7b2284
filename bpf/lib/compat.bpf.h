/* 32-bit system calls on a 64-bit kernel: their numbers mean other calls, their arguments lie elsewhere. They are told
 * apart before anything is read. Source `socket` sees their bytes; source `syscall` does not, and counts them. */
#pragma once
#include "lib/causality.bpf.h"

#if defined(__TARGET_ARCH_x86)
#define TS_COMPAT 2 /* arch/x86/include/asm/thread_info.h: set for the length of a 32-bit call */

enum { /* arch/x86/entry/syscalls/syscall_32.tbl */
       NR32_read = 3,
       NR32_write = 4,
       NR32_socketcall = 102,
       NR32_readv = 145,
       NR32_writev = 146,
       NR32_sendfile = 187,
       NR32_sendfile64 = 239,
       NR32_recvmmsg = 337,
       NR32_sendmmsg = 345,
       NR32_sendto = 369,
       NR32_sendmsg = 370,
       NR32_recvfrom = 371,
       NR32_recvmsg = 372,
       NR32_select = 142,
       NR32_poll = 168,
       NR32_epoll_wait = 256,
       NR32_pselect6 = 308,
       NR32_ppoll = 309,
       NR32_epoll_pwait = 319,
};

static __always_inline int is_compat_call(void)
{
	return (READ_TASK(thread_info.status) & TS_COMPAT) != 0;
}

/* The descriptor a 32-bit call works on: its first argument, for socketcall(2) the first word of its array. */
static __always_inline __s32 compat_fd(struct pt_regs *regs, long id)
{
	__s32 fd = (__s32)READ(regs, bx);
	__u64 arguments;

	if (id != NR32_socketcall)
		return fd;
	arguments = READ(regs, cx) & 0xffffffff;
	fd = -1;
	bpf_probe_read_user(&fd, sizeof(fd), (const void *)arguments);
	return fd;
}
#elif defined(__TARGET_ARCH_arm64)
#define TIF_32BIT 22 /* arch/arm64/include/asm/thread_info.h */

enum { /* arch/arm64/tools/syscall_32.tbl */
       NR32_read = 3,
       NR32_write = 4,
       NR32_socketcall = 0x10001, /* not in the EABI */
       NR32_readv = 145,
       NR32_writev = 146,
       NR32_sendfile = 187,
       NR32_sendfile64 = 239,
       NR32_recvmmsg = 365,
       NR32_sendmmsg = 374,
       NR32_sendto = 290,
       NR32_sendmsg = 296,
       NR32_recvfrom = 292,
       NR32_recvmsg = 297,
       NR32_select = 142,
       NR32_poll = 168,
       NR32_epoll_wait = 252,
       NR32_pselect6 = 335,
       NR32_ppoll = 336,
       NR32_epoll_pwait = 346,
};

static __always_inline int is_compat_call(void)
{
	return (READ_TASK(thread_info.flags) >> TIF_32BIT) & 1;
}

static __always_inline __s32 compat_fd(struct pt_regs *regs, long id)
{
	(void)id;
	return (__s32)READ(regs, user_regs.regs[0]);
}
#endif

/* Whether `id`, taken as a 32-bit call's number, moves bytes. */
static __always_inline int is_compat_io(long id)
{
	switch (id) {
	case NR32_read:
	case NR32_write:
	case NR32_socketcall:
	case NR32_readv:
	case NR32_writev:
	case NR32_sendfile:
	case NR32_sendfile64:
	case NR32_recvmmsg:
	case NR32_sendmmsg:
	case NR32_sendto:
	case NR32_sendmsg:
	case NR32_recvfrom:
	case NR32_recvmsg:
		return 1;
	}
	return 0;
}

static __always_inline int is_compat_wait(long id)
{
	switch (id) {
	case NR32_select:
	case NR32_poll:
	case NR32_epoll_wait:
	case NR32_pselect6:
	case NR32_ppoll:
	case NR32_epoll_pwait:
	case 413: /* pselect6_time64, ppoll_time64 and epoll_pwait2 have one number everywhere */
	case 414:
	case 441:
		return 1;
	}
	return 0;
}

/* A wait ends the turn; its time-out is not read, so that a timer may always have acted. */
static __always_inline void enter_compat_call(struct pt_regs *regs, long id)
{
	struct thread_state *thread;
	struct socket_ref ref;

	if (is_compat_wait(id)) {
		thread = find_current_thread();
		if (!thread)
			return;
		thread->is_loop = 1;
		thread->deadline_ns = 0;
		end_turn(thread);
		return;
	}
	if (!(config.features & WS_FEATURE_SYSCALL_IO) || !is_compat_io(id))
		return;
	socket_of_fd(compat_fd(regs, id), &ref);
	if (ref.sock && stream_kind_of(ref.sock) != STREAM_NONE)
		add_loss(WS_LOSS_COMPAT_CALL, 1);
}
