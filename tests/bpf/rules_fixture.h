// BpfRules: the program of rules.bpf.c loaded, with this process for a target; each step of it runs by BPF_PROG_TEST_RUN. Skips
// with the reason where BPF programs may not be loaded.
#pragma once

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <cerrno>
#include <memory>

// The skeleton names the structures of config.h, so that comes first.
// clang-format off
#include "bpf/shared/config.h"
#include "bpf/rules.skel.h"
// clang-format on

enum Step : uint32_t {
  kReceive,
  kSend,
  kWait,
  kEventfd,
  kConnect,
  kFutex,
  kAdd,
  kCopy,
  kClassify,
  kClose,
  kReceiveEnd,
  kStart,
  kRequest,
  kMove
};

struct SkeletonDeleter {
  void operator()(rules* skeleton) const { rules__destroy(skeleton); }
};

inline uint64_t Token(uint64_t connection, uint32_t turn) { return WS_TOKEN(connection, turn); }

class BpfRules : public testing::Test {
 protected:
  void SetUp() override {
    skeleton_.reset(rules__open());
    ASSERT_NE(skeleton_, nullptr);
    skeleton_->rodata->config.turn_budget_bytes = 4096;
    skeleton_->rodata->config.timer_slack_ns = 1'500'000;
    skeleton_->rodata->config.ring_count = 1;
    const int failed = rules__load(skeleton_.get());
    if (failed == -EPERM) GTEST_SKIP() << "loading BPF programs is not permitted here";
    ASSERT_EQ(failed, 0);
    const auto self = static_cast<uint32_t>(getpid());
    const ws_target target{};
    ASSERT_EQ(bpf_map_update_elem(bpf_map__fd(skeleton_->maps.targets), &self, &target, BPF_ANY), 0);
  }

  auto& Take(Step step, uint64_t sock = 0) {
    skeleton_->bss->step = step;
    skeleton_->bss->step_sock = sock;
    bpf_test_run_opts options{};
    options.sz = sizeof(options);
    EXPECT_EQ(bpf_prog_test_run_opts(bpf_program__fd(skeleton_->progs.take_step), &options), 0);
    EXPECT_EQ(options.retval, 0U);
    return *skeleton_->bss;
  }
  void AddServer(uint64_t sock) { skeleton_->bss->step_role = WS_ROLE_SERVER, Take(kAdd, sock); }
  void AddClient(uint64_t sock) { skeleton_->bss->step_role = WS_ROLE_CLIENT, Take(kAdd, sock); }
  void AddUnknown(uint64_t sock) { skeleton_->bss->step_role = WS_ROLE_UNKNOWN, Take(kAdd, sock); }
  auto& Wait(int64_t timeout_ns) {
    skeleton_->bss->step_timeout_ns = timeout_ns;
    return Take(kWait);
  }

  std::unique_ptr<rules, SkeletonDeleter> skeleton_;
};
