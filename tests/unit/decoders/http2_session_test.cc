// Whole connections between nghttp2's client and server, of random requests, bodies, trailers, resets, pushes and settings: what
// we say of the bytes is what the two ends were told by their library. And the same bytes from the middle on.
#include <gtest/gtest.h>
#include <nghttp2/nghttp2.h>

#include <map>
#include <memory>
#include <random>

#include "tests/unit/decoders/http2_harness.h"

namespace wirespan::testing::h2 {
namespace {

using decoders::Incomplete;
using Random = std::mt19937_64;
using Lines = std::vector<std::string>;

struct Chunk {
  Direction direction;
  std::string bytes;
};

struct Body {
  size_t left = 0;
  bool has_trailers = false;
};

// One end: what it was told, as lines.
class End {
 public:
  End(bool is_server, Random& random, uint32_t table_size) : is_server_(is_server), random_(&random) {
    nghttp2_session_callbacks* callbacks = nullptr;
    nghttp2_session_callbacks_new(&callbacks);
    nghttp2_session_callbacks_set_on_header_callback(callbacks, OnHeader);
    nghttp2_session_callbacks_set_on_frame_recv_callback(callbacks, OnFrame);
    nghttp2_session_callbacks_set_on_data_chunk_recv_callback(callbacks, OnData);
    nghttp2_session_callbacks_set_select_padding_callback(callbacks, Padding);
    if (is_server) {
      nghttp2_session_server_new(&session_, callbacks, this);
    } else {
      nghttp2_session_client_new(&session_, callbacks, this);
    }
    nghttp2_session_callbacks_del(callbacks);
    const std::array<nghttp2_settings_entry, 3> settings = {{{NGHTTP2_SETTINGS_HEADER_TABLE_SIZE, table_size},
                                                             {NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, 1 << 30},
                                                             {NGHTTP2_SETTINGS_MAX_FRAME_SIZE, 20000}}};
    nghttp2_submit_settings(session_, NGHTTP2_FLAG_NONE, settings.data(), settings.size());
  }
  ~End() { nghttp2_session_del(session_); }
  End(const End&) = delete;
  End& operator=(const End&) = delete;

  // What it wants to send now.
  std::string Send() {
    std::string bytes;
    while (true) {
      const uint8_t* data = nullptr;
      const ssize_t size = nghttp2_session_mem_send(session_, &data);
      EXPECT_GE(size, 0);
      if (size <= 0) return bytes;
      bytes.append(reinterpret_cast<const char*>(data), static_cast<size_t>(size));
    }
  }
  void Receive(std::string_view bytes) {
    const ssize_t size = nghttp2_session_mem_recv(session_, reinterpret_cast<const uint8_t*>(bytes.data()), bytes.size());
    EXPECT_EQ(size, static_cast<ssize_t>(bytes.size()));
  }

  void Request() {
    Lines fields = {":method", Below(2) == 0 ? "GET" : "POST",  ":scheme",    "http",
                    ":path",   "/p" + std::to_string(Below(9)), ":authority", "h"};
    AddRandom(fields);
    std::vector<nghttp2_nv> nvs = Nvs(fields);
    nghttp2_data_provider provider = NewBody();
    nghttp2_submit_request(session_, nullptr, nvs.data(), nvs.size(), Below(2) == 0 ? nullptr : &provider, nullptr);
  }
  void Respond(int32_t stream) {
    if (Below(8) == 0) {
      nghttp2_submit_rst_stream(session_, NGHTTP2_FLAG_NONE, stream, NGHTTP2_REFUSED_STREAM);
      return;
    }
    if (Below(6) == 0) {
      Lines fields = {":status", "103", "link", "x"};
      std::vector<nghttp2_nv> nvs = Nvs(fields);
      nghttp2_submit_headers(session_, NGHTTP2_FLAG_NONE, stream, nullptr, nvs.data(), nvs.size(), nullptr);
    }
    if (Below(8) == 0) {
      Lines fields = {":method", "GET", ":scheme", "http", ":path", "/pushed", ":authority", "h"};
      std::vector<nghttp2_nv> nvs = Nvs(fields);
      nghttp2_submit_push_promise(session_, NGHTTP2_FLAG_NONE, stream, nvs.data(), nvs.size(), nullptr);
    }
    Lines fields = {":status", Below(3) == 0 ? "418" : "200"};
    AddRandom(fields);
    std::vector<nghttp2_nv> nvs = Nvs(fields);
    nghttp2_data_provider provider = NewBody();
    nghttp2_submit_response(session_, stream, nvs.data(), nvs.size(), Below(3) == 0 ? nullptr : &provider);
  }
  void Cancel(int32_t stream) { nghttp2_submit_rst_stream(session_, NGHTTP2_FLAG_NONE, stream, NGHTTP2_CANCEL); }
  void ChangeTable(uint32_t size) {
    const nghttp2_settings_entry entry{NGHTTP2_SETTINGS_HEADER_TABLE_SIZE, size};
    nghttp2_submit_settings(session_, NGHTTP2_FLAG_NONE, &entry, 1);
  }

  Lines told;
  std::vector<int32_t> ready;  // requests to answer

 private:
  static End& Of(void* user) { return *static_cast<End*>(user); }
  size_t Below(size_t limit) { return static_cast<size_t>((*random_)() % limit); }

  void AddRandom(Lines& fields) {
    for (size_t count = Below(5); count > 0; --count) {
      fields.push_back("name-" + std::to_string(Below(6)));
      fields.push_back(Below(20) == 0 ? std::string(Below(decoders::http2::kMaxValueBytes), 'v') : std::to_string(Below(30)));
    }
  }
  static std::vector<nghttp2_nv> Nvs(Lines& fields) {
    std::vector<nghttp2_nv> nvs;
    for (size_t i = 0; i + 1 < fields.size(); i += 2) {
      nvs.push_back({reinterpret_cast<uint8_t*>(fields[i].data()), reinterpret_cast<uint8_t*>(fields[i + 1].data()),
                     fields[i].size(), fields[i + 1].size(), NGHTTP2_NV_FLAG_NONE});
    }
    return nvs;
  }
  nghttp2_data_provider NewBody() {
    bodies_.push_back(std::make_unique<Body>(Body{Below(4) == 0 ? Below(60000) : Below(50), Below(3) == 0}));
    nghttp2_data_provider provider{};
    provider.source.ptr = bodies_.back().get();
    provider.read_callback = Read;
    return provider;
  }

  static ssize_t Read(nghttp2_session* session, int32_t stream, uint8_t* buffer, size_t size, uint32_t* flags,
                      nghttp2_data_source* source, void* /*user*/) {
    auto& body = *static_cast<Body*>(source->ptr);
    const size_t given = std::min(size, body.left);
    std::fill_n(buffer, given, uint8_t{'b'});
    body.left -= given;
    if (body.left > 0) return static_cast<ssize_t>(given);
    *flags |= NGHTTP2_DATA_FLAG_EOF;
    if (body.has_trailers) {
      *flags |= NGHTTP2_DATA_FLAG_NO_END_STREAM;
      Lines fields = {"sum", "1"};
      std::vector<nghttp2_nv> nvs = Nvs(fields);
      nghttp2_submit_trailer(session, stream, nvs.data(), nvs.size());
    }
    return static_cast<ssize_t>(given);
  }
  static ssize_t Padding(nghttp2_session* /*session*/, const nghttp2_frame* frame, size_t max, void* user) {
    return static_cast<ssize_t>(std::min(max, frame->hd.length + (Of(user).Below(4) == 0 ? Of(user).Below(200) : 0)));
  }
  static int OnHeader(nghttp2_session* /*session*/, const nghttp2_frame* /*frame*/, const uint8_t* name, size_t name_size,
                      const uint8_t* value, size_t value_size, uint8_t /*flags*/, void* user) {
    Of(user).fields_.append(" ").append(reinterpret_cast<const char*>(name), name_size);
    Of(user).fields_.append("=").append(reinterpret_cast<const char*>(value), value_size);
    return 0;
  }
  static int OnData(nghttp2_session* /*session*/, uint8_t /*flags*/, int32_t stream, const uint8_t* /*data*/, size_t size,
                    void* user) {
    Of(user).body_bytes_[stream] += size;
    return 0;
  }
  static int OnFrame(nghttp2_session* /*session*/, const nghttp2_frame* frame, void* user) {
    End& end = Of(user);
    const int32_t stream = frame->hd.stream_id;
    const bool ends = (frame->hd.flags & NGHTTP2_FLAG_END_STREAM) != 0;
    std::string line = std::to_string(stream);
    switch (frame->hd.type) {
      case NGHTTP2_HEADERS:
        end.told.push_back("block " + line + end.fields_ + (ends ? " end " + std::to_string(end.body_bytes_[stream]) : ""));
        break;
      case NGHTTP2_PUSH_PROMISE:
        end.told.push_back("promise " + line + " " + std::to_string(frame->push_promise.promised_stream_id) + end.fields_);
        break;
      case NGHTTP2_DATA:
        if (ends) end.told.push_back("end " + line + " " + std::to_string(end.body_bytes_[stream]));
        break;
      case NGHTTP2_RST_STREAM:
        end.told.push_back("reset " + line + " " + std::to_string(frame->rst_stream.error_code));
        break;
      default:
        return 0;
    }
    end.fields_.clear();
    const bool is_request = frame->hd.type == NGHTTP2_HEADERS || frame->hd.type == NGHTTP2_DATA;
    if (end.is_server_ && ends && is_request) end.ready.push_back(stream);
    return 0;
  }

  bool is_server_;
  Random* random_;
  nghttp2_session* session_ = nullptr;
  std::string fields_;
  std::map<int32_t, uint64_t> body_bytes_;
  std::vector<std::unique_ptr<Body>> bodies_;
};

struct Recorded {
  std::vector<Chunk> chunks;
  Lines told_server;
  Lines told_client;
};

Recorded Converse(uint64_t seed) {
  Random random(seed);
  const auto below = [&](size_t limit) { return static_cast<size_t>(random() % limit); };
  constexpr std::array<uint32_t, 4> kTables = {0, 100, 4096, 65536};
  End client(false, random, kTables[below(4)]);
  End server(true, random, kTables[below(4)]);
  Recorded recorded;
  int32_t next_stream = 1;
  for (int turn = 0; turn < 30; ++turn) {
    for (size_t count = below(4); count > 0 && turn < 25; --count, next_stream += 2) client.Request();
    if (below(10) == 0 && next_stream > 1) client.Cancel(next_stream - 2);
    if (below(8) == 0) (below(2) == 0 ? client : server).ChangeTable(kTables[below(4)]);
    if (const std::string bytes = client.Send(); !bytes.empty()) {
      recorded.chunks.push_back({kC2s, bytes});
      server.Receive(bytes);
    }
    for (const int32_t stream : server.ready) server.Respond(stream);
    server.ready.clear();
    if (const std::string bytes = server.Send(); !bytes.empty()) {
      recorded.chunks.push_back({kS2c, bytes});
      client.Receive(bytes);
    }
  }
  recorded.told_server = server.told;
  recorded.told_client = client.told;
  return recorded;
}

std::string FieldsOf(const Message& m) {
  std::string text;
  for (const auto& field : m.fields.fields) {
    text.append(" ").append(m.fields.Name(field)).append("=").append(m.fields.Value(field));
    if (field.truncated) text.append("~");
  }
  return text;
}

// Our messages of one direction in the words of End. A library does not tell what arrives on a stream it has closed itself.
Lines InWords(const std::vector<Message>& messages, Direction dir) {
  Lines lines;
  for (const Message& m : messages) {
    if (m.direction != dir || m.incomplete == decoders::Incomplete::kClosed) continue;
    EXPECT_TRUE(m.complete()) << Render(m);
    const std::string stream = std::to_string(m.stream_id);
    switch (m.kind) {
      case MessageKind::kEnd:
        lines.push_back("end " + stream + " " + std::to_string(m.body_length));
        break;
      case MessageKind::kReset:
        lines.push_back("reset " + stream + " " + std::to_string(m.error_code));
        break;
      case MessageKind::kPushPromise:
        lines.push_back("promise " + stream + " " + std::to_string(m.promised_id) + FieldsOf(m));
        break;
      case MessageKind::kGoAway:
        break;
      default:
        lines.push_back("block " + stream + FieldsOf(m) + (m.end_stream ? " end " + std::to_string(m.body_length) : ""));
    }
  }
  return lines;
}

// Lines of `told` that `ours` lacks; `more` becomes those of `ours` that `told` lacks. The order is that of `told`.
Lines Missing(const Lines& told, const Lines& ours, Lines& more) {
  Lines missing;
  size_t at = 0;
  for (const std::string& line : told) {
    size_t found = at;
    while (found < ours.size() && ours[found] != line) ++found;
    if (found == ours.size()) {
      missing.push_back(line.substr(0, 200));
      continue;
    }
    for (; at < found; ++at) more.push_back(ours[at]);
    at = found + 1;
  }
  for (; at < ours.size(); ++at) more.push_back(ours[at]);
  return missing;
}

TEST(Http2Session, WeSayWhatTheEndsWereTold) {
  size_t lines = 0;
  size_t unheard = 0;
  for (uint64_t seed = 0; seed < 150; ++seed) {
    const Recorded recorded = Converse(seed);
    Wire wire;
    for (const Chunk& chunk : recorded.chunks) wire.Feed(chunk.direction, chunk.bytes);
    ASSERT_EQ(wire.text().find("error "), std::string::npos)
        << "seed " << seed << wire.text().substr(wire.text().find("error "), 100);
    for (const Direction dir : {kC2s, kS2c}) {
      const Lines& told = dir == kC2s ? recorded.told_server : recorded.told_client;
      Lines more;
      const Lines missing = Missing(told, InWords(wire.messages(), dir), more);
      ASSERT_TRUE(missing.empty()) << "seed " << seed << ": " << missing[0];
      lines += told.size();
      unheard += more.size();
      EXPECT_TRUE(wire.decoder().TableIsExact(dir));
    }
  }
  std::cout << lines << " things told, all said; " << unheard << " more on streams that their reader had reset\n";
  EXPECT_GT(lines, 10000U);
  EXPECT_LT(unheard, lines / 50);
}

TEST(Http2Session, PiecesMakeNoDifference) {
  for (uint64_t seed = 0; seed < 10; ++seed) {
    const Recorded recorded = Converse(seed);
    Script script;
    for (const Chunk& chunk : recorded.chunks) script.push_back(Bytes(chunk.direction, chunk.bytes));
    const std::string whole = h2::RunWhole(script);
    for (const size_t size : {size_t{1}, size_t{100}, size_t{1460}}) ASSERT_EQ(h2::RunInPieces(script, size), whole) << seed;
  }
}

// What a decoder that saw only part may say of a message that one that saw all said.
struct Compared {
  size_t said = 0;
  size_t known = 0;
  size_t unknown = 0;
};
void ExpectNotWrong(const Message& m, const Message& right, Compared& compared) {
  ++compared.said;
  const bool is_open = m.kind == MessageKind::kUnknownBlock ||
                       (m.kind == MessageKind::kResponseHead && m.status == 0 && right.kind == MessageKind::kInterim);
  EXPECT_TRUE(is_open || m.kind == right.kind) << Render(m) << "\n" << Render(right);
  EXPECT_EQ(m.stream_id, right.stream_id);
  EXPECT_EQ(m.end_stream, right.end_stream);
  EXPECT_TRUE(m.status == right.status || m.status == 0) << Render(m);
  EXPECT_TRUE(m.body_length_unknown || m.body_length == right.body_length) << Render(m) << "\n" << Render(right);
  ASSERT_LE(m.fields.fields.size(), right.fields.fields.size()) << Render(m);
  EXPECT_EQ(m.fields.fields.size() == right.fields.fields.size(), m.complete()) << Render(m);
  for (size_t f = 0; f < m.fields.fields.size(); ++f) {
    const auto& field = m.fields.fields[f];
    const auto& right_field = right.fields.fields[f];
    EXPECT_TRUE(!field.name_known || m.fields.Name(field) == right.fields.Name(right_field)) << Render(m);
    EXPECT_TRUE(!field.value_known || m.fields.Value(field) == right.fields.Value(right_field)) << Render(m);
    ++(field.name_known && field.value_known ? compared.known : compared.unknown);
  }
}

// The messages of a decoder that sees everything, by the distance of their ends from the direction's end.
using Truth = std::map<std::pair<Direction, uint64_t>, const Message*>;
uint64_t FromEnd(const Wire& wire, const Message& m) { return wire.Position(m.direction) - m.end; }
Truth TruthOf(const Wire& whole) {
  Truth truth;
  for (const Message& m : whole.messages()) {
    if (m.complete()) truth[{m.direction, FromEnd(whole, m)}] = &m;
  }
  return truth;
}
void ExpectNothingWrong(const Wire& part, const Truth& truth, Compared& compared) {
  for (const Message& m : part.messages()) {
    // What was cut, or has no end of its own, need not end where the whole one does.
    const bool has_own_end = m.incomplete != Incomplete::kClosed && (m.complete() || m.end == m.head_end);
    if (!has_own_end) continue;
    const auto found = truth.find({m.direction, FromEnd(part, m)});
    ASSERT_TRUE(found != truth.end()) << Render(m);
    ExpectNotWrong(m, *found->second, compared);
  }
}

TEST(Http2Session, FromTheMiddleOnNothingIsWrong) {
  Compared compared;
  for (uint64_t seed = 0; seed < 150; ++seed) {
    const Recorded recorded = Converse(seed);
    Wire whole;
    for (const Chunk& chunk : recorded.chunks) whole.Feed(chunk.direction, chunk.bytes);
    Wire middle(Start::kMiddle);
    for (size_t i = seed % 7; i < recorded.chunks.size(); ++i) {
      const Chunk& chunk = recorded.chunks[i];
      seed % 2 == 0 ? middle.Feed(chunk.direction, chunk.bytes) : middle.FeedCall(chunk.direction, chunk.bytes);
    }
    ExpectNothingWrong(middle, TruthOf(whole), compared);
    ASSERT_FALSE(::testing::Test::HasFailure()) << "seed " << seed;
  }
  std::cout << compared.said << " messages behind a start in the middle, " << compared.known << " fields known, "
            << compared.unknown << " not\n";
  EXPECT_GT(compared.said, 5000U);
  EXPECT_GT(compared.unknown, 100U);
}

// Bytes are left out anywhere: in headers of frames, in blocks, in DATA, over several frames.
TEST(Http2Session, WithGapsAnywhereNothingIsWrong) {
  Compared compared;
  size_t gaps = 0;
  for (uint64_t seed = 0; seed < 300; ++seed) {
    const Recorded recorded = Converse(seed);
    Random random(seed);
    Wire whole;
    Wire part;
    for (const Chunk& chunk : recorded.chunks) {
      whole.Feed(chunk.direction, chunk.bytes);
      const std::string_view bytes = chunk.bytes;
      const size_t at = random() % bytes.size();
      const size_t size =
          random() % 4 == 0 ? std::min<size_t>(bytes.size() - at, 1 + random() % (random() % 2 == 0 ? 8 : 2000)) : 0;
      if (size == 0 && seed % 2 != 0) {
        part.FeedCall(chunk.direction, bytes);
        continue;
      }
      part.Feed(chunk.direction, bytes.substr(0, at));
      if (size > 0) {
        part.Gap(chunk.direction, size);
        ++gaps;
      }
      part.Feed(chunk.direction, bytes.substr(at + size));
    }
    ExpectNothingWrong(part, TruthOf(whole), compared);
    ASSERT_FALSE(::testing::Test::HasFailure()) << "seed " << seed;
  }
  std::cout << gaps << " gaps, " << compared.said << " messages said all the same, " << compared.known << " fields known, "
            << compared.unknown << " not\n";
  EXPECT_GT(gaps, 1000U);
  EXPECT_GT(compared.said, 10000U);
}

}  // namespace
}  // namespace wirespan::testing::h2
