#include "exporters/otlp/grpc_module.h"

#include <dlfcn.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>

#include "exporters/joined.h"
#include "exporters/otlp/response.h"

namespace wirespan::exporters::otlp {
namespace {

constexpr char kHint[] = "; install it beside wirespan, or use the protocol http/protobuf";

Failure NotThere(const std::vector<std::string>& paths) {
  std::string places;
  for (const std::string& path : paths) places += (places.empty() ? "" : ", ") + path;
  return Failure{Joined({"OTLP/gRPC needs ", kGrpcModuleFile, ", which is not there (", places, ")", kHint})};
}

std::string LoaderError() {
  const char* error = ::dlerror();
  return OneLine(error != nullptr ? error : "no reason given");
}

}  // namespace

ValueOr<const GrpcModule*> LoadGrpcModule(const std::vector<std::string>& paths) {
  const auto path = std::find_if(paths.begin(), paths.end(), [](const std::string& p) { return ::access(p.c_str(), F_OK) == 0; });
  if (path == paths.end()) return NotThere(paths);
  // Never unloaded: gRPC has threads of its own.
  void* handle = ::dlopen(path->c_str(), RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE);
  if (handle == nullptr) return Failure{Joined({"OTLP/gRPC: cannot load its module: ", LoaderError(), kHint})};
  const auto* module = static_cast<const GrpcModule*>(::dlsym(handle, kGrpcModuleSymbol));
  if (module == nullptr) return Failure{Joined({"OTLP/gRPC: ", *path, " is not wirespan's module: ", LoaderError(), kHint})};
  if (module->build == nullptr || std::strcmp(module->build, kGrpcModuleBuild) != 0) {
    const std::string build = module->build == nullptr ? "unknown" : OneLine(module->build);
    return Failure{Joined({"OTLP/gRPC: ", *path, " is of another build (", build, ") than this program (", kGrpcModuleBuild,
                           "); install both from one package, or use the protocol http/protobuf"})};
  }
  return module;
}

}  // namespace wirespan::exporters::otlp
