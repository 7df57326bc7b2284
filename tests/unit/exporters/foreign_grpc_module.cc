// Built three times: as a module of another version, as one whose version is not told, and as one that is no such module at all.
#include "exporters/otlp/grpc_channel.h"

#ifdef FOREIGN_BUILD
extern "C" __attribute__((visibility("default"))) const wirespan::exporters::otlp::GrpcModule wirespan_grpc_module;
const wirespan::exporters::otlp::GrpcModule wirespan_grpc_module = {FOREIGN_BUILD, nullptr};
#endif
