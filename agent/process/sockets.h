// What /proc tells of the sockets that processes have open: the stand-in for the kernel's iterator over open files. The tables
// are text that was written while they changed: any line may be cut, doubled or missing. Reads are bounded. Off the data path;
// any thread; keeps nothing.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <unordered_set>
#include <vector>

#include "agent/process/proc_fs.h"

namespace wirespan::process {

// The bound of one table of a network namespace, about 55,000 sockets. Listening sockets stand before all others, so connections
// are lost first.
inline constexpr size_t kMaxSocketTable = size_t{8} * 1024 * 1024;

struct TcpEnd {
  std::array<uint8_t, 16> address{};  // network order; IPv4 as ::ffff:a.b.c.d
  uint16_t port = 0;
  bool is_wildcard() const;
  bool operator==(const TcpEnd&) const = default;
};

// A line of /proc/<pid>/net/tcp or tcp6.
struct TcpSocket {
  static constexpr uint8_t kEstablished = 1;  // net/tcp_states.h
  static constexpr uint8_t kCloseWait = 8;
  static constexpr uint8_t kListen = 10;
  TcpEnd local;
  TcpEnd peer;
  uint8_t state = 0;
  uint64_t inode = 0;
};

// "sl local_address rem_address st tx:rx tr:when retrnsmt uid timeout inode ...". nullopt: the head, a line that is cut or is
// none.
std::optional<TcpSocket> ParseTcpLine(std::string_view line);

template <typename Visit>
void ForEachTcp(std::string_view table, Visit&& visit) {
  while (!table.empty()) {
    const std::string_view line = table.substr(0, table.find('\n'));
    table.remove_prefix(line.size() < table.size() ? line.size() + 1 : table.size());
    if (const std::optional<TcpSocket> socket = ParseTcpLine(line)) visit(*socket);
  }
}

struct ExistingSockets {
  struct Listener {
    uint64_t net_namespace = 0;
    uint16_t port = 0;
    bool operator==(const Listener&) const = default;
  };
  struct Connection {
    uint64_t inode = 0;
    bool is_server = false;
    bool operator==(const Connection&) const = default;
  };
  std::vector<Listener> listeners;      // on which one of the processes listens
  std::vector<Connection> connections;  // that one of them has open, where the role is certain
  size_t unreadable = 0;                // processes that live and whose sockets could not be read
};

// Of these processes, each in its own network namespace. This end accepted a connection if somebody listens, in that namespace,
// on its local address and port; it connected if somebody listens on the peer's. Where both hold, or neither, nothing is said.
ExistingSockets FindExistingSockets(const ProcFs& proc, std::span<const uint32_t> tgids);

// Inodes of every socket that these processes have open; absent where one of them lives and cannot be read.
std::optional<std::unordered_set<uint64_t>> OpenSockets(const ProcFs& proc, std::span<const uint32_t> tgids);

}  // namespace wirespan::process
