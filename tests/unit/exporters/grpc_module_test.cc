// The module of OTLP/gRPC: found where it is, and one line where it cannot be used.
#include "exporters/otlp/grpc_module.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "exporters/otlp/otlp_exporter.h"

namespace wirespan::exporters::otlp {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

// One line that says what to do.
std::string Refusal(const std::vector<std::string>& paths) {
  const auto module = LoadGrpcModule(paths);
  EXPECT_FALSE(module.ok());
  if (module.ok()) return {};
  EXPECT_THAT(module.error(), AllOf(HasSubstr("OTLP/gRPC"), HasSubstr("http/protobuf"), Not(HasSubstr("\n"))));
  return module.error();
}

TEST(GrpcModule, TheFirstThatIsThereIsLoaded) {
  const auto module = LoadGrpcModule({"/no/such/folder/wirespan_grpc.so", GRPC_MODULE, FOREIGN_MODULE});
  ASSERT_TRUE(module.ok()) << module.error();
  EXPECT_STREQ((*module)->build, kGrpcModuleBuild);
  const auto again = LoadGrpcModule({GRPC_MODULE});
  ASSERT_TRUE(again.ok()) << again.error();
  EXPECT_EQ(*again, *module);
}

TEST(GrpcModule, WhereThereIsNoneEveryPlaceIsNamed) {
  EXPECT_THAT(Refusal({"/no/such/a.so", "/no/such/b.so"}), AllOf(HasSubstr("/no/such/a.so"), HasSubstr("/no/such/b.so")));
  Refusal({});
}

TEST(GrpcModule, OfAnotherBuildIsRefusedAndBothAreNamed) {
  EXPECT_THAT(Refusal({FOREIGN_MODULE}),
              AllOf(HasSubstr(FOREIGN_MODULE), HasSubstr("0.0.0, interface 0"), HasSubstr(kGrpcModuleBuild)));
  EXPECT_THAT(Refusal({SILENT_MODULE}), HasSubstr("unknown"));
}

TEST(GrpcModule, SomethingElseIsRefused) {
  EXPECT_THAT(Refusal({NO_MODULE}), HasSubstr("is not wirespan's module"));  // a shared object
  EXPECT_THAT(Refusal({WIRESPAN_SOURCE_DIR "/README.md"}), AllOf(HasSubstr("cannot load"), HasSubstr("README.md")));  // none
}

TEST(GrpcModule, AnExporterWithoutItSaysSoAtTheStart) {
  OtlpOptions options;
  options.protocol = Protocol::kGrpc;
  options.endpoint.target = "127.0.0.1:4317";
  options.grpc_modules = {FOREIGN_MODULE};
  const auto spans = NewOtlpSpanExporter(options);
  ASSERT_FALSE(spans.ok());
  EXPECT_THAT(spans.error(), HasSubstr("another build"));
  const auto metrics = NewOtlpMetricExporter(options);
  ASSERT_FALSE(metrics.ok());
  EXPECT_EQ(metrics.error(), spans.error());
}

}  // namespace
}  // namespace wirespan::exporters::otlp
