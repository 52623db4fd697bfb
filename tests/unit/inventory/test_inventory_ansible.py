"""People bring the Ansible inventory that they have."""

import pytest

from provision import InventoryError
from provision.inventory import load

FILE = """
all:
  vars:
    ansible_user: ubuntu
    ansible_port: "2222"
    site: north
    provision:
      cluster: mine
      serve: {model: m, tensor_parallel: 2}
  children:
    gpu:
      vars: {ansible_become: yes, rack: a}
      children:
        head:
          hosts: {gpu-01: {ansible_host: 10.0.0.1, ansible_user: root}}
        workers:
          vars: {rack: b, provision: {expect: {gpus: 2}, env: {A: 1}}}
          hosts:
            gpu-[02:03]: {provision: {env: {B: 2}}}
    login: {hosts: {login-01: }}
"""


def test_hosts_roles_and_how_they_are_reached(read):
    inventory = read(FILE)
    assert inventory.cluster == "mine"
    assert [(h.name, h.address, h.role, h.ssh.user, h.ssh.port, h.sudo) for h in inventory.hosts] == [
        ("gpu-01", "10.0.0.1", "head", "root", 2222, True),
        ("gpu-02", "gpu-02", "worker", "ubuntu", 2222, True),
        ("gpu-03", "gpu-03", "worker", "ubuntu", 2222, True),
    ]


def test_variables_follow_ansibles_precedence(read):
    inventory = read(FILE)
    assert inventory.hosts[0].vars == {"site": "north", "rack": "a"}
    assert inventory.hosts[1].vars == {"site": "north", "rack": "b"}


def test_settings_of_provision_stand_among_the_variables(read):
    inventory = read(FILE)
    assert inventory.serve is not None
    assert inventory.serve.tensor_parallel == 2
    assert inventory.hosts[1].expect.gpus == 2
    assert inventory.hosts[1].env == {"A": "1", "B": "2"}


def test_the_groups_of_a_host_are_ansibles(read):
    assert [h.groups for h in read(FILE).hosts] == [("gpu", "head"), ("gpu", "workers"), ("gpu", "workers")]


def test_without_a_group_of_workers_all_others_are_workers(read):
    inventory = read("head: {hosts: {a: }}\nrack: {hosts: {b: , c: }}\n")
    assert [(h.name, h.role) for h in inventory.hosts] == [("a", "head"), ("b", "worker"), ("c", "worker")]


def test_the_cluster_is_called_like_the_file(tmp_path):
    path = tmp_path / "My Rack_7.yaml"
    path.write_text("all: {hosts: {a: }}\n")
    assert load(path).cluster == "my-rack-7"


def test_a_jump_host_among_ssh_options(read):
    text = "all: {hosts: {a: {ansible_ssh_common_args: '-o StrictHostKeyChecking=no -o %s'}}}\n"
    assert read(text % "ProxyJump=me@bastion:22").head.ssh.jump == "me@bastion:22"
    assert read(text.replace("-o %s", "-J bastion")).head.ssh.jump == "bastion"
    assert read(text.replace("-o %s", "-oProxyJump=bastion")).head.ssh.jump == "bastion"
    assert read(text.replace("-o %s", "")).head.ssh.jump is None


def test_a_proxy_command_is_not_passed_over_in_silence(problem):
    where, path, message, hint = problem(
        "all:\n  hosts:\n    a:\n      ansible_ssh_common_args: -o ProxyCommand='nc -X 5 %h %p'\n"
    )
    assert (where, path) == ("4:32", "all.hosts.a.ansible_ssh_common_args")
    assert "`ProxyCommand`" in message and "ProxyJump" in hint


def test_other_ansible_variables_are_passed_over(read):
    assert read("all: {hosts: {a: {ansible_python_interpreter: /usr/bin/python3, x: 1}}}\n").head.vars == {"x": 1}


def test_a_key_file(read, home):
    (home / "k").write_text("k")
    (home / "k").chmod(0o600)
    inventory = read("all: {hosts: {a: {ansible_ssh_private_key_file: ~/k}}}\n")
    assert inventory.head.ssh.key == str(home / "k")


def test_no_head_says_how_to_make_one(problem):
    where, _, message, hint = problem("all:\n  hosts:\n    gpu-[01:02]:\n")
    assert (where, message) == ("1:1", "none of the 2 hosts is the head")
    assert "`head`" in hint


def test_two_heads(problem):
    where, _, message, hint = problem("head:\n  hosts:\n    a:\n    b:\n")
    assert (where, message) == ("4:5", "2 hosts are the head: `a` and `b`")
    assert "`workers`" in hint


def test_a_mistake_in_provisions_own_settings_stands_where_it_was_made(problem):
    text = "all:\n  vars:\n    provision:\n      serve: {model: m, tensor_paralel: 2}\n  hosts: {a: }\n"
    assert problem(text) == (
        "4:25",
        "all.vars.provision.serve",
        "unknown key `tensor_paralel`",
        "did you mean `tensor_parallel`?",
    )


def test_a_mistake_in_a_shared_variable_is_told_once(problem):
    text = (
        "all:\n  vars: {ansible_port: 99999}\n  children:\n    head: {hosts: {a: }}\n    workers: {hosts: {b: , c: }}\n"
    )
    assert problem(text)[:2] == ("2:24", "all.vars.ansible_port")


def test_a_template_is_not_evaluated(problem):
    where, path, message, _ = problem("all:\n  hosts:\n    a: {ansible_host: '{{ ip }}'}\n")
    assert (where, path) == ("3:23", "all.hosts.a.ansible_host")
    assert message == "`ansible_host` is a Jinja template, `{{ ip }}`"


def test_hosts_written_as_a_list(problems):
    (found,) = problems("all:\n  hosts:\n    - gpu-01\n")
    assert (found.line, found.column, found.path) == (3, 5, "all.hosts")
    assert "colon" in found.hint


def test_an_unknown_key_of_a_group(problems):
    found = problems("all:\n  hosts: {a: }\n  childern: {}\n")
    assert (found[0].line, found[0].column, found[0].path) == (3, 3, "all")
    assert found[0].hint == "a group has `hosts`, `children` and `vars`"


def test_a_group_that_is_its_own_ancestor(problems):
    found = problems("all:\n  children:\n    a: {children: {b: {children: {a: }}}}\n    head: {hosts: {x: }}\n")
    assert [p.message for p in found] == ["the group `a` is its own ancestor"]


def test_an_inventory_of_provision_is_not_taken_for_ansibles(problem):
    assert problem("hosts:\n  a: {role: head}\n")[2] == "`cluster` is missing"


BASE = """
all:
  children:
    head: {hosts: {gpu-01: {ansible_host: 10.0.0.1}}}
    workers: {hosts: {gpu-02: {}}}
"""


def at(tmp_path, **files):
    for name, text in files.items():
        path = tmp_path / name.replace("__", "/")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    (tmp_path / "hosts.yaml").write_text(BASE)
    return load(tmp_path / "hosts.yaml")


def test_what_stands_beside_it_says_where_and_as_whom(tmp_path):
    inventory = at(
        tmp_path,
        **{
            "group_vars__all.yml": "---\nansible_user: ops\nansible_port: 2222\nansible_become: true\n",
            "group_vars__workers__ssh.yaml": "ansible_user: other\nrack: b\n",
            "group_vars__unused.yml": "ansible_user: nobody\n",
            "host_vars__gpu-02.yml": "ansible_host: 10.9.9.9\nprovision: {expect: {gpus: 8}}\n",
            "host_vars__empty.yml": "# nothing yet\n",
        },
    )
    assert [(h.address, h.ssh.user, h.ssh.port, h.sudo) for h in inventory.hosts] == [
        ("10.0.0.1", "ops", 2222, True),
        ("10.9.9.9", "other", 2222, True),
    ]
    assert inventory.hosts[1].vars == {"rack": "b"}
    assert inventory.hosts[1].expect.gpus == 8


@pytest.mark.parametrize(
    ("text", "line", "said"),
    [
        ("$ANSIBLE_VAULT;1.1;AES256\n6234\n", 1, "encrypted"),
        ("a: 1\nansible_connection: local\n", 2, "reached by `local`"),
        ("ansible_host: '{{ ip }}'\n", 1, "Jinja template"),
    ],
)
def test_a_mistake_in_a_file_of_variables_is_told_at_its_place(tmp_path, text, line, said):
    with pytest.raises(InventoryError) as caught:
        at(tmp_path, **{"group_vars__all.yml": text})
    (problem,) = caught.value.problems
    assert problem.file.endswith("group_vars/all.yml")
    assert problem.line == line
    assert said in problem.message


@pytest.mark.parametrize(
    "variable",
    [
        "ansible_connection: local", "ansible_become_method: su", "ansible_become_user: slurm",
        "ansible_ssh_executable: /usr/local/bin/tsh", "ansible_sudo_user: slurm",
        "ansible_password: x", "ansible_become_password: x",
        "ansible_ssh_common_args: '-S none'", "ansible_ssh_extra_args: '-o HostKeyAlias=x'",
        "ansible_ssh_args: '-b 10.0.0.1'",
    ],
)  # fmt: skip
def test_what_changes_the_way_in_and_has_no_word_here_is_refused(problem, variable):
    _, path, _, hint = problem(f"all: {{hosts: {{a: {{{variable}}}}}}}\n")
    assert path == f"all.hosts.a.{variable.partition(':')[0]}"
    assert hint


@pytest.mark.parametrize(
    ("options", "found"),
    [
        (
            "-o ProxyJump=bastion -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null -q",
            ("bastion", None, None),
        ),
        ("-J ops@bastion:2222 -p 2200 -l ubuntu", ("ops@bastion:2222", 2200, "ubuntu")),
        ("-oPort=2200 -o 'User ubuntu'", (None, 2200, "ubuntu")),
        ("-o ProxyCommand='ssh -W %h:%p -q ubuntu@10.0.0.1'", ("ubuntu@10.0.0.1", None, None)),
        ("-o ProxyCommand='ssh -q -p 2222 bastion -W %h:%p'", ("bastion:2222", None, None)),
        ("-o ProxyCommand='ssh -o StrictHostKeyChecking=no -W %h:%p me@bastion'", ("me@bastion", None, None)),
        ("-o PasswordAuthentication=no -o PubkeyAuthentication=yes -J bastion", ("bastion", None, None)),
    ],
)
@pytest.mark.parametrize("variable", ["ansible_ssh_common_args", "ansible_ssh_extra_args", "ansible_ssh_args"])
def test_options_of_ssh_are_read(read, variable, options, found):
    host = read(f'all: {{hosts: {{a: {{{variable}: "{options}"}}}}}}\nhead: {{hosts: {{a: }}}}\n').hosts[0]
    assert (host.ssh.jump, host.ssh.port, host.ssh.user) == found


def test_variables_that_change_no_way_in_are_passed_over(read):
    variables = "ansible_python_interpreter: /usr/bin/python3, ansible_pipelining: true, ansible_become_method: sudo"
    assert read(f"head: {{hosts: {{a: {{{variables}}}}}}}\n").hosts[0].name == "a"


def test_what_ansible_inventory_lists_is_read(read):
    inventory = read(
        """{"_meta": {"hostvars": {"a": {"ansible_host": "10.0.0.1", "rack": 1}, "b": {"ansible_user": "ops"}}},
        "all": {"children": ["ungrouped", "head", "workers"]}, "head": {"hosts": ["a"]}, "workers": {"hosts": ["b"]}}"""
    )
    assert [(h.name, h.address, h.role, h.ssh.user) for h in inventory.hosts] == [
        ("a", "10.0.0.1", "head", None),
        ("b", "b", "worker", "ops"),
    ]


def test_of_groups_as_deep_as_each_other_the_one_of_higher_priority_counts(read):
    inventory = read("""
all:
  children:
    head: {hosts: {gpu-01: }}
    a: {vars: {ansible_user: first, ansible_group_priority: 10}, hosts: {gpu-01: }}
    b: {vars: {ansible_user: second}, hosts: {gpu-01: }}
""")
    assert inventory.hosts[0].ssh.user == "first"


def test_options_of_ssh_are_text(read):
    with pytest.raises(InventoryError, match="should be text"):
        read("head: {hosts: {gpu-01: {ansible_ssh_common_args: [-J, bastion]}}}")


def test_keys_of_variables_are_any(read, problem, problems):
    inventory = read("all: {hosts: {a: {vlans: {10: mgmt, yes: x}}}, vars: {ports: {22: ssh}}}\n")
    assert inventory.head.vars == {"vlans": {"10": "mgmt", "yes": "x"}, "ports": {"22": "ssh"}}
    assert problem("all: {hosts: {10: {x: 1}}}\n")[:2] == ("1:15", "all.hosts")
    assert problems("all: {hosts: {a: }, vars: {provision: {vars: {1: x}}}}\n")[0].message.startswith("a key should be")


def test_keys_of_variables_beside_it_are_any(tmp_path):
    assert at(tmp_path, **{"group_vars__all.yml": "vlans: {10: mgmt}\n"}).head.vars == {"vlans": {"10": "mgmt"}}


def test_truth_is_in_variables_what_it_is_to_ansible(read):
    assert read("all: {hosts: {a: {rdma: no, nested: [on, 'no']}}}\n").head.vars == {
        "rdma": False,
        "nested": [True, "no"],
    }


def test_tabs_in_a_text_of_several_lines(read):
    text = "all:\n  hosts:\n    a:\n      conf: |\n        frontend\n        \tbind\n"
    assert read(text).head.vars == {"conf": "frontend\n\tbind\n"}


def test_an_empty_variable_takes_back_what_is_said_for_all(read):
    host = read(
        "all: {vars: {ansible_user: ops}, hosts: {a: {ansible_user: '', ansible_ssh_private_key_file: ''}}}\n"
    ).head
    assert (host.ssh.user, host.ssh.key) == (None, None)


def test_one_host_as_text(read):
    assert [host.name for host in read("head: {hosts: a}\nall: {children: {workers: {hosts: b}}}\n").hosts] == [
        "a",
        "b",
    ]


def test_of_a_folder_and_a_file_of_one_name_the_folder_counts(tmp_path):
    files = {"group_vars__all__main.yml": "ansible_user: a\n", "group_vars__all__.git__x.yml": "ansible_user: g\n"}
    assert at(tmp_path, **files, **{"group_vars__all.yml": "ansible_user: b\n"}).head.ssh.user == "a"


def test_a_port_that_is_another_number_to_ansible(problem):
    assert problem("all: {hosts: {a: {ansible_port: 022}}}\n")[2].startswith("should be a whole number")


def test_a_key_in_the_inventory_is_refused_and_not_repeated(problem):
    _, _, message, hint = problem("all: {hosts: {a: {ansible_ssh_private_key: b3BlbnNz}}}\n")
    assert message == "a private key stands in the inventory, which provision does not use"
    assert "b3BlbnNz" not in message + hint


def test_of_an_option_that_is_said_twice_the_first_counts(read):
    options = "'-o Port=1 -o Port=2 -J a'"
    assert read(f"all: {{hosts: {{a: {{ansible_ssh_common_args: {options}}}}}}}\n").head.ssh.port == 1


def test_become_is_true_or_false(problem):
    assert problem("all: {hosts: {a: {ansible_become: maybe}}}\n")[2] == "should be `true` or `false`, found `maybe`"


def test_a_group_that_is_a_list_of_hosts(read):
    text = '{"_meta": {"hostvars": {"b": {"ansible_port": 2}}}, "all": ["a", "b"], "head": ["a"]}'
    assert [(host.name, host.role, host.ssh.port) for host in read(text).hosts] == [
        ("a", "head", None),
        ("b", "worker", 2),
    ]


def test_a_folder_of_variables_that_may_not_be_read_is_told(tmp_path, monkeypatch):
    def refuse(self):
        raise PermissionError(13, "Permission denied", str(self))

    monkeypatch.setattr("pathlib.Path.iterdir", refuse)
    with pytest.raises(InventoryError) as caught:
        at(tmp_path, **{"group_vars__all__main.yml": "ansible_user: a\n"})
    (problem,) = caught.value.problems
    assert problem.file.endswith("group_vars/all")
    assert (problem.message, problem.hint) == ("cannot be read: permission denied", "let this user read it")
