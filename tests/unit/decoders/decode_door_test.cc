// The decode door: input lines, output lines, exit codes; and that the output does not depend on how bytes are split over lines.
#include <gtest/gtest.h>

#include <sstream>

#include "agent/cli/decode.h"
#include "agent/cli/decode_json.h"
#include "tests/unit/decoders/fastcgi_records.h"
#include "tests/unit/decoders/http2_harness.h"
#include "tests/unit/decoders/websocket_wire.h"

namespace wirespan::testing {
namespace {

using cli::Json;

struct Answer {
  int exit_code = 0;
  std::string output;
  std::string errors;
  std::vector<Json> lines;
};

Answer RunDoor(const std::string& input, cli::DecodeOptions options = {"http1", false, ""}) {
  std::istringstream in(input);
  std::ostringstream out;
  std::ostringstream errors;
  Answer answer;
  answer.exit_code = cli::RunDecode(options, in, out, errors);
  answer.output = out.str();
  answer.errors = errors.str();
  std::istringstream lines(answer.output);
  for (std::string line; std::getline(lines, line);) answer.lines.push_back(Json::parse(line));
  return answer;
}

std::string Hex(std::string_view bytes) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  std::string hex;
  for (const char c : bytes) {
    hex += kDigits[static_cast<uint8_t>(c) >> 4U];
    hex += kDigits[static_cast<uint8_t>(c) & 15U];
  }
  return hex;
}

std::string Chunk(const std::string& dir, std::string_view bytes, const std::string& more = "") {
  return R"({"dir":")" + dir + R"(","hex":")" + Hex(bytes) + "\"" + more + "}\n";
}

// The same bytes, one line each.
std::string Bytewise(const std::string& dir, std::string_view bytes, const std::string& more = "") {
  std::string lines;
  for (size_t i = 0; i < bytes.size(); ++i) lines += Chunk(dir, bytes.substr(i, 1), more);
  return lines;
}

constexpr std::string_view kRequest = "GET /a?b=c HTTP/1.1\r\nHost: h:81\r\nX: \xfc\r\n\r\n";
constexpr std::string_view kResponse =
    "HTTP/1.1 404 Not Found\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\nT: u\r\n\r\n";

TEST(DecodeDoor, MessagesAndExchanges) {
  const Answer answer = RunDoor(Chunk("c2s", kRequest, R"(,"ts_us":100)") + Chunk("s2c", kResponse, R"(,"ts_us":250)"));
  EXPECT_EQ(answer.exit_code, 0);
  EXPECT_EQ(
      answer.output,
      R"({"type":"message","dir":"c2s","start":0,"end":41,"complete":true,"fields":{"method":"GET","target":"/a?b=c","version":"1.1",)"
      R"("headers":[["Host","h:81"],["X","ü"]],"body_length":0,"truncated":false}})"
      "\n"
      R"({"type":"message","dir":"s2c","start":0,"end":73,"complete":true,"fields":{"version":"1.1","status":404,"reason":"Not Found",)"
      R"("headers":[["Transfer-Encoding","chunked"]],"trailers":[["T","u"]],"body_length":3,"truncated":false}})"
      "\n"
      R"({"type":"exchange","span":{"name":"GET","kind":"client","status":"error","start_us":100,"end_us":250,"attributes":{)"
      R"("http.request.method":"GET","url.full":"http://h:81/a?b=REDACTED","server.address":"h","server.port":81,)"
      R"("http.response.status_code":404,"error.type":"404","network.protocol.version":"1.1","http.response.body.size":3}}})"
      "\n");
}

TEST(DecodeDoor, RoleServerTellsTheOtherSide) {
  const Answer answer = RunDoor(Chunk("c2s", kRequest) + Chunk("s2c", kResponse), {"http1", true, ""});
  const Json& span = answer.lines.at(2)["span"];
  EXPECT_EQ(span["kind"], "server");
  EXPECT_EQ(span["status"], "unset");
  EXPECT_EQ(span["attributes"]["url.query"], "b=REDACTED");
}

TEST(DecodeDoor, OutputDoesNotDependOnTheSplit) {
  const std::string smuggled = "POST / HTTP/1.1\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\nGET / HTTP/1.1\r\n\r\n";
  const std::string lost = "rest of something\r\n\r\n";
  for (const std::string dir : {"named", "?"}) {
    const std::string c2s = dir == "?" ? dir : "c2s";
    const std::string s2c = dir == "?" ? dir : "s2c";
    const std::string whole = Chunk(c2s, kRequest) + Chunk(s2c, kResponse) + Chunk(c2s, kRequest) + Chunk(s2c, kResponse) +
                              Chunk("c2s", smuggled) +
                              R"({"new":true})"
                              "\n" +
                              R"({"dir":"s2c","gap":5})"
                              "\n" +
                              Chunk("s2c", lost) + Chunk("s2c", kResponse);
    const std::string split = Bytewise(c2s, kRequest) + Bytewise(s2c, kResponse) + Bytewise(c2s, kRequest) +
                              Bytewise(s2c, kResponse) + Bytewise("c2s", smuggled) +
                              R"({"new":true})"
                              "\n" +
                              R"({"dir":"s2c","gap":5})"
                              "\n" +
                              Bytewise("s2c", lost) + Bytewise("s2c", kResponse);
    const Answer answer = RunDoor(whole);
    EXPECT_EQ(answer.output, RunDoor(split).output);
    EXPECT_EQ(answer.exit_code, 0);
    EXPECT_EQ(answer.lines.size(), 11U) << answer.output;
  }
}

TEST(DecodeDoor, TimesAreThoseOfTheFirstAndTheLastByte) {
  std::string input;
  uint64_t now = 1000;
  const auto feed = [&](const std::string& dir, std::string_view bytes) {
    for (size_t i = 0; i < bytes.size(); ++i, ++now) input += Chunk(dir, bytes.substr(i, 1), ",\"ts_us\":" + std::to_string(now));
  };
  feed("c2s", "\r\nGET / HTTP/1.1\r\n\r\nGET / HTTP/1.1\r\n\r\n");
  feed("s2c", "HTTP/1.1 204 x\r\n\r\nHTTP/1.1 204 y\r\n\r\n");
  const Answer answer = RunDoor(input);
  ASSERT_EQ(answer.lines.size(), 6U);
  EXPECT_EQ(answer.lines[3]["span"]["start_us"], 1002);
  EXPECT_EQ(answer.lines[3]["span"]["end_us"], 1055);
  EXPECT_EQ(answer.lines[5]["span"]["start_us"], 1020);
  EXPECT_EQ(answer.lines[5]["span"]["end_us"], 1073);
}

TEST(DecodeDoor, UnansweredRequestsAreToldAtTheClose) {
  const Answer answer = RunDoor(Chunk("c2s", "GET /1 HTTP/1.1\r\n\r\nGET /2 HTTP/1.1\r\n\r\n", R"(,"ts_us":5)") +
                                R"({"dir":"s2c","close":true,"ts_us":9})"
                                "\n");
  ASSERT_EQ(answer.lines.size(), 4U);
  for (const size_t i : {size_t{2}, size_t{3}}) {
    EXPECT_EQ(answer.lines[i]["type"], "exchange");
    EXPECT_EQ(answer.lines[i]["span"]["status"], "error");
    EXPECT_EQ(answer.lines[i]["span"]["attributes"]["error.type"], "no_response");
    EXPECT_EQ(answer.lines[i]["span"]["end_us"], 9);
  }
}

TEST(DecodeDoor, AnAnswerThatMayHaveBeenMissedIsNoFailure) {
  const Answer answer = RunDoor(Chunk("c2s", "GET /1 HTTP/1.1\r\n\r\n") + R"({"dir":"s2c","gap":100})"
                                                                          "\n");
  const Json& span = answer.lines.back()["span"];
  EXPECT_EQ(span["status"], "unset");
  EXPECT_EQ(span["attributes"]["wirespan.incomplete"], "response_not_seen");
}

TEST(DecodeDoor, ACutResponseIsToldWithItsStatus) {
  const Answer answer = RunDoor(Chunk("c2s", "GET /1 HTTP/1.1\r\n\r\n") + Chunk("s2c", "HTTP/1.1 200 OK\r\nContent-Le") +
                                R"({"dir":"s2c","close":true})"
                                "\n");
  const Json& span = answer.lines.back()["span"];
  EXPECT_EQ(span["attributes"]["http.response.status_code"], 200);
  EXPECT_EQ(span["attributes"]["error.type"], "response_cut");
}

TEST(DecodeDoor, AmbiguousMessagesMakeNoExchange) {
  const Answer answer = RunDoor(Chunk("c2s", "GET / HTTP/1.1\r\nbad name: x\r\n\r\n") + Chunk("s2c", kResponse));
  for (const Json& line : answer.lines) EXPECT_NE(line["type"], "exchange");
  EXPECT_EQ(answer.lines.size(), 2U);
  EXPECT_EQ(answer.lines[0]["complete"], false);
}

TEST(DecodeDoor, AnEarlyAnswerWaitsForItsRequest) {
  const Answer answer = RunDoor(Chunk("c2s", "PUT / HTTP/1.1\r\nContent-Length: 2\r\n\r\na") +
                                Chunk("s2c", "HTTP/1.1 413 x\r\nContent-Length: 0\r\n\r\n") + Chunk("c2s", "b"));
  ASSERT_EQ(answer.lines.size(), 3U);
  EXPECT_EQ(answer.lines[2]["span"]["attributes"]["http.response.status_code"], 413);
}

TEST(DecodeDoor, StopIsToldForBothDirections) {
  const Answer answer = RunDoor(Chunk("c2s", "GET / HTTP/1.1\r\nUpgrade: x\r\n\r\n") + Chunk("s2c", "HTTP/1.1 101 x\r\n\r\nxyz"));
  ASSERT_EQ(answer.lines.size(), 5U);
  EXPECT_EQ(answer.lines[3].dump(), R"({"type":"stop","dir":"s2c","pos":18,"reason":"upgrade"})");
  EXPECT_EQ(answer.lines[4].dump(), R"({"type":"stop","dir":"c2s","pos":30,"reason":"upgrade"})");
}

TEST(DecodeDoor, NewStartsAFreshConnection) {
  const Answer answer = RunDoor(Chunk("c2s", "GET / HTTP/1.1\r\n") +
                                R"({"new":true})"
                                "\n" +
                                Chunk("c2s", "GET /n HTTP/1.1\r\n\r\n"));
  EXPECT_EQ(answer.lines.at(0)["complete"], false);
  EXPECT_EQ(answer.lines.at(2)["start"], 0);
  EXPECT_EQ(answer.lines.at(2)["fields"]["target"], "/n");
}

TEST(DecodeDoor, MalformedLinesAreAnsweredAndTheRestGoesOn) {
  const std::string bad[] = {"nonsense",
                             "[1]",
                             R"({"dir":"c2s"})",
                             R"({"dir":"up","hex":"00"})",
                             R"({"dir":7,"hex":"00"})",
                             R"({"dir":"c2s","hex":"0"})",
                             R"({"dir":"c2s","hex":"zz"})",
                             R"({"dir":"c2s","hex":12})",
                             R"({"dir":"c2s","gap":-1})",
                             R"({"dir":"c2s","gap":1.5})",
                             R"({"dir":"c2s","hex":"00","ts_us":"x"})",
                             R"({"dir":"c2s","close":1})",
                             "\xff\xfe"};
  for (const std::string& line : bad) {
    const Answer answer = RunDoor(line + "\n" + Chunk("c2s", "GET / HTTP/1.1\r\n\r\n"));
    EXPECT_EQ(answer.exit_code, 1) << line;
    ASSERT_EQ(answer.lines.size(), 3U) << line;
    EXPECT_TRUE(answer.lines[0].contains("error")) << line;
    EXPECT_EQ(answer.lines[0]["line"], 1) << line;
    EXPECT_EQ(answer.lines[1]["type"], "message") << line;
  }
}

TEST(DecodeDoor, UnknownKeysAndEmptyLinesAreIgnored) {
  const Answer answer = RunDoor("\n" + Chunk("c2s", "GET / HTTP/1.1\r\n\r\n", R"(,"fd":7)") + "\n");
  EXPECT_EQ(answer.exit_code, 0);
  EXPECT_EQ(answer.lines.size(), 2U);
}

TEST(DecodeDoor, TheDirectionCanBeGivenOnce) {
  EXPECT_EQ(RunDoor(R"({"hex":")" + Hex(kResponse) + "\"}\n", {"http1", false, "s2c"}).lines.at(0)["dir"], "s2c");
  EXPECT_EQ(RunDoor(R"({"hex":")" + Hex(kResponse) + "\"}\n", {"http1", false, "auto"}).lines.at(0)["dir"], "s2c");
  EXPECT_EQ(RunDoor("", {"http1", false, "sideways"}).exit_code, 2);
}

// Bytes whose direction is not named, while a message goes on that a gap took the framing of: its own bytes tell nothing.
TEST(DecodeDoor, WhatComesWhileAMessageIsAdriftGoesByItsContent) {
  const std::string put = Chunk("c2s", "PUT /up HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n10\r\nabc");
  const std::string get = Chunk("c2s", "GET /long HTTP/1.1\r\n\r\n");
  const std::string chunked = Chunk("s2c", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n10\r\nabc");
  const std::string c2s_gap = "{\"dir\":\"c2s\",\"gap\":100}\n";
  const std::string s2c_gap = "{\"dir\":\"s2c\",\"gap\":100}\n";
  struct Case {
    std::string before;
    std::vector<std::string> unnamed;
    std::vector<std::string> spans;
  };
  for (const Case& c : {Case{put + c2s_gap, {"rest\r\n0\r\n\r\n", "HTTP/1.1 201 a\r\nContent-Length: 0\r\n\r\n"}, {"PUT 201"}},
                        Case{put + c2s_gap, {"HTTP is no status line", "HTTP/1.1 204 a\r\n\r\n"}, {"PUT 204"}},
                        Case{get + chunked + s2c_gap,
                             {"rest of it", "GET", "more, and no start", "GET /next HTTP/1.1\r\n\r\n", "HTTP/1.1 404 b\r\n\r\n"},
                             {"GET 200", "GET 404"}}}) {
    std::string whole = c.before;
    std::string split = c.before;
    for (const std::string& text : c.unnamed) {
      whole += Chunk("?", text);
      split += Bytewise("?", text);
    }
    const Answer answer = RunDoor(whole);
    std::vector<std::string> spans;
    for (const Json& line : answer.lines) {
      if (line["type"] != "exchange") continue;
      const Json& attributes = line["span"]["attributes"];
      spans.push_back(line["span"]["name"].get<std::string>() + " " + attributes["http.response.status_code"].dump());
    }
    EXPECT_EQ(spans, c.spans) << answer.output;
    EXPECT_EQ(RunDoor(split).output, answer.output);
  }
}

TEST(DecodeDoor, WhatIsNoStartOfAnythingGoesOnInTheLastDirection) {
  const Answer answer = RunDoor(Chunk("?", kRequest) + Chunk("?", kResponse) + Chunk("?", "\x01\x02"));
  EXPECT_EQ(answer.lines.back()["type"], "error");
  EXPECT_EQ(answer.lines.back()["dir"], "s2c");
}

TEST(DecodeDoor, UnknownProtocolsAreNamedWithTheKnownOnes) {
  const Answer answer = RunDoor("", {"gopher", false, ""});
  EXPECT_EQ(answer.exit_code, 2);
  EXPECT_EQ(answer.output, "");
  EXPECT_EQ(answer.errors,
            "wirespan decode: unknown protocol 'gopher'; known: http1, fastcgi, http2, redis, postgresql, websocket\n");
}

TEST(DecodeDoor, FastCgiIsDecodedWithoutDirectionsToo) {
  const std::string request = Request(1, {{"REQUEST_METHOD", "GET"}, {"REQUEST_URI", "/a?b=c"}, {"HTTP_COOKIE", "secret"}});
  const std::string response = Response(1, "Status: 404 Not Found\r\n\r\nnone");
  const Answer named = RunDoor(Chunk("c2s", request) + Chunk("s2c", response), {"fastcgi", true, ""});
  EXPECT_EQ(named.exit_code, 0) << named.errors;
  EXPECT_EQ(named.output.find("secret"), std::string::npos);
  ASSERT_EQ(named.lines.size(), 3U) << named.output;
  EXPECT_EQ(named.lines[0]["fields"]["parameters"][1][1], "/a?b=c");
  EXPECT_EQ(named.lines[1]["fields"]["status"], 404);
  EXPECT_EQ(named.lines[2]["span"]["attributes"]["url.path"], "/a");
  EXPECT_EQ(named.lines[2]["span"]["attributes"]["url.query"], "b=REDACTED");
  const std::string unnamed = R"({"hex":")" + Hex(request) + "\"}\n" + R"({"hex":")" + Hex(response) + "\"}\n";
  EXPECT_EQ(RunDoor(unnamed, {"fastcgi", true, "auto"}).output, named.output);
}

TEST(DecodeDoor, Http2IsPairedByStream) {
  using decoders::http2::kEndHeaders;
  using decoders::http2::kEndStream;
  const auto head = [](uint32_t stream, const std::string& block, int flags) {
    return h2::Frame(h2::FrameType::kHeaders, static_cast<uint8_t>(flags | kEndHeaders), stream, block);
  };
  const auto get = [&](uint32_t stream, std::string_view path) {
    return head(stream, h2::Indexed(2) + h2::Indexed(6) + h2::LiteralOf(4, path), kEndStream);
  };
  const std::string reset = h2::Frame(h2::FrameType::kRstStream, 0, 5, h2::Uint32(8));
  const std::string input =
      Chunk("c2s", h2::ClientStart() + get(1, "/1") + get(3, "/3?a=b") + get(5, "/5") + get(7, "/7")) +
      Chunk("s2c", h2::ServerStart() + head(3, h2::LiteralOf(8, "404"), kEndStream) + head(1, h2::OkBlock(), 0) +
                       h2::Frame(h2::FrameType::kData, kEndStream, 1, "hello")) +
      Chunk("c2s", reset);
  const Answer answer = RunDoor(input, {"http2", true, ""});
  EXPECT_EQ(answer.exit_code, 0) << answer.errors;
  std::vector<Json> spans;
  for (const Json& line : answer.lines) {
    if (line["type"] == "exchange") spans.push_back(line["span"]["attributes"]);
  }
  ASSERT_EQ(spans.size(), 4U) << answer.output;
  EXPECT_EQ(spans[0]["url.path"], "/3");
  EXPECT_EQ(spans[0]["http.response.status_code"], 404);
  EXPECT_EQ(spans[1]["url.path"], "/1");
  EXPECT_EQ(spans[1]["http.response.body.size"], 5);
  EXPECT_EQ(spans[2]["url.path"], "/5");
  EXPECT_EQ(spans[2]["wirespan.incomplete"], "stream_reset");
  EXPECT_EQ(spans[3]["url.path"], "/7");
  EXPECT_EQ(spans[3]["wirespan.incomplete"], "no_response");
  EXPECT_EQ(answer.lines[0]["fields"]["kind"], "request_head");
  EXPECT_EQ(answer.lines[0]["fields"]["stream_id"], 1);
}

// None answers another: each is told by itself, by who sent it.
TEST(DecodeDoor, WebSocketMessagesAreToldOneByOne) {
  const std::string masked = FrameOf(kC2s, {.payload = "hello"});
  const std::string parts = FrameOf(kS2c, {.opcode = 2, .payload = "ab", .final = false}) + FrameOf(kS2c, {.opcode = 9}) +
                            FrameOf(kS2c, {.opcode = 0, .payload = "c"});
  const std::string whole = Chunk("c2s", masked, R"(,"ts_us":100)") + Chunk("s2c", parts, R"(,"ts_us":250)") +
                            Chunk("s2c", CloseFrame(kS2c, 1001, "bye"), R"(,"ts_us":300)") +
                            Chunk("c2s", "\x83", R"(,"ts_us":400)");
  const Answer answer = RunDoor(whole, {"websocket", true, ""});
  EXPECT_EQ(answer.exit_code, 0) << answer.errors;
  std::vector<std::string> told;
  for (const Json& line : answer.lines) {
    if (line["type"] == "message") {
      EXPECT_EQ(line["complete"], true);
    }
    if (line["type"] == "error") told.push_back(line["dir"].get<std::string>() + " " + line["reason"].get<std::string>());
    if (line["type"] != "exchange") continue;
    const Json& span = line["span"];
    told.push_back(span["kind"].get<std::string>() + " " + span["name"].get<std::string>() + " " + span["start_us"].dump() + " " +
                   span["attributes"]["wirespan.websocket.message.frames"].dump());
  }
  EXPECT_EQ(told, (std::vector<std::string>{"consumer websocket text 100 1", "producer websocket ping 250 1",
                                            "producer websocket binary 250 2", "producer websocket close 300 1",
                                            "c2s reserved_opcode"}))
      << answer.output;
  EXPECT_NE(answer.output.find(
                R"("opcode":"close","frames":1,"length":5,"masked":false,"compressed":false,"close_code":1001,"reason":"bye")"),
            std::string::npos)
      << answer.output;
}

TEST(DecodeDoor, OutputThatCannotBeWrittenIsAFailure) {
  std::istringstream in(Chunk("c2s", kRequest));
  std::ostringstream out;
  out.setstate(std::ios::badbit);
  std::ostringstream errors;
  EXPECT_EQ(cli::RunDecode({"http1", false, ""}, in, out, errors), 1);
  EXPECT_NE(errors.str(), "");
}

TEST(DecodeDoor, GapsOfManyGigabytes) {
  const Answer answer = RunDoor(Chunk("c2s", "PUT / HTTP/1.1\r\nContent-Length: 20000000000\r\n\r\n") +
                                R"({"dir":"c2s","gap":20000000000})"
                                "\n" +
                                R"({"dir":"c2s","gap":18446744073709551615})"
                                "\n");
  EXPECT_EQ(answer.lines.at(0)["fields"]["body_length"], 20000000000U);
  EXPECT_EQ(answer.lines.at(1)["reason"], "gap");
}

}  // namespace
}  // namespace wirespan::testing
