#include "agent/kernel/loaded_object.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <linux/perf_event.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdio>

#include "agent/kernel/tracefs.h"
#include "bpf/shared/config.h"
#include "bpf/tracer.skel.h"

namespace wirespan::kernel {
namespace {

constexpr uint32_t kTimerSlackNs = 1'500'000;  // epoll's time-outs have a granularity of 1 ms (docs/linking.md)

// The calls watched through single tracepoints. io: only in source syscall. returns_only: its entry tells nothing (and has no
// arguments, so that the kernel refuses programs that look for them).
struct WatchedCall {
  const char* name;
  bool io;
  bool returns_only = false;
};
constexpr WatchedCall kWatchedCalls[] = {
    {"read", true},
    {"readv", true},
    {"recvfrom", true},
    {"recvmsg", true},
    {"recvmmsg", true},
    {"write", true},
    {"writev", true},
    {"sendto", true},
    {"sendmsg", true},
    {"sendmmsg", true},
    {"sendfile64", true},
    {"epoll_wait", false},
    {"epoll_pwait", false},
    {"epoll_pwait2", false},
    {"poll", false},
    {"ppoll", false},
    {"select", false},
    {"pselect6", false},
    {"futex", false},
    {"accept", false},
    {"accept4", false},
    {"close", false},
    {"splice", true},
    {"getsockopt", false},
    {"restart_syscall", false, true},
};

// pipe_read became anon_pipe_read, and one for named pipes that calls it, in 6.15.
const char* PipeRead(const KernelFunctions& kernel) {
  return !kernel.Has("pipe_read") && kernel.Has("anon_pipe_read") ? "anon_pipe_read" : "pipe_read";
}

// tcp_recvmsg lost its `nonblock` parameter in 5.19 (kernel commit ec095263a965): the return value of an fexit program lies
// behind the parameters, so their number decides.
std::vector<bpf_program*> SocketPrograms(const tracer& t, Mechanism mechanism, const KernelFunctions& kernel) {
  const auto& p = t.progs;
  if (mechanism == Mechanism::kKprobe) {
    std::vector<bpf_program*> programs = {p.on_tcp_sendmsg_kprobe,  p.on_tcp_recvmsg_kprobe,  p.on_unix_sendmsg_kprobe,
                                          p.on_unix_recvmsg_kprobe, p.on_eventfd_read_kprobe, p.on_pipe_read_kprobe};
    const bool has_tracepoints = kernel.HasTracepoint("sock_send_length") && kernel.HasTracepoint("sock_recv_length");
    if (has_tracepoints) {
      programs.insert(programs.end(), {p.on_socket_sent, p.on_socket_received});
    } else {
      programs.insert(programs.end(), {p.on_tcp_sendmsg_kretprobe, p.on_tcp_recvmsg_kretprobe, p.on_unix_sendmsg_kretprobe,
                                       p.on_unix_recvmsg_kretprobe});
    }
    return programs;
  }
  bpf_program* receive_return =
      kernel.Parameters("tcp_recvmsg") == 6 ? p.on_tcp_recvmsg_return_before_5_19 : p.on_tcp_recvmsg_return;
  return {p.on_tcp_sendmsg,         p.on_tcp_sendmsg_return, p.on_tcp_recvmsg,         receive_return,    p.on_unix_sendmsg,
          p.on_unix_sendmsg_return, p.on_unix_recvmsg,       p.on_unix_recvmsg_return, p.on_eventfd_read, p.on_pipe_read};
}

// Those on the entry and on the return of system calls.
std::array<bpf_program*, 2> CallPrograms(const tracer& t, const Plan& plan) {
  switch (plan.waits) {
    case Mechanism::kBtfTracepoint:
      return {t.progs.on_sys_enter_btf, t.progs.on_sys_exit_btf};
    case Mechanism::kRawTracepoint:
      return {t.progs.on_sys_enter_raw, t.progs.on_sys_exit_raw};
    default:
      return {t.progs.on_sys_enter_tracepoint,
              plan.source == CaptureSource::kSocket ? t.progs.on_wait_exit_tracepoint : t.progs.on_sys_exit_tracepoint};
  }
}

// The last lines of libbpf's and the verifier's output, kept for the error message of the attempt that is under way.
thread_local std::string g_last_warning;

int KeepWarning(libbpf_print_level level, const char* format, va_list arguments) {
  if (level > LIBBPF_WARN) return 0;
  std::array<char, 512> line{};
  const int size = vsnprintf(line.data(), line.size(), format, arguments);
  if (size <= 0) return 0;
  std::string_view text(line.data());
  while (!text.empty() && text.back() == '\n') text.remove_suffix(1);
  if (text.find("-- BEGIN PROG LOAD LOG --") != std::string_view::npos) return 0;
  if (g_last_warning.size() < 2000) g_last_warning += (g_last_warning.empty() ? "" : " | ") + std::string(text);
  return 0;
}

// What the verifier said, for a load that it refused; a refusal for want of rights says enough by itself.
Error LoadError(int error_number) {
  Error error = Error::FromErrno("load", error_number);
  if (error_number == EPERM || g_last_warning.empty()) return error;
  return Error(error.message() + " (" + g_last_warning + ")");
}

}  // namespace

std::string_view Name(Mechanism mechanism) {
  switch (mechanism) {
    case Mechanism::kFentry:
      return "fentry/fexit";
    case Mechanism::kKprobe:
      return "kprobes";
    case Mechanism::kBtfTracepoint:
      return "tp_btf";
    case Mechanism::kRawTracepoint:
      return "raw tracepoints";
    case Mechanism::kTracepoint:
      return "tracepoints";
  }
  return "";
}

namespace {
// An fentry program that is preempted keeps its processor from running it for another task (the guard against recursion is one
// counter per processor: kernel/bpf/trampoline.c, __bpf_prog_enter_recur), so that calls are missed. Kernels preempt themselves
// by default since 6.13 (PREEMPT_LAZY). Kprobes run with preemption off. docs/adr/0007.
std::array<Mechanism, 2> SocketMechanisms() {
  utsname name{};
  unsigned major = 0, minor = 0;
  const bool known = uname(&name) == 0 && std::sscanf(name.release, "%u.%u", &major, &minor) == 2;
  const bool preempts = known && (major > 6 || (major == 6 && minor >= 13));
  if (preempts) return {Mechanism::kKprobe, Mechanism::kFentry};
  return {Mechanism::kFentry, Mechanism::kKprobe};
}
}  // namespace

std::vector<Plan> PlansFor(CaptureSource source) {
  std::vector<Plan> plans;
  if (source != CaptureSource::kSyscall) {
    // Tracepoints on the waits alone spare every other system call of the machine; without tracefs there are none.
    const Mechanism waits = Tracefs::Open().ok() ? Mechanism::kTracepoint : Mechanism::kBtfTracepoint;
    for (const Mechanism io : SocketMechanisms()) plans.push_back({CaptureSource::kSocket, io, waits});
  }
  if (source != CaptureSource::kSocket) {
    for (const Mechanism io : {Mechanism::kBtfTracepoint, Mechanism::kRawTracepoint, Mechanism::kTracepoint}) {
      plans.push_back({CaptureSource::kSyscall, io, io});
    }
  }
  return plans;
}

std::string Describe(const Plan& plan) {
  std::string text(Name(plan.io));
  if (plan.waits != plan.io) text += " with waits by " + std::string(Name(plan.waits));
  return text;
}

void KeepLibbpfWarnings() { libbpf_set_print(KeepWarning); }

void SkeletonDeleter::operator()(tracer* skeleton) const { tracer__destroy(skeleton); }
void LinkDeleter::operator()(bpf_link* link) const { bpf_link__destroy(link); }

Result<std::unique_ptr<LoadedObject>> LoadedObject::Open(const Plan& plan, const TracerOptions& options,
                                                         const KernelFunctions& kernel) {
  g_last_warning.clear();
  std::unique_ptr<LoadedObject> object(new LoadedObject());
  if (Result<void> done = object->Configure(plan, options, kernel); !done.ok()) return done.error();
  if (Result<void> done = object->Load(); !done.ok()) return done.error();
  if (Result<void> done = object->MakeRings(options); !done.ok()) return done.error();
  if (Result<void> done = object->Attach(plan, kernel); !done.ok()) return done.error();
  return object;
}

Result<void> LoadedObject::Configure(const Plan& plan, const TracerOptions& options, const KernelFunctions& kernel) {
  skeleton_.reset(tracer__open());
  if (!skeleton_) return Error::FromErrno("open the BPF object", errno);
  const tracer& t = *skeleton_;
  const auto calls = CallPrograms(t, plan);
  programs_.assign(calls.begin(), calls.end());
  if (plan.source == CaptureSource::kSocket) {
    for (bpf_program* program : SocketPrograms(t, plan.io, kernel)) programs_.push_back(program);
  }
  for (bpf_program* program : {t.progs.on_process_fork, t.progs.on_process_exec, t.progs.on_process_exit, t.progs.on_socket_state,
                               t.progs.on_socket_destroyed, t.progs.on_goroutine_start, t.progs.on_go_round_trip,
                               t.progs.on_context_copied, t.progs.on_context_freed}) {
    programs_.push_back(program);
  }
  if (options.completion_wakes) programs_.push_back(t.progs.on_waking);

  bpf_program* program = nullptr;
  bpf_object__for_each_program(program, t.obj) bpf_program__set_autoload(program, false);
  for (bpf_program* selected : programs_) bpf_program__set_autoload(selected, true);
  bpf_program__set_autoload(t.progs.on_task_file, options.existing != ExistingSource::kProc);

  ws_config& config = t.rodata->config;
  config.features = WS_FEATURE_RUNTIME_IDS;
  if (plan.source == CaptureSource::kSyscall) config.features |= WS_FEATURE_SYSCALL_IO;
  if (options.completion_wakes) config.features |= WS_FEATURE_COMPLETION_WAKE;
  if (kernel.Has("bpf_rdonly_cast")) config.features |= WS_FEATURE_TYPED_READS;
  if (bpf_program__autoload(t.progs.on_pipe_read)) bpf_program__set_attach_target(t.progs.on_pipe_read, 0, PipeRead(kernel));
  config.ring_count = options.ring_count;
  config.turn_budget_bytes = options.turn_budget_bytes;
  config.ignored_tgid = static_cast<uint32_t>(::getpid());
  config.timer_slack_ns = kTimerSlackNs;
  bpf_map__set_max_entries(t.maps.connections, options.max_connections);
  bpf_map__set_max_entries(t.maps.threads, options.max_threads);
  bpf_map__set_max_entries(t.maps.targets, options.max_targets);
  bpf_map__set_max_entries(t.maps.runtimes, options.max_targets);
  bpf_map__set_max_entries(t.maps.rings, options.ring_count);
  return {};
}

Result<void> LoadedObject::Load() {
  const int failed = tracer__load(skeleton_.get());
  if (failed == 0) return {};
  return LoadError(-failed);
}

Result<void> LoadedObject::MakeRings(const TracerOptions& options) {
  for (uint32_t i = 0; i < options.ring_count; ++i) {
    UniqueFd ring(bpf_map_create(BPF_MAP_TYPE_RINGBUF, "ws_ring", 0, 0, options.ring_bytes, nullptr));
    if (!ring.ok()) return Error::FromErrno("create ring buffer of " + std::to_string(options.ring_bytes) + " bytes", errno);
    const int fd = ring.get();
    if (bpf_map_update_elem(bpf_map__fd(skeleton_->maps.rings), &i, &fd, BPF_ANY) != 0) {
      return Error::FromErrno("install ring buffer " + std::to_string(i), errno);
    }
    rings_.push_back(std::move(ring));
  }
  return {};
}

// Attached to processes, when they are found to have that runtime.
bool LoadedObject::IsOfRuntimes(const bpf_program* program) const {
  const auto& p = skeleton_->progs;
  return program == p.on_goroutine_start || program == p.on_go_round_trip || program == p.on_context_copied ||
         program == p.on_context_freed;
}

Result<void> LoadedObject::Attach(const Plan& plan, const KernelFunctions& kernel) {
  if (plan.waits == Mechanism::kTracepoint) {
    if (Result<void> done = AttachTracepoints(plan); !done.ok()) return done;
  }
  for (bpf_program* program : programs_) {
    if (bpf_program__type(program) == BPF_PROG_TYPE_TRACEPOINT || IsOfRuntimes(program)) continue;
    if (Result<void> done = AttachProgram(program, kernel); !done.ok()) return done;
  }
  return {};
}

Result<void> LoadedObject::AttachProgram(bpf_program* program, const KernelFunctions& kernel) {
  const bool reads_pipes = program == skeleton_->progs.on_pipe_read_kprobe;
  bpf_link* link = reads_pipes ? bpf_program__attach_kprobe(program, false, PipeRead(kernel)) : bpf_program__attach(program);
  if (link == nullptr) return Error::FromErrno(std::string("attach ") + bpf_program__section_name(program), errno);
  links_.emplace_back(link);
  return {};
}

Result<void> LoadedObject::AttachTracepoints(const Plan& plan) {
  const Result<Tracefs> tracefs = Tracefs::Open();
  if (!tracefs.ok()) return tracefs.error();
  const auto [entry_program, exit_program] = CallPrograms(*skeleton_, plan);
  for (const WatchedCall& call : kWatchedCalls) {
    if (call.io && plan.source != CaptureSource::kSyscall) continue;
    for (const bool exit : {false, true}) {
      if (call.returns_only && !exit) continue;
      const Result<uint64_t> id = tracefs->TracepointId("syscalls", std::string(exit ? "sys_exit_" : "sys_enter_") + call.name);
      if (!id.ok()) {
        if (std::string_view(call.name) == "read") return id.error();
        break;  // a call that this kernel or architecture does not have
      }
      perf_event_attr attributes{};
      attributes.size = sizeof(attributes);
      attributes.type = PERF_TYPE_TRACEPOINT;
      attributes.config = *id;
      attributes.sample_period = 1;
      UniqueFd event(static_cast<int>(::syscall(SYS_perf_event_open, &attributes, -1, 0, -1, PERF_FLAG_FD_CLOEXEC)));
      if (!event.ok()) return Error::FromErrno(std::string("open tracepoint of ") + call.name, errno);
      bpf_link* link = bpf_program__attach_perf_event(exit ? exit_program : entry_program, event.get());
      if (link == nullptr) return Error::FromErrno(std::string("attach tracepoint of ") + call.name, errno);
      (void)event.Release();  // the link owns it
      links_.emplace_back(link);
    }
  }
  return {};
}

}  // namespace wirespan::kernel
