#include "agent/runtime/go_probes.h"

#include <gtest/gtest.h>

#include "agent/runtime/go_functions.h"
#include "tests/unit/runtime/elf_maker.h"

namespace wirespan::runtime {
namespace {

using kernel::RuntimeProbe;

template <typename T>
void Put(std::string& out, T value) {
  out.append(reinterpret_cast<const char*>(&value), sizeof value);
}

struct Code {
  std::string name;
  std::string bytes;
};

std::string Call(size_t from, size_t to) {
  std::string code(1, '\xe8');
  Put(code, static_cast<int32_t>(static_cast<int64_t>(to) - static_cast<int64_t>(from + 5)));
  return code;
}
const std::string kStackCheck("\x49\x3b\x66\x10\x0f\x86\x01\x02\x00\x00\x55", 11);

// Text and table as Go's linker lays them out (runtime/symtab.go).
class GoText {
 public:
  void Add(const std::string& name, const std::string& bytes) { functions_.push_back({name, bytes}); }
  uint32_t magic = 0xfffffff1;
  bool tells_text = true;
  uint8_t pointer_size = 8;
  uint64_t count_off = 0;  // added to the number of functions
  uint64_t text = 0;       // filled by Make

  std::string Make() {
    ElfMaker maker;
    std::string code;
    std::vector<uint32_t> offsets;
    for (const Code& function : functions_) {
      offsets.push_back(static_cast<uint32_t>(code.size()));
      code += function.bytes;
      while (code.size() % 32 != 0) code += '\xcc';
    }
    offsets.push_back(static_cast<uint32_t>(code.size()));
    text = maker.AddSection(".text", code);
    std::string names(1, '\0');
    std::vector<uint32_t> name_offsets;
    for (const Code& function : functions_) {
      name_offsets.push_back(static_cast<uint32_t>(names.size()));
      names += function.name + '\0';
    }
    std::string entries;
    const auto details_at = static_cast<uint32_t>(functions_.size() * 8 + 8);
    for (size_t i = 0; i < functions_.size(); ++i) {
      Put(entries, offsets[i]);
      Put(entries, static_cast<uint32_t>(details_at + i * 48));
    }
    Put(entries, uint64_t{offsets.back()});
    for (size_t i = 0; i < functions_.size(); ++i) {
      std::string details;
      Put(details, offsets[i]);
      Put(details, name_offsets[i]);
      details.resize(48, '\x7f');
      entries += details;
    }
    std::string table;
    Put(table, magic);
    table += std::string("\0\0\x01", 3) + static_cast<char>(pointer_size);
    Put(table, uint64_t{functions_.size()} + count_off);
    Put(table, uint64_t{1});
    Put(table, tells_text ? text : uint64_t{0});
    const uint64_t names_at = 72;
    const uint64_t names_end = names_at + names.size();
    for (const uint64_t at : {names_at, names_end, names_end, names_end, names_end}) Put(table, at);
    table += names + entries;
    maker.AddSection(".gopclntab", table);
    maker.AddSection(".go.buildinfo", GoBuildInfo("go1.25.1"));
    return maker.Make();
  }

 private:
  std::vector<Code> functions_;
};

std::vector<RuntimeProbe> ProbesOf(const std::string& file) { return GoProbes(*ElfImage::Open(FileBytes(BytesOf(file)))); }

// What net/http's programs have: the new goroutine's closure calls runqput 40 bytes on.
GoText Program(const std::string& round_trip = kStackCheck + "\x48\x89\xe5") {
  GoText text;
  text.Add("runtime.text", std::string(32, '\x90'));
  text.Add("runtime.runqput", std::string(30, '\x90'));
  text.Add("runtime.newproc.func1", std::string(40, '\x90') + Call(64 + 40, 32) + "\xc3");
  text.Add("net/http.(*persistConn).roundTrip", round_trip);
  return text;
}

TEST(GoProbes, PlacesAreFoundByName) {
  for (const uint32_t magic : {0xfffffff0U, 0xfffffff1U}) {
    for (const bool tells_text : {true, false}) {
      GoText program = Program();
      program.magic = magic;
      program.tells_text = tells_text;
      const std::string file = program.Make();
      const uint64_t text = program.text - ElfMaker::kBase;
      EXPECT_EQ(ProbesOf(file), (std::vector<RuntimeProbe>{{RuntimeProbe::Kind::kGoroutineStart, "exe", text + 64 + 40},
                                                           {RuntimeProbe::Kind::kGoRoundTrip, "exe", text + 128 + 10}}));
    }
  }
}

TEST(GoProbes, ProgramsWithoutHttpStartGoroutinesAllTheSame) {
  GoText text;
  text.Add("runtime.runqput", std::string(30, '\x90'));
  text.Add("runtime.newproc.func1", Call(32, 0));
  const std::string file = text.Make();
  ASSERT_EQ(ProbesOf(file).size(), 1U);
  EXPECT_EQ(ProbesOf(file)[0].kind, RuntimeProbe::Kind::kGoroutineStart);
}

TEST(GoProbes, CodeThatIsNotTheCompilersHasNoPlace) {
  GoText other = Program(std::string("\x55\x48\x89\xe5\x90", 5));
  EXPECT_EQ(ProbesOf(other.Make()).size(), 1U);
  GoText twice;
  twice.Add("runtime.runqput", std::string(30, '\x90'));
  twice.Add("runtime.newproc.func1", Call(32, 0) + Call(37, 0));
  EXPECT_TRUE(ProbesOf(twice.Make()).empty()) << "two calls: which one is not known";
}

TEST(GoProbes, TablesThatCannotBeAreNone) {
  const auto probes = [](auto change) {
    GoText text = Program();
    change(text);
    return ProbesOf(text.Make()).size();
  };
  EXPECT_EQ(probes([](GoText& t) { t.magic = 0xfffffffb; }), 0U) << "Go before 1.16";
  EXPECT_EQ(probes([](GoText& t) { t.pointer_size = 4; }), 0U);
  EXPECT_EQ(probes([](GoText& t) { t.count_off = 1000; }), 0U);
  EXPECT_EQ(probes([](GoText& t) { t.count_off = ~uint64_t{0} - 4; }), 0U);
}

// Every single damage of the table leaves something: nothing read outside, nothing endless.
TEST(GoProbes, DamagedTablesAreSurvived) {
  GoText text = Program();
  const std::string good = text.Make();
  const size_t table = good.find(std::string("\xf1\xff\xff\xff\0\0\x01\x08", 8));
  ASSERT_NE(table, std::string::npos);
  for (size_t at = table; at < good.size() && at < table + 600; ++at) {
    for (const int bits : {0xff, 0x80, 0x01}) {
      std::string damaged = good;
      damaged[at] = static_cast<char>(damaged[at] ^ bits);
      EXPECT_LE(ProbesOf(damaged).size(), 2U);
    }
  }
}

TEST(GoProbes, NamesLongerThanAnyWantedArePassedOver) {
  GoText text;
  text.Add(std::string(5000, 'x'), "\xc3");
  text.Add("runtime.runqput", std::string(30, '\x90'));
  text.Add(std::string(100'000, 'y'), "\xc3");
  text.Add("runtime.newproc.func1", Call(96, 32));
  EXPECT_EQ(ProbesOf(text.Make()).size(), 1U);
}

TEST(GoProbes, StackChecksOfAllSizesOfFrames) {
  const auto behind = [](const std::string& code) { return BehindStackCheck(BytesOf(code)); };
  EXPECT_EQ(behind(kStackCheck), 10U);
  EXPECT_EQ(behind(std::string("\x49\x3b\x66\x10\x76\x20\x55", 7)), 6U);
  EXPECT_EQ(behind(std::string("\x4c\x8d\x64\x24\x80\x4d\x3b\x66\x10\x0f\x86\0\0\0\0\x55", 16)), 15U);
  EXPECT_EQ(behind(std::string("\x4c\x8d\xa4\x24\x10\xff\xff\xff\x4d\x3b\x66\x10\x0f\x86\0\0\0\0\x55", 19)), 18U);
  for (const std::string& code : {std::string(), std::string("\x55"), kStackCheck.substr(0, 10), kStackCheck.substr(0, 4),
                                  std::string("\x4c\x8d\x64\x24\x80\x4d\x3b\x66", 8), std::string("\x4c\x8d\x64\x24", 4)}) {
    EXPECT_FALSE(behind(code));
  }
}

}  // namespace
}  // namespace wirespan::runtime
