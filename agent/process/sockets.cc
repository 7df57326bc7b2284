#include "agent/process/sockets.h"

#include <algorithm>
#include <charconv>
#include <cstring>
#include <map>
#include <string>
#include <unordered_map>
#include <utility>

namespace wirespan::process {
namespace {

template <typename T>
bool ParseNumber(std::string_view text, int base, T& out) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), out, base);
  return !text.empty() && error == std::errc() && end == text.data() + text.size();
}

std::string_view TakeWord(std::string_view& rest) {
  const size_t begin = rest.find_first_not_of(' ');
  rest.remove_prefix(begin == std::string_view::npos ? rest.size() : begin);
  const std::string_view word = rest.substr(0, rest.find(' '));
  rest.remove_prefix(word.size());
  return word;
}

// "0100007F:1F90", or four such words of an IPv6 address without a space: each is 32 bits of the address in network order,
// printed as a number of this machine (net/ipv4/tcp_ipv4.c, get_tcp4_sock).
bool ParseEnd(std::string_view text, TcpEnd& out) {
  constexpr size_t kWord = 8;
  const size_t colon = text.find(':');
  if (colon != kWord && colon != 4 * kWord) return false;
  const size_t words = colon / kWord;
  size_t at = out.address.size() - 4 * words;
  if (words == 1) out.address[10] = out.address[11] = 0xff;
  for (size_t i = 0; i < words; ++i, at += 4) {
    uint32_t word = 0;
    if (!ParseNumber(text.substr(i * kWord, kWord), 16, word)) return false;
    std::memcpy(out.address.data() + at, &word, sizeof(word));
  }
  return ParseNumber(text.substr(colon + 1), 16, out.port);
}

// "net:[4026531840]"
std::optional<uint64_t> NetNamespace(const ProcFs& proc, uint32_t tgid) {
  constexpr std::string_view kPrefix = "net:[";
  const std::optional<std::string> link = proc.ReadLink(tgid, "ns/net");
  if (!link || !link->starts_with(kPrefix) || !link->ends_with(']')) return std::nullopt;
  uint64_t number = 0;
  if (!ParseNumber(std::string_view(*link).substr(kPrefix.size(), link->size() - kPrefix.size() - 1), 10, number))
    return std::nullopt;
  return number;
}

// The sockets of one network namespace.
struct SocketTable {
  std::unordered_map<uint64_t, TcpSocket> by_inode;  // listening and connected ones
  std::unordered_multimap<uint16_t, TcpEnd> listening;

  void Add(const TcpSocket& socket) {
    if (socket.state == TcpSocket::kListen) listening.emplace(socket.local.port, socket.local);
    if (socket.state == TcpSocket::kListen || socket.state == TcpSocket::kEstablished || socket.state == TcpSocket::kCloseWait) {
      if (socket.inode != 0) by_inode.emplace(socket.inode, socket);
    }
  }
  bool IsListenedOn(const TcpEnd& end) const {
    const auto [first, last] = listening.equal_range(end.port);
    return std::any_of(first, last, [&](const auto& entry) { return entry.second.is_wildcard() || entry.second == end; });
  }
};

// Absent where neither table can be read through this process.
std::optional<SocketTable> ReadSocketTable(const ProcFs& proc, uint32_t tgid) {
  std::optional<SocketTable> sockets;
  for (const char* file : {"net/tcp", "net/tcp6"}) {
    const std::optional<std::string> text = proc.Read(tgid, file, kMaxSocketTable);
    if (!text) continue;
    if (!sockets) sockets.emplace();
    ForEachTcp(*text, [&](const TcpSocket& socket) { sockets->Add(socket); });
  }
  return sockets;
}

void Classify(const TcpSocket& socket, uint64_t net_namespace, const SocketTable& table, ExistingSockets& out) {
  if (socket.state == TcpSocket::kListen) {
    const ExistingSockets::Listener listener{net_namespace, socket.local.port};
    if (std::find(out.listeners.begin(), out.listeners.end(), listener) == out.listeners.end()) out.listeners.push_back(listener);
    return;
  }
  const bool accepted = table.IsListenedOn(socket.local);
  if (accepted != table.IsListenedOn(socket.peer)) out.connections.push_back({socket.inode, accepted});
}

}  // namespace

bool TcpEnd::is_wildcard() const {
  constexpr std::array<uint8_t, 16> kAny{};
  constexpr std::array<uint8_t, 16> kAnyIpv4{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
  return address == kAny || address == kAnyIpv4;
}

std::optional<TcpSocket> ParseTcpLine(std::string_view line) {
  TcpSocket socket;
  TakeWord(line);
  if (!ParseEnd(TakeWord(line), socket.local) || !ParseEnd(TakeWord(line), socket.peer)) return std::nullopt;
  if (!ParseNumber(TakeWord(line), 16, socket.state)) return std::nullopt;
  for (int i = 0; i < 5; ++i) TakeWord(line);
  // The last number of a line that was cut may be cut too: what follows the inode must be there.
  if (!ParseNumber(TakeWord(line), 10, socket.inode) || line.empty()) return std::nullopt;
  return socket;
}

ExistingSockets FindExistingSockets(const ProcFs& proc, std::span<const uint32_t> tgids) {
  ExistingSockets found;
  std::map<uint64_t, std::optional<SocketTable>> tables;
  std::unordered_set<uint64_t> seen;  // several processes may share a socket
  for (const uint32_t tgid : tgids) {
    const std::optional<uint64_t> net_namespace = NetNamespace(proc, tgid);
    const std::optional<std::vector<uint64_t>> inodes = proc.SocketInodes(tgid);
    if (!net_namespace || !inodes) {
      found.unreadable += proc.Exists(tgid) ? 1 : 0;
      continue;
    }
    std::optional<SocketTable>& table = tables[*net_namespace];
    if (!table) table = ReadSocketTable(proc, tgid);
    if (!table) {
      found.unreadable += proc.Exists(tgid) ? 1 : 0;
      continue;
    }
    for (const uint64_t inode : *inodes) {
      const auto socket = table->by_inode.find(inode);
      if (socket != table->by_inode.end() && seen.insert(inode).second) Classify(socket->second, *net_namespace, *table, found);
    }
  }
  return found;
}

std::optional<std::unordered_set<uint64_t>> OpenSockets(const ProcFs& proc, std::span<const uint32_t> tgids) {
  std::unordered_set<uint64_t> open;
  for (const uint32_t tgid : tgids) {
    const std::optional<std::vector<uint64_t>> inodes = proc.SocketInodes(tgid);
    if (inodes) {
      open.insert(inodes->begin(), inodes->end());
    } else if (proc.Exists(tgid)) {
      return std::nullopt;
    }
  }
  return open;
}

}  // namespace wirespan::process
