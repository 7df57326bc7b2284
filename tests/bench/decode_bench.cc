// decode_bench PROTOCOL [EXCHANGES]: what the decoder of a protocol takes for small messages, alone. One line of JSON: exchanges,
// bytes, processor time of the thread, allocations once warm. Exit code 1 where it does not decode what was put in.
#include <time.h>

#include <array>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

#include "decoders/registry.h"
#include "tests/bench/memory_meter.h"

namespace wirespan::bench {
namespace {

using decoders::Direction;

struct Turn {
  Direction direction;
  std::string bytes;
};
using Conversation = std::vector<Turn>;

constexpr size_t kExchanges = 500;  // of a conversation, which a decoder of its own reads

void Say(Conversation& talk, Direction direction, std::string bytes) { talk.push_back({direction, std::move(bytes)}); }
void Ask(Conversation& talk, std::string bytes) { Say(talk, Direction::kClientToServer, std::move(bytes)); }
void Answer(Conversation& talk, std::string bytes) { Say(talk, Direction::kServerToClient, std::move(bytes)); }

std::string BigEndian(uint64_t value, int bytes) {
  std::string text;
  for (int at = bytes - 1; at >= 0; --at) text += static_cast<char>(value >> (8 * at));
  return text;
}

Conversation OfHttp1() {
  Conversation talk;
  for (size_t i = 0; i < kExchanges; ++i) {
    Ask(talk,
        "GET /items/" + std::to_string(i) + " HTTP/1.1\r\nHost: shop.example\r\nUser-Agent: curl/8.5.0\r\nAccept: */*\r\n\r\n");
    Answer(talk,
           "HTTP/1.1 200 OK\r\nServer: nginx\r\nDate: Sat, 01 Nov 2025 10:00:00 GMT\r\nContent-Type: "
           "text/plain\r\nContent-Length: 3\r\n"
           "Connection: keep-alive\r\n\r\nok\n");
  }
  return talk;
}

std::string Record(uint8_t type, std::string_view content) {
  std::string record = BigEndian(1, 1) + BigEndian(type, 1) + BigEndian(1, 2) + BigEndian(content.size(), 2) + BigEndian(0, 2);
  return record.append(content);
}
std::string Pair(std::string_view name, std::string_view value) {
  return (BigEndian(name.size(), 1) + BigEndian(value.size(), 1)).append(name).append(value);
}

Conversation OfFastCgi() {
  Conversation talk;
  const std::string begin = Record(1, BigEndian(1, 2) + BigEndian(1, 1) + BigEndian(0, 5));  // a responder, kept
  for (size_t i = 0; i < kExchanges; ++i) {
    const std::string parameters = Pair("REQUEST_METHOD", "GET") + Pair("REQUEST_URI", "/items/" + std::to_string(i)) +
                                   Pair("SERVER_PROTOCOL", "HTTP/1.1") + Pair("HTTP_HOST", "shop.example") +
                                   Pair("SCRIPT_FILENAME", "/srv/index.php");
    Ask(talk, begin + Record(4, parameters) + Record(4, "") + Record(5, ""));
    Answer(talk, Record(6, "Content-Type: text/plain\r\n\r\nok\n") + Record(6, "") + Record(3, BigEndian(0, 8)));
  }
  return talk;
}

constexpr uint8_t kEndStream = 1;
constexpr uint8_t kEndHeaders = 4;

std::string FrameOf(uint8_t type, uint8_t flags, uint64_t stream, std::string_view payload) {
  return (BigEndian(payload.size(), 3) + BigEndian(type, 1) + BigEndian(flags, 1) + BigEndian(stream, 4)).append(payload);
}
std::string Inserted(std::string_view name, std::string_view value) {  // RFC 7541 6.2.1, a new name
  return (std::string("\x40") + BigEndian(name.size(), 1)).append(name).append(BigEndian(value.size(), 1)).append(value);
}

// As a client does that keeps its fields in the table: the first stream inserts them, the others refer to them.
Conversation OfHttp2() {
  Conversation talk;
  Ask(talk, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + FrameOf(4, 0, 0, ""));
  Answer(talk, FrameOf(4, 0, 0, ""));
  const std::string first_fields = Inserted(":authority", "shop.example") + Inserted("user-agent", "bench/1.0");
  const std::string later_fields = "\xbf\xbe";  // 63: :authority, 62: user-agent
  const std::string answer_first = Inserted("server", "bench");
  const std::string answer_later = "\xbe";
  for (size_t i = 0; i < kExchanges; ++i) {
    const uint64_t stream = 2 * i + 1;
    const std::string path = "/items/" + std::to_string(i);
    const std::string asked = std::string("\x82\x86", 2) + (std::string("\x04", 1) + BigEndian(path.size(), 1) + path);
    Ask(talk, FrameOf(1, kEndStream | kEndHeaders, stream, asked + (i == 0 ? first_fields : later_fields)));
    Answer(talk, FrameOf(1, kEndHeaders, stream, "\x88" + (i == 0 ? answer_first : answer_later)) +
                     FrameOf(0, kEndStream, stream, "ok\n"));
  }
  return talk;
}

Conversation OfRedis() {
  Conversation talk;
  for (size_t i = 0; i < kExchanges; ++i) {
    const std::string key = "item:" + std::to_string(i);
    Ask(talk, "*2\r\n$3\r\nGET\r\n$" + std::to_string(key.size()) + "\r\n" + key + "\r\n");
    Answer(talk, "$5\r\nhello\r\n");
  }
  return talk;
}

std::string PgFrame(char type, std::string_view content) { return (type + BigEndian(content.size() + 4, 4)).append(content); }

Conversation OfPostgreSql() {
  using std::string_literals::operator""s;
  Conversation talk;
  const std::string startup = BigEndian(196'608, 4) + "user\0app\0database\0shop\0\0"s;
  Ask(talk, BigEndian(startup.size() + 4, 4) + startup);
  Answer(talk, PgFrame('R', BigEndian(0, 4)) + PgFrame('Z', "I"));
  const std::string row = PgFrame('D', BigEndian(1, 2) + BigEndian(2, 4) + "42");
  const std::string columns = PgFrame('T', BigEndian(1, 2) + "id\0"s + BigEndian(0, 18));
  for (size_t i = 0; i < kExchanges; ++i) {
    Ask(talk, PgFrame('Q', "SELECT id FROM items WHERE name = 'n" + std::to_string(i) + "'\0"s));
    Answer(talk, columns + row + PgFrame('C', "SELECT 1\0"s) + PgFrame('Z', "I"));
  }
  return talk;
}

Conversation OfWebSocket() {
  Conversation talk;
  for (size_t i = 0; i < kExchanges; ++i) {
    Ask(talk, std::string("\x81\x85\x01\x02\x03\x04", 6) + "hello");  // masked text
    Answer(talk, std::string("\x81\x05", 2) + "world");
  }
  return talk;
}

template <typename Message>
bool IsAsked(const Message& message) {
  if constexpr (requires { message.kind == decoders::http2::MessageKind::kRequestHead; }) {
    return message.kind == decoders::http2::MessageKind::kRequestHead;
  } else if constexpr (requires { message.is_request; }) {
    bool is_one_way = false;  // the beginning of a connection
    if constexpr (requires { message.one_way; }) is_one_way = message.one_way;
    return message.is_request && !is_one_way;
  } else {
    return message.direction == Direction::kClientToServer;
  }
}

template <typename Messages, typename Pool>
size_t TakeAll(Messages& messages, Pool& pool) {
  size_t asked = 0;
  for (auto& message : messages) asked += message.complete() && IsAsked(message) ? 1 : 0;
  if constexpr (requires { messages.box(0); }) {
    for (size_t i = 0; i < messages.size(); ++i) pool.Give(std::move(messages.box(i)));
  } else {
    for (auto& message : messages) pool.Give(std::move(message));
  }
  messages.clear();
  return asked;
}

struct Work {
  size_t exchanges = 0;
  size_t bytes = 0;
};

// The whole conversation by a decoder of its own. A turn that is not decoded to its end adds nothing.
template <typename D>
void Read(const Conversation& talk, typename D::MessagePool& pool, typename D::Messages& out, Work& work) {
  D decoder(&pool);
  for (const Turn& turn : talk) {
    std::span<const std::byte> rest(reinterpret_cast<const std::byte*>(turn.bytes.data()), turn.bytes.size());
    while (!rest.empty()) {
      const decoders::ParseStep step = decoder.Decode(turn.direction, rest, out);
      work.exchanges += TakeAll(out, pool);
      if (step.status != decoders::ParseStatus::kAdvanced || step.consumed == 0) break;
      rest = rest.subspan(step.consumed);
      work.bytes += step.consumed;
    }
  }
}

uint64_t CpuNs() {
  timespec now{};
  ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return static_cast<uint64_t>(now.tv_sec) * 1'000'000'000U + static_cast<uint64_t>(now.tv_nsec);
}

template <typename P>
int Measure(const Conversation& talk, size_t exchanges) {
  typename P::Decoder::MessagePool pool;
  typename P::Decoder::Messages out;
  Work warm;
  for (int i = 0; i < 4; ++i) Read<typename P::Decoder>(talk, pool, out, warm);
  Work work;
  size_t rounds = 0;
  const uint64_t allocations = Allocations();
  const uint64_t begun = CpuNs();
  for (; work.exchanges < exchanges && work.exchanges == rounds * kExchanges; ++rounds) {
    Read<typename P::Decoder>(talk, pool, out, work);
  }
  const uint64_t took = CpuNs() - begun;
  std::printf(R"({"protocol":"%s","exchanges":%zu,"bytes":%zu,"cpu_ns":%llu,"allocations":%llu})"
              "\n",
              std::string(P::kName).c_str(), work.exchanges, work.bytes, static_cast<unsigned long long>(took),
              static_cast<unsigned long long>(Allocations() - allocations));
  if (work.exchanges == rounds * kExchanges) return 0;
  std::fprintf(stderr, "decode_bench: %zu exchanges decoded of %zu\n", work.exchanges, rounds * kExchanges);
  return 1;
}

template <typename P>
Conversation TalkOf() {
  if constexpr (std::is_same_v<P, decoders::Http1>) return OfHttp1();
  if constexpr (std::is_same_v<P, decoders::FastCgi>) return OfFastCgi();
  if constexpr (std::is_same_v<P, decoders::Http2>) return OfHttp2();
  if constexpr (std::is_same_v<P, decoders::Redis>) return OfRedis();
  if constexpr (std::is_same_v<P, decoders::PostgreSql>) return OfPostgreSql();
  if constexpr (std::is_same_v<P, decoders::WebSocket>) return OfWebSocket();
}

int Run(std::string_view protocol, size_t exchanges) {
  int outcome = 2;
  decoders::ForEachProtocol([&]<typename P>(P) {
    if (P::kName == protocol) outcome = Measure<P>(TalkOf<P>(), exchanges);
  });
  if (outcome == 2) std::fprintf(stderr, "decode_bench: no protocol is called '%s'\n", std::string(protocol).c_str());
  return outcome;
}

}  // namespace
}  // namespace wirespan::bench

int main(int argc, char** argv) {
  if (argc < 2 || argc > 3) {
    std::fprintf(stderr, "usage: decode_bench PROTOCOL [EXCHANGES]\n");
    return 2;
  }
  return wirespan::bench::Run(argv[1], argc == 3 ? std::strtoul(argv[2], nullptr, 10) : 1'000'000);
}
