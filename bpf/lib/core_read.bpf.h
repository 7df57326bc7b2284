/* Accessors of kernel structures: file descriptor -> socket, socket -> identity, addresses and positions, message
 * iterators across kernel versions. Every program type may use them. */
#pragma once
#include "lib/read.bpf.h"

#define S_IFMT	    0170000
#define S_IFSOCK    0140000
#define S_IFIFO	    0010000
#define AF_UNIX	    1
#define AF_INET	    2
#define AF_INET6    10
#define SOCK_STREAM 1
#define IPPROTO_TCP 6

struct socket_ref {
	struct sock *sock;
	__u64 inode;
	__u32 mode; /* S_IFMT bits of the file; 0: no such file */
	__u32 reserved;
	struct file *file;
};

/* The current task's. */
static __always_inline struct file *file_of(__s32 fd)
{
	struct files_struct *files = READ_TASK(files);
	struct fdtable *table = READ(files, fdt);
	struct file **slots;

	if (fd < 0 || !table || (__u32)fd >= READ(table, max_fds))
		return NULL;
	slots = READ(table, fd);
	return (struct file *)READ((struct hlist_head *)&slots[fd],
				   first); /* a bare pointer has no type to be cast to */
}

static __always_inline void socket_of_file(struct file *file, struct socket_ref *ref)
{
	struct inode *inode = READ(file, f_inode);
	struct socket *socket;

	ref->sock = NULL;
	ref->inode = 0;
	ref->file = file;
	ref->mode = READ(inode, i_mode) & S_IFMT;
	if (ref->mode != S_IFSOCK)
		return;
	ref->inode = READ(inode, i_ino);
	socket = (struct socket *)READ(file, private_data);
	ref->sock = READ(socket, sk);
}

/* The socket behind `fd` of the current task; ref->sock is NULL where it is none. */
static __always_inline void socket_of_fd(__s32 fd, struct socket_ref *ref)
{
	struct file *file = file_of(fd);

	ref->sock = NULL;
	ref->inode = 0;
	ref->mode = 0;
	ref->file = NULL;
	if (file)
		socket_of_file(file, ref);
}

static __always_inline int is_eventfd(struct file *file)
{
	const unsigned char *name = READ(READ(file, f_path.dentry), d_name.name);
	char start[8] = {};

	bpf_probe_read_kernel(start, sizeof(start), name);
	return start[0] == '[' && start[1] == 'e' && start[2] == 'v' && start[3] == 'e' && start[4] == 'n' &&
	       start[5] == 't' && start[6] == 'f';
}

/* Whether the epoll instance watches one descriptor: its tree is a single node. */
static __always_inline int watches_one(__s32 epoll_fd)
{
	struct file *file = file_of(epoll_fd);
	struct eventpoll *epoll = file ? (struct eventpoll *)READ(file, private_data) : NULL;
	struct rb_node *root = epoll ? READ(epoll, rbr.rb_root.rb_node) : NULL;

	return root && !READ(root, rb_left) && !READ(root, rb_right);
}

/* Inode number of a socket that is attached to a file; 0 once it is orphaned. */
static __always_inline __u64 inode_of_sock(struct sock *sk)
{
	struct socket *socket = READ_ARGUMENT(sk, sk_socket);
	struct inode *inode;
	struct file *file;

	if (!socket)
		return 0;
	file = READ_ARGUMENT(socket, file);
	if (!file)
		return 0;
	inode = READ_ARGUMENT(file, f_inode);
	return inode ? READ_ARGUMENT(inode, i_ino) : 0;
}

/* Whether nobody else holds the file: not another descriptor, process, or call in flight. */
static __always_inline int is_last_reference(struct file *file)
{
	if (bpf_core_field_exists(((struct file___referenced *)0)->f_ref))
		return READ((struct file___referenced *)file, f_ref.refcnt.counter) == 0;
	return READ((struct file___counted *)file, f_count.counter) == 1;
}

enum stream_kind { STREAM_NONE = 0, STREAM_TCP = 1, STREAM_UNIX = 2 };

static __always_inline enum stream_kind stream_kind_of(struct sock *sk)
{
	__u16 family = READ(sk, __sk_common.skc_family);

	if (READ(sk, sk_type) != SOCK_STREAM)
		return STREAM_NONE;
	if (family == AF_UNIX)
		return STREAM_UNIX;
	if ((family == AF_INET || family == AF_INET6) && READ(sk, sk_protocol) == IPPROTO_TCP)
		return STREAM_TCP;
	return STREAM_NONE;
}

enum tcp_state {
	TCP_ESTABLISHED = 1,
	TCP_SYN_SENT = 2,
	TCP_FIN_WAIT1 = 4,
	TCP_TIME_WAIT = 6,
	TCP_CLOSE = 7,
	TCP_CLOSE_WAIT = 8,
	TCP_LAST_ACK = 9,
	TCP_LISTEN = 10,
	TCP_CLOSING = 11,
};

static __always_inline __u8 state_of(struct sock *sk)
{
	return READ(sk, __sk_common.skc_state);
}

/* The peer's FIN has come: a read that returned nothing is the end of the stream. The FIN takes one sequence number. */
static __always_inline int has_received_fin(__u8 state)
{
	return state == TCP_CLOSE_WAIT || state == TCP_LAST_ACK || state == TCP_CLOSING || state == TCP_TIME_WAIT;
}

static __always_inline __u32 send_position_of(struct tcp_sock *tp)
{
	return READ_TCP(tp, write_seq);
}

static __always_inline __u32 receive_position_of(struct tcp_sock *tp)
{
	return READ_TCP(tp, copied_seq);
}

/* The position after the last byte that was read. A read that reaches the end of the stream takes the FIN with it. */
static __always_inline __u32 end_of_receive(struct sock *sk, struct tcp_sock *tp)
{
	__u32 end = receive_position_of(tp);

	if (has_received_fin(READ_ARGUMENT(sk, __sk_common.skc_state)) && end == READ_TCP(tp, rcv_nxt))
		end--;
	return end;
}

/* Bytes moved so far in units of 2^20. Its parts are read without the socket's lock, so it is a hint: it only says in
 * which 4 GiB of the stream a position lies. */
static __always_inline __u32 send_total_mib(struct tcp_sock *tp)
{
	__u64 unacknowledged = (__u32)(READ_TCP(tp, write_seq) - READ_TCP(tp, snd_una));

	return (__u32)((READ_TCP(tp, bytes_acked) + unacknowledged) >> 20);
}

static __always_inline __u32 receive_total_mib(struct tcp_sock *tp)
{
	__u64 queued = (__u32)(READ_TCP(tp, rcv_nxt) - READ_TCP(tp, copied_seq));

	return (__u32)((READ_TCP(tp, bytes_received) - queued) >> 20);
}

static __always_inline __u64 listener_key(struct sock *sk)
{
	__u64 space = READ(READ(sk, __sk_common.skc_net.net), ns.inum);

	return (space << 16) | READ(sk, __sk_common.skc_num);
}

/* The user memory behind a message iterator: its kind, base, segments, and the bytes to skip. */
static __always_inline __u32 memory_of_iterator(struct iov_iter *iter, __u64 *base, __u64 *segments, __u64 *offset)
{
	__u32 is_iovec, is_buffer = 0;

	*offset = READ_ARGUMENT(iter, iov_offset);
	*segments = READ_ARGUMENT(iter, nr_segs);
	if (bpf_core_field_exists(((struct iov_iter___typed *)0)->iter_type)) {
		__u8 type = READ_ARGUMENT((struct iov_iter___typed *)iter, iter_type);

		is_iovec = type == bpf_core_enum_value(enum iter_type___core, ITER_IOVEC);
		if (bpf_core_enum_value_exists(enum iter_type___core, ITER_UBUF))
			is_buffer = type == bpf_core_enum_value(enum iter_type___core, ITER_UBUF);
	} else {
		/* Up to 5.13 the type is a bit, ITER_IOVEC = 4, beside the direction in bit 0. */
		is_iovec = (READ_ARGUMENT((struct iov_iter___type_bits *)iter, type) & ~1U) == 4;
	}
	if (is_buffer) {
		*base = (__u64)READ_ARGUMENT((struct iov_iter___ubuf *)iter, ubuf);
		return 0; /* MEMORY_BUFFER */
	}
	if (!is_iovec)
		return 5; /* MEMORY_NONE */
	if (bpf_core_field_exists(((struct iov_iter___renamed *)0)->__iov))
		*base = (__u64)READ_ARGUMENT((struct iov_iter___renamed *)iter, __iov);
	else
		*base = (__u64)READ_ARGUMENT((struct iov_iter___iov *)iter, iov);
	return 2; /* MEMORY_KERNEL_IOVEC */
}
