// Simulation: a random graph of services, thread-per-request servers and single event loops, that call each other over pools of
// connections while clients from outside keep them busy. It plays on a World, so the truth of every call is known. Deterministic.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <random>
#include <vector>

#include "tests/unit/trace/world.h"

namespace wirespan::trace {

struct SimulationConfig {
  uint32_t seed = 1;
  int services = 4;
  int loops_percent = 50;  // how many services are event loops
  int clients = 8;         // from outside, each with one request at a time
  int requests = 40;
  int max_steps = 3;     // calls of an exchange that follow each other, on threads
  int loop_steps = 2;    // and on loops
  int max_parallel = 3;  // calls of its first step that leave together (loops only)
  int pool_limit = 0;    // connections of a loop to one service; 0: no limit
  bool keep_alive = true;
  int turn_events = 4;      // events that one turn of a loop handles at most
  bool host_names = false;  // loops look up names in a thread pool: one call per exchange
};

class Simulation {
 public:
  explicit Simulation(const SimulationConfig& config);
  const World& world() const { return world_; }

 private:
  using Action = std::function<void()>;
  struct Exchange {
    int service = 0;
    int request = 0;
    size_t thread = 0;
    WorldEnd* end = nullptr;
    int steps_left = 0;
    bool first_step = true;
    int outstanding = 0;
    Action on_answer;
  };
  using ExchangePtr = std::shared_ptr<Exchange>;
  struct Call {
    ExchangePtr exchange;
    int target = 0;
  };
  struct Pool {
    std::vector<WorldEnd*> idle;
    std::deque<Call> queued;
    int connections = 0;
  };
  struct Service {
    bool loop = false;
    std::vector<WorldThread> threads;
    std::vector<size_t> idle_threads;
    std::deque<ExchangePtr> waiting;  // for a thread
    std::vector<Action> events;       // of a loop
    std::map<int, Pool> pools;        // by target
  };

  int Random(int below) { return static_cast<int>(random_() % static_cast<uint32_t>(below)); }
  void Run();
  void LoopTurn(Service& service);
  void NextFromOutside(WorldEnd* end);
  void Deliver(int service, int request, WorldEnd* end, Action on_answer);
  void StartOnThread(Service& service);
  void Begin(const ExchangePtr& exchange);
  void Next(const ExchangePtr& exchange);
  void Answer(const ExchangePtr& exchange);
  void CallFromThread(const ExchangePtr& exchange, int target);
  void CallFromLoop(const ExchangePtr& exchange, int target);
  void Send(const ExchangePtr& exchange, int target, WorldEnd* end);
  void Respond(const ExchangePtr& exchange, int target, WorldEnd* end);
  void GiveBack(Service& service, int target, WorldEnd* end);
  WorldEnd* PeerOf(WorldEnd* client);
  WorldThread& ThreadOf(const Exchange& exchange);
  Service& ServiceOf(const Exchange& exchange) { return services_[static_cast<size_t>(exchange.service)]; }

  SimulationConfig config_;
  World world_;
  Dice random_;
  std::vector<Service> services_;
  std::vector<Action> actions_;
  std::map<WorldEnd*, WorldEnd*> peers_;
  int to_send_ = 0;
};

}  // namespace wirespan::trace
