// Captures of other projects, and what those projects say is in them: logs, events, rows, counts. They lie beside the tree, or at
// WIRESPAN_VECTORS; nothing of them is part of it.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "tests/unit/pcap/replayed.h"

namespace wirespan::testing {
namespace {

using nlohmann::json;
using Texts = std::multiset<std::string>;

std::filesystem::path Vectors() {
  const char* given = std::getenv("WIRESPAN_VECTORS");
  return given != nullptr ? std::filesystem::path(given) : std::filesystem::path(WIRESPAN_SOURCE_DIR) / "../shared/vectors";
}

// Cases of protocols that are decoded.
constexpr const char* kFiles[] = {"replay/suricata_http1",
                                  "replay/suricata_http2",
                                  "replay/suricata_postgresql",
                                  "replay/suricata_websocket",
                                  "replay/zeek_http1",
                                  "replay/zeek_websocket",
                                  "deepflow/http",
                                  "deepflow/postgresql",
                                  "deepflow/redis"};

// The ends of the ids of all cases that differ.
struct Explained {
  const char* id;
  const char* why;
};
constexpr Explained kDiffers[] = {
    {"/alert-testmyids-async", "only the server's packets are in it: without its request an answer is no exchange"},
    {"/eve-ip-version-4", "the same capture"},
    {"/stream-async-6063-srv-03", "the same capture"},
    {"/http2-compression-bug", "two of the seven are of stream 0, its SETTINGS: no exchanges; there are five streams"},
    {"/261/te-cl-desync", "two readers see two messages: no span is made of either"},
    {"/http/http-connect", "a target with a blank in it is no request line (RFC 9112 3.2)"},
};

const Explained* ExplanationOf(const std::string& id) {
  const auto* found =
      std::find_if(std::begin(kDiffers), std::end(kDiffers), [&](const auto& one) { return id.ends_with(one.id); });
  return found == std::end(kDiffers) ? nullptr : found;
}

std::string Upper(std::string text) {
  std::transform(text.begin(), text.end(), text.begin(),
                 [](char c) { return c >= 'a' && c <= 'z' ? static_cast<char>(c - 32) : c; });
  return text;
}
std::string FirstWord(const std::string& text) { return Upper(text.substr(0, text.find_first_of(" ;"))); }

// A query is redacted in a span: only that there is one is compared.
std::string Asked(const std::string& method, std::string target) {
  if (const size_t query = target.find('?'); query != std::string::npos) target.resize(query + 1);
  return Upper(method) + " " + target;
}

// What is compared: null where the case says nothing of it.
struct Sides {
  json wanted;
  json found;
  void Add(const std::string& what, json one, json other) {
    wanted[what] = std::move(one);
    found[what] = std::move(other);
  }
};

json Attribute(const json& span, const char* name) { return span.at("attributes").value(name, json()); }

// "GET /path?" of each exchange of HTTP.
Texts Exchanges(const Replayed& replayed) {
  Texts exchanges;
  for (const json& span : replayed.spans) {
    if (!Attribute(span, "http.request.method").is_string()) continue;
    std::string target = span.at("attributes").value("url.path", "");
    if (span.at("attributes").contains("url.query")) target += "?";
    exchanges.insert(Asked(Attribute(span, "http.request.method"), target));
  }
  return exchanges;
}

// Zeek's logs of exchanges.
void CompareLogs(const json& logs, const Replayed& replayed, Sides& sides) {
  for (const auto& [name, rows] : logs.items()) {
    if (!name.starts_with("http")) continue;
    Texts exchanges;
    for (const json& row : rows) exchanges.insert(Asked(row.value("method", ""), row.value("uri", "")));
    sides.Add(name, exchanges, Exchanges(replayed));
  }
}

// Zeek's scripts that print what they were told.
void CompareOutputs(const json& outputs, const Replayed& replayed, Sides& sides) {
  for (const auto& [name, lines] : outputs.items()) {
    const auto upgrades = std::count(lines.begin(), lines.end(), json("websocket_established"));
    if (upgrades == 0) continue;
    const auto told = std::count_if(replayed.spans.begin(), replayed.spans.end(), [](const json& span) {
      return span.at("name") == "websocket" && !span.at("parent_span_id").empty();
    });
    sides.Add(name, upgrades, told);
  }
}

// What a filter of Suricata's log of events says of an exchange: "http.status" or "http": {"status"}; null where it does not.
json OfFilter(const json& match, const std::string& name) {
  if (match.contains("http." + name)) return match.at("http." + name);
  const json nested = match.value("http", match);
  return nested.is_object() ? nested.value(name, json()) : json();
}

bool IsTheExchange(const json& span, const json& match) {
  const auto same = [&](const char* name, const json& said) { return said.is_null() || Attribute(span, name) == said; };
  json url = OfFilter(match, "url");
  if (url.is_string()) url = url.get<std::string>().substr(0, url.get<std::string>().find('?'));
  return Attribute(span, "http.request.method").is_string() && same("http.request.method", OfFilter(match, "http_method")) &&
         same("http.response.status_code", OfFilter(match, "status")) && same("server.address", OfFilter(match, "hostname")) &&
         same("url.path", url);
}

// "SELECT", "SELECT 22012" of each statement.
Texts Statements(const Replayed& replayed) {
  Texts statements;
  for (const json& span : replayed.spans) {
    const json& attributes = span.at("attributes");
    if (attributes.value("db.system.name", "") != "postgresql") continue;
    const std::string code = attributes.value("db.response.status_code", "");
    statements.insert(FirstWord(attributes.value("db.query.text", "")) + (code.empty() ? "" : " " + code));
  }
  return statements;
}

int64_t Frames(const Replayed& replayed, const std::string& kind) {
  int64_t count = 0;
  for (const json& span : replayed.spans) {
    for (const char* end : {"client.", "server."}) {
      count += span.at("attributes").value("wirespan.websocket." + (end + kind), int64_t{0});
    }
  }
  return count;
}

// Suricata's filters of its log of events. Of HTTP a filter for none tells of a rule that kept an event from the log.
void CompareEvents(const json& filters, const Replayed& replayed, Sides& sides) {
  Texts statements;
  bool speaks_of_statements = false;
  for (const json& filter : filters) {
    const json& match = filter.at("match");
    const std::string type = match.value("event_type", "");
    const std::string name = std::to_string(sides.wanted.size()) + " " + match.dump();
    if (type == "http" && filter.at("count") != 0) {
      sides.Add(name, filter.at("count"), std::count_if(replayed.spans.begin(), replayed.spans.end(), [&](const json& span) {
                  return IsTheExchange(span, match);
                }));
    } else if (type == "websocket") {
      const int64_t frames = Frames(replayed, match.value("websocket.opcode", ""));
      const bool is_one_of_them = match.contains("websocket.mask");  // which is not told
      sides.Add(name, filter.at("count"), is_one_of_them ? std::min(frames, filter.at("count").get<int64_t>()) : frames);
    } else if (type == "pgsql") {
      speaks_of_statements = true;
      const std::string code = match.value("pgsql.response.code", "");
      if (match.contains("pgsql.request.simple_query"))
        statements.insert(FirstWord(match.at("pgsql.request.simple_query")) + (code.empty() ? "" : " " + code));
    }
  }
  if (speaks_of_statements) sides.Add("statements", statements, Statements(replayed));
}

// DeepFlow's rows, one per packet, and its totals.
void CompareRows(const json& expected, const std::string& protocol, const Replayed& replayed, Sides& sides) {
  Texts wanted, found;
  for (const json& row : expected.value("rows", json::array())) {
    const auto text = [&](const char* name) {
      return row.contains(name) && row.at(name).is_string() ? row.at(name).get<std::string>() : "";
    };
    if (!text("request").empty()) wanted.insert(FirstWord(text("request")));
    if (text("path").empty()) continue;
    wanted.insert(text("proto") == "Grpc" ? text("path").substr(1) : Asked(text("method"), text("path")));
  }
  int64_t failed = 0;
  for (const json& span : replayed.spans) {
    failed += span.at("status") == "error" ? 1 : 0;
    if (protocol == "redis") found.insert(FirstWord(span.at("attributes").value("db.operation.name", "")));
    if (Attribute(span, "rpc.method").is_string()) found.insert(Attribute(span, "rpc.method"));
  }
  found.merge(Exchanges(replayed));
  if (expected.contains("rows")) sides.Add("requests", wanted, found);
  const json totals = expected.value("red", json());
  if (totals.is_null() || protocol == "http") return;
  sides.Add("exchanges", totals.at("request_count"), replayed.spans.size());
  sides.Add("failed", totals.at("err_client_count").get<int64_t>() + totals.at("err_server_count").get<int64_t>(), failed);
}
// Statuses, which rows have one each.
void CompareStatuses(const json& expected, const Replayed& replayed, Sides& sides) {
  Texts wanted, found;
  for (const json& row : expected.value("rows", json::array())) {
    if (row.value("msg_type", "") != "Response") continue;
    if (!row.value("grpc_status_code", json()).is_null()) {
      wanted.insert(row.at("grpc_status_code") == 0 ? "OK" : "another");
    } else if (!row.value("status_code", json()).is_null()) {
      wanted.insert(std::to_string(row.at("status_code").get<int>()));
    }
  }
  for (const json& span : replayed.spans) {
    const json code = Attribute(span, "rpc.status_code");
    if (code.is_string()) found.insert(code == "OK" ? "OK" : "another");
    if (const json status = Attribute(span, "http.response.status_code"); status.is_number())
      found.insert(std::to_string(status.get<int>()));
  }
  if (!wanted.empty()) sides.Add("statuses", wanted, found);
}

Sides Compare(const json& vector, const Replayed& replayed) {
  Sides sides;
  const json& expected = vector.at("expected");
  const std::string id = vector.at("id");
  if (expected.contains("logs")) CompareLogs(expected.at("logs"), replayed, sides);
  if (expected.contains("outputs")) CompareOutputs(expected.at("outputs"), replayed, sides);
  if (expected.contains("eve_filters")) CompareEvents(expected.at("eve_filters"), replayed, sides);
  if (!id.starts_with("deepflow/")) return sides;
  CompareRows(expected,
              vector.at("protocol") == "redis"   ? "redis"
              : id.starts_with("deepflow/http/") ? "http"
                                                 : "postgresql",
              replayed, sides);
  CompareStatuses(expected, replayed, sides);
  return sides;
}

struct Tally {
  int same = 0;
  int differs = 0;
  int says_nothing = 0;         // of exchanges
  std::set<std::string> pcaps;  // compared
  std::set<std::string> differing;
};

void Judge(const json& vector, Tally& tally, std::set<std::string>& seen) {
  const std::string id = vector.at("id");
  const std::string pcap = vector.at("pcap");
  const Replayed replayed = ReplayFile(Vectors() / pcap);
  ASSERT_EQ(replayed.code, 0) << pcap << replayed.err;
  const Sides sides = Compare(vector, replayed);
  if (sides.wanted.is_null()) {
    ++tally.says_nothing;
    return;
  }
  tally.pcaps.insert(pcap);
  if (sides.wanted == sides.found) {
    ++tally.same;
    return;
  }
  ++tally.differs;
  tally.differing.insert(pcap);
  const Explained* explanation = ExplanationOf(id);
  EXPECT_NE(explanation, nullptr) << id << "\nwanted " << sides.wanted << "\nfound  " << sides.found << "\n" << replayed.text;
  if (explanation == nullptr) return;
  seen.insert(explanation->id);
  std::cout << "  " << id << ": " << explanation->why << "\n";
}

// Whether nothing in a capture of another protocol is taken for one that is decoded, but what is in it besides.
bool HasNothing(const std::string& pcap) {
  const bool has_request = pcap.ends_with("/ocsp-empty-responderid.pcap");  // of the certificate's status, over HTTP
  const Replayed replayed = ReplayFile(Vectors() / pcap);
  EXPECT_EQ(replayed.code, 0) << pcap << replayed.err;
  const bool has_nothing = has_request ? Exchanges(replayed).size() == 1 && replayed.spans.size() == 1 : replayed.spans.empty();
  EXPECT_TRUE(has_nothing) << pcap << "\n" << replayed.text;
  return has_nothing;
}

// The captures of all other files of cases.
std::set<std::string> OtherCaptures() {
  std::set<std::string> captures;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(Vectors() / "neutral")) {
    const std::filesystem::path& path = entry.path();
    const std::string name = path.parent_path().filename().string() + "/" + path.stem().string();
    if (!entry.is_regular_file() || std::find(std::begin(kFiles), std::end(kFiles), name) != std::end(kFiles)) continue;
    std::ifstream file(path);
    for (std::string line; std::getline(file, line);) {
      const json vector = json::parse(line);
      if (vector.contains("pcap") && vector.at("pcap").is_string()) captures.insert(vector.at("pcap"));
    }
  }
  return captures;
}

TEST(SharedCaptures, HaveWhatOthersSayIsInThem) {
  if (!std::filesystem::exists(Vectors() / "neutral")) GTEST_SKIP() << "no vectors beside the checkout";
  Tally all;
  std::set<std::string> seen;
  for (const std::string name : kFiles) {
    Tally tally;
    std::ifstream file(Vectors() / ("neutral/" + name + ".jsonl"));
    for (std::string line; std::getline(file, line);) ASSERT_NO_FATAL_FAILURE(Judge(json::parse(line), tally, seen));
    EXPECT_GT(tally.same + tally.differs, 0) << name;
    std::cout << name << ": " << tally.same << " of " << tally.same + tally.differs << " cases, "
              << tally.pcaps.size() - tally.differing.size() << " of " << tally.pcaps.size() << " captures; "
              << tally.says_nothing << " cases say nothing of exchanges\n";
    all.same += tally.same;
    all.differs += tally.differs;
    all.pcaps.merge(tally.pcaps);
    all.differing.merge(tally.differing);
  }
  const size_t same = all.pcaps.size() - all.differing.size();
  std::cout << "together " << all.same << " of " << all.same + all.differs << " cases, " << same << " of " << all.pcaps.size()
            << " captures\n";
  for (const Explained& one : kDiffers) EXPECT_TRUE(seen.contains(one.id)) << one.id << " does not differ any more";
  size_t others = 0;
  size_t clean = 0;
  for (const std::string& pcap : OtherCaptures()) {
    if (all.pcaps.contains(pcap)) continue;
    ++others;
    clean += HasNothing(pcap) ? 1 : 0;
  }
  std::cout << "other protocols: in " << clean << " of " << others << " captures nothing is taken for one that is decoded\n";
  EXPECT_GE((same + clean) * 100, (all.pcaps.size() + others) * 95);
}

TEST(SharedCaptures, AreReadToTheirEnds) {
  if (!std::filesystem::exists(Vectors() / "pcap")) GTEST_SKIP() << "no vectors beside the checkout";
  int files = 0;
  uint64_t packets = 0;
  uint64_t spans = 0;
  std::map<std::string, uint64_t> dropped;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(Vectors() / "pcap")) {
    if (!entry.is_regular_file()) continue;
    const Replayed replayed = ReplayFile(entry.path());
    EXPECT_EQ(replayed.code, 0) << entry.path() << replayed.err;
    if (replayed.summary.is_null()) continue;
    ++files;
    packets += replayed.summary.at("packets").get<uint64_t>();
    spans += replayed.spans.size();
    for (const auto& [reason, count] : replayed.summary.at("dropped").items()) dropped[reason] += count.get<uint64_t>();
    EXPECT_EQ(replayed.summary.at("spans"), replayed.spans.size()) << entry.path();
  }
  std::cout << "captures: " << files << " files, " << packets << " packets, " << spans << " spans; dropped " << json(dropped)
            << "\n";
  EXPECT_GT(spans, 0U);
}

}  // namespace
}  // namespace wirespan::testing
