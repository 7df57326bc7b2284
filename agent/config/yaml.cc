#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/yaml.h>

#include <optional>
#include <set>
#include <sstream>

#include "agent/config/flags.h"
#include "agent/config/options.h"
#include "agent/config/values.h"

namespace wirespan::config {
namespace {

constexpr size_t kMaxYamlBytes = size_t{1024} * 1024;
constexpr size_t kMaxListValues = 10'000;

std::string Place(const std::string& name, const YAML::Mark& mark) {
  return mark.is_null() ? name : name + ':' + std::to_string(mark.line + 1);
}

// The values of one key: a scalar, or for a list a sequence of scalars.
Result<std::vector<std::string>> ValuesOf(const Option& option, const YAML::Node& node) {
  if (node.IsScalar()) {
    if (node.Scalar().empty()) return Error("no value");
    return std::vector<std::string>{node.Scalar()};
  }
  if (node.IsNull()) return Error("no value");
  if (!option.is_list || !node.IsSequence())
    return Error(option.is_list ? "not a value or a list of values" : "not a single value");
  if (node.size() == 0) return Error("an empty list");
  if (node.size() > kMaxListValues) return Error("a list of more than " + std::to_string(kMaxListValues) + " values");
  std::vector<std::string> values;
  for (const YAML::Node& item : node) {
    if (!item.IsScalar() || item.Scalar().empty()) return Error("an item of the list is not a value");
    values.push_back(item.Scalar());
  }
  return values;
}

Result<void> ApplyDocument(const YAML::Node& root, const std::string& name, Config& config) {
  if (root.IsNull()) return {};
  if (!root.IsMap()) return Error(Place(name, root.Mark()) + ": not a map of options");
  struct Given {
    const Option* option;
    std::string place;  // of the key
    YAML::Node value;
  };
  std::vector<Given> given;
  std::set<std::string> seen;
  for (const auto& entry : root) {
    const YAML::Node& key = entry.first;
    const std::string place = Place(name, key.Mark());
    if (!key.IsScalar()) return Error(place + ": a key that is not a word");
    const Option* option = FindOption(key.Scalar());
    if (option == nullptr) return Error(place + ": unknown key '" + key.Scalar().substr(0, 100) + "'");
    if (!seen.insert(key.Scalar()).second) return Error(place + ": '" + key.Scalar() + "' stands there twice");
    given.push_back({option, place + ": " + option->name + ": ", entry.second});
  }
  // In the order of the list of options, not of the file: what is said of one signal wins.
  for (const Option& option : Options()) {
    for (const Given& one : given) {
      if (one.option != &option) continue;
      const Result<std::vector<std::string>> values = ValuesOf(option, one.value);
      if (!values) return Error(one.place + values.error().message());
      if (const Result<void> applied = option.apply(config, *values); !applied)
        return Error(one.place + applied.error().message());
    }
  }
  return {};
}

// Sees where a document begins and nothing else.
class DocumentStart final : public YAML::EventHandler {
 public:
  void OnDocumentStart(const YAML::Mark& mark) override { mark_ = mark; }
  void OnDocumentEnd() override {}
  void OnNull(const YAML::Mark& /*mark*/, YAML::anchor_t /*anchor*/) override {}
  void OnAlias(const YAML::Mark& /*mark*/, YAML::anchor_t /*anchor*/) override {}
  void OnScalar(const YAML::Mark& /*mark*/, const std::string& /*tag*/, YAML::anchor_t /*anchor*/,
                const std::string& /*value*/) override {}
  void OnSequenceStart(const YAML::Mark& /*mark*/, const std::string& /*tag*/, YAML::anchor_t /*anchor*/,
                       YAML::EmitterStyle::value /*style*/) override {}
  void OnSequenceEnd() override {}
  void OnMapStart(const YAML::Mark& /*mark*/, const std::string& /*tag*/, YAML::anchor_t /*anchor*/,
                  YAML::EmitterStyle::value /*style*/) override {}
  void OnMapEnd() override {}
  const YAML::Mark& mark() const { return mark_; }

 private:
  YAML::Mark mark_;
};

// Where a second document begins. Not by YAML::LoadAll: in yaml-cpp 0.7 it never ends on some malformed texts, since a document
// that takes nothing from the text counts as one more.
std::optional<YAML::Mark> SecondDocument(std::string_view text) {
  std::istringstream stream{std::string(text)};
  YAML::Parser parser(stream);
  DocumentStart start;
  if (!parser.HandleNextDocument(start) || !parser.HandleNextDocument(start)) return std::nullopt;
  return start.mark();
}

}  // namespace

Result<void> ApplyYaml(std::string_view text, const std::string& name, Config& config) {
  if (text.size() > kMaxYamlBytes) return Error(name + ": longer than 1 MiB");
  // yaml-cpp tells of malformed text by exceptions only: they end here.
  try {
    const YAML::Node document = YAML::Load(std::string(text));
    if (const auto second = SecondDocument(text)) return Error(Place(name, *second) + ": a second document");
    const Result<void> applied = ApplyDocument(document, name, config);
    return applied ? applied : Error(OneLine(applied.error().message()));
  } catch (const YAML::Exception& error) {
    return Error(OneLine(Place(name, error.mark) + ": " + error.msg));
  }
}

}  // namespace wirespan::config
