#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <linux/bpf.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <cmath>
#include <memory>
#include <thread>

#include "agent/kernel/jiffies.h"
#include "agent/kernel/loaded_object.h"
#include "bpf/trial.skel.h"

namespace wirespan::kernel {
namespace {

struct TrialDeleter {
  void operator()(trial* skeleton) const { trial__destroy(skeleton); }
};
using Trial = std::unique_ptr<trial, TrialDeleter>;

Result<Trial> Load(const char* name) {
  Trial skeleton(trial__open());
  if (!skeleton) return Error::FromErrno("open the trial object", errno);
  bpf_program* program = nullptr;
  bpf_object__for_each_program(program, skeleton->obj) {
    bpf_program__set_autoload(program, std::string_view(bpf_program__name(program)) == name);
  }
  if (const int failed = trial__load(skeleton.get()); failed != 0) return Error::FromErrno("load", -failed);
  return skeleton;
}

// A program that does nothing, of those that name a kernel function by its number. Without libbpf's objects, each of which reads
// the kernel's BTF anew.
Result<UniqueFd> LoadEmpty(bpf_attach_type attach_type, const char* function, const KernelFunctions& kernel) {
  const uint32_t id = kernel.Id(function);
  if (id == 0) return Error(std::string("the kernel's BTF has no ") + function);
  const std::array<bpf_insn, 2> nothing = {
      bpf_insn{.code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_0, .src_reg = 0, .off = 0, .imm = 0},
      bpf_insn{.code = BPF_JMP | BPF_EXIT, .dst_reg = 0, .src_reg = 0, .off = 0, .imm = 0}};
  bpf_prog_load_opts options{};
  options.sz = sizeof(options);
  options.expected_attach_type = attach_type;
  options.attach_btf_id = id;
  UniqueFd program(bpf_prog_load(BPF_PROG_TYPE_TRACING, "try", "GPL", nothing.data(), nothing.size(), &options));
  if (!program.ok()) return Error::FromErrno("load", errno);
  return program;
}

Result<UniqueFd> AttachEmptyFentry(const KernelFunctions& kernel) {
  Result<UniqueFd> program = LoadEmpty(BPF_TRACE_FENTRY, "tcp_sendmsg", kernel);
  if (!program.ok()) return program.error();
  UniqueFd link(bpf_raw_tracepoint_open(nullptr, program->get()));
  if (!link.ok()) return Error::FromErrno("attach to tcp_sendmsg", errno);
  return link;
}

}  // namespace

Result<Tried> Try(const Plan& plan, const KernelFunctions& kernel) {
  Tried tried;
  if (plan.io == Mechanism::kFentry) {
    Result<UniqueFd> link = AttachEmptyFentry(kernel);
    if (!link.ok()) return link.error();
    tried.fentry = *std::move(link);
  } else if (plan.io == Mechanism::kKprobe) {
    Result<Trial> loaded = Load("try_kprobe");
    if (!loaded.ok()) return loaded.error();
    const std::unique_ptr<bpf_link, LinkDeleter> link(bpf_program__attach((*loaded)->progs.try_kprobe));
    if (!link) return Error::FromErrno("attach to tcp_sendmsg", errno);
  }
  return tried;
}

Result<void> TryIterator(const KernelFunctions& kernel) {
  const Result<UniqueFd> program = LoadEmpty(BPF_TRACE_ITER, "bpf_iter_task_file", kernel);
  if (!program.ok()) return program.error();
  const UniqueFd link(bpf_link_create(program->get(), 0, BPF_TRACE_ITER, nullptr));
  if (!link.ok()) return Error::FromErrno("attach", errno);
  return {};
}

JiffiesMeter::JiffiesMeter() = default;
JiffiesMeter::~JiffiesMeter() = default;

struct JiffiesMeter::Reading {
  Trial skeleton;
  uint64_t jiffies = 0;
  uint64_t ns = 0;
};

Result<std::unique_ptr<JiffiesMeter>> JiffiesMeter::Start() {
  KeepLibbpfWarnings();
  Result<Trial> loaded = Load("read_clocks");
  if (!loaded.ok()) return loaded.error().In("read the kernel's tick");
  std::unique_ptr<JiffiesMeter> meter(new JiffiesMeter());
  meter->first_ = std::make_unique<Reading>();
  meter->first_->skeleton = *std::move(loaded);
  if (Result<void> done = meter->Read(); !done.ok()) return done.error();
  meter->first_->jiffies = meter->first_->skeleton->bss->read_jiffies;
  meter->first_->ns = meter->first_->skeleton->bss->read_ns;
  return meter;
}

Result<void> JiffiesMeter::Read() {
  bpf_test_run_opts options{};
  options.sz = sizeof(options);
  if (bpf_prog_test_run_opts(bpf_program__fd(first_->skeleton->progs.read_clocks), &options) != 0) {
    return Error::FromErrno("read the kernel's tick", errno);
  }
  return {};
}

Result<uint32_t> JiffiesMeter::PerSecond() {
  constexpr uint64_t kDistanceNs = 100'000'000;  // 10 ticks of the slowest clock: the nearest of four rates is certain
  const auto& bss = *first_->skeleton->bss;
  for (;;) {
    if (Result<void> done = Read(); !done.ok()) return done.error();
    if (bss.read_ns - first_->ns >= kDistanceNs) break;
    std::this_thread::sleep_for(std::chrono::nanoseconds(kDistanceNs - (bss.read_ns - first_->ns)));  // the measured interval
  }
  const double rate =
      static_cast<double>(bss.read_jiffies - first_->jiffies) * 1e9 / static_cast<double>(bss.read_ns - first_->ns);
  uint32_t nearest = 100;
  for (const uint32_t hz : {250U, 300U, 1000U}) {  // kernel/Kconfig.hz
    if (std::abs(rate - hz) < std::abs(rate - nearest)) nearest = hz;
  }
  return nearest;
}

}  // namespace wirespan::kernel
