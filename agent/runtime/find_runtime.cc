#include "agent/runtime/find_runtime.h"

#include <elf.h>
#include <fcntl.h>
#include <sys/stat.h>

#include <array>
#include <charconv>

#include "agent/base/unique_fd.h"
#include "agent/runtime/go_build.h"
#include "agent/runtime/python_build.h"

namespace wirespan::runtime {
namespace {

constexpr size_t kMaxMappings = 64;
constexpr size_t kMaxMaps = size_t{4} << 20U;
constexpr uint64_t kPage = 4096;

std::string_view TakeWord(std::string_view& line) {
  const size_t begin = line.find_first_not_of(' ');
  if (begin == std::string_view::npos) return {};
  line.remove_prefix(begin);
  const std::string_view word = line.substr(0, line.find(' '));
  line.remove_prefix(word.size());
  return word;
}

bool ParseHex(std::string_view text, uint64_t& value, int base = 16) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value, base);
  return error == std::errc() && end == text.data() + text.size() && !text.empty();
}

// "start-end perms offset dev inode   path" (proc_pid_maps(5)).
std::optional<Mapping> ParseLine(std::string_view line) {
  Mapping mapping;
  const std::string_view range = TakeWord(line);
  TakeWord(line);
  const std::string_view offset = TakeWord(line);
  TakeWord(line);
  const std::string_view inode = TakeWord(line);
  if (!ParseHex(range.substr(0, range.find('-')), mapping.start) || !ParseHex(offset, mapping.offset) ||
      !ParseHex(inode, mapping.inode, 10)) {
    return std::nullopt;
  }
  const size_t begin = line.find_first_not_of(' ');
  if (begin == std::string_view::npos || line[begin] != '/') return std::nullopt;
  mapping.path = line.substr(begin);
  return mapping;
}

bool IsPythonLibrary(std::string_view path) { return path.substr(path.rfind('/') + 1).starts_with("libpython"); }
bool IsAnything(std::string_view /*path*/) { return true; }

std::optional<kernel::RuntimeLayout> LayoutAt(const ElfImage& image, const std::vector<Mapping>& mappings, uint64_t inode,
                                              const std::string& file) {
  for (const Mapping& mapping : mappings) {
    if (mapping.inode != inode) continue;
    const std::optional<uint64_t> bias = BiasOf(image, mapping);
    if (!bias) continue;
    return PythonLayout(image, *bias, file);
  }
  return std::nullopt;
}

bool ExportsInterpreter(const ElfImage& image) {
  constexpr std::array<std::string_view, 1> kName = {"_PyRuntime"};
  return image.Symbols(SHT_DYNSYM, kName)[0] != 0;
}

struct OpenFile {
  UniqueFd fd;
  uint64_t inode = 0;
};

// Regular files only: a root that another made may hold anything under any name.
std::optional<OpenFile> OpenRegular(const std::string& path) {
  OpenFile file{UniqueFd(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK))};
  struct stat status {};
  if (!file.fd.ok() || ::fstat(file.fd.get(), &status) != 0 || !S_ISREG(status.st_mode)) return std::nullopt;
  file.inode = status.st_ino;
  return file;
}

}  // namespace

std::vector<Mapping> ParseMappings(std::string_view maps, bool (*wanted)(std::string_view path)) {
  std::vector<Mapping> found;
  while (!maps.empty() && found.size() < kMaxMappings) {
    const size_t end = maps.find('\n');
    if (std::optional<Mapping> mapping = ParseLine(maps.substr(0, end)); mapping && wanted(mapping->path)) {
      found.push_back(*std::move(mapping));
    }
    maps.remove_prefix(end == std::string_view::npos ? maps.size() : end + 1);
  }
  return found;
}

std::optional<uint64_t> BiasOf(const ElfImage& image, const Mapping& mapping) {
  for (const ElfSegment& load : image.loads()) {
    if (load.file_size == 0 || (load.offset & ~(kPage - 1)) != mapping.offset) continue;
    const uint64_t bias = mapping.start - (load.address & ~(kPage - 1));
    if (image.is_fixed() && bias != 0) continue;
    return bias;
  }
  return std::nullopt;
}

FoundRuntime FindRuntime(const process::ProcFs& proc, uint32_t tgid) {
  const std::string base = proc.root() + '/' + std::to_string(tgid);
  const std::optional<OpenFile> program = OpenRegular(base + "/exe");
  if (!program) return {};
  const std::optional<ElfImage> image = ElfImage::Open(FileBytes(program->fd.get()));
  if (!image) return {.layout = {}, .is_final = true};
  // Of a Go that is not known it is still known that goroutines run on the threads, not threads of work.
  if (image->Section(".go.buildinfo") != nullptr) return {GoLayout(*image).value_or(kernel::RuntimeLayout{}), true};
  const std::string maps = proc.Read(tgid, "maps", kMaxMaps).value_or("");
  if (ExportsInterpreter(*image)) return {LayoutAt(*image, ParseMappings(maps, IsAnything), program->inode, "exe"), true};

  const std::vector<Mapping> libraries = ParseMappings(maps, IsPythonLibrary);
  for (const Mapping& mapping : libraries) {
    const std::optional<OpenFile> library = OpenRegular(base + "/root" + mapping.path);
    if (!library || library->inode != mapping.inode) continue;
    const std::optional<ElfImage> parsed = ElfImage::Open(FileBytes(library->fd.get()));
    if (!parsed || !ExportsInterpreter(*parsed)) continue;  // libpython3.so only forwards
    return {LayoutAt(*parsed, libraries, library->inode, "root" + mapping.path), true};
  }
  return {};
}

}  // namespace wirespan::runtime
