// CaptureMaker: packets and capture files, built readably. Numbers of the network are big-endian whatever the file's order.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace wirespan::testing {

inline std::string Big(uint64_t value, size_t bytes) {
  std::string out(bytes, '\0');
  for (size_t i = bytes; i-- > 0; value >>= 8U) out[i] = static_cast<char>(value);
  return out;
}
inline std::string Little(uint64_t value, size_t bytes) {
  std::string out(bytes, '\0');
  for (size_t i = 0; i < bytes; ++i, value >>= 8U) out[i] = static_cast<char>(value);
  return out;
}

enum TcpFlag : uint8_t { kFin = 1, kSyn = 2, kRst = 4, kAck = 16 };

inline std::string Tcp(uint16_t from, uint16_t to, uint32_t sequence, uint32_t acknowledged, uint8_t flags,
                       std::string_view payload = {}, size_t option_words = 0) {
  std::string text = Big(from, 2) + Big(to, 2) + Big(sequence, 4) + Big(acknowledged, 4);
  text += static_cast<char>((5 + option_words) << 4U);
  text += static_cast<char>(flags);
  return text + std::string(6 + 4 * option_words, '\x01') + std::string(payload);
}

// 10.0.0.`from` to 10.0.0.`to`. `fragment` is the word of flags and offset.
inline std::string Ipv4(uint8_t from, uint8_t to, std::string_view payload, uint16_t fragment = 0, uint16_t id = 7,
                        uint8_t protocol = 6) {
  std::string text = std::string("\x45\x00", 2) + Big(20 + payload.size(), 2) + Big(id, 2) + Big(fragment, 2) + '\x40';
  text += static_cast<char>(protocol);
  text += std::string("\0\0\x0a\0\0", 5) + static_cast<char>(from) + std::string("\x0a\0\0", 3) + static_cast<char>(to);
  return text + std::string(payload);
}

inline std::string Ipv6(uint8_t from, uint8_t to, std::string_view payload, uint8_t next_header = 6) {
  std::string text = Big(0x60000000, 4) + Big(payload.size(), 2);
  text += static_cast<char>(next_header);
  text += '\x40';
  text += Big(0x20010db8, 4) + Big(from, 12) + Big(0x20010db8, 4) + Big(to, 12);
  return text + std::string(payload);
}

inline std::string Ethernet(std::string_view ip, uint16_t type = 0x0800) {
  return std::string(12, '\x02') + Big(type, 2) + std::string(ip);
}

struct CapturedPacket {
  uint64_t time_ns = 0;
  std::string bytes;
  uint32_t original_size = 0;  // 0: as captured
};

struct FileForm {
  bool big_endian = false;
  bool nanoseconds = false;
  uint32_t link_type = 1;
  bool extended = false;  // eight bytes more before each packet; with microseconds
};

inline std::string PcapFile(const std::vector<CapturedPacket>& packets, const FileForm& form = {}) {
  const auto number = [&form](uint64_t value, size_t bytes) {
    return form.big_endian ? Big(value, bytes) : Little(value, bytes);
  };
  std::string file = number(form.extended      ? 0xa1b2cd34
                            : form.nanoseconds ? 0xa1b23c4d
                                               : 0xa1b2c3d4,
                            4) +
                     number(2, 2) + number(4, 2) + number(0, 8) + number(262144, 4) + number(form.link_type, 4);
  for (const CapturedPacket& packet : packets) {
    file += number(packet.time_ns / 1'000'000'000, 4) + number(packet.time_ns % 1'000'000'000 / (form.nanoseconds ? 1 : 1000), 4);
    file += number(packet.bytes.size(), 4) + number(packet.original_size != 0 ? packet.original_size : packet.bytes.size(), 4);
    if (form.extended) file += number(3, 4) + number(0x800, 2) + std::string(2, '\0');
    file += packet.bytes;
  }
  return file;
}

// Blocks of pcapng, in one byte order.
class PcapngMaker {
 public:
  explicit PcapngMaker(bool big_endian) : big_endian_(big_endian) {}
  std::string Number(uint64_t value, size_t bytes) const { return big_endian_ ? Big(value, bytes) : Little(value, bytes); }
  std::string Block(uint32_t type, std::string body) const {
    body.resize((body.size() + 3) / 4 * 4);
    const std::string length = Number(body.size() + 12, 4);
    return Number(type, 4) + length + body + length;
  }
  std::string Section() const {
    return Block(0x0a0d0d0a, Number(0x1a2b3c4d, 4) + Number(1, 2) + Number(0, 2) + Number(~uint64_t{0}, 8));
  }
  std::string Option(uint16_t code, std::string value) const {
    const std::string head = Number(code, 2) + Number(value.size(), 2);
    value.resize((value.size() + 3) / 4 * 4);
    return head + value;
  }
  std::string Interface(uint16_t link_type, const std::string& options = {}, uint32_t snap_length = 0) const {
    return Block(1,
                 Number(link_type, 2) + Number(0, 2) + Number(snap_length, 4) + options + (options.empty() ? "" : Option(0, "")));
  }
  std::string Enhanced(uint32_t interface, uint64_t units, std::string_view bytes) const {
    return Block(6, Number(interface, 4) + Number(units >> 32U, 4) + Number(units & 0xffffffffU, 4) + Number(bytes.size(), 4) +
                        Number(bytes.size(), 4) + std::string(bytes));
  }
  std::string Simple(std::string_view bytes) const { return Block(3, Number(bytes.size(), 4) + std::string(bytes)); }

 private:
  bool big_endian_;
};

}  // namespace wirespan::testing
