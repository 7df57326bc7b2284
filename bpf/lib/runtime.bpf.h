/* Runtime identities: which goroutine, or which CPython context, makes a call. Read from the program's own memory with
 * the offsets that user space found for its very build (map `runtimes`), and believed only where what is read proves
 * itself; else the identity is 0. One call reads at most five words. */
#pragma once
#include "lib/target.bpf.h"

/* Raised by user space whenever it writes to `runtimes`: a thread that found nothing there looks again only then. */
extern volatile __u32 runtime_generation;

#define THREADS_AT_ONCE	 8  /* thread states that one function call passes */
#define MAX_THREAD_WALKS 8  /* such calls to find a thread's own */
#define WALK_AGAIN_CALLS 16 /* calls of a thread without thread state until the list is walked once more */

static __always_inline __u64 user_word(__u64 address)
{
	__u64 word = 0;

	if (bpf_probe_read_user(&word, sizeof(word), (const void *)address))
		return 0;
	return word;
}

/* The thread pointer: what pthread_self() returns on x86-64 (glibc and musl). 0 where it is not known. */
static __always_inline __u64 thread_pointer(void)
{
#if defined(__TARGET_ARCH_x86)
	return READ_TASK(thread.fsbase);
#else
	return 0;
#endif
}

static __always_inline int is_goroutine(__u64 runtime_id)
{
	return runtime_id && !(runtime_id & WS_RUNTIME_CONTEXT_BIT);
}

static __always_inline int is_named_goroutine(__u64 runtime_id)
{
	return is_goroutine(runtime_id) && runtime_id != WS_RUNTIME_UNNAMED;
}

/* g lies at a fixed distance from the thread pointer. It is one only if its m names a g0 that names the same m (g0 is
 * the first word of runtime.m); an m never leaves its thread, so that is asked once. */
static __always_inline void read_goroutine(struct thread_state *thread, struct ws_runtime *runtime)
{
	__u64 base = thread_pointer();
	__u64 g, machine, id;

	if (!runtime->id_offset) {
		thread->operation.runtime_id = WS_RUNTIME_UNNAMED;
		return;
	}
	if (!base)
		return;
	g = user_word(base + (__s64)runtime->base_offset);
	machine = g ? user_word(g + runtime->machine_offset) : 0;
	if (!machine)
		return;
	if (thread->runtime_anchor != machine) {
		if (user_word(user_word(machine) + runtime->machine_offset) != machine)
			return;
		thread->runtime_anchor = machine;
	}
	id = user_word(g + runtime->id_offset);
	if (!is_goroutine(id))
		return; /* g0 and the signal handler's g have none */
	thread->operation.runtime_id = id;
	if (runtime->parent_offset)
		thread->operation.runtime_parent = user_word(g + runtime->parent_offset);
}

/* Whether the walk is over that began at runtime_anchor, which then names the current thread's own state, or none: the
 * next few. Global functions, both of these: the verifier walks them once. Weak, because several units carry them and
 * the linker keeps one. */
__weak __noinline int pass_python_threads(void)
{
	__u32 tgid = (__u32)(bpf_get_current_pid_tgid() >> 32);
	struct thread_state *thread = find_current_thread();
	struct ws_runtime *runtime = bpf_map_lookup_elem(&runtimes, &tgid);
	__u64 base = thread_pointer();

	if (!thread || !runtime)
		return 1;
	for (__u32 i = 0; i < THREADS_AT_ONCE; i++) {
		if (!thread->runtime_anchor || user_word(thread->runtime_anchor + runtime->thread_id_offset) == base)
			return 1;
		thread->runtime_anchor = user_word(thread->runtime_anchor + runtime->next_offset);
	}
	return 0;
}

/* Walks the main interpreter's thread states for the current thread's own. */
__weak __noinline int find_python_thread(void)
{
	__u32 tgid = (__u32)(bpf_get_current_pid_tgid() >> 32);
	struct thread_state *thread = find_current_thread();
	struct ws_runtime *runtime = bpf_map_lookup_elem(&runtimes, &tgid);
	__u64 base = thread_pointer();
	__u64 state;

	if (!thread || !runtime || !base)
		return 0;
	state = user_word(runtime->interpreter_address);
	thread->runtime_anchor = state ? user_word(state + runtime->threads_offset) : 0;
	for (__u32 i = 0; i < MAX_THREAD_WALKS; i++) {
		if (pass_python_threads())
			return 0;
	}
	thread->runtime_anchor = 0;
	return 0;
}

/* The context of a thread is the running task's while the event loop runs that task. It is one only if its type is the
 * interpreter's own; the thread state only if it still names this thread. */
static __always_inline __u64 python_context(struct thread_state *thread, struct ws_runtime *runtime)
{
	__u64 base = thread_pointer();
	__u64 context;

	if (!base)
		return 0;
	if (!thread->runtime_anchor || user_word(thread->runtime_anchor + runtime->thread_id_offset) != base) {
		if (thread->runtime_misses++ % WALK_AGAIN_CALLS)
			return 0;
		find_python_thread();
		if (!thread->runtime_anchor)
			return 0;
	}
	thread->runtime_misses = 0;
	context = user_word(thread->runtime_anchor + runtime->context_offset);
	if (context && user_word(context + runtime->type_offset) == runtime->context_type)
		return context;
	return 0;
}

/* Where the context at that address comes from, NULL where nothing was told. */
static __always_inline struct ancestry *ancestry_of(__u64 context, struct ws_runtime *runtime)
{
	struct ws_goroutine key = {.id = context, .tgid = (__u32)(bpf_get_current_pid_tgid() >> 32)};
	struct ancestry *ancestry;

	if (!context || !runtime->epoch)
		return NULL;
	ancestry = bpf_map_lookup_elem(&contexts, &key);
	return ancestry && ancestry->epoch == runtime->epoch ? ancestry : NULL;
}

static __always_inline void read_python_identity(struct thread_state *thread, struct ws_runtime *runtime)
{
	__u64 context = python_context(thread, runtime);
	struct ancestry *ancestry = ancestry_of(context, runtime);

	thread->operation.runtime_parent = context;
	if (ancestry)
		thread->operation.runtime_id = ancestry->number;
	else if (context)
		thread->operation.runtime_id = context | WS_RUNTIME_CONTEXT_BIT;
}

/* Fills in who makes the call in flight on the current thread. */
static __noinline __attribute__((unused)) int read_identity(struct thread_state *thread)
{
	__u32 tgid = (__u32)(bpf_get_current_pid_tgid() >> 32);
	__u32 generation = runtime_generation;
	struct ws_runtime *runtime;

	if (!thread)
		return 0;
	thread->operation.runtime_id = 0;
	thread->operation.runtime_parent = 0;
	if (!(config.features & WS_FEATURE_RUNTIME_IDS) || thread->runtime_generation == generation)
		return 0;
	runtime = bpf_map_lookup_elem(&runtimes, &tgid);
	if (!runtime)
		thread->runtime_generation = generation;
	else if (runtime->kind == WS_RUNTIME_GO)
		read_goroutine(thread, runtime);
	else if (runtime->kind == WS_RUNTIME_PYTHON)
		read_python_identity(thread, runtime);
	return 0;
}

static __always_inline void forget_goroutine(struct connection *connection, __u64 sock, __u32 tgid)
{
	struct ws_goroutine key = {.id = connection->goroutine, .tgid = tgid};
	__u64 *found;

	if (!key.id)
		return;
	found = bpf_map_lookup_elem(&goroutines, &key);
	if (found && *found == sock)
		bpf_map_delete_elem(&goroutines, &key);
}

/* A goroutine that reads a request serves its connection: net/http has one for each. Its helper that watches for the
 * end of an idle connection may read the first byte, but the rest is read by the one that serves. Of a client
 * connection the one that read last is kept, or that connected. */
static __always_inline void note_reader(struct thread_state *thread, struct connection *connection, __u64 sock)
{
	struct ws_goroutine key = {.tgid = (__u32)(bpf_get_current_pid_tgid() >> 32)};
	__u64 id = thread->operation.runtime_id;
	__u64 *found;

	if (!is_named_goroutine(id) || connection->goroutine == id)
		return;
	if (connection->role == WS_ROLE_SERVER) {
		key.id = connection->goroutine; /* one key for both: the stack of all functions together is 512 bytes */
		found = key.id ? bpf_map_lookup_elem(&goroutines, &key) : NULL;
		if (found && *found == sock)
			bpf_map_delete_elem(&goroutines, &key);
		key.id = id;
		bpf_map_update_elem(&goroutines, &key, &sock, BPF_ANY);
	}
	connection->goroutine = id;
}
