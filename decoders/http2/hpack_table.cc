#include "decoders/http2/hpack_table.h"

#include <algorithm>

#include "decoders/http2/field_list.h"

namespace wirespan::decoders::http2 {

HpackTable::Lookup HpackTable::Find(uint32_t index, Entry& out) const {
  if (index == 0) return Lookup::kInvalid;
  if (index <= kStaticEntries) {
    out = StaticEntry(index);
    return Lookup::kKnown;
  }
  const uint64_t age = index - kStaticEntries;  // 1: the newest
  if (age <= KnownEntries()) {
    const Stored& stored = entries_[entries_.size() - age];
    const std::string_view text = std::string_view(bytes_).substr(stored.offset, stored.name_length + stored.value_length);
    out = {.name = text.substr(0, stored.name_length),
           .value = text.substr(stored.name_length),
           .name_known = stored.name_known,
           .value_known = true,
           .truncated = stored.truncated,
           .name_size = stored.name_size};
    return Lookup::kKnown;
  }
  const uint64_t beyond = age - KnownEntries();
  if (!has_unknown_ || least_sum_ + beyond * kEntryOverhead > bound_) return Lookup::kInvalid;
  out = {.name = {}, .value = {}, .name_known = false, .value_known = false};
  return Lookup::kUnknown;
}

void HpackTable::Insert(std::string_view name, size_t name_size, bool name_known, std::string_view value, size_t value_size) {
  name = name.substr(0, kMaxNameBytes);
  value = value.substr(0, kMaxValueBytes);
  const auto name_bytes = static_cast<uint32_t>(std::min<size_t>(name_size, kMaxPlausibleTableBytes));
  const auto value_bytes = static_cast<uint32_t>(std::min<size_t>(value_size, kMaxPlausibleTableBytes));
  const Stored entry{.offset = 0,
                     .name_length = static_cast<uint32_t>(name.size()),
                     .value_length = static_cast<uint32_t>(value.size()),
                     .name_size = name_bytes,
                     .least_size = kEntryOverhead + value_bytes + (name_known ? name_bytes : 0),
                     .name_known = name_known,
                     .truncated = name.size() < name_size || value.size() < value_size};
  Store(entry, name, value);
  least_sum_ += entry.least_size;
  unknown_names_ += name_known ? 0U : 1U;
  Evict();
  const size_t cap = bound_is_exact_ ? kMaxTableBytes : kMaxUnboundedBytes;
  while (least_sum_ > cap) {
    DropOldest();
    has_unknown_ = true;
  }
}

bool HpackTable::SetMaxSize(uint32_t size) {
  if (limit_known_ && size > limit_) return false;
  bound_ = size;
  bound_is_exact_ = true;
  Evict();
  return true;
}

void HpackTable::SetLimit(std::optional<uint32_t> limit) {
  limit_known_ = limit.has_value();
  limit_ = limit.value_or(0);
}

void HpackTable::Lose(bool updates_seen) {
  entries_.clear();
  bytes_.clear();
  first_ = 0;
  least_sum_ = 0;
  unknown_names_ = 0;
  has_unknown_ = true;
  if (!updates_seen) {
    bound_ = std::max(bound_, limit_known_ ? limit_ : kMaxPlausibleTableBytes);
    bound_is_exact_ = false;
  }
  if (bound_ < kEntryOverhead) has_unknown_ = false;
}

void HpackTable::DropOldest() {
  least_sum_ -= entries_[first_].least_size;
  unknown_names_ -= entries_[first_].name_known ? 0U : 1U;
  ++first_;
  if (first_ < entries_.size()) return;
  entries_.clear();
  bytes_.clear();
  first_ = 0;
}

// With the newest j entries larger than the bound, the j-th and whatever is older are gone (RFC 7541 4.3, 4.4). An entry larger
// than the table leaves it empty (4.4), which is the case of j = 1.
void HpackTable::Evict() {
  while (least_sum_ > bound_) {
    DropOldest();
    has_unknown_ = false;
  }
  if (least_sum_ + kEntryOverhead > bound_) has_unknown_ = false;
}

// Entries stand one behind the other; what was evicted at the front is closed up when the buffer would have to grow.
void HpackTable::Store(const Stored& entry, std::string_view name, std::string_view value) {
  const size_t begin = first_ < entries_.size() ? entries_[first_].offset : bytes_.size();
  if (begin > 0 && bytes_.size() + name.size() + value.size() > bytes_.capacity() && begin >= bytes_.size() / 2) {
    bytes_.erase(0, begin);
    for (size_t i = first_; i < entries_.size(); ++i) entries_[i].offset -= begin;
  }
  if (first_ > 0 && entries_.size() == entries_.capacity() && first_ >= entries_.size() / 2) {
    entries_.erase(entries_.begin(), entries_.begin() + static_cast<std::ptrdiff_t>(first_));
    first_ = 0;
  }
  entries_.push_back(entry);
  entries_.back().offset = bytes_.size();
  bytes_.append(name).append(value);
}

}  // namespace wirespan::decoders::http2
