// World: threads and connections that behave by the kernel's rules of docs/linking.md and tell the facts a shard would tell.
// Every request has a number; both ends' spans are named by it ("c12", "s12"), so that a test can compare parents with the truth.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <random>
#include <string>
#include <vector>

#include "agent/trace/assembler.h"
#include "agent/trace/fact.h"

namespace wirespan::trace {

inline constexpr span::IdKey kTestKey{{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16}};
inline constexpr uint64_t kMs = 1'000'000;

// A seeded generator of 32-bit numbers.
class Dice {
 public:
  explicit Dice(uint32_t seed) : engine_(seed) {}
  uint32_t operator()() { return static_cast<uint32_t>(engine_()); }

 private:
  std::mt19937 engine_;
};

struct WorldThread {
  uint32_t tgid = 0;
  uint32_t tid = 0;
  bool loop = false;
  bool timer_due = false;  // set by the test for the rest of the turn
  bool handed_over = false;
  int unacted = 0;  // exchanges read in this turn that have neither called nor answered
  uint32_t turn = 0;
  uint32_t sequence = 0;
  Token active = 0;
  Token last_call = 0;
  Token woken_active = 0, woken_call = 0;  // both as they were when it waited at a futex
  ConnectionId read_inode = 0;             // read last, and how many connections since the thread last sent in this turn
  int reads = 0;
  int activity = 0;  // requests and responses read in this turn; by turn for those before
  std::map<uint32_t, int> past{};
  ActiveSource source = ActiveSource::kNone;
};

struct WorldRequest {
  int number = 0;
  JoinKey join;
  JoinKey sequences;
  bool translated = false;  // the server sees other addresses than the client
  std::optional<IncomingContext> header;
  bool has_client = false, has_server = false;
  uint64_t client_start_ns = 0, server_start_ns = 0;
  int parent = -1;  // number of the request whose exchange truly caused the call; -1: none
};

// One end of a connection.
struct WorldEnd {
  ConnectionId inode = 0;
  uint32_t turn = 0;
  Token current = 0;  // exchange or call in progress
  int request = -1;
  bool open = false;  // server: no byte of the answer sent
  bool fresh = true;  // client
  bool is_server = false;
  bool has_acted = true;
  uint32_t reader_tid = 0;
  uint32_t reader_turn = 0;
  Token stored = 0;  // client: token at connect, and what is known of that moment
  bool stored_timer = false, stored_doubtful = false;
  uint32_t stored_turn = 0;
  int stored_activity = 0;
  Token parent = 0;  // client: what the kernel takes for the call's parent
};

class World {
 public:
  explicit World(uint32_t seed = 1) : random_(seed) {}

  WorldThread Thread(uint32_t tgid, uint32_t tid, bool loop) { return {.tgid = tgid, .tid = tid, .loop = loop}; }
  int NewRequest(int parent = -1, std::optional<IncomingContext> header = {});
  WorldEnd& NewEnd();

  // The rules of bpf/lib/causality.bpf.h: a receive or send on a server or client connection, connect, a multiplexed wait, the
  // read of an eventfd, the end of a wait at a futex.
  void ServerReads(WorldThread& thread, WorldEnd& end, int request);
  void ServerAnswers(WorldThread& thread, WorldEnd& end, bool finish = true);
  void ServerFinishes(WorldThread& thread, WorldEnd& end);
  void Connects(WorldThread& thread, WorldEnd& end);
  // The program looks whether its connect() is done, and goes on with what it connected for.
  void ConnectDone(WorldThread& thread, const WorldEnd& end);
  void ClientSends(WorldThread& thread, WorldEnd& end, int request);
  void ClientReads(WorldThread& thread, WorldEnd& end, bool finish = true);
  void ClientFinishes(WorldThread& thread, WorldEnd& end);
  void Wait(WorldThread& thread);
  void EventfdRead(WorldThread& thread);
  void FutexWakes(WorldThread& thread);
  // A worker that read a call's response wakes a thread that waits with its own open exchange.
  void Wakes(WorldThread& waker, const WorldThread& wakee);
  void Pass(uint64_t ns) { now_ns += ns; }

  std::vector<Fact> facts;
  std::vector<WorldRequest> requests;
  uint64_t now_ns = 1'000 * kMs;

 private:
  WorldEnd* OpenExchange(Token token);
  bool OtherUnresolved(const WorldThread& thread);
  void MarkActed(WorldEnd& exchange, WorldThread& thread);
  ThreadStamp Stamp(WorldThread& thread);
  static void EndTurn(WorldThread& thread);
  static void CountRead(WorldThread& thread, const WorldEnd& end);
  void Tick();
  void Finish(WorldThread& thread, WorldEnd& end, ConnectionRole role);

  Dice random_;
  std::map<ConnectionId, WorldEnd> ends_;
  std::map<uint32_t, int> unacted_;  // by process
  ConnectionId next_inode_ = 1000;
};

// What became of the spans, against the truth.
struct Verdict {
  size_t spans = 0;
  size_t links = 0;    // spans with a local parent
  size_t wrong = 0;    // of them, with another parent than the truth
  size_t missing = 0;  // spans without the local parent they truly have
  size_t split = 0;    // spans in another trace than their parent span
  std::string first_wrong;
};

class Outcome {
 public:
  Outcome(const World& world, const exporters::SpanBatch& batch);
  const exporters::Span* Find(const std::string& name) const;
  // Name of the parent: "s12", "c12", "remote" for a parent of no span here, "" for none.
  std::string ParentOf(const std::string& name) const;
  std::string ReasonOf(const std::string& name) const;
  std::string TraceOf(const std::string& name) const;
  Verdict Judge() const;
  // Every span with all that the assembler decided, sorted: two outcomes are equal if these are.
  std::vector<std::string> Lines() const;

 private:
  const World& world_;
  std::vector<exporters::Span> spans_;
  std::map<std::string, size_t> by_name_;
  std::map<exporters::SpanId, std::string> names_;  // of all requests, those without spans too
};

JoinKey JoinOf(const WorldRequest& request, ConnectionRole role);
exporters::SpanId SpanIdOf(const WorldRequest& request, ConnectionRole role);
IncomingContext Header(uint8_t trace, uint8_t parent, uint8_t flags = 1, std::string trace_state = {});

// All facts through one assembler, one shard.
Outcome Assemble(const World& world, TraceAssembler& assembler);
Outcome Assemble(const World& world, const AssemblerConfig& config = {});

}  // namespace wirespan::trace
