#include "agent/kernel/capabilities.h"

#include <gtest/gtest.h>
#include <linux/capability.h>

namespace wirespan::kernel {
namespace {

TEST(Capabilities, HaveTheNumbersOfTheKernel) {
  EXPECT_EQ(kCapBpf.number, static_cast<unsigned>(CAP_BPF));
  EXPECT_EQ(kCapPerfmon.number, static_cast<unsigned>(CAP_PERFMON));
  EXPECT_EQ(kCapSysPtrace.number, static_cast<unsigned>(CAP_SYS_PTRACE));
  EXPECT_EQ(kCapDacReadSearch.number, static_cast<unsigned>(CAP_DAC_READ_SEARCH));
  EXPECT_EQ(kCapSysAdmin.number, static_cast<unsigned>(CAP_SYS_ADMIN));
  EXPECT_EQ(kCapSysResource.number, static_cast<unsigned>(CAP_SYS_RESOURCE));
}

TEST(Capabilities, LackingNamesThoseThatNobodyHas) {
  constexpr Capability kNobodys[] = {{62, "CAP_A", "", ""}, {63, "CAP_B", "", ""}};  // the kernel has none of these numbers
  EXPECT_FALSE(Has(kNobodys[0]));
  EXPECT_EQ(Lacking(kNobodys), "CAP_A, CAP_B");
  EXPECT_EQ(Lacking(std::span<const Capability>()), "");
}

TEST(Capabilities, MapsAreLockedMemoryBefore511) {
  EXPECT_TRUE(CountsLockedMemory("5.10.0-32-cloud-amd64"));
  EXPECT_TRUE(CountsLockedMemory("4.19"));
  EXPECT_FALSE(CountsLockedMemory("5.11.0"));
  EXPECT_FALSE(CountsLockedMemory("6.1.0-50-cloud-amd64"));
  EXPECT_FALSE(CountsLockedMemory(""));
}

}  // namespace
}  // namespace wirespan::kernel
