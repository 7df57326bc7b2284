// The kernel half of the causal rules, and the copying of user memory, step by step through BPF_PROG_TEST_RUN: nothing is
// attached and nothing but this process is looked at.
#include <gmock/gmock.h>
#include <sys/mman.h>
#include <sys/uio.h>

#include <array>
#include <cstring>
#include <string>
#include <vector>

#include "tests/bpf/rules_fixture.h"

namespace {

TEST_F(BpfRules, CallMadeWhileServingBelongsToTheExchangeThatWasRead) {
  AddServer(100);
  AddClient(200);
  EXPECT_EQ(Take(kReceive, 100).left_active, Token(100, 1));
  const auto& call = Take(kSend, 200);
  EXPECT_EQ(call.seen_active, Token(100, 1));
  EXPECT_TRUE(call.seen_flags & WS_DATA_ACTIVE_OPEN);
  EXPECT_TRUE(call.seen_flags & WS_DATA_FRESH);
  EXPECT_EQ(call.left_current, Token(200, 1));
  EXPECT_EQ(call.left_parent, Token(100, 1));
}

TEST_F(BpfRules, ResponseOfACallMakesItsExchangeActiveAgain) {
  AddServer(100);
  AddClient(200);
  Take(kReceive, 100);
  Take(kSend, 200);
  Take(kEventfd);
  EXPECT_EQ(Take(kReceive, 200).left_active, Token(100, 1));
}

TEST_F(BpfRules, ResponseOfACallWithoutParentMakesTheCallActive) {
  AddClient(200);
  Take(kSend, 200);
  EXPECT_EQ(Take(kReceive, 200).left_active, Token(200, 1));
}

TEST_F(BpfRules, AnswerClosesTheExchangeAndNothingIsLinkedToItAfterwards) {
  AddServer(100);
  AddClient(200);
  Take(kReceive, 100);
  EXPECT_EQ(Take(kSend, 100).left_active, 0U);
  EXPECT_EQ(Take(kSend, 200).left_parent, 0U);
}

TEST_F(BpfRules, MultiplexedWaitAndEventfdForgetTheToken) {
  AddServer(100);
  AddClient(200);
  Take(kReceive, 100);
  const uint32_t turn = Take(kEventfd).left_turn;
  EXPECT_EQ(Take(kSend, 200).seen_active, 0U);
  Take(kReceive, 100);
  EXPECT_EQ(Wait(-1).left_turn, turn + 1);
  EXPECT_EQ(Take(kSend, 200).seen_active, 0U);
}

TEST_F(BpfRules, FutexEndsTheTurnOfALoopThreadOnly) {
  AddServer(100);
  Take(kReceive, 100);
  EXPECT_EQ(Take(kFutex).left_active, Token(100, 1)) << "a thread that never multiplexes waits for locks within its work";
  Wait(-1);
  Take(kReceive, 100);
  EXPECT_EQ(Take(kFutex).left_active, 0U);
}

// The token that has no source is the one of before the futex: known, but no parent.
TEST_F(BpfRules, WhatALoopWorkedForBeforeAFutexIsToldUntilItReadsOrWaitsAgain) {
  AddServer(100);
  AddServer(101);
  AddClient(200);
  Wait(-1);
  Take(kReceive, 100);
  Take(kFutex);
  Take(kFutex);
  const auto& call = Take(kSend, 200);
  EXPECT_EQ(call.told_active, Token(100, 1));
  EXPECT_EQ(call.told_source, static_cast<uint32_t>(WS_ACTIVE_NONE));
  EXPECT_EQ(call.left_parent, 0U);
  EXPECT_FALSE(call.seen_flags & WS_DATA_ACTIVE_OPEN);
  Take(kReceive, 101);
  AddClient(201);
  EXPECT_EQ(Take(kSend, 201).told_active, Token(101, 1));
  for (const Step end : {kEventfd, kWait}) {
    Take(kFutex);
    end == kWait ? Wait(-1) : Take(end);
    AddClient(202);
    EXPECT_EQ(Take(kSend, 202).told_active, 0U);
    Take(kSend, 101);
    Take(kReceive, 101);
  }
}

TEST_F(BpfRules, AConnectionMadeAfterAFutexRemembersInDoubtWhatTheLoopWorkedFor) {
  AddServer(100);
  AddClient(200);
  Wait(-1);
  Take(kReceive, 100);
  Take(kFutex);
  EXPECT_EQ(Take(kConnect, 200).left_stored, Token(100, 1));
  Wait(-1);
  const auto& call = Take(kSend, 200);
  EXPECT_EQ(call.left_stored, Token(100, 1));
  EXPECT_TRUE(call.seen_flags & WS_DATA_STORED_DOUBTFUL);
  EXPECT_EQ(call.left_parent, 0U);
}

TEST_F(BpfRules, AConnectionIsWhatTheLastResponseLedTo) {
  for (const bool connects : {false, true}) {
    const uint64_t base = connects ? 400 : 200;
    AddServer(base);
    AddClient(base + 1);
    AddClient(base + 2);
    AddClient(base + 3);
    Wait(-1);
    Take(kSend, base + 1);
    Take(kSend, base + 2);
    Take(kReceive, base);
    Wait(-1);
    Take(kReceive, base + 1);
    if (connects) Take(kConnect, base + 3);
    Take(kReceive, base + 2);
    EXPECT_EQ((Take(kSend, base).seen_flags & WS_DATA_SEVERAL_READS) != 0, !connects);
  }
}

TEST_F(BpfRules, ConnectRemembersWhoAskedForTheConnection) {
  AddServer(100);
  AddClient(200);
  Take(kReceive, 100);
  EXPECT_EQ(Take(kConnect, 200).left_stored, Token(100, 1));
  Wait(-1);  // the connection is ready in a later turn of the loop
  const auto& call = Take(kSend, 200);
  EXPECT_EQ(call.left_stored, Token(100, 1));
  EXPECT_EQ(call.left_parent, Token(100, 1));
}

TEST_F(BpfRules, ConnectRemembersTheCallWhoseExchangeIsNotKnown) {
  AddClient(200);
  AddClient(201);
  Take(kSend, 200);
  Take(kReceive, 200);
  EXPECT_EQ(Take(kConnect, 201).left_stored, Token(200, 1));
  Wait(-1);
  const auto& call = Take(kSend, 201);
  EXPECT_EQ(call.left_stored, Token(200, 1));
  EXPECT_EQ(call.left_parent, 0U);
}

TEST_F(BpfRules, StoredAndActiveTokensThatDifferAreAConflict) {
  AddServer(100);
  AddServer(101);
  AddClient(200);
  Take(kReceive, 100);
  Take(kConnect, 200);
  Take(kReceive, 101);
  const auto& call = Take(kSend, 200);
  EXPECT_TRUE(call.seen_flags & WS_DATA_STORED_CONFLICT);
  EXPECT_EQ(call.left_parent, 0U);
}

TEST_F(BpfRules, TimerThatMayHaveActedMakesNoLink) {
  AddServer(100);
  AddClient(200);
  skeleton_->bss->step_now_ns = 1'000'000'000;
  Wait(10'000'000);  // timers may fire 10 ms after the wait began, less the slack
  Take(kReceive, 100);
  skeleton_->bss->step_now_ns = 1'008'000'000;
  EXPECT_FALSE(Take(kSend, 200).seen_flags & WS_DATA_TIMER_DUE);
  AddClient(201);
  skeleton_->bss->step_now_ns = 1'008'600'000;
  const auto& call = Take(kSend, 201);
  EXPECT_TRUE(call.seen_flags & WS_DATA_TIMER_DUE);
  EXPECT_EQ(call.left_parent, 0U);
}

TEST_F(BpfRules, ZeroTimeoutLeavesTheDeadlineAndNoTimeoutRemovesIt) {
  AddServer(100);
  AddClient(200);
  skeleton_->bss->step_now_ns = 1'000'000'000;
  Wait(10'000'000);
  skeleton_->bss->step_now_ns = 1'100'000'000;
  Wait(0);
  Take(kReceive, 100);
  EXPECT_TRUE(Take(kSend, 200).seen_flags & WS_DATA_TIMER_DUE);
  Wait(-1);
  Take(kReceive, 100);
  AddClient(201);
  EXPECT_FALSE(Take(kSend, 201).seen_flags & WS_DATA_TIMER_DUE);
}

// libuv looks without waiting before it waits. Timers set since the last wait with a time-out are not in that time-out.
TEST_F(BpfRules, TimersSetSinceTheLastTimeoutMayBeDueAMillisecondAfterIt) {
  AddServer(100);
  AddClient(200);
  skeleton_->bss->step_now_ns = 1'000'000'000;
  Wait(-1);
  skeleton_->bss->step_now_ns = 1'000'500'000;
  Wait(0);
  Take(kReceive, 100);
  EXPECT_FALSE(Take(kSend, 200).seen_flags & WS_DATA_TIMER_DUE);
  AddClient(201);
  skeleton_->bss->step_now_ns = 1'001'000'000;
  EXPECT_TRUE(Take(kSend, 201).seen_flags & WS_DATA_TIMER_DUE);
}

TEST_F(BpfRules, WhatWasHandedOverIsToldUntilTheNextMultiplexedWait) {
  AddClient(200);
  EXPECT_FALSE(Take(kSend, 200).seen_flags & WS_DATA_HANDED_OVER);
  Take(kEventfd);
  AddClient(201);
  EXPECT_TRUE(Take(kSend, 201).seen_flags & WS_DATA_HANDED_OVER);
  Wait(-1);
  AddClient(202);
  EXPECT_FALSE(Take(kSend, 202).seen_flags & WS_DATA_HANDED_OVER);
  Take(kFutex);
  AddClient(203);
  EXPECT_TRUE(Take(kSend, 203).seen_flags & WS_DATA_HANDED_OVER);
}

TEST_F(BpfRules, ReadsAfterAConnectThatATimerMayHaveMadeAreTold) {
  AddServer(100);
  AddServer(101);
  AddClient(200);
  AddClient(201);
  skeleton_->bss->step_now_ns = 1'000'000'000;
  Wait(10'000'000);
  skeleton_->bss->step_now_ns = 1'020'000'000;
  Take(kReceive, 100);
  Take(kConnect, 200);
  Take(kReceive, 101);
  Take(kConnect, 201);
  Wait(10'000'000);
  const uint32_t followed = Take(kSend, 200).seen_flags;
  EXPECT_TRUE(followed & WS_DATA_STORED_SANDWICHED);
  EXPECT_FALSE(followed & WS_DATA_STORED_TIMER);
  const uint32_t last = Take(kSend, 201).seen_flags;
  EXPECT_FALSE(last & WS_DATA_STORED_SANDWICHED);
  EXPECT_TRUE(last & WS_DATA_STORED_TIMER);
}

TEST_F(BpfRules, ReuseOfTheConnectionJustReadIsToldAndDroppedWhereAnotherExchangeWaits) {
  AddServer(100);
  AddServer(101);
  AddClient(200);
  Wait(-1);
  Take(kReceive, 100);
  Take(kSend, 200);
  Wait(-1);
  Take(kReceive, 101);  // queued: has neither called nor answered
  Wait(-1);
  Take(kReceive, 200);
  const auto& reuse = Take(kSend, 200);
  EXPECT_TRUE(reuse.seen_flags & WS_DATA_QUEUED_REUSE);
  EXPECT_EQ(reuse.left_parent, 0U);
}

TEST_F(BpfRules, SecondCallOnTheSameConnectionIsLinkedWhereNobodyWaits) {
  AddServer(100);
  AddClient(200);
  Wait(-1);
  Take(kReceive, 100);
  Take(kSend, 200);
  Wait(-1);
  Take(kReceive, 200);
  const auto& second = Take(kSend, 200);
  EXPECT_EQ(second.left_parent, Token(100, 1));
  EXPECT_EQ(second.left_unacted, 0);
}

TEST_F(BpfRules, ExchangesThatHaveNotActedAreCountedAndTold) {
  AddServer(100);
  AddServer(101);
  AddClient(200);
  Take(kReceive, 100);
  EXPECT_EQ(Take(kReceive, 101).left_unacted, 2);
  const auto& call = Take(kSend, 200);
  EXPECT_TRUE(call.seen_flags & WS_DATA_OTHER_UNRESOLVED) << "exchange 100 was read in this turn and has not acted";
  EXPECT_EQ(call.left_unacted, 1);
}

TEST_F(BpfRules, WhatIsClosedUnansweredIsNotOpenAnyMore) {
  AddServer(100);
  AddServer(101);
  AddClient(200);
  Take(kReceive, 100);
  EXPECT_EQ(Take(kClose, 100).left_unacted, 0);
  EXPECT_EQ(Take(kClose, 100).left_unacted, 0) << "once";
  Take(kReceive, 101);
  const auto& call = Take(kSend, 200);
  EXPECT_FALSE(call.seen_flags & WS_DATA_OTHER_UNRESOLVED);
  EXPECT_EQ(call.left_parent, Token(101, 1));
  EXPECT_EQ(call.left_unacted, 0);
  EXPECT_EQ(Take(kClose, 101).left_unacted, 0) << "it had called";
}

TEST_F(BpfRules, TheEndOfAResponseIsReadLikeTheRestOfIt) {
  AddServer(100);
  AddServer(101);
  AddClient(200);
  AddClient(201);
  for (const uint64_t number : {0, 1}) {
    Wait(-1);
    Take(kReceive, 100 + number);
    Take(kSend, 200 + number);
  }
  Wait(-1);
  Take(kReceive, 200);
  Wait(-1);
  EXPECT_EQ(Take(kReceive, 201).left_active, Token(101, 1));
  EXPECT_EQ(Take(kReceiveEnd, 200).left_active, Token(100, 1)) << "200's server has closed: its exchange goes on";
  Take(kSend, 100);
  EXPECT_EQ(Take(kReceiveEnd, 200).left_active, 0U) << "answered: nobody waits for it";
  EXPECT_EQ(Take(kReceiveEnd, 100).left_active, 0U) << "the end of a request begins nothing";
}

TEST_F(BpfRules, TurnsAreCountedByChangesOfDirection) {
  AddServer(100);
  EXPECT_EQ(Take(kReceive, 100).left_current, Token(100, 1));
  EXPECT_FALSE(Take(kReceive, 100).seen_flags & WS_DATA_FIRST_OF_TURN);
  Take(kSend, 100);
  EXPECT_EQ(Take(kReceive, 100).left_current, Token(100, 3));
}

TEST_F(BpfRules, PolicyIsReadWhenATurnBegins) {
  AddServer(100);
  const uint64_t inode = 100;
  const ws_policy off{WS_POLICY_OFF, 0, 0, 0};
  ASSERT_EQ(bpf_map_update_elem(bpf_map__fd(skeleton_->maps.policies), &inode, &off, BPF_ANY), 0);
  EXPECT_EQ(Take(kReceive, 100).left_active, Token(100, 1)) << "tokens are kept for connections whose bytes nobody wants";
}

TEST_F(BpfRules, FirstBytesTellTheRoleOfAnOldConnection) {
  const struct {
    const char* bytes;
    Step direction;
    uint32_t role;
  } cases[] = {{"GET /", kReceive, WS_ROLE_SERVER},
               {"POST ", kSend, WS_ROLE_CLIENT},
               {"HTTP/1.1", kSend, WS_ROLE_SERVER},
               {"HTTP/1.0", kReceive, WS_ROLE_CLIENT},
               {"\x16\x03\x01\x02", kReceive, WS_ROLE_UNKNOWN},
               {"get /", kSend, WS_ROLE_UNKNOWN}};
  uint64_t sock = 300;
  for (const auto& c : cases) {
    AddUnknown(++sock);
    Take(c.direction, sock);
    std::memcpy(skeleton_->bss->copied, c.bytes, 5);
    EXPECT_EQ(Take(kClassify, sock).left_role, c.role) << c.bytes;
  }
}

class BpfCopy : public BpfRules {
 protected:
  auto& Copy(uint32_t memory, const void* base, size_t segments, uint32_t wanted, size_t offset = 0) {
    skeleton_->bss->step_memory = memory;
    skeleton_->bss->step_base = reinterpret_cast<uint64_t>(base);
    skeleton_->bss->step_segments = segments;
    skeleton_->bss->step_wanted = wanted;
    skeleton_->bss->step_offset = offset;
    return Take(kCopy);
  }
  std::string Copied() const { return {reinterpret_cast<const char*>(skeleton_->bss->copied), skeleton_->bss->left_copied}; }
};

constexpr uint32_t kBuffer = 0;
constexpr uint32_t kUserIovec = 1;

TEST_F(BpfCopy, BufferIsCopiedUpToWhatIsWanted) {
  const std::string text = "GET / HTTP/1.1\r\n";
  Copy(kBuffer, text.data(), 1, 5);
  EXPECT_EQ(Copied(), "GET /");
}

TEST_F(BpfCopy, SegmentsAreJoinedInOrder) {
  std::string parts[] = {"HTTP/1.1 ", "", "200 OK\r\n", "\r\nbody"};
  std::array<iovec, 4> iov{};
  for (size_t i = 0; i < 4; ++i) iov[i] = {parts[i].data(), parts[i].size()};
  Copy(kUserIovec, iov.data(), 4, 1000);
  EXPECT_EQ(Copied(), "HTTP/1.1 200 OK\r\n\r\nbody");
  Copy(kUserIovec, iov.data(), 4, 11);
  EXPECT_EQ(Copied(), "HTTP/1.1 20");
  Copy(kUserIovec, iov.data(), 4, 1000, 5);
  EXPECT_EQ(Copied(), "1.1 200 OK\r\n\r\nbody") << "bytes of the first segment that went out before are skipped";
}

TEST_F(BpfCopy, OnePieceEndsWhereItsSegmentsAreUsedUp) {
  std::string letter = "x";
  std::array<iovec, 64> iov{};
  for (iovec& segment : iov) segment = {letter.data(), 1};
  Copy(kUserIovec, iov.data(), iov.size(), 1000);
  EXPECT_EQ(Copied(), std::string(8, 'x'));
}

TEST_F(BpfCopy, UnreadableMemoryIsAFaultAndNothingIsMadeUp) {
  void* page = mmap(nullptr, 4096, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  ASSERT_NE(page, MAP_FAILED);
  EXPECT_TRUE(Copy(kBuffer, page, 1, 100).seen_flags & WS_DATA_COPY_FAULT);
  EXPECT_EQ(Copied(), "");
  munmap(page, 4096);
}

}  // namespace
