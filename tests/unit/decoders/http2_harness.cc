#include "tests/unit/decoders/http2_harness.h"

#include <gtest/gtest.h>

namespace wirespan::testing::h2 {

using decoders::Incomplete;
using decoders::ParseStatus;
using decoders::http2::Field;
using decoders::http2::FieldList;

std::string Uint32(uint32_t value) {
  std::string bytes;
  for (int shift = 24; shift >= 0; shift -= 8) bytes += static_cast<char>(value >> shift & 0xffU);
  return bytes;
}

std::string FrameHead(FrameType type, uint8_t flags, uint32_t stream, size_t length) {
  std::string bytes = Uint32(static_cast<uint32_t>(length)).substr(1);
  bytes += static_cast<char>(type);
  bytes += static_cast<char>(flags);
  return bytes + Uint32(stream);
}

std::string Frame(FrameType type, uint8_t flags, uint32_t stream, std::string_view payload) {
  return FrameHead(type, flags, stream, payload.size()).append(payload);
}

std::string Setting(uint16_t id, uint32_t value) { return Uint32(id).substr(2) + Uint32(value); }

std::string ClientStart() { return Preface() + ServerStart(); }
std::string ServerStart() { return Frame(FrameType::kSettings, 0, 0); }

std::string Integer(unsigned prefix_bits, uint8_t pattern, uint32_t value) {
  const uint32_t mask = (1U << prefix_bits) - 1;
  if (value < mask) return {static_cast<char>(pattern | value)};
  std::string bytes{static_cast<char>(pattern | mask)};
  for (value -= mask; value >= 0x80; value >>= 7U) bytes += static_cast<char>(0x80U | (value & 0x7fU));
  return bytes + static_cast<char>(value);
}

namespace {

std::string Text(std::string_view text) { return Integer(7, 0, static_cast<uint32_t>(text.size())).append(text); }

unsigned PrefixBits(Indexing indexing) { return indexing == Indexing::kInsert ? 6 : 4; }

}  // namespace

std::string Indexed(uint32_t index) { return Integer(7, 0x80, index); }
std::string SizeUpdate(uint32_t size) { return Integer(5, 0x20, size); }

std::string Literal(std::string_view name, std::string_view value, Indexing indexing) {
  return Integer(PrefixBits(indexing), static_cast<uint8_t>(indexing), 0) + Text(name) + Text(value);
}

std::string LiteralOf(uint32_t name_index, std::string_view value, Indexing indexing) {
  return Integer(PrefixBits(indexing), static_cast<uint8_t>(indexing), name_index) + Text(value);
}

std::string GetBlock() { return Indexed(2) + Indexed(6) + Indexed(4); }
std::string OkBlock() { return Indexed(8); }

namespace {

void AppendFields(const FieldList& list, std::string_view indent, std::string& text) {
  for (const Field& field : list.fields) {
    text.append("\n").append(indent).append(field.sensitive ? "!" : "");
    text.append(field.name_known ? Escape(list.Name(field)) : "?").append(": ");
    text.append(field.value_known ? Escape(list.Value(field)) : "?").append(field.truncated ? "~" : "");
  }
}

std::string_view Name(Incomplete why) {
  switch (why) {
    case Incomplete::kNo:
      return "";
    case Incomplete::kGap:
      return " gap";
    case Incomplete::kClosed:
      return " closed";
    case Incomplete::kAmbiguous:
      return " ambiguous";
  }
  return "";
}

std::string_view Name(Direction dir) { return dir == kC2s ? "c2s" : "s2c"; }

bool CountsBody(const Message& m) { return m.end_stream || m.kind == MessageKind::kEnd || m.kind == MessageKind::kReset; }

}  // namespace

std::string Render(const Message& m) {
  std::string line(decoders::http2::Name(m.kind));
  line.append(" ").append(Name(m.direction)).append(" ").append(std::to_string(m.stream_id)).append(" ");
  line.append(std::to_string(m.start)).append("-").append(std::to_string(m.end)).append(Name(m.incomplete));
  if (m.end_stream) line.append(" end_stream");
  if (m.status != 0) line.append(" status=").append(std::to_string(m.status));
  if (m.kind == MessageKind::kPushPromise) line.append(" promised=").append(std::to_string(m.promised_id));
  if (m.kind == MessageKind::kGoAway) line.append(" last=").append(std::to_string(m.last_stream_id));
  if (m.kind == MessageKind::kReset || m.kind == MessageKind::kGoAway)
    line.append(" error=").append(std::to_string(m.error_code));
  if (CountsBody(m)) line.append(" body=").append(std::to_string(m.body_length)).append(m.body_length_unknown ? "?" : "");
  if (m.is_grpc) {
    line.append(" grpc=").append(std::to_string(m.grpc.messages)).append("/").append(std::to_string(m.grpc.bytes));
    line.append(m.grpc.exact ? "" : "+");
  }
  if (m.fields.truncated) line.append(" truncated");
  AppendFields(m.fields, "  ", line);
  AppendFields(m.trailers, "  +", line);
  return line;
}

Wire::Wire(Start start, std::string_view upgrade_settings, decoders::http2::MessagePool* pool) : decoder_(pool) {
  if (start == Start::kMiddle) decoder_.StartInMiddle();
  if (start == Start::kUpgraded) decoder_.StartUpgraded(upgrade_settings);
  if (start == Start::kMiddle) synced_ = {false, false};
}

void Wire::Feed(Direction dir, std::string_view bytes) {
  rest_[Index(dir)].append(bytes);
  while (Once(dir)) {
  }
}

void Wire::FeedCall(Direction dir, std::string_view call) {
  std::string& rest = rest_[Index(dir)];
  const bool was_synced = decoder_.Synced(dir);
  const uint64_t before = decoder_.Position(dir);
  const bool is_believed = decoder_.ResyncAtCall(dir, rest.size(), AsBytes(call), 0);
  EXPECT_FALSE(is_believed && was_synced);
  EXPECT_EQ(decoder_.Position(dir), before + (is_believed ? rest.size() : 0));
  if (is_believed) rest.clear();
  Feed(dir, call);
}

bool Wire::Once(Direction dir) {
  std::string& rest = rest_[Index(dir)];
  bool& synced = synced_[Index(dir)];
  ++steps_;
  const uint64_t before = decoder_.Position(dir);
  const decoders::ParseStep step = decoder_.Decode(dir, AsBytes(rest), out_);
  EXPECT_LE(step.consumed, rest.size());
  EXPECT_EQ(decoder_.Position(dir), before + step.consumed);
  EXPECT_FALSE(step.frees_other);
  rest.erase(0, step.consumed);
  if (!synced && step.consumed > 0) {
    Note("resync", dir, before, {});
    synced = true;
  }
  Keep();
  if (step.status == ParseStatus::kAdvanced) {
    EXPECT_GT(step.consumed, 0U);
    return true;
  }
  EXPECT_EQ(step.consumed, 0U);
  if (step.status == ParseStatus::kNeedMore) return false;
  EXPECT_EQ(step.status, ParseStatus::kInvalid);
  EXPECT_FALSE(decoder_.Synced(dir));
  if (synced) Note("error", dir, decoder_.Position(dir), step.reason);
  synced = false;
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
}

void Wire::Close(Direction dir) {
  Drop(dir);
  decoder_.OnClose(dir, out_);
  synced_[Index(dir)] = false;
  Keep();
}

void Wire::Drop(Direction dir) {
  std::string& rest = rest_[Index(dir)];
  if (!rest.empty()) decoder_.Skip(dir, rest.size());
  rest.clear();
}

void Wire::Keep() {
  for (Message& message : out_) {
    text_.append(Render(message)).append("\n");
    kept_.push_back(std::move(message));
  }
  out_.clear();
}

void Wire::Note(std::string_view kind, Direction dir, uint64_t position, std::string_view reason) {
  text_.append(kind).append(" ").append(Name(dir)).append(" ").append(std::to_string(position));
  if (!reason.empty()) text_.append(" ").append(reason);
  text_.append("\n");
}

std::vector<const Message*> Wire::Of(MessageKind kind) const {
  std::vector<const Message*> found;
  for (const Message& message : kept_) {
    if (message.kind == kind) found.push_back(&message);
  }
  return found;
}

namespace {

template <typename FeedBytes>
std::string Run(const Script& script, Start start, FeedBytes&& feed) {
  Wire wire(start);
  for (size_t i = 0; i < script.size(); ++i) {
    const Happening& happening = script[i];
    if (happening.kind == Happening::Kind::kBytes) feed(wire, i, happening);
    if (happening.kind == Happening::Kind::kGap) wire.Gap(happening.direction, happening.gap);
    if (happening.kind == Happening::Kind::kClose) wire.Close(happening.direction);
  }
  return wire.text();
}

}  // namespace

std::string RunWhole(const Script& script, Start start) {
  return Run(script, start, [](Wire& wire, size_t, const Happening& h) { wire.Feed(h.direction, h.bytes); });
}

std::string RunInPieces(const Script& script, size_t size, Start start) {
  return Run(script, start, [&](Wire& wire, size_t, const Happening& h) {
    for (size_t at = 0; at < h.bytes.size(); at += size) wire.Feed(h.direction, std::string_view(h.bytes).substr(at, size));
  });
}

void ExpectSameAtEverySplit(const Script& script, const std::string& name, Start start) {
  const std::string whole = RunWhole(script, start);
  for (const size_t size : {1U, 2U, 3U, 7U, 9U, 16U, 31U, 33U, 64U}) {
    ASSERT_EQ(RunInPieces(script, size, start), whole) << name << " in pieces of " << size;
  }
  for (size_t index = 0; index < script.size(); ++index) {
    for (size_t at = 1; at < script[index].bytes.size(); ++at) {
      const std::string split = Run(script, start, [&](Wire& wire, size_t i, const Happening& h) {
        const size_t first = i == index ? at : h.bytes.size();
        wire.Feed(h.direction, std::string_view(h.bytes).substr(0, first));
        if (first < h.bytes.size()) wire.Feed(h.direction, std::string_view(h.bytes).substr(first));
      });
      ASSERT_EQ(split, whole) << name << ": chunk " << index << " split at " << at;
    }
  }
}

}  // namespace wirespan::testing::h2
