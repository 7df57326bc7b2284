#include "agent/pcap/capture_file.h"

#include <gtest/gtest.h>

#include <memory>
#include <sstream>
#include <string>
#include <vector>

#include "tests/unit/support/capture_maker.h"

namespace wirespan::pcap {
namespace {

using testing::FileForm;
using testing::PcapFile;
using testing::PcapngMaker;
using Next = CaptureFile::Next;

struct Outcome {
  std::vector<std::string> packets;  // "time_ns link original bytes"
  Next next = Next::kEnd;
  std::string problem;
};

Outcome ReadAll(const std::string& bytes) {
  Outcome outcome;
  auto file = CaptureFile::Read(std::make_unique<std::istringstream>(bytes), "t");
  if (!file) {
    outcome.next = Next::kDamaged;
    outcome.problem = file.error().message();
    return outcome;
  }
  Packet packet;
  while ((outcome.next = (*file)->ReadPacket(packet)) == Next::kPacket) {
    outcome.packets.push_back(std::to_string(packet.time_ns) + " " + std::to_string(packet.link_type) + " " +
                              std::to_string(packet.original_size) + " " +
                              std::string(reinterpret_cast<const char*>(packet.bytes.data()), packet.bytes.size()));
  }
  outcome.problem = (*file)->problem();
  return outcome;
}

using Packets = std::vector<std::string>;
constexpr uint64_t kTime = 1'700'000'000'123'456'789;

TEST(CaptureFile, PcapInBothByteOrdersAndResolutions) {
  for (const bool big : {false, true}) {
    EXPECT_EQ(ReadAll(PcapFile({{kTime, "abc", 9}, {kTime + 1'000'000'000, "", 0}}, {.big_endian = big})).packets,
              Packets({"1700000000123456000 1 9 abc", "1700000001123456000 1 0 "}));
    EXPECT_EQ(
        ReadAll(PcapFile({{kTime, "abc"}}, {.big_endian = big, .nanoseconds = true, .link_type = 0x14000000 | 113})).packets,
        Packets({"1700000000123456789 113 3 abc"}));
  }
}

TEST(CaptureFile, PcapWithLongerHeadersOfRecords) {
  for (const bool big : {false, true}) {
    const Outcome outcome = ReadAll(PcapFile({{kTime, "abc", 9}, {kTime, "d"}}, {.big_endian = big, .extended = true}));
    EXPECT_EQ(outcome.packets, Packets({"1700000000123456000 1 9 abc", "1700000000123456000 1 1 d"}));
    EXPECT_EQ(outcome.next, Next::kEnd);
  }
}

TEST(CaptureFile, APcapThatEndsWithinAPacketOrHeaderGivesWhatStandsBefore) {
  const std::string whole = PcapFile({{kTime, "abcd"}, {kTime, "efgh"}});
  for (size_t size = 24; size < whole.size(); ++size) {
    const Outcome outcome = ReadAll(whole.substr(0, size));
    const bool at_boundary = size == 24 || size == 24 + 20;
    EXPECT_EQ(outcome.next, at_boundary ? Next::kEnd : Next::kCut) << size;
    EXPECT_EQ(outcome.packets.size(), size < 44 ? 0U : 1U) << size;
    EXPECT_EQ(outcome.problem.empty(), at_boundary) << size;
  }
  for (size_t size = 0; size < 24; ++size) EXPECT_EQ(ReadAll(whole.substr(0, size)).next, Next::kDamaged) << size;
}

TEST(CaptureFile, APacketLongerThanAnyIsDamage) {
  std::string file = PcapFile({{kTime, "abcd"}});
  file.replace(24 + 8, 4, testing::Little(kMaxBlockBytes + 1, 4));
  EXPECT_EQ(ReadAll(file).next, Next::kDamaged);
}

TEST(CaptureFile, PcapngInBothByteOrdersWithTheTimesOfEachInterface) {
  for (const bool big : {false, true}) {
    const PcapngMaker make(big);
    std::string file = make.Section() + make.Block(5, "statistics go by") + make.Interface(1) +
                       make.Interface(113, make.Option(2, "name") + make.Option(9, "\x09")) +
                       make.Interface(101, make.Option(9, "\x8a") + make.Option(14, make.Number(100, 8)));
    file += make.Enhanced(0, kTime / 1000, "us") + make.Enhanced(1, kTime, "ns") + make.Enhanced(2, 1024 + 512, "binary") +
            make.Simple("simple");
    const Outcome outcome = ReadAll(file);
    EXPECT_EQ(outcome.next, Next::kEnd) << outcome.problem;
    EXPECT_EQ(outcome.packets, Packets({"1700000000123456000 1 2 us", "1700000000123456789 113 2 ns", "101500000000 101 6 binary",
                                        "101500000000 1 6 simple"}));
  }
}

TEST(CaptureFile, ASectionMayHaveAnotherByteOrderAndForgetsTheInterfaces) {
  const PcapngMaker little(false);
  const PcapngMaker big(true);
  const std::string file = little.Section() + little.Interface(1) + little.Enhanced(0, 1, "a") + big.Section() +
                           big.Interface(101) + big.Enhanced(0, 2, "b");
  EXPECT_EQ(ReadAll(file).packets, Packets({"1000 1 1 a", "2000 101 1 b"}));
  EXPECT_EQ(ReadAll(file + little.Section() + little.Enhanced(0, 1, "a")).next, Next::kDamaged);
}

TEST(CaptureFile, DamagedBlocksEndAPcapng) {
  const PcapngMaker make(false);
  const std::string start = make.Section() + make.Interface(1);
  std::string long_packet = make.Enhanced(0, 1, "abcd");
  long_packet.replace(20, 4, make.Number(5, 4));
  for (const std::string& block :
       {make.Enhanced(1, 1, "x"), long_packet, make.Block(6, "short"), make.Block(1, "x"),
        make.Interface(1, make.Option(9, "\x14")), make.Interface(1, make.Option(9, "\xc0")),
        make.Number(6, 4) + make.Number(13, 4) + std::string(13, 'x'),
        make.Number(6, 4) + make.Number(8, 4) + std::string(8, 'x'), make.Block(3, ""), make.Enhanced(0, ~uint64_t{0}, "x")}) {
    const Outcome outcome = ReadAll(start + block + make.Enhanced(0, 1, "not reached"));
    EXPECT_EQ(outcome.next, Next::kDamaged);
    EXPECT_EQ(outcome.packets, Packets());
    EXPECT_FALSE(outcome.problem.empty());
  }
}

TEST(CaptureFile, OtherFilesAreRefused) {
  for (const std::string& bytes : {std::string(), std::string("WSC"), std::string("GET / HTTP/1.1\r\n\r\n")}) {
    EXPECT_NE(ReadAll(bytes).problem.find("neither pcap nor pcapng"), std::string::npos);
  }
  EXPECT_FALSE(CaptureFile::Open("/nonexistent/a.pcap").ok());
}

}  // namespace
}  // namespace wirespan::pcap
