#include "agent/status/exposition.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <map>
#include <optional>
#include <utility>
#include <vector>

namespace wirespan::status {
namespace {

using exporters::AttributeList;
using exporters::AttributeView;
using Labels = std::map<std::string, std::string>;  // by name: the order of the exposition, and where equal names meet

bool IsDigit(char c) { return c >= '0' && c <= '9'; }
bool IsNameChar(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || IsDigit(c) || c == '_'; }

// Characters that a name may not have become '_', several in a row one.
std::string Sanitized(std::string_view text, bool with_colon) {
  std::string name;
  for (const char c : text) {
    const bool keep = (IsNameChar(c) && c != '_') || (with_colon && c == ':');
    if (keep) {
      name += c;
    } else if (name.empty() || name.back() != '_') {
      name += '_';
    }
  }
  if (name.empty() || IsDigit(name.front())) name.insert(name.begin(), '_');
  return name;
}

// docs/compatibility: the units that have a word of their own.
constexpr std::array<std::pair<std::string_view, std::string_view>, 26> kUnits{{
    {"d", "days"},          {"h", "hours"},        {"min", "minutes"},   {"s", "seconds"},      {"ms", "milliseconds"},
    {"us", "microseconds"}, {"ns", "nanoseconds"}, {"By", "bytes"},      {"KiBy", "kibibytes"}, {"MiBy", "mebibytes"},
    {"GiBy", "gibibytes"},  {"TiBy", "tibibytes"}, {"kBy", "kilobytes"}, {"KBy", "kilobytes"},  {"MBy", "megabytes"},
    {"GBy", "gigabytes"},   {"TBy", "terabytes"},  {"m", "meters"},      {"V", "volts"},        {"A", "amperes"},
    {"J", "joules"},        {"W", "watts"},        {"g", "grams"},       {"Cel", "celsius"},    {"Hz", "hertz"},
    {"%", "percent"},
}};
constexpr std::array<std::pair<std::string_view, std::string_view>, 7> kPerUnits{
    {{"s", "second"}, {"m", "minute"}, {"h", "hour"}, {"d", "day"}, {"w", "week"}, {"mo", "month"}, {"y", "year"}}};

template <typename Table>
std::string Word(const Table& table, std::string_view unit) {
  for (const auto& [symbol, word] : table) {
    if (symbol == unit) return std::string(word);
  }
  return Sanitized(unit, false);
}

std::string WithoutBraces(std::string_view unit) {
  std::string rest;
  for (size_t i = 0; i < unit.size(); ++i) {
    const size_t close = unit[i] == '{' ? unit.find('}', i) : std::string_view::npos;
    if (close == std::string_view::npos) {
      rest += unit[i];
    } else {
      i = close;
    }
  }
  return rest;
}

void AppendNumber(double value, std::string& out) {
  if (std::isnan(value)) {
    out += "NaN";
    return;
  }
  if (std::isinf(value)) {
    out += value > 0 ? "+Inf" : "-Inf";
    return;
  }
  constexpr double kExactIntegers = 9007199254740992.0;  // 2^53
  std::array<char, 32> text{};
  const bool whole = std::abs(value) < kExactIntegers && std::trunc(value) == value;
  const std::to_chars_result end = whole ? std::to_chars(text.begin(), text.end(), static_cast<int64_t>(value))
                                         : std::to_chars(text.begin(), text.end(), value);
  out.append(text.data(), end.ptr);
}

// OpenMetrics 1.0, "Considerations: Canonical Numbers": the bounds of buckets are floats there, "1.0".
std::string Bound(double value, Format format) {
  std::string text;
  AppendNumber(value, text);
  if (format == Format::kOpenMetrics && text.find_first_not_of("-0123456789") == std::string::npos) text += ".0";
  return text;
}

std::string ValueOf(const AttributeView& attribute) {
  std::string text;
  switch (attribute.type) {
    case AttributeView::Type::kString:
      return std::string(attribute.string_value);
    case AttributeView::Type::kBool:
      return attribute.bool_value ? "true" : "false";
    case AttributeView::Type::kInt:
      return std::to_string(attribute.int_value);
    case AttributeView::Type::kDouble:
      AppendNumber(attribute.double_value, text);
      return text;
  }
  return text;
}

// Keys that become equal join their values with ';', in the order of the keys.
Labels LabelsOf(std::vector<std::pair<std::string, std::string>> attributes) {
  std::stable_sort(attributes.begin(), attributes.end(), [](const auto& a, const auto& b) { return a.first < b.first; });
  Labels labels;
  for (auto& [key, value] : attributes) {
    const auto [place, fresh] = labels.try_emplace(LabelName(key), value);
    if (!fresh) place->second += ';' + value;
  }
  return labels;
}

std::vector<std::pair<std::string, std::string>> PairsOf(const AttributeList& attributes) {
  std::vector<std::pair<std::string, std::string>> pairs;
  AttributeList::Reader reader(attributes);
  for (AttributeView attribute; reader.Next(attribute);) pairs.emplace_back(attribute.key, ValueOf(attribute));
  return pairs;
}

class Writer {
 public:
  explicit Writer(Format format) : format_(format) {}

  void Header(const std::string& family, std::string_view type, const std::string& unit, std::string_view help) {
    const bool open_metrics = format_ == Format::kOpenMetrics;
    // In text 0.0.4 a counter is known by the name of its samples, and there is no info.
    std::string name = family;
    if (!open_metrics && type == "counter") name += "_total";
    if (!open_metrics && type == "info") {
      name += "_info";
      type = "gauge";
    }
    out_ += "# TYPE " + name + ' ' + std::string(type) + '\n';
    if (open_metrics && !unit.empty() && family.ends_with('_' + unit)) out_ += "# UNIT " + name + ' ' + unit + '\n';
    out_ += "# HELP " + name + ' ';
    for (const char c : help) {
      if (c == '\n') {
        out_ += "\\n";
      } else {
        if (c == '\\' || (open_metrics && c == '"')) out_ += '\\';
        out_ += c;
      }
    }
    out_ += '\n';
  }

  void Sample(const std::string& family, std::string_view suffix, const Labels& labels, double value,
              const std::string& bound = {}) {
    out_ += family;
    out_ += suffix;
    char separator = '{';
    const auto add = [&](std::string_view name, std::string_view text) {
      out_ += separator;
      out_ += name;
      out_ += "=\"";
      AppendLabelValue(text, out_);
      out_ += '"';
      separator = ',';
    };
    for (const auto& [name, text] : labels) add(name, text);
    if (!bound.empty()) add("le", bound);
    if (separator == ',') out_ += '}';
    out_ += ' ';
    AppendNumber(value, out_);
    out_ += '\n';
  }

  void Own(const Family& family) {
    if (family.samples.empty()) return;
    const bool is_counter = family.type == MetricType::kCounter;
    std::string name = MetricNameOf(family.name, family.unit);
    if (is_counter && name.ends_with("_total")) name.resize(name.size() - 6);
    Header(name, is_counter ? "counter" : "gauge", UnitName(family.unit), family.help);
    for (const status::Sample& sample : family.samples) {
      Sample(name, is_counter ? "_total" : "", LabelsOf(sample.labels), sample.value);
    }
  }

  void Histogram(const std::string& name, const exporters::Metric& metric, const exporters::HistogramPoint& point,
                 Labels labels) {
    // A label of the service's own that is called so would contradict the bucket's.
    labels.erase("le");
    uint64_t sum = 0;
    for (size_t i = 0; i < metric.bounds.size() && i < point.bucket_counts.size(); ++i) {
      sum += point.bucket_counts[i];
      Sample(name, "_bucket", labels, static_cast<double>(sum), Bound(metric.bounds[i], format_));
    }
    Sample(name, "_bucket", labels, static_cast<double>(point.count), "+Inf");
    Sample(name, "_sum", labels, point.sum);
    Sample(name, "_count", labels, static_cast<double>(point.count));
  }

  std::string Finish() {
    if (format_ == Format::kOpenMetrics) out_ += "# EOF\n";
    return std::move(out_);
  }

  Format format() const { return format_; }

 private:
  const Format format_;
  std::string out_;
};

// What tells one service instance from another.
Labels TargetLabels(const exporters::Resource& resource) {
  const auto text = [&](std::string_view key) {
    const std::optional<AttributeView> found = resource.attributes.Find(key);
    return found ? ValueOf(*found) : std::string();
  };
  Labels labels;
  const std::string space = text("service.namespace");
  labels["job"] = space.empty() ? resource.service_name : space + '/' + resource.service_name;
  if (std::string instance = text("service.instance.id"); !instance.empty()) labels["instance"] = std::move(instance);
  return labels;
}

void ExposeTargets(const exporters::MetricBatch& batch, Writer& writer) {
  std::map<Labels, Labels> targets;  // one series for each pair of job and instance
  for (const exporters::ResourceMetrics& one : batch.resources) {
    if (!one.resource) continue;
    auto pairs = PairsOf(one.resource->attributes);
    std::erase_if(pairs, [](const auto& pair) {
      return pair.first == "service.name" || pair.first == "service.namespace" || pair.first == "service.instance.id";
    });
    const Labels target = TargetLabels(*one.resource);
    Labels labels = LabelsOf(std::move(pairs));
    for (const auto& [name, value] : target) labels[name] = value;
    targets.try_emplace(target, std::move(labels));
  }
  if (targets.empty()) return;
  writer.Header("target", "info", "", "The service instances whose requests are measured");
  for (const auto& [target, labels] : targets) writer.Sample("target", "_info", labels, 1);
}

void ExposeMeasured(const Snapshot& snapshot, Writer& writer) {
  struct Series {
    const exporters::Metric* metric;
    const exporters::ResourceMetrics* resource;
  };
  std::map<std::string, std::vector<Series>> families;  // every name has one header
  for (const exporters::ResourceMetrics& one : snapshot.measured.resources) {
    for (const exporters::Metric& metric : one.metrics) {
      if (metric.type != exporters::Metric::Type::kHistogram || metric.temporality != exporters::Temporality::kCumulative)
        continue;
      families[MetricNameOf(metric.name, metric.unit)].push_back({&metric, &one});
    }
  }
  for (const auto& [name, series] : families) {
    const exporters::Metric& first = *series.front().metric;
    writer.Header(name, "histogram", UnitName(first.unit), first.description);
    for (const auto& [metric, one] : series) {
      const Labels target = one->resource ? TargetLabels(*one->resource) : Labels();
      for (const exporters::HistogramPoint& point : metric->histograms) {
        Labels labels = LabelsOf(PairsOf(point.attributes));
        for (const auto& [key, value] : target) labels[key] = value;
        if (!snapshot.scope_name.empty()) labels["otel_scope_name"] = snapshot.scope_name;
        if (!snapshot.scope_version.empty()) labels["otel_scope_version"] = snapshot.scope_version;
        writer.Histogram(name, *metric, point, std::move(labels));
      }
    }
  }
}

// The quality of a media range, in thousandths; 1000 where it says none, 0 where it says nonsense.
uint32_t QualityOf(std::string_view parameters) {
  for (size_t at = parameters.find("q="); at != std::string_view::npos; at = parameters.find("q=", at + 1)) {
    if (at != 0 && parameters[at - 1] != ';' && parameters[at - 1] != ' ') continue;
    const std::string_view text = parameters.substr(at + 2);
    double quality = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), quality);
    if (error != std::errc() || !(quality >= 0 && quality <= 1)) return 0;
    return static_cast<uint32_t>(quality * 1000);
  }
  return 1000;
}

}  // namespace

std::string_view ContentType(Format format) {
  return format == Format::kOpenMetrics ? "application/openmetrics-text; version=1.0.0; charset=utf-8"
                                        : "text/plain; version=0.0.4; charset=utf-8";
}

Format Negotiate(std::string_view accept) {
  uint32_t open_metrics = 0;
  uint32_t text = 0;
  while (!accept.empty()) {
    const std::string_view range = accept.substr(0, accept.find(','));
    accept.remove_prefix(std::min(accept.size(), range.size() + 1));
    const size_t begin = std::min(range.find_first_not_of(" \t"), range.size());
    const std::string_view media = range.substr(begin, range.find_first_of("; \t", begin) - begin);
    const uint32_t quality = QualityOf(range.substr(std::min(range.size(), begin + media.size())));
    if (media == "application/openmetrics-text") open_metrics = std::max(open_metrics, quality);
    if (media == "text/plain" || media == "text/*") text = std::max(text, quality);
  }
  return open_metrics > 0 && open_metrics >= text ? Format::kOpenMetrics : Format::kText;
}

std::string UnitName(std::string_view unit) {
  const std::string plain = WithoutBraces(unit);
  if (plain.empty() || plain == "1") return {};
  const size_t slash = plain.find('/');
  if (slash == std::string::npos) return Word(kUnits, plain);
  const std::string above = slash == 0 ? "" : Word(kUnits, std::string_view(plain).substr(0, slash)) + '_';
  const std::string_view below = std::string_view(plain).substr(slash + 1);
  return below.empty() ? Word(kUnits, plain.substr(0, slash)) : above + "per_" + Word(kPerUnits, below);
}

std::string MetricNameOf(std::string_view name, std::string_view unit) {
  std::string text = Sanitized(name, true);
  const std::string word = UnitName(unit);
  if (!word.empty() && text != word && !text.ends_with('_' + word)) text += '_' + word;
  return text;
}

std::string LabelName(std::string_view key) { return Sanitized(key, false); }

void AppendLabelValue(std::string_view value, std::string& out) {
  for (const char c : value) {
    if (c == '\n') {
      out += "\\n";
    } else {
      if (c == '\\' || c == '"') out += '\\';
      out += c;
    }
  }
}

std::string Expose(const Snapshot& snapshot, Format format) {
  Writer writer(format);
  ExposeTargets(snapshot.measured, writer);
  ExposeMeasured(snapshot, writer);
  for (const Family& family : snapshot.own) writer.Own(family);
  return writer.Finish();
}

}  // namespace wirespan::status
