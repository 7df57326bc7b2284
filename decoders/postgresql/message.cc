#include "decoders/postgresql/message.h"

#include <utility>

namespace wirespan::decoders::postgresql {

std::string_view Name(RequestKind kind) {
  switch (kind) {
    case RequestKind::kNone:
      return "none";
    case RequestKind::kQuery:
      return "query";
    case RequestKind::kExecute:
      return "execute";
    case RequestKind::kPrepare:
      return "prepare";
    case RequestKind::kFunction:
      return "function_call";
    case RequestKind::kStartup:
      return "startup";
    case RequestKind::kSsl:
      return "ssl_request";
    case RequestKind::kGss:
      return "gss_request";
    case RequestKind::kCancel:
      return "cancel";
  }
  return "";
}

void Message::Clear() {
  Message fresh;
  for (const auto part : {&Message::text, &Message::summary, &Message::statement, &Message::database, &Message::tag}) {
    (fresh.*part).swap(this->*part);
    (fresh.*part).clear();
  }
  *this = std::move(fresh);
}

}  // namespace wirespan::decoders::postgresql
