// http2::Decoder: SETTINGS, their acknowledgements, and the settings of an upgrade.
#include <algorithm>

#include "decoders/http2/decoder.h"

namespace wirespan::decoders::http2 {
namespace {

using Bytes = std::span<const std::byte>;

constexpr size_t kSettingBytes = 6;              // RFC 9113 6.5.1
constexpr uint16_t kHeaderTableSize = 0x1;       // 6.5.2
constexpr uint16_t kMaxFrameSizeSetting = 0x5;   // 6.5.2
constexpr size_t kMaxUpgradeSettingBytes = 512;  // of an HTTP2-Settings field, decoded

// base64url without padding (RFC 4648 5); -1: no character of it.
int Base64Value(char c) {
  if (c >= 'A' && c <= 'Z') return c - 'A';
  if (c >= 'a' && c <= 'z') return c - 'a' + 26;
  if (c >= '0' && c <= '9') return c - '0' + 52;
  if (c == '-') return 62;
  return c == '_' ? 63 : -1;
}

}  // namespace

void Decoder::TakeSettings(Side& s, Bytes bytes) {
  if (s.cut) return;
  while (!bytes.empty()) {
    const size_t used = std::min(bytes.size(), kSettingBytes - s.gathered_count);
    std::copy_n(bytes.begin(), used, s.gathered.begin() + s.gathered_count);
    s.gathered_count = static_cast<uint8_t>(s.gathered_count + used);
    bytes = bytes.subspan(used);
    if (s.gathered_count < kSettingBytes) return;
    TakeSetting(s.settings, s.gathered);
    s.gathered_count = 0;
  }
}

void Decoder::TakeSetting(Settings& settings, Bytes entry) {
  const uint32_t start = ReadUint32(entry);
  const uint32_t value = ReadUint32(entry.subspan(2));
  const auto id = static_cast<uint16_t>(start >> 16U);
  if (id == kHeaderTableSize) settings.table_size = value;
  if (id == kMaxFrameSizeSetting && value <= kMaxFrameSize) settings.max_frame_size = std::max(settings.max_frame_size, value);
}

// The reader of header blocks announces the limit of their table, and it holds behind the writer's acknowledgement, which comes
// in the direction of the blocks (RFC 9113 6.5.3, RFC 7541 4.2).
void Decoder::EndSettings(Side& s) {
  Side& opposite = other(s);
  if (s.frame.Has(kAck)) {
    Settings& acknowledged = opposite.settings;
    if (acknowledged.lost) return;
    if (acknowledged.unacknowledged == 0) {
      // Told before the SETTINGS itself: which limit holds is known then.
      acknowledged.early_acknowledgements = std::min(acknowledged.early_acknowledgements + 1, kMaxUnacknowledged);
      return s.hpack.SetLimit(std::nullopt);
    }
    s.hpack.SetLimit(acknowledged.table_sizes[0]);
    std::copy(acknowledged.table_sizes.begin() + 1, acknowledged.table_sizes.end(), acknowledged.table_sizes.begin());
    --acknowledged.unacknowledged;
    return;
  }
  Settings& settings = s.settings;
  if (s.cut) settings.lost = true;
  settings.seen = true;
  if (settings.lost || settings.unacknowledged == kMaxUnacknowledged) {
    settings.lost = true;
    return opposite.hpack.SetLimit(std::nullopt);
  }
  if (settings.early_acknowledgements > 0) {
    --settings.early_acknowledgements;
    return opposite.hpack.SetLimit(settings.table_size);
  }
  settings.table_sizes[settings.unacknowledged++] = settings.table_size;
}

void Decoder::StartUpgraded(std::string_view http2_settings) {
  Side& client = side(Direction::kClientToServer);
  client.highest_id = 1;
  // The 101 acknowledges them (RFC 7540 3.2.1).
  std::array<std::byte, kMaxUpgradeSettingBytes> settings;
  size_t size = 0;
  uint32_t bits = 0;
  unsigned count = 0;
  bool valid = !http2_settings.empty();
  while (http2_settings.ends_with('=')) http2_settings.remove_suffix(1);
  for (const char c : http2_settings) {
    const int value = Base64Value(c);
    valid = valid && value >= 0 && size < settings.size();
    if (!valid) break;
    bits = bits << 6U | static_cast<uint32_t>(value);
    count += 6;
    if (count < 8) continue;
    count -= 8;
    settings[size++] = static_cast<std::byte>(bits >> count & 0xffU);
  }
  Side& server = side(Direction::kServerToClient);
  if (!valid || size % kSettingBytes != 0) {
    client.settings.lost = true;
    return server.hpack.SetLimit(std::nullopt);
  }
  for (size_t at = 0; at < size; at += kSettingBytes) TakeSetting(client.settings, Bytes(settings).subspan(at, kSettingBytes));
  server.hpack.SetLimit(client.settings.table_size);
}

}  // namespace wirespan::decoders::http2
