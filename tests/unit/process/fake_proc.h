// FakeProc: a /proc made of plain files in a temporary folder, for one test. Removed with the object.
#pragma once

#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>
#include <string_view>
#include <vector>

#include "agent/process/proc_fs.h"

namespace wirespan::process {

class FakeProc {
 public:
  FakeProc() {
    std::string pattern = (std::filesystem::temp_directory_path() / "wirespan-proc-XXXXXX").string();
    if (mkdtemp(pattern.data()) == nullptr) std::abort();
    root_ = pattern;
  }
  ~FakeProc() {
    std::error_code ignored;
    std::filesystem::remove_all(root_, ignored);
  }
  FakeProc(const FakeProc&) = delete;
  FakeProc& operator=(const FakeProc&) = delete;

  void Write(const std::string& path, std::string_view text) const {
    std::filesystem::create_directories((root_ / path).parent_path());
    std::ofstream(root_ / path, std::ios::binary) << text;
  }
  void Link(const std::string& path, const std::string& target) const {
    std::filesystem::create_directories((root_ / path).parent_path());
    std::filesystem::remove(root_ / path);
    std::filesystem::create_symlink(target, root_ / path);
  }
  void Remove(uint32_t tgid) const { std::filesystem::remove_all(root_ / std::to_string(tgid)); }

  // A process with the files that are read of one. `arguments` and `environment` are the strings without their NULs.
  void Add(uint32_t tgid, const std::string& exe, const std::vector<std::string>& arguments,
           const std::vector<std::string>& environment = {}, uint64_t start_ticks = 1000,
           const std::string& comm = "comm") const {
    const std::string folder = std::to_string(tgid) + "/";
    Write(folder + "stat", std::to_string(tgid) + " (" + comm + ") S 1 1 1 0 -1 0 0 0 0 0 0 0 0 0 20 0 1 0 " +
                               std::to_string(start_ticks) + " 0 0\n");
    Write(folder + "status", "Name:\tx\nTgid:\t" + std::to_string(tgid) + "\n");
    Write(folder + "cmdline", Join(arguments));
    Write(folder + "environ", Join(environment));
    Write(folder + "cgroup", "0::/user.slice/x\n");
    if (!exe.empty()) Link(folder + "exe", exe);
    Link(folder + "ns/net", "net:[1]");
    std::filesystem::create_directories(root_ / folder / "fd");
  }

  ProcFs proc() const { return ProcFs(root_.string()); }
  const std::filesystem::path& root() const { return root_; }

 private:
  static std::string Join(const std::vector<std::string>& parts) {
    std::string text;
    for (const std::string& part : parts) text += part + '\0';
    return text;
  }
  std::filesystem::path root_;
};

}  // namespace wirespan::process
