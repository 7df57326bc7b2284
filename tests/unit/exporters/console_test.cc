#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <array>
#include <map>
#include <sstream>

#include "exporters/console/console_exporter.h"
#include "exporters/console/text_layout.h"
#include "exporters/console/waterfall.h"
#include "tests/unit/exporters/span_maker.h"

namespace wirespan::exporters::console {
namespace {

using testing::HasSubstr;
using testing::Not;
using Clock = std::chrono::steady_clock;

constexpr uint64_t kMs = 1'000'000;

Span& Add(SpanBatch& batch, uint64_t id, uint64_t parent, const std::string& service, SpanKind kind, uint64_t start_ms,
          uint64_t end_ms) {
  Span& span = AddSpan(batch, 77, id, parent, MakeResource(std::hash<std::string>()(service), service));
  span.kind = kind;
  span.start_unix_ns += start_ms * kMs;
  span.end_unix_ns = span.start_unix_ns + (end_ms - start_ms) * kMs;
  return span;
}

// nginx -> shop -> price, the last of which fails.
SpanBatch ShopTrace() {
  SpanBatch batch;
  Span& price = Add(batch, 5, 4, "price", SpanKind::kServer, 4, 7);
  price.attributes.String("url.path", "/price");
  price.attributes.Int("http.response.status_code", 500);
  price.attributes.String("error.type", "500");
  price.status = StatusCode::kError;
  price.link_evidence = LinkEvidence::kSameConnection;
  price.link_confidence = LinkConfidence::kExact;
  Span& call = Add(batch, 4, 3, "shop", SpanKind::kClient, 3, 8);
  call.attributes.String("url.full", "http://127.0.0.1:9000/price?id=1");
  call.attributes.String("wirespan.incomplete", "response_cut");
  call.link_evidence = LinkEvidence::kEventLoop;
  call.link_confidence = LinkConfidence::kProbable;
  Span& shop = Add(batch, 3, 2, "shop", SpanKind::kServer, 2, 11);
  shop.attributes.String("url.path", "/shop");
  shop.attributes.Int("wirespan.on_cpu_ns", 3'100'000);
  Add(batch, 2, 1, "nginx", SpanKind::kClient, 1, 12).attributes.String("url.full", "http://127.0.0.1:8081/shop");
  Add(batch, 6, 1, "nginx", SpanKind::kClient, 12, 12).attributes.String("url.full", "http://127.0.0.1:8082/log");
  Add(batch, 1, 0, "nginx", SpanKind::kServer, 0, 13).attributes.String("url.path", "/shop");
  return batch;
}

std::vector<Span> SpansOf(const SpanBatch& batch) {
  std::vector<Span> spans;
  for (size_t i = 0; i < batch.size; ++i) spans.push_back(batch.spans[i]);
  return spans;
}

std::string Render(const SpanBatch& batch, ConsoleOptions options = {}, bool late = false) {
  std::string out;
  AppendWaterfall(SpansOf(batch), late, options, out);
  return out;
}

std::vector<std::string> Lines(const std::string& text) {
  std::vector<std::string> out;
  std::istringstream in(text);
  for (std::string line; std::getline(in, line);) out.push_back(line);
  return out;
}

TEST(Waterfall, DrawsTheTreeInOrderOfTime) {
  const auto lines = Lines(Render(ShopTrace()));
  ASSERT_EQ(lines.size(), 8U);  // header, six spans, an empty line
  EXPECT_THAT(lines[0], HasSubstr("13.0 ms · 6 spans · 3 services · 1 error"));
  EXPECT_THAT(lines[0], HasSubstr("0000000000000000000000000000004d"));
  EXPECT_THAT(lines[1], HasSubstr("nginx  ● GET /shop"));
  EXPECT_THAT(lines[2], HasSubstr("nginx  ├─▸ GET 127.0.0.1:8081/shop"));
  EXPECT_THAT(lines[3], HasSubstr("shop   │ ╰─● GET /shop"));
  EXPECT_THAT(lines[4], HasSubstr("shop   │   ╰╌▸ GET 127.0.0.1:9000/price"));  // a probable link is drawn broken
  EXPECT_THAT(lines[4], HasSubstr("◌ respo"));
  EXPECT_THAT(lines[5], HasSubstr("price  │     ╰─● GET /price 500 ✗"));
  EXPECT_THAT(lines[6], HasSubstr("nginx  ╰─▸ GET 127.0.0.1:8082/log"));
  EXPECT_EQ(lines[7], "");
}

TEST(Waterfall, NotesStandWhereThereIsRoom) {
  ConsoleOptions wide;
  wide.width = 140;
  const std::string text = Render(ShopTrace(), wide);
  EXPECT_THAT(text, HasSubstr("◌ response_cut  ≈event-loop"));
  EXPECT_THAT(text, HasSubstr("✗  same-connection"));
  EXPECT_THAT(text, HasSubstr("cpu 3.10 ms"));
}

TEST(Waterfall, BarsAreToScale) {
  SpanBatch batch;
  Add(batch, 1, 0, "a", SpanKind::kServer, 0, 100);
  Add(batch, 2, 1, "a", SpanKind::kClient, 50, 100);
  Add(batch, 3, 1, "a", SpanKind::kClient, 100, 100);
  ConsoleOptions options;
  options.unicode = false;
  options.width = 100;
  const auto lines = Lines(Render(batch, options));
  const auto bar = [](const std::string& line) { return std::pair(line.find('#'), std::count(line.begin(), line.end(), '#')); };
  const auto [whole_at, whole] = bar(lines[1]);
  const auto [half_at, half] = bar(lines[2]);
  const auto [end_at, end] = bar(lines[3]);
  EXPECT_EQ(whole, 30);
  EXPECT_EQ(half, 15);
  EXPECT_EQ(half_at, whole_at + 15);
  EXPECT_EQ(end, 1);  // a span of no length is seen all the same
  EXPECT_EQ(end_at, whole_at + 29);
}

TEST(Waterfall, NoLineIsWiderThanTheTerminal) {
  SpanMaker maker(31);
  for (int round = 0; round < 300; ++round) {
    SpanBatch batch;
    maker.Fill(batch, 1 + maker.Below(12));
    uint64_t id = 0;
    for (size_t i = 0; i < batch.size; ++i) {
      Span& span = batch.spans[i];
      span.span_id = IdOf<SpanId>(++id);
      span.parent_span_id = IdOf<SpanId>(maker.Below(batch.size + 2));  // chains, circles, itself, nobody
      span.attributes.String("url.path", "/" + maker.Text(200));
      span.attributes.String("wirespan.incomplete", maker.Text(20));
      span.attributes.String("error.type", "€€€" + maker.Text(60));
    }
    ConsoleOptions options;
    options.width = static_cast<int>(60 + maker.Below(120));
    options.unicode = maker.Below(2) == 0;
    const std::string text = Render(batch, options, maker.Below(2) == 0);
    const auto lines = Lines(text);
    ASSERT_EQ(lines.size(), batch.size + 2) << "a span is missing or printed twice\n" << text;
    for (const auto& line : lines) {
      ASSERT_LE(DisplayWidth(line), options.width) << line;
      for (const char c : line) ASSERT_TRUE(static_cast<uint8_t>(c) >= 0x20) << line;
      if (!options.unicode) {
        for (const char c : line) ASSERT_LT(static_cast<uint8_t>(c), 0x7f) << line;
      }
    }
  }
}

TEST(Waterfall, DeepChainsStayBounded) {
  SpanBatch batch;
  for (uint64_t id = 1; id <= 5'000; ++id) Add(batch, id, id - 1, "s", SpanKind::kServer, id, 6'000);
  ConsoleOptions options;
  options.max_trace_spans = 100'000;
  const std::string text = Render(batch, options);
  EXPECT_EQ(Lines(text).size(), 5'002U);
  EXPECT_LT(text.size(), 5'000U * 300U);
  options.max_trace_spans = 10;
  const auto lines = Lines(Render(batch, options));
  ASSERT_EQ(lines.size(), 13U);
  EXPECT_THAT(lines[11], HasSubstr("… 4990 more spans"));
}

TEST(Waterfall, ColoursOnlyWhenAsked) {
  ConsoleOptions options;
  EXPECT_THAT(Render(ShopTrace(), options), Not(HasSubstr("\x1b")));
  options.color = true;
  const std::string colored = Render(ShopTrace(), options);
  EXPECT_THAT(colored, HasSubstr("\x1b[31m"));
  std::string plain;
  for (size_t i = 0; i < colored.size(); ++i) {
    if (colored[i] == '\x1b') {
      i = colored.find('m', i);
    } else {
      plain += colored[i];
    }
  }
  const auto trimmed = [](const std::string& text) {
    std::string out;
    for (std::string line : Lines(text)) {
      line.erase(line.find_last_not_of(' ') + 1);
      out += line + "\n";
    }
    return out;
  };
  options.color = false;
  EXPECT_EQ(trimmed(plain), trimmed(Render(ShopTrace(), options)));  // colour changes nothing else
}

TEST(TextLayout, HostileTextCannotReachTheTerminal) {
  EXPECT_EQ(Printable("a\x1b[2Jb\r\n\xc2\x9b"
                      "c\u202Ed\u200B",
                      true),
            "a?[2Jb???c?d?");
  EXPECT_EQ(Printable("é€", false), "??");
  EXPECT_EQ(Printable("\xff", true), "?");
}

TEST(TextLayout, WidthsAndCuts) {
  EXPECT_EQ(DisplayWidth("abc"), 3);
  EXPECT_EQ(DisplayWidth("é€"), 2);
  EXPECT_EQ(DisplayWidth("日本"), 4);
  EXPECT_EQ(DisplayWidth("e\u0301"), 1);
  EXPECT_EQ(Clip("日本語", 5, true), "日本…");
  EXPECT_EQ(Clip("日本語", 4, true), "日…");
  EXPECT_EQ(Clip("abc", 3, true), "abc");
  EXPECT_EQ(Clip("abcd", 3, false), "ab~");
  EXPECT_EQ(Clip("abc", 0, true), "");
}

TEST(TextLayout, Durations) {
  const std::map<uint64_t, std::string> expected = {{0, "0 ns"},
                                                    {999, "999 ns"},
                                                    {1'000, "1.00 µs"},
                                                    {12'400, "12.4 µs"},
                                                    {999'499, "999 µs"},
                                                    {999'500, "1.00 ms"},
                                                    {3'210'000, "3.21 ms"},
                                                    {99'960'000, "100 ms"},
                                                    {999'600'000, "1.00 s"},
                                                    {59'900'000'000, "59.9 s"},
                                                    {123'000'000'000, "2m03s"}};
  for (const auto& [ns, text] : expected) EXPECT_EQ(FormatDuration(ns, true), text) << ns;
  for (uint64_t ns = 1; ns < UINT64_MAX / 4; ns = ns * 3 / 2 + 1) EXPECT_LE(DisplayWidth(FormatDuration(ns, true)), 8) << ns;
  EXPECT_EQ(FormatDuration(18'600'000'000'000, true), "5h10m");
  EXPECT_EQ(FormatDuration(UINT64_MAX, true), "213503 d");
  EXPECT_EQ(FormatTimeOfDay(1'700'000'000'118'000'000), "22:13:20.118");
}

class ConsoleExporterTest : public testing::Test {
 protected:
  void SetUp() override { ASSERT_EQ(::pipe2(ends_.data(), O_NONBLOCK), 0); }
  void TearDown() override {
    ::close(ends_[0]);
    ::close(ends_[1]);
  }
  std::unique_ptr<SpanExporter> New(ConsoleOptions options) {
    return NewConsoleExporter(OutputFile::Borrow(ends_[1], "pipe"), options);
  }
  std::string Printed() {
    std::string out;
    std::array<char, 65'536> buffer{};
    for (ssize_t count = 1; count > 0;) {
      count = ::read(ends_[0], buffer.data(), buffer.size());
      if (count > 0) out.append(buffer.data(), static_cast<size_t>(count));
    }
    return out;
  }
  std::array<int, 2> ends_{};
};

TEST_F(ConsoleExporterTest, ATraceIsPrintedOnceItsRootIsThereAndGraceIsOver) {
  ConsoleOptions options;
  options.grace = std::chrono::milliseconds(500);
  options.orphan_grace = std::chrono::milliseconds(5'000);
  const auto exporter = New(options);
  SpanBatch child;
  Add(child, 2, 1, "a", SpanKind::kClient, 1, 2);
  const auto before = Clock::now();
  EXPECT_EQ(exporter->Export(child).accepted, 1U);
  exporter->OnTick(before + std::chrono::milliseconds(4'000));
  EXPECT_EQ(Printed(), "");  // its root is still running
  SpanBatch root;
  Add(root, 1, 0, "a", SpanKind::kServer, 0, 3);
  exporter->Export(root);
  exporter->OnTick(Clock::now() + std::chrono::milliseconds(400));
  EXPECT_EQ(Printed(), "");
  exporter->OnTick(Clock::now() + std::chrono::milliseconds(600));
  EXPECT_THAT(Printed(), HasSubstr("2 spans"));
  // What comes later is printed as such.
  exporter->Export(child);
  exporter->OnTick(Clock::now() + std::chrono::milliseconds(600));
  EXPECT_THAT(Printed(), HasSubstr("1 late span"));
}

TEST_F(ConsoleExporterTest, ATraceWithoutRootIsPrintedAfterALongerWait) {
  const auto exporter = New({});
  SpanBatch child;
  Add(child, 2, 1, "a", SpanKind::kClient, 1, 2);
  exporter->Export(child);
  exporter->OnTick(Clock::now() + std::chrono::milliseconds(6'000));
  EXPECT_THAT(Printed(), HasSubstr("1 span ·"));
}

TEST_F(ConsoleExporterTest, FinishPrintsWhatIsHeldBack) {
  const auto exporter = New({});
  exporter->Export(ShopTrace());
  EXPECT_EQ(Printed(), "");
  exporter->Finish();
  EXPECT_THAT(Printed(), HasSubstr("6 spans"));
  exporter->Finish();
  EXPECT_EQ(Printed(), "");
}

TEST_F(ConsoleExporterTest, PastItsBoundTheOldestTraceIsPrintedEarly) {
  ConsoleOptions options;
  options.max_spans = 10;
  const auto exporter = New(options);
  SpanBatch batch;
  for (uint64_t trace = 1; trace <= 12; ++trace) AddSpan(batch, trace, trace, 999, MakeResource(1, "a"));
  EXPECT_EQ(exporter->Export(batch).accepted, 12U);
  const std::string printed = Printed();
  EXPECT_THAT(printed, HasSubstr("00000000000000000000000000000001"));
  EXPECT_THAT(printed, HasSubstr("00000000000000000000000000000002"));
  EXPECT_THAT(printed, Not(HasSubstr("00000000000000000000000000000003")));
  exporter->Finish();
  EXPECT_THAT(Printed(), HasSubstr("0000000000000000000000000000000c"));
}

TEST_F(ConsoleExporterTest, AGoneReaderIsToldOnceAndLaterSpansCounted) {
  const auto exporter = New({});
  ::close(ends_[0]);
  ends_[0] = ::dup(ends_[1]);  // something for TearDown to close
  exporter->Export(ShopTrace());
  exporter->OnTick(Clock::now() + std::chrono::seconds(10));
  EXPECT_EQ(exporter->Export(ShopTrace()).gave_up, 6U);
}

TEST(ConsoleOptions, FollowTheEnvironment) {
  const OutputFile file = OutputFile::Borrow(-1, "none");
  const auto with = [&file](std::map<std::string, std::string> environment) {
    return ConsoleOptionsFor(file, [&environment](const char* name) -> const char* {
      const auto found = environment.find(name);
      return found == environment.end() ? nullptr : found->second.c_str();
    });
  };
  EXPECT_FALSE(with({}).color);
  EXPECT_TRUE(with({}).unicode);
  EXPECT_EQ(with({{"COLUMNS", "132"}}).width, 132);
  EXPECT_EQ(with({{"COLUMNS", "5"}}).width, 60);
  EXPECT_EQ(with({{"COLUMNS", "nonsense"}}).width, 60);
}

}  // namespace
}  // namespace wirespan::exporters::console
