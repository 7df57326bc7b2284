#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <random>
#include <sstream>
#include <thread>

#include "agent/recording/reader.h"
#include "agent/recording/settings.h"
#include "agent/recording/writer.h"
#include "tests/unit/support/event_maker.h"
#include "tests/unit/support/shard_harness.h"

namespace wirespan::testing {
namespace {

using recording::RecordingReader;
using recording::RecordingWriter;
using Next = RecordingReader::Next;

class Folder {
 public:
  Folder() {
    std::string pattern = (std::filesystem::temp_directory_path() / "wscap.XXXXXX").string();
    path_ = mkdtemp(pattern.data());
  }
  ~Folder() { std::filesystem::remove_all(path_); }
  std::string File(const std::string& name) const { return path_ + "/" + name; }

 private:
  std::string path_;
};

std::string ReadFile(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  std::stringstream text;
  text << in.rdbuf();
  return text.str();
}
void WriteFile(const std::string& path, std::string_view bytes) { std::ofstream(path, std::ios::binary) << bytes; }

recording::CaptureHeader Header() {
  recording::CaptureHeader header;
  header.unix_minus_boot_ns = 1'700'000'000'000'000'000;
  header.id_key = {1, 2, 3};
  header.jiffies_per_second = 250;
  header.host_name = "host";
  header.kernel = "6.1";
  return header;
}

std::vector<Record> Conversation(uint64_t inode, uint32_t tgid, int exchanges) {
  EventMaker end(inode, WS_ROLE_SERVER, tgid);
  std::vector<Record> records{end.Opened()};
  for (int i = 0; i < exchanges; ++i) {
    records.push_back(end.Request(Get("/r" + std::to_string(i))));
    records.push_back(end.Response(Ok("odd")));  // not a multiple of eight
  }
  records.push_back(end.Closed());
  return records;
}

void Append(RecordingWriter& writer, uint32_t ring, const std::vector<Record>& records) {
  for (const Record& record : records) writer.Append(ring, std::span<const std::byte>(record));
}

struct Content {
  std::map<uint32_t, std::vector<Record>> rings;
  std::vector<std::string> order;  // "process 5", "record", "losses"
  recording::CounterList losses;
  Next end = Next::kEnd;
  std::string problem;
};

Content ReadAll(const std::string& path) {
  Content content;
  auto reader = RecordingReader::Open(path);
  if (!reader) {
    content.end = Next::kDamaged;
    content.problem = reader.error().message();
    return content;
  }
  std::span<const std::byte> record;
  while (true) {
    const Next next = (*reader)->Read(record);
    if (next == Next::kRecord) {
      content.rings[(*reader)->ring()].emplace_back(record.begin(), record.end());
      content.order.emplace_back("record");
    } else if (next == Next::kProcess) {
      content.order.push_back("process " + std::to_string((*reader)->process().tgid) + " " + (*reader)->process().service_name);
    } else if (next == Next::kTick || next == Next::kLossNoted) {
      content.order.push_back((next == Next::kTick ? "tick " : "loss noted ") + std::to_string((*reader)->ring()) + " at " +
                              std::to_string((*reader)->time_ns()));
    } else if (next == Next::kLosses) {
      content.losses = (*reader)->losses();
      content.order.emplace_back("losses");
    } else {
      content.end = next;
      content.problem = (*reader)->problem();
      return content;
    }
  }
}

TEST(Recording, WhatIsWrittenIsReadBackRingByRingWithItsProcessesFirst) {
  Folder folder;
  FixedResources resources;
  auto writer = RecordingWriter::Create(folder.File("a.wscap"), Header(), 5, resources);
  ASSERT_TRUE(writer.ok());
  const auto one = Conversation(1, 100, 3);
  const auto two = Conversation(2, 200, 3);
  Append(**writer, 0, one);
  Append(**writer, 3, two);
  ASSERT_TRUE((*writer)->Finish({{"ring_full", 7}}, 9).ok());
  EXPECT_EQ((*writer)->counters().records, one.size() + two.size());
  EXPECT_EQ((*writer)->counters().dropped, 0U);
  EXPECT_EQ((*writer)->counters().bytes, std::filesystem::file_size(folder.File("a.wscap")));
  EXPECT_EQ((*writer)->counters().bytes % 8, 0U);

  const Content content = ReadAll(folder.File("a.wscap"));
  EXPECT_EQ(content.end, Next::kEnd);
  EXPECT_EQ(content.rings.at(0), one);
  EXPECT_EQ(content.rings.at(3), two);
  EXPECT_EQ(content.losses, (recording::CounterList{{"ring_full", 7}}));
  EXPECT_EQ(content.order.front(), "process 100 shop");
  EXPECT_EQ(content.order.at(1 + one.size()), "process 200 shop");
  EXPECT_EQ(content.order.back(), "losses");

  auto reader = RecordingReader::Open(folder.File("a.wscap"));
  ASSERT_TRUE(reader.ok());
  EXPECT_EQ((*reader)->header().unix_minus_boot_ns, Header().unix_minus_boot_ns);
  EXPECT_EQ((*reader)->header().id_key, Header().id_key);
  EXPECT_EQ((*reader)->header().jiffies_per_second, 250U);
  EXPECT_EQ((*reader)->header().host_name, "host");
  struct stat status {};
  ASSERT_EQ(::stat(folder.File("a.wscap").c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777U, 0600U);
}

TEST(Recording, AProcessIsDescribedAgainAfterItsExec) {
  Folder folder;
  FixedResources resources;
  auto writer = RecordingWriter::Create(folder.File("a"), Header(), 5, resources);
  ASSERT_TRUE(writer.ok());
  EventMaker end(1, WS_ROLE_SERVER, 100);
  Record execed = end.Exited();
  execed[0] = std::byte{WS_EVENT_PROCESS_EXECED};
  Append(**writer, 0, {end.Opened(), execed, end.Received("x"), end.Received("y")});
  ASSERT_TRUE((*writer)->Finish({}, 9).ok());
  const Content content = ReadAll(folder.File("a"));
  EXPECT_EQ(content.order,
            (std::vector<std::string>{"process 100 shop", "record", "record", "process 100 shop", "record", "record", "losses"}));
}

TEST(Recording, TicksAndNotedLossesStandWhereTheShardWasToldThem) {
  Folder folder;
  FixedResources resources;
  auto writer = RecordingWriter::Create(folder.File("a"), Header(), 5, resources);
  ASSERT_TRUE(writer.ok());
  const auto one = Conversation(1, 100, 1);
  const auto two = Conversation(2, 100, 1);
  (*writer)->AppendTick(0, 10);
  Append(**writer, 0, {one[0]});
  Append(**writer, 3, {two[0]});
  (*writer)->AppendTick(0, 20);
  Append(**writer, 3, {two[1]});
  (*writer)->AppendLossNoted(0, 30);
  (*writer)->AppendTick(3, 25);
  Append(**writer, 3, {two[2]});
  ASSERT_TRUE((*writer)->Finish({}, 40).ok());
  EXPECT_EQ((*writer)->counters().records, 4U);
  const Content content = ReadAll(folder.File("a"));
  EXPECT_EQ(content.order, (std::vector<std::string>{"tick 0 at 10", "process 100 shop", "record", "record", "tick 0 at 20",
                                                     "record", "loss noted 0 at 30", "tick 3 at 25", "record", "losses"}));
  // A mark names its own ring and moves no record to another.
  EXPECT_EQ(content.rings.at(0), (std::vector<Record>{one[0]}));
  EXPECT_EQ(content.rings.at(3), (std::vector<Record>{two[0], two[1], two[2]}));
}

TEST(Recording, TheSettingsOfTheCaptureComeBackWithinTheirBounds) {
  recording::Settings settings;
  settings.rings = 4;
  settings.hold_ns = 123;
  settings.undecided_bytes = 65'536;
  recording::CaptureHeader header = Header();
  header.settings = recording::ToCounters(settings);
  header.settings.emplace_back("of_a_newer_agent", 5);
  header.settings.emplace_back("max_connections", UINT64_MAX);
  std::string bytes;
  recording::AppendCaptureHeader(header, 1, bytes);
  const auto read = recording::ReadCaptureHeader(std::as_bytes(std::span(bytes)));
  ASSERT_TRUE(read.has_value());
  EXPECT_EQ(read->agent_version, header.agent_version);
  const recording::Settings again = recording::ToSettings(read->settings);
  EXPECT_EQ(again.rings, 4U);
  EXPECT_EQ(again.hold_ns, 123U);
  EXPECT_EQ(again.undecided_bytes, 65'536U);
  EXPECT_EQ(again.max_held_spans, 0U);
  EXPECT_EQ(again.max_connections, 100'000'000U);
}

// What an agent wrote before there were settings: the same header without its last field.
TEST(Recording, AHeaderWithoutSettingsIsReadAsBefore) {
  std::string bytes;
  recording::AppendCaptureHeader(Header(), 1, bytes);
  uint32_t size = 0;
  std::memcpy(&size, bytes.data() + 4, sizeof(size));
  size -= 4;
  std::memcpy(bytes.data() + 4, &size, sizeof(size));
  const auto read = recording::ReadCaptureHeader(std::as_bytes(std::span(bytes)));
  ASSERT_TRUE(read.has_value());
  EXPECT_EQ(read->host_name, "host");
  EXPECT_TRUE(read->settings.empty());
  EXPECT_EQ(recording::ToSettings(read->settings).rings, 0U);
}

TEST(Recording, ThreadsAppendToOneFileWithoutMixingRecords) {
  Folder folder;
  FixedResources resources;
  auto writer = RecordingWriter::Create(folder.File("a"), Header(), 5, resources);
  ASSERT_TRUE(writer.ok());
  std::vector<std::vector<Record>> said;
  for (uint32_t ring = 0; ring < 4; ++ring) said.push_back(Conversation(10 + ring, 100 + ring, 200));
  std::vector<std::thread> threads;
  for (uint32_t ring = 0; ring < 4; ++ring) threads.emplace_back([&, ring] { Append(**writer, ring, said[ring]); });
  for (std::thread& thread : threads) thread.join();
  ASSERT_TRUE((*writer)->Finish({}, 9).ok());
  const Content content = ReadAll(folder.File("a"));
  EXPECT_EQ(content.end, Next::kEnd);
  for (uint32_t ring = 0; ring < 4; ++ring) EXPECT_EQ(content.rings.at(ring), said[ring]);
}

TEST(Recording, AFileCutAnywhereGivesAllWholeRecordsBeforeTheCut) {
  Folder folder;
  FixedResources resources;
  const auto said = Conversation(1, 100, 2);
  {
    auto writer = RecordingWriter::Create(folder.File("a"), Header(), 5, resources);
    ASSERT_TRUE(writer.ok());
    Append(**writer, 0, said);
    ASSERT_TRUE((*writer)->Finish({}, 9).ok());
  }
  const std::string whole = ReadFile(folder.File("a"));
  size_t last = 0;
  for (size_t size = 0; size <= whole.size(); size += size < 400 ? 1 : 7) {
    WriteFile(folder.File("cut"), std::string_view(whole).substr(0, size));
    const Content content = ReadAll(folder.File("cut"));
    const size_t count = content.rings.contains(0) ? content.rings.at(0).size() : 0;
    EXPECT_GE(count, last) << size;
    last = count;
    for (size_t i = 0; i < count; ++i) ASSERT_EQ(content.rings.at(0)[i], said[i]);
    EXPECT_EQ(content.end == Next::kEnd, content.problem.empty()) << size;
  }
  EXPECT_EQ(last, said.size());
}

TEST(Recording, WhatIsNoRecordingIsSaidSoInOneLine) {
  Folder folder;
  const auto problem = [&](std::string_view bytes) {
    WriteFile(folder.File("x"), bytes);
    const Content content = ReadAll(folder.File("x"));
    EXPECT_EQ(content.problem.find('\n'), std::string::npos);
    return content.problem;
  };
  EXPECT_NE(problem("").find("not a recording"), std::string::npos);
  EXPECT_NE(problem("hello world, this is a text file and no recording").find("not a recording"), std::string::npos);
  EXPECT_NE(ReadAll(folder.File("absent")).problem.find("No such file"), std::string::npos);
  std::string newer;
  recording::CaptureHeader header = Header();
  header.version = recording::kVersion + 1;
  recording::AppendCaptureHeader(header, 1, newer);
  EXPECT_NE(problem(newer).find("newer"), std::string::npos);
  std::string older;
  header.version = recording::kVersion - 1;
  recording::AppendCaptureHeader(header, 1, older);
  EXPECT_NE(problem(older).find("older"), std::string::npos);
  std::string damaged;
  recording::AppendCaptureHeader(Header(), 1, damaged);
  damaged += std::string("\xff\xff\xff\xff\x01\x00\x00\x00", 8) + std::string(32, 'x');
  EXPECT_NE(problem(damaged).find("damaged at byte"), std::string::npos);
}

TEST(Recording, RandomDamageIsNeverMoreThanAnError) {
  Folder folder;
  FixedResources resources;
  {
    auto writer = RecordingWriter::Create(folder.File("a"), Header(), 5, resources);
    ASSERT_TRUE(writer.ok());
    Append(**writer, 1, Conversation(1, 100, 2));
    ASSERT_TRUE((*writer)->Finish({{"x", 1}}, 9).ok());
  }
  const std::string whole = ReadFile(folder.File("a"));
  std::mt19937_64 random(11);
  for (int i = 0; i < 500; ++i) {
    std::string bad = whole;
    for (size_t n = 1 + random() % 8; n > 0; --n) bad[random() % bad.size()] = static_cast<char>(random());
    WriteFile(folder.File("bad"), bad);
    ReadAll(folder.File("bad"));
  }
}

// The file-size limit stands for a full disk: writes beyond it fail. In a child, for the limit cannot be lifted again.
TEST(Recording, AFullDiskEndsItWithOneErrorAndAReadableFile) {
  Folder folder;
  const std::string path = folder.File("full");
  const pid_t child = ::fork();
  ASSERT_GE(child, 0);
  if (child == 0) {
    ::signal(SIGXFSZ, SIG_IGN);
    const rlimit limit{.rlim_cur = 30'000, .rlim_max = 30'000};
    if (::setrlimit(RLIMIT_FSIZE, &limit) != 0) ::_exit(10);
    FixedResources resources;
    auto writer = RecordingWriter::Create(path, Header(), 5, resources);
    if (!writer) ::_exit(11);
    const auto said = Conversation(1, 100, 500);
    Append(**writer, 0, said);
    const Result<void> finished = (*writer)->Finish({}, 9);
    if (finished.ok()) ::_exit(12);
    if (finished.error().message().find("write recording") == std::string::npos) ::_exit(13);
    const recording::RecordingCounters counters = (*writer)->counters();
    if (counters.records + counters.dropped != said.size()) ::_exit(14);
    if (counters.bytes != std::filesystem::file_size(path)) ::_exit(15);
    ::_exit(counters.records > 10 && counters.dropped > 10 ? 0 : 16);
  }
  int status = 0;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  ASSERT_TRUE(WIFEXITED(status));
  EXPECT_EQ(WEXITSTATUS(status), 0);
  const Content content = ReadAll(path);
  EXPECT_EQ(content.end, Next::kEnd) << content.problem;
  EXPECT_GT(content.rings.at(0).size(), 10U);
}

TEST(Recording, APathThatCannotBeWrittenIsAnError) {
  FixedResources resources;
  const auto writer = RecordingWriter::Create("/proc/no/such/place.wscap", Header(), 1, resources);
  ASSERT_FALSE(writer.ok());
  EXPECT_NE(writer.error().message().find("/proc/no/such/place.wscap"), std::string::npos);
}

}  // namespace
}  // namespace wirespan::testing
