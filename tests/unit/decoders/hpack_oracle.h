// HPACK held against nghttp2: its inflater on any blocks, its deflater as the source of blocks of which only some are shown to
// us. Driven by bytes: those of a fuzzer, or of a seeded generator.
#pragma once

#include <nghttp2/nghttp2.h>

#include <array>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "decoders/http2/hpack.h"

namespace wirespan::testing::h2 {

using Pair = std::pair<std::string, std::string>;
using decoders::http2::Field;
using decoders::http2::FieldList;
using decoders::http2::HpackDecoder;

// Decisions out of bytes; zeros when there are no more.
class Choices {
 public:
  explicit Choices(std::string_view bytes) : bytes_(bytes) {}
  bool Empty() const { return bytes_.empty(); }
  size_t Below(size_t limit) { return limit == 0 ? 0 : Next() % limit; }
  std::string_view Take(size_t size) {
    const std::string_view taken = bytes_.substr(0, size);
    bytes_.remove_prefix(taken.size());
    return taken;
  }

 private:
  uint8_t Next() {
    if (bytes_.empty()) return 0;
    const auto byte = static_cast<uint8_t>(bytes_[0]);
    bytes_.remove_prefix(1);
    return byte;
  }
  std::string_view bytes_;
};

inline std::span<const std::byte> BytesOf(std::string_view text) {
  return {reinterpret_cast<const std::byte*>(text.data()), text.size()};
}

class Inflater {
 public:
  Inflater() { nghttp2_hd_inflate_new(&inflater_); }
  ~Inflater() { nghttp2_hd_inflate_del(inflater_); }
  Inflater(const Inflater&) = delete;
  Inflater& operator=(const Inflater&) = delete;

  // nullopt: it refuses the block.
  std::optional<std::vector<Pair>> Inflate(std::string_view block) {
    std::vector<Pair> fields;
    const auto* at = reinterpret_cast<const uint8_t*>(block.data());
    size_t left = block.size();
    while (true) {
      nghttp2_nv nv;
      int flags = 0;
      const ssize_t used = nghttp2_hd_inflate_hd2(inflater_, &nv, &flags, at, left, 1);
      if (used < 0) return std::nullopt;
      at += used;
      left -= static_cast<size_t>(used);
      if ((flags & NGHTTP2_HD_INFLATE_EMIT) != 0) {
        fields.emplace_back(std::string(reinterpret_cast<char*>(nv.name), nv.namelen),
                            std::string(reinterpret_cast<char*>(nv.value), nv.valuelen));
      }
      if ((flags & NGHTTP2_HD_INFLATE_FINAL) != 0) break;
      if ((flags & NGHTTP2_HD_INFLATE_EMIT) == 0 && left == 0) break;
    }
    nghttp2_hd_inflate_end_headers(inflater_);
    return fields;
  }

 private:
  nghttp2_hd_inflater* inflater_ = nullptr;
};

class Deflater {
 public:
  explicit Deflater(size_t cap) { nghttp2_hd_deflate_new(&deflater_, cap); }
  ~Deflater() { nghttp2_hd_deflate_del(deflater_); }
  Deflater(const Deflater&) = delete;
  Deflater& operator=(const Deflater&) = delete;

  void SetTableSize(size_t size) { nghttp2_hd_deflate_change_table_size(deflater_, size); }
  std::string Deflate(std::vector<Pair>& fields, const std::vector<bool>& sensitive) {
    std::vector<nghttp2_nv> nvs;
    for (size_t i = 0; i < fields.size(); ++i) {
      nvs.push_back({reinterpret_cast<uint8_t*>(fields[i].first.data()), reinterpret_cast<uint8_t*>(fields[i].second.data()),
                     fields[i].first.size(), fields[i].second.size(),
                     static_cast<uint8_t>(sensitive[i] ? NGHTTP2_NV_FLAG_NO_INDEX : NGHTTP2_NV_FLAG_NONE)});
    }
    std::string block(nghttp2_hd_deflate_bound(deflater_, nvs.data(), nvs.size()), '\0');
    const ssize_t size =
        nghttp2_hd_deflate_hd(deflater_, reinterpret_cast<uint8_t*>(block.data()), block.size(), nvs.data(), nvs.size());
    block.resize(size < 0 ? 0 : static_cast<size_t>(size));
    return block;
  }

 private:
  nghttp2_hd_deflater* deflater_ = nullptr;
};

// What is wrong with `list` as a decoding of `truth`; empty: nothing. Unknown parts are never wrong.
inline std::string Wrong(const FieldList& list, const std::vector<Pair>& truth) {
  for (size_t i = 0; i < list.fields.size(); ++i) {
    const Field& field = list.fields[i];
    if (i >= truth.size()) return "more fields than there are";
    const auto differs = [&](std::string_view ours, const std::string& theirs) {
      return field.truncated ? !theirs.starts_with(ours) : ours != theirs;
    };
    if (field.name_known && differs(list.Name(field), truth[i].first)) return "a wrong name: " + std::string(list.Name(field));
    if (field.value_known && differs(list.Value(field), truth[i].second))
      return "a wrong value: " + std::string(list.Value(field));
    if (!field.name_known && field.name_length != 0) return "a name that is not known";
    if (!field.value_known && field.value_length != 0) return "a value that is not known";
  }
  return "";
}

// Blocks, each behind its length in two bytes, through both decoders: the same fields, or both refuse.
inline std::string CompareInflaters(std::string_view input) {
  Choices choices(input);
  Inflater theirs;
  HpackDecoder ours;
  while (!choices.Empty()) {
    const size_t size = choices.Below(256) * 256 + choices.Below(256);
    const std::string_view given = choices.Take(size);
    const std::vector<char> exact(given.begin(), given.end());  // a sanitizer sees a read beyond it
    const std::string_view block(exact.data(), exact.size());
    FieldList list;
    const std::string_view error = ours.Decode(BytesOf(block), false, list);
    const std::optional<std::vector<Pair>> truth = theirs.Inflate(block);
    if (error.empty() != truth.has_value()) return "one refuses: " + std::string(error);
    if (!truth) return "";
    if (!ours.table().IsExact() || list.has_unknown) return "something unknown in a table that was all seen";
    if (!list.truncated && list.fields.size() != truth->size()) return "another number of fields";
    std::string wrong = Wrong(list, *truth);
    if (!wrong.empty()) return wrong;
  }
  return "";
}

struct Seen {
  size_t blocks = 0;
  size_t known = 0;    // fields that are known whole
  size_t unknown = 0;  // that are not
  size_t exact = 0;    // blocks after which the table was exact again
};

// Blocks that a deflater makes of chosen fields. One decoder sees all of them; one begins in the middle; one loses the ends of
// some, or whole ones. None may ever be wrong or refuse, and an exact table leaves nothing unknown.
inline std::string CheckUnknownTables(std::string_view input, Seen* seen = nullptr) {
  static const std::array<std::string, 12> kNames = {":path",
                                                     ":authority",
                                                     "content-type",
                                                     "x-request-id",
                                                     "cookie",
                                                     "te",
                                                     "a",
                                                     "user-agent",
                                                     "x-long-name-that-takes-some-room",
                                                     "date",
                                                     "accept",
                                                     "grpc-timeout"};
  static const std::array<size_t, 8> kSizes = {0, 31, 64, 100, 256, 1000, 4096, 8192};
  Choices choices(input);
  Deflater deflater(8192);
  struct Reader {
    HpackDecoder decoder;
    bool sees_limits;
  };
  std::array<Reader, 3> readers = {Reader{{}, true}, Reader{{}, false}, Reader{{}, true}};
  readers[1].decoder.SetLimit(std::nullopt);
  readers[1].decoder.Lose();
  const size_t begin = choices.Below(8);
  for (size_t number = 0; !choices.Empty() && number < 200; ++number) {
    if (choices.Below(8) == 0) {
      const size_t size = kSizes[choices.Below(kSizes.size())];
      deflater.SetTableSize(size);
      for (Reader& reader : readers) {
        if (reader.sees_limits) reader.decoder.SetLimit(static_cast<uint32_t>(size));
      }
    }
    std::vector<Pair> fields;
    std::vector<bool> sensitive;
    for (size_t count = 1 + choices.Below(6); count > 0; --count) {
      std::string value = "v" + std::to_string(choices.Below(16));
      if (choices.Below(16) == 0) value = std::string(choices.Below(256) * 8, 'l');
      if (choices.Below(16) == 0) value = std::string(choices.Take(choices.Below(20)));
      fields.emplace_back(kNames[choices.Below(kNames.size())], value);
      sensitive.push_back(choices.Below(16) == 0);
    }
    const std::string block = deflater.Deflate(fields, sensitive);
    for (size_t i = 0; i < readers.size(); ++i) {
      HpackDecoder& decoder = readers[i].decoder;
      const bool cuts = i == 2 && choices.Below(6) == 0;
      if (i == 1 && number < begin) continue;
      if (cuts && choices.Below(4) == 0) {
        decoder.Lose();
        continue;
      }
      const std::string shown = cuts ? block.substr(0, choices.Below(block.size())) : block;
      const bool was_exact = decoder.table().IsExact();
      FieldList list;
      const std::string_view error = decoder.Decode(BytesOf(shown), cuts, list);
      if (!error.empty()) return "refused: " + std::string(error);
      if (!cuts && list.fields.size() != fields.size()) return "another number of fields";
      const std::string wrong = Wrong(list, fields);
      if (!wrong.empty()) return wrong;
      if (was_exact && list.has_unknown) return "something unknown in an exact table";
      if (i == 0 && !decoder.table().IsExact()) return "a table that was all seen is not exact";
      for (size_t f = 0; f < list.fields.size(); ++f) {
        const Field& field = list.fields[f];
        // The deflater also protects short cookies and credentials of its own accord.
        if (sensitive[f] && !field.sensitive) return "a sensitive field is not marked";
        if (seen != nullptr) ++(field.name_known && field.value_known ? seen->known : seen->unknown);
      }
      if (seen != nullptr) {
        ++seen->blocks;
        seen->exact += decoder.table().IsExact() && !was_exact ? 1 : 0;
      }
    }
  }
  return "";
}

}  // namespace wirespan::testing::h2
