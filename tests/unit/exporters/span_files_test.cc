#include "exporters/file/span_files.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <array>
#include <nlohmann/json.hpp>
#include <set>
#include <sstream>
#include <thread>

#include "tests/unit/exporters/span_maker.h"

namespace wirespan::exporters {
namespace {

using OrderedJson = nlohmann::ordered_json;

// What an exporter writes into a pipe, read by another thread to the end.
class Capture {
 public:
  Capture() {
    EXPECT_EQ(::pipe(ends_.data()), 0);
    reader_ = std::thread([this] {
      std::array<char, 65'536> buffer{};
      for (ssize_t count = 1; count > 0;) {
        count = ::read(ends_[0], buffer.data(), buffer.size());
        if (count > 0) text_.append(buffer.data(), static_cast<size_t>(count));
      }
    });
  }
  OutputFile file() { return OutputFile::Borrow(ends_[1], "pipe"); }
  const std::string& Finish() {
    ::close(ends_[1]);
    reader_.join();
    ::close(ends_[0]);
    return text_;
  }

 private:
  std::array<int, 2> ends_{};
  std::string text_;
  std::thread reader_;
};

TEST(SpanLine, IsExactlyWhatTheDoorSays) {
  SpanBatch batch;
  auto resource = std::make_shared<Resource>();
  resource->id = 1;
  resource->attributes.String("service.name", "shop");
  resource->attributes.Int("process.pid", 42);
  Span& span = AddSpan(batch, 0xabc, 0x1, 0x2, resource);
  span.name = "GET \"x\"";
  span.kind = SpanKind::kClient;
  span.status = StatusCode::kError;
  span.attributes.String("url.path", "/a\nb");
  span.attributes.Int("http.response.status_code", 500);
  span.attributes.Bool("wirespan.truncated", true);
  span.attributes.Double("d", 0.5);
  span.link_evidence = LinkEvidence::kSameThread;
  span.link_confidence = LinkConfidence::kExact;
  std::string line;
  AppendSpanLine(span, line);
  EXPECT_EQ(line,
            R"({"trace_id":"00000000000000000000000000000abc","span_id":"0000000000000001","parent_span_id":"0000000000000002",)"
            R"("name":"GET \"x\"","kind":"client","start_ns":1700000000000000000,"end_ns":1700000000002500000,"status":"error",)"
            R"("attributes":{"url.path":"/a\nb","http.response.status_code":500,"wirespan.truncated":true,"d":0.5},)"
            R"("resource":{"service.name":"shop","process.pid":42},"link":{"evidence":"same-thread","confidence":"exact"}})"
            "\n");
}

TEST(SpanLine, ASpanWithoutParentLinkAndResource) {
  Span span;
  std::string line;
  AppendSpanLine(span, line);
  EXPECT_EQ(
      line,
      R"({"trace_id":"00000000000000000000000000000000","span_id":"0000000000000000","parent_span_id":"","name":"","kind":"server",)"
      R"("start_ns":0,"end_ns":0,"status":"unset","attributes":{},"resource":{},"link":{"evidence":"","confidence":""}})"
      "\n");
}

TEST(JsonLines, RandomSpansAreOneLineEachAndReadBack) {
  SpanMaker maker(21);
  Capture capture;
  const auto exporter = NewJsonLinesExporter(capture.file());
  std::vector<SpanBatch> batches(10);
  for (auto& batch : batches) {
    maker.Fill(batch, 50);
    EXPECT_EQ(exporter->Export(batch).accepted, 50U);
  }
  exporter->Finish();
  std::istringstream lines(capture.Finish());
  std::string line;
  for (const auto& batch : batches) {
    for (size_t i = 0; i < batch.size; ++i) {
      ASSERT_TRUE(std::getline(lines, line));
      const auto json = OrderedJson::parse(line);
      EXPECT_EQ(json["trace_id"], ToHex(batch.spans[i].trace_id));
      EXPECT_EQ(json["start_ns"].get<uint64_t>(), batch.spans[i].start_unix_ns);
      EXPECT_EQ(json["link"]["evidence"], std::string(Name(batch.spans[i].link_evidence)));
      EXPECT_LE(json["attributes"].size(), batch.spans[i].attributes.count());
    }
  }
  EXPECT_FALSE(std::getline(lines, line));
}

TEST(JsonLines, OfAnAttributeThatStandsTwiceTheFirstCounts) {
  Span span;
  span.attributes.Int("a", 1);
  span.attributes.Int("b", 2);
  span.attributes.Int("a", 3);
  std::string line;
  AppendSpanLine(span, line);
  EXPECT_NE(line.find(R"("attributes":{"a":1,"b":2})"), std::string::npos) << line;
}

TEST(JsonLines, AFullDiskIsToldOnceAndEverySpanCounted) {
  auto file = OutputFile::Create("/dev/full");
  ASSERT_TRUE(file.ok());
  const auto exporter = NewJsonLinesExporter(*std::move(file));
  SpanMaker maker(22);
  SpanBatch batch;
  maker.Fill(batch, 5);
  const auto first = exporter->Export(batch);
  EXPECT_EQ(first.gave_up, 5U);
  EXPECT_NE(first.message.find("No space left"), std::string::npos);
  const auto second = exporter->Export(batch);
  EXPECT_EQ(second.gave_up, 5U);
  EXPECT_EQ(second.message, "");
}

TEST(OtlpJsonFile, IsOneRequestWithEverySpan) {
  SpanMaker maker(23);
  Capture capture;
  std::multiset<std::string> sent;
  {
    const auto exporter = NewOtlpJsonFileExporter(capture.file(), {"wirespan", "1", std::string(otlp::kSchemaUrl)});
    for (int round = 0; round < 8; ++round) {
      SpanBatch batch;
      maker.Fill(batch, static_cast<size_t>(round) * 3);
      EXPECT_EQ(exporter->Export(batch).accepted, batch.size);
      for (size_t i = 0; i < batch.size; ++i) sent.insert(ToHex(batch.spans[i].span_id));
    }
    exporter->Finish();
  }
  const auto json = nlohmann::json::parse(capture.Finish());
  std::multiset<std::string> found;
  for (const auto& group : json.at("resourceSpans")) {
    for (const auto& span : group.at("scopeSpans").at(0).at("spans")) found.insert(span.at("spanId").get<std::string>());
  }
  EXPECT_EQ(found, sent);
}

TEST(OtlpJsonFile, WithoutSpansIsAnEmptyRequest) {
  Capture capture;
  NewOtlpJsonFileExporter(capture.file(), {})->Finish();
  EXPECT_EQ(capture.Finish(), "{\"resourceSpans\":[]}\n");
}

}  // namespace
}  // namespace wirespan::exporters
