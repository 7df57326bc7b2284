#include "tests/unit/trace/simulation.h"

#include <utility>

namespace wirespan::trace {

Simulation::Simulation(const SimulationConfig& config)
    : config_(config), world_(config.seed), random_(config.seed * 7919 + 1), to_send_(config.requests) {
  services_.resize(static_cast<size_t>(config.services));
  for (size_t i = 0; i < services_.size(); ++i) {
    Service& service = services_[i];
    service.loop = Random(100) < config.loops_percent;
    const auto tgid = static_cast<uint32_t>(100 * (i + 1));
    for (uint32_t t = 0; t < (service.loop ? 1U : 6U); ++t) {
      service.threads.push_back(world_.Thread(tgid, tgid + t, service.loop));
      service.idle_threads.push_back(t);
    }
  }
  for (int i = 0; i < config.clients; ++i) NextFromOutside(&world_.NewEnd());
  Run();
}

void Simulation::Run() {
  while (true) {
    std::vector<size_t> ready;
    for (size_t i = 0; i < services_.size(); ++i) {
      if (!services_[i].events.empty()) ready.push_back(i);
    }
    const size_t choices = ready.size() + actions_.size();
    if (choices == 0) return;
    if (Random(20) == 0) world_.Pass(static_cast<uint64_t>(Random(3'000)) * 1'000);
    const auto choice = static_cast<size_t>(Random(static_cast<int>(choices)));
    if (choice < ready.size()) {
      LoopTurn(services_[ready[choice]]);
      continue;
    }
    std::swap(actions_[choice - ready.size()], actions_.back());
    const Action action = std::move(actions_.back());
    actions_.pop_back();
    action();
  }
}

void Simulation::LoopTurn(Service& service) {
  world_.Wait(service.threads[0]);
  std::vector<Action> turn;
  for (int left = 1 + Random(config_.turn_events); left > 0 && !service.events.empty(); --left) {
    std::swap(service.events[static_cast<size_t>(Random(static_cast<int>(service.events.size())))], service.events.back());
    turn.push_back(std::move(service.events.back()));
    service.events.pop_back();
  }
  for (const Action& event : turn) event();
}

void Simulation::NextFromOutside(WorldEnd* end) {
  if (to_send_-- <= 0) return;
  actions_.push_back([this, end] { Deliver(0, world_.NewRequest(), end, [this, end] { NextFromOutside(end); }); });
}

void Simulation::Deliver(int service, int request, WorldEnd* end, Action on_answer) {
  auto exchange = std::make_shared<Exchange>();
  exchange->service = service;
  exchange->request = request;
  exchange->end = end;
  exchange->on_answer = std::move(on_answer);
  const bool leaf = service + 1 >= config_.services;
  const bool loop = services_[static_cast<size_t>(service)].loop;
  const int most = !loop ? config_.max_steps : config_.host_names ? 1 : config_.loop_steps;
  exchange->steps_left = leaf ? 0 : Random(most + 1);
  Service& server = ServiceOf(*exchange);
  if (server.loop) {
    server.events.push_back([this, exchange] { Begin(exchange); });
    return;
  }
  server.waiting.push_back(exchange);
  actions_.push_back([this, &server] { StartOnThread(server); });
}

void Simulation::StartOnThread(Service& service) {
  if (service.waiting.empty() || service.idle_threads.empty()) return;
  const ExchangePtr exchange = service.waiting.front();
  service.waiting.pop_front();
  exchange->thread = service.idle_threads.back();
  service.idle_threads.pop_back();
  Begin(exchange);
}

WorldThread& Simulation::ThreadOf(const Exchange& exchange) { return ServiceOf(exchange).threads[exchange.thread]; }

void Simulation::Begin(const ExchangePtr& exchange) {
  world_.ServerReads(ThreadOf(*exchange), *exchange->end, exchange->request);
  if (exchange->steps_left == 0 && ServiceOf(*exchange).loop && Random(4) == 0) {
    // File work in a thread pool before the answer.
    ServiceOf(*exchange).events.push_back([this, exchange] {
      world_.EventfdRead(ThreadOf(*exchange));
      Answer(exchange);
    });
    return;
  }
  Next(exchange);
}

void Simulation::Next(const ExchangePtr& exchange) {
  if (exchange->steps_left == 0) {
    Answer(exchange);
    return;
  }
  --exchange->steps_left;
  const bool loop = ServiceOf(*exchange).loop;
  const int calls = loop && exchange->first_step && !config_.host_names ? 1 + Random(config_.max_parallel) : 1;
  exchange->first_step = false;
  exchange->outstanding = calls;
  for (int i = 0; i < calls; ++i) {
    const int target = exchange->service + 1 + Random(config_.services - exchange->service - 1);
    loop ? CallFromLoop(exchange, target) : CallFromThread(exchange, target);
  }
}

void Simulation::Answer(const ExchangePtr& exchange) {
  world_.ServerAnswers(ThreadOf(*exchange), *exchange->end);
  Service& service = ServiceOf(*exchange);
  if (!service.loop) {
    service.idle_threads.push_back(exchange->thread);
    actions_.push_back([this, &service] { StartOnThread(service); });
  }
  exchange->on_answer();
}

void Simulation::CallFromThread(const ExchangePtr& exchange, int target) {
  Pool& pool = ServiceOf(*exchange).pools[target];
  WorldEnd* end = nullptr;
  if (!pool.idle.empty()) {
    end = pool.idle.back();
    pool.idle.pop_back();
  } else {
    end = &world_.NewEnd();
    world_.Connects(ThreadOf(*exchange), *end);
  }
  Send(exchange, target, end);
}

void Simulation::CallFromLoop(const ExchangePtr& exchange, int target) {
  Service& service = ServiceOf(*exchange);
  if (config_.host_names) {
    service.events.push_back([this, exchange, target, &service] {
      world_.EventfdRead(ThreadOf(*exchange));
      WorldEnd* end = &world_.NewEnd();
      world_.Connects(ThreadOf(*exchange), *end);
      service.events.push_back([this, exchange, target, end] { Send(exchange, target, end); });
    });
    return;
  }
  Pool& pool = service.pools[target];
  if (!pool.idle.empty()) {
    WorldEnd* end = pool.idle.back();
    pool.idle.pop_back();
    Send(exchange, target, end);
    return;
  }
  if (config_.pool_limit > 0 && pool.connections >= config_.pool_limit) {
    pool.queued.push_back({exchange, target});
    return;
  }
  ++pool.connections;
  WorldEnd* end = &world_.NewEnd();
  world_.Connects(ThreadOf(*exchange), *end);
  service.events.push_back([this, exchange, target, end] { Send(exchange, target, end); });
}

WorldEnd* Simulation::PeerOf(WorldEnd* client) {
  WorldEnd*& peer = peers_[client];
  if (peer == nullptr) peer = &world_.NewEnd();
  return peer;
}

void Simulation::Send(const ExchangePtr& exchange, int target, WorldEnd* end) {
  const int request = world_.NewRequest(exchange->request);
  world_.ClientSends(ThreadOf(*exchange), *end, request);
  Deliver(target, request, PeerOf(end), [this, exchange, target, end] {
    Service& service = ServiceOf(*exchange);
    (service.loop ? service.events : actions_).push_back([this, exchange, target, end] { Respond(exchange, target, end); });
  });
}

void Simulation::Respond(const ExchangePtr& exchange, int target, WorldEnd* end) {
  Service& service = ServiceOf(*exchange);
  world_.ClientReads(ThreadOf(*exchange), *end);
  const bool pool_first = Random(2) == 0;  // the pool hands the connection on before the exchange goes on, or after
  if (pool_first) GiveBack(service, target, end);
  if (--exchange->outstanding == 0) Next(exchange);
  if (!pool_first) GiveBack(service, target, end);
}

void Simulation::GiveBack(Service& service, int target, WorldEnd* end) {
  Pool& pool = service.pools[target];
  if (!config_.keep_alive) {
    --pool.connections;
    return;
  }
  if (pool.queued.empty()) {
    pool.idle.push_back(end);
    return;
  }
  const Call call = pool.queued.front();
  pool.queued.pop_front();
  Send(call.exchange, call.target, end);
}

}  // namespace wirespan::trace
