#include "agent/process/sockets.h"

#include <arpa/inet.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include <cstdio>
#include <string>

#include "agent/base/unique_fd.h"
#include "tests/unit/process/fake_proc.h"

namespace wirespan::process {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::UnorderedElementsAre;
using Connection = ExistingSockets::Connection;
using Listener = ExistingSockets::Listener;

constexpr const char* kHead =
    "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n";
constexpr const char* kLoopback = "0100007F";
constexpr const char* kAny = "00000000";
constexpr const char* kOther = "0200007F";

std::string Line(const std::string& local, uint16_t local_port, const std::string& peer, uint16_t peer_port, int state,
                 uint64_t inode) {
  char text[300];
  std::snprintf(text, sizeof text,
                "   0: %s:%04X %s:%04X %02X 00000000:00000000 00:00000000 00000000  1000        0 %lu 1 00 100\n", local.c_str(),
                local_port, peer.c_str(), peer_port, static_cast<unsigned>(state), inode);
  return text;
}
std::string Listening(const std::string& local, uint16_t port, uint64_t inode) { return Line(local, port, kAny, 0, 10, inode); }

TEST(TcpLine, Ipv4InTheKernelsOwnWords) {
  // As Linux 6.1 prints it.
  const auto socket = ParseTcpLine(
      "   5: 0100007F:1F90 0200007F:C001 01 00000000:00000000 00:00000000 00000000     0        0 12345 1 0000000000000000 20 4 "
      "30 10 -1");
  ASSERT_TRUE(socket.has_value());
  EXPECT_THAT(socket->local.address, ElementsAre(0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 127, 0, 0, 1));
  EXPECT_THAT(socket->peer.address, ElementsAre(0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 127, 0, 0, 2));
  EXPECT_EQ(socket->local.port, 8080);
  EXPECT_EQ(socket->peer.port, 49153);
  EXPECT_EQ(socket->state, TcpSocket::kEstablished);
  EXPECT_EQ(socket->inode, 12345U);
  EXPECT_FALSE(socket->local.is_wildcard());
}

TEST(TcpLine, Ipv6) {
  const auto socket = ParseTcpLine(
      "   0: B80D0120000000000000000001000000:0050 00000000000000000000000000000000:0000 0A 00000000:00000000 00:00000000 "
      "00000000"
      "     0        0 7 1 0 100 0 0 10 0");
  ASSERT_TRUE(socket.has_value());
  EXPECT_THAT(socket->local.address, ElementsAre(0x20, 0x01, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1));
  EXPECT_TRUE(socket->peer.is_wildcard());
  EXPECT_EQ(socket->state, TcpSocket::kListen);
}

TEST(TcpLine, EveryPrefixOfALineIsNoneOrTheWholeOfIt) {
  const std::string line = Line(kLoopback, 8080, kOther, 49153, 1, 12345);
  const size_t whole = line.find("12345") + 5;
  for (size_t size = 0; size <= line.size(); ++size) {
    const auto socket = ParseTcpLine(line.substr(0, size));
    EXPECT_EQ(socket.has_value(), size > whole) << size;
    EXPECT_EQ(socket ? socket->inode : 12345U, 12345U);
  }
}

TEST(TcpLine, WhatIsNone) {
  for (const char* line : {"", " ", kHead, "0: 0100007F:1F90", "0: 100007F:1F90 0100007F:1 01 a b c d e 5 1",
                           "0: 0100007F1F90 0100007F:1 01 a b c d e 5 1", "0: 0100007G:1F90 0100007F:1 01 a b c d e 5 1",
                           "0: 0100007F:1F90F 0100007F:1 01 a b c d e 5 1", "0: 0100007F:-1 0100007F:1 01 a b c d e 5 1",
                           "0: 0100007F:1 0100007F:1 101 a b c d e 5 1", "0: 0100007F:1 0100007F:1 01 a b c d e -5 1",
                           "0: 0100007F:1 0100007F:1 01 a b c d e 99999999999999999999999 1",
                           "0: 0100007F0100007F:1 0100007F:1 01 a b c d e 5 1", "0: :1 :1 01 a b c d e 5 1"}) {
    EXPECT_FALSE(ParseTcpLine(line).has_value()) << line;
  }
}

class ExistingSocketsTest : public testing::Test {
 protected:
  void SetUp() override { Process(100, 1, {11, 12, 13, 14, 15, 16, 17}); }
  void Process(uint32_t tgid, uint64_t net_namespace, const std::vector<uint64_t>& inodes) const {
    const std::string folder = std::to_string(tgid);
    fake_.Add(tgid, "/bin/x", {"x"});
    fake_.Link(folder + "/ns/net", "net:[" + std::to_string(net_namespace) + "]");
    int fd = 3;
    for (const uint64_t inode : inodes)
      fake_.Link(folder + "/fd/" + std::to_string(fd++), "socket:[" + std::to_string(inode) + "]");
    fake_.Link(folder + "/fd/0", "/dev/null");
  }
  void Tcp(uint32_t tgid, const std::string& lines) const { fake_.Write(std::to_string(tgid) + "/net/tcp", kHead + lines); }
  void Tcp6(uint32_t tgid, const std::string& lines) const { fake_.Write(std::to_string(tgid) + "/net/tcp6", kHead + lines); }
  ExistingSockets Find(const std::vector<uint32_t>& tgids = {100}) const { return FindExistingSockets(fake_.proc(), tgids); }

  FakeProc fake_;
};

TEST_F(ExistingSocketsTest, RolesAreToldByWhoListens) {
  Tcp(100, Listening(kAny, 80, 11) + Listening(kLoopback, 9000, 999) +  // somebody else's
               Line(kLoopback, 80, kLoopback, 40000, 1, 12) +           // accepted on 80
               Line(kLoopback, 40001, kLoopback, 9000, 8, 13) +         // connected to 9000, which the peer has closed
               Line(kLoopback, 40002, kOther, 9000, 1, 14) +            // 9000 of another address: nobody listens there
               Line(kLoopback, 80, kLoopback, 9000, 1, 15) +            // both could be
               Line(kLoopback, 80, kLoopback, 40003, 6, 16) +           // TIME_WAIT
               Line(kLoopback, 80, kLoopback, 40004, 1, 888));          // not ours
  const ExistingSockets found = Find();
  EXPECT_THAT(found.listeners, ElementsAre(Listener{1, 80}));
  EXPECT_THAT(found.connections, UnorderedElementsAre(Connection{12, true}, Connection{13, false}));
  EXPECT_EQ(found.unreadable, 0U);
}

TEST_F(ExistingSocketsTest, ADualStackListenerAcceptsIpv4) {
  const std::string any6(32, '0');
  const std::string mapped = "0000000000000000FFFF0000";
  Tcp6(100, Listening(any6, 80, 11) + Line(mapped + kLoopback, 80, mapped + kLoopback, 40000, 1, 12));
  Tcp(100, "");
  const ExistingSockets found = Find();
  EXPECT_THAT(found.listeners, ElementsAre(Listener{1, 80}));
  EXPECT_THAT(found.connections, ElementsAre(Connection{12, true}));
}

TEST_F(ExistingSocketsTest, EachProcessInItsOwnNetworkNamespace) {
  Process(200, 2, {12});
  Process(201, 2, {21});
  Tcp(100, Listening(kAny, 80, 11));
  Tcp(200, Line(kLoopback, 80, kLoopback, 40000, 1, 12) + Listening(kAny, 81, 21));
  // Read through 200, the first of that namespace; what 201 would say is not asked.
  Tcp(201, Listening(kAny, 80, 77));
  const ExistingSockets found = Find({100, 200, 201});
  EXPECT_THAT(found.listeners, ElementsAre(Listener{1, 80}, Listener{2, 81}));
  EXPECT_THAT(found.connections, IsEmpty());  // nobody listens on port 80 there
}

TEST_F(ExistingSocketsTest, ASharedSocketIsToldOnce) {
  Process(101, 1, {11, 12});
  Tcp(100, Listening(kAny, 80, 11) + Line(kLoopback, 80, kLoopback, 40000, 1, 12));
  const ExistingSockets found = Find({100, 101});
  EXPECT_THAT(found.listeners, ElementsAre(Listener{1, 80}));
  EXPECT_THAT(found.connections, ElementsAre(Connection{12, true}));
}

TEST_F(ExistingSocketsTest, WhatIsGoneIsNothingAndWhatCannotBeReadIsCounted) {
  EXPECT_EQ(Find({4242}).unreadable, 0U);
  EXPECT_EQ(Find({100}).unreadable, 1U);  // no tables
  Process(101, 1, {11});
  std::filesystem::remove_all(fake_.root() / "101/fd");
  EXPECT_EQ(Find({101}).unreadable, 1U);
  EXPECT_EQ(OpenSockets(fake_.proc(), std::vector<uint32_t>{101}), std::nullopt);
  EXPECT_THAT(*OpenSockets(fake_.proc(), std::vector<uint32_t>{100, 4242}), UnorderedElementsAre(11, 12, 13, 14, 15, 16, 17));
}

TEST_F(ExistingSocketsTest, TheSameSocketsAsThisProcessHas) {
  const auto loopback = [](int fd) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    EXPECT_EQ(::bind(fd, reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
    EXPECT_EQ(::listen(fd, 4), 0);
    socklen_t size = sizeof address;
    EXPECT_EQ(::getsockname(fd, reinterpret_cast<sockaddr*>(&address), &size), 0);
    return address;
  };
  const auto inode_of = [](const UniqueFd& fd) {
    struct stat status {};
    EXPECT_EQ(::fstat(fd.get(), &status), 0);
    return static_cast<uint64_t>(status.st_ino);
  };
  const UniqueFd listener(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  const sockaddr_in address = loopback(listener.get());
  const UniqueFd client(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  ASSERT_EQ(::connect(client.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address), 0);
  const UniqueFd server(::accept4(listener.get(), nullptr, nullptr, SOCK_CLOEXEC));
  ASSERT_TRUE(server.ok());
  const ExistingSockets found = FindExistingSockets(ProcFs(), std::vector<uint32_t>{static_cast<uint32_t>(::getpid())});
  EXPECT_THAT(found.connections,
              testing::IsSupersetOf({Connection{inode_of(server), true}, Connection{inode_of(client), false}}));
  ASSERT_FALSE(found.listeners.empty());
  EXPECT_EQ(found.listeners[0].port, ntohs(address.sin_port));
  EXPECT_GT(found.listeners[0].net_namespace, 0U);
}

}  // namespace
}  // namespace wirespan::process
