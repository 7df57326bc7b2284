// Request targets: decoders/http_target.h, by the names this folder calls it.
#pragma once

#include "decoders/http_target.h"

namespace wirespan::decoders::http1 {

using http::AppendRedactedQuery;
using http::Authority;
using http::BoundedText;
using http::IsIpv4;
using http::IsIpv6;
using http::kRedacted;
using http::ParseAuthority;
using http::ParseTarget;
using http::Target;
using http::TargetForm;

}  // namespace wirespan::decoders::http1
