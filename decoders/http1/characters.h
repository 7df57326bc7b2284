// The character classes of decoders/http_characters.h, by the names this folder calls them.
#pragma once

#include "decoders/http_characters.h"

namespace wirespan::decoders::http1 {

using http::CharacterClass;
using http::EqualsIgnoringCase;
using http::HexValue;
using http::Is;
using http::IsAlpha;
using http::IsBlank;
using http::IsDigit;
using http::IsToken;
using http::kHexChar;
using http::kTargetChar;
using http::kTokenChar;
using http::ToLower;
using http::TrimBlanks;

}  // namespace wirespan::decoders::http1
