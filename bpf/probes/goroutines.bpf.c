/* Functions of Go programs, where user space found them: what starts a goroutine, and what hands a request to a pooled
 * connection. Each program runs in processes that were selected, and reads with the offsets of their very build. */
#include "lib/causality.bpf.h"

#if defined(__TARGET_ARCH_x86)
/* Go's internal calling convention (cmd/compile/abi-internal.md): RAX, RBX, ...; R14 holds g. */
#define GO_FIRST(ctx)	  ((__u64)(ctx)->ax)
#define GO_SECOND(ctx)	  ((__u64)(ctx)->bx)
#define GO_GOROUTINE(ctx) ((__u64)(ctx)->r14)
#else
#define GO_FIRST(ctx)	  ((__u64)(ctx)->user_regs.regs[0])
#define GO_SECOND(ctx)	  ((__u64)(ctx)->user_regs.regs[1])
#define GO_GOROUTINE(ctx) ((__u64)(ctx)->user_regs.regs[28])
#endif

/* Offsets that are the same in every Go from 1.18 to 1.26 (net/http/transport.go, net/fd_posix.go,
 * internal/poll/fd_unix.go): net/http.persistConn.conn's value; poll.FD.Sysfd, net.netFD.family and sotype. */
#define PERSIST_CONN_VALUE 88
#define NET_FD_SYSFD	   16
#define NET_FD_FAMILY	   56
#define NET_FD_SOTYPE	   64
/* Interfaces are two words: the second is the value. */
#define INTERFACE_VALUE 8

static __always_inline struct ws_runtime *go_runtime(void)
{
	__u32 tgid = (__u32)(bpf_get_current_pid_tgid() >> 32);
	struct ws_runtime *runtime;

	if (!current_target())
		return NULL;
	runtime = bpf_map_lookup_elem(&runtimes, &tgid);
	if (!runtime || runtime->kind != WS_RUNTIME_GO || !runtime->id_offset)
		return NULL;
	return runtime;
}

/* runtime.newproc.func1, at its call of runqput(p, newg, next): the new goroutine is whole, and does not run yet. */
SEC("uprobe")
int on_goroutine_start(struct pt_regs *ctx)
{
	struct ws_runtime *runtime = go_runtime();
	__u64 started, id, parent;

	if (!runtime || !runtime->parent_offset)
		return 0;
	__sync_fetch_and_add(&runtime->births, 1);
	started = GO_SECOND(ctx);
	parent = user_word(started + runtime->parent_offset);
	id = user_word(started + runtime->id_offset);
	if (parent && is_named_goroutine(id))
		inherit_work(id, parent);
	return 0;
}

/* The descriptor of a *net.netFD, -1 where what lies there cannot be one. */
static __always_inline __s32 descriptor_of(__u64 net_fd)
{
	__u64 family, descriptor;

	if (!net_fd || user_word(net_fd + NET_FD_SOTYPE) != SOCK_STREAM)
		return -1;
	family = user_word(net_fd + NET_FD_FAMILY);
	if (family != AF_INET && family != AF_INET6 && family != AF_UNIX)
		return -1;
	descriptor = user_word(net_fd + NET_FD_SYSFD);
	return descriptor > 0x7fffffff ? -1 : (__s32)descriptor;
}

/* The descriptor of a net.Conn's value: *net.TCPConn and *net.UnixConn begin with their *netFD; *tls.Conn with the
 * net.Conn beneath it. Of others nothing is known. */
static __always_inline __s32 descriptor_of_connection(__u64 value)
{
	__s32 fd = descriptor_of(user_word(value));

	if (fd >= 0)
		return fd;
	value = user_word(value + INTERFACE_VALUE);
	return value ? descriptor_of(user_word(value)) : -1;
}

/* net/http.(*persistConn).roundTrip(request): the calling goroutine has the connection for its request, which the
 * connection's own goroutine writes next. */
SEC("uprobe")
int on_go_round_trip(struct pt_regs *ctx)
{
	struct ws_runtime *runtime = go_runtime();
	struct connection *connection;
	struct socket_ref ref = {};
	__u64 id, key;

	if (!runtime)
		return 0;
	id = user_word(GO_GOROUTINE(ctx) + runtime->id_offset);
	if (!is_named_goroutine(id))
		return 0;
	socket_of_fd(descriptor_of_connection(user_word(GO_FIRST(ctx) + PERSIST_CONN_VALUE)), &ref);
	key = (__u64)ref.sock;
	if (!key)
		return 0;
	connection = bpf_map_lookup_elem(&connections, &key);
	if (connection && connection->inode == ref.inode && connection->role == WS_ROLE_CLIENT)
		note_requester(connection, id);
	return 0;
}
