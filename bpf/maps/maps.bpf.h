/* Every map: key, value, who writes, who deletes, what happens when it is full. Sizes are set by user space before
 * loading. */
#pragma once
#include "lib/kernel_types.bpf.h"
#include <bpf/bpf_helpers.h>
#include "lib/state.bpf.h"

/* tgid -> how it is traced. Written by user space; a fork adds the child; exit deletes. Full: the child is not traced,
 * counted. */
struct targets_map {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 4096);
	__type(key, __u32);
	__type(value, struct ws_target);
};

/* tid -> thread state. Written here at the first traced call; exit deletes. Full: the call is not traced, counted. */
struct threads_map {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 8192);
	__type(key, __u32);
	__type(value, struct thread_state);
};

/* struct sock * -> connection. Written here at accept, connect, the first byte, or by the iterator; deleted when the
 * socket dies. Full: the connection is not traced, counted. */
struct connections_map {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 32768);
	__type(key, __u64);
	__type(value, struct connection);
};

/* socket inode -> what user space decided. Written and deleted by user space only; read when a turn begins. */
struct policies_map {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 16384);
	__type(key, __u64);
	__type(value, struct ws_policy);
};

/* Listening (network namespace << 16 | port) of the targets: tells the role of a connection older than the agent.
 * Written by the iterator and at accept; oldest entries give way. */
struct listeners_map {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 1024);
	__type(key, __u64);
	__type(value, __u32);
};

/* tgid -> where its runtime keeps identities. Written by user space; a fork copies, exec and exit delete. Full: the
 * process has no runtime identities. */
struct runtimes_map {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 4096);
	__type(key, __u32);
	__type(value, struct ws_runtime);
};

/* goroutine -> struct sock * of the server connection it reads. Written and deleted here; oldest entries give way:
 * their calls are linked by what threads did. */
struct goroutines_map {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 8192);
	__type(key, struct ws_goroutine);
	__type(value, __u64);
};

/* goroutine -> the exchange that it was started for. Written here where programs on the Go runtime tell it; oldest
 * entries give way: their calls are nobody's. */
struct lineages_map {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 16384);
	__type(key, struct ws_goroutine);
	__type(value, struct lineage);
};

/* CPython context, by its address -> where it comes from. Written when it is copied, deleted when it is freed, both by
 * programs on the interpreter; oldest entries give way: their calls are told by the context alone. */
struct contexts_map {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 16384);
	__type(key, struct ws_goroutine);
	__type(value, struct ancestry);
};

struct ring_map {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 4096);
};

/* index -> ring buffer; connection c is always on ring hash(c) % ring_count. Filled by user space before the programs
 * attach. */
struct rings_map {
	__uint(type, BPF_MAP_TYPE_ARRAY_OF_MAPS);
	__uint(max_entries, 64);
	__type(key, __u32);
	__array(values, struct ring_map);
};

extern struct targets_map targets SEC(".maps");
extern struct threads_map threads SEC(".maps");
extern struct connections_map connections SEC(".maps");
extern struct policies_map policies SEC(".maps");
extern struct listeners_map listeners SEC(".maps");
extern struct runtimes_map runtimes SEC(".maps");
extern struct goroutines_map goroutines SEC(".maps");
extern struct lineages_map lineages SEC(".maps");
extern struct contexts_map contexts SEC(".maps");
extern struct rings_map rings SEC(".maps");

extern const volatile struct ws_config config;
/* A row for each CPU: enum ws_loss_reason -> count, then enum ws_count -> count. Written here, summed by user space. */
extern volatile __u64 counters[WS_COUNTER_ROWS * WS_COUNTERS];
