// LoadedObject: one opening of the BPF skeleton with exactly the programs of one attempt, loaded and attached. Internal to
// agent/kernel. Everything is released in the destructor.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "agent/base/result.h"
#include "agent/base/unique_fd.h"
#include "agent/kernel/kernel_functions.h"
#include "agent/kernel/tracer.h"

struct bpf_link;
struct bpf_program;
struct tracer;

namespace wirespan::kernel {

// How the hooks of a source are attached.
enum class Mechanism : uint8_t { kFentry, kKprobe, kBtfTracepoint, kRawTracepoint, kTracepoint };
std::string_view Name(Mechanism mechanism);

struct Plan {
  CaptureSource source = CaptureSource::kSyscall;
  Mechanism io = Mechanism::kBtfTracepoint;     // where the bytes are seen
  Mechanism waits = Mechanism::kBtfTracepoint;  // where turns end; source syscall: the same as io
};

// The plans in order of preference; `source` kAuto gives all.
std::vector<Plan> PlansFor(CaptureSource source);
std::string Describe(const Plan& plan);

// From now on libbpf's warnings are kept for error messages, and nothing of it reaches standard error. Once, at start.
void KeepLibbpfWarnings();

// What a trial leaves attached. It is let go of after the real programs are attached: the last program to leave a function makes
// the kernel wait for every task, 130 ms on 6.1.
struct Tried {
  UniqueFd fentry;
};
// Whether the plan's kind of hook works here at all, by attaching a program that does nothing: costs milliseconds where the real
// programs cost a walk of the verifier.
Result<Tried> Try(const Plan& plan, const KernelFunctions& kernel);
// The same for an iterator over open files.
Result<void> TryIterator(const KernelFunctions& kernel);

struct SkeletonDeleter {
  void operator()(tracer* skeleton) const;
};
struct LinkDeleter {
  void operator()(bpf_link* link) const;
};

class LoadedObject {
 public:
  static Result<std::unique_ptr<LoadedObject>> Open(const Plan& plan, const TracerOptions& options,
                                                    const KernelFunctions& kernel);

  tracer* skeleton() const { return skeleton_.get(); }
  const std::vector<UniqueFd>& rings() const { return rings_; }
  const std::vector<bpf_program*>& programs() const { return programs_; }

 private:
  LoadedObject() = default;
  Result<void> Configure(const Plan& plan, const TracerOptions& options, const KernelFunctions& kernel);
  Result<void> Load();
  Result<void> MakeRings(const TracerOptions& options);
  Result<void> Attach(const Plan& plan, const KernelFunctions& kernel);
  bool IsOfRuntimes(const bpf_program* program) const;
  Result<void> AttachProgram(bpf_program* program, const KernelFunctions& kernel);
  Result<void> AttachTracepoints(const Plan& plan);

  std::unique_ptr<tracer, SkeletonDeleter> skeleton_;
  std::vector<bpf_program*> programs_;  // selected; attached by their section, but for the tracepoint pair
  std::vector<std::unique_ptr<bpf_link, LinkDeleter>> links_;
  std::vector<UniqueFd> rings_;
};

}  // namespace wirespan::kernel
