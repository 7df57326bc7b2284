/* The kernel/user contract: every struct and enum that crosses a ring buffer. Included by bpf/ and by agent/kernel/
 * only.
 *
 * Layout rules: fixed-width integers, no pointers, no bool, no bitfields, no implied padding (-Wpadded -Werror in
 * bpf/); `header` first; payload, where there is one, follows the struct. A .wscap recording holds these same bytes.
 */
#pragma once
#ifndef __bpf__ /* a BPF program gets these types from kernel_types.bpf.h */
#include <linux/types.h>
#endif

#ifdef __cplusplus
#define WS_STATIC_ASSERT static_assert
#else
#define WS_STATIC_ASSERT _Static_assert
#endif

/* Largest payload of one data event; a power of two, so that the verifier can bound it by a mask. */
#define WS_MAX_PAYLOAD	    4096
#define WS_COMM_LENGTH	    16
#define WS_UNIX_PATH_LENGTH 108

enum ws_event_type {
	WS_EVENT_CONNECTION_OPENED = 1,
	WS_EVENT_DATA = 2,
	WS_EVENT_STREAM_ENDED = 3,	/* one direction will carry no more bytes */
	WS_EVENT_CONNECTION_CLOSED = 4, /* the socket is gone, or its connect failed */
	WS_EVENT_PROCESS_FORKED = 5,
	WS_EVENT_PROCESS_EXECED = 6,
	WS_EVENT_PROCESS_EXITED = 7,
	WS_EVENT_COMPLETION_WAKE = 8,
	/* Written by the agent into recordings only; never by the kernel. */
	WS_RECORD_CAPTURE_STARTED = 256,
	WS_RECORD_PROCESS = 257,
	WS_RECORD_LOSSES = 258,
	WS_RECORD_RING = 259, /* the records after it came from that ring */
	WS_RECORD_TICK = 260,
	WS_RECORD_LOSS_NOTED = 261,
};

enum ws_direction { WS_RECEIVE = 0, WS_SEND = 1 };

enum ws_role {
	WS_ROLE_UNKNOWN = 0,
	WS_ROLE_SERVER = 1, /* this end accepted */
	WS_ROLE_CLIENT = 2, /* this end connected */
};

enum ws_family { WS_FAMILY_IPV4 = 2, WS_FAMILY_IPV6 = 10, WS_FAMILY_UNIX = 1 };

/* Where a thread's active token came from (causality: RECV S, RECV C, CONNDONE). */
enum ws_active_source { WS_ACTIVE_NONE = 0, WS_ACTIVE_READ = 1, WS_ACTIVE_RESPONSE = 2, WS_ACTIVE_CONNECT = 3 };

/* ws_data_event.flags */
enum ws_data_flag {
	WS_DATA_FIRST_OF_TURN = 1 << 0,	  /* first bytes since the direction of the connection changed */
	WS_DATA_FRESH = 1 << 1,		  /* client connection that has sent no request before this turn */
	WS_DATA_STORED_CONFLICT = 1 << 2, /* the token stored at connect and the active one name different exchanges */
	WS_DATA_OTHER_UNRESOLVED =
		1 << 3,		      /* this thread read another exchange in this thread turn that has not acted yet */
	WS_DATA_TIMER_DUE = 1 << 4,   /* the deadline of the last multiplexed wait had passed: a timer may have acted */
	WS_DATA_LOOP_THREAD = 1 << 5, /* this thread has called a multiplexed wait */
	WS_DATA_POSITION_RACED = 1 << 6, /* another thread wrote to the same socket meanwhile: `position` may be off */
	WS_DATA_FIRST_OF_RESPONSE = 1 << 7, /* first bytes sent for the exchange on a server connection */
	WS_DATA_BUDGET_SPENT = 1 << 8,	    /* fewer bytes were copied because the turn's budget was used up */
	WS_DATA_COPY_FAULT = 1 << 9,	    /* user memory could not be read (paged out); nothing or less was copied */
	WS_DATA_ACTIVE_OPEN = 1 << 10,	    /* `active` names an exchange none of whose response bytes was sent yet */
	WS_DATA_PREEXISTING = 1 << 11,	    /* the connection was open before the agent looked */
	WS_DATA_SEVERAL_READS =
		1 << 13, /* the thread read responses of several connections since it last sent in this turn */
	WS_DATA_STORED_DOUBTFUL =
		1 << 14, /* `stored` was noted while the thread had read other exchanges that did nothing */
	WS_DATA_STORED_TIMER =
		1 << 15, /* `stored` was noted after the deadline of the loop's wait, and no read followed; without
			  * `stored`: the connection was made after the deadline, for nothing */
	WS_DATA_STORED_SANDWICHED =
		1 << 16, /* `stored` was noted after that deadline, and the thread read on in the same turn */
	WS_DATA_HANDED_OVER = 1 << 17, /* since its last multiplexed wait the thread was woken at a futex, or read an
					  eventfd or a pipe */
	WS_DATA_REQUESTER = 1 << 18, /* the goroutine that asked for this call is known: `stored` is what it works for,
					0 where that is nothing */
	WS_DATA_REQUESTER_AGAIN = 1 << 19, /* it was started for that exchange, and has made a call before */
	WS_DATA_QUEUED_REUSE = 1 << 12,	   /* a loop thread read the response of this very connection in this turn */
};

/* ws_connection_event.flags */
enum ws_connection_flag {
	WS_CONNECTION_PREEXISTING = 1 << 0, /* found by iterator or at its first byte, not at accept or connect */
	WS_CONNECTION_NONBLOCKING_CONNECT = 1 << 1,
};

/* Completion wakes and tokens: (socket inode << 24) | (connection turn & 0xffffff). 0 is "none". */
#define WS_TOKEN_TURN_BITS 24
#define WS_TOKEN(inode, turn)                                                                                          \
	(((__u64)(inode) << WS_TOKEN_TURN_BITS) | ((__u64)(turn) & ((1u << WS_TOKEN_TURN_BITS) - 1)))

/* Tells a CPython context from a goroutine: neither addresses of user memory nor goroutine ids reach so far. */
#define WS_RUNTIME_CONTEXT_BIT (1ULL << 63)
#define WS_RUNTIME_NUMBER_BIT  (1ULL << 62)
/* A goroutine whose id cannot be read: of a Go that is not known. */
#define WS_RUNTIME_UNNAMED (WS_RUNTIME_CONTEXT_BIT - 1)

struct ws_event_header {
	__u32 type;    /* enum ws_event_type */
	__u32 size;    /* bytes of this record with its payload; the ring's own record may be longer */
	__u64 time_ns; /* CLOCK_BOOTTIME */
};

/* What the causality rules need to know about the acting thread, as it was before this event changed it. */
struct ws_thread_stamp {
	__u32 tgid;
	__u32 tid;
	__u32 sequence;	  /* events and state changes of this thread so far; a hole is a lost event */
	__u32 turn;	  /* raised by every end of turn: multiplexed wait, blocking futex of a loop thread */
	__u64 active;	  /* token: the exchange or the call this thread works for */
	__u64 last_call;  /* token of the call whose response this thread read last in this thread turn */
	__u64 runtime_id; /* goroutine id; CPython context: WS_RUNTIME_CONTEXT_BIT and its number, where that is known
			     (WS_RUNTIME_NUMBER_BIT), or else its address; 0: unknown */
	__u64 cpu_ns;	  /* se.sum_exec_runtime: CPU time up to the scheduler's last update */
	__u64 exec_start_ns; /* se.exec_start: the scheduler clock at that update */
	__u64 run_delay_ns;  /* sched_info.run_delay: time spent runnable but not running */
	__u32 active_source; /* enum ws_active_source */
	__u16 cpu;
	__u16 activations; /* exchanges this thread has read since its turn began, saturating */
};

/* The context that another was copied from, and when. */
struct ws_ancestor {
	__u64 runtime_id; /* 0: none, or not known */
	__u64 born_ns;	  /* CLOCK_BOOTTIME of the copy that leads down from it */
};
#define WS_ANCESTORS 3

struct ws_data_event {
	struct ws_event_header header;
	struct ws_thread_stamp thread;
	__u64 inode;	/* socket inode number: the connection's identity, the same through dup, fork, fd passing */
	__u64 exchange; /* token of the exchange (server) or call (client) that these bytes belong to */
	__u64 stored;	/* token stored in a client connection by connect(); 0 after its first turn. A goroutine's call:
			   token of the open exchange that this goroutine serves, else that the one serves which
			   connected, or started the one that connected */
	__u32 position; /* TCP: sequence number of the first byte. Unix: low half of the byte counter */
	__u32 reverse_position; /* the other direction's position at the same moment */
	__u32 position_high; /* approximate bytes moved in this direction so far, in units of 2^20: resolves wrap-around
			      */
	__u32 original_size; /* bytes the call moved */
	__u32 captured_size; /* bytes that follow this struct; <= original_size */
	__u32 skipped_size;  /* bytes between `position` and the first captured byte */
	__u32 flags;	     /* enum ws_data_flag */
	__u32 turn;	     /* turns of the connection so far: raised when the direction changes */
	__u16 direction;     /* enum ws_direction */
	__u16 role;	     /* enum ws_role */
	__s32 fd;	     /* -1 where the hook does not know it */
	__u32 srtt_us;	     /* smoothed round-trip time */
	__u32 retransmits;   /* segments retransmitted over the connection's life */
	__u32 queue_wait_jiffies; /* receive: jiffies between the last segment's arrival and this read */
	__u32 reserved;
	struct ws_ancestor ancestors[WS_ANCESTORS]; /* of the context that began the call, the nearest first */
};

struct ws_address {
	__u16 family; /* enum ws_family */
	__u16 local_port;
	__u16 peer_port;
	__u16 path_length; /* unix: bytes used of `path`, 0 where unnamed; a leading NUL is an abstract name */
	__u8 local[16];	   /* network order; IPv4 in the first four bytes */
	__u8 peer[16];
};

struct ws_connection_event {
	struct ws_event_header header;
	__u64 inode;
	__u64 peer_inode;    /* unix sockets: the other end's inode, 0 where unknown */
	__u64 net_namespace; /* inode of the network namespace */
	__u64 opened_ns;     /* accept return or connect call; the time of discovery where PREEXISTING */
	struct ws_address address;
	__u32 tgid; /* the process that was seen with it first */
	__s32 fd;
	__u32 role;
	__u32 flags;	     /* enum ws_connection_flag */
	__u32 send_position; /* positions at this moment; a client's first request byte has send_position if FRESH */
	__u32 receive_position;
	char path[WS_UNIX_PATH_LENGTH]; /* the listening path of a unix connection */
	__u32 reserved;
};

/* STREAM_ENDED and CONNECTION_CLOSED. */
struct ws_close_event {
	struct ws_event_header header;
	__u64 inode;
	__u32 tgid;	 /* 0 where the kernel acted by itself (reset, time-out) */
	__u32 direction; /* STREAM_ENDED only */
	__u32 position;	 /* STREAM_ENDED: the position after the last byte */
	__u32 error; /* CONNECTION_CLOSED: errno of the socket (ECONNRESET, ETIMEDOUT, ECONNREFUSED), 0 for an orderly
			end */
};

struct ws_process_event {
	struct ws_event_header header;
	__u32 tgid;
	__u32 parent_tgid;
	__u32 tid;	 /* thread that exec'ed */
	__u32 exit_code; /* EXITED: as in wait(2) */
	char comm[WS_COMM_LENGTH];
};

/* A thread that had read a call's response woke a thread that was blocked with an open exchange of its own. */
struct ws_wake_event {
	struct ws_event_header header;
	struct ws_thread_stamp thread; /* the waker */
	__u64 token;		       /* the waker's active call */
	__u64 wakee_exchange;
	__u32 wakee_tid;
	__u32 wakee_tgid;
};

enum ws_loss_reason {
	WS_LOSS_RING_FULL = 0,	       /* bpf_ringbuf_reserve failed: a data event was lost */
	WS_LOSS_RING_FULL_CONTROL = 1, /* the same for a connection, close, process or wake event */
	WS_LOSS_CONNECTIONS_FULL = 2,  /* the connection table is full: the connection is not traced */
	WS_LOSS_THREADS_FULL = 3,      /* the thread table is full: the call is not traced */
	WS_LOSS_TARGETS_FULL = 4,      /* a forked child could not be added to the targets */
	WS_LOSS_COPY_FAULT = 5,	       /* user memory could not be read; the bytes become a gap */
	WS_LOSS_IOVEC_LIMIT = 6,       /* more segments than are walked; the rest becomes a gap */
	WS_LOSS_POSITION_RACED = 7,    /* two threads wrote to one socket at once; the position is uncertain */
	WS_LOSS_NO_RING = 8,	       /* the ring of a connection is not there (a bug) */
	WS_LOSS_COMPAT_CALL = 9,       /* source `syscall`: a 32-bit system call on a stream socket was not looked at */
	WS_LOSS_REASON_COUNT = 10,
};

/* Counters that are no losses, for doctor, tests and the summary. */
enum ws_count {
	WS_COUNT_DATA_EVENTS = 0, /* data events handed to a ring */
	WS_COUNT_CONTROL_EVENTS = 1,
	WS_COUNT_CAPTURED_BYTES = 2,
	WS_COUNT_MOVED_BYTES = 3, /* bytes the traced calls moved */
	WS_COUNT_OFF_CALLS = 4,	  /* calls on connections that user space switched off */
	WS_COUNT_TRACED_CALLS = 5,
	WS_COUNT_FURTHER_PIECES =
		6, /* records for one call beyond its first: traced_calls + these = data_events + off_calls + lost */
	WS_COUNT_COUNT = 7,
};

WS_STATIC_ASSERT(sizeof(struct ws_event_header) == 16, "ws_event_header");
WS_STATIC_ASSERT(sizeof(struct ws_thread_stamp) == 72, "ws_thread_stamp");
WS_STATIC_ASSERT(sizeof(struct ws_data_event) == 216, "ws_data_event");
WS_STATIC_ASSERT(sizeof(struct ws_address) == 40, "ws_address");
WS_STATIC_ASSERT(sizeof(struct ws_connection_event) == 224, "ws_connection_event");
WS_STATIC_ASSERT(sizeof(struct ws_close_event) == 40, "ws_close_event");
WS_STATIC_ASSERT(sizeof(struct ws_process_event) == 48, "ws_process_event");
WS_STATIC_ASSERT(sizeof(struct ws_wake_event) == 112, "ws_wake_event");
