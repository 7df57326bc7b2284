// Loads the module behind GrpcChannel. Any thread; what is loaded stays until the process ends.
#pragma once

#include <string>
#include <vector>

#include "exporters/otlp/grpc_channel.h"
#include "exporters/outcome.h"

namespace wirespan::exporters::otlp {

// Loads the first of `paths` (absolute) that is there. Fails where none is, where the system's loader refuses it, and where it is
// of another build than this program. Some 10 ms the first time; later calls find it loaded.
ValueOr<const GrpcModule*> LoadGrpcModule(const std::vector<std::string>& paths);

}  // namespace wirespan::exporters::otlp
