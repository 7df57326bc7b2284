#include "decoders/http2/pseudo.h"

#include <algorithm>
#include <array>
#include <optional>

namespace wirespan::decoders::http2 {
namespace {

constexpr std::array<std::string_view, 6> kPseudo = {":method", ":scheme", ":authority", ":path", ":protocol", ":status"};
constexpr uint8_t kMethod = 1U << 0U;
constexpr uint8_t kScheme = 1U << 1U;
constexpr uint8_t kPath = 1U << 3U;
constexpr uint8_t kProtocol = 1U << 4U;
constexpr uint8_t kStatus = 1U << 5U;

bool IsPseudo(std::string_view name) { return name.starts_with(':'); }

// Which of kPseudo there are; nullopt: unknown ones, one twice, or one behind another field.
std::optional<uint8_t> PseudoFields(const FieldList& list) {
  uint8_t found = 0;
  bool regular = false;
  for (const Field& field : list.fields) {
    if (!field.name_known) continue;
    const std::string_view name = list.Name(field);
    if (!IsPseudo(name)) {
      regular = true;
      continue;
    }
    const auto at = std::find(kPseudo.begin(), kPseudo.end(), name);
    if (at == kPseudo.end() || regular) return std::nullopt;
    const auto bit = static_cast<uint8_t>(1U << static_cast<unsigned>(at - kPseudo.begin()));
    if ((found & bit) != 0) return std::nullopt;
    found |= bit;
  }
  return found;
}

// RFC 9113 8.3.1, 8.5; RFC 8441 4.
bool IsBadRequest(uint8_t found, const Message& message) {
  if ((found & kStatus) != 0) return true;
  if (message.fields.has_unknown || message.fields.truncated) return false;
  if ((found & kMethod) == 0) return true;
  const bool is_tunnel = message.method() == "CONNECT" && (found & kProtocol) == 0;
  if (is_tunnel) return (found & (kScheme | kPath)) != 0;
  return (found & kScheme) == 0 || (found & kPath) == 0;
}

}  // namespace

BlockLook LookOf(const FieldList& list) {
  for (const Field& field : list.fields) {
    if (field.name_known && IsPseudo(list.Name(field))) return BlockLook::kHead;
  }
  return !list.fields.empty() && list.fields.front().name_known ? BlockLook::kTrailers : BlockLook::kUnknown;
}

void ReadStatus(Message& message) {
  const Field* field = message.fields.Find(":status");
  if (field == nullptr || !field->value_known) {
    const bool may_be_there = message.fields.has_unknown || message.fields.truncated;
    if (!may_be_there) message.incomplete = Incomplete::kAmbiguous;
    return;
  }
  const std::string_view digits = message.fields.Value(*field);
  const bool is_status = digits.size() == 3 && digits[0] >= '1' && digits[0] <= '9' &&
                         std::all_of(digits.begin(), digits.end(), [](char c) { return c >= '0' && c <= '9'; });
  if (!is_status) {
    message.incomplete = Incomplete::kAmbiguous;
    return;
  }
  message.status = static_cast<uint16_t>((digits[0] - '0') * 100 + (digits[1] - '0') * 10 + (digits[2] - '0'));
  if (message.status >= 200) return;
  message.kind = MessageKind::kInterim;
  // RFC 9113 8.1, 8.6: the final response must follow, and there is no upgrade.
  if (message.end_stream || message.status == 101) message.incomplete = Incomplete::kAmbiguous;
}

bool HasBadPseudo(const Message& message) {
  const std::optional<uint8_t> found = PseudoFields(message.fields);
  if (!found) return true;
  switch (message.kind) {
    case MessageKind::kRequestHead:
    case MessageKind::kPushPromise:
      return IsBadRequest(*found, message);
    case MessageKind::kResponseHead:
    case MessageKind::kInterim:
      return (*found & ~kStatus) != 0;
    default:
      return *found != 0;
  }
}

}  // namespace wirespan::decoders::http2
