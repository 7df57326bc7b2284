#include "agent/process/selectors.h"

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <thread>

#include "agent/base/unique_fd.h"
#include "tests/unit/process/fake_proc.h"

namespace wirespan::process {
namespace {

using Found = std::vector<uint32_t>;

const std::string kContainer = "4f2d7c1e9b8a6053d1e2f3a4b5c6d7e8091a2b3c4d5e6f708192a3b4c5d6e7f8";

std::string SocketTable(const std::vector<std::pair<uint16_t, uint64_t>>& listening) {
  std::string text = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n";
  for (const auto& [port, inode] : listening) {
    char line[200];
    std::snprintf(line, sizeof line,
                  "   0: 0100007F:%04X 00000000:0000 0A 00000000:00000000 00:00000000 00000000  1000        0 %lu 1 0\n", port,
                  inode);
    text += line;
  }
  // An established connection on the same port is nobody's listening socket.
  text += "   1: 0100007F:1F90 0100007F:C000 01 00000000:00000000 00:00000000 00000000  1000        0 999 1 0\n";
  return text;
}

class SelectorsTest : public ::testing::Test {
 protected:
  SelectorsTest() {
    fake_.Add(100, "/usr/sbin/nginx", {"nginx: master"});
    fake_.Add(101, "/usr/sbin/nginx (deleted)", {"nginx: worker"});
    fake_.Add(102, "/usr/bin/python3.11", {"python3", "shop.py"});
    fake_.Add(103, "", {"hidden"});
    fake_.Add(2, "", {});  // a kernel thread
    fake_.Write("100/net/tcp", SocketTable({{8080, 555}, {443, 556}}));
    fake_.Write("100/net/tcp6", SocketTable({{9090, 557}}));
    fake_.Write("102/net/tcp", SocketTable({{8080, 700}}));
    fake_.Link("102/ns/net", "net:[2]");
    fake_.Link("100/fd/3", "socket:[555]");
    fake_.Link("100/fd/4", "socket:[557]");
    fake_.Link("100/fd/5", "/dev/null");
    fake_.Link("101/fd/3", "socket:[555]");
    fake_.Link("102/fd/9", "socket:[555]");  // the same inode number in another namespace's table means nothing
    fake_.Link("102/fd/8", "socket:[999]");
    fake_.Write("100/cgroup", "5:memory:/shop/web\n0::/system.slice/shop.service\n");
    fake_.Write("101/cgroup", "5:memory:/shop/web/worker\n0::/system.slice/shop.service/sub\n");
    fake_.Write("102/cgroup", "0::/system.slice/shop.service2/docker-" + kContainer + ".scope\n");
  }

  Result<Found> Find(const Selectors& selectors, uint32_t self = 1) const { return Resolve(selectors, fake_.proc(), self); }
  std::string ErrorOf(const Selectors& selectors, uint32_t self = 1) const {
    const auto found = Find(selectors, self);
    return found ? "(none)" : found.error().message();
  }

  FakeProc fake_;
};

TEST_F(SelectorsTest, Pids) {
  EXPECT_EQ(*Find({.pids = {102, 100, 100}}), (Found{100, 102}));
  EXPECT_EQ(ErrorOf({.pids = {100, 4242}}), "--pid 4242: no such process");
  EXPECT_EQ(ErrorOf({.pids = {0}}), "--pid 0: no such process");
  EXPECT_EQ(ErrorOf({.pids = {100}}, 100), "--pid 100: this is wirespan itself");
  fake_.Add(105, "/x", {"x"});
  fake_.Write("105/status", "Name:\tx\nUmask:\t0022\nTgid:\t100\n");
  EXPECT_EQ(ErrorOf({.pids = {105}}), "--pid 105: this is a thread; its process is --pid 100");
}

TEST_F(SelectorsTest, ExecutablesByPathOrLastPart) {
  EXPECT_EQ(*Find({.exes = {"nginx"}}), (Found{100, 101}));
  EXPECT_EQ(*Find({.exes = {"ngin?"}}), (Found{100, 101}));
  EXPECT_EQ(*Find({.exes = {"/usr/sbin/*"}}), (Found{100, 101}));
  EXPECT_EQ(*Find({.exes = {"python3*", "nginx"}}), (Found{100, 101, 102}));
  EXPECT_EQ(*Find({.exes = {"nginx"}}, 100), (Found{101}));  // never itself
  EXPECT_EQ(ErrorOf({.exes = {"apache*"}}),
            "--exe 'apache*': no process matches; 5 processes looked at, 1 of them not readable; run as root, or with "
            "CAP_SYS_PTRACE and CAP_DAC_READ_SEARCH, to see those");
  EXPECT_EQ(ErrorOf({.exes = {"["}}),
            "--exe '[': no process matches; 5 processes looked at, 1 of them not readable; run as root, or with "
            "CAP_SYS_PTRACE and CAP_DAC_READ_SEARCH, to see those");
}

TEST_F(SelectorsTest, ListeningPortsOfTheProcesssOwnNamespace) {
  EXPECT_EQ(*Find({.ports = {8080}}), (Found{100, 101}));
  EXPECT_EQ(*Find({.ports = {9090}}), (Found{100}));
  EXPECT_NE(ErrorOf({.ports = {443}}).find("--port 443 (TCP, listening): no process matches"),
            std::string::npos);  // nobody here holds it
  EXPECT_EQ(ListeningPorts(fake_.proc(), 100), (std::vector<uint16_t>{8080, 9090}));
  EXPECT_TRUE(ListeningPorts(fake_.proc(), 102).empty());
  EXPECT_TRUE(ListeningPorts(fake_.proc(), 4242).empty());
}

TEST_F(SelectorsTest, CgroupsWithTheirSubGroups) {
  EXPECT_EQ(*Find({.cgroups = {"/system.slice/shop.service"}}), (Found{100, 101}));
  EXPECT_EQ(*Find({.cgroups = {"/sys/fs/cgroup/system.slice/shop.service/"}}), (Found{100, 101}));
  EXPECT_EQ(*Find({.cgroups = {"system.slice"}}), (Found{100, 101, 102}));
  EXPECT_EQ(*Find({.cgroups = {"/sys/fs/cgroup/memory/shop/web"}}), (Found{100, 101}));
  EXPECT_EQ(*Find({.cgroups = {"/shop/web/worker"}}), (Found{101}));
  EXPECT_NE(ErrorOf({.cgroups = {"/system.slice/sho"}}).find("--cgroup '/system.slice/sho': no process matches"),
            std::string::npos);
}

TEST_F(SelectorsTest, ContainersByTheBeginningOfTheirId) {
  EXPECT_EQ(*Find({.containers = {"4f2d7c1e9b8a"}}), (Found{102}));
  EXPECT_EQ(*Find({.containers = {kContainer}}), (Found{102}));
  EXPECT_NE(ErrorOf({.containers = {"4f2d7c1e9b8b"}}).find("no process matches"), std::string::npos);
  for (const char* bad : {"4f2", "", "web-1", "4F2D7C1E"}) {
    EXPECT_NE(ErrorOf({.containers = {bad}}).find("not the beginning of a container id"), std::string::npos) << bad;
  }
}

TEST_F(SelectorsTest, EverySelectorMustFindSomething) {
  EXPECT_EQ(*Find({.pids = {102}, .exes = {"nginx"}}), (Found{100, 101, 102}));
  EXPECT_FALSE(Find({.pids = {102}, .exes = {"apache"}}).ok());
  EXPECT_EQ(*Find({}), Found{});
  EXPECT_TRUE(Selectors{}.empty());
}

TEST_F(SelectorsTest, OneProcessIsJudgedAlikeAfterItsExec) {
  const ProcFs proc = fake_.proc();
  EXPECT_TRUE(Matches({.pids = {100}}, proc, 100));
  EXPECT_TRUE(Matches({.exes = {"nginx"}}, proc, 101));
  EXPECT_TRUE(Matches({.ports = {9090}}, proc, 100));
  EXPECT_TRUE(Matches({.cgroups = {"/system.slice/shop.service"}}, proc, 101));
  EXPECT_TRUE(Matches({.containers = {"4f2d7c1e"}}, proc, 102));
  EXPECT_FALSE(
      Matches({.pids = {100}, .exes = {"nginx"}, .ports = {8080}, .cgroups = {"/a"}, .containers = {"4f2d7c1f"}}, proc, 102));
  EXPECT_FALSE(Matches({.pids = {4242}}, proc, 4242));
  EXPECT_FALSE(Matches({}, proc, 100));
}

TEST_F(SelectorsTest, SurvivesBrokenTables) {
  for (const char* table : {"", "\n\n\n", "0A", "a b c 0A 1 2 3 4 5 6", "a b:ZZZZ c 0A 1 2 3 4 5 6", "a b:1F90 c 0A 1 2 3 4 5 -1",
                            "a b:1F90F c 0A 1 2 3 4 5 555"}) {
    fake_.Write("100/net/tcp", table);
    fake_.Write("100/net/tcp6", table);
    EXPECT_TRUE(ListeningPorts(fake_.proc(), 100).empty()) << table;
  }
}

TEST(Selectors, AListeningSocketOfThisProcess) {
  const UniqueFd fd(socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_in6 address{};
  address.sin6_family = AF_INET6;
  address.sin6_addr = in6addr_loopback;
  ASSERT_EQ(bind(fd.get(), reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
  ASSERT_EQ(listen(fd.get(), 1), 0);
  socklen_t size = sizeof address;
  ASSERT_EQ(getsockname(fd.get(), reinterpret_cast<sockaddr*>(&address), &size), 0);
  const uint16_t port = ntohs(address.sin6_port);
  const auto self = static_cast<uint32_t>(getpid());
  const ProcFs proc;
  const auto ports = ListeningPorts(proc, self);
  EXPECT_EQ(std::count(ports.begin(), ports.end(), port), 1);
  EXPECT_TRUE(Matches({.ports = {port}}, proc, self));
}

TEST(Selectors, AThreadOfThisProcessIsNoProcess) {
  uint32_t tid = 0;
  std::string message;
  std::thread([&] {
    tid = static_cast<uint32_t>(gettid());
    const auto found = Resolve({.pids = {tid}}, ProcFs(), 0);
    message = found ? "found" : found.error().message();
  }).join();
  EXPECT_EQ(message, "--pid " + std::to_string(tid) + ": this is a thread; its process is --pid " + std::to_string(getpid()));
}

}  // namespace
}  // namespace wirespan::process
