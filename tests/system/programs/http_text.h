// The few HTTP/1 rules that the test server and the test client share. They are written apart from decoders/ on purpose: what the
// decoder is compared with must not be the decoder. Header-only, one thread, bytes come from our own test programs.
#pragma once

#include <strings.h>

#include <cstdint>
#include <cstdlib>
#include <optional>
#include <string>
#include <string_view>

namespace wirespan::testprograms {

struct Head {
  std::string_view start_line;
  std::string_view block;  // the whole head with its empty line
  std::optional<uint64_t> content_length;
  bool chunked = false;
  bool close = false;
  bool expects_continue = false;
};

inline std::string_view FieldValue(std::string_view block, std::string_view name) {
  size_t line = block.find("\r\n");
  while (line != std::string_view::npos && line + 2 < block.size()) {
    const size_t begin = line + 2;
    const size_t end = block.find("\r\n", begin);
    if (end == std::string_view::npos || end == begin) break;
    const std::string_view field = block.substr(begin, end - begin);
    const size_t colon = field.find(':');
    if (colon == name.size() && strncasecmp(field.data(), name.data(), name.size()) == 0) {
      const size_t value = field.find_first_not_of(" \t", colon + 1);
      return value == std::string_view::npos ? std::string_view{} : field.substr(value);
    }
    line = end;
  }
  return {};
}

// The head at the front of `bytes`, or nothing while it is not whole.
inline std::optional<Head> ParseHead(std::string_view bytes) {
  const size_t end = bytes.find("\r\n\r\n");
  if (end == std::string_view::npos) return std::nullopt;
  Head head;
  head.block = bytes.substr(0, end + 4);
  head.start_line = bytes.substr(0, bytes.find("\r\n"));
  if (const auto length = FieldValue(head.block, "content-length"); !length.empty()) {
    head.content_length = std::strtoull(std::string(length).c_str(), nullptr, 10);
  }
  head.chunked = FieldValue(head.block, "transfer-encoding").find("chunked") != std::string_view::npos;
  head.close = strcasecmp(std::string(FieldValue(head.block, "connection")).c_str(), "close") == 0;
  head.expects_continue = !FieldValue(head.block, "expect").empty();
  return head;
}

// Bytes of a whole chunked body at the front of `bytes` (last chunk and trailers included), or nothing while it is not whole.
inline std::optional<size_t> ChunkedSize(std::string_view bytes, uint64_t& body) {
  size_t position = 0;
  body = 0;
  while (true) {
    const size_t line = bytes.find("\r\n", position);
    if (line == std::string_view::npos) return std::nullopt;
    const uint64_t size = std::strtoull(std::string(bytes.substr(position, line - position)).c_str(), nullptr, 16);
    position = line + 2;
    if (size == 0) {
      while (true) {  // trailers
        const size_t end = bytes.find("\r\n", position);
        if (end == std::string_view::npos) return std::nullopt;
        const bool is_last = end == position;
        position = end + 2;
        if (is_last) return position;
      }
    }
    if (bytes.size() < position + size + 2) return std::nullopt;
    position += static_cast<size_t>(size) + 2;
    body += size;
  }
}

// splitmix64: unlike, reproducible ids.
inline uint64_t Mix(uint64_t x) {
  x += 0x9e3779b97f4a7c15U;
  x = (x ^ (x >> 30U)) * 0xbf58476d1ce4e5b9U;
  x = (x ^ (x >> 27U)) * 0x94d049bb133111ebU;
  return x ^ (x >> 31U);
}

}  // namespace wirespan::testprograms
