"""The public face: every name resolves, editors see the same names as the interpreter, and nothing heavy is loaded."""

import ast
import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

import provision

SOURCE = Path(provision.__file__)
HEAVY = ("click", "fabric", "paramiko", "pydantic", "rich", "yaml")


def seen_by_editors(source: str) -> dict[str, str]:
    """Name → module, from the imports below `if TYPE_CHECKING`."""
    found = {}
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING":
            for line in node.body:
                assert isinstance(line, ast.ImportFrom)
                found |= {alias.asname: f"{line.module}" for alias in line.names}
    return found


def test_type_checkers_and_the_interpreter_see_the_same_names() -> None:
    home = {name: f"provision.{module}" for name, module in provision._HOME.items()}
    assert seen_by_editors(SOURCE.read_text()) == home


def test_no_name_is_in_two_modules() -> None:
    assert len(provision._HOME) == sum(len(names) for names in provision._PUBLIC.values())


@pytest.mark.parametrize("name", provision.__all__)
def test_a_public_name_is_there(name: str) -> None:
    assert getattr(provision, name) is getattr(provision, name) is not None
    assert name in dir(provision)


def test_a_name_that_is_not_public_is_none() -> None:
    with pytest.raises(AttributeError, match="no attribute `make_plan`"):
        provision.make_plan  # noqa: B018


def loaded(statement: str) -> set[str]:
    code = f"import sys; {statement}; print(*sorted(sys.modules))"
    return set(subprocess.check_output([sys.executable, "-c", code], text=True).split())


def test_importing_it_loads_nothing_heavy() -> None:
    assert not loaded("import provision") & {*HEAVY, "provision.api"}


def test_a_resource_of_ones_own_needs_no_ssh() -> None:
    assert not loaded("from provision import Resource, Script, State") & {*HEAVY, "provision.api"}


#: What no command needs that only connects to hosts, unless paramiko itself does, as older ones do: for another way to
#: read an ssh_config, a second try, a live view.
FOR_FEW = (
    "asyncio", "fabric", "invoke", "rich", "tenacity", "unittest",
    # For a certificate, a relay, an image, an export.
    "cryptography.x509", "provision.transport.relay", "provision.environment.image_archive", "provision.export",
)  # fmt: skip


def test_a_run_loads_only_what_it_needs() -> None:
    playbook = "provision.stack.ray, provision.stack.model, provision.stack.closing"
    found = loaded(f"import provision.api, provision.cli.check, provision.cli.run, provision.render.recap, {playbook}")
    assert "paramiko" in found
    assert not found & {*FOR_FEW} - loaded("import paramiko")
    assert len(found) < 810


#: What is first needed once the hosts have said what they are: of services, proofs, checks, and of logs.
NOT_BEFORE = (
    "provision.stack.exposed", "provision.stack.ray", "provision.stack.again", "provision.stack.closing",
    "provision.resources.vllm", "provision.resources.image", "provision.resources.serverless_head",
    "provision.proofs.network.proof", "provision.proofs.all_reduce.proof", "provision.checks.judge",
    "provision.diagnosis", "provision.parallel.cut",
)  # fmt: skip


def test_what_a_plan_takes_is_not_loaded_before_the_hosts_are_asked() -> None:
    found = loaded("import provision.api, provision.cli.check, provision.cli.run")
    assert not found & {*NOT_BEFORE}
    assert len(found) < 700  # some more on Python 3.10 than on newer ones
    whole = "from provision.stack.later import Later; Later(lambda: None, removes=False).ready()"
    assert "provision.stack.exposed" in loaded(whole)


#: What a `check` never needs: of other commands, of what failed, of another way to write an inventory.
NOT_IN_A_CHECK = (
    "provision.stack.again", "provision.stack.prunable", "provision.resources.serverless_head",
    "provision.diagnosis", "provision.payload.ask", "http.client", "ssl",
)  # fmt: skip


def test_a_check_of_one_host_loads_what_it_needs(tmp_path: Path) -> None:
    """Nobody listens there."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
        inventory = tmp_path / "cluster.yaml"
        ssh = f"{{port: {port}, config: {tmp_path}/ssh_config}}"
        inventory.write_text(f"cluster: alone\nssh: {ssh}\nhosts: {{gpu-01: {{address: 127.0.0.1}}}}\n")
        (tmp_path / "ssh_config").touch()
        code = f"import sys; sys.argv = ['provision', 'check', {str(inventory)!r}]; from provision.cli import main\n"
        code += "try: main()\nfinally: print('loaded', *sorted(sys.modules))"
        env = {**os.environ, "PROVISION_STATE_DIR": str(tmp_path / "state")}
        said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, env=env)
    assert said.returncode == 4, said
    found = {*said.stdout.split()}
    assert "provision.stack.exposed" in found, "while the hosts are asked"
    assert not found & {*FOR_FEW, *NOT_IN_A_CHECK} - loaded("import paramiko")


def test_help_and_version_load_no_library() -> None:
    for word in ("--help", "--version"):
        code = f"import sys; sys.argv = ['provision', {word!r}]; from provision.cli import main\ntry: main()\nfinally: "
        code += "print('loaded', *sorted(sys.modules))"
        said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
        assert said.returncode == 0, said.stderr
        assert said.stdout.count("loaded") and not {*said.stdout.split()} & {*HEAVY, "provision.api"}


def test_what_paramiko_imports_late_is_there_when_it_is_asked_for(tmp_path: Path) -> None:
    """A `Match exec` of whoever uses paramiko in the same program."""
    config = tmp_path / "config"
    config.write_text('Match exec "true"\n  User yes\nMatch exec "false"\n  User no\n')
    code = "import provision.transport, paramiko, sys; assert 'invoke' not in sys.modules; "
    code += f"print(paramiko.SSHConfig.from_path({str(config)!r}).lookup('h')['user']); import invoke.context"
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (said.returncode, said.stdout) == (0, "yes\n"), said.stderr
