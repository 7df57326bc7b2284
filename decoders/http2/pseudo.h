// Pseudo-header fields (RFC 9113 8.3, RFC 8441 4): what they say a block is, and whether they are as they must be. Pure.
#pragma once

#include "decoders/http2/message.h"

namespace wirespan::decoders::http2 {

// What a block's fields say it is, by themselves.
enum class BlockLook : uint8_t {
  kHead,      // a pseudo-header field is in it
  kTrailers,  // its first field is known and none, and no field of it is
  kUnknown,   // its first field is not known
};
BlockLook LookOf(const FieldList& fields);

// Sets `status`, and kInterim for 1xx. A status that is none makes the message ambiguous; one that is not known stays 0.
void ReadStatus(Message& message);

// The pseudo-header fields are not those of the message's kind, or not in front, or there twice, or one is missing that must
// have been seen: every reader must refuse it (RFC 9113 8.1.1).
bool HasBadPseudo(const Message& message);

}  // namespace wirespan::decoders::http2
