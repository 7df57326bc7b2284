// What `wirespan replay FILE --format json` says of a file.
#pragma once

#include <nlohmann/json.hpp>
#include <sstream>
#include <string>
#include <vector>

#include "agent/cli_replay/replay_door.h"

namespace wirespan::testing {

struct Replayed {
  int code = 0;
  std::vector<nlohmann::json> spans;
  nlohmann::json summary;  // null: it was none
  std::string err;
  std::string text;
};

inline Replayed ReplayFile(const std::string& file) {
  std::ostringstream out, err;
  Replayed replayed;
  replayed.code = cli::RunReplay({.path = file, .format = "json", .port_hints = {}}, out, err);
  replayed.err = err.str();
  replayed.text = out.str();
  std::istringstream lines(replayed.text);
  for (std::string line; std::getline(lines, line);) {
    nlohmann::json parsed = nlohmann::json::parse(line);
    if (parsed.value("type", "") == "summary") {
      replayed.summary = std::move(parsed);
    } else {
      replayed.spans.push_back(std::move(parsed));
    }
  }
  return replayed;
}

}  // namespace wirespan::testing
