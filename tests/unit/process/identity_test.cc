#include "agent/process/identity.h"

#include <gtest/gtest.h>

#include <set>

#include "agent/process/sha1.h"
#include "tests/unit/process/fake_proc.h"

namespace wirespan::process {
namespace {

using Pairs = std::vector<std::pair<std::string, std::string>>;

std::string Environment(std::initializer_list<std::string_view> variables) {
  std::string text;
  for (const std::string_view variable : variables) (text += variable) += '\0';
  return text;
}

ProcessFacts Facts() {
  ProcessFacts facts;
  facts.tgid = 4711;
  facts.executable_path = "/usr/bin/python3.11";
  facts.comm = "python3";
  facts.arguments = {"python3", "shop.py"};
  facts.start_ticks = 12345;
  facts.owner = "alice";
  return facts;
}

HostFacts Host() {
  HostFacts host;
  host.name = "box";
  host.id = "0123456789abcdef0123456789abcdef";
  host.architecture = "amd64";
  host.boot_unix_ns = 1'700'000'000'000'000'000;
  host.ticks_per_second = 100;
  return host;
}

std::string Attribute(const exporters::Resource& resource, std::string_view key) {
  const auto found = resource.attributes.Find(key);
  if (!found) return "(absent)";
  return found->type == exporters::AttributeView::Type::kInt ? std::to_string(found->int_value)
                                                             : std::string(found->string_value);
}

TEST(FindVariable, TakesTheFirstOfAName) {
  const std::string environment =
      Environment({"PATH=/bin", "OTEL_SERVICE_NAMES=no", "OTEL_SERVICE_NAME=a=b", "OTEL_SERVICE_NAME=c"});
  EXPECT_EQ(FindVariable(environment, "OTEL_SERVICE_NAME"), "a=b");
  EXPECT_EQ(FindVariable(environment, "OTEL"), "");
  EXPECT_EQ(FindVariable("X", "X"), "");
  EXPECT_EQ(FindVariable("X=1", "X"), "1");  // cut before its NUL
  EXPECT_EQ(FindVariable("", "X"), "");
}

TEST(ResourceAttributes, AreDecoded) {
  EXPECT_EQ(*ParseResourceAttributes("a=1, b = x%2Cy%3d%20z ,c="), (Pairs{{"a", "1"}, {"b", "x,y= z"}, {"c", ""}}));
  EXPECT_EQ(*ParseResourceAttributes(""), Pairs{});
  EXPECT_EQ(*ParseResourceAttributes(",a=1,,"), (Pairs{{"a", "1"}}));
  EXPECT_EQ(*ParseResourceAttributes("a=1,b=2,a=3"), (Pairs{{"a", "3"}, {"b", "2"}}));
  EXPECT_EQ(*ParseResourceAttributes("a=b=c"), (Pairs{{"a", "b=c"}}));
}

TEST(ResourceAttributes, AnyErrorDiscardsTheWholeVariable) {
  for (const char* text : {"a=1,b", "a=1,=2", "a=%", "a=%4", "a=%zz,b=1", "b=1,a=%2", "%=1"})
    EXPECT_FALSE(ParseResourceAttributes(text)) << text;
}

TEST(ResourceAttributes, AreBounded) {
  std::string text;
  for (size_t i = 0; i < 2 * kMaxResourceAttributes; ++i) text += "k" + std::to_string(i) + "=v,";
  EXPECT_EQ(ParseResourceAttributes(text)->size(), kMaxResourceAttributes);
}

TEST(ServiceName, Precedence) {
  ProcessFacts facts = Facts();
  EXPECT_EQ(ServiceName(facts), "shop");
  facts.environment = Environment({"OTEL_RESOURCE_ATTRIBUTES=x=y,service.name=from%20attributes"});
  EXPECT_EQ(ServiceName(facts), "from attributes");
  facts.environment = Environment({"OTEL_RESOURCE_ATTRIBUTES=service.name=no", "OTEL_SERVICE_NAME=own"});
  EXPECT_EQ(ServiceName(facts), "own");
  facts.environment = Environment({"OTEL_RESOURCE_ATTRIBUTES=service.name=no,broken", "OTEL_SERVICE_NAME="});
  EXPECT_EQ(ServiceName(facts), "shop");
  EXPECT_EQ(ServiceName(ProcessFacts{}), "unknown_service");
  facts.environment = Environment({"OTEL_SERVICE_NAME= \x01 two\nlines "});
  EXPECT_EQ(ServiceName(facts), "two lines");
}

TEST(Resource, HoldsWhatIsKnown) {
  ProcessFacts facts = Facts();
  facts.environment = Environment({"OTEL_RESOURCE_ATTRIBUTES=service.namespace=store,deployment.environment.name=prod"});
  const std::string id(64, 'b');
  facts.cgroup = "0::/system.slice/docker-" + id + ".scope\n";
  const exporters::Resource resource = BuildResource(facts, Host(), "1.2.3", 9);
  EXPECT_EQ(resource.id, 9U);
  EXPECT_EQ(resource.service_name, "shop");
  EXPECT_EQ(Attribute(resource, "service.name"), "shop");
  EXPECT_EQ(Attribute(resource, "service.namespace"), "store");
  EXPECT_EQ(Attribute(resource, "deployment.environment.name"), "prod");
  EXPECT_EQ(Attribute(resource, "process.pid"), "4711");
  EXPECT_EQ(Attribute(resource, "process.creation.time"), "2023-11-14T22:15:23.450Z");
  EXPECT_EQ(Attribute(resource, "process.executable.name"), "python3.11");
  EXPECT_EQ(Attribute(resource, "process.executable.path"), "/usr/bin/python3.11");
  EXPECT_EQ(Attribute(resource, "process.command"), "python3");
  EXPECT_EQ(Attribute(resource, "process.owner"), "alice");
  EXPECT_EQ(Attribute(resource, "process.runtime.name"), "cpython");
  EXPECT_EQ(Attribute(resource, "telemetry.sdk.language"), "python");
  EXPECT_EQ(Attribute(resource, "telemetry.sdk.name"), "wirespan");
  EXPECT_EQ(Attribute(resource, "telemetry.sdk.version"), "1.2.3");
  EXPECT_EQ(Attribute(resource, "telemetry.distro.name"), "wirespan");
  EXPECT_EQ(Attribute(resource, "telemetry.distro.version"), "1.2.3");
  EXPECT_EQ(Attribute(resource, "container.id"), id);
  EXPECT_EQ(Attribute(resource, "host.name"), "box");
  EXPECT_EQ(Attribute(resource, "host.id"), "0123456789abcdef0123456789abcdef");
  EXPECT_EQ(Attribute(resource, "host.arch"), "amd64");
  EXPECT_EQ(Attribute(resource, "os.type"), "linux");
  EXPECT_EQ(Attribute(resource, "service.instance.id").size(), 36U);
}

TEST(Resource, TheProcessMaySayWhatItIsButNotWhoSaysIt) {
  ProcessFacts facts = Facts();
  facts.environment =
      Environment({"OTEL_RESOURCE_ATTRIBUTES=host.name=mine,service.instance.id=one,telemetry.sdk.name=opentelemetry,process.pid="
                   "1,container.id="});
  const exporters::Resource resource = BuildResource(facts, Host(), "1", 1);
  EXPECT_EQ(Attribute(resource, "host.name"), "mine");
  EXPECT_EQ(Attribute(resource, "service.instance.id"), "one");
  EXPECT_EQ(Attribute(resource, "telemetry.sdk.name"), "wirespan");
  EXPECT_EQ(Attribute(resource, "process.pid"), "4711");
  EXPECT_EQ(Attribute(resource, "container.id"), "(absent)");
  std::multiset<std::string> keys;
  exporters::AttributeList::Reader reader(resource.attributes);
  for (exporters::AttributeView view; reader.Next(view);) keys.emplace(view.key);
  for (const std::string& key : keys) EXPECT_EQ(keys.count(key), 1U) << key;
}

TEST(Resource, OfAnUnknownProcessSaysOnlyWhatIsTrue) {
  const exporters::Resource resource = BuildResource(ProcessFacts{}, HostFacts{}, "1", 1);
  EXPECT_EQ(resource.service_name, "unknown_service");
  for (const char* key : {"process.pid", "process.creation.time", "process.executable.name", "process.command", "container.id",
                          "host.id", "telemetry.sdk.language"}) {
    EXPECT_EQ(Attribute(resource, key), "(absent)") << key;
  }
}

TEST(Resource, AGoProgramIsOne) {
  ProcessFacts facts = Facts();
  facts.executable_path = "/srv/shop";
  facts.is_go = true;
  EXPECT_EQ(Attribute(BuildResource(facts, Host(), "1", 1), "telemetry.sdk.language"), "go");
}

TEST(InstanceId, IsAVersionFiveUuidThatDependsOnEachPart) {
  // uuid.uuid5(uuid.UUID("4d63009a-8d0f-11ee-aad7-4c796ed8e320"), "host/7/9") of Python
  EXPECT_EQ(InstanceId("host", 7, 9), "8154f865-bf0b-511c-a421-86bd327a1107");
  std::set<std::string> ids = {InstanceId("host", 7, 9), InstanceId("host", 8, 9), InstanceId("host", 7, 10),
                               InstanceId("tsoh", 7, 9)};
  EXPECT_EQ(ids.size(), 4U);
}

TEST(Sha1, KnownDigests) {
  const auto hex = [](std::string_view text) {
    std::string out;
    for (const uint8_t byte : Sha1(text)) {
      char digits[3];
      std::snprintf(digits, sizeof digits, "%02x", byte);
      out += digits;
    }
    return out;
  };
  EXPECT_EQ(hex(""), "da39a3ee5e6b4b0d3255bfef95601890afd80709");
  EXPECT_EQ(hex("abc"), "a9993e364706816aba3e25717850c26c9cd0d89d");
  EXPECT_EQ(hex("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq"), "84983e441c3bd26ebaae4aa1f95129e5e54670f1");
  EXPECT_EQ(hex(std::string(1'000'000, 'a')), "34aa973cd4c4daa4f61eeb2bdbad27316534016f");
}

TEST(HostFacts, AreReadFromItsFiles) {
  const FakeProc fake;
  fake.Write("proc/stat", "cpu  1 2 3\nbtime 1700000000\nprocesses 9\n");
  fake.Write("etc/machine-id", "0123456789abcdef0123456789abcdef\n");
  const HostFacts host = ReadHostFacts((fake.root() / "proc").string(), (fake.root() / "etc").string());
  EXPECT_EQ(host.id, "0123456789abcdef0123456789abcdef");
  EXPECT_EQ(host.boot_unix_ns, 1'700'000'000'000'000'000U);
  EXPECT_FALSE(host.name.empty());
  EXPECT_FALSE(host.architecture.empty());
  const HostFacts nothing = ReadHostFacts((fake.root() / "none").string(), (fake.root() / "none").string());
  EXPECT_EQ(nothing.id, "");
  EXPECT_EQ(nothing.boot_unix_ns, 0U);
}

}  // namespace
}  // namespace wirespan::process
