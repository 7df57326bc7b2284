#include "agent/cli/decode.h"

#include <istream>
#include <ostream>

#include "agent/cli/decode_session.h"
#include "agent/cli/json_lines.h"

namespace wirespan::cli {
namespace {

struct InputLine {
  std::optional<Direction> direction;  // nullopt: "?"
  std::string bytes;
  uint64_t gap = 0;
  std::optional<uint64_t> time_us;
  bool close = false;
  bool is_new = false;
};

class StreamSink final : public LineSink {
 public:
  explicit StreamSink(std::ostream& output) : output_(output) {}
  void Write(const Json& line) override { output_ << line.dump() << '\n'; }

 private:
  std::ostream& output_;
};

int HexDigit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

bool FromHex(const std::string& hex, std::string& bytes) {
  if (hex.size() % 2 != 0) return false;
  bytes.reserve(hex.size() / 2);
  for (size_t i = 0; i < hex.size(); i += 2) {
    const int high = HexDigit(hex[i]);
    const int low = HexDigit(hex[i + 1]);
    if (high < 0 || low < 0) return false;
    bytes.push_back(static_cast<char>(high * 16 + low));
  }
  return true;
}

bool ReadBool(const Json& object, const char* key, bool& value) {
  const auto it = object.find(key);
  if (it == object.end()) return true;
  if (!it->is_boolean()) return false;
  value = it->get<bool>();
  return true;
}

// Non-negative integers only.
bool ReadNumber(const Json& object, const char* key, std::optional<uint64_t>& value) {
  const auto it = object.find(key);
  if (it == object.end()) return true;
  if (!it->is_number_unsigned()) return false;
  value = it->get<uint64_t>();
  return true;
}

bool DirectionFromName(std::string_view name, std::optional<Direction>& direction) {
  direction.reset();
  if (name == "?" || name == "auto" || name.empty()) return true;
  if (name == "c2s") direction = Direction::kClientToServer;
  if (name == "s2c") direction = Direction::kServerToClient;
  return direction.has_value();
}

// Why the line is malformed; empty: it is not.
std::string_view ReadObject(const Json& object, std::optional<Direction> usual, InputLine& line) {
  line.direction = usual;
  if (!object.is_object()) return "not a JSON object";
  const auto dir = object.find("dir");
  const bool names_direction = dir != object.end();
  if (names_direction && (!dir->is_string() || !DirectionFromName(dir->get_ref<const std::string&>(), line.direction))) {
    return "dir is not c2s, s2c or ?";
  }
  const auto hex = object.find("hex");
  const bool has_hex = hex != object.end();
  if (has_hex && (!hex->is_string() || !FromHex(hex->get_ref<const std::string&>(), line.bytes))) {
    return "hex is not a string of pairs of hexadecimal digits";
  }
  std::optional<uint64_t> gap;
  if (!ReadNumber(object, "gap", gap)) return "gap is not a number of bytes";
  if (!ReadNumber(object, "ts_us", line.time_us)) return "ts_us is not a number of microseconds";
  if (!ReadBool(object, "close", line.close) || !ReadBool(object, "new", line.is_new)) return "close and new are true or false";
  line.gap = gap.value_or(0);
  if (!has_hex && !gap && !line.close && !line.is_new) return "none of hex, gap, close, new";
  return {};
}

class Door {
 public:
  using MakeSession = std::unique_ptr<Session> (*)(bool, LineSink&);
  Door(MakeSession make, bool server_side, LineSink& sink) : make_(make), server_side_(server_side), sink_(sink) { Renew(); }

  void Take(const InputLine& line) {
    if (line.is_new) {
      Finish();
      Renew();
    }
    now_us_ = line.time_us.value_or(now_us_);
    if (!line.bytes.empty()) TakeBytes(line);
    if (line.gap > 0) session_->Gap(Settle(line.direction), line.gap, now_us_);
    if (line.close) session_->Close(Settle(line.direction), now_us_);
  }

  // The end of the input is the end of the connection.
  void Finish() {
    Settle(last_);
    session_->Close(Direction::kClientToServer, now_us_);
    session_->Close(Direction::kServerToClient, now_us_);
  }

 private:
  void Renew() {
    session_ = make_(server_side_, sink_);
    undecided_.clear();
    last_ = Direction::kClientToServer;
  }

  void TakeBytes(const InputLine& line) {
    if (line.direction) {
      Settle(line.direction);
      session_->Bytes(*line.direction, line.bytes, now_us_);
      return;
    }
    if (undecided_.empty()) undecided_us_ = now_us_;
    undecided_ += line.bytes;
    const std::optional<Direction> direction = session_->DirectionOf(undecided_, last_);
    if (direction) Settle(direction);
  }

  // Bytes that wait for their direction get it: what the line says, else that of the last bytes.
  Direction Settle(std::optional<Direction> direction) {
    const Direction settled = direction.value_or(last_);
    if (!undecided_.empty()) {
      const std::string bytes = std::move(undecided_);
      undecided_.clear();
      session_->Bytes(session_->DirectionOf(bytes, last_).value_or(settled), bytes, undecided_us_);
    }
    last_ = settled;
    return settled;
  }

  MakeSession make_;
  bool server_side_;
  LineSink& sink_;
  std::unique_ptr<Session> session_;
  std::string undecided_;  // bytes too few to tell their direction
  uint64_t undecided_us_ = 0;
  uint64_t now_us_ = 0;
  Direction last_ = Direction::kClientToServer;
};

template <typename Protocol>
std::unique_ptr<Session> Make(bool server_side, LineSink& sink) {
  return std::make_unique<DecodeSession<Protocol>>(server_side, sink);
}

Door::MakeSession FindProtocol(std::string_view name, std::string& known) {
  Door::MakeSession make = nullptr;
  decoders::ForEachProtocol([&]<typename P>(P) {
    if (P::kName == name) make = &Make<P>;
    known += known.empty() ? "" : ", ";
    known += P::kName;
  });
  return make;
}

}  // namespace

int RunDecode(const DecodeOptions& options, std::istream& input, std::ostream& output, std::ostream& errors) {
  std::string known;
  const Door::MakeSession make = FindProtocol(options.protocol, known);
  if (make == nullptr) {
    errors << "wirespan decode: unknown protocol '" << options.protocol << "'; known: " << known << '\n';
    return 2;
  }
  std::optional<Direction> usual;
  if (!DirectionFromName(options.direction, usual)) {
    errors << "wirespan decode: unknown direction '" << options.direction << "'; known: c2s, s2c, auto\n";
    return 2;
  }
  StreamSink sink(output);
  Door door(make, options.server_side, sink);
  bool all_well = true;
  std::string text;
  bool too_long = false;
  for (uint64_t number = 1; ReadLine(input, text, too_long) && output; ++number) {
    if (!too_long && IsBlank(text)) continue;
    InputLine line;
    const Json object = too_long ? Json() : Json::parse(text, nullptr, false);
    std::string_view why = too_long ? "longer than 64 MiB" : ReadObject(object, usual, line);
    if (!why.empty()) {
      sink.Write({{"error", why}, {"line", number}});
      all_well = false;
      continue;
    }
    door.Take(line);
  }
  door.Finish();
  output.flush();
  if (!output) errors << "wirespan decode: the output could not be written\n";
  return all_well && output ? 0 : 1;
}

}  // namespace wirespan::cli
