// Parts of an HTTP/1 head (RFC 9112 2-6): the start line as a resumable scan, field lines, and what the framing fields say. Used
// by http1::Decoder only; pure.
#pragma once

#include <cstdint>
#include <string_view>

#include "decoders/http1/message.h"

namespace wirespan::decoders::http1 {

inline constexpr size_t kMaxMethodBytes = 64;
inline constexpr size_t kMaxSpillBytes = 256;  // of a field line that is not stored: enough for the framing fields
inline constexpr uint64_t kMaxBodyBytes = uint64_t{1} << 62U;  // a length beyond is not believed
inline constexpr size_t kMaxChunkSizeDigits = 16;

// A start line, byte by byte or all at once with the same result. Offsets count from its first byte.
class StartLineScan {
 public:
  enum class Outcome : uint8_t { kMore, kDone, kBad };

  void Begin(bool is_request);
  // Scans what follows; `used` becomes the bytes that belong to the line (kDone: to its LF; kBad: to before the offending byte).
  Outcome Feed(std::string_view bytes, size_t& used);
  // Puts the parts that were wholly seen into `message`, whose head begins with the line (as far as it was stored).
  void Fill(Message& message) const;

  std::string_view reason() const { return reason_; }  // kBad: a constant
  bool bare_lf() const { return bare_lf_; }

 private:
  enum class Part : uint8_t { kMethod, kTarget, kVersion, kMinor, kAfterVersion, kStatus, kAfterStatus, kPhrase, kLf, kEnd };

  bool TakeByte(uint8_t byte);
  bool TakeLineEnd(uint8_t byte);
  bool Fail(std::string_view reason) { return reason_ = reason, false; }

  uint64_t offset_ = 0;      // bytes of the line so far
  uint64_t part_start_ = 0;  // offset of the target or of the reason phrase
  uint64_t part_length_ = 0;
  std::string_view reason_{};
  uint32_t method_length_ = 0;
  uint16_t status_ = 0;
  uint8_t matched_ = 0;  // of "HTTP/1.", or digits of the status
  uint8_t minor_ = 1;
  Part part_ = Part::kMethod;
  bool is_request_ = true;
  bool bare_lf_ = false;
  bool has_part_ = false;  // the target or reason phrase is whole
};

// What the field lines of a head say about where the message ends (RFC 9112 6), and about how far readers may differ.
struct HeadFacts {
  uint64_t content_length = 0;
  uint64_t name_bits = 0;    // NameBit of every field that was stored
  std::string_view doubt{};  // why the framing is ambiguous, where a body may follow; a constant; empty: it is not
  bool has_content_length = false;
  bool has_transfer_encoding = false;
  bool ends_chunked = false;   // the last coding is chunked, and no other is
  bool names_chunked = false;  // "chunked" occurs in the value, in whatever form
  bool has_upgrade = false;
  bool names_h2c = false;  // the only protocol that an Upgrade field names is HTTP/2 in clear text (RFC 7540 3.2)
  bool torn = false;       // a bare CR or NUL: readers may differ on where the head ends
  bool malformed = false;  // a line that readers refuse or ignore; the framing is not touched by it
  bool any_crlf = false;   // line ends seen
  bool any_bare_lf = false;
  bool any_line = false;         // a field line was read
  bool last_is_framing = false;  // the previous field line: obs-fold continues it
  bool last_is_stored = false;
  uint32_t stored = 0;  // fields of the head, or of the trailer, within all limits, kept or not
};

// Reads one field line without its line end, at `offset` in the stored text; `store` false: only the facts are wanted. Fields are
// kept whose NameBit is among `wanted`. `cut`: the line was longer than `line`.
struct FieldLine {
  std::string_view text;
  uint32_t offset = 0;
  bool store = true;
  bool cut = false;
  bool is_trailer = false;
  uint64_t wanted = kAllFields;
};
void ReadFieldLine(const FieldLine& line, HeadFacts& facts, std::vector<FieldRef>& fields, bool& truncated);
// What a field of that name, a token, says of the framing. True: it is one of the framing fields.
bool NoteField(std::string_view name, std::string_view value, HeadFacts& facts);
// NameBit of the names that NoteField notes: it notes nothing of one that has none of these.
inline constexpr uint64_t kFramingBits = NameBit("content-length") | NameBit("transfer-encoding") | NameBit("upgrade");
// A line end was met: CRLF, or a bare LF.
inline void NoteLineEnd(bool crlf, HeadFacts& facts) { (crlf ? facts.any_crlf : facts.any_bare_lf) = true; }

enum class Framing : uint8_t { kNone, kLength, kChunked, kClose, kAmbiguous };
// RFC 9112 6.3 for a message whose kind allows a body; kAmbiguous: `facts.doubt` says why.
Framing FramingOf(const Message& message, HeadFacts& facts);

enum class HeadOutcome : uint8_t { kDone, kNotPlain };
// Parses a whole head that stands at the beginning of `bytes` in its plain form (CRLF line ends, no obs-fold, within all limits)
// into the start line, `fields` and `facts`; `length` becomes the head's. kNotPlain: it is not all there, or not plain, or not
// valid: `message` and `facts` are then to be cleared, and the resumable way finds out. The references of `message` count from
// the beginning of `bytes`; its `head` is left alone. Fields are kept whose NameBit is among `wanted`. `Block` is SimdBlock or
// ScalarBlock (block_scan.h).
template <typename Block>
HeadOutcome ParsePlainHead(std::string_view bytes, bool is_request, uint64_t wanted, Message& message, HeadFacts& facts,
                           size_t& length);

// Methods that a Resync and a Guess take for one: the IANA registry and what is common on UPnP and CDN ports.
bool IsKnownMethod(std::string_view method);
// The length of the longest known method that `text` ends with; 0: none.
size_t KnownMethodSuffix(std::string_view text);
// Whether a known method begins with `text` (which may be the whole method).
bool IsKnownMethodPrefix(std::string_view text);

}  // namespace wirespan::decoders::http1
