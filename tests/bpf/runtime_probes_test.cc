// The uprobes that a process gets, and is spared: on a function of this process, with the agent's own programs.
#include "agent/kernel/runtime_probes.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <cerrno>
#include <cinttypes>
#include <cstdio>
#include <memory>
#include <optional>
#include <string>
#include <vector>

// The skeleton names the structures of config.h, so that comes first.
// clang-format off
#include "bpf/shared/config.h"
#include "bpf/tracer.skel.h"
// clang-format on

// What is probed. Never inlined, and never the same to the linker.
extern "C" __attribute__((noinline)) uint64_t copy_context(uint64_t address) {
  asm volatile("" : "+r"(address));
  return address;
}
extern "C" __attribute__((noinline)) void free_context(uint64_t address) { asm volatile("" ::"r"(address) : "memory"); }

namespace wirespan::kernel {
namespace {

struct TracerDeleter {
  void operator()(tracer* object) const { tracer__destroy(object); }
};

constexpr uint64_t kContext = 0x5000;

class RuntimeProbesTest : public testing::Test {
 protected:
  using Kind = RuntimeProbe::Kind;
  using TimePoint = RuntimeProbes::TimePoint;

  void SetUp() override {
    object_.reset(tracer__open());
    ASSERT_NE(object_, nullptr);
    bpf_program* program = nullptr;
    bpf_object__for_each_program(program, object_->obj) bpf_program__set_autoload(program, false);
    for (bpf_program* used : {object_->progs.on_goroutine_start, object_->progs.on_go_round_trip,
                              object_->progs.on_context_copied, object_->progs.on_context_freed}) {
      bpf_program__set_autoload(used, true);
    }
    const int failed = tracer__load(object_.get());
    if (failed == -EPERM) GTEST_SKIP() << "loading BPF programs is not permitted here";
    ASSERT_EQ(failed, 0);
    const ws_target target{};
    ws_runtime runtime{};
    runtime.kind = WS_RUNTIME_PYTHON;
    runtime.epoch = 1;
    ASSERT_EQ(bpf_map_update_elem(bpf_map__fd(object_->maps.targets), &self_, &target, BPF_ANY), 0);
    ASSERT_EQ(bpf_map_update_elem(bpf_map__fd(object_->maps.runtimes), &self_, &runtime, BPF_ANY), 0);
    probes_.emplace(*object_);
  }

  // The place of a function of this program in its file.
  static RuntimeProbe ProbeOf(Kind kind, const void* function, bool returns) {
    const auto address = reinterpret_cast<uint64_t>(function);
    std::unique_ptr<FILE, int (*)(FILE*)> maps(std::fopen("/proc/self/maps", "r"), std::fclose);
    uint64_t begin = 0, end = 0, offset = 0;
    std::array<char, 512> line{};
    while (std::fgets(line.data(), line.size(), maps.get()) != nullptr) {
      if (std::sscanf(line.data(), "%" SCNx64 "-%" SCNx64 " %*s %" SCNx64, &begin, &end, &offset) == 3 && address >= begin &&
          address < end) {
        return {kind, "exe", address - begin + offset, returns};
      }
    }
    ADD_FAILURE() << "no mapping holds the function";
    return {};
  }
  static RuntimeProbe Copied() { return ProbeOf(Kind::kContextCopied, reinterpret_cast<const void*>(&copy_context), true); }
  static RuntimeProbe Freed() { return ProbeOf(Kind::kContextFreed, reinterpret_cast<const void*>(&free_context), false); }
  static RuntimeProbe Impossible(RuntimeProbe probe) { return probe.file = "exe/nowhere", probe; }

  uint64_t Births() {
    ws_runtime runtime{};
    EXPECT_EQ(bpf_map_lookup_elem(bpf_map__fd(object_->maps.runtimes), &self_, &runtime), 0);
    return runtime.births;
  }
  bool TellsOfCopies() {
    const uint64_t before = Births();
    copy_context(kContext);
    return Births() == before + 1;
  }
  bool TellsOfFrees() {
    const ws_goroutine key{kContext, self_, 0};
    std::vector<char> ancestry(bpf_map__value_size(object_->maps.contexts));
    EXPECT_EQ(bpf_map_update_elem(bpf_map__fd(object_->maps.contexts), &key, ancestry.data(), BPF_ANY), 0);
    free_context(kContext);
    return bpf_map_lookup_elem(bpf_map__fd(object_->maps.contexts), &key, ancestry.data()) == -ENOENT;
  }
  // Shed at `now`, had the probes been passed `passed` times in all.
  size_t Shed(uint64_t passed, TimePoint now) {
    return probes_->Shed([passed](uint32_t) { return passed; }, now).size();
  }

  uint32_t self_ = static_cast<uint32_t>(getpid());
  std::unique_ptr<tracer, TracerDeleter> object_;
  std::optional<RuntimeProbes> probes_;
};

TEST_F(RuntimeProbesTest, TellOnceAttachedAndNotOnceDetached) {
  EXPECT_FALSE(TellsOfCopies());
  ASSERT_TRUE(probes_->Attach(self_, {Freed(), Copied()}).ok());
  EXPECT_TRUE(TellsOfCopies());
  EXPECT_TRUE(TellsOfFrees());
  probes_->Detach(self_);
  EXPECT_FALSE(TellsOfCopies());
  EXPECT_FALSE(TellsOfFrees());
}

// What is copied without a word when it is freed would be believed of whatever gets the address next.
TEST_F(RuntimeProbesTest, NothingTellsOfCopiesWhereNothingCanTellOfFrees) {
  const Result<void> done = probes_->Attach(self_, {Impossible(Freed()), Copied()});
  ASSERT_FALSE(done.ok());
  EXPECT_NE(done.error().message().find("exe/nowhere"), std::string::npos) << done.error().message();
  EXPECT_FALSE(TellsOfCopies());
}

TEST_F(RuntimeProbesTest, ARefusedRoundTripLeavesTheBirths) {
  RuntimeProbe trip = Impossible(Copied());
  trip.kind = Kind::kGoRoundTrip;
  ASSERT_FALSE(probes_->Attach(self_, {trip, Freed(), Copied()}).ok());
  EXPECT_TRUE(TellsOfCopies());
  EXPECT_TRUE(TellsOfFrees());
}

TEST_F(RuntimeProbesTest, PassedTooOftenTheyRestForAMinute) {
  ASSERT_TRUE(probes_->Attach(self_, {Freed(), Copied()}).ok());
  const TimePoint start = std::chrono::steady_clock::now() + std::chrono::seconds(1);
  EXPECT_EQ(Shed(0, start), 0U);
  EXPECT_EQ(Shed(kMostBirthsPerSecond, start + std::chrono::seconds(1)), 0U) << "not more than the bound";
  EXPECT_TRUE(TellsOfCopies());
  EXPECT_EQ(Shed(2 * kMostBirthsPerSecond + 1, start + std::chrono::seconds(2)), 1U);
  EXPECT_FALSE(TellsOfCopies());
  EXPECT_FALSE(TellsOfFrees());
  EXPECT_TRUE(probes_->Has(self_));
  const TimePoint rested = start + std::chrono::seconds(2) + RuntimeProbes::kRest;
  EXPECT_EQ(Shed(2 * kMostBirthsPerSecond + 1, rested - std::chrono::seconds(1)), 0U);
  EXPECT_FALSE(TellsOfCopies());
  EXPECT_EQ(Shed(2 * kMostBirthsPerSecond + 1, rested), 0U);
  EXPECT_TRUE(TellsOfCopies());
  EXPECT_TRUE(TellsOfFrees());
}

}  // namespace
}  // namespace wirespan::kernel
