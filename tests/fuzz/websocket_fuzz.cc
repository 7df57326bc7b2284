// websocket::Decoder on hostile input: a script (decoder_fuzz.h), run whole and in pieces, which must give the same.
#include "decoders/websocket/conversation.h"
#include "decoders/websocket/decoder.h"
#include "decoders/websocket/guess.h"
#include "decoders/websocket/span.h"
#include "tests/fuzz/decoder_fuzz.h"

namespace wirespan::fuzzing {
namespace {

namespace websocket = decoders::websocket;

class WebSocketRun {
 public:
  std::string Of(const std::vector<Event>& events, size_t piece) {
    for (const Event& event : events) {
      const Direction dir = event.direction;
      if (event.kind == Event::Kind::kBytes) {
        for (size_t at = 0; at < event.bytes.size(); at += piece) Feed(dir, event.bytes.substr(at, piece));
      } else if (event.kind == Event::Kind::kGap) {
        decoder_.OnGap(dir, event.gap, out_);
      } else if (event.kind == Event::Kind::kClose) {
        decoder_.OnClose(dir, out_);
      } else {
        decoder_.StartAt(dir);
      }
      Keep();
    }
    Tell();
    return log_;
  }

 private:
  void Feed(Direction dir, std::string_view text) {
    // A copy of exactly these bytes: the sanitizer sees a read beyond them.
    std::vector<char> exact(text.begin(), text.end());
    while (!exact.empty()) {
      const uint64_t before = decoder_.Position(dir);
      const decoders::ParseStep step = decoder_.Decode(dir, AsBytes({exact.data(), exact.size()}), out_);
      Require(decoder_.Position(dir) == before + step.consumed, "position counts what was consumed");
      Require(step.consumed <= exact.size(), "consumed within the input");
      if (step.status == ParseStatus::kInvalid) {
        Require(step.consumed == 0 && !decoder_.Synced(dir), "invalid consumes nothing");
        decoder_.Skip(dir, exact.size());
        return;
      }
      Require(step.consumed > 0, "progress");
      exact.erase(exact.begin(), exact.begin() + static_cast<std::ptrdiff_t>(step.consumed));
    }
  }

  void Keep() {
    for (const websocket::Message& m : out_) {
      Require(m.start <= m.end, "positions in order");
      Require(m.reason.size() <= websocket::kMaxControlBytes, "stored text bounded");
      for (const uint64_t number : {m.start, m.end, m.length, uint64_t{m.frames}, uint64_t{m.close_code}}) {
        log_.append(std::to_string(number)).append(" ");
      }
      log_.append(websocket::Name(m.opcode)).append(m.compressed ? "C" : "").append(m.fault).append(m.reason).append("\n");
      conversation_.Add(m);
    }
    out_.clear();
  }

  void Tell() {
    for (const auto side : {decoders::SpanSide::kServer, decoders::SpanSide::kClient}) {
      decoders::ExchangeContext context;
      context.side = side;
      BoundedSink sink;
      decoders::Description description;
      websocket::Describe(&conversation_, nullptr, context, sink, description);
      Require(description.name == "websocket", "a name of low cardinality");
    }
  }

  websocket::Decoder decoder_;
  websocket::Conversation conversation_;
  std::vector<websocket::Message> out_;
  std::string log_;
};

}  // namespace
}  // namespace wirespan::fuzzing

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace wirespan::fuzzing;
  const std::vector<Event> events = ReadScript({reinterpret_cast<const char*>(data), size});
  const std::string whole = WebSocketRun().Of(events, SIZE_MAX / 2);
  for (const size_t piece : {size_t{1}, size_t{3}, size_t{64}}) {
    Require(WebSocketRun().Of(events, piece) == whole, "any split equals the whole");
  }
  for (const Event& event : events) {
    websocket::LikenessOf(event.direction, AsBytes(event.bytes));
    websocket::BeginsWithFrame(event.direction, AsBytes(event.bytes), event.bytes.size() + event.gap);
  }
  return 0;
}
