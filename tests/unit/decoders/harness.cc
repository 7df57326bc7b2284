#include "tests/unit/decoders/harness.h"

#include <gtest/gtest.h>

namespace wirespan::testing {
namespace {

using decoders::ParseStatus;
using decoders::http1::FieldRef;
using decoders::http1::Message;

std::string_view Name(Direction dir) { return dir == kC2s ? "c2s" : "s2c"; }

std::string_view State(const Message& message) {
  switch (message.incomplete) {
    case decoders::Incomplete::kNo:
      return "complete";
    case decoders::Incomplete::kGap:
      return "gap";
    case decoders::Incomplete::kClosed:
      return "closed";
    case decoders::Incomplete::kAmbiguous:
      return "ambiguous";
  }
  return "?";
}

void AppendFields(std::string_view text, const std::vector<FieldRef>& fields, std::string_view indent, std::string& out) {
  for (const FieldRef& field : fields) {
    out.append("\n").append(indent);
    out.append(Escape(text.substr(field.name, field.name_length))).append(": ");
    out.append(Escape(text.substr(field.value, field.value_length)));
  }
}

}  // namespace

std::string Escape(std::string_view bytes) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  std::string text;
  for (const char c : bytes) {
    const auto byte = static_cast<uint8_t>(c);
    if (c == '\r') {
      text += "\\r";
    } else if (c == '\n') {
      text += "\\n";
    } else if (c == '\t') {
      text += "\\t";
    } else if (c == '\\' || byte < 0x20 || byte > 0x7e) {
      text += "\\x";
      text += kDigits[byte >> 4U];
      text += kDigits[byte & 15U];
    } else {
      text += c;
    }
  }
  return text;
}

std::string Render(const Message& message) {
  std::string line = "message ";
  line.append(Name(message.direction)).append(" ").append(std::to_string(message.start)).append("-");
  line.append(std::to_string(message.end)).append(" ").append(State(message));
  if (message.is_request) {
    line.append(" ").append(message.method()).append(" ").append(Escape(message.target()));
  } else {
    line.append(" ").append(std::to_string(message.status)).append(" ").append(Escape(message.reason()));
  }
  line.append(" 1.").append(std::to_string(message.minor_version));
  line.append(" #").append(std::to_string(message.exchange));
  if (message.head_end != 0)
    line.append(" body=").append(message.body_length_unknown ? "?" : std::to_string(message.body_length));
  if (message.chunked) line.append(" chunked");
  if (message.close_delimited) line.append(" to-close");
  if (message.upgrade) line.append(" upgrade");
  if (message.truncated) line.append(" truncated");
  AppendFields(message.head, message.fields, "  ", line);
  AppendFields(message.trailer, message.trailers, "  +", line);
  return line;
}

void Wire::Feed(Direction dir, std::string_view bytes) {
  rest_[Index(dir)].append(bytes);
  All(dir);
  All(Opposite(dir));
}

void Wire::All(Direction dir) {
  while (Once(dir)) {
  }
}

bool Wire::Once(Direction dir) {
  std::string& rest = rest_[Index(dir)];
  bool& synced = synced_[Index(dir)];
  if (stopped_[Index(dir)]) {
    Drop(dir);
    return false;
  }
  ++steps_;
  const uint64_t before = decoder_.Position(dir);
  const decoders::ParseStep step = decoder_.Decode(dir, AsBytes(rest), out_);
  EXPECT_LE(step.consumed, rest.size());
  EXPECT_EQ(decoder_.Position(dir), before + step.consumed);
  rest.erase(0, step.consumed);
  if (!synced && step.consumed > 0) {
    Note("resync", dir, before, {});
    synced = true;
  }
  Keep();
  switch (step.status) {
    case ParseStatus::kAdvanced:
      EXPECT_GT(step.consumed, 0U);
      if (step.frees_other) All(Opposite(dir));
      return true;
    case ParseStatus::kNeedMore:
      EXPECT_EQ(step.consumed, 0U);
      return false;
    case ParseStatus::kStop:
      stopped_[Index(dir)] = true;
      Note("stop", dir, decoder_.Position(dir), step.reason);
      return true;
    case ParseStatus::kInvalid:
      break;
  }
  EXPECT_EQ(step.consumed, 0U);
  EXPECT_FALSE(decoder_.Synced(dir));
  if (synced) Note("error", dir, decoder_.Position(dir), step.reason);
  synced = false;
  if (step.frees_other) All(Opposite(dir));
  const std::optional<size_t> skip = decoder_.Resync(dir, AsBytes(rest));
  if (!skip) {
    Drop(dir);
    return false;
  }
  rest.erase(0, *skip);
  return true;
}

void Wire::Gap(Direction dir, size_t size) {
  Drop(dir);
  const uint64_t before = decoder_.Position(dir);
  const bool absorbed = decoder_.OnGap(dir, size, out_);
  Keep();
  if (!absorbed && synced_[Index(dir)]) {
    Note("error", dir, before, "gap");
    synced_[Index(dir)] = false;
  }
  All(Opposite(dir));
}

void Wire::Close(Direction dir) {
  Drop(dir);
  decoder_.OnClose(dir, out_);
  Keep();
  All(Opposite(dir));
}

void Wire::EndCall(Direction dir) {
  const bool was_adrift = decoder_.Adrift(dir);
  const bool ended = decoder_.EndsHere(dir, out_);
  EXPECT_EQ(ended, was_adrift && !decoder_.Adrift(dir));
  Keep();
}

void Wire::Drop(Direction dir) {
  std::string& rest = rest_[Index(dir)];
  if (!rest.empty()) decoder_.Skip(dir, rest.size());
  rest.clear();
}

void Wire::Keep() {
  for (Message& message : out_) {
    lines_.push_back(Render(message));
    kept_.push_back(std::move(message));
  }
  out_.clear();
}

void Wire::Note(std::string_view kind, Direction dir, uint64_t position, std::string_view reason) {
  std::string line(kind);
  line.append(" ").append(Name(dir)).append(" ").append(std::to_string(position));
  if (!reason.empty()) line.append(" ").append(reason);
  lines_.push_back(std::move(line));
}

std::string Wire::text() const {
  std::string text;
  for (const std::string& line : lines_) text.append(line).append("\n");
  return text;
}

namespace {

template <typename FeedBytes>
std::string Run(const Script& script, FeedBytes&& feed) {
  Wire wire;
  for (size_t i = 0; i < script.size(); ++i) {
    const Happening& happening = script[i];
    switch (happening.kind) {
      case Happening::Kind::kBytes:
        feed(wire, i, happening);
        break;
      case Happening::Kind::kGap:
        wire.Gap(happening.direction, happening.gap);
        break;
      case Happening::Kind::kClose:
        wire.Close(happening.direction);
        break;
      case Happening::Kind::kCallEnd:
        wire.EndCall(happening.direction);
        break;
    }
  }
  return wire.text();
}

}  // namespace

std::string RunWhole(const Script& script) {
  return Run(script, [](Wire& wire, size_t, const Happening& h) { wire.Feed(h.direction, h.bytes); });
}

std::string RunInPieces(const Script& script, size_t size) {
  return Run(script, [&](Wire& wire, size_t, const Happening& h) {
    for (size_t at = 0; at < h.bytes.size(); at += size) wire.Feed(h.direction, std::string_view(h.bytes).substr(at, size));
  });
}

std::string RunSplit(const Script& script, size_t index, size_t at) {
  return Run(script, [&](Wire& wire, size_t i, const Happening& h) {
    const size_t first = i == index ? at : h.bytes.size();
    wire.Feed(h.direction, std::string_view(h.bytes).substr(0, first));
    if (first < h.bytes.size()) wire.Feed(h.direction, std::string_view(h.bytes).substr(first));
  });
}

void ExpectSameAtEverySplit(const Script& script, const std::string& name) {
  const std::string whole = RunWhole(script);
  for (const size_t size : {1U, 2U, 3U, 7U, 16U, 31U, 32U, 33U, 64U}) {
    ASSERT_EQ(RunInPieces(script, size), whole) << name << " in pieces of " << size;
  }
  for (size_t i = 0; i < script.size(); ++i) {
    for (size_t at = 1; at < script[i].bytes.size(); ++at) {
      ASSERT_EQ(RunSplit(script, i, at), whole) << name << ": chunk " << i << " split at " << at;
    }
  }
}

}  // namespace wirespan::testing
