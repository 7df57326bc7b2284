// HTTP/1 cases that other projects wrote (llhttp, http-parser, picohttpparser, OBI, Pixie), where they lie: in $WIRESPAN_VECTORS
// or beside the checkout. Prints how many passed, and why we differ where we do; a difference without a reason fails.
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <map>
#include <nlohmann/json.hpp>

#include "agent/cli/decode_json.h"
#include "decoders/http_target.h"
#include "tests/unit/decoders/harness.h"

namespace wirespan::testing {
namespace {

using decoders::http1::Message;
using Json = nlohmann::json;

// Part of the case's id -> why our answer is another one.
const std::map<std::string, std::string> kExplained = {
    {"invalid:69/", "any token is a method (RFC 9110 9.1); which ones a server implements is its own affair"},
    {"lenient-header-value-relaxed:43/", "a control in a value does not touch the framing: kept (RFC 9110 5.5)"},
    {"lenient-headers:85/", "a control in a value does not touch the framing: kept (RFC 9110 5.5)"},
    {"http-parser/simple:4524", "a control in a value does not touch the framing: kept (RFC 9110 5.5)"},
    {"http-parser/simple:4525", "a control in a value does not touch the framing: kept (RFC 9110 5.5)"},
    {"CTL in header value", "a control in a value does not touch the framing: kept (RFC 9110 5.5)"},
    {"content-length:192/", "a lenient reader's view; readers differ about white space before the colon: ambiguous"},
    {"invalid:690/", "a lenient reader's view; readers differ about a folded line that looks like a framing field: ambiguous"},
    {"transfer-encoding:683/", "a lenient reader's view; chunked is not the last coding: ambiguous (RFC 9112 6.3)"},
    {"connection:196/", "a lenient reader drops what follows a close; here it is said that it is not HTTP"},
    {"invalid:154/", "a lenient reader's view; a bare CR ends no line (RFC 9112 2.2)"},
    {"sample:333/", "bare LF is tolerated as a line end (RFC 9112 2.2)"},
    {"transfer-encoding:251/", "what a chunk extension holds does not touch the framing"},
    {"finish:58/", "a field line that was cut is not a field"},
    {"http-parser/responses/HTTP 101", "a 101 has no body (RFC 9110 15.2): what follows is the new protocol"},
    {"http-parser/simple:4424", "readers differ about a folded Content-Length: ambiguous"},
};

std::string FromHex(const std::string& hex) {
  std::string bytes;
  for (size_t i = 0; i + 1 < hex.size(); i += 2) bytes.push_back(static_cast<char>(std::stoi(hex.substr(i, 2), nullptr, 16)));
  return bytes;
}

std::filesystem::path Folder() {
  const char* given = std::getenv("WIRESPAN_VECTORS");
  return given != nullptr ? std::filesystem::path(given) : std::filesystem::path(WIRESPAN_SOURCE_DIR) / "../shared/vectors";
}

// obs-fold to one SP, as the other parsers do or leave to their callers.
std::string Unfold(std::string_view value) {
  std::string text;
  for (const char c : value) {
    const bool blank = c == ' ' || c == '\t' || c == '\r' || c == '\n';
    if (!blank) {
      text += c;
    } else if (!text.empty() && text.back() != ' ') {
      text += ' ';
    }
  }
  while (text.ends_with(' ')) text.pop_back();
  return text;
}

// What differs between a message and what was expected of it; empty: nothing.
std::string Difference(const Message& message, const Json& expected) {
  const auto text = [&](const char* key) {
    return expected.contains(key) && expected[key].is_string() ? expected[key].get<std::string>() : "";
  };
  const std::string url = text("url");
  if (message.is_request && text("method") != message.method()) return "method";
  if (message.is_request && url != cli::ToText(message.target()) && url != cli::BytesToText(message.target())) return "target";
  if (!message.is_request && expected.contains("status") && expected["status"].is_number() &&
      expected["status"] != message.status)
    return "status";
  if (!text("version").empty() && text("version") != "1." + std::to_string(message.minor_version)) return "version";
  if (expected.contains("headers")) {
    if (expected["headers"].size() != message.fields.size()) return "number of fields";
    for (size_t i = 0; i < message.fields.size(); ++i) {
      const Json& pair = expected["headers"][i];
      if (pair[0] != cli::ToText(message.Name(message.fields[i]))) return "name of field " + std::to_string(i);
      const std::string value = cli::BytesToText(Unfold(message.Value(message.fields[i])));
      if (Unfold(pair[1].get<std::string>()) != value && pair[1] != cli::ToText(message.Value(message.fields[i]))) {
        return "value of field " + std::to_string(i);
      }
    }
  }
  if (expected.contains("body_hex") && message.complete() &&
      expected["body_hex"].get<std::string>().size() / 2 != message.body_length) {
    return "body";
  }
  return "";
}

bool HasTrouble(const Wire& wire) {
  const std::string text = wire.text();
  return text.find("error ") != std::string::npos || text.find(" ambiguous ") != std::string::npos;
}

std::string CheckMessages(const std::string& bytes, Direction dir, const Json& expected) {
  Wire wire;
  wire.Feed(dir, bytes);
  const Json error = expected.contains("error") ? expected["error"] : Json();
  const bool is_error = !error.is_null() && !(error.is_object() && error.contains("pause"));
  const Json messages = expected.contains("messages") ? expected["messages"] : Json::array();
  size_t whole = 0;
  for (const Json& message : messages) whole += message.value("complete", true) ? 1U : 0U;
  if (is_error) {
    // No message beyond those that came whole before the error.
    size_t complete = 0;
    for (const Message& message : wire.messages()) complete += message.complete() ? 1U : 0U;
    if (complete > whole) return "a message where there is an error";
    wire.Close(dir);
    const bool unfinished = !wire.messages().empty() && !wire.messages().back().complete();
    return HasTrouble(wire) || unfinished ? "" : "no error";
  }
  wire.Close(dir);
  if (HasTrouble(wire)) return "an error: " + wire.text();
  if (wire.messages().size() < messages.size()) return "fewer messages";
  for (size_t i = 0; i < messages.size(); ++i) {
    const std::string difference = Difference(wire.messages()[i], messages[i]);
    if (!difference.empty()) return difference + " of message " + std::to_string(i) + ": " + Render(wire.messages()[i]);
  }
  return "";
}

std::string CheckHead(const std::string& bytes, Direction dir, const Json& expected) {
  Wire wire;
  wire.Feed(dir, bytes);
  const std::string result = expected["result"];
  if (result == "error") return HasTrouble(wire) ? "" : "no error";
  if (result == "incomplete") return wire.lines().empty() ? "" : "not incomplete";
  wire.Close(dir);
  if (HasTrouble(wire) || wire.messages().size() != 1) return "not one message";
  const Message& message = wire.messages().front();
  const Json& fields = expected["fields"];
  for (const auto& [key, value] : fields.items()) {
    if (key == "method" && value != message.method()) return key;
    if (key == "path" && value != message.target()) return key;
    if (key == "status" && value != message.status) return key;
    if (key == "msg" && value != message.reason()) return key;
    if (key == "minor_version" && value != message.minor_version) return key;
    // A fold counts as a nameless field there, and belongs to the field before it here.
    if (fields.contains("headers[2].name") && fields["headers[2].name"].is_null()) continue;
    if (key == "num_headers" && value != message.fields.size()) return key;
    if (!key.starts_with("headers[")) continue;
    const decoders::http1::FieldRef& field = message.fields.at(static_cast<size_t>(key[8] - '0'));
    if (key.ends_with(".name") && value != message.Name(field)) return key;
    if (key.ends_with(".value") && value != message.Value(field)) return key;
  }
  return "";
}

std::string CheckChunked(const std::string& body, const Json& context, const Json& expected) {
  std::string bytes = "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n" + body;
  const std::string ret = expected["ret"];
  const bool reads_trailer = context.value("consume_trailer", "0") == "1";
  if (!reads_trailer && ret == "0") bytes += "\r\n";  // that parser leaves the trailer section to its caller
  Wire wire;
  wire.Feed(kC2s, bytes);
  if (ret == "-1") return HasTrouble(wire) ? "" : "no error";
  if (ret == "-2") return wire.lines().empty() && wire.decoder().OpenMessage(kC2s) != nullptr ? "" : "not incomplete";
  if (HasTrouble(wire) || wire.messages().size() != 1) return "not one message";
  return wire.messages().front().body_length == expected["decoded_hex"].get<std::string>().size() / 2 ? "" : "length of the body";
}

std::string CheckHttp1(const Json& test) {
  const Json& chunk = test["chunks"][0];
  const std::string bytes = FromHex(chunk["hex"]);
  const Json context = test.value("context", Json::object());
  const std::string kind = context.value("kind", "");
  const Direction dir = chunk["dir"] == "s2c" ? kS2c : kC2s;
  if (kind == "chunked-body") return CheckChunked(bytes, context, test["expected"]);
  if (kind == "headers") return CheckHead("GET / HTTP/1.1\r\n" + bytes, dir, test["expected"]);
  if (!kind.empty()) return CheckHead(bytes, dir, test["expected"]);
  return CheckMessages(bytes, dir, test["expected"]);
}

std::string CheckUrl(const Json& test) {
  const std::string text = FromHex(test["chunks"][0]["hex"]);
  const bool is_connect = test.value("context", Json::object()).value("is_connect", "0") == "1";
  const decoders::Target target = decoders::ParseTarget(text, is_connect);
  const bool names_host = target.form == decoders::TargetForm::kAbsolute || target.form == decoders::TargetForm::kAuthority;
  const Json& expected = test["expected"];
  if (!expected["error"].is_null()) {
    const bool refused = (names_host && !target.authority) || target.form == decoders::TargetForm::kOther;
    return refused ? "" : "accepted";
  }
  const Json& parts = expected["components"];
  if (parts.value("schema", "") != target.scheme) return "scheme";
  if (parts.value("path", "/") != target.path) return "path";
  if (parts.value("query", "") != target.query) return "query";
  std::string host = parts.value("host", "");
  if (host.starts_with('[')) host = host.substr(1, host.size() - 2);
  return host == (target.authority ? target.authority->host : std::string_view{}) ? "" : "host";
}

// Pixie's tests are calls in C++; what its wire texts hold is checked here: every start line in them becomes a message.
std::string CheckPixie(const Json& test) {
  for (const Json& chunk : test["chunks"]) {
    const std::string bytes = FromHex(chunk["hex"]);
    const bool is_response = bytes.starts_with("HTTP/1.");
    if (!is_response && !bytes.starts_with("GET ") && !bytes.starts_with("POST ")) continue;
    const Script script = {Bytes(is_response ? kS2c : kC2s, bytes), CloseOf(is_response ? kS2c : kC2s)};
    size_t starts = 0;
    for (size_t at = bytes.find("HTTP/1.1"); at != std::string::npos; at = bytes.find("HTTP/1.1", at + 1)) ++starts;
    const std::string text = RunWhole(script);
    size_t messages = 0;
    for (size_t at = text.find("message "); at != std::string::npos; at = text.find("message ", at + 1)) ++messages;
    if (messages != starts || text.find("error") != std::string::npos) return text;
    if (RunInPieces(script, 1) != text) return "not the same byte by byte";
  }
  return "";
}

std::string CheckObi(const Json& test) {
  const Json& expected = test["expected"];
  if (!expected.contains("want")) return "";  // a C string's end: not HTTP
  const std::string text = FromHex(test["chunks"][0]["hex"]);
  return expected["want"] == decoders::ParseTarget(text, false).path ? "" : "path";
}

void RunFile(const std::string& file, std::string (*check)(const Json&), size_t at_least) {
  const std::filesystem::path path = Folder() / "neutral" / file;
  std::ifstream input(path);
  if (!input) GTEST_SKIP() << "no shared vectors at " << path.string() << " (set WIRESPAN_VECTORS)";
  size_t passed = 0;
  size_t failed = 0;
  std::map<std::string, std::vector<std::string>> explained;
  std::string line;
  while (std::getline(input, line)) {
    const Json test = Json::parse(line);
    const std::string id = test["id"];
    const std::string difference = check(test);
    const auto reason = std::find_if(kExplained.begin(), kExplained.end(),
                                     [&](const auto& entry) { return id.find(entry.first) != std::string::npos; });
    if (difference.empty()) {
      ++passed;
      EXPECT_EQ(reason, kExplained.end()) << id << " passes, and has an explanation why it does not";
    } else if (reason != kExplained.end()) {
      explained[reason->second].push_back(id);
    } else {
      ++failed;
      ADD_FAILURE() << id << ": " << difference;
    }
  }
  size_t differing = 0;
  for (const auto& [reason, ids] : explained) differing += ids.size();
  std::cout << file << ": " << passed << " passed, " << failed << " failed, " << differing << " explained\n";
  for (const auto& [reason, ids] : explained) {
    for (const std::string& id : ids) std::cout << "  " << id << ": " << reason << "\n";
  }
  EXPECT_GE(passed + differing, at_least);
}

TEST(SharedVectors, Http1) { RunFile("http1.jsonl", &CheckHttp1, 147); }
TEST(SharedVectors, Url) { RunFile("url.jsonl", &CheckUrl, 15); }
TEST(SharedVectors, Pixie) { RunFile("pixie/http1.jsonl", &CheckPixie, 20); }
TEST(SharedVectors, Obi) { RunFile("obi/http1.jsonl", &CheckObi, 3); }

}  // namespace
}  // namespace wirespan::testing
