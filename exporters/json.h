// Writing JSON by appending to a string: quoting, numbers, attribute maps. What comes out is valid UTF-8 whatever comes in.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "exporters/attributes.h"

namespace wirespan::exporters::json {

void AppendString(std::string_view text, std::string& out);  // with its quotes
void AppendInt(int64_t value, std::string& out);
void AppendUint(uint64_t value, std::string& out);
// Shortest form that reads back the same. JSON has no infinities and no NaN: those are the strings of the protobuf JSON mapping.
void AppendDouble(double value, std::string& out);
void AppendHex(const uint8_t* bytes, size_t size, std::string& out);  // with quotes
// {"key":value,...}. Of a key that appears twice the first value counts.
void AppendAttributeObject(const AttributeList& attributes, std::string& out);

}  // namespace wirespan::exporters::json
