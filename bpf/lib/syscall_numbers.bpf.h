/* Numbers of the system calls that are looked at (arch/x86/entry/syscalls/syscall_64.tbl, include/uapi/asm-generic/unistd.h).
 * A call that an architecture does not have gets a number that no call has. */
#pragma once

#if defined(__TARGET_ARCH_x86)
enum {
	NR_read = 0, NR_write = 1, NR_close = 3, NR_poll = 7, NR_readv = 19, NR_writev = 20, NR_select = 23, NR_sendfile = 40,
	NR_connect = 42, NR_accept = 43, NR_sendto = 44, NR_recvfrom = 45, NR_sendmsg = 46, NR_recvmsg = 47, NR_shutdown = 48,
	NR_futex = 202, NR_epoll_wait = 232, NR_pselect6 = 270, NR_ppoll = 271, NR_splice = 275, NR_epoll_pwait = 281,
	NR_accept4 = 288, NR_recvmmsg = 299, NR_sendmmsg = 307, NR_epoll_pwait2 = 441,
};
#elif defined(__TARGET_ARCH_arm64)
enum {
	NR_read = 63, NR_write = 64, NR_close = 57, NR_poll = 0x10001, NR_readv = 65, NR_writev = 66, NR_select = 0x10002,
	NR_sendfile = 71, NR_connect = 203, NR_accept = 202, NR_sendto = 206, NR_recvfrom = 207, NR_sendmsg = 211, NR_recvmsg = 212,
	NR_shutdown = 210, NR_futex = 98, NR_epoll_wait = 0x10003, NR_pselect6 = 72, NR_ppoll = 73, NR_splice = 76,
	NR_epoll_pwait = 22, NR_accept4 = 242, NR_recvmmsg = 243, NR_sendmmsg = 269, NR_epoll_pwait2 = 441,
};
#endif
