#include "agent/pipeline/handover.h"

#include <algorithm>
#include <string_view>

#include "decoders/http_characters.h"

namespace wirespan::pipeline {

namespace {

// Fields of HTTP/1 that are said otherwise in HTTP/2, or not at all.
constexpr std::string_view kOwnFields[] = {"host", "connection", "upgrade", "http2-settings"};

std::string Lower(std::string_view name) {
  std::string lower(name);
  std::transform(lower.begin(), lower.end(), lower.begin(), decoders::ToLower);
  return lower;
}

}  // namespace

void FillHandover(const decoders::http1::Message& request, const match::MessageFacts& facts, const ExchangeExtra& extra,
                  Http2Handover& out) {
  decoders::http2::Message& head = out.request;
  head.stream_id = kUpgradedStream;
  head.end_stream = true;
  head.start = request.start;
  head.head_end = request.head_end;
  head.end = request.end;
  head.incomplete = request.incomplete;
  head.body_length = request.body_length;
  head.body_length_unknown = request.body_length_unknown;
  head.fields.Add(":method", request.method(), {});
  head.fields.Add(":scheme", "http", {});
  head.fields.Add(":authority", request.Header("host"), {});
  head.fields.Add(":path", request.target(), {});
  for (const decoders::http1::FieldRef& field : request.fields) {
    const std::string name = Lower(request.Name(field));
    if (std::find(std::begin(kOwnFields), std::end(kOwnFields), name) != std::end(kOwnFields)) continue;
    head.fields.Add(name, request.Value(field), {});
  }
  head.fields.truncated |= request.truncated;
  out.request_facts = facts;
  out.extra = extra;
  out.settings = request.Header("http2-settings");
}

}  // namespace wirespan::pipeline
