/* Functions of CPython, where user space found them: what copies a context (a task, a callback or a thread's work
 * begins with a copy of its creator's), and what frees one. */
#include "lib/causality.bpf.h"

#if defined(__TARGET_ARCH_x86)
#define FIRST_ARGUMENT(ctx) ((__u64)(ctx)->di)
#define RETURN_VALUE(ctx)   ((__u64)(ctx)->ax)
#else
#define FIRST_ARGUMENT(ctx) ((__u64)(ctx)->user_regs.regs[0])
#define RETURN_VALUE(ctx)   ((__u64)(ctx)->user_regs.regs[0])
#endif

static __always_inline struct ws_runtime *python_runtime(void)
{
	__u32 tgid = (__u32)(bpf_get_current_pid_tgid() >> 32);
	struct ws_runtime *runtime;

	if (!current_target())
		return NULL;
	runtime = bpf_map_lookup_elem(&runtimes, &tgid);
	return runtime && runtime->kind == WS_RUNTIME_PYTHON && runtime->epoch ? runtime : NULL;
}

/* PyContext_CopyCurrent() has returned the copy; the thread is still in the context it was made from. */
SEC("uretprobe")
int on_context_copied(struct pt_regs *ctx)
{
	struct ws_runtime *runtime = python_runtime();
	struct thread_state *thread;
	struct ws_goroutine key = {.id = RETURN_VALUE(ctx), .tgid = (__u32)(bpf_get_current_pid_tgid() >> 32)};
	struct ancestry copy = {};
	struct ancestry *original;
	__u64 parent, now_ns;

	if (!runtime || !key.id)
		return 0;
	__sync_fetch_and_add(&runtime->births, 1);
	thread = current_thread();
	if (!thread)
		return 0;
	parent = python_context(thread, runtime);
	original = ancestry_of(parent, runtime);
	now_ns = bpf_ktime_get_boot_ns(); /* the interpreter's lock: a process copies one at a time */
	copy.number = now_ns | WS_RUNTIME_CONTEXT_BIT | WS_RUNTIME_NUMBER_BIT;
	copy.epoch = runtime->epoch;
	if (parent) {
		copy.ancestors[0].runtime_id = original ? original->number : parent | WS_RUNTIME_CONTEXT_BIT;
		copy.ancestors[0].born_ns = now_ns;
	}
	if (original)
		__builtin_memcpy(&copy.ancestors[1], original->ancestors,
				 sizeof(copy.ancestors) - sizeof(copy.ancestors[0]));
	bpf_map_update_elem(&contexts, &key, &copy, BPF_ANY);
	return 0;
}

/* The deallocator of contexts, the tp_dealloc of PyContext_Type: another one may get the address without being a copy.
 */
SEC("uprobe")
int on_context_freed(struct pt_regs *ctx)
{
	struct ws_goroutine key = {.id = FIRST_ARGUMENT(ctx), .tgid = (__u32)(bpf_get_current_pid_tgid() >> 32)};

	if (current_target())
		bpf_map_delete_elem(&contexts, &key);
	return 0;
}
