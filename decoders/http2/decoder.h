// http2::Decoder: both directions of one HTTP/2 connection (RFC 9113, RFC 7541) to messages. Owned by the connection, used by its
// thread. Everything given is consumed at once, whatever its size, but for the bytes behind a place that Resync only suspects
// (at most kMaxCandidateBytes: Decode says kNeedMore). DATA is counted and never stored.
//
// | state of a direction | next bytes are                             | leaves it                                            |
// | -------------------- | ------------------------------------------ | ---------------------------------------------------- |
// | kPreface             | the client's 24 bytes (RFC 9113 3.4)       | the last of them; kInvalid at the first other byte   |
// | kFirstHeader         | the header of a SETTINGS frame (3.4)       | as kHeader                                           |
// | kHeader              | the rest of a frame's header               | its ninth byte; kInvalid where it cannot be one      |
// | kPayload             | `left` bytes of the frame                  | left == 0                                            |
// | kLost                | unknown: after a gap or kInvalid           | Resync, ResyncAtCall                                 |
// | kCandidate           | perhaps a frame that Resync found          | plausible frames behind it; ResyncAtCall; kInvalid   |
// | kPoisoned            | unknown: the position overflowed           | never                                                |
//
// What a loss costs. A gap inside a frame's payload costs only what it swallowed: the frame's end is known. Of DATA that is
// nothing; of a header block it is the rest of the block and the dynamic table (HpackTable says what stays provable). A gap that
// reaches beyond the frame loses the framing: the direction needs Resync, its table is unknown, and so are settings that may have
// passed. Streams go on: what is told of them later says body_length_unknown. The other direction is not touched.
//
// One connection's messages depend on the order in which the two directions are given only where one resets a stream or changes
// a setting that the other obeys.
#pragma once

#include <array>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "decoders/decoder.h"
#include "decoders/http2/frame.h"
#include "decoders/http2/half_streams.h"
#include "decoders/http2/hpack.h"
#include "decoders/http2/message.h"
#include "decoders/http2/resync.h"

namespace wirespan::decoders::http2 {

inline constexpr size_t kMaxBlockBytes = size_t{64} * 1024;     // of a header block, as sent; what is beyond counts as not seen
inline constexpr size_t kMaxUnacknowledged = 16;                // SETTINGS frames that await their acknowledgement
inline constexpr size_t kMaxIdleBlockBytes = size_t{4} * 1024;  // of a block in several pieces, kept between blocks

class Decoder {
 public:
  using Message = http2::Message;
  using Messages = std::vector<Message>;
  using MessagePool = http2::MessagePool;

  // `pool` may be null: then messages are allocated anew. The connection is taken from its beginning.
  explicit Decoder(MessagePool* pool = nullptr);

  // Instead, before the first byte:
  // The connection is older than what will be seen of it: both directions need Resync, both tables are unknown.
  void StartInMiddle();
  // It began as HTTP/1.1 and was upgraded (h2c, RFC 7540 3.2): the request was stream 1, and the bytes are those behind the 101
  // and behind the request. `http2_settings`: the value of the request's HTTP2-Settings field; what is not base64url of settings
  // counts as unknown settings.
  void StartUpgraded(std::string_view http2_settings);

  // The contract of decoders/decoder.h. ParseStep::frees_other is never set; kStop is never said.
  ParseStep Decode(Direction dir, std::span<const std::byte> bytes, std::vector<Message>& out);
  std::optional<size_t> Resync(Direction dir, std::span<const std::byte> bytes);
  // Beside Resync: one call of the program begins `skipped` bytes behind the direction's position, with the first byte of `call`,
  // and ends `unseen` bytes behind that. True: the place was not known, the call is made of whole frames (AreWholeFrames), and
  // they are decoded next; the caller drops the `skipped` bytes, which are counted as skipped.
  bool ResyncAtCall(Direction dir, size_t skipped, std::span<const std::byte> call, uint64_t unseen);
  // True also where only the payload of the frame in progress was hit, whatever the frame.
  bool OnGap(Direction dir, size_t size, std::vector<Message>& out);
  // Every open stream of that direction ends as kEnd with Incomplete::kClosed, in order of their ids.
  void OnClose(Direction dir, std::vector<Message>& out);
  void Skip(Direction dir, size_t size);
  uint64_t Position(Direction dir) const { return side(dir).position; }

  // False while the direction's place in the framing is not known.
  bool Synced(Direction dir) const;
  // True where the direction can never be decoded again on this connection.
  bool Poisoned(Direction dir) const { return side(dir).state == State::kPoisoned; }
  // Where the frame, or the header block of several frames, in progress began; nullopt between frames. No later message starts
  // before this or, without one, before Position(dir).
  std::optional<uint64_t> OpenStart(Direction dir) const;
  // Bytes still to come of a DATA frame; 0 in any other place.
  uint64_t DataLeft(Direction dir) const;
  // Streams whose head was seen in that direction and whose end was not.
  size_t OpenStreams(Direction dir) const { return side(dir).streams.size(); }
  // The dynamic table of that direction's header blocks holds nothing unknown.
  bool TableIsExact(Direction dir) const { return side(dir).hpack.table().IsExact(); }

 private:
  enum class State : uint8_t { kPreface, kFirstHeader, kHeader, kPayload, kLost, kCandidate, kPoisoned };

  // What this end announced of itself, which the other obeys (RFC 9113 6.5).
  struct Settings {
    std::array<uint32_t, kMaxUnacknowledged> table_sizes{};  // HEADER_TABLE_SIZE after each SETTINGS frame not acknowledged yet
    size_t unacknowledged = 0;
    size_t early_acknowledgements = 0;  // told before the SETTINGS that they acknowledge
    uint32_t table_size = kDefaultTableSize;
    uint32_t max_frame_size = kDefaultMaxFrameSize;  // the largest ever announced
    bool seen = false;                               // a SETTINGS frame
    bool lost = false;  // SETTINGS or acknowledgements may have been missed: nothing is known for good
  };

  struct Side {
    uint64_t position = 0;
    uint64_t frame_start = 0;
    uint64_t block_start = 0;  // of the first frame of the header block in progress
    uint64_t losses = 0;       // how often frames were lost; the beginning counts where it was not seen
    FrameHeader frame;
    std::array<std::byte, kFrameHeaderBytes>
        gathered{};              // of a frame header, of a payload's prefix or fixed part, or of one setting
    uint8_t gathered_count = 0;  // kPreface: how much of it matched
    uint8_t prefix = 0;          // bytes of the payload before its content (RFC 9113 6.1, 6.2, 6.6), still to come
    uint32_t left = 0;           // of the payload
    uint32_t padding = 0;        // at the end of `left`
    bool cut = false;            // part of the payload's content was not seen
    bool prefix_cut = false;     // the same of the prefix
    bool padding_unknown = false;
    bool in_block = false;   // CONTINUATION must follow (RFC 9113 6.10)
    bool block_cut = false;  // the rest of the block was not seen
    bool block_ends_stream = false;
    bool block_is_promise = false;
    bool is_server = false;
    State state = State::kPreface;
    uint32_t block_stream = 0;
    uint32_t promised_id = 0;
    uint32_t highest_id = 0;  // of the streams the client opened; 0: not known
    std::string block;        // that did not come in one piece
    HpackDecoder hpack;
    HalfStreams streams;
    Settings settings;
    std::string_view reason{};  // of kLost and kPoisoned; a constant

    uint64_t frame_end() const { return frame_start + kFrameHeaderBytes + frame.length; }
  };

  const Side& side(Direction dir) const { return sides_[Index(dir)]; }
  Side& side(Direction dir) { return sides_[Index(dir)]; }
  Side& other(const Side& s) { return sides_[s.is_server ? 0 : 1]; }
  const Side& other(const Side& s) const { return sides_[s.is_server ? 0 : 1]; }
  static Direction DirectionOf(const Side& s) { return s.is_server ? Direction::kServerToClient : Direction::kClientToServer; }

  // One state's share of `bytes` (never empty): moves `position` by what it returns.
  size_t InPreface(Side& s, std::span<const std::byte> bytes, std::vector<Message>& out);
  size_t InHeader(Side& s, std::span<const std::byte> bytes, std::vector<Message>& out);
  size_t InPayload(Side& s, std::span<const std::byte> bytes, std::vector<Message>& out);
  void BeginFrame(Side& s, std::vector<Message>& out);
  std::string_view Objection(const Side& s) const;
  // Both take their part off `bytes`.
  void TakePrefix(Side& s, std::span<const std::byte>& bytes, std::vector<Message>& out);
  void TakeContent(Side& s, std::span<const std::byte>& bytes, std::vector<Message>& out);
  void EndFrame(Side& s, std::vector<Message>& out);
  // The framing is lost: the block in progress ends as kGap, the table and the settings are unknown.
  void Lose(Side& s, std::string_view reason, std::vector<Message>& out);
  static void Forget(Side& s, Side& opposite, std::string_view reason);
  uint32_t MaxFrameSize(const Side& s) const;

  // gaps.cc
  void TakeGap(Side& s, uint32_t size, std::vector<Message>& out);
  static void CutPrefix(Side& s, uint32_t hidden);
  bool MoveOver(Side& s, uint64_t size, std::vector<Message>& out);

  // settings.cc
  static void TakeSettings(Side& s, std::span<const std::byte> bytes);
  void EndSettings(Side& s);
  static void TakeSetting(Settings& settings, std::span<const std::byte> entry);

  // streams.cc: blocks, ends and resets to messages.
  void TakeBlock(Side& s, std::span<const std::byte> bytes, std::vector<Message>& out);
  void EndBlock(Side& s, std::span<const std::byte> block, uint64_t end, Incomplete why, std::vector<Message>& out);
  static void Classify(Side& s, Message& message);
  static void NoteBlock(Side& s, Message& message);
  static void TakeData(Side& s, std::span<const std::byte> bytes);
  void EndData(Side& s, std::vector<Message>& out);
  void EndReset(Side& s, std::vector<Message>& out);
  void EndGoAway(Side& s, std::vector<Message>& out);
  // Into `message` what was counted of the half-stream of its id, which ends with it.
  static void EndHalf(Side& s, Message& message);
  void CloseHalf(Side& s, uint32_t id, std::vector<Message>& out);
  void CutBlock(Side& s, Incomplete why, std::vector<Message>& out);
  Message NewMessage(const Side& s, MessageKind kind, uint32_t stream_id);

  MessagePool* pool_;
  std::array<Side, 2> sides_;
  std::vector<uint32_t> scratch_ids_;  // OnClose
};

}  // namespace wirespan::decoders::http2
