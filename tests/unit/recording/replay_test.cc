#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <sstream>

#include "agent/cli_replay/explain_door.h"
#include "agent/cli_replay/replay_door.h"
#include "agent/recording/settings.h"
#include "agent/recording/writer.h"
#include "tests/unit/support/shard_harness.h"

namespace wirespan::testing {
namespace {

using nlohmann::json;

class Recorded {
 public:
  Recorded() {
    std::string pattern = (std::filesystem::temp_directory_path() / "replay.XXXXXX").string();
    folder_ = mkdtemp(pattern.data());
    path = folder_ + "/a.wscap";
  }
  ~Recorded() { std::filesystem::remove_all(folder_); }
  Recorded(const Recorded&) = delete;
  Recorded& operator=(const Recorded&) = delete;

  // A server that calls another for each request, on one thread: three ends, two rings.
  void Write(int exchanges) {
    FixedResources resources;
    recording::CaptureHeader header;
    header.unix_minus_boot_ns = 1'000'000'000'000;
    header.id_key = {9};
    auto writer = recording::RecordingWriter::Create(path, header, 1, resources);
    ASSERT_TRUE(writer.ok());
    EventMaker front(1, WS_ROLE_SERVER, 100), call(2, WS_ROLE_CLIENT, 100), back(3, WS_ROLE_SERVER, 200);
    call.local_port = 40'001;
    call.peer_port = 9000;
    back.local_port = 9000;
    back.peer_port = 40'001;
    back.position[WS_RECEIVE] = call.position[WS_SEND];
    uint64_t now = 1'000'000'000;
    const auto add = [&](uint32_t ring, EventMaker& end, auto make) {
      end.now = now += 100'000;
      const Record record = make(end);
      (*writer)->Append(ring, std::span<const std::byte>(record));
    };
    add(0, front, [](auto& e) { return e.Opened(); });
    add(0, call, [](auto& e) { return e.Opened(); });
    add(1, back, [](auto& e) { return e.Opened(); });
    for (int i = 0; i < exchanges; ++i) {
      const std::string path_of = "/" + std::to_string(i);
      add(0, front, [&](auto& e) { return e.Request(Get("/front" + path_of)); });
      add(0, call, [&](auto& e) { return e.Request(Get("/back" + path_of)); });
      add(1, back, [&](auto& e) { return e.Request(Get("/back" + path_of)); });
      add(1, back, [&](auto& e) { return e.Response(Ok("b")); });
      add(0, call, [&](auto& e) { return e.Response(Ok("b")); });
      add(0, front, [&](auto& e) { return e.Response(Ok("f", i == 0 ? 500 : 200)); });
    }
    ASSERT_TRUE((*writer)->Finish({{"ring_full", 3}, {"data_events", 99}}, now).ok());
  }

  struct Outcome {
    int code = 0;
    std::string out, err;
  };
  Outcome Replay(const std::string& format = "json", std::vector<std::string> hints = {}) const {
    std::ostringstream out, err;
    const int code = cli::RunReplay({.path = path, .format = format, .port_hints = std::move(hints)}, out, err);
    return {code, out.str(), err.str()};
  }

  std::string path;

 private:
  std::string folder_;
};

// A server that reads a request, and makes a call which nothing ties to it, on another thread; the request is answered 400 ms
// after the call. The capture's shard was given the time every 10 ms, and a span waits `hold_ns` for its parent at most.
void WriteWaiting(const std::string& path, uint64_t hold_ns) {
  FixedResources resources;
  recording::CaptureHeader header;
  header.id_key = {9};
  recording::Settings settings;
  settings.rings = 1;
  settings.hold_ns = hold_ns;
  header.settings = recording::ToCounters(settings);
  auto writer = recording::RecordingWriter::Create(path, header, 1, resources);
  ASSERT_TRUE(writer.ok());
  EventMaker front(1, WS_ROLE_SERVER, 100), call(2, WS_ROLE_CLIENT, 100);
  uint64_t now = 1'000'000'000;
  const auto add = [&](EventMaker& end, auto make) {
    end.now = now += 100'000;
    const Record record = make(end);
    (*writer)->Append(0, std::span<const std::byte>(record));
  };
  const auto pass = [&](int tens_of_ms) {
    for (int i = 0; i < tens_of_ms; ++i) {
      now += 10'000'000;
      (*writer)->AppendTick(0, now);
    }
  };
  add(front, [](auto& e) { return e.Opened(); });
  add(call, [](auto& e) { return e.Opened(); });
  pass(1);
  add(front, [](auto& e) { return e.Request(Get("/front")); });
  add(call, [](auto& e) { return e.Request(Get("/back")); });
  add(call, [](auto& e) { return e.Response(Ok("b")); });
  pass(40);
  add(front, [](auto& e) { return e.Response(Ok("f")); });
  pass(2);
  ASSERT_TRUE((*writer)->Finish({}, now).ok());
}

std::vector<json> Lines(const std::string& text) {
  std::vector<json> lines;
  std::istringstream in(text);
  for (std::string line; std::getline(in, line);) lines.push_back(json::parse(line));
  return lines;
}

TEST(Replay, WhatWaitedWaitsAsLongAsInTheCapture) {
  Recorded recorded;
  const auto reason = [&](uint64_t hold_ns) {
    WriteWaiting(recorded.path, hold_ns);
    for (const json& line : Lines(recorded.Replay().out)) {
      if (line.value("kind", "") == "client") return line["attributes"].value("wirespan.unlinked.reason", "none");
    }
    return std::string("no such span");
  };
  EXPECT_EQ(reason(100'000'000), "hold-expired");
  EXPECT_EQ(reason(1'000'000'000), "none");
}

TEST(ExplainLink, TellsWhatWasConsideredAndTheVerdict) {
  Recorded recorded;
  recorded.Write(3);
  const auto explain = [&](const std::string& id) {
    std::ostringstream out, err;
    EXPECT_EQ(cli::RunExplainLink({.path = recorded.path, .span_id = id}, out, err), 0);
    EXPECT_EQ(err.str(), "");
    return out.str();
  };
  std::string call, back;
  for (const json& line : Lines(recorded.Replay().out)) {
    if (line.value("kind", "") == "client") call = line["span_id"];
    if (line.value("kind", "") == "server" && line["parent_span_id"] == call && !call.empty()) back = line["span_id"];
  }
  // The recorded calls name no thread's work.
  EXPECT_EQ(explain(call),
            call + " GET CLIENT\n  nothing that its thread did names a parent (no-context)\n  verdict: no link, no-context\n");
}

TEST(ExplainLink, SaysWhatIsWrongInOneLine) {
  Recorded recorded;
  recorded.Write(1);
  const auto explain = [&](const std::string& path, const std::string& id) {
    std::ostringstream out, err;
    const int code = cli::RunExplainLink({.path = path, .span_id = id}, out, err);
    EXPECT_EQ(out.str(), "");
    return std::pair(code, err.str());
  };
  EXPECT_EQ(explain(recorded.path, "xyz").first, 2);
  EXPECT_NE(explain(recorded.path, "xyz").second.find("'xyz' is not a span id"), std::string::npos);
  EXPECT_EQ(explain(recorded.path, "0000000000000001").first, 1);
  EXPECT_NE(explain(recorded.path, "0000000000000001").second.find("has no span 0000000000000001"), std::string::npos);
  EXPECT_EQ(explain(recorded.path + ".none", "0000000000000001").first, 1);
}

TEST(Replay, GivesEverySpanInOrderOfItsEndThenTheSummary) {
  Recorded recorded;
  recorded.Write(5);
  const auto replay = recorded.Replay();
  EXPECT_EQ(replay.code, 0);
  EXPECT_EQ(replay.err, "");
  const std::vector<json> lines = Lines(replay.out);
  ASSERT_EQ(lines.size(), 16U);
  uint64_t last = 0;
  for (size_t i = 0; i < 15; ++i) {
    EXPECT_GE(lines[i]["end_ns"].get<uint64_t>(), last);
    last = lines[i]["end_ns"].get<uint64_t>();
    EXPECT_EQ(lines[i]["resource"]["service.name"], "shop");
  }
  const json& summary = lines.back();
  EXPECT_EQ(summary["type"], "summary");
  EXPECT_EQ(summary["packets"], 33);
  EXPECT_EQ(summary["chunks"], 30);
  EXPECT_EQ(summary["exchanges"], 15);
  EXPECT_EQ(summary["spans"], 15);
  EXPECT_EQ(summary["dropped"], json::parse(R"({"ring_full":3})"));
  EXPECT_EQ(summary["unknown_connections"], 0);
  // Both ends of the inner call are one parent and child.
  const auto find = [&](const std::string& path, const std::string& kind) {
    for (const json& line : lines) {
      if (line.value("kind", "") == kind && line["attributes"].dump().find(path + "\"") != std::string::npos) return line;
    }
    return json();
  };
  const json client = find("/back/2", "client");
  const json server = find("/back/2", "server");
  EXPECT_EQ(server["parent_span_id"], client["span_id"]);
  EXPECT_EQ(server["trace_id"], client["trace_id"]);
  EXPECT_EQ(server["link"]["evidence"], "same-connection");
}

TEST(Replay, IsTheSameByteForByteEachTime) {
  Recorded recorded;
  recorded.Write(50);
  for (const char* format : {"json", "tree", "otlp-json"}) {
    const auto once = recorded.Replay(format);
    EXPECT_EQ(once.code, 0);
    EXPECT_EQ(recorded.Replay(format).out, once.out) << format;
  }
}

TEST(Replay, WritesWaterfallsAndOneExportRequest) {
  Recorded recorded;
  recorded.Write(2);
  const auto tree = recorded.Replay("tree");
  EXPECT_NE(tree.out.find("/front/0"), std::string::npos);
  EXPECT_NE(tree.out.find("\"type\":\"summary\""), std::string::npos);
  const std::vector<json> lines = Lines(recorded.Replay("otlp-json").out);
  ASSERT_EQ(lines.size(), 2U);
  size_t spans = 0;
  for (const json& resource : lines[0]["resourceSpans"]) {
    for (const json& scope : resource["scopeSpans"]) spans += scope["spans"].size();
  }
  EXPECT_EQ(spans, 6U);
}

TEST(Replay, ACutFileIsSaidAndTheRestUsedADamagedOneFails) {
  Recorded recorded;
  recorded.Write(3);
  std::ofstream(recorded.path, std::ios::binary | std::ios::app) << std::string(24, '\xff');
  const auto damaged = recorded.Replay();
  EXPECT_EQ(damaged.code, 1);
  EXPECT_NE(damaged.err.find("damaged at byte"), std::string::npos) << damaged.err;
  EXPECT_EQ(Lines(damaged.out).back()["spans"], 9) << "what came before is used";
  const auto size = std::filesystem::file_size(recorded.path);
  std::filesystem::resize_file(recorded.path, size - 501);
  const auto cut = recorded.Replay();
  EXPECT_EQ(cut.code, 0);
  EXPECT_NE(cut.err.find("ends within a record"), std::string::npos) << cut.err;
  EXPECT_GT(Lines(cut.out).back()["spans"].get<int>(), 0);
  std::ofstream(recorded.path, std::ios::binary) << "nothing of the kind";
  const auto bad = recorded.Replay();
  EXPECT_EQ(bad.code, 1);
  EXPECT_EQ(std::count(bad.err.begin(), bad.err.end(), '\n'), 1);
}

TEST(Replay, RefusesWhatItDoesNotKnow) {
  Recorded recorded;
  recorded.Write(1);
  EXPECT_EQ(recorded.Replay("xml").code, 2);
  EXPECT_EQ(recorded.Replay("json", {"8080"}).code, 2);
  EXPECT_EQ(recorded.Replay("json", {"8080=gopher"}).code, 2);
  EXPECT_EQ(recorded.Replay("json", {"0=http1"}).code, 2);
  EXPECT_EQ(recorded.Replay("json", {"70000=http1"}).code, 2);
  EXPECT_EQ(recorded.Replay("json", {"8080=http1"}).code, 0);
  std::ofstream(recorded.path, std::ios::binary) << std::string("\xd4\xc3\xb2\xa1\x02\x00\x04\x00", 8);
  const auto pcap = recorded.Replay();
  EXPECT_EQ(pcap.code, 1);
  EXPECT_NE(pcap.err.find("ends within its header"), std::string::npos);
}

TEST(Replay, AnOutputThatFailsIsAnError) {
  Recorded recorded;
  recorded.Write(1);
  std::ofstream full("/dev/full");
  std::ostringstream err;
  EXPECT_EQ(cli::RunReplay({.path = recorded.path, .format = "json", .port_hints = {}}, full, err), 1);
  EXPECT_NE(err.str().find("could not be written"), std::string::npos);
}

}  // namespace
}  // namespace wirespan::testing
