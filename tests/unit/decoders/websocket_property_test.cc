// Properties of websocket::Decoder over generated connections, valid and not.
#include "tests/unit/decoders/properties.h"
#include "tests/unit/decoders/websocket_wire.h"

namespace wirespan::testing {
namespace {

struct WebSocketConversations {
  using Decoder = decoders::websocket::Decoder;
  static constexpr std::string_view kHostile = std::string_view("\x81\x01\x80\x88\x89\x00\x7e\x7f\xfe\xff\xc1\x8b", 12);

  static constexpr uint32_t kShort = 10;  // seeds below it make short conversations

  class Generator : public Chance {
   public:
    using Chance::Chance;
    size_t longest = 0;  // of a few payloads
    std::string Bytes(size_t size) override {
      std::string bytes;
      for (; size > 0; --size) bytes += OneIn(2) ? kHostile[Below(kHostile.size())] : static_cast<char>(Below(256));
      return bytes;
    }
    std::string Payload() { return Bytes(longest > 0 && OneIn(9) ? Below(longest) : Below(OneIn(3) ? 400 : 20)); }
    // A message in one frame or several, with control frames between them.
    std::string Message(Direction dir) {
      if (OneIn(4)) return FrameOf(dir, {.opcode = OneIn(2) ? 9U : 10U, .payload = Bytes(Below(126))});
      const unsigned opcode = OneIn(2) ? 1 : 2;
      const bool rsv1 = OneIn(3);
      std::string bytes;
      size_t more = OneIn(3) ? Below(4) : 0;
      bytes += FrameOf(dir, {.opcode = opcode, .payload = Payload(), .final = more == 0, .rsv1 = rsv1});
      for (; more > 0; --more) {
        if (OneIn(3)) bytes += FrameOf(dir, {.opcode = 9, .payload = Bytes(Below(126))});
        bytes += FrameOf(dir, {.opcode = 0, .payload = Payload(), .final = more == 1});
      }
      return bytes;
    }
  };

  static Script Conversation(uint32_t seed) {
    Generator generator(seed);
    if (seed >= kShort) generator.longest = 70000;
    Script script;
    for (size_t turn = generator.Below(4) + 1; turn > 0; --turn) {
      for (const Direction dir : {kC2s, kS2c}) {
        std::string bytes;
        for (size_t n = generator.Below(4) + 1; n > 0; --n) bytes += generator.Message(dir);
        script.push_back(wirespan::testing::Bytes(dir, bytes));
      }
    }
    for (const Direction dir : {kC2s, kS2c}) script.push_back(wirespan::testing::Bytes(dir, CloseFrame(dir, 1000, "done")));
    return script;
  }
  static std::string Beginning(Generator& generator, Direction dir) { return generator.Message(dir); }
};
using WebSocket = Properties<WebSocketConversations>;

TEST(WebSocketProperties, AnySplitEqualsTheWhole) { WebSocket::AnySplitEqualsTheWhole(60); }
TEST(WebSocketProperties, NoPrefixOfValidInputIsInvalid) {
  WebSocket::NoPrefixOfValidInputIsInvalid(WebSocketConversations::kShort);
}
TEST(WebSocketProperties, AppendedGarbageNeverChangesEarlierMessages) {
  WebSocket::AppendedGarbageNeverChangesEarlierMessages(200);
}
TEST(WebSocketProperties, DamagedInputIsTotalAndIndependentOfSplits) {
  WebSocket::DamagedInputIsTotalAndIndependentOfSplits(150);
}
TEST(WebSocketProperties, RandomBytesNeitherCrashNorLoop) { WebSocket::RandomBytesNeitherCrashNorLoop(200); }

}  // namespace
}  // namespace wirespan::testing
