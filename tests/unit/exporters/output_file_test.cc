#include "exporters/file/output_file.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <thread>

namespace wirespan::exporters {
namespace {

using testing::HasSubstr;

class TempDir {
 public:
  TempDir() {
    std::string pattern = (std::filesystem::temp_directory_path() / "wirespan-test-XXXXXX").string();
    path_ = ::mkdtemp(pattern.data());
  }
  ~TempDir() { std::filesystem::remove_all(path_); }
  std::string File(const std::string& name) const { return path_ + "/" + name; }

 private:
  std::string path_;
};

std::string ReadAll(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  std::ostringstream out;
  out << in.rdbuf();
  return out.str();
}

TEST(OutputFile, WritesAndTruncates) {
  const TempDir dir;
  for (const char* content : {"a long first line\n", "b\n"}) {
    auto file = OutputFile::Create(dir.File("out"));
    ASSERT_TRUE(file.ok());
    size_t written = 0;
    EXPECT_TRUE(file->Write(content, written));
    EXPECT_EQ(written, std::string_view(content).size());
    EXPECT_EQ(ReadAll(dir.File("out")), content);
  }
  EXPECT_THAT(OutputFile::Create(dir.File("no/such/dir")).error(), HasSubstr("No such file"));
}

TEST(OutputFile, AFullDiskIsAnErrorWithAHint) {
  auto file = OutputFile::Create("/dev/full");
  ASSERT_TRUE(file.ok());
  size_t written = 1;
  EXPECT_FALSE(file->Write("line\n", written));
  EXPECT_EQ(written, 0U);
  EXPECT_THAT(file->error(), HasSubstr("/dev/full: No space left on device; free space"));
  EXPECT_FALSE(file->is_gone());
}

// A limit on the file's size stands in for a disk that fills in the middle of a record.
TEST(OutputFile, APartOfARecordIsTakenBackWhenThereIsNoRoom) {
  const TempDir dir;
  auto file = OutputFile::Create(dir.File("out"));
  ASSERT_TRUE(file.ok());
  rlimit old{};
  ASSERT_EQ(::getrlimit(RLIMIT_FSIZE, &old), 0);
  const auto old_handler = std::signal(SIGXFSZ, SIG_IGN);
  const rlimit small{10, old.rlim_max};
  ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &small), 0);
  size_t written = 0;
  const bool ok = file->Write("1234\n5678\n9abc\n", written);
  ::setrlimit(RLIMIT_FSIZE, &old);
  EXPECT_FALSE(ok);
  EXPECT_EQ(written, 10U);
  EXPECT_EQ(ReadAll(dir.File("out")), "1234\n5678\n");
  ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, std::array{rlimit{13, old.rlim_max}}.data()), 0);
  const bool again = file->Write("def\nghi\n", written);
  ::setrlimit(RLIMIT_FSIZE, &old);
  EXPECT_FALSE(again);
  EXPECT_EQ(written, 0U);  // three of four bytes went out and were taken back
  EXPECT_EQ(ReadAll(dir.File("out")), "1234\n5678\n");
  EXPECT_TRUE(file->Write("end\n", written));
  EXPECT_EQ(ReadAll(dir.File("out")), "1234\n5678\nend\n");
  std::signal(SIGXFSZ, old_handler);
}

TEST(OutputFile, AReaderThatWentAwayIsAnErrorAndNoSignal) {
  std::array<int, 2> ends{};
  ASSERT_EQ(::pipe(ends.data()), 0);
  OutputFile file = OutputFile::Borrow(ends[1], "standard output");
  ::close(ends[0]);
  size_t written = 0;
  EXPECT_FALSE(file.Write("line\n", written));  // an unblocked SIGPIPE would end the test here
  EXPECT_TRUE(file.is_gone());
  EXPECT_THAT(file.error(), HasSubstr("standard output: Broken pipe"));
  EXPECT_FALSE(file.Write("line\n", written));
  sigset_t pending;
  sigpending(&pending);
  EXPECT_EQ(sigismember(&pending, SIGPIPE), 0);
  ::close(ends[1]);
}

TEST(OutputFile, AReaderThatTakesNothingDoesNotHoldUpTheEnd) {
  std::array<int, 2> ends{};
  ASSERT_EQ(::pipe(ends.data()), 0);
  OutputFile file = OutputFile::Borrow(ends[1], "pipe");
  const std::string line(1U << 20, 'x');  // more than a pipe holds
  std::thread writer([&file, &line] {
    size_t written = 1;
    EXPECT_FALSE(file.Write(line + "\n", written));
    EXPECT_EQ(written, 0U);
    EXPECT_THAT(file.error(), HasSubstr("timed out"));
  });
  file.Interrupt(std::chrono::steady_clock::now());
  writer.join();
  ::close(ends[0]);
  ::close(ends[1]);
}

TEST(OutputFile, ASlowReaderGetsEverything) {
  std::array<int, 2> ends{};
  ASSERT_EQ(::pipe2(ends.data(), O_NONBLOCK), 0);
  ASSERT_EQ(::fcntl(ends[0], F_SETFL, 0), 0);
  OutputFile file = OutputFile::Borrow(ends[1], "pipe");
  const std::string text = std::string(3U << 20, 'y') + "\n";
  std::thread writer([&file, &text] {
    size_t written = 0;
    EXPECT_TRUE(file.Write(text, written));
    ::close(file.fd());
  });
  std::string got;
  std::array<char, 5000> buffer{};
  for (ssize_t count = 1; count > 0;) {
    count = ::read(ends[0], buffer.data(), buffer.size());
    if (count > 0) got.append(buffer.data(), static_cast<size_t>(count));
  }
  writer.join();
  EXPECT_EQ(got, text);
  ::close(ends[0]);
}

}  // namespace
}  // namespace wirespan::exporters
