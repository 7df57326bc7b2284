// postgresql::Decoder, bytes that were not seen: absorbed inside a frame; where they took the header of the next, the message
// goes on until something other than its own framing proves that it ended.
#include <algorithm>

#include "decoders/postgresql/decoder.h"

namespace wirespan::decoders::postgresql {

uint64_t Decoder::PassGap(Side& s, uint64_t size, Messages& out) {
  if (s.state != State::kContent) return size;
  const auto content = static_cast<uint32_t>(std::min<uint64_t>(size, s.left));
  LoseContent(s, content, out);
  return size - content;
}

// `size` bytes of the content of the frame in progress.
void Decoder::LoseContent(Side& s, uint32_t size, Messages& out) {
  s.position = AddBounded(s.position, size);
  s.left -= size;
  if (!s.strings.done()) {
    if (s.is_request()) {
      const bool is_sql = s.type == 'Q' || (s.type == 'P' && string_index_ == 1);
      (is_sql ? raw_lost_ : name_cut_) = true;
      if (s.type == 'P' && !is_sql) raw_lost_ = true;
    } else if (s.open != nullptr) {
      s.open->truncated = true;
    }
    s.strings.Lose();
  }
  if (s.left == 0) EndFrame(s, out);
}

// Either the message goes on without its framing, or what a client copies in does, of which nothing is a message.
bool Decoder::Drift(Side& s, Messages& /*out*/) {
  if (s.is_request() && s.open == nullptr && copies_in_) {
    s.tail.Clear();
    s.place = Place::kAdrift;
    return true;
  }
  if (!s.is_request() && s.open == nullptr && owed_replies_ == 1 && OwesReply()) {  // all of its beginning is missing
    BeginMessage(s, s.position);
    s.open->has_start_line = true;
  }
  if (s.open == nullptr || s.open->one_way || s.open->incomplete == Incomplete::kAmbiguous) return false;
  // With more requests under way it is not known which message what comes belongs to.
  const size_t own = s.is_request() ? 0 : 1;
  if (owed_replies_ != own || (s.is_request() && (!aligned_ || replies().open != nullptr))) return false;
  s.open->truncated = true;
  s.tail.Clear();
  s.place = Place::kAdrift;
  return true;
}

void Decoder::PassAdrift(Side& s, std::string_view bytes) {
  if (bytes.empty()) return s.tail.Clear();
  s.tail.Take(bytes);
}

// ReadyForQuery; Sync, or the end of what is copied in.
bool Decoder::TailIsEnd(const Side& s) {
  const std::string_view tail = s.tail.Last(s.is_request() ? kHeaderBytes : kReadyBytes);
  if (tail.empty()) return false;
  const uint32_t length = ReadUint32(tail.substr(1));
  if (s.is_request()) return length == 4 && (tail[0] == 'S' || (s.open == nullptr && tail[0] == 'c'));
  return tail[0] == 'Z' && length == 5 && (tail[5] == 'I' || tail[5] == 'T' || tail[5] == 'E');
}

bool Decoder::EndsHere(Direction dir, Messages& out) {
  Side& s = side(dir);
  if (s.place != Place::kAdrift || !TailIsEnd(s)) return false;
  if (s.is_request()) {
    const bool is_sync = s.tail.Last(kHeaderBytes).front() == 'S';
    if (s.open != nullptr) {
      EndIncomplete(s, Incomplete::kGap, out);
    } else {
      copies_in_ = false;
    }
    if (is_sync) Owe(Owed::kSync);
  } else {
    EndReply(s, s.open->head_end == 0 ? Incomplete::kGap : Incomplete::kNo, out);
    if (owed_first_ < owed_.size() && owed_[owed_first_] == Owed::kSync) PopOwed();
  }
  EnterBehindAdrift(s);
  return true;
}

Incomplete Decoder::EndAtClose(const Side& s) { return !s.is_request() && !TailIsEnd(s) ? Incomplete::kClosed : Incomplete::kNo; }

// Which request the next reply answers is known as before.
void Decoder::FinishAdrift(Side& s, Incomplete why, Messages& out) {
  if (s.is_request()) {
    if (s.open != nullptr) EndIncomplete(s, Incomplete::kGap, out);
    copies_in_ = false;
  } else {
    EndReply(s, s.open->head_end == 0 && why == Incomplete::kNo ? Incomplete::kGap : why, out);
    if (owed_first_ < owed_.size() && owed_[owed_first_] == Owed::kSync) PopOwed();
  }
  s.header_bytes = 0;
}

}  // namespace wirespan::decoders::postgresql
