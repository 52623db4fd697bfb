"""Who holds GPU memory, and which Ray and vLLM run, from what /proc shows of them. All of it is made up."""

from __future__ import annotations

from made_up_smi import APPS, PROGRAMS

from provision.facts import GpuProcess, read_facts


def test_processes_on_gpus_are_joined_with_what_is_known_of_them():
    first, second = (f"GPU-00000000-0000-0000-0000-{index:012x}" for index in range(2))
    command, mark = "ray::RayWorkerWrapper", "demo/gpu-01/ray"
    assert read_facts(APPS).gpu_processes == (
        GpuProcess(4242, first, 70012, "ops", command, mark),
        GpuProcess(4242, second, 70010, "ops", command, mark),
        GpuProcess(51, second),
        GpuProcess(52, second, 300, "1007"),
        GpuProcess(53, "MIG-00000000-0000-0000-0000-000000000009", 0, command="python"),
    )


def test_since_when_a_process_holds_a_gpu_is_its_start_after_the_hosts_own():
    line = "@apps\n4711, GPU-0, 71234 MiB, python\nstarted 4711 1440000\n"
    for uptime, since in (("25200.55 1.0", 10800.55), ("300.0 1.0", None), ("", None)):
        (process,) = read_facts(f"@values\nuptime={uptime}\n{line}").gpu_processes
        assert process.since == since


def test_programs_are_those_that_serve_and_not_those_that_mention_them():
    gcs, raylet, server, module = read_facts(PROGRAMS).programs
    assert [(p.pid, p.kind) for p in (gcs, raylet, server, module)] == [
        (10, "gcs_server"), (11, "raylet"), (12, "vllm"), (13, "vllm"),
    ]  # fmt: skip
    assert (raylet.user, raylet.environment, raylet.version, raylet.node_ip) == ("ops", "/e", "2.60.0", "10.0.0.1")
    assert (raylet.mark, gcs.mark, server.mark) == ("demo/gpu-01/ray", "demo/gpu-01/ray", "")
    assert (server.user, server.environment, server.replaced) == ("eve", "/home/eve/x", True)
    assert (module.environment, module.version, module.replaced) == ("", "", False)


def test_a_vllm_outside_of_virtual_environments_is_where_its_script_is():
    line = "/proc/9/cmdline:/usr/bin/python3\037-u\037/usr/local/bin/vllm\037serve\037m\037"
    (server,) = read_facts(f"@programs\n{line}\ninstalled 9 vllm-0.33.0.dist-info\n").programs
    assert (server.kind, server.environment, server.version) == ("vllm", "/usr/local", "0.33.0")


def test_two_versions_in_one_environment_are_none():
    assert read_facts(PROGRAMS).programs[2].version == ""


def test_a_programs_command_line_hides_its_secrets():
    _, raylet, server, _ = read_facts(PROGRAMS).programs
    assert "hunter2" not in raylet.command + server.command
    assert "--redis_password=***" in raylet.command
    assert server.command.endswith("vllm serve m --api-key *** --chat-template line one line two --port 8001")


def test_one_very_long_argument_is_cut():
    long = f"@programs\n/proc/9/cmdline:/e/lib/python3.12/ray/raylet\037--config_list={'x' * 9000}\037\n"
    (raylet,) = read_facts(long).programs
    assert len(raylet.command) < 300 and raylet.command.endswith("…")


def test_in_which_container_a_process_is_its_control_group_says():
    identity = "0123456789abcdef" * 4
    for group, said in (
        (f"0::/system.slice/docker-{identity}.scope", "docker 0123456789ab"),
        (f"12:pids:/docker/{identity}/docker/{'fe' * 32}", "docker 0123456789ab"),
        (f"0::/kubepods.slice/cri-containerd-{identity}.scope", "kubernetes 0123456789ab"),
        (f"0::/user.slice/user-1000.slice/user@1000.service/docker-{identity}.scope", "rootless-docker 0123456789ab"),
        ("0::/user.slice/user-1000.slice", ""),
    ):
        text = f"@apps\n4711, GPU-0, 71234 MiB, python\n/proc/4711/cgroup:{group}\n"
        (process,) = read_facts(text).gpu_processes
        assert process.container == said
