// The one list of options: from it come the flags, the YAML keys, the environment variables and the help. Any thread.
#pragma once

#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "agent/base/result.h"
#include "agent/config/config.h"

namespace wirespan::config {

enum class OptionGroup : uint8_t { kSelectors, kOutput, kCapture, kOtlp, kLimits };
std::string_view Name(OptionGroup group);  // a heading of the help

struct Option {
  std::string name;        // "ring-bytes": flag --ring-bytes, YAML key ring-bytes, variable WIRESPAN_RING_BYTES
  std::string value_name;  // "SIZE"
  std::string help;
  OptionGroup group = OptionGroup::kCapture;
  std::string otel_variable;  // the OTEL_* variable of the same meaning; empty: none
  bool is_list = false;       // may be given several times; in the environment separated by ','
  // Checks and stores. `values` are all of one source, and take the place of what an earlier source said; one, unless is_list.
  std::function<Result<void>(Config&, std::span<const std::string> values)> apply;

  std::string Variable() const;  // "WIRESPAN_RING_BYTES"
};

// Options that hold for all OTLP signals stand before those of one signal: within a source, the latter win.
const std::vector<Option>& Options();
const Option* FindOption(std::string_view name);

}  // namespace wirespan::config
