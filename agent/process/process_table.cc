#include "agent/process/process_table.h"

#include <algorithm>
#include <charconv>
#include <utility>

#include "agent/process/container_id.h"
#include "agent/process/go_binary.h"

namespace wirespan::process {
namespace {

constexpr size_t kMaxArguments = 1024;
constexpr size_t kMaxEnvironment = size_t{1024} * 1024;  // read; far less is kept
constexpr size_t kMaxMountInfo = size_t{256} * 1024;
constexpr size_t kMaxPasswd = size_t{1024} * 1024;
constexpr size_t kMaxKeptArgument = 4096;
constexpr int kLooks = 3;

void KeepVariable(std::string_view environment, std::string_view name, std::string& out) {
  const std::string_view value = FindVariable(environment, name);
  if (value.empty()) return;
  out += name;
  out += '=';
  out += value.substr(0, size_t{16} * 1024);
  out += '\0';
}

ProcessFacts ReadOnce(const ProcFs& proc, uint32_t tgid, const ProcStat& stat) {
  ProcessFacts facts;
  facts.tgid = tgid;
  facts.comm = stat.comm;
  facts.start_ticks = stat.start_ticks;
  if (auto path = proc.ReadLink(tgid, "exe")) {
    constexpr std::string_view kDeleted = " (deleted)";
    if (path->ends_with(kDeleted)) path->resize(path->size() - kDeleted.size());
    facts.executable_path = std::move(*path);
    facts.is_go = IsGoExecutable(proc.root() + '/' + std::to_string(tgid) + "/exe");
  }
  const std::string command_line = proc.Read(tgid, "cmdline").value_or("");
  for (const std::string_view argument : SplitNul(command_line, kMaxArguments)) facts.arguments.emplace_back(argument);
  const std::string environment = proc.Read(tgid, "environ", kMaxEnvironment).value_or("");
  KeepVariable(environment, "OTEL_SERVICE_NAME", facts.environment);
  KeepVariable(environment, "OTEL_RESOURCE_ATTRIBUTES", facts.environment);
  facts.cgroup = proc.Read(tgid, "cgroup").value_or("");
  facts.mount_info = proc.Read(tgid, "mountinfo", kMaxMountInfo).value_or("");
  return facts;
}

std::string_view TakeUpTo(std::string_view& text, char end) {
  const size_t place = text.find(end);
  const std::string_view part = text.substr(0, place);
  text.remove_prefix(place == std::string_view::npos ? text.size() : place + 1);
  return part;
}

// What a resource is made of, once the name and the container are known: the rest would only be held.
void Shrink(ProcessFacts& facts) {
  facts.service_name = ServiceName(facts);
  facts.container_id = ContainerIdOf(facts.cgroup, facts.mount_info);
  facts.cgroup = {};
  facts.mount_info = {};
  if (facts.arguments.size() > 1) facts.arguments.resize(1);
  for (std::string& argument : facts.arguments) argument.resize(std::min(argument.size(), kMaxKeptArgument));
  facts.arguments.shrink_to_fit();
}

}  // namespace

std::optional<ProcessFacts> ReadProcessFacts(const ProcFs& proc, uint32_t tgid) {
  // The files are read one after the other: only if the process is the same before and after do they belong together.
  for (int look = 0; look < kLooks; ++look) {
    const std::optional<ProcStat> before = ParseStat(proc.Read(tgid, "stat", 4096).value_or(""));
    if (!before) return std::nullopt;
    ProcessFacts facts = ReadOnce(proc, tgid, *before);
    const std::optional<ProcStat> after = ParseStat(proc.Read(tgid, "stat", 4096).value_or(""));
    if (!after) return std::nullopt;
    if (after->start_ticks != before->start_ticks) continue;
    Shrink(facts);
    return facts;
  }
  return std::nullopt;
}

ProcessTable::ProcessTable(ProcFs proc, HostFacts host, ProcessTableOptions options)
    : proc_(std::move(proc)), host_(std::move(host)), options_(std::move(options)) {
  const size_t slash = options_.passwd_path.rfind('/');
  const ProcFs folder(options_.passwd_path.substr(0, slash == std::string::npos ? 0 : slash));
  const std::string text = folder.ReadRoot(options_.passwd_path.substr(slash + 1), kMaxPasswd).value_or("");
  for (std::string_view rest = text; !rest.empty();) {
    std::string_view line = TakeUpTo(rest, '\n');
    const std::string_view name = TakeUpTo(line, ':');
    TakeUpTo(line, ':');
    const std::string_view number = TakeUpTo(line, ':');
    uid_t user = 0;
    const auto [end, error] = std::from_chars(number.data(), number.data() + number.size(), user);
    if (error == std::errc() && end == number.data() + number.size() && !number.empty()) users_.emplace(user, name);
  }
}

std::string ProcessTable::UserName(uid_t user) const {
  const auto found = users_.find(user);
  return found == users_.end() ? std::to_string(user) : found->second;
}

std::optional<ProcessFacts> ProcessTable::Look(uint32_t tgid) {
  std::optional<ProcessFacts> facts = ReadProcessFacts(proc_, tgid);
  const std::optional<uid_t> owner = proc_.Owner(tgid);
  // The number of a user in a container means somebody else outside.
  if (facts && owner) facts->owner = facts->container_id.empty() ? UserName(*owner) : std::to_string(*owner);
  const std::lock_guard lock(mutex_);
  ++counts_.read;
  if (!facts) ++counts_.unreadable;
  return facts;
}

std::shared_ptr<const exporters::Resource> ProcessTable::Answer(Entry& entry) {
  if (!entry.resource) {
    entry.resource =
        std::make_shared<const exporters::Resource>(BuildResource(entry.facts, host_, options_.agent_version, next_id_++));
  }
  uses_.splice(uses_.begin(), uses_, entry.use);
  return entry.resource;
}

ProcessTable::Entry& ProcessTable::Store(uint32_t tgid, ProcessFacts facts) {
  const auto [place, is_new] = entries_.try_emplace(tgid);
  Entry& entry = place->second;
  if (is_new) {
    uses_.push_front(tgid);
    entry.use = uses_.begin();
  }
  entry.facts = std::move(facts);
  entry.resource.reset();
  entry.exited = false;
  while (entries_.size() > std::max<size_t>(options_.max_processes, 1) && uses_.back() != tgid) {
    entries_.erase(uses_.back());
    uses_.pop_back();
    ++counts_.evicted;
  }
  return entry;
}

std::shared_ptr<const exporters::Resource> ProcessTable::ResourceOf(uint32_t tgid) {
  for (int look = 1;; ++look) {
    uint64_t changes = 0;
    {
      const std::lock_guard lock(mutex_);
      changes = changes_;
      const auto found = entries_.find(tgid);
      if (found != entries_.end() && found->second.resource && !found->second.exited) return Answer(found->second);
    }
    std::optional<ProcessFacts> looked = Look(tgid);
    const std::lock_guard lock(mutex_);
    if (changes == changes_ || look == kLooks) return Settle(tgid, std::move(looked));
  }
}

std::shared_ptr<const exporters::Resource> ProcessTable::Settle(uint32_t tgid, std::optional<ProcessFacts> looked) {
  const auto found = entries_.find(tgid);
  if (found != entries_.end()) {
    Entry& entry = found->second;
    const bool is_same = !looked || !entry.exited || looked->start_ticks == entry.facts.start_ticks;
    if (entry.resource && is_same) return Answer(entry);
    if (!entry.resource) {
      // A forked child nobody asked for yet: it has its parent's name while it runs its parent's program.
      if (!looked) return Answer(entry);
      if (looked->executable_path == entry.facts.executable_path) looked->service_name = entry.facts.service_name;
    }
  }
  if (!looked) looked.emplace().tgid = tgid;
  return Answer(Store(tgid, std::move(*looked)));
}

void ProcessTable::Forked(uint32_t parent_tgid, uint32_t child_tgid) {
  if (parent_tgid == child_tgid) return;
  const std::lock_guard lock(mutex_);
  ++changes_;
  const auto parent = entries_.find(parent_tgid);
  if (parent == entries_.end()) {
    const auto child = entries_.find(child_tgid);  // of an earlier process of that number
    if (child != entries_.end()) child->second.exited = true;
    return;
  }
  ProcessFacts facts = parent->second.facts;
  facts.tgid = child_tgid;
  facts.start_ticks = 0;
  Store(child_tgid, std::move(facts));
}

void ProcessTable::Execed(uint32_t tgid, std::string_view comm) {
  {
    const std::lock_guard lock(mutex_);
    ++changes_;
  }
  std::optional<ProcessFacts> looked = Look(tgid);
  if (!looked) {
    looked.emplace().tgid = tgid;
    looked->comm = comm;
    looked->service_name = NameFromCommand({}, comm, {});
  }
  const std::lock_guard lock(mutex_);
  Store(tgid, std::move(*looked));
}

void ProcessTable::Exited(uint32_t tgid) {
  const std::lock_guard lock(mutex_);
  ++changes_;
  const auto found = entries_.find(tgid);
  if (found != entries_.end()) found->second.exited = true;
}

ProcessTable::Counts ProcessTable::counts() const {
  const std::lock_guard lock(mutex_);
  Counts counts = counts_;
  counts.held = entries_.size();
  return counts;
}

}  // namespace wirespan::process
