// postgresql::Decoder, what a server sends: which frames are part of which reply, and what it sends unasked.
#include <algorithm>
#include <utility>

#include "decoders/postgresql/decoder.h"

namespace wirespan::decoders::postgresql {
namespace {

// Frames that are only ever part of what a request gets; others of the extended protocol may answer a Describe or Close alone.
bool AnswersRequest(char type) { return std::string_view("DCTGHWIsVdc").find(type) != std::string_view::npos; }

}  // namespace

void Decoder::EnterReplyFrame(Side& s, Messages& out) {
  if (requests().place == Place::kAdrift && requests().open != nullptr && !IsUnasked(s.type)) {
    EndAdrift(requests(), Incomplete::kNo, out);
  }
  const bool is_notice = s.type == 'E' || s.type == 'N';
  field_ = '\0';
  string_index_reply_ = 0;
  const bool ends_description = s.type == 'T' || s.type == 'n' || s.type == 'E' || s.type == 'Z';
  const bool is_description = ends_description && std::exchange(describes_, false);
  if (s.open == nullptr) {
    const bool nothing_owed = owed_first_ == owed_.size() && !is_description;  // of a preparation that was flushed
    const bool is_unasked = IsUnasked(s.type) || (s.type == 'E' && !OwesReply());
    const bool begins = is_unasked || (OwesReply() ? s.type != '3' && s.type != 'Z' : nothing_owed && AnswersRequest(s.type));
    if (!begins) return;
    BeginMessage(s, FrameStart(s));
    s.open->one_way = is_unasked;
    s.open->type = is_unasked ? s.type : '\0';
  }
  Message& message = *s.open;
  if (is_notice && !message.has_sqlstate && (s.type == 'E' || message.one_way)) s.strings.Begin(UINT8_MAX, 0);
  if (s.type == 'C') {
    message.tag.clear();
    s.strings.Begin(1, 0);
  }
}

void Decoder::TakeReplyString(Side& s, std::string_view text, bool ends) {
  Message& message = *s.open;
  if (s.type == 'C') {
    AppendBounded(message.tag, text, kMaxTagBytes);
    return;
  }
  // A field is its type and a string.
  if (field_ == '\0' && !text.empty()) {
    field_ = text.front();
    text.remove_prefix(1);
  }
  if (field_ == 'C') {
    for (const char c : text) {
      if (string_index_reply_ < message.sqlstate.size()) message.sqlstate[string_index_reply_++] = c;
    }
    if (ends && string_index_reply_ == message.sqlstate.size()) message.has_sqlstate = true;
  }
  if (!ends) return;
  field_ = '\0';
  if (message.has_sqlstate) s.strings.Lose();  // the rest is text for people
}

void Decoder::EndReplyFrame(Side& s, Messages& out) {
  if (s.open != nullptr && s.open->one_way) {
    s.open->head_end = s.position;
    return Append(s, s.position, out);
  }
  if (s.type == 'Z') return EndReady(s, out);
  if (s.open == nullptr) return;
  if (s.first_frame) {
    s.open->head_end = s.position;
    s.first_frame = false;
  }
  const bool has_owed = OwesReply();
  const Owed owed = has_owed ? owed_[owed_first_] : Owed::kQuery;
  switch (s.type) {
    case 'D':
      ++s.open->rows;
      break;
    case 'G':
    case 'W':
      copies_in_ = true;
      break;
    case 'E':
      copies_in_ = false;
      if (owed != Owed::kQuery) EndReply(s, Incomplete::kNo, out);
      break;
    case 'C':
    case 'I':
    case 's':
      copies_in_ = false;
      if (owed == Owed::kExecute) EndReply(s, Incomplete::kNo, out);
      break;
    case '1':
      if (owed == Owed::kPrepare) EndReply(s, Incomplete::kNo, out);
      break;
    default:
      break;
  }
}

// ReadyForQuery: all that was sent up to a Query or a Sync is answered.
void Decoder::EndReady(Side& s, Messages& out) {
  copies_in_ = false;
  if (requests().place == Place::kAdrift && requests().open == nullptr) EndAdrift(requests(), Incomplete::kNo, out);
  if (s.open != nullptr) {
    const bool was_query = !OwesReply() || owed_[owed_first_] == Owed::kQuery;
    EndReply(s, Incomplete::kNo, out);
    if (was_query) return;
  }
  while (OwesReply() && owed_[owed_first_] != Owed::kQuery) {  // passed over, for one before failed
    BeginMessage(s, s.position - kHeaderBytes - 1);
    s.open->skipped = true;
    EndReply(s, Incomplete::kNo, out);
  }
  if (owed_first_ < owed_.size() && owed_[owed_first_] == Owed::kSync) PopOwed();
}

void Decoder::EndReply(Side& s, Incomplete why, Messages& out) {
  Message& message = *s.open;
  if (message.complete()) message.incomplete = why;
  if (why == Incomplete::kNo && message.head_end == 0 && s.place != Place::kAdrift) message.head_end = s.position;
  if (OwesReply()) {
    PopOwed();
    ++answered_;
    if (aligned_) message.exchange = answered_;
  }
  Append(s, s.position, out);
}

}  // namespace wirespan::decoders::postgresql
