// RESP2 and RESP3 values (Redis serialization protocol specification) as they come: where a value and its parts begin and end,
// whatever they are nested in. Pure; the decoder's thread; nothing is stored but the place.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace wirespan::decoders::redis {

inline constexpr size_t kMaxDepth = 32;                        // of aggregates in aggregates
inline constexpr uint64_t kMaxElements = uint64_t{1} << 31U;   // of one aggregate; a map's pairs count twice
inline constexpr uint64_t kMaxBulkBytes = uint64_t{1} << 40U;  // of one string, beyond any proto-max-bulk-len
inline constexpr size_t kMaxLineBytes = size_t{64} * 1024;     // of a simple string, an error, a number

// The first byte of a value.
enum class Type : char {
  kNone = 0,
  kSimple = '+',
  kError = '-',
  kInteger = ':',
  kBulk = '$',
  kArray = '*',
  kNull = '_',
  kBoolean = '#',
  kDouble = ',',
  kBigNumber = '(',
  kBulkError = '!',
  kVerbatim = '=',
  kMap = '%',
  kSet = '~',
  kPush = '>',
  kAttribute = '|',  // stands before a value and is none itself
};
bool IsType(char c);
constexpr bool IsAggregate(Type type) {
  return type == Type::kArray || type == Type::kMap || type == Type::kSet || type == Type::kPush || type == Type::kAttribute;
}

// What the bytes taken were, of one value of the outermost level.
struct RespStep {
  enum class What : uint8_t {
    kMore,    // nothing to tell; all bytes are taken
    kBegins,  // a value: `type`, `size` (bytes of a string, elements of an aggregate: a map's keys and values)
    kText,    // `text` is part of a line's or a string's content
    kEnds,    // a value that is no aggregate; nulls of RESP2 and empty aggregates only begin
    kBad,     // no value: the byte behind `used` cannot stand there
  };
  What what = What::kMore;
  size_t used = 0;    // bytes taken
  bool done = false;  // kBegins, kEnds: with it the outermost value ended
  Type type = Type::kNone;
  uint64_t size = 0;
  std::string_view text{};
};

class RespScan {
 public:
  // For the next outermost value.
  void Begin() { *this = RespScan(); }
  RespStep Take(std::string_view bytes);

  bool begun() const { return begun_; }
  // Aggregates around the value that began last; 0: it is the outermost.
  size_t depth() const { return value_depth_; }
  // Its place among the elements of the aggregate it is in.
  uint64_t index() const { return value_index_; }
  // Bytes still to come of a string's content and its line end; 0 in any other place.
  uint64_t StringLeft() const { return phase_ == Phase::kString ? left_ + 2U : phase_ == Phase::kStringEnd ? 2U - ended_ : 0U; }
  // Takes so many bytes of what StringLeft says, unseen. True: that was the end of the outermost value.
  bool PassString(uint64_t size);

 private:
  enum class Phase : uint8_t { kType, kNumber, kLine, kString, kStringEnd };
  struct Level {
    uint64_t left = 0;
    uint64_t count = 0;
    Type type = Type::kNone;
  };

  RespStep TakeType(char c);
  RespStep TakeNumber(std::string_view bytes);
  RespStep TakeLine(std::string_view bytes);
  RespStep TakeString(std::string_view bytes);
  RespStep EnterNumber(size_t used);
  // A value is over, and with it the aggregates that end with it. True: the outermost was among them.
  bool EndValue();

  Phase phase_ = Phase::kType;
  bool begun_ = false;
  Type type_ = Type::kNone;
  bool negative_ = false;
  bool has_return_ = false;  // the line's CR was seen
  uint8_t digits_ = 0;
  uint8_t ended_ = 0;  // bytes of the line end behind a string
  uint8_t depth_ = 0;
  uint8_t value_depth_ = 0;
  uint64_t value_index_ = 0;
  uint64_t left_ = 0;  // of a string; of a line, its bytes so far
  uint64_t number_ = 0;
  std::array<Level, kMaxDepth> levels_{};
};

}  // namespace wirespan::decoders::redis
