#include "agent/cli_replay/explain_door.h"

#include <algorithm>
#include <map>
#include <ostream>
#include <utility>
#include <vector>

#include "agent/cli_replay/replayer.h"
#include "agent/trace/journal.h"

namespace wirespan::cli {
namespace {

using trace::LinkStep;
using RequestName = std::pair<Token, uint32_t>;

struct Note {
  LinkStep step{};
  Token other = 0;
  std::string text;
};
struct Verdict {
  exporters::SpanId parent{};
  exporters::LinkEvidence evidence{};
  exporters::LinkConfidence confidence{};
  std::string reason;
};

// Keeps what is told of every request: which span a request becomes is known at the end only.
class Collected final : public trace::LinkJournal {
 public:
  void Note(Token token, uint32_t index, LinkStep step, Token other, std::string_view text) override {
    notes_[{token, index}].push_back({step, other, std::string(text)});
  }
  void Decided(Token token, uint32_t index, const exporters::SpanId& id, const exporters::SpanId& parent,
               exporters::LinkEvidence evidence, exporters::LinkConfidence confidence,
               const trace::UnlinkedReason* reason) override {
    ids_[{token, index}] = id;
    names_[id] = {token, index};
    verdicts_[id] = {parent, evidence, confidence, reason == nullptr ? "" : std::string(trace::Name(*reason))};
  }

  const Verdict* VerdictOf(const exporters::SpanId& id) const {
    const auto found = verdicts_.find(id);
    return found == verdicts_.end() ? nullptr : &found->second;
  }
  const std::vector<cli::Note>& NotesOf(const exporters::SpanId& id) const {
    static const std::vector<cli::Note> none;
    const auto found = notes_.find(names_.at(id));
    return found == notes_.end() ? none : found->second;
  }
  // The span id of another request, where it has one; else its token.
  std::string NameOf(Token token) const {
    const auto found = ids_.find({token, 0});
    return found != ids_.end() ? exporters::ToHex(found->second)
                               : "(no span; connection " + std::to_string(ConnectionOf(token)) + ")";
  }

 private:
  std::map<RequestName, std::vector<cli::Note>> notes_;
  std::map<RequestName, exporters::SpanId> ids_;
  std::map<exporters::SpanId, RequestName> names_;
  std::map<exporters::SpanId, Verdict> verdicts_;
};

std::string_view Meaning(LinkStep step) {
  switch (step) {
    case LinkStep::kContext:
      return "its thread worked for";
    case LinkStep::kNoContext:
      return "nothing that its thread did names a parent";
    case LinkStep::kCandidate:
      return "candidate";
    case LinkStep::kSibling:
      return "shares the parent of";
    case LinkStep::kVerified:
      return "verified: its response was read, then this was answered:";
    case LinkStep::kContradicted:
      return "rejected: its response was read, then another was answered:";
    case LinkStep::kLinkedBack:
      return "linked by the answer of";
    case LinkStep::kViolation:
      return "rejected: began before";
    case LinkStep::kNotLinkedBack:
      return "rejected: the answer of";
    case LinkStep::kWoke:
      return "who read its response woke the thread of";
    case LinkStep::kRuntime:
      return "runtime identity: works for";
  }
  return {};
}

const exporters::Span* FindSpan(const std::vector<exporters::Span>& spans, const std::string& id) {
  const auto found =
      std::find_if(spans.begin(), spans.end(), [&id](const auto& span) { return exporters::ToHex(span.span_id) == id; });
  return found == spans.end() ? nullptr : &*found;
}

void Write(const exporters::Span& span, const Collected& journal, const std::vector<exporters::Span>& spans, std::ostream& out) {
  const bool is_call = span.kind == exporters::SpanKind::kClient;
  out << exporters::ToHex(span.span_id) << ' ' << span.name << (is_call ? " CLIENT" : " SERVER") << '\n';
  if (!is_call) out << "  a server span's parent is its connection's other end, or what its headers name\n";
  for (const Note& note : journal.NotesOf(span.span_id)) {
    out << "  " << Meaning(note.step);
    if (note.other != 0) out << ' ' << journal.NameOf(note.other);
    if (!note.text.empty()) out << " (" << note.text << ')';
    out << '\n';
  }
  const Verdict& verdict = *journal.VerdictOf(span.span_id);
  if (verdict.evidence == exporters::LinkEvidence::kNone) {
    out << "  verdict: no link" << (verdict.reason.empty() ? "" : ", ") << verdict.reason << '\n';
    return;
  }
  const std::string parent = exporters::ToHex(verdict.parent);
  const exporters::Span* above = FindSpan(spans, parent);
  out << "  verdict: linked to " << parent << (above == nullptr ? "" : " " + above->name) << " by "
      << exporters::Name(verdict.evidence) << ", " << exporters::Name(verdict.confidence);
  if (!verdict.reason.empty()) out << " (no link by threads: " << verdict.reason << ')';
  out << '\n';
}

}  // namespace

int RunExplainLink(const ExplainOptions& options, std::ostream& out, std::ostream& err) {
  const bool is_id = options.span_id.size() == 16 && options.span_id.find_first_not_of("0123456789abcdef") == std::string::npos;
  if (!is_id) {
    err << "wirespan explain-link: '" << options.span_id << "' is not a span id; give its 16 lowercase hex digits\n";
    return 2;
  }
  auto opened = recording::RecordingReader::Open(options.path);
  if (!opened) {
    err << "wirespan explain-link: " << opened.error().message() << '\n';
    return 1;
  }
  Collected journal;
  Replayer replayer((*opened)->header(), {}, &journal);
  if (replayer.ReadAll(**opened) != Replayer::End::kEnd) err << "wirespan explain-link: " << (*opened)->problem() << '\n';
  const std::vector<exporters::Span> spans = replayer.TakeSpans();
  const exporters::Span* span = FindSpan(spans, options.span_id);
  if (span == nullptr) {
    err << "wirespan explain-link: '" << options.path << "' has no span " << options.span_id
        << "; `wirespan replay` prints those it has\n";
    return 1;
  }
  Write(*span, journal, spans, out);
  out.flush();
  return out ? 0 : 1;
}

}  // namespace wirespan::cli
