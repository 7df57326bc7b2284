#include "exporters/console/waterfall.h"

#include <algorithm>
#include <cstring>
#include <set>
#include <unordered_map>

#include "exporters/console/text_layout.h"
#include "exporters/joined.h"

namespace wirespan::exporters::console {
namespace {

struct Glyphs {
  std::string_view rule, dot, server, client, branch, last_branch, probable_branch, probable_last, trunk, blank, bar, error,
      incomplete, probable, more;
};
constexpr Glyphs kUnicode = {"─", " · ", "● ", "▸ ", "├─", "╰─", "├╌", "╰╌", "│ ", "  ", "█", "✗", "◌", "≈", "…"};
constexpr Glyphs kAscii = {"-", ", ", "* ", "> ", "|-", "`-", "|.", "`.", "| ", "  ", "#", "!", "~", "?", "..."};
constexpr const char* kEighths[] = {"▏", "▎", "▍", "▌", "▋", "▊", "▉", "█"};

enum class Ink : uint8_t { kPlain, kDim, kBold, kRed, kYellow, kService };
constexpr const char* kServiceInks[] = {"\x1b[36m", "\x1b[32m", "\x1b[35m", "\x1b[34m",
                                        "\x1b[33m", "\x1b[96m", "\x1b[92m", "\x1b[95m"};

// A line as it grows: text with ink, and how many columns it takes.
class Line {
 public:
  Line(const ConsoleOptions& options, std::string& out) : color_(options.color), out_(out) {}
  Line& Put(std::string_view text, Ink ink = Ink::kPlain, size_t service = 0) {
    if (text.empty()) return *this;
    columns_ += DisplayWidth(text);
    const char* code = color_ ? Code(ink, service) : nullptr;
    if (code != nullptr) out_ += code;
    out_ += text;
    if (code != nullptr) out_ += "\x1b[0m";
    return *this;
  }
  Line& FillTo(int column) {
    if (column > columns_) Put(std::string(static_cast<size_t>(column - columns_), ' '));
    return *this;
  }
  int columns() const { return columns_; }
  void End() {
    while (!out_.empty() && out_.back() == ' ') out_.pop_back();
    out_ += '\n';
  }

 private:
  static const char* Code(Ink ink, size_t service) {
    switch (ink) {
      case Ink::kPlain:
        return nullptr;
      case Ink::kDim:
        return "\x1b[2m";
      case Ink::kBold:
        return "\x1b[1m";
      case Ink::kRed:
        return "\x1b[31m";
      case Ink::kYellow:
        return "\x1b[33m";
      case Ink::kService:
        return kServiceInks[service % std::size(kServiceInks)];
    }
    return nullptr;
  }

  bool color_;
  std::string& out_;
  int columns_ = 0;
};

std::string_view TextOf(const Span& span, std::string_view key) {
  const auto found = span.attributes.Find(key);
  return found && found->type == AttributeView::Type::kString ? found->string_value : std::string_view();
}

int64_t IntOf(const Span& span, std::string_view key) {
  const auto found = span.attributes.Find(key);
  return found && found->type == AttributeView::Type::kInt ? found->int_value : 0;
}

std::string_view ServiceOf(const Span& span) {
  return span.resource && !span.resource->service_name.empty() ? std::string_view(span.resource->service_name)
                                                               : "unknown_service";
}

// What a request went for: the path on the server's side, host and path on the client's.
std::string TargetOf(const Span& span) {
  if (const auto path = TextOf(span, "url.path"); !path.empty()) return std::string(path);
  std::string_view url = TextOf(span, "url.full");
  if (const size_t scheme = url.find("://"); scheme != std::string_view::npos) url.remove_prefix(scheme + 3);
  return std::string(url.substr(0, url.find('?')));
}

std::string LabelOf(const Span& span, bool unicode) {
  std::string label = span.name;
  const std::string target = TargetOf(span);
  if (!target.empty() && span.name.find('/') == std::string::npos) label += Joined({" ", target});
  return Printable(label, unicode);
}

uint64_t DurationOf(const Span& span) {
  return span.end_unix_ns > span.start_unix_ns ? span.end_unix_ns - span.start_unix_ns : 0;
}

struct SpanIdHash {
  size_t operator()(const SpanId& id) const {
    uint64_t bits = 0;
    std::memcpy(&bits, id.data(), sizeof bits);
    return static_cast<size_t>(bits * 0x9E3779B97F4A7C15U);
  }
};

// The lines of a trace in the order they are printed, each with the tree drawn before it.
struct TreeLine {
  size_t span;
  std::string prefix;
};

class Tree {
 public:
  Tree(const std::vector<Span>& spans, const Glyphs& glyphs, int max_prefix_columns)
      : spans_(spans), glyphs_(glyphs), max_depth_(static_cast<size_t>(std::max(1, max_prefix_columns / 2))) {
    Link();
  }

  std::vector<TreeLine> Lines() {
    std::vector<TreeLine> lines;
    for (const size_t root : roots_) Walk(root, lines);
    // Spans that lead back to themselves have no root; each circle is entered at its earliest span.
    for (const size_t index : by_start_) {
      if (!visited_[index]) Walk(index, lines);
    }
    return lines;
  }

 private:
  struct Node {
    size_t span;
    std::string trunk;  // drawn before this node's children
    std::string prefix;
    size_t depth;
  };

  void Link() {
    const size_t count = spans_.size();
    children_.resize(count);
    visited_.assign(count, false);
    by_start_.resize(count);
    for (size_t i = 0; i < count; ++i) by_start_[i] = i;
    std::stable_sort(by_start_.begin(), by_start_.end(),
                     [this](size_t a, size_t b) { return spans_[a].start_unix_ns < spans_[b].start_unix_ns; });
    std::unordered_map<SpanId, size_t, SpanIdHash> by_id;
    for (size_t i = 0; i < count; ++i) by_id.emplace(spans_[i].span_id, i);
    for (const size_t i : by_start_) {
      const auto parent = IsZero(spans_[i].parent_span_id) ? by_id.end() : by_id.find(spans_[i].parent_span_id);
      if (parent == by_id.end() || parent->second == i) {
        roots_.push_back(i);
      } else {
        children_[parent->second].push_back(i);
      }
    }
  }

  void Walk(size_t root, std::vector<TreeLine>& lines) {
    std::vector<Node> stack;
    stack.push_back({root, std::string(), std::string(), 0});
    while (!stack.empty()) {
      Node node = std::move(stack.back());
      stack.pop_back();
      if (visited_[node.span]) continue;
      visited_[node.span] = true;
      lines.push_back({node.span, node.prefix});
      const auto& children = children_[node.span];
      for (size_t i = children.size(); i-- > 0;) stack.push_back(ChildOf(node, children[i], i + 1 == children.size()));
    }
  }

  Node ChildOf(const Node& parent, size_t span, bool last) const {
    // Past the columns there are, the tree is drawn no deeper.
    if (parent.depth >= max_depth_) return {span, parent.trunk, parent.prefix, parent.depth};
    const bool probable = spans_[span].link_confidence == LinkConfidence::kProbable;
    const std::string_view branch =
        last ? (probable ? glyphs_.probable_last : glyphs_.last_branch) : (probable ? glyphs_.probable_branch : glyphs_.branch);
    std::string trunk = parent.trunk + std::string(last ? glyphs_.blank : glyphs_.trunk);
    return {span, std::move(trunk), parent.trunk + std::string(branch), parent.depth + 1};
  }

  const std::vector<Span>& spans_;
  const Glyphs& glyphs_;
  const size_t max_depth_;
  std::vector<std::vector<size_t>> children_;
  std::vector<size_t> roots_, by_start_;
  std::vector<bool> visited_;
};

struct Columns {
  int service;
  int label;
  int duration = 8;
  int bar;
};

Columns ColumnsFor(const std::vector<Span>& spans, const ConsoleOptions& options) {
  Columns columns{};
  for (const Span& span : spans)
    columns.service = std::max(columns.service, DisplayWidth(Printable(ServiceOf(span), options.unicode)));
  columns.service = std::clamp(columns.service, 4, std::max(8, options.width / 6));
  columns.bar = std::clamp(options.width * 3 / 10, 14, 44);
  columns.label = options.width - columns.service - columns.duration - columns.bar - 6;
  return columns;
}

class Waterfall {
 public:
  Waterfall(const std::vector<Span>& spans, const ConsoleOptions& options, std::string& out)
      : spans_(spans),
        options_(options),
        glyphs_(options.unicode ? kUnicode : kAscii),
        columns_(ColumnsFor(spans, options)),
        out_(out) {
    for (const Span& span : spans) {
      start_ = std::min(start_, span.start_unix_ns);
      end_ = std::max(end_, span.start_unix_ns + DurationOf(span));
      errors_ += span.status == StatusCode::kError ? 1 : 0;
      services_.emplace(ServiceOf(span));
    }
  }

  void Append(bool late) {
    AppendHeader(late);
    const auto lines = Tree(spans_, glyphs_, columns_.label / 2).Lines();
    const size_t shown = std::min(lines.size(), options_.max_trace_spans);
    for (size_t i = 0; i < shown; ++i) AppendSpan(lines[i]);
    if (shown == lines.size()) return;
    Line line(options_, out_);
    line.Put(" ")
        .FillTo(columns_.service + 2)
        .Put(std::string(glyphs_.more) + " " + std::to_string(lines.size() - shown) + " more spans", Ink::kDim);
    line.End();
  }

 private:
  void AppendHeader(bool late) {
    const auto count = [](size_t n, std::string_view one) {
      return std::to_string(n) + " " + std::string(one) + (n == 1 ? "" : "s");
    };
    const std::string dot(glyphs_.dot);
    std::string text = FormatDuration(end_ - start_, options_.unicode) + dot + count(spans_.size(), late ? "late span" : "span") +
                       dot + count(services_.size(), "service");
    Line line(options_, out_);
    line.Put(std::string(glyphs_.rule) + std::string(glyphs_.rule) + " ", Ink::kDim)
        .Put(Clip(text, options_.width - 8, options_.unicode), Ink::kBold);
    if (errors_ > 0) line.Put(dot, Ink::kDim).Put(count(errors_, "error"), Ink::kRed);
    std::string rest = Joined({" ", glyphs_.rule, " ", ToHex(spans_.front().trace_id)});
    if (options_.show_utc_time) rest += Joined({" ", glyphs_.rule, " ", FormatTimeOfDay(start_)});
    line.Put(Clip(rest, std::max(0, options_.width - line.columns() - 1), options_.unicode), Ink::kDim);
    std::string rule = " ";
    for (int column = line.columns() + 1; column < options_.width; ++column) rule += glyphs_.rule;
    line.Put(rule, Ink::kDim);
    line.End();
  }

  void AppendSpan(const TreeLine& tree_line) {
    const Span& span = spans_[tree_line.span];
    const size_t service = ServiceInk(span);
    Line line(options_, out_);
    line.Put(" ").Put(
        PadRight(Clip(Printable(ServiceOf(span), options_.unicode), columns_.service, options_.unicode), columns_.service),
        Ink::kService, service);
    line.Put("  ").Put(tree_line.prefix, Ink::kDim);
    const int label_end = columns_.service + 3 + columns_.label;
    AppendLabel(span, label_end, line);
    line.FillTo(label_end + 1);
    line.Put(PadLeft(FormatDuration(DurationOf(span), options_.unicode), columns_.duration)).Put("  ");
    const bool error = span.status == StatusCode::kError;
    line.Put(Bar(span), error ? Ink::kRed : Ink::kService, service);
    line.End();
  }

  // Kind, name and target, status, then whatever notes there is room for. What is long is the target, so that is what is cut;
  // status, error and incompleteness always find their place.
  void AppendLabel(const Span& span, int end, Line& line) {
    const bool caller = span.kind == SpanKind::kClient || span.kind == SpanKind::kProducer;
    line.Put(caller ? glyphs_.client : glyphs_.server, Ink::kDim);
    std::string status;
    if (const int64_t code = IntOf(span, "http.response.status_code"); code != 0) status = Joined({" ", std::to_string(code)});
    const auto why = TextOf(span, "wirespan.incomplete");
    std::string error;
    std::string incomplete;
    if (span.status == StatusCode::kError) error = Joined({" ", glyphs_.error, ErrorWord(span, why)});
    if (!why.empty()) incomplete = Joined({" ", glyphs_.incomplete, " ", Printable(why, options_.unicode)});
    const int room = std::max(0, end - line.columns());
    status = Clip(status, room / 4, options_.unicode);
    error = Clip(error, room / 3, options_.unicode);
    const std::string label = LabelOf(span, options_.unicode);
    const int left = room - DisplayWidth(status) - DisplayWidth(error);
    incomplete = Clip(incomplete, std::max(room / 3, left - DisplayWidth(label)), options_.unicode);
    line.Put(Clip(label, left - DisplayWidth(incomplete), options_.unicode)).Put(status);
    line.Put(error, Ink::kRed).Put(incomplete, Ink::kYellow);
    for (const std::string& note : NotesOf(span)) {
      if (line.columns() + 2 + DisplayWidth(note) <= end) line.Put("  ").Put(note, Ink::kDim);
    }
  }

  // The error's type, where the status or the reason of incompleteness does not say it already.
  std::string ErrorWord(const Span& span, std::string_view incomplete) const {
    const auto type = TextOf(span, "error.type");
    const bool is_said = type == incomplete || type == std::to_string(IntOf(span, "http.response.status_code"));
    return type.empty() || is_said ? std::string() : Joined({" ", Printable(type, options_.unicode)});
  }

  std::vector<std::string> NotesOf(const Span& span) const {
    std::vector<std::string> notes;
    if (span.link_evidence != LinkEvidence::kNone) {
      const bool probable = span.link_confidence == LinkConfidence::kProbable;
      notes.push_back((probable ? std::string(glyphs_.probable) : std::string()) + std::string(Name(span.link_evidence)));
    }
    const auto time_note = [&](std::string_view word, std::string_view key) {
      const int64_t ns = IntOf(span, key);
      if (ns > 0) notes.push_back(std::string(word) + " " + FormatDuration(static_cast<uint64_t>(ns), options_.unicode));
    };
    time_note("cpu", "wirespan.on_cpu_ns");
    time_note("runq", "wirespan.run_delay_ns");
    if (const int64_t count = IntOf(span, "wirespan.retransmits"); count > 0)
      notes.push_back(std::to_string(count) + " retransmits");
    return notes;
  }

  // The span's place in the trace: whole columns up to its start, then eighths of a column; never nothing.
  std::string Bar(const Span& span) const {
    const double total = std::max(1.0, static_cast<double>(end_ - start_));
    const double scale = columns_.bar * 8 / total;
    const auto eighths_at = [&](uint64_t time) { return static_cast<int>(static_cast<double>(time - start_) * scale); };
    const int begin_column = std::min(eighths_at(span.start_unix_ns) / 8, columns_.bar - 1);
    const int end_eighths = std::clamp(eighths_at(span.start_unix_ns + DurationOf(span)), begin_column * 8 + 1, columns_.bar * 8);
    std::string bar(static_cast<size_t>(begin_column), ' ');
    const int full = end_eighths / 8 - begin_column;
    for (int i = 0; i < full; ++i) bar += glyphs_.bar;
    const int rest = end_eighths % 8;
    if (options_.unicode && rest > 0) bar += kEighths[rest - 1];
    if (!options_.unicode && (full == 0 || rest >= 4) && begin_column + full < columns_.bar) bar += "#";
    return bar;
  }

  size_t ServiceInk(const Span& span) const {
    const auto found = services_.find(std::string(ServiceOf(span)));
    return static_cast<size_t>(std::distance(services_.begin(), found));
  }

  const std::vector<Span>& spans_;
  const ConsoleOptions& options_;
  const Glyphs& glyphs_;
  const Columns columns_;
  std::string& out_;
  uint64_t start_ = UINT64_MAX;
  uint64_t end_ = 0;
  size_t errors_ = 0;
  std::set<std::string> services_;
};

}  // namespace

void AppendWaterfall(const std::vector<Span>& spans, bool late, const ConsoleOptions& options, std::string& out) {
  if (spans.empty()) return;
  Waterfall(spans, options, out).Append(late);
  out += '\n';
}

}  // namespace wirespan::exporters::console
