"""What an inventory can say, and what comes out."""

from pathlib import Path

import pytest

from provision.core.errors import InventoryError
from provision.inventory import load, read_secrets, read_sudo_password
from provision.inventory.secrets import readable_secrets

SMALL = """
cluster: demo
hosts:
  gpu-01: {address: 10.0.0.1, role: head}
  gpu-[02:04]: {address: 10.0.0.[2:4]}
"""


def test_a_range_counts_names_and_addresses_together(read):
    inventory = read(SMALL)
    assert [(h.name, h.address, h.role) for h in inventory.hosts] == [
        ("gpu-01", "10.0.0.1", "head"),
        ("gpu-02", "10.0.0.2", "worker"),
        ("gpu-03", "10.0.0.3", "worker"),
        ("gpu-04", "10.0.0.4", "worker"),
    ]
    assert inventory.head.name == "gpu-01"
    assert len(inventory.workers) == 3


def test_node_ip_counts_with_the_name_too(read):
    inventory = read("""
        cluster: demo
        hosts:
          a: {role: head}
          gpu-[09:11]: {address: "gpu-[09:11].rack", node_ip: "192.168.1.[9:11]"}
        """)
    assert [(h.address, h.node_ip) for h in inventory.workers] == [
        ("gpu-09.rack", "192.168.1.9"),
        ("gpu-10.rack", "192.168.1.10"),
        ("gpu-11.rack", "192.168.1.11"),
    ]


def test_short_forms_of_a_host(read):
    inventory = read("cluster: demo\nhosts:\n  a: {role: head}\n  b: 10.0.0.2\n  c:\n")
    assert [(h.name, h.address) for h in inventory.hosts] == [("a", "a"), ("b", "10.0.0.2"), ("c", "c")]


def test_one_host_alone_is_the_head(read):
    assert read("cluster: demo\nhosts: {only: 10.0.0.1}\n").head.name == "only"


def test_the_host_overrides_the_group_and_the_group_the_cluster(read):
    inventory = read("""
        cluster: demo
        ssh: {user: everyone, port: 2222}
        root: /opt/a
        env: {A: cluster, B: cluster, C: cluster}
        groups:
          first: {hosts: ["gpu-[01:02]"], root: /opt/first, env: {B: first, C: first}, ssh: {user: first}}
          second: {hosts: [gpu-01], root: /opt/second, env: {C: second}}
        hosts:
          gpu-01: {role: head, ssh: {user: me}}
          gpu-02:
          gpu-03: {groups: [second]}
        """)
    one, two, three = inventory.hosts
    assert (one.ssh.user, one.ssh.port, one.root) == ("me", 2222, "/opt/second")
    assert one.env == {"A": "cluster", "B": "first", "C": "second"}
    assert (two.ssh.user, two.root, two.env["C"]) == ("first", "/opt/first", "first")
    assert (three.ssh.user, three.root) == ("everyone", "/opt/second")
    assert [h.groups for h in inventory.hosts] == [("first", "second"), ("first",), ("second",)]


def test_null_takes_a_setting_back_but_an_empty_section_takes_nothing(read):
    inventory = read("""
        cluster: demo
        ssh: {jump: bastion, user: me}
        hosts:
          a: {role: head, ssh: {jump: null}}
          b: {ssh: }
        """)
    assert [(h.ssh.jump, h.ssh.user) for h in inventory.hosts] == [(None, "me"), ("bastion", "me")]


def test_a_directory_has_users_with_an_at_sign(read):
    ssh = "ssh: {user: jo@corp.example, jump: jo@corp.example@bastion:2022}"
    head = read(f"cluster: c\n{ssh}\nhosts: {{a: {{role: head}}}}\n").head
    assert (head.ssh.user, head.ssh.jump) == ("jo@corp.example", "jo@corp.example@bastion:2022")
    for user in ("ubuntu@10.0.0.1", "ubuntu@gpu-01", "@corp.example"):
        with pytest.raises(InventoryError, match="cannot be the name of a user"):
            read(f"cluster: c\nssh: {{user: '{user}'}}\nhosts: {{a: {{role: head}}}}\n")


def test_a_group_can_give_ray_ports_and_vars(read):
    inventory = read("""
        cluster: demo
        ray: {port: 7000}
        vars: {rack: a, nested: {x: 1}}
        groups: {g: {hosts: [b], ray: {node_manager_port: 7001}, vars: {nested: {y: null}}}}
        hosts: {a: {role: head}, b: }
        """)
    assert inventory.ray.port == 7000
    assert (inventory.hosts[1].ray.port, inventory.hosts[1].ray.node_manager_port) == (7000, 7001)
    assert inventory.hosts[1].vars == {"rack": "a", "nested": {"x": 1, "y": None}}


@pytest.mark.parametrize("written", ["3.10", '"3.10"', "3.12", "3.11.9"])
def test_a_python_version_is_what_was_typed(read, written):
    inventory = read(f"cluster: demo\nhosts: {{a: }}\npython: {{version: {written}}}\n")
    assert inventory.python.version == written.strip('"')


def test_text_is_what_was_typed_and_numbers_are_numbers(read):
    inventory = read("""
        cluster: demo
        hosts: {a: }
        serve:
          model: m
          env: {A: 8, B: 010, C: true, D: 1.10, E: 1:30, F: 2026-01-01}
          args: {max-model-len: 8192, swap-space: 0.5, enable-x: true, name: 010, list: [a, 2]}
        """)
    assert inventory.serve.env == {"A": "8", "B": "010", "C": "true", "D": "1.10", "E": "1:30", "F": "2026-01-01"}
    args = {"max-model-len": 8192, "swap-space": 0.5, "enable-x": True, "name": "010", "list": ("a", 2)}
    assert inventory.serve.args == args
    assert type(inventory.serve.args["enable-x"]) is bool


def test_files_of_the_controller_are_found_beside_the_inventory_and_at_home(read, home, tmp_path):
    for private, text in ((home / "key", "k"), (tmp_path / "token", "t")):
        private.write_text(text)
        private.chmod(0o600)
    (tmp_path / "wheels").mkdir()
    (tmp_path / "c.txt").write_text("numpy<3\n")
    inventory = read("""
        cluster: demo
        ssh: {key: ~/key, known_hosts: known}
        hosts: {a: }
        secrets: {T: {file: token}}
        python: {find_links: [wheels, "https://example.org/w"], constraints: [c.txt, torch<3]}
        """)
    assert inventory.head.ssh.key == str(home / "key")
    assert inventory.head.ssh.known_hosts == str(tmp_path / "known")
    assert inventory.secrets["T"].file == str(tmp_path / "token")
    # These go into the lock, which is the same on every controller.
    assert inventory.python.find_links == ("wheels", "https://example.org/w")
    assert inventory.python.constraints == ("c.txt", "torch<3")


def test_secrets_are_read_by_name_and_without_their_final_newline(read, tmp_path, monkeypatch):
    monkeypatch.setenv("MY_TOKEN", "hf_1")
    (tmp_path / "key").write_text("two\nlines\n")
    (tmp_path / "key").chmod(0o600)
    inventory = read("""
        cluster: demo
        hosts: {a: }
        secrets: {HF_TOKEN: {env: MY_TOKEN}, VLLM_API_KEY: {file: key}}
        """)
    secrets = read_secrets(inventory)
    assert [(name, s.name, s.reveal()) for name, s in secrets.items()] == [
        ("HF_TOKEN", "HF_TOKEN", "hf_1"),
        ("VLLM_API_KEY", "VLLM_API_KEY", "two\nlines"),
    ]
    assert read_sudo_password(inventory) is None


def test_a_secret_that_is_missing_does_not_unmask_the_others(read, monkeypatch):
    monkeypatch.setenv("MY_TOKEN", "hf_1")
    monkeypatch.delenv("NOT_SET", raising=False)
    inventory = read(
        """
        cluster: demo
        hosts: {a: }
        secrets: {HF_TOKEN: {env: MY_TOKEN}, VLLM_API_KEY: {env: NOT_SET}}
        """,
        require_secrets=False,
    )
    assert [secret.reveal() for secret in readable_secrets(inventory).values()] == ["hf_1"]


def test_the_sudo_password_has_a_reader_of_its_own(read, tmp_path):
    (tmp_path / "pw").write_text("p w \n")
    (tmp_path / "pw").chmod(0o600)
    inventory = read("cluster: demo\nhosts: {a: }\nsudo_password: {file: pw}\n")
    password = read_sudo_password(inventory)
    assert password is not None
    assert (password.name, password.reveal()) == ("sudo_password", "p w ")
    assert read_secrets(inventory) == {}


@pytest.mark.parametrize("mode", [0o604, 0o640, 0o660, 0o602, 0o601])
def test_a_key_or_secret_that_others_could_read_is_refused(problem, tmp_path, mode):
    file = tmp_path / "it's mine"
    file.write_text("value")
    file.chmod(mode)
    quoted = f"""chmod 600 '{tmp_path}/it'"'"'s mine'"""
    for text, path in (
        ('cluster: demo\nhosts: {a: }\nsecrets: {T: {file: "it\'s mine"}}\n', "secrets.T.file"),
        ('cluster: demo\nhosts: {a: }\nsudo_password: {file: "it\'s mine"}\n', "sudo_password.file"),
        ('cluster: demo\nssh: {key: "it\'s mine"}\nhosts: {a: }\n', "ssh.key"),
    ):
        _, at, message, hint = problem(text)
        assert (at, hint) == (path, quoted)
        assert f"is open to others (mode 0{mode:o})" in message


def test_a_secret_that_was_opened_since_is_not_read(read, tmp_path):
    (tmp_path / "pw").write_text("p")
    (tmp_path / "pw").chmod(0o600)
    inventory = read("cluster: demo\nhosts: {a: }\nsecrets: {T: {file: pw}}\nsudo_password: {file: pw}\n")
    (tmp_path / "pw").chmod(0o644)
    for reads in (read_secrets, read_sudo_password):
        with pytest.raises(InventoryError, match="open to others"):
            reads(inventory)


def test_without_require_secrets_a_missing_one_is_no_matter(read):
    inventory = read("cluster: demo\nhosts: {a: }\nsecrets: {T: {env: HF_TOKEN}}\n", require_secrets=False)
    assert inventory.secrets["T"].env == "HF_TOKEN"


def test_anchors_and_merge_keys_work_as_in_yaml(read):
    inventory = read("""
        cluster: demo
        hosts:
          a: &gpu {role: head, env: {A: 1, B: 2}}
          b: {<<: *gpu, role: worker, address: 10.0.0.9}
        """)
    assert (inventory.hosts[1].role, inventory.hosts[1].env) == ("worker", {"A": "1", "B": "2"})


def test_the_lock_lies_beside_the_inventory(write):
    path = write("cluster: demo\nhosts: {a: }\n")
    assert load(str(path)).lock_path == Path(path).with_suffix(".lock")


def test_a_byte_order_mark_and_windows_line_ends_do_no_harm(tmp_path):
    path = tmp_path / "w.yaml"
    path.write_bytes(b"\xef\xbb\xbfcluster: demo\r\nhosts:\r\n  a:\r\n")
    assert load(path).head.name == "a"
