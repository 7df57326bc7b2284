/* The state the kernel side keeps: per thread the forward token and the call in flight, per connection its turn and
 * token. Both live in preallocated hashes. A thread's entry stays from its first traced call to its exit, so that a
 * call costs one look-up and no insertion (docs/adr/0002). */
#pragma once
#include "lib/kernel_types.bpf.h"
#include "shared/config.h"

enum operation_kind {
	OPERATION_NONE = 0,
	OPERATION_SEND = 1,
	OPERATION_RECEIVE = 2,
	OPERATION_WAIT = 3, /* a multiplexed wait with a time-out */
	OPERATION_FUTEX = 4,
};

/* Where the bytes of a call lie. */
enum memory_kind {
	MEMORY_BUFFER = 0,	 /* base, length in user memory */
	MEMORY_USER_IOVEC = 1,	 /* base is an array of `segments` iovecs in user memory */
	MEMORY_KERNEL_IOVEC = 2, /* the same, the array itself in kernel memory */
	MEMORY_MESSAGE = 3,	 /* base is a user_msghdr */
	MEMORY_MESSAGES = 4,	 /* base is an array of mmsghdr */
	MEMORY_NONE = 5,	 /* not user memory: counted only */
};

/* A place among segments: those before `index` hold `start` bytes. */
struct segment_cursor {
	__u64 start;
	__u32 index;
	__u32 reserved;
};

/* The system call or socket call in flight on a thread: filled on entry, used on return. */
struct operation {
	__u64 start_ns;
	__u64 base;
	__u64 offset; /* bytes of the first segments to skip */
	__u64 segments;
	__u64 sock; /* struct sock *, 0 where the walk is left to the return */
	__u64 inode;
	__u64 active; /* the thread's token and its source at entry */
	__u64 cpu_ns;
	__u64 exec_start_ns;
	__u64 run_delay_ns;
	__u64 stored;	/* the connection's stored token before this call took it */
	__u64 time_ns;	/* of the event: start of a send, end of a receive */
	__u64 total;	/* bytes of the piece being emitted: all that the call moved, or a part */
	__u64 rest;	/* bytes of the call behind that piece */
	__u64 skipped;	/* bytes of the piece before the first one that is copied */
	__u32 kept;	/* walking frames: bytes behind those, that will be copied */
	__u32 flush;	/* and they have to be told before the next frame */
	__u32 pieces;	/* records of this call so far */
	__u32 captured; /* bytes of the piece that are being copied, so far */
	__u32 number;	/* which piece of the call is being told */
	__u32 reserved;
	struct segment_cursor copied; /* where the last copy ended */
	struct segment_cursor looked; /* where a frame's header was looked for last */
	__u64 messages;		      /* sendmmsg, recvmmsg: the array of mmsghdr */
	__u64 trailing;		      /* bytes of later messages of the same call (recvmmsg) */
	__u32 kind;
	__u32 memory;
	__s32 fd;
	__u32 position; /* sends: write_seq; receives: copied_seq, both at entry */
	__u32 reverse_position;
	__u32 position_high;
	__u32 data_flags; /* enum ws_data_flag known at entry */
	__u32 active_source;
	__u32 queue_wait_jiffies;
	__u32 srtt_us;
	__u32 retransmits;
	__u32 direction;
	__u32 is_new_turn;
	__u32 activations; /* the thread's, at entry */
	__u64 last_call;
	__u64 runtime_id;     /* who makes the call, 0 unknown */
	__u64 runtime_parent; /* a goroutine: who started it. A CPython context: its address */
	__s64 timeout_ns;     /* OPERATION_WAIT */
	__u8 start[32];	      /* bytes read to look at: 16, and room for what the verifier cannot rule out */
};

/* Time-outs of a wait that are none. */
#define WAIT_FOREVER (-1)
#define WAIT_UNKNOWN (-2)

#define CALL_ARGUMENTS 5 /* of a system call; no call that is looked at needs the sixth */

#define PAST_TURNS	  8
#define SHORTEST_TIMER_NS 1000000ULL /* what event loops that look without waiting (libuv) can set at least */

struct turn_activity {
	__u32 turn;
	__u32 activity;
};

struct thread_state {
	__u64 active;	   /* token the thread works for */
	__u64 active_sock; /* struct sock * of that token's connection */
	__u64 last_call;
	__u64 response_inode; /* connection whose response was read last in this turn */
	__u64 deadline_ns;    /* user-space timers cannot fire before; ~0: never */
	__u32 sequence;
	__u32 turn;
	__u32 active_source;
	__u32 active_is_call;
	__u32 is_loop;
	__u16 activations; /* exchanges read in this turn */
	__u16 unacted;	   /* of them, those that have neither called nor answered */
	__u64 read_inode;  /* connection whose response was read last, and how many since the thread last sent in this
			      turn */
	__u32 reads;
	struct turn_activity past[PAST_TURNS]; /* the same of the turns before, by turn number */
	__u32 runtime_generation;	       /* of the look into `runtimes` that found nothing */
	__u64 runtime_anchor;		       /* Go: runtime.m; CPython: thread state; 0 not found */
	__u32 runtime_misses;		       /* CPython: calls in vain since it was sought */
	__u32 activity;			       /* reads of requests and responses in this turn */
	__u64 waited_ns;		       /* when the last multiplexed wait with a time-out returned */
	__u64 looked_ns;		       /* after waits without one: timers set since may be due; ~0: none was */
	__u64 handed_over;		       /* what WS_DATA_HANDED_OVER says */
	__u64 woken_active; /* what the thread worked for when it waited at a futex, and has read nothing since; 0 */
	__u64 woken_sock;
	__u64 woken_call; /* last_call of then */
	__u64 woken_is_call;
	__u64 arguments[CALL_ARGUMENTS]; /* of the call in flight, where its return cannot read them (tracepoints) */
	struct operation operation;
};

enum walk_state {
	WALK_NEW = 0, /* no byte of this direction was seen */
	WALK_LOST = 1,
	WALK_IN_STEP = 2,
};

/* Where one direction of an HTTP/2 connection stands in its frames (lib/frames.bpf.h). */
struct frame_walk {
	__u32 expected;	 /* position of the next byte */
	__u32 left;	 /* bytes of the payload in progress */
	__u32 wanted;	 /* of them, the next ones, which are copied; the rest is passed over */
	__u8 state;	 /* enum walk_state */
	__u8 gathered;	 /* bytes of a header that fell apart */
	__u8 header[18]; /* 9; the rest is room as above */
};

struct connection {
	__u64 inode; /* these three as in struct ws_connection_life, which user space reads */
	__u32 sweep; /* number of the last sweep that found it open */
	__u32 is_unix;
	__u64 current; /* token of the exchange or call of the current turn */
	__u64 parent;  /* client: the open exchange behind the current call, 0 unknown */
	__u64 parent_sock;
	__u64 stored; /* client: token at connect(), until the first turn; with WS_DATA_REQUESTER of the next call */
	__u64 stored_sock;
	__u32 stored_tid; /* the thread, its turn, and how much it had read in it */
	__u32 stored_turn;
	__u32 stored_activity;
	__u32 stored_flags; /* WS_DATA_STORED_*, as known at connect(); or WS_DATA_REQUESTER* */
	__u64 goroutine;    /* the goroutine that read last (a client's: or connected), 0 unknown */
	__u64 sent_bytes;   /* unix: no sequence number, so bytes are counted */
	__u64 received_bytes;
	__u32 turn;
	__u32 captured; /* bytes copied in this turn */
	__u32 budget;	/* bytes that may be copied in this turn */
	__u32 owner_tgid;
	__u32 reader_tid; /* thread that read the current request or response, and its turn */
	__u32 reader_turn;
	__u8 role;	     /* enum ws_role */
	__u8 last_direction; /* enum ws_direction, 2 before the first byte */
	__u8 is_fresh;	     /* client: nothing sent yet */
	__u8 turn_unsent;    /* a send turn has begun but no byte has gone out (EAGAIN) */
	__u8 response_started;
	__u8 has_acted;	     /* server: the current exchange has called or answered */
	__u8 is_off;	     /* user space does not want its bytes */
	__u8 is_multiplexed; /* HTTP/2: it began with the preface, or user space says so */
	__u32 is_announced;  /* its CONNECTION_OPENED record is on the ring */
	__u32 reserved2;
	struct frame_walk walks[2]; /* by enum ws_direction */
};
_Static_assert(__builtin_offsetof(struct connection, inode) == __builtin_offsetof(struct ws_connection_life, inode),
	       "inode");
_Static_assert(__builtin_offsetof(struct connection, sweep) == __builtin_offsetof(struct ws_connection_life, sweep),
	       "sweep");
_Static_assert(__builtin_offsetof(struct connection, is_unix) == __builtin_offsetof(struct ws_connection_life, is_unix),
	       "is_unix");

/* Value of map `lineages`: the exchange that a goroutine was started for. */
struct lineage {
	__u64 token;
	__u64 sock;  /* struct sock * of that exchange's connection */
	__u32 calls; /* that it has asked for so far */
	__u32 reserved;
};

/* Value of map `contexts`: where a CPython context comes from. */
struct ancestry {
	__u64 number; /* with WS_RUNTIME_CONTEXT_BIT and WS_RUNTIME_NUMBER_BIT: an address is used again and again */
	__u32 epoch;  /* of struct ws_runtime */
	__u32 reserved;
	struct ws_ancestor ancestors[WS_ANCESTORS];
};

#define NO_DIRECTION 2
