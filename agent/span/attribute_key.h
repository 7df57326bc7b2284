// KeyOf: the name of an attribute as the list of attributes takes it. Any thread.
#pragma once

#include "decoders/semantic_conventions.h"
#include "exporters/attributes.h"

namespace wirespan::span {

// Lives as long as `name`: for ever, as all names do.
inline exporters::ConstantKey KeyOf(const AttributeName& name) { return {name.text, name.frame.data()}; }

static_assert(AttributeName::kFrameBytes == exporters::KeyFrame::kBytes);
static_assert(exporters::KeyFrame("wirespan.incomplete").bytes == semconv::kWirespanIncomplete.frame);

}  // namespace wirespan::span
