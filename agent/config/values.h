// Values of options as people write them. Pure; every error says what is taken. Any thread.
#pragma once

#include <chrono>
#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>
#include <vector>

#include "agent/base/result.h"
#include "agent/status/listen_address.h"

namespace wirespan::config {

// "4096", decimal, between the bounds.
Result<uint64_t> ParseCount(std::string_view text, uint64_t least, uint64_t most);
// "4096", "64KiB", "16MiB", "1GiB", "10MB": bytes, between the bounds.
Result<uint64_t> ParseBytes(std::string_view text, uint64_t least, uint64_t most);

enum class BareNumber : uint8_t { kIsAnError, kIsMilliseconds };  // as in the OTEL_* variables
// "250ms", "30s", "5m", "2h", "1m30s", "1.5s": up to a year, not zero.
Result<std::chrono::milliseconds> ParseDuration(std::string_view text, BareNumber bare = BareNumber::kIsAnError);

// "127.0.0.1:9464", "localhost:0", "[::1]:9464": host and port.
Result<status::ListenAddress> ParseListenAddress(std::string_view text);
// "true" or "false" in any case.
Result<bool> ParseBool(std::string_view text);
// One of the words, in any case; the word as it stands in the list.
Result<std::string> ParseWord(std::string_view text, std::initializer_list<std::string_view> words);
// Not empty, without control characters, at most 64 KiB.
Result<std::string> ParseText(std::string_view text);
// The text with control characters as '?': fit for one line of a terminal or a log.
std::string OneLine(std::string_view text);
// "a, b,,c" -> a b c
std::vector<std::string> SplitList(std::string_view text);

}  // namespace wirespan::config
