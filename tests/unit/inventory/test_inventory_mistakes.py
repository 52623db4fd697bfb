"""Every mistake is told in the user's words, at its line and column, with a hint."""

import pytest

from provision.core.errors import InventoryError
from provision.inventory import load

OK = "cluster: demo\nhosts: {a: {role: head}}\n"


def test_an_unknown_key_of_a_host(problem):
    assert problem("""
        cluster: demo
        hosts:
          gpu-03: {role: head,
                   adress: 10.0.0.3}
        """) == ("4:12", "hosts.gpu-03", "unknown key `adress`", "did you mean `address`?")


def test_an_unknown_key_at_the_top(problem):
    assert problem(OK + "expekt: {gpus: 8}\n") == ("3:1", "", "unknown key `expekt`", "did you mean `expect`?")


def test_unknown_keys_deeper_down(problems):
    found = problems(OK + "ssh: {usr: me}\npython: {wheel: index}\nserve: {model: m, tensor-parallel: 2}\n")
    assert [(p.line, p.column, p.path, p.hint) for p in found] == [
        (3, 7, "ssh", "did you mean `user`?"),
        (4, 10, "python", "did you mean `wheels`?"),
        (5, 19, "serve", "did you mean `tensor_parallel`?"),
    ]


def test_a_key_like_no_other_gets_the_list_of_known_ones(problem):
    where, _, _, hint = problem(OK + "expect: {zzz: 1}\n")
    assert (where, hint) == ("3:10", "known here: `driver`, `gpus` and `gpu`")


def test_a_key_at_the_wrong_place_is_sent_where_it_belongs(problems):
    found = problems(
        """
cluster: demo
model: m
hosts: {a: {user: me, gpus: 8, ip: 10.0.0.1, serve: {}}}
groups: {g: {address: x}}
expect: {root: /opt/x}
""".lstrip()
    )
    assert [(p.line, p.message, p.hint) for p in found] == [
        (2, "unknown key `model`", "it belongs in `serve`: `serve: {model: …}`"),
        (3, "unknown key `user`", "it belongs in `ssh`: `ssh: {user: …}`"),
        (3, "unknown key `gpus`", "it belongs in `expect`: `expect: {gpus: …}`"),
        (3, "unknown key `ip`", "write `address: …`"),
        (3, "unknown key `serve`", "`serve` belongs at the top of the file"),
        (4, "unknown key `address`", "`address` belongs to a single host, under `hosts:`"),
        (5, "unknown key `root`", "`root` belongs at the top of the file"),
    ]


def test_hosts_as_a_list(problem):
    assert problem("cluster: demo\nhosts:\n  - gpu-01\n") == (
        "3:3",
        "hosts",
        "should be a mapping, found a list",
        "write a colon after each name instead of a dash before it: `gpu-01:`",
    )


def test_a_section_that_is_only_a_word(problem):
    assert problem(OK + "serve: Qwen/Qwen3-8B\n")[2:] == (
        "should be a mapping, found `Qwen/Qwen3-8B`",
        "write `serve: {model: Qwen/Qwen3-8B}`",
    )


def test_a_wrong_type_says_what_is_allowed_and_what_was_found(problems):
    found = problems(
        OK
        + """
ssh: {port: 70000}
sudo: 1
ray: {port: "6379", join_timeout: 0}
env: [A, B]
python: {wheels: indx, packages: vllm==0.33.0, version: 4}
serve: {model: m, tensor_parallel: two, args: {x: {y: 1}}}
""".lstrip()
    )
    assert [(f"{p.line}:{p.column}", p.path, p.message, p.hint) for p in found] == [
        ("3:13", "ssh.port", "should be a whole number from 1 to 65535, found `70000`", ""),
        ("4:7", "sudo", "should be `true` or `false`, found `1`", ""),
        (
            "5:13",
            "ray.port",
            'should be a whole number from 1 to 65535, found the text `"6379"`',
            "write it without quotes: `6379`",
        ),
        ("5:35", "ray.join_timeout", "should be a number above 0, found `0`", ""),
        ("6:6", "env", "should be a mapping, found a list", "write `env: {NCCL_DEBUG: INFO}`"),
        ("7:18", "python.wheels", "should be `index` or `controller`, found `indx`", "did you mean `index`?"),
        ("7:34", "python.packages", "should be a list, found `vllm==0.33.0`", "write `[vllm==0.33.0]`"),
        ("7:57", "python.version", "should be a version such as `3.12`, found `4`", ""),
        ("8:36", "serve.tensor_parallel", "should be a whole number of at least 1, or `auto`, found `two`", ""),
        (
            "8:51",
            "serve.args.x",
            "should be text, a number, `true` or `false`, or a list of these, found a mapping",
            "",
        ),
    ]


def test_a_wrong_item_of_a_list(problem):
    assert problem(OK + "python:\n  packages:\n    - vllm\n    - {a: b}\n") == (
        "6:7",
        "python.packages[1]",
        "should be text, found a mapping",
        "",
    )


def test_what_is_missing(problems):
    found = problems("serve:\n  port: 8000\n")
    assert [(f"{p.line}:{p.column}", p.path, p.message) for p in found] == [
        ("1:1", "", "`cluster` is missing"),
        ("1:1", "", "`hosts` is missing"),
        ("2:3", "serve", "`model` is missing"),
    ]
    assert "role: head" in found[1].hint


def test_a_cluster_name_that_cannot_be_one(problem):
    where, path, message, _ = problem("cluster: My Llama\nhosts: {a: }\n")
    assert (where, path) == ("1:10", "cluster")
    assert message == "should be a name of at most 40 lower-case letters, digits and dashes, found `My Llama`"


def test_no_head(problem):
    assert problem("cluster: demo\nhosts:\n  gpu-[01:02]: {}\n") == (
        "2:1",
        "hosts",
        "none of the 2 hosts is the head",
        "add `role: head` to one of them",
    )


def test_a_misspelt_role_is_one_mistake_not_two(problem):
    assert problem("cluster: demo\nhosts:\n  a: {role: haed}\n  b:\n") == (
        "3:13",
        "hosts.a.role",
        "should be `head` or `worker`, found `haed`",
        "did you mean `head`?",
    )


def test_two_heads(problem):
    assert problem("cluster: demo\nhosts:\n  a: {role: head}\n  b: {role: head}\n") == (
        "4:13",
        "hosts.b.role",
        "2 hosts are the head: `a` and `b`",
        "keep `role: head` on one of them",
    )


def test_no_hosts_at_all(problem):
    assert problem("cluster: demo\nhosts: {}\n")[:3] == ("2:8", "hosts", "there are no hosts")


def test_two_hosts_with_one_address(problem):
    assert problem("cluster: demo\nhosts:\n  a: {address: 10.0.0.1, role: head}\n  b: 10.0.0.1\n") == (
        "4:6",
        "hosts.b",
        "`b` has the same address `10.0.0.1` as `a`",
        "no two hosts can share their address",
    )


@pytest.mark.parametrize(
    ("one", "other"), [("fd00::1", "fd00:0:0::1"), ("fd00::A", "fd00::a"), ("10.0.0.1", "::ffff:10.0.0.1")]
)
def test_two_hosts_with_one_address_in_two_spellings(problem, one: str, other: str):
    for key in ("address", "node_ip"):
        hosts = f'  a: {{address: x, role: head, {key}: "{one}"}}\n  b: {{address: y, {key}: "{other}"}}\n'
        hosts = hosts.replace("address: x, ", "").replace("address: y, ", "") if key == "address" else hosts
        said = problem(f"cluster: demo\nhosts:\n{hosts}")[2]
        assert said == f"`b` has the same {key} `{other}` as `a`"


def test_one_address_with_two_ssh_ports_is_two_hosts(problems):
    text = "cluster: demo\nhosts:\n  a: {address: x, role: head}\n  b: {address: x, ssh: {port: 2222}}\n"
    assert problems(text) == []


def test_two_hosts_with_one_node_ip(problem):
    text = "cluster: demo\nhosts:\n  a: {role: head, node_ip: 10.1.0.1}\n  b: {node_ip: 10.1.0.1}\n"
    assert problem(text)[:3] == ("4:16", "hosts.b.node_ip", "`b` has the same node_ip `10.1.0.1` as `a`")


def test_a_host_listed_twice_by_overlapping_ranges(problem):
    assert problem("cluster: demo\nhosts:\n  gpu-01: {role: head}\n  gpu-[01:03]:\n") == (
        "4:3",
        "hosts",
        "the host `gpu-01` is listed twice, first in line 3 by `gpu-01`",
        "make the ranges disjoint",
    )


def test_a_range_that_runs_backwards(problem):
    assert problem("cluster: demo\nhosts:\n  a: {role: head}\n  gpu-[04:02]:\n") == (
        "4:3",
        "hosts",
        "`[04:02]` runs backwards, so it is empty",
        "write `[02:04]`",
    )


def test_an_empty_range(problem):
    where, _, message, _ = problem("cluster: demo\nhosts:\n  a: {role: head}\n  gpu-[]:\n")
    assert (where, message) == ("4:3", "`[]` is an empty range")


def test_one_address_for_many_names(problem):
    assert problem("cluster: demo\nhosts:\n  a: {role: head}\n  gpu-[1:3]: {address: 10.0.0.5}\n") == (
        "4:24",
        "hosts.gpu-[1:3].address",
        "`gpu-[1:3]` names 3 hosts, but has one address, `10.0.0.5`",
        "give as many, such as `10.0.0.[5:7]`",
    )


def test_ranges_of_different_length(problem):
    assert problem("cluster: demo\nhosts:\n  a: {role: head}\n  gpu-[1:3]: {address: '10.0.0.[1:4]'}\n")[:3] == (
        "4:24",
        "hosts.gpu-[1:3].address",
        "`gpu-[1:3]` names 3 hosts, but the address range `10.0.0.[1:4]` has 4",
    )


def test_addresses_that_are_none(problems):
    found = problems("""
        cluster: demo
        hosts:
          a: {role: head, address: me@10.0.0.1}
          b: 10.0.0.2:22
          c: 10.0.0.256
          d: -oProxyCommand=x
          e: {node_ip: gpu-05}
          f: "[fe80::1]"
        """)
    assert [(f"{p.line}:{p.column}", p.path, p.message) for p in found] == [
        ("3:28", "hosts.a.address", "`me@10.0.0.1` is no address: the user has a key of its own"),
        ("4:6", "hosts.b", "`10.0.0.2:22` is no address: the port has a key of its own"),
        ("5:6", "hosts.c", "`10.0.0.256` is no IP address"),
        ("6:6", "hosts.d", "`-oProxyCommand=x` is neither a host name nor an IP address"),
        ("7:16", "hosts.e.node_ip", "`gpu-05` is no IP address"),
        ("8:6", "hosts.f", "`[fe80::1]` has brackets around an address"),
    ]
    assert found[0].hint == "write `{address: 10.0.0.1, ssh: {user: me}}`"
    assert found[1].hint == "write `{address: 10.0.0.2, ssh: {port: 22}}`"


def test_a_group_with_a_host_that_is_none(problem):
    text = "cluster: demo\nhosts: {gpu-01: }\ngroups:\n  rack: {hosts: [gpu-01, gpu-1]}\n"
    assert problem(text) == (
        "4:26",
        "groups.rack.hosts[1]",
        "there is no host `gpu-1`",
        "did you mean `gpu-01`?",
    )


def test_a_host_in_a_group_that_is_none(problem):
    text = "cluster: demo\nhosts: {a: {groups: [rakc]}}\ngroups: {rack: {}}\n"
    assert problem(text) == (
        "2:22",
        "hosts.a.groups[0]",
        "there is no group `rakc`",
        "did you mean `rack`?",
    )


def test_more_gpus_asked_for_than_there_are(problem):
    assert problem("""
        cluster: demo
        expect: {gpus: 8}
        hosts: {a: {role: head}, b: {expect: {gpus: 4}}}
        serve:
          model: m
          tensor_parallel: 8
          pipeline_parallel: 2
        """)[:3] == (
        "7:22",
        "serve.pipeline_parallel",
        "tensor_parallel 8 × pipeline_parallel 2 needs 16 GPUs, the hosts are expected to have 12 (8 + 4)",
    )


def test_gpus_are_not_counted_where_a_host_does_not_say(problems):
    text = "cluster: demo\nhosts: {a: {role: head, expect: {gpus: 1}}, b: }\nserve: {model: m, tensor_parallel: 8}\n"
    assert problems(text) == []


def test_two_of_rays_ports_alike(problem):
    assert problem(OK + "ray: {node_manager_port: 6379}\n")[:3] == (
        "3:26",
        "ray.node_manager_port",
        "port 6379 is both `ray.node_manager_port` and `ray.port` on a",
    )


def test_where_the_ranks_meet_without_ray_is_a_port_of_its_own(problem, problems):
    assert problem(OK + "serve: {model: m, backend: mp, master_port: 8000}\n") == (
        "3:45",
        "serve.master_port",
        "port 8000 is both `serve.port` and `serve.master_port` on a",
        "give one of the two another port",
    )
    assert problems(OK + "serve: {model: m, master_port: 8000}\n") == []


def test_the_model_server_on_a_port_of_ray(problem):
    assert problem(OK + "serve: {model: m, port: 8265}\n") == (
        "3:25",
        "serve.port",
        "port 8265 is both `ray.dashboard_port` and `serve.port` on a",
        "give one of the two another port",
    )


def test_a_port_among_the_worker_ports(problem):
    assert problem(OK + "serve: {model: m, port: 20500}\n")[:3] == (
        "3:25",
        "serve.port",
        "port 20500 of `serve.port` lies among Ray's worker ports 20000 to 20999 on a",
    )


def test_a_conflict_in_a_shared_setting_is_told_once(problems):
    text = "cluster: demo\nhosts: {a: {role: head}, b-[1:5]: }\nray: {min_worker_port: 6000, max_worker_port: 6380}\n"
    found = [p.message for p in problems(text)]
    assert len(found) == len(set(found)) == 2


def test_worker_ports_upside_down(problem):
    where, _, message, _ = problem(OK + "ray: {min_worker_port: 30000}\n")
    assert (where, message) == ("3:24", "min_worker_port 30000 is above max_worker_port 20999")


def test_a_key_file_that_is_not_there(problem, home):
    (home / ".ssh").mkdir()
    (home / ".ssh" / "id_ed25519").write_text("k")
    assert problem(OK + "ssh: {key: ~/.ssh/id_ed2551}\n") == (
        "3:12",
        "ssh.key",
        "the key file `~/.ssh/id_ed2551` does not exist",
        f"did you mean `{home}/.ssh/id_ed25519`?",
    )


def test_a_public_key_where_the_private_one_is_meant(problem):
    assert problem(OK + "ssh: {key: ~/.ssh/id.pub}\n")[2:] == (
        "`~/.ssh/id.pub` is the public key, SSH needs the private one",
        "write `~/.ssh/id`",
    )


def test_a_jump_host_that_is_none(problem):
    where, path, message, _ = problem(OK + "ssh: {jump: 'bastion example'}\n")
    assert (where, path) == ("3:13", "ssh.jump")
    assert message == "should be `[user@]host[:port]`, found `bastion example`"


def test_a_pinned_host_key_that_is_none(problem):
    assert problem(OK + "ssh: {host_key: SHA256:abc}\n")[:2] == ("3:17", "ssh.host_key")


def test_names_that_no_user_interface_or_model_has(problems):
    found = problems(
        "cluster: demo\nssh: {user: me@host}\nserve: {model: ''}\n"
        "hosts: {a: {role: head, interface: the long name of a card}}\n"
    )
    assert [(f"{p.line}:{p.column}", p.path) for p in found] == [
        ("2:13", "ssh.user"),
        ("3:16", "serve.model"),
        ("4:36", "hosts.a.interface"),
    ]


def test_a_root_that_is_not_absolute(problem):
    assert problem(OK + "root: provision dir\n")[:2] == ("3:7", "root")


def test_a_driver_range_that_is_none(problem):
    assert problem(OK + "expect: {driver: 580}\n") == (
        "3:18",
        "expect.driver",
        "should be a version range, found `580`",
        'write `">=580"` or `"==580.*"`',
    )


def test_a_requirement_with_one_equals_sign(problem):
    assert problem(OK + "python: {packages: [vllm=0.33.0]}\n") == (
        "3:21",
        "python.packages[0]",
        "`vllm=0.33.0` is not a requirement",
        "write `vllm==0.33.0`",
    )


def test_an_index_that_is_no_url(problem):
    assert problem(OK + "python: {index: ./wheels}\n")[:3] == (
        "3:17",
        "python.index",
        "an index is a URL, found `./wheels`",
    )


def test_an_index_that_uv_cannot_read(problem):
    assert problem(OK + "python: {extra_indexes: ['ftp://pypi.example.org/simple']}\n")[:3] == (
        "3:26",
        "python.extra_indexes[0]",
        "no index is read over `ftp://`",
    )


def test_an_index_without_a_host(problem, problems):
    assert problem(OK + "python: {index: 'https://user:pw@/simple'}\n")[:3] == (
        "3:17",
        "python.index",
        "`https://` is followed by no host",
    )
    assert problems(OK + "python: {index: 'file:///mnt/wheels'}\n") == []


def test_an_index_with_a_name_and_one_that_holds_a_password(problem, problems):
    assert problems(OK + "python: {index: 'corp=https://pypi.example.org/simple'}\n") == []
    assert "SECRET" not in str(problem(OK + "python: {index: 'user:SECRET@host://x'}\n"))


@pytest.mark.parametrize(
    "text", ["windows", "aarch64-linux-android", "manylinux_2_34", "linux/amd64", "riscv64-unknown-linux"]
)
def test_a_platform_that_no_host_has(problem, text):
    assert problem(OK + f"python: {{platform: {text}}}\n")[:3] == (
        "3:20",
        "python.platform",
        f"`{text}` is not uv's word for a Linux with glibc",
    )


def test_a_folder_of_wheels_that_is_not_there(problem):
    assert problem(OK + "python: {find_links: [whls]}\n")[:3] == (
        "3:23",
        "python.find_links[0]",
        "the folder `whls` does not exist",
    )


def test_a_file_of_constraints_that_is_not_there(problem):
    assert problem(OK + "python: {constraints: [limits.txt]}\n")[:3] == (
        "3:24",
        "python.constraints[0]",
        "the requirements file `limits.txt` does not exist",
    )


def test_what_packages_are_made_from_need_not_be_there_for_down(tmp_path):
    file = tmp_path / "inventory.yaml"
    tls = "serve: {model: m, tls: {cert: gone.pem, key: gone.key}}\n"
    file.write_text(f"{OK}python: {{find_links: [whls], constraints: [limits.txt], packages: [more.txt]}}\n{tls}")
    with pytest.raises(InventoryError) as caught:
        load(file)
    assert len(caught.value.problems) == 4
    assert load(file, require_files=False).python.find_links == ("whls",)


def test_an_index_password_is_not_repeated(problem):
    assert "canary" not in problem(OK + "python: {index: me:canary@example.org/simple}\n")[2]


def test_the_flags_of_the_multi_node_mode_are_set_for_every_host(problems):
    found = problems(OK + "serve: {model: m, args: {nnodes: 2, master-port: 1, distributed-executor-backend: mp}}\n")
    assert [(p.message, p.hint) for p in found] == [
        ("provision itself sets `--nnodes`", "remove it"),
        ("provision itself sets `--master-port`", "use `serve.master_port`"),
        ("provision itself sets `--distributed-executor-backend`", "use `serve.backend`"),
    ]


@pytest.mark.parametrize(
    ("flag", "way"),
    [
        ("ssl-certfile", "use `serve.tls: {cert: …, key: …}`"),
        ("ssl_keyfile", "use `serve.tls: {cert: …, key: …}`"),
        ("ssl-certf", "use `serve.tls: {cert: …, key: …}`"),
        ("ssl-cert-reqs", "put a proxy in front of the server"),
        ("enable-ssl-refresh", "`provision up` restarts the server for another certificate"),
        ("uds", "remove it"),
    ],
)
def test_a_server_that_would_not_answer_on_its_port_as_it_is_asked_is_refused(problem, flag, way):
    message, hint = problem(OK + f"serve: {{model: m, args: {{{flag}: /x}}}}\n")[2:]
    assert "the server could not be asked as `up` asks it" in message
    assert way in hint


@pytest.mark.parametrize(("beginning", "flag"), [("api-ke", "api-key"), ("tensor_par", "tensor-parallel-size")])
def test_a_flag_that_is_written_by_its_beginning_is_the_flag(problem, beginning, flag):
    assert problem(OK + f"serve: {{model: m, args: {{{beginning}: x}}}}\n")[2] == f"provision itself sets `--{flag}`"


def test_flags_with_dashes_and_flags_with_a_setting_of_their_own(problems):
    found = problems(OK + "serve:\n  model: m\n  args: {--max-len: 1, tensor_parallel_size: 2, max len: 3}\n")
    assert [(p.column, p.path, p.message, p.hint) for p in found] == [
        (10, "serve.args", "flags are written without their dashes, found `--max-len`", "write `max-len: …`"),
        (24, "serve.args", "provision itself sets `--tensor-parallel-size`", "use `serve.tensor_parallel`"),
        (49, "serve.args", "`max len` cannot be the name of a flag", "write one flag a line: `max-model-len: 8192`"),
    ]


def test_a_name_that_no_environment_variable_can_have(problem):
    assert problem(OK + "env: {NCCL-DEBUG: INFO}\n")[:3] == (
        "3:7",
        "env",
        "`NCCL-DEBUG` cannot be the name of an environment variable",
    )


def test_a_secret_whose_variable_is_not_set(problem):
    assert problem(OK + "secrets: {HF_TOKEN: {env: HF_TOKEN}}\n") == (
        "3:27",
        "secrets.HF_TOKEN.env",
        "the environment variable `HF_TOKEN` is not set",
        "export HF_TOKEN=…",
    )


def test_a_secret_whose_file_is_missing(problem, tmp_path):
    where, path, message, _ = problem(OK + "sudo_password: {file: pw}\n")
    assert (where, path) == ("3:23", "sudo_password.file")
    assert message == f"`{tmp_path / 'pw'}` cannot be read: No such file or directory"


def test_a_secret_with_two_sources_or_none(problems):
    found = problems(OK + "secrets: {A: {env: HOME, file: x}, B: {}}\n")
    one = "should name one of `env`, `file`, `command`, `vault` and `sops`"
    assert [(p.column, p.path, p.message) for p in found] == [
        (14, "secrets.A", f"{one}, found `env` and `file`"),
        (39, "secrets.B", f"{one}, found none"),
    ]


def test_a_secret_written_into_the_inventory_is_refused_and_not_repeated(problems):
    found = problems(OK + "secrets: {HF_TOKEN: hf_canary, B: {env: [hf_canary]}}\nsudo_password: hf_canary\n")
    assert len(found) == 3
    assert all("hf_canary" not in str(p) + p.hint for p in found)
    assert "{env: NAME}" in found[0].hint


def test_all_mistakes_are_told_at_once_and_in_order(write):
    path = write("""
        cluster: Demo
        hosts:
          a: {rol: head}
          b: {ssh: {port: x}}
          c-[3:1]:
        serve: {}
        """)
    try:
        load(path)
    except InventoryError as error:
        assert [p.line for p in error.problems] == [1, 3, 4, 5, 6]
        assert str(error.problems[1]) == f"{path}:3:7: hosts.a: unknown key `rol`"
        assert error.exit_code == 2
    else:
        raise AssertionError("it loads")


def test_a_playbook_is_a_file_beside_the_inventory(read, problem, tmp_path):
    assert read(OK + "playbook: books/mine.py\n").playbook == tmp_path / "books/mine.py"
    assert read(OK + "playbook: ~/mine.py\n").playbook == tmp_path / "home/mine.py"
    assert read(OK).playbook is None
    said = "`mine.yaml` is no Python file, which a playbook is"
    assert problem(OK + "playbook: mine.yaml\n")[1:3] == ("playbook", said)


@pytest.mark.parametrize("name", ["X$(touch /tmp/x)", "X;reboot", "X Y", "", "1X", "`id`"])
@pytest.mark.parametrize("setting", ["secrets: {VLLM_API_KEY: {env: %s}}", "sudo_password: {env: %s}"])
def test_a_variable_that_is_to_be_typed_has_a_name_that_runs_nothing(problem, setting, name):
    """It stands without quotes in `export X=…`, and in the lines by which the model is asked."""
    _, path, message, _ = problem(OK + setting % f'"{name}"' + "\n")
    assert path.endswith(".env") and message.startswith("should be the name of an environment variable")


@pytest.mark.parametrize("address", ["0.0.0.0", "255.255.255.255", "224.0.0.1", '"::"'])
def test_an_address_that_is_no_hosts_own(problem, address):
    where, path, message, _ = problem(f"cluster: a\nhosts: {{a: {{role: head, address: {address}}}}}\n")
    assert (where, path) == ("2:34", "hosts.a.address")
    assert message == f"`{address.strip(chr(34))}` is not the address of one host"


@pytest.mark.parametrize(
    ("model", "hint"),
    [
        ("https://huggingface.co/Qwen/Qwen3-8B", "write `Qwen/Qwen3-8B`"),
        ("https://me:hunter2@hf.co/Qwen/Qwen3-8B/tree/main", "write `Qwen/Qwen3-8B`"),
        ("http://models.example.org/x", "write its name on the hub, or download it into a folder"),
    ],
)
def test_the_page_of_a_model_is_not_its_name(problem, model, hint):
    _, path, message, said = problem(f"cluster: a\nhosts: {{a: {{role: head}}}}\nserve: {{model: '{model}'}}\n")
    assert (path, said) == ("serve.model", hint)
    assert "is the address of a page" in message and "hunter2" not in message


def test_an_address_to_listen_on_that_is_none(problem, read):
    serve = "cluster: a\nhosts: {a: {role: head}}\nserve: {model: a/b, listen: %s}\n"
    assert problem(serve % "999.1.1.1")[2] == "`999.1.1.1` is no IP address"
    for sound in ("10.0.0.1", "0.0.0.0", "localhost", '"::1"', "gpu-01.rack"):
        read(serve % sound)


def test_a_key_in_the_place_of_its_file_is_not_repeated(problem):
    key = '"-----BEGIN OPENSSH PRIVATE KEY-----\\nb3BlbnNzaC1rZXk\\n-----END OPENSSH PRIVATE KEY-----"'
    _, path, message, hint = problem(f"cluster: a\nhosts: {{a: {{role: head}}}}\nssh: {{key: {key}}}\n")
    assert (path, message) == ("ssh.key", "the key file itself stands here, expected a path")
    assert "b3Blbn" not in message + hint
