/* Entered only by BPF_PROG_TEST_RUN: one program that takes one step of the token rules or of the capture on connections that the
 * test made up. Addresses of sockets are plain numbers here: nothing behind them is read but through bpf_probe_read_kernel, which
 * fails. */
#include "lib/capture.bpf.h"

enum step_kind {
  STEP_RECEIVE,
  STEP_SEND,
  STEP_WAIT,
  STEP_EVENTFD,
  STEP_CONNECT,
  STEP_FUTEX,
  STEP_ADD,
  STEP_COPY,
  STEP_CLASSIFY,
  STEP_CLOSE,
  STEP_RECEIVE_END,
  STEP_START,   /* step_runtime_id is started by step_runtime_parent */
  STEP_REQUEST, /* and asks for a call on the connection */
  STEP_MOVE     /* a call that sends step_wanted bytes at step_position */
};

/* Filled by the test. */
volatile __u32 step;
volatile __u64 step_sock;
volatile __u32 step_role;
volatile __s64 step_timeout_ns;
volatile __u64 step_now_ns;
volatile __u64 step_base;
volatile __u64 step_segments;
volatile __u64 step_offset;
volatile __u32 step_wanted;
volatile __u32 step_memory;
volatile __u32 step_position;
volatile __u32 step_budget;
volatile __u32 step_flags;
volatile __u64 step_runtime_id; /* who makes the call, and who started that */
volatile __u64 step_runtime_parent;

/* Filled here. */
volatile __u64 seen_active; /* before the step */
volatile __u64 told_active; /* the stamp */
volatile __u32 told_source;
volatile __u32 seen_flags;
volatile __u64 left_active; /* after it */
volatile __u32 left_turn;
volatile __u64 left_current;
volatile __u64 left_parent;
volatile __u64 left_stored;
volatile __s32 left_unacted;
volatile __u32 left_copied;
volatile __u32 left_role;
__u8 copied[2048];

/* In a frame of its own: what a call's deepest chain of functions takes of the stack is bounded at 512 bytes together. */
static __noinline int add_connection(__u64 key) {
  struct connection fresh = {};

  fresh.inode = key;
  fresh.role = (__u8)step_role;
  fresh.last_direction = NO_DIRECTION;
  fresh.is_fresh = step_role == WS_ROLE_CLIENT;
  return bpf_map_update_elem(&connections, &key, &fresh, BPF_ANY);
}

SEC("raw_tracepoint/test")
int take_step(void* ctx __attribute__((unused))) {
  struct ws_target* target = current_target();
  struct thread_state* thread = current_thread();
  struct connection* connection;
  __u64 key = step_sock;

  if (!target || !thread) return -1;
  thread->operation.start_ns = step_now_ns;
  thread->operation.runtime_id = step_runtime_id;
  thread->operation.runtime_parent = step_runtime_parent;
  if (step == STEP_ADD) return add_connection(key);
  connection = bpf_map_lookup_elem(&connections, &key);
  seen_active = thread->active;
  if (step == STEP_WAIT) {
    finish_wait(thread, step_now_ns, step_timeout_ns, step_now_ns);
  } else if (step == STEP_EVENTFD) {
    forget_token(thread);
  } else if (step == STEP_FUTEX) {
    finish_futex(thread);
  } else if (step == STEP_COPY) {
    thread->operation.base = step_base;
    thread->operation.segments = step_segments;
    thread->operation.offset = step_offset;
    thread->operation.memory = step_memory;
    thread->operation.skipped = 0;
    thread->operation.copied.index = 0;
    thread->operation.copied.start = 0;
    thread->operation.data_flags = 0;
    if (step_memory == MEMORY_BUFFER)
      copy_buffer(&thread->operation, copied, step_wanted, 1024);
    else
      copy_segments(&thread->operation, copied, step_wanted, 1024);
    left_copied = thread->operation.captured;
    seen_flags = thread->operation.data_flags;
  } else if (step == STEP_START) {
    inherit_work(step_runtime_id, step_runtime_parent);
  } else if (step == STEP_REQUEST && connection) {
    note_requester(connection, step_runtime_id);
  } else if (connection) {
    stamp_thread(thread, step_now_ns);
    if (step == STEP_CONNECT) {
      store_token(thread, target, connection, step_now_ns);
    } else if (step == STEP_RECEIVE) {
      thread->operation.direction = WS_RECEIVE;
      begin_receive(thread, target, connection, (struct sock*)key);
    } else if (step == STEP_SEND) {
      thread->operation.direction = WS_SEND;
      begin_send(thread, target, connection);
      connection->turn_unsent = 0;
      connection->is_fresh = 0;
      left_stored = thread->operation.stored;
    } else if (step == STEP_CLOSE) {
      close_exchange(thread, target, connection);
    } else if (step == STEP_RECEIVE_END) {
      receive_end(thread, target, (struct sock*)key, connection->inode);
    } else if (step == STEP_MOVE) {
      thread->operation.direction = WS_SEND;
      thread->operation.base = step_base;
      thread->operation.segments = step_segments;
      thread->operation.offset = 0;
      thread->operation.memory = step_memory;
      thread->operation.total = step_wanted;
      thread->operation.position = step_position;
      thread->operation.data_flags = step_flags;
      connection->budget = step_budget;
      connection->captured = 0;
      connection->is_announced = 1;
      emit_data(thread, target, connection, (struct sock*)key, 1);
    } else if (step == STEP_CLASSIFY) {
      __u32 start = copied[0] | (__u32)copied[1] << 8 | (__u32)copied[2] << 16 | (__u32)copied[3] << 24;

      thread->operation.sock = key;
      classify(start);
    }
    told_active = thread->operation.active;
    told_source = thread->operation.active_source;
    seen_flags = thread->operation.data_flags;
  }
  left_active = thread->active;
  left_turn = thread->turn;
  left_unacted = target->unacted_exchanges;
  if (connection) {
    left_current = connection->current;
    left_parent = connection->parent;
    left_role = connection->role;
    if (step == STEP_CONNECT) left_stored = connection->stored;
  }
  return 0;
}
