#include "exporters/console/console_exporter.h"

#include <sys/ioctl.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <deque>
#include <list>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "exporters/console/waterfall.h"

namespace wirespan::exporters {
namespace {

using Clock = std::chrono::steady_clock;

constexpr int kMinWidth = 60, kMaxWidth = 240;
constexpr size_t kRememberedTraces = 4096;  // printed ones, by which late spans are known

struct TraceIdHash {
  size_t operator()(const TraceId& id) const {
    uint64_t bits = 0;
    std::memcpy(&bits, id.data() + sizeof bits, sizeof bits);
    return static_cast<size_t>(bits * 0x9E3779B97F4A7C15U);
  }
};

// A parent outside what is traced: nothing else of this trace is to be waited for above this span.
bool EndsTrace(const Span& span) {
  return IsZero(span.parent_span_id) || span.link_evidence == LinkEvidence::kTraceparent ||
         span.link_evidence == LinkEvidence::kSdkContext;
}

class ConsoleExporter final : public SpanExporter {
 public:
  ConsoleExporter(OutputFile file, ConsoleOptions options) : file_(std::move(file)), options_(options) {
    options_.width = std::clamp(options_.width, kMinWidth, kMaxWidth);
  }
  ~ConsoleExporter() override { Finish(); }

  ExportOutcome Export(const SpanBatch& batch) override {
    ExportOutcome outcome;
    outcome.attempts = 1;
    if (file_.is_gone()) {
      outcome.gave_up = batch.size;
      return outcome;
    }
    const auto now = Clock::now();
    for (size_t i = 0; i < batch.size; ++i) Hold(batch.spans[i], now);
    while (held_spans_ > options_.max_spans && !traces_.empty()) Print(traces_.begin());
    PrintRipe(now);
    outcome.accepted = batch.size;
    outcome.message = Write();
    return outcome;
  }

  void OnTick(Clock::time_point now) override {
    PrintRipe(now);
    (void)Write();
  }

  void Finish() override {
    while (!traces_.empty()) Print(traces_.begin());
    (void)Write();
  }

  void Shutdown(Clock::time_point deadline) override { file_.Interrupt(deadline); }

 private:
  struct Trace {
    TraceId id{};
    std::vector<Span> spans;
    Clock::time_point last_added;
    bool has_root = false;
  };
  using Traces = std::list<Trace>;  // in the order they were begun

  void Hold(const Span& span, Clock::time_point now) {
    auto [found, is_new] = by_id_.try_emplace(span.trace_id);
    if (is_new) {
      traces_.emplace_back();
      found->second = std::prev(traces_.end());
      found->second->id = span.trace_id;
    }
    Trace& trace = *found->second;
    trace.spans.push_back(span);
    trace.last_added = now;
    trace.has_root = trace.has_root || EndsTrace(span) || printed_.contains(span.trace_id);
    ++held_spans_;
  }

  void PrintRipe(Clock::time_point now) {
    for (auto trace = traces_.begin(); trace != traces_.end();) {
      const auto next = std::next(trace);
      const auto grace = trace->has_root ? options_.grace : options_.orphan_grace;
      if (now - trace->last_added >= grace) Print(trace);
      trace = next;
    }
  }

  void Print(Traces::iterator trace) {
    const bool late = !printed_.insert(trace->id).second;
    if (!late) {
      printed_order_.push_back(trace->id);
      if (printed_order_.size() > kRememberedTraces) {
        printed_.erase(printed_order_.front());
        printed_order_.pop_front();
      }
    }
    console::AppendWaterfall(trace->spans, late, options_, text_);
    held_spans_ -= trace->spans.size();
    by_id_.erase(trace->id);
    traces_.erase(trace);
  }

  // What went wrong, the first time only.
  std::string Write() {
    if (text_.empty()) return {};
    size_t written = 0;
    const bool ok = file_.Write(text_, written);
    text_.clear();
    if (ok || file_.error() == told_) return {};
    told_ = file_.error();
    return told_;
  }

  OutputFile file_;
  ConsoleOptions options_;
  Traces traces_;
  std::unordered_map<TraceId, Traces::iterator, TraceIdHash> by_id_;
  size_t held_spans_ = 0;
  std::unordered_set<TraceId, TraceIdHash> printed_;
  std::deque<TraceId> printed_order_;
  std::string text_;
  std::string told_;
};

bool NamesUtf8(const char* value) {
  std::string lower(value);
  std::transform(lower.begin(), lower.end(), lower.begin(),
                 [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c | 0x20) : c; });
  return lower.find("utf-8") != std::string::npos || lower.find("utf8") != std::string::npos;
}

}  // namespace

ConsoleOptions ConsoleOptionsFor(const OutputFile& file, const std::function<const char*(const char*)>& environment) {
  const auto get = [&](const char* name) {
    const char* value = environment(name);
    return value == nullptr ? std::string_view() : std::string_view(value);
  };
  ConsoleOptions options;
  if (const auto columns = get("COLUMNS"); !columns.empty()) options.width = std::atoi(std::string(columns).c_str());
  if (file.is_terminal()) {
    winsize size{};
    if (::ioctl(file.fd(), TIOCGWINSZ, &size) == 0 && size.ws_col > 0) options.width = size.ws_col;
    options.color = get("NO_COLOR").empty() && get("TERM") != "dumb";
    options.unicode = false;
    for (const char* name : {"LC_ALL", "LC_CTYPE", "LANG"}) {  // the first that is set decides (POSIX 8.2)
      if (get(name).empty()) continue;
      options.unicode = NamesUtf8(environment(name));
      break;
    }
  }
  options.width = std::clamp(options.width, kMinWidth, kMaxWidth);
  return options;
}

std::unique_ptr<SpanExporter> NewConsoleExporter(OutputFile file, ConsoleOptions options) {
  return std::make_unique<ConsoleExporter>(std::move(file), options);
}

}  // namespace wirespan::exporters
