#include "tests/unit/decoders/redis_wire.h"

namespace wirespan::testing {

std::string Rendering<decoders::redis::Message>::Of(const decoders::redis::Message& message) {
  std::string line = "message ";
  line.append(Name(message.direction)).append(" ").append(std::to_string(message.start)).append("-");
  line.append(std::to_string(message.end)).append(" ").append(Name(message.incomplete)).append(" ");
  if (message.is_request) {
    line.append(Escape(message.text));
  } else {
    line.append(message.type == decoders::redis::Type::kNone ? "?" : std::string(1, static_cast<char>(message.type)));
    if (!message.name.empty()) line.append(" ").append(Escape(message.name));
    if (IsAggregate(message.type)) line.append(" elements=").append(std::to_string(message.elements));
  }
  line.append(message.one_way ? " one-way" : " #" + std::to_string(message.exchange));
  if (message.head_end == 0) line.append(" head?");
  if (message.has_database) line.append(" db=").append(std::to_string(message.database));
  if (message.is_transaction) {
    line.append(" batch=").append(std::to_string(message.batch_size)).append(" ").append(message.batch_name);
  }
  if (!message.procedure.empty()) line.append(" procedure=").append(message.procedure);
  if (message.truncated) line.append(" truncated");
  return line;
}

std::string RedisString(std::string_view text) { return "$" + std::to_string(text.size()) + "\r\n" + std::string(text) + "\r\n"; }

std::string RedisArray(const std::vector<std::string>& values, char type) {
  std::string bytes = type + std::to_string(type == '%' ? values.size() / 2 : values.size()) + "\r\n";
  for (const std::string& value : values) bytes += value;
  return bytes;
}

std::string RedisCommand(const std::vector<std::string>& words) {
  std::vector<std::string> values;
  for (const std::string& word : words) values.push_back(RedisString(word));
  return RedisArray(values);
}

}  // namespace wirespan::testing
