// HpackTable: the static and the dynamic table of one direction (RFC 7541 2.3, 4), also where not all of the dynamic table was
// seen. Owned by HpackDecoder; the connection's thread. Memory: at most twice kMaxTableBytes (kMaxUnboundedBytes where the size
// is not known), as much as it ever needed.
//
// What is proved. Index 61 + i is the i-th newest insertion that the encoder made (2.3.2, 2.3.3). Evictions happen only at the
// old end (4.3, 4.4) and do not shift anything. So after the agent attached, or lost part of a block, with k insertions seen
// since:
//   - index 61 + i with i <= k is the i-th newest of those k, whatever is older and whatever the size of the table is: a
//   conforming
//     encoder refers to no entry that was evicted, or that was too long to be inserted (4.4);
//   - an index beyond is *unknown*: an entry that was not seen. It is never answered by anything else.
// The unknown part provably ends, and the table is exact again, where known entries leave no room for another: an entry has at
// least 32 bytes (4.1), so where the known ones, each at its least size, have more than max - 32 together. `max` is the last size
// update (6.3) or its upper bound: where updates may have been missed, the larger of the limit that the reader acknowledged and
// the bound before. A size update to less than 32 is the common case: it leaves nothing. A name that came from the unknown part
// stays unknown in what is inserted with it; that entry's least size is 32 + its value.
//
// What is lost with a block whose rest was not seen: every index, for an unknown number of entries may have been inserted (Lose).
// Only `max` stays, if the block's size updates, which come first (4.2), were seen.
//
// Caps. Entries beyond the cap of stored bytes become unknown, from the oldest on: what a peer allows to itself changes what we
// know, never whether it is right.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace wirespan::decoders::http2 {

inline constexpr uint32_t kDefaultTableSize = 4096;  // RFC 9113 6.5.2
inline constexpr uint32_t kStaticEntries = 61;       // RFC 7541 Appendix A
inline constexpr uint32_t kEntryOverhead = 32;       // 4.1
// Of names and values, each entry counted with its overhead, that are stored.
inline constexpr size_t kMaxTableBytes = size_t{64} * 1024;
inline constexpr size_t kMaxUnboundedBytes = size_t{16} * 1024;  // where the table's size is not known
// Nobody has a larger table: an index that would need one is nonsense, even where the size is not known.
inline constexpr uint64_t kMaxPlausibleTableBytes = uint64_t{16} * 1024 * 1024;

class HpackTable {
 public:
  struct Entry {
    std::string_view name;  // valid until the next Insert; empty where not known
    std::string_view value;
    bool name_known = true;
    bool value_known = true;
    bool truncated = false;  // name or value is cut at kMaxNameBytes, kMaxValueBytes
    uint32_t name_size = 0;  // as sent
  };
  enum class Lookup : uint8_t {
    kKnown,
    kUnknown,  // an entry that was not seen
    kInvalid,  // certainly no entry (RFC 7541 2.3.3)
  };

  // `index` as sent. kUnknown: `out` has neither name nor value.
  Lookup Find(uint32_t index, Entry& out) const;

  // A new entry. Name and value must not be views into this table; `name_size`, `value_size`: as sent, at least what is given of
  // them.
  void Insert(std::string_view name, size_t name_size, bool name_known, std::string_view value, size_t value_size);
  // A dynamic table size update (6.3). False: it is beyond the limit.
  bool SetMaxSize(uint32_t size);
  // The reader's SETTINGS_HEADER_TABLE_SIZE has been acknowledged (RFC 9113 6.5.3), or it is not known any more. The encoder's
  // next update says what it makes of it: nothing is evicted before.
  void SetLimit(std::optional<uint32_t> limit);
  // Insertions were missed; `updates_seen`: size updates were not.
  void Lose(bool updates_seen);

  // Nothing in it is unknown.
  bool IsExact() const { return !has_unknown_ && unknown_names_ == 0; }
  size_t KnownEntries() const { return entries_.size() - first_; }
  // Stored bytes, for tests of the bound.
  size_t Capacity() const { return bytes_.capacity() + entries_.capacity() * sizeof(Stored); }

 private:
  struct Stored {
    size_t offset;  // into bytes_: the name, then the value
    uint32_t name_length;
    uint32_t value_length;
    uint32_t name_size;   // as sent
    uint32_t least_size;  // RFC 7541 4.1; without the name where that is not known
    bool name_known;
    bool truncated;
  };

  void DropOldest();
  // Evicts what certainly was; forgets the unknown part where it certainly is gone.
  void Evict();
  void Store(const Stored& entry, std::string_view name, std::string_view value);

  std::string bytes_;  // of the entries, oldest first
  std::vector<Stored> entries_;
  size_t first_ = 0;                    // of entries_: those before are evicted
  size_t unknown_names_ = 0;            // among the known entries
  uint64_t least_sum_ = 0;              // of the known entries' least sizes
  uint64_t bound_ = kDefaultTableSize;  // upper bound of the table's size; exact where bound_is_exact_
  uint64_t limit_ = kDefaultTableSize;
  bool limit_known_ = true;
  bool bound_is_exact_ = true;
  bool has_unknown_ = false;  // older entries than the known ones may exist
};

// The static table: index 1 to kStaticEntries.
HpackTable::Entry StaticEntry(uint32_t index);

}  // namespace wirespan::decoders::http2
