#include "agent/runtime/go_build.h"

#include <gtest/gtest.h>

#include "tests/unit/runtime/elf_maker.h"

namespace wirespan::runtime {
namespace {

std::optional<ElfImage> Open(const std::string& file) { return ElfImage::Open(FileBytes(BytesOf(file))); }
std::optional<kernel::RuntimeLayout> LayoutOf(const std::string& file) { return GoLayout(*Open(file)); }

TEST(GoBuild, ReleasesAreUnderstoodAndNothingElse) {
  const auto minor = [](std::string_view text) {
    const std::optional<GoVersion> version = ParseGoVersion(text);
    return version ? static_cast<int>(version->minor) : -1;
  };
  EXPECT_EQ(minor("go1.22"), 22);
  EXPECT_EQ(minor("go1.22.12"), 22);
  EXPECT_EQ(minor("go1.21.3-gke.1"), 21);
  EXPECT_EQ(minor("go1.22.5 (Red Hat 1.22.5-2.el9)"), 22);
  EXPECT_EQ(minor("go1.24.1 X:boringcrypto"), 24);
  EXPECT_EQ(minor("go1.24.1 X:synctest"), -1);
  EXPECT_EQ(minor("go1.24.1 X:boringcrypto,synctest"), -1);
  for (const char* text : {"", "go1.", "go1.x", "go1.22rc1", "go1.22.", "go2.1", "devel go1.23-abc", "1.22", "go1.99999999999"}) {
    EXPECT_EQ(minor(text), -1) << text;
  }
}

TEST(GoBuild, EveryMeasuredVersionHasItsOffsets) {
  struct Row {
    const char* version;
    uint32_t id, parent;
  };
  // By DWARF of programs built with each.
  for (const Row& row :
       {Row{"go1.18", 152, 0}, Row{"go1.18.10", 152, 0}, Row{"go1.19.13", 152, 0}, Row{"go1.20.14", 152, 0},
        Row{"go1.21.0", 152, 272}, Row{"go1.21.13", 152, 272}, Row{"go1.22.0", 152, 272}, Row{"go1.22.12", 152, 272},
        Row{"go1.23.0", 160, 280}, Row{"go1.23.12", 160, 280}, Row{"go1.24.0", 160, 280}, Row{"go1.24.13", 160, 280},
        Row{"go1.25.0", 152, 272}, Row{"go1.25.7", 152, 272}, Row{"go1.26.0", 152, 280}, Row{"go1.26.8", 152, 280}}) {
    const std::optional<kernel::RuntimeLayout> layout = LayoutOf(GoProgram(row.version));
    ASSERT_TRUE(layout) << row.version;
    EXPECT_EQ(layout->kind, kernel::RuntimeLayout::Kind::kGo);
    EXPECT_EQ(layout->id_offset, row.id) << row.version;
    EXPECT_EQ(layout->parent_offset, row.parent) << row.version;
    EXPECT_EQ(layout->machine_offset, 48U);
    EXPECT_EQ(layout->base_offset, -8);
  }
  for (const char* version : {"go1.17.13", "go1.27.0", "go1.27rc1", "devel go1.26-abc"}) {
    EXPECT_FALSE(LayoutOf(GoProgram(version))) << version;
  }
}

// Before 1.18 the section holds the address of a string, which holds the address of its bytes.
TEST(GoBuild, OldFormatIsRead) {
  ElfMaker maker;
  const std::string text = "go1.16.5";
  const uint64_t bytes = maker.AddSection(".rodata", text);
  const uint64_t string = maker.AddSection(".data", ElfMaker::Words({bytes, text.size()}));
  std::string content = "\xff Go buildinf:";
  content += '\x08';
  content += '\0';
  content += ElfMaker::Words({string, 0});
  maker.AddSection(".go.buildinfo", content);
  const std::string file = maker.Make();
  EXPECT_EQ(GoVersionText(*Open(file)), text);
  EXPECT_FALSE(LayoutOf(file));
}

TEST(GoBuild, DamagedBuildInfoIsNoVersion) {
  const auto text = [](const std::string& content) {
    ElfMaker maker;
    maker.AddSection(".go.buildinfo", content);
    const std::string file = maker.Make();
    return GoVersionText(*Open(file));
  };
  const std::string good = GoBuildInfo("go1.22.1");
  EXPECT_EQ(text(good), "go1.22.1");
  EXPECT_FALSE(text(good.substr(0, 31)));
  EXPECT_FALSE(text("x" + good.substr(1)));
  std::string lengthy = good;
  lengthy[32] = '\x7f';  // longer than the section
  EXPECT_FALSE(text(lengthy));
  lengthy.replace(32, 1, "\xff\xff\xff\xff\xff\x01");  // longer than anything
  EXPECT_FALSE(text(lengthy));
  std::string empty = good;
  empty[32] = '\0';
  EXPECT_FALSE(text(empty));
  EXPECT_FALSE(text(GoBuildInfo("go1.22\n1")));
  std::string pointing = good;
  pointing[15] = '\0';  // as before 1.18, with an address that is nowhere
  EXPECT_FALSE(text(pointing));
  EXPECT_FALSE(GoVersionText(*Open(ElfMaker().Make())));
}

TEST(GoBuild, ThreadPointerIsKnownOrNothingIs) {
  const auto base = [](uint64_t size, uint64_t alignment, uint64_t symbol) -> std::optional<int32_t> {
    ElfMaker maker;
    maker.AddSection(".go.buildinfo", GoBuildInfo("go1.24.1"));
    maker.SetTls(size, alignment);
    if (symbol != 0) maker.AddSymbols(SHT_SYMTAB, {{"runtime.tlsg", symbol}});
    const std::string file = maker.Make();
    const std::optional<kernel::RuntimeLayout> layout = LayoutOf(file);
    return layout ? std::optional(layout->base_offset) : std::nullopt;
  };
  EXPECT_EQ(base(8, 8, 0), -8);        // cgo, PIE: nothing but g
  EXPECT_EQ(base(0x28, 8, 0x20), -8);  // beside C's own: the symbol tells
  EXPECT_EQ(base(0x28, 8, 8), -0x20);
  EXPECT_EQ(base(0x28, 64, 8), -0x38);
  EXPECT_EQ(base(0x28, 8, 0), std::nullopt);  // stripped
  EXPECT_EQ(base(0x28, 8, 0x28), std::nullopt);
  EXPECT_EQ(base(0x28, 3, 8), std::nullopt);
  EXPECT_EQ(base(uint64_t{1} << 40U, 8, 8), std::nullopt);
}

TEST(GoBuild, OtherMachinesAreNotRead) {
  ElfMaker maker(ET_EXEC, EM_AARCH64);
  maker.AddSection(".go.buildinfo", GoBuildInfo("go1.24.1"));
  const std::string file = maker.Make();
  EXPECT_EQ(GoVersionText(*Open(file)), "go1.24.1");
  EXPECT_FALSE(LayoutOf(file));
}

}  // namespace
}  // namespace wirespan::runtime
