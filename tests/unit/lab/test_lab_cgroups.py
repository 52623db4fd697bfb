"""Where hosts' cgroups go, for each way a machine may mount them."""

from provision.lab.cgroups import mount_points, plan
from provision.lab.state import Cgroup

HYBRID_MOUNTS = """\
30 23 0:26 / /sys/fs/cgroup rw - tmpfs tmpfs rw,mode=755
31 30 0:27 / /sys/fs/cgroup/cpu,cpuacct rw,relatime - cgroup cgroup rw,cpu,cpuacct
32 30 0:28 / /sys/fs/cgroup/memory rw,relatime - cgroup cgroup rw,memory
33 30 0:29 / /sys/fs/cgroup/systemd rw,relatime - cgroup cgroup rw,xattr,release_agent=/lib/agent,name=systemd
34 30 0:30 / /sys/fs/cgroup/unified rw,relatime - cgroup2 cgroup2 rw
"""
HYBRID_OWN = "4:memory:/jobs/7\n3:cpu,cpuacct:/\n2:freezer:/\n1:name=systemd:/\n0::/\n"
UNIFIED_MOUNTS = "30 23 0:26 / /sys/fs/cgroup rw,nosuid - cgroup2 cgroup2 rw,nsdelegate\n"


def test_hierarchies_are_known_by_their_controllers():
    assert mount_points(HYBRID_MOUNTS) == {
        "cpu,cpuacct": "/sys/fs/cgroup/cpu,cpuacct",
        "memory": "/sys/fs/cgroup/memory",
        "name=systemd": "/sys/fs/cgroup/systemd",
        "": "/sys/fs/cgroup/unified",
    }


def test_version_1_gives_a_host_one_cgroup_per_hierarchy_below_our_own():
    assert plan("h", HYBRID_OWN, HYBRID_MOUNTS) == (
        Cgroup("/sys/fs/cgroup/memory/jobs/7/h", "memory", "memory"),
        Cgroup("/sys/fs/cgroup/cpu,cpuacct/h", "cpu,cpuacct", "cpu,cpuacct"),
        Cgroup("/sys/fs/cgroup/systemd/h", "systemd", "none,name=systemd"),
        Cgroup("/sys/fs/cgroup/unified/h", "unified", ""),
    )


def test_version_2_alone_gives_a_host_one_cgroup_below_the_root():
    own = "0::/user.slice/user-0.slice/session-1.scope\n"
    assert plan("h", own, UNIFIED_MOUNTS) == (Cgroup("/sys/fs/cgroup/h", "", ""),)
