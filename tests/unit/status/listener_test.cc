// Over real loopback sockets; every port is chosen by the kernel.
#include "agent/status/listener.h"

#include <arpa/inet.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <array>
#include <string>
#include <string_view>

namespace wirespan::status {
namespace {

using std::chrono::milliseconds;
using testing::HasSubstr;
using testing::StartsWith;

UniqueFd Connect(uint16_t port) {
  UniqueFd fd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  EXPECT_EQ(::connect(fd.get(), reinterpret_cast<sockaddr*>(&address), sizeof(address)), 0);
  return fd;
}

std::string ReadAll(int fd) {
  std::string text;
  std::array<char, 4096> block;
  for (ssize_t size = 0; (size = ::recv(fd, block.data(), block.size(), 0)) > 0;)
    text.append(block.data(), static_cast<size_t>(size));
  return text;
}

void SendAll(int fd, std::string_view text) {
  while (!text.empty()) {
    const ssize_t size = ::send(fd, text.data(), text.size(), MSG_NOSIGNAL);
    if (size <= 0) return;  // the other side has had enough
    text.remove_prefix(static_cast<size_t>(size));
  }
}

class ListenerTest : public testing::Test {
 protected:
  explicit ListenerTest(ListenerOptions options = QuickOptions()) {
    Result<std::unique_ptr<Listener>> opened = Listener::Open({"127.0.0.1", 0}, options);
    EXPECT_TRUE(opened.ok());
    listener_ = *std::move(opened);
    listener_->Serve(board_);
  }
  static ListenerOptions QuickOptions() {
    ListenerOptions options;
    options.snapshot_patience = milliseconds(1);
    return options;
  }
  std::string Ask(std::string_view request) const {
    const UniqueFd fd = Connect(listener_->port());
    SendAll(fd.get(), request);
    return ReadAll(fd.get());
  }
  std::string Get(const std::string& path, const std::string& headers = {}) const {
    return Ask("GET " + path + " HTTP/1.1\r\nHost: t\r\n" + headers + "\r\n");
  }
  void PublishOneLoss() {
    auto snapshot = std::make_shared<Snapshot>();
    snapshot->own.push_back(FamilyOf(kLosses));
    snapshot->own.back().samples.push_back({{{"reason", "x"}}, 1});
    board_.Publish(std::move(snapshot));
  }

  SystemClock clock_;
  StatusBoard board_{clock_};
  std::unique_ptr<Listener> listener_;
};

TEST_F(ListenerTest, HealthAndReadinessFollowTheBoard) {
  EXPECT_THAT(Get("/healthz"), StartsWith("HTTP/1.1 200"));
  EXPECT_THAT(Get("/readyz"), StartsWith("HTTP/1.1 503"));
  board_.Enter(Stage::kReady);
  EXPECT_THAT(Get("/readyz"), StartsWith("HTTP/1.1 200"));
  const std::string silent = Get("/healthz");  // it has never beaten
  EXPECT_THAT(silent, StartsWith("HTTP/1.1 503"));
  EXPECT_THAT(silent, HasSubstr("the main thread has made no progress"));
  board_.Beat({clock_.BootNs(), "assemble", clock_.BootNs()});
  EXPECT_THAT(Get("/healthz"), testing::AllOf(StartsWith("HTTP/1.1 200"), testing::EndsWith("\r\n\r\nok\n")));
}

TEST_F(ListenerTest, MetricsInTheFormatThatIsAskedFor) {
  EXPECT_THAT(Get("/metrics"), StartsWith("HTTP/1.1 503"));
  PublishOneLoss();
  const std::string text = Get("/metrics");
  EXPECT_THAT(text, HasSubstr("Content-Type: text/plain; version=0.0.4; charset=utf-8\r\n"));
  EXPECT_THAT(text, HasSubstr("\nwirespan_losses_total{reason=\"x\"} 1\n"));
  const std::string open_metrics = Get("/metrics?x=y", "Accept: application/openmetrics-text\r\n");
  EXPECT_THAT(open_metrics, HasSubstr("Content-Type: application/openmetrics-text; version=1.0.0; charset=utf-8\r\n"));
  EXPECT_THAT(open_metrics, testing::EndsWith("# EOF\n"));
}

TEST_F(ListenerTest, HeadHasNoBodyAndOthersAreRefused) {
  EXPECT_THAT(Ask("HEAD /healthz HTTP/1.1\r\nHost: t\r\n\r\n"),
              testing::AllOf(StartsWith("HTTP/1.1 200"), testing::EndsWith("\r\n\r\n")));
  const std::string refused = Ask("POST /metrics HTTP/1.1\r\nHost: t\r\nContent-Length: 3\r\n\r\nabc");
  EXPECT_THAT(refused, StartsWith("HTTP/1.1 405"));
  EXPECT_THAT(refused, HasSubstr("Allow: GET, HEAD\r\n"));
  EXPECT_THAT(Get("/etc/passwd"), StartsWith("HTTP/1.1 404"));
  EXPECT_THAT(Get("/../healthz"), StartsWith("HTTP/1.1 404"));
}

TEST_F(ListenerTest, RangesAreNotFollowed) {
  PublishOneLoss();
  std::string ranges = "Range: bytes=0-";
  for (int i = 0; i < 500; ++i) ranges += ",0-";
  const std::string answer = Get("/metrics", ranges + "\r\n");
  EXPECT_LT(answer.size(), 2'000U);
  EXPECT_THAT(answer, StartsWith("HTTP/1.1 200"));
}

// Whatever is sent, it ends, and the next one is served.
TEST_F(ListenerTest, HostileRequestsEndAndDoNoHarm) {
  const std::string long_line(100'000, 'a');
  std::string many_headers = "GET /healthz HTTP/1.1\r\n";
  for (int i = 0; i < 5'000; ++i) many_headers += "H" + std::to_string(i) + ": v\r\n";
  std::string long_range = "GET /healthz HTTP/1.1\r\nRange: bytes=";
  for (int i = 0; i < 2'000; ++i) long_range += "0-9,";
  for (const std::string& request :
       {std::string("\r\n\r\n"), std::string(1, '\0'), std::string("GET\r\n\r\n"), "GET /" + long_line + " HTTP/1.1\r\n\r\n",
        long_line, many_headers + "\r\n", long_range + "\r\n\r\n", std::string("GET /%zz%00%ff HTTP/1.1\r\n\r\n"),
        std::string("GET /healthz HTTP/9.9\r\n\r\n"), std::string("GET http://[:::/ HTTP/1.1\r\n\r\n"),
        std::string("GET /metrics HTTP/1.1\r\nContent-Length: 99999999999999999999\r\n\r\n"),
        std::string("\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", 11)}) {
    const UniqueFd fd = Connect(listener_->port());
    SendAll(fd.get(), request);
    ::shutdown(fd.get(), SHUT_WR);
    ReadAll(fd.get());
    EXPECT_THAT(Get("/healthz"), StartsWith("HTTP/1.1 200")) << testing::PrintToString(request.substr(0, 40));
  }
}

class SlowClientTest : public ListenerTest {
 protected:
  SlowClientTest() : ListenerTest(Options()) {}
  static ListenerOptions Options() {
    ListenerOptions options = QuickOptions();
    options.deadline = milliseconds(100);
    return options;
  }
};

TEST_F(SlowClientTest, SilentConnectionsAreClosedAtTheDeadline) {
  std::vector<UniqueFd> silent;
  for (size_t i = 0; i < 2 * Options().threads; ++i) silent.push_back(Connect(listener_->port()));
  EXPECT_THAT(Get("/healthz"), StartsWith("HTTP/1.1 200"));  // after two deadlines at the most
  for (const UniqueFd& fd : silent) EXPECT_EQ(ReadAll(fd.get()).find("200 OK"), std::string::npos);
}

class StuckClientTest : public ListenerTest {
 protected:
  StuckClientTest() : ListenerTest(Options()) {}
  static ListenerOptions Options() {
    ListenerOptions options;
    options.deadline = std::chrono::hours(1);
    options.snapshot_patience = std::chrono::hours(1);
    return options;
  }
};

// The test's own time limit is what fails here: without care, Stop would last an hour.
TEST_F(StuckClientTest, StopWaitsForNobody) {
  const UniqueFd silent = Connect(listener_->port());
  const UniqueFd half = Connect(listener_->port());
  SendAll(half.get(), "GET /healthz HTTP/1.1\r\nHos");
  const UniqueFd waits_for_a_snapshot = Connect(listener_->port());
  SendAll(waits_for_a_snapshot.get(), "GET /metrics HTTP/1.1\r\n\r\n");
  while (!board_.wants_snapshot()) std::this_thread::yield();
  board_.Enter(Stage::kEnding);
  listener_->Stop();
  listener_->Stop();
}

TEST(ListenerOpen, ATakenPortIsSaidInOneLine) {
  const Result<std::unique_ptr<Listener>> first = Listener::Open({"127.0.0.1", 0});
  ASSERT_TRUE(first.ok());
  EXPECT_EQ((*first)->url(), "http://127.0.0.1:" + std::to_string((*first)->port()));
  const Result<std::unique_ptr<Listener>> second = Listener::Open({"127.0.0.1", (*first)->port()});
  ASSERT_FALSE(second.ok());
  EXPECT_THAT(second.error().message(), HasSubstr("--status-listen: listen on 127.0.0.1:" + std::to_string((*first)->port())));
  EXPECT_THAT(second.error().message(), HasSubstr("already in use"));
  EXPECT_EQ(second.error().message().find('\n'), std::string::npos);
}

TEST(ListenerOpen, AnAddressThatIsNotOursAndANameThatIsNone) {
  const Result<std::unique_ptr<Listener>> foreign = Listener::Open({"192.0.2.1", 0});  // RFC 5737: documentation
  ASSERT_FALSE(foreign.ok());
  EXPECT_THAT(foreign.error().message(), HasSubstr("no interface of this machine"));
  const Result<std::unique_ptr<Listener>> nameless = Listener::Open({"256.0.0.1.invalid", 0});
  ASSERT_FALSE(nameless.ok());
  EXPECT_THAT(nameless.error().message(), StartsWith("--status-listen: listen on 256.0.0.1.invalid:0: "));
}

}  // namespace
}  // namespace wirespan::status
