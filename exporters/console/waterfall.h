// One trace as text: a header line and one line per span, children under their parent, bars to scale. Pure function.
#pragma once

#include <string>
#include <vector>

#include "exporters/console/console_exporter.h"
#include "exporters/span.h"

namespace wirespan::exporters::console {

// Appends the waterfall of `spans` (all of one trace, in any order, parents absent or even in a circle) to `out`. `late`: other
// spans of the trace were printed before.
void AppendWaterfall(const std::vector<Span>& spans, bool late, const ConsoleOptions& options, std::string& out);

}  // namespace wirespan::exporters::console
