// The last line of a replay: what was read, what was made of it, and what was lost, by name. Plain values; any thread.
#pragma once

#include <cstdint>
#include <map>
#include <string>

#include "agent/stream/losses.h"
#include "agent/trace/assembler.h"

namespace wirespan::cli {

using DroppedByName = std::map<std::string, uint64_t>;

// Adds what is not zero. Connections that were met in their middle lose nothing by that: they are left out.
void AddLosses(const Losses& losses, const trace::TraceAssembler& assembler, DroppedByName& dropped);

// {"type":"summary",...} and a line end.
std::string SummaryLine(uint64_t packets, const Losses& losses, size_t spans, const DroppedByName& dropped,
                        uint64_t unknown_connections);

}  // namespace wirespan::cli
