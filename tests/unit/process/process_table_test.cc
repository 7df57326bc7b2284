#include "agent/process/process_table.h"

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <fstream>
#include <random>
#include <thread>

#include "agent/process/go_binary.h"
#include "tests/unit/process/fake_proc.h"

namespace wirespan::process {
namespace {

std::string Attribute(const exporters::Resource& resource, std::string_view key) {
  const auto found = resource.attributes.Find(key);
  if (!found) return "(absent)";
  return found->type == exporters::AttributeView::Type::kInt ? std::to_string(found->int_value)
                                                             : std::string(found->string_value);
}

class ProcessTableTest : public ::testing::Test {
 protected:
  ProcessTableTest() {
    fake_.Write("passwd", "root:x:0:0::/:/bin/sh\nbroken\n:x:abc\nme:x:" + std::to_string(getuid()) + ":1::/:\n");
  }
  ProcessTable Table(size_t max_processes = 100) const {
    return ProcessTable(
        fake_.proc(), HostFacts{},
        {.max_processes = max_processes, .agent_version = "1", .passwd_path = (fake_.root() / "passwd").string()});
  }
  FakeProc fake_;
};

TEST_F(ProcessTableTest, ReadsAProcessOnceAndGivesTheSameObject) {
  fake_.Add(10, "/usr/bin/python3", {"python3", "shop.py"}, {"OTEL_RESOURCE_ATTRIBUTES=service.version=7", "SECRET=hidden"});
  ProcessTable table = Table();
  const auto first = table.ResourceOf(10);
  EXPECT_EQ(first->service_name, "shop");
  EXPECT_EQ(Attribute(*first, "service.version"), "7");
  EXPECT_EQ(Attribute(*first, "process.owner"), getuid() == 0 ? "root" : "me");
  EXPECT_EQ(first->attributes.wire().find("hidden"), std::string::npos);
  EXPECT_EQ(table.ResourceOf(10), first);
  EXPECT_EQ(table.counts().read, 1U);
  EXPECT_EQ(table.counts().unreadable, 0U);
}

TEST_F(ProcessTableTest, AProcessThatIsGoneIsUnknownAndCounted) {
  ProcessTable table = Table();
  const auto resource = table.ResourceOf(77);
  ASSERT_NE(resource, nullptr);
  EXPECT_EQ(resource->service_name, "unknown_service");
  EXPECT_EQ(Attribute(*resource, "process.pid"), "77");
  EXPECT_EQ(table.counts().unreadable, 1U);
}

TEST_F(ProcessTableTest, ExecReadsAnewAtOnceAndGivesAnotherObject) {
  fake_.Add(10, "/bin/sh", {"sh", "-c", "exec shop"});
  ProcessTable table = Table();
  const auto before = table.ResourceOf(10);
  EXPECT_EQ(before->service_name, "sh");
  fake_.Add(10, "/srv/shop", {"shop"});
  table.Execed(10, "shop");
  fake_.Remove(10);  // what was read at the exec is what counts, however short the process lived
  table.Exited(10);
  const auto after = table.ResourceOf(10);
  EXPECT_EQ(after->service_name, "shop");
  EXPECT_NE(after->id, before->id);
  EXPECT_EQ(before->service_name, "sh");  // spans that hold it keep it
}

TEST_F(ProcessTableTest, AnExecSeenTooLateIsNamedByTheKernelsName) {
  ProcessTable table = Table();
  table.Execed(10, "curl");
  EXPECT_EQ(table.ResourceOf(10)->service_name, "curl");
}

TEST_F(ProcessTableTest, AnEndedProcessKeepsItsAnswerUntilItsNumberIsAnothers) {
  fake_.Add(10, "/srv/shop", {"shop"}, {}, 500);
  ProcessTable table = Table();
  const auto shop = table.ResourceOf(10);
  table.Exited(10);
  EXPECT_EQ(table.ResourceOf(10), shop);  // a zombie: still there
  fake_.Remove(10);
  EXPECT_EQ(table.ResourceOf(10), shop);
  fake_.Add(10, "/srv/other", {"other"}, {}, 900);
  EXPECT_EQ(table.ResourceOf(10)->service_name, "other");
}

TEST_F(ProcessTableTest, AForkedChildHasItsParentsNameAndItsOwnNumber) {
  fake_.Add(10, "/usr/bin/python3", {"python3", "/usr/bin/gunicorn", "shop.wsgi:app"});
  ProcessTable table = Table();
  const auto parent = table.ResourceOf(10);
  EXPECT_EQ(parent->service_name, "shop");
  table.Forked(10, 11);
  fake_.Add(11, "/usr/bin/python3", {"a title of its own"});
  const auto child = table.ResourceOf(11);
  EXPECT_EQ(child->service_name, "shop");
  EXPECT_EQ(Attribute(*child, "process.pid"), "11");
  EXPECT_NE(Attribute(*child, "service.instance.id"), Attribute(*parent, "service.instance.id"));
  // One that ended before anybody looked.
  table.Forked(10, 12);
  table.Exited(12);
  EXPECT_EQ(table.ResourceOf(12)->service_name, "shop");
  EXPECT_EQ(Attribute(*table.ResourceOf(12), "process.pid"), "12");
  // One that runs another program, though its exec was not told.
  table.Forked(10, 13);
  fake_.Add(13, "/bin/date", {"date"});
  EXPECT_EQ(table.ResourceOf(13)->service_name, "date");
  // The child of a child.
  table.Forked(11, 14);
  EXPECT_EQ(table.ResourceOf(14)->service_name, "shop");
}

TEST_F(ProcessTableTest, AForkOfAnUnknownParentOverAnOldNumberIsReadAnew) {
  fake_.Add(10, "/srv/old", {"old"}, {}, 500);
  ProcessTable table = Table();
  EXPECT_EQ(table.ResourceOf(10)->service_name, "old");
  fake_.Add(10, "/srv/new", {"new"}, {}, 900);
  table.Forked(99, 10);
  EXPECT_EQ(table.ResourceOf(10)->service_name, "new");
}

TEST_F(ProcessTableTest, IsBoundedAndCountsWhatItForgets) {
  ProcessTable table = Table(3);
  for (uint32_t tgid = 10; tgid < 15; ++tgid) fake_.Add(tgid, "/srv/p" + std::to_string(tgid), {"p"});
  for (uint32_t tgid = 10; tgid < 13; ++tgid) table.ResourceOf(tgid);
  const auto kept = table.ResourceOf(10);  // asked for again: 11 is the oldest now
  table.ResourceOf(13);
  EXPECT_EQ(table.counts().evicted, 1U);
  EXPECT_EQ(table.counts().held, 3U);
  EXPECT_EQ(table.counts().read, 4U);
  EXPECT_EQ(table.ResourceOf(10), kept);
  EXPECT_EQ(table.counts().read, 4U);
  table.ResourceOf(11);
  EXPECT_EQ(table.counts().read, 5U);
  for (uint32_t child = 100; child < 200; ++child) table.Forked(10, child);
  EXPECT_EQ(table.counts().held, 3U);
}

TEST_F(ProcessTableTest, AHostileProcessIsBounded) {
  fake_.Add(10, "/usr/bin/python3", {"python3", std::string(900'000, 'a') + ".py"},
            {std::string(3'000'000, 'E'), "OTEL_SERVICE_NAME=beyond what is read"}, 5, "a) b (c\n\xff) S 1");
  fake_.Write("10/cgroup", std::string(5'000'000, ':'));
  fake_.Write("10/mountinfo", std::string(5'000'000, ' '));
  const auto facts = ReadProcessFacts(fake_.proc(), 10);
  ASSERT_TRUE(facts);
  EXPECT_EQ(facts->start_ticks, 5U);
  EXPECT_LE(facts->service_name.size(), kMaxServiceNameBytes);
  EXPECT_EQ(facts->environment, "");
  EXPECT_LE(facts->arguments.size(), 1U);
  EXPECT_TRUE(facts->cgroup.empty() && facts->mount_info.empty());
}

TEST_F(ProcessTableTest, UnreadableFilesLeaveWhatIsKnown) {
  fake_.Write("10/stat", "10 (kworker/0:1) I 2 0 0 0 -1 0 0 0 0 0 0 0 0 0 20 0 1 0 17 0 0\n");
  ProcessTable table = Table();
  EXPECT_EQ(table.ResourceOf(10)->service_name, "kworker/0:1");
  fake_.Write("11/stat", "11 (x");
  EXPECT_EQ(table.ResourceOf(11)->service_name, "unknown_service");
}

TEST_F(ProcessTableTest, UsersOfContainersAreNotTheHosts) {
  fake_.Add(10, "/srv/shop", {"shop"});
  fake_.Write("10/cgroup", "0::/system.slice/docker-" + std::string(64, 'a') + ".scope\n");
  ProcessTable table = Table();
  EXPECT_EQ(Attribute(*table.ResourceOf(10), "process.owner"), std::to_string(getuid()));
}

TEST_F(ProcessTableTest, ManyThreadsAskAndTellAtOnce) {
  for (uint32_t tgid = 10; tgid < 30; ++tgid) fake_.Add(tgid, "/srv/p" + std::to_string(tgid), {"p"});
  ProcessTable table = Table(16);
  std::atomic<bool> all_answered = true;
  std::vector<std::thread> threads;
  for (unsigned seed = 0; seed < 4; ++seed) {
    threads.emplace_back([&table, &all_answered, seed] {
      std::mt19937 random(seed);
      for (int i = 0; i < 300; ++i) {
        const uint32_t tgid = 10 + static_cast<uint32_t>(random() % 25);
        switch (random() % 5) {
          case 0:
            table.Execed(tgid, "x");
            break;
          case 1:
            table.Exited(tgid);
            break;
          case 2:
            table.Forked(tgid, 10 + static_cast<uint32_t>(random() % 25));
            break;
          default:
            if (table.ResourceOf(tgid) == nullptr) all_answered = false;
        }
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_TRUE(all_answered);
  EXPECT_LE(table.counts().held, 16U);
}

TEST(ProcessTable, KnowsThisVeryProcess) {
  ProcessTable table(ProcFs(), ReadHostFacts(), {});
  const auto resource = table.ResourceOf(static_cast<uint32_t>(getpid()));
  EXPECT_EQ(resource->service_name, "process_test");
  EXPECT_EQ(Attribute(*resource, "process.pid"), std::to_string(getpid()));
  EXPECT_EQ(Attribute(*resource, "process.executable.name"), "process_test");
  EXPECT_NE(Attribute(*resource, "process.creation.time"), "(absent)");
  EXPECT_NE(Attribute(*resource, "host.name"), "(absent)");
}

TEST(GoBinary, IsToldByItsSections) {
  EXPECT_FALSE(IsGoExecutable("/proc/self/exe"));
  EXPECT_FALSE(IsGoExecutable("/nowhere"));
  EXPECT_FALSE(IsGoExecutable("/dev/zero"));
  EXPECT_FALSE(IsGoExecutable("/"));
}

// This binary with one of its section names changed to Go's, and then with every header byte in turn made hostile.
TEST(GoBinary, SurvivesAnyHeader) {
  std::ifstream self("/proc/self/exe", std::ios::binary);
  std::string bytes((std::istreambuf_iterator<char>(self)), std::istreambuf_iterator<char>());
  const FakeProc fake;
  const std::string path = (fake.root() / "binary").string();
  const std::string_view name = ".gnu.version_r";  // as long as ".go.buildinfo" and one more
  const size_t place = bytes.rfind(name);
  ASSERT_NE(place, std::string::npos);
  std::string changed = bytes;
  changed.replace(place, name.size(), std::string(".go.buildinfo\0", 14));
  fake.Write("binary", changed);
  EXPECT_TRUE(IsGoExecutable(path));
  fake.Write("binary", changed.substr(0, 64));
  EXPECT_FALSE(IsGoExecutable(path));
  std::mt19937 random(3);
  for (int i = 0; i < 64; ++i) {
    std::fstream file(path, std::ios::binary | std::ios::in | std::ios::out);
    file.seekp(i);
    file.put(static_cast<char>(random()));
    file.close();
    (void)IsGoExecutable(path);
  }
}

TEST(ProcStat, TheNameMayHoldAnything) {
  const auto stat = ParseStat("7 (a) b) R 3) S 42 1 1 0 -1 0 0 0 0 0 0 0 0 0 20 0 1 0 991 0\n");
  ASSERT_TRUE(stat);
  EXPECT_EQ(stat->comm, "a) b) R 3");
  EXPECT_EQ(stat->state, 'S');
  EXPECT_EQ(stat->parent, 42U);
  EXPECT_EQ(stat->start_ticks, 991U);
  for (const char* text :
       {"", "7", "7 (a", "7 a) S 1", "7 (a) S", "7 (a) S x 1", ")(", "7 (a) S 1 1 1 0 -1 0 0 0 0 0 0 0 0 0 20 0 1 0 x"}) {
    EXPECT_FALSE(ParseStat(text)) << text;
  }
}

}  // namespace
}  // namespace wirespan::process
