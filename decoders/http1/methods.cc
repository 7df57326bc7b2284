#include <algorithm>
#include <array>

#include "decoders/http1/head_parser.h"

namespace wirespan::decoders::http1 {
namespace {

// IANA "Hypertext Transfer Protocol (HTTP) Method Registry", and M-SEARCH, NOTIFY, SUBSCRIBE, UNSUBSCRIBE (UPnP), PURGE (caches),
// QUERY, SOURCE (streaming).
constexpr std::array<std::string_view, 47> kMethods = {"ACL",
                                                       "BASELINE-CONTROL",
                                                       "BIND",
                                                       "CHECKIN",
                                                       "CHECKOUT",
                                                       "CONNECT",
                                                       "COPY",
                                                       "DELETE",
                                                       "GET",
                                                       "HEAD",
                                                       "LABEL",
                                                       "LINK",
                                                       "LOCK",
                                                       "M-SEARCH",
                                                       "MERGE",
                                                       "MKACTIVITY",
                                                       "MKCALENDAR",
                                                       "MKCOL",
                                                       "MKREDIRECTREF",
                                                       "MKWORKSPACE",
                                                       "MOVE",
                                                       "NOTIFY",
                                                       "OPTIONS",
                                                       "ORDERPATCH",
                                                       "PATCH",
                                                       "POST",
                                                       "PROPFIND",
                                                       "PROPPATCH",
                                                       "PURGE",
                                                       "PUT",
                                                       "QUERY",
                                                       "REBIND",
                                                       "REPORT",
                                                       "SEARCH",
                                                       "SOURCE",
                                                       "SUBSCRIBE",
                                                       "TRACE",
                                                       "UNBIND",
                                                       "UNCHECKOUT",
                                                       "UNLINK",
                                                       "UNLOCK",
                                                       "UNSUBSCRIBE",
                                                       "UPDATE",
                                                       "UPDATEREDIRECTREF",
                                                       "VERSION-CONTROL",
                                                       "ANNOUNCE",
                                                       "MKDIR"};

constexpr size_t LongestMethod() {
  size_t longest = 0;
  for (const std::string_view method : kMethods) longest = std::max(longest, method.size());
  return longest;
}
static_assert(LongestMethod() <= kMaxMethodBytes);

}  // namespace

bool IsKnownMethod(std::string_view method) { return std::find(kMethods.begin(), kMethods.end(), method) != kMethods.end(); }

size_t KnownMethodSuffix(std::string_view text) {
  size_t longest = 0;
  for (const std::string_view method : kMethods) {
    if (method.size() > longest && text.ends_with(method)) longest = method.size();
  }
  return longest;
}

bool IsKnownMethodPrefix(std::string_view text) {
  return std::any_of(kMethods.begin(), kMethods.end(), [&](std::string_view method) { return method.starts_with(text); });
}

}  // namespace wirespan::decoders::http1
