#include "agent/process/container_id.h"

#include <gtest/gtest.h>

namespace wirespan::process {
namespace {

const std::string kId = "4f2d7c1e9b8a6053d1e2f3a4b5c6d7e8091a2b3c4d5e6f708192a3b4c5d6e7f8";
const std::string kPod = "1f0ab6cc-5b8a-4a4a-a0a6-b9f1b7a3c001";

struct Case {
  const char* layout;
  std::string cgroup;
  std::string mount_info;
  std::string id;
};

class ContainerId : public ::testing::TestWithParam<Case> {};

TEST_P(ContainerId, IsFound) {
  EXPECT_EQ(ContainerIdOf(GetParam().cgroup, GetParam().mount_info), GetParam().id) << GetParam().layout;
}

INSTANTIATE_TEST_SUITE_P(
    Layouts, ContainerId,
    ::testing::Values(
        Case{"docker v1", "12:memory:/docker/" + kId + "\n11:cpu,cpuacct:/docker/" + kId + "\n", "", kId},
        Case{"docker v2 systemd", "0::/system.slice/docker-" + kId + ".scope\n", "", kId},
        Case{"docker v2 with a service manager inside", "0::/system.slice/docker-" + kId + ".scope/system.slice/x.service\n", "",
             kId},
        Case{"docker hybrid", "1:name=systemd:/docker/" + kId + "\n0::/system.slice/containerd.service\n", "", kId},
        Case{"containerd v1 kubepods cgroupfs", "5:memory:/kubepods/burstable/pod" + kPod + "/" + kId + "\n", "", kId},
        Case{"containerd kubepods systemd",
             "0::/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod1f0ab6cc_5b8a.slice/cri-containerd-" + kId +
                 ".scope\n",
             "", kId},
        Case{"containerd with the slice in the name",
             "0::/system.slice/containerd.service/kubepods-besteffort-pod1.slice:cri-containerd:" + kId + "\n", "", kId},
        Case{"cri-o", "0::/kubepods.slice/kubepods-pod1.slice/crio-" + kId + ".scope\n", "", kId},
        Case{"cri-o with its own container group", "0::/kubepods.slice/kubepods-pod1.slice/crio-" + kId + ".scope/container\n",
             "", kId},
        Case{"cri-o's monitor", "0::/kubepods.slice/kubepods-pod1.slice/crio-conmon-" + kId + ".scope\n", "", ""},
        Case{"podman root", "0::/machine.slice/libpod-" + kId + ".scope/container\n", "", kId},
        Case{"podman rootless", "0::/user.slice/user-1000.slice/user@1000.service/user.slice/libpod-" + kId + ".scope\n", "",
             kId},
        Case{"podman cgroupfs", "0::/libpod_parent/libpod-" + kId + "\n", "", kId},
        Case{"podman's monitor", "0::/machine.slice/libpod-conmon-" + kId + ".scope\n", "", ""},
        Case{"docker in docker: the innermost", "0::/docker/" + std::string(64, 'a') + "/docker/" + kId + "\n", "", kId},
        Case{"amazon ecs", "3:cpu:/ecs/0123456789abcdef0123456789abcdef/" + kId + "\n", "", kId},
        Case{"amazon fargate", "3:cpu:/ecs/0123456789abcdef0123456789abcdef/0123456789abcdef0123456789abcdef-1234567890\n", "",
             "0123456789abcdef0123456789abcdef-1234567890"},
        Case{"no container", "0::/user.slice/user-1000.slice/session-1.scope\n", "", ""},
        Case{"a service of 32 digits", "4:memory:/process_api/549f910efae1fc06b6b71c39ff72a270\n0::/\n", "", ""},
        Case{"upper case is no id", "0::/docker/" + std::string(64, 'A') + "\n", "", ""},
        Case{"65 digits are none", "0::/docker/" + kId + "0\n", "", ""},
        Case{"docker seen from inside", "0::/\n",
             "22 1 0:21 / /proc rw - proc proc rw\n700 690 8:1 /var/lib/docker/containers/" + kId +
                 "/hostname /etc/hostname rw - ext4 /dev/sda1 rw\n",
             kId},
        Case{"podman seen from inside", "0::/\n",
             "700 690 0:50 /containers/storage/overlay-containers/" + kId +
                 "/userdata/.containerenv /run/.containerenv rw - tmpfs tmpfs rw\n",
             kId},
        Case{"a pod's sandbox is not the container", "0::/\n",
             "700 690 8:1 /var/lib/containerd/io.containerd.grpc.v1.cri/sandboxes/" + kId +
                 "/hostname /etc/hostname rw - ext4 /dev/sda1 rw\n"
                 "701 690 0:50 /containers/storage/overlay-containers/" +
                 kId + "/userdata/hostname /etc/hostname rw - tmpfs tmpfs rw\n",
             ""},
        Case{"a mount elsewhere says nothing", "0::/\n",
             "700 690 8:1 /var/lib/docker/containers/" + kId + "/hostname /mnt/hostname rw - ext4 x rw\n", ""},
        Case{"empty", "", "", ""}, Case{"broken lines", "0\n::\n:\n\n0:", "1 2\n \n", ""}));

TEST(ContainerId, IsFoundAtTheEndOfATextWithoutNewline) { EXPECT_EQ(ContainerIdOf("0::/docker/" + kId, ""), kId); }

TEST(CgroupPath, OfTheUnifiedHierarchyElseTheFirst) {
  EXPECT_EQ(CgroupPathOf("5:memory:/a\n0::/b\n"), "/b");
  EXPECT_EQ(CgroupPathOf("5:memory:/a:c\n4:cpu:/d\n"), "/a:c");
  EXPECT_EQ(CgroupPathOf(""), "");
  EXPECT_EQ(CgroupPathOf("junk"), "");
}

}  // namespace
}  // namespace wirespan::process
