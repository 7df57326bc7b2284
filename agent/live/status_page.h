// StatusPage: what --status-listen asks for: the address, taken before anything is attached; the board; and what is put up on it.
// Owned by the door; main thread. Outlives the Agent that it tells of.
#pragma once

#include <memory>
#include <string>

#include "agent/base/clock.h"
#include "agent/base/result.h"
#include "agent/config/config.h"
#include "agent/live/summary.h"
#include "agent/status/board.h"
#include "agent/status/listener.h"

namespace wirespan::live {

class Agent;

class StatusPage {
 public:
  // Takes the address where the configuration names one; answers nothing yet. Error: one line.
  static Result<std::unique_ptr<StatusPage>> Open(const config::Config& config);

  // Answers from now on: the agent is starting.
  void Serve();
  // The probes are in place.
  void Ready() { board_.Enter(status::Stage::kReady); }
  // Every so often, at least each second: says how far the loops are, and what was asked for.
  void Attend(Agent& agent);
  // No more is put up.
  void Ending() { board_.Enter(status::Stage::kEnding); }
  void Stop();

  // Where it listens, "http://127.0.0.1:9464"; empty: nowhere.
  std::string url() const { return listener_ ? listener_->url() : std::string(); }

 private:
  StatusPage() : board_(clock_) {}

  SystemClock clock_;
  status::StatusBoard board_;
  std::unique_ptr<status::Listener> listener_;  // null: nothing was asked for
};

// The agent's own metrics, every name of metric_names.h. CPU time and memory are read here, of this process.
std::vector<status::Family> OwnMetrics(const Summary& summary, const Gauges& gauges, const std::string& source);

}  // namespace wirespan::live
