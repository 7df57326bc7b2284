/* The kernel structures that are read, and of each only the fields that are read; CO-RE relocates every access against
 * the running kernel's BTF. In place of a generated vmlinux.h (3 MB, one architecture). Flavours (name___suffix) cover
 * drift between kernels.
 */
#pragma once
#define __VMLINUX_H__ /* libbpf's headers then use the kernel's own register names */

#pragma clang diagnostic push
#pragma clang diagnostic ignored "-Wpadded" /* excerpts: the compiler's own offsets are never used */

typedef unsigned char __u8;
typedef signed char __s8;
typedef unsigned short __u16;
typedef short __s16;
typedef unsigned int __u32;
typedef int __s32;
typedef unsigned long long __u64;
typedef long long __s64;
typedef __u16 __be16;
typedef __u32 __be32;
typedef __u64 __be64;
typedef __u32 __wsum;
typedef __u16 __le16;
typedef __u32 __le32;
typedef __u64 __le64;
typedef unsigned int u32;
typedef __u64 u64;
typedef unsigned long size_t;
typedef _Bool bool;
#define true 1
#define false 0
#define NULL ((void *)0)

enum {
	BPF_ANY = 0,
	BPF_NOEXIST = 1,
	BPF_EXIST = 2,
	BPF_RB_NO_WAKEUP = 1,
	BPF_F_CURRENT_CPU = 0xffffffff,
};

enum bpf_map_type {
	BPF_MAP_TYPE_HASH = 1,
	BPF_MAP_TYPE_ARRAY = 2,
	BPF_MAP_TYPE_LRU_HASH = 9,
	BPF_MAP_TYPE_ARRAY_OF_MAPS = 12,
	BPF_MAP_TYPE_RINGBUF = 27,
};

#define ws_core __attribute__((preserve_access_index))

#if defined(__TARGET_ARCH_x86)
struct pt_regs {
	unsigned long r15, r14, r13, r12, bp, bx, r11, r10, r9, r8, ax, cx, dx, si, di, orig_ax, ip, cs, flags, sp, ss;
} ws_core;
struct thread_struct {
	unsigned long fsbase;
} ws_core;
#elif defined(__TARGET_ARCH_arm64)
struct user_pt_regs {
	__u64 regs[31];
	__u64 sp, pc, pstate;
} ws_core;
struct pt_regs {
	struct user_pt_regs user_regs;
	__u64 orig_x0;
} ws_core;
struct thread_struct {
	unsigned long unused;
} ws_core;
#else
#error "unknown target architecture"
#endif

struct sched_entity {
	__u64 exec_start;
	__u64 sum_exec_runtime;
} ws_core;

struct sched_info {
	unsigned long long run_delay;
} ws_core;

struct inode {
	unsigned short i_mode;
	unsigned long i_ino;
} ws_core;

struct qstr {
	const unsigned char *name;
} ws_core;

struct dentry {
	struct qstr d_name;
} ws_core;

struct path {
	struct dentry *dentry;
} ws_core;

struct file {
	struct path f_path;
	struct inode *f_inode;
	void *private_data;
} ws_core;

/* References to an open file: a plain counter up to 6.12, from 6.13 (commit 90ee6ed776c0) a file_ref_t that is 0 for
 * one. */
typedef struct {
	long counter;
} atomic_long_t;

struct file___counted {
	atomic_long_t f_count;
} ws_core;

typedef struct {
	atomic_long_t refcnt;
} file_ref_t;

struct file___referenced {
	file_ref_t f_ref;
} ws_core;

struct fdtable {
	unsigned int max_fds;
	struct file **fd;
} ws_core;

struct files_struct {
	struct fdtable *fdt;
} ws_core;

struct signal_struct {
	int group_exit_code;
} ws_core;

struct thread_info {
	unsigned long flags;
	unsigned int status; /* x86 */
} ws_core;

struct task_struct {
	struct thread_info thread_info;
	int pid;
	int tgid;
	int exit_code;
	struct task_struct *real_parent;
	struct task_struct *group_leader;
	struct files_struct *files;
	struct signal_struct *signal;
	struct sched_entity se;
	struct sched_info sched_info;
	struct thread_struct thread;
	char comm[16];
} ws_core;

struct hlist_node;
struct hlist_head {
	struct hlist_node *first;
} ws_core;

struct rb_node {
	struct rb_node *rb_right;
	struct rb_node *rb_left;
} ws_core;

struct rb_root {
	struct rb_node *rb_node;
} ws_core;

struct rb_root_cached {
	struct rb_root rb_root;
} ws_core;

struct eventpoll { /* fs/eventpoll.c */
	struct rb_root_cached rbr;
} ws_core;

struct ns_common {
	unsigned int inum;
} ws_core;

struct net {
	struct ns_common ns;
} ws_core;

typedef struct {
	struct net *net;
} possible_net_t;

struct in6_addr {
	__u8 bytes[16];
};

struct sock_common {
	__be32 skc_daddr;
	__be32 skc_rcv_saddr;
	__be16 skc_dport;
	__u16 skc_num;
	unsigned short skc_family;
	unsigned char skc_state;
	possible_net_t skc_net;
	struct in6_addr skc_v6_daddr;
	struct in6_addr skc_v6_rcv_saddr;
} ws_core;

struct socket;
struct sock {
	struct sock_common __sk_common;
	struct socket *sk_socket;
	__u16 sk_type;
	__u16 sk_protocol;
	int sk_err;
} ws_core;

struct socket {
	struct file *file;
	struct sock *sk;
} ws_core;

/* Read by offset inside inet_connection_sock: an anonymous structure in the kernel. */
struct inet_connection_sock {
	struct {
		__u32 lrcvtime;
	} icsk_ack;
} ws_core;

struct tcp_sock {
	struct inet_connection_sock inet_conn;
	__u64 bytes_received;
	__u64 bytes_acked;
	__u32 rcv_nxt;
	__u32 copied_seq;
	__u32 snd_una;
	__u32 write_seq;
	__u32 srtt_us;
	__u32 total_retrans;
} ws_core;

struct sockaddr_un {
	unsigned short sun_family;
	char sun_path[108];
};

struct unix_address {
	int len;
	struct sockaddr_un name[0];
} ws_core;

struct unix_sock {
	struct unix_address *addr;
	struct sock *peer;
} ws_core;

struct iovec {
	void *iov_base;
	size_t iov_len;
};

/* What sendmsg and recvmsg take from user space (the same on both 64-bit architectures). */
struct user_msghdr {
	void *msg_name;
	int msg_namelen;
	int padding;
	struct iovec *msg_iov;
	size_t msg_iovlen;
	void *msg_control;
	size_t msg_controllen;
	unsigned int msg_flags;
	unsigned int padding2;
};

struct mmsghdr {
	struct user_msghdr msg_hdr;
	unsigned int msg_len;
	unsigned int padding;
};

/* iov_iter: 5.10 has `type` bits and `iov`; 5.14 `iter_type` and `iov`; 6.0 adds ITER_UBUF and `ubuf`; 6.4 renames to
 * `__iov`. */
enum iter_type { ITER_IOVEC_ANY };
enum iter_type___core {
	ITER_IOVEC = 0,
	ITER_UBUF = 1,
};

struct iov_iter {
	size_t iov_offset;
	size_t count;
	unsigned long nr_segs;
} ws_core;

struct iov_iter___type_bits {
	unsigned int type;
} ws_core;

struct iov_iter___typed {
	__u8 iter_type;
} ws_core;

struct iov_iter___iov {
	const struct iovec *iov;
} ws_core;

struct iov_iter___renamed {
	const struct iovec *__iov;
} ws_core;

struct iov_iter___ubuf {
	void *ubuf;
} ws_core;

struct msghdr {
	struct iov_iter msg_iter;
} ws_core;

struct bpf_iter_meta {
	void *seq;
	__u64 session_id;
	__u64 seq_num;
} ws_core;

struct bpf_iter__task_file {
	struct bpf_iter_meta *meta;
	struct task_struct *task;
	__u32 fd;
	struct file *file;
} ws_core;

struct trace_entry {
	unsigned short type;
	unsigned char flags;
	unsigned char preempt_count;
	int pid;
};

/* Same layout for every syscalls:sys_enter_* and sys_exit_* tracepoint. */
struct trace_event_raw_sys_enter {
	struct trace_entry ent;
	long id;
	unsigned long args[6];
};

struct trace_event_raw_sys_exit {
	struct trace_entry ent;
	long id;
	long ret;
};

#pragma clang diagnostic pop
