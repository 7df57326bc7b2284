// The kernel half of what goroutines tell. Their identities are given by the test.
#include "tests/bpf/rules_fixture.h"

namespace {

class BpfGoroutines : public BpfRules {
 protected:
  auto& As(uint64_t goroutine, uint64_t parent, Step step, uint64_t sock) {
    skeleton_->bss->step_runtime_id = goroutine;
    skeleton_->bss->step_runtime_parent = parent;
    return Take(step, sock);
  }
};

TEST_F(BpfGoroutines, CallBelongsToTheExchangeOfItsGoroutineWhateverTheThreadReadLast) {
  for (const uint64_t server : {100U, 101U}) AddServer(server);
  AddClient(200);
  As(7, 1, kReceive, 100);
  As(8, 1, kReceive, 101);
  const auto& call = As(7, 1, kSend, 200);
  EXPECT_EQ(call.left_stored, Token(100, 1));
  EXPECT_EQ(call.left_parent, Token(100, 1));
}

TEST_F(BpfGoroutines, ConnectionIsMadeForTheExchangeOfWhoeverStartedTheDial) {
  AddServer(100);
  AddClient(200);
  As(7, 1, kReceive, 100);
  EXPECT_EQ(As(20, 7, kConnect, 200).left_stored, Token(100, 1));
  const auto& call = As(21, 20, kSend, 200);
  EXPECT_TRUE(call.seen_flags & WS_DATA_FRESH);
  EXPECT_EQ(call.left_stored, Token(100, 1));
  EXPECT_EQ(call.left_parent, Token(100, 1));
}

TEST_F(BpfGoroutines, AnsweredExchangeMakesNoCallsAndNoConnections) {
  AddServer(100);
  for (const uint64_t client : {200U, 201U, 202U}) AddClient(client);
  As(7, 1, kReceive, 100);
  As(20, 7, kConnect, 201);
  As(7, 1, kSend, 100);
  EXPECT_EQ(As(7, 1, kSend, 200).left_parent, 0U);
  EXPECT_EQ(As(21, 20, kSend, 201).left_parent, 0U);
  EXPECT_EQ(As(22, 7, kConnect, 202).left_stored, 0U);
}

TEST_F(BpfGoroutines, TheGoroutineThatReadsOnServesNotTheOneThatReadTheFirstByte) {
  AddServer(100);
  AddClient(200);
  As(30, 7, kReceive, 100);
  As(7, 1, kReceive, 100);
  EXPECT_EQ(As(7, 1, kSend, 200).left_parent, Token(100, 1));
}

// What a thread read speaks for the call that comes next on it; the goroutine of a pooled connection runs next.
TEST_F(BpfGoroutines, PooledCallTakesTheThreadsTokenAway) {
  AddServer(100);
  for (const uint64_t client : {200U, 201U}) AddClient(client);
  for (const uint64_t client : {200U, 201U}) {  // used before
    As(40, 1, kSend, client);
    As(41, 1, kReceive, client);
  }
  As(7, 1, kReceive, 100);
  EXPECT_EQ(As(40, 1, kSend, 200).seen_active, Token(100, 1));
  const auto& other = As(42, 1, kSend, 201);
  EXPECT_EQ(other.seen_active, 0U);
  EXPECT_EQ(other.left_parent, 0U);
}

TEST_F(BpfGoroutines, DialTakesTheThreadsTokenAway) {
  AddServer(100);
  AddClient(200);
  As(7, 1, kReceive, 100);
  EXPECT_EQ(As(20, 19, kConnect, 200).left_stored, 0U);
  EXPECT_EQ(skeleton_->bss->left_active, 0U);
}

// ---- Who asked for a call, where programs in the runtime tell ----

class BpfRequesters : public BpfGoroutines {
 protected:
  void Start(uint64_t goroutine, uint64_t parent) { As(goroutine, parent, kStart, 0); }
  // Written before by the connection's own goroutine 40, and read by 41.
  void AddPooled(uint64_t client) {
    AddClient(client);
    As(40, 1, kSend, client);
    As(41, 1, kReceive, client);
  }
  // What is told of a call on a pooled connection that `goroutine` asked for.
  auto& Call(uint64_t goroutine, uint64_t client) {
    As(goroutine, 0, kRequest, client);
    return As(40, 1, kSend, client);
  }
};

TEST_F(BpfRequesters, PooledCallBelongsToTheExchangeOfWhoAskedForIt) {
  for (const uint64_t server : {100U, 101U}) AddServer(server);
  AddPooled(200);
  As(7, 1, kReceive, 100);
  As(8, 1, kReceive, 101);
  const auto& call = Call(7, 200);
  EXPECT_TRUE(call.seen_flags & WS_DATA_REQUESTER);
  EXPECT_FALSE(call.seen_flags & WS_DATA_REQUESTER_AGAIN);
  EXPECT_EQ(call.left_stored, Token(100, 1));
  EXPECT_EQ(call.left_parent, Token(100, 1));
}

TEST_F(BpfRequesters, WhoServesNothingAsksForNobody) {
  AddServer(100);
  AddPooled(200);
  As(7, 1, kReceive, 100);
  const auto& call = Call(50, 200);
  EXPECT_TRUE(call.seen_flags & WS_DATA_REQUESTER);
  EXPECT_EQ(call.left_stored, 0U) << "what the thread read last is another's";
  EXPECT_EQ(call.left_parent, 0U);
}

TEST_F(BpfRequesters, WhatWasToldIsOfOneCall) {
  AddServer(100);
  AddPooled(200);
  As(7, 1, kReceive, 100);
  Call(7, 200);
  As(41, 1, kReceive, 200);
  EXPECT_FALSE(As(40, 1, kSend, 200).seen_flags & WS_DATA_REQUESTER);
}

TEST_F(BpfRequesters, StartedGoroutinesWorkForTheExchangeOfWhoStartedThem) {
  AddServer(100);
  for (const uint64_t client : {200U, 201U}) AddPooled(client);
  As(7, 1, kReceive, 100);
  Start(60, 7);
  Start(61, 60);
  EXPECT_EQ(Call(60, 200).left_stored, Token(100, 1));
  const auto& grandchild = Call(61, 201);
  EXPECT_EQ(grandchild.left_stored, Token(100, 1));
  EXPECT_FALSE(grandchild.seen_flags & WS_DATA_REQUESTER_AGAIN);
}

TEST_F(BpfRequesters, TheSecondCallOfAStartedGoroutineIsToldApart) {
  AddServer(100);
  for (const uint64_t client : {200U, 201U}) AddPooled(client);
  As(7, 1, kReceive, 100);
  Start(60, 7);
  Call(60, 200);
  EXPECT_TRUE(Call(60, 201).seen_flags & WS_DATA_REQUESTER_AGAIN);
}

TEST_F(BpfRequesters, GoroutinesOfAnEarlierRequestAreNobodysInTheNext) {
  AddServer(100);
  AddPooled(200);
  As(7, 1, kReceive, 100);
  Start(60, 7);
  As(7, 1, kSend, 100);
  EXPECT_EQ(Call(60, 200).left_stored, Token(100, 1)) << "answered: user space says so";
  EXPECT_EQ(skeleton_->bss->left_parent, 0U);
  As(7, 1, kReceive, 100);
  As(41, 1, kReceive, 200);
  EXPECT_EQ(Call(60, 200).left_stored, 0U);
}

TEST_F(BpfRequesters, GoroutinesStartedAfterTheAnswerInheritNothing) {
  AddServer(100);
  AddPooled(200);
  As(7, 1, kReceive, 100);
  As(7, 1, kSend, 100);
  Start(60, 7);
  EXPECT_EQ(Call(60, 200).left_stored, 0U);
}

// Who connects, or reads what comes back, is no pool's writer: its own calls are asked for by itself.
TEST_F(BpfRequesters, StartedGoroutineThatUsesItsOwnConnection) {
  AddServer(100);
  AddClient(200);
  As(7, 1, kReceive, 100);
  Start(60, 7);
  As(60, 7, kConnect, 200);
  const auto& first = As(60, 7, kSend, 200);
  EXPECT_EQ(first.left_stored, Token(100, 1));
  EXPECT_FALSE(first.seen_flags & WS_DATA_REQUESTER_AGAIN);
  As(60, 7, kReceive, 200);
  const auto& second = As(60, 7, kSend, 200);
  EXPECT_EQ(second.left_stored, Token(100, 1));
  EXPECT_TRUE(second.seen_flags & WS_DATA_REQUESTER_AGAIN);
}

// The writer of a pooled connection was started by the dial of an earlier request: that says nothing of this one.
TEST_F(BpfRequesters, WriterOfAPoolAsksForNothingItself) {
  AddServer(100);
  AddClient(200);
  As(7, 1, kReceive, 100);
  Start(20, 7);
  As(20, 7, kConnect, 200);
  Start(40, 20);
  As(40, 20, kSend, 200);
  As(41, 20, kReceive, 200);
  EXPECT_FALSE(As(40, 20, kSend, 200).seen_flags & WS_DATA_REQUESTER);
}

}  // namespace
