import copy
import inspect
import pickle
import re
from dataclasses import asdict

import pytest

from provision.core import errors
from provision.core.errors import HostError, InventoryError, Problem, ProvisionError
from provision.core.plan import Mode, make_plan
from provision.core.playbook import Playbook
from provision.core.report import HostReport, Report
from provision.core.secret import Secret
from provision.resources.secret_file import SecretFile

KINDS = [kind for _, kind in inspect.getmembers(errors, inspect.isclass) if issubclass(kind, ProvisionError)]


def made(kind: type[ProvisionError]) -> ProvisionError:
    if kind is InventoryError:
        return InventoryError([Problem("a.yaml", 3, 1, "hosts", "is empty", "list them")])
    if issubclass(kind, HostError):
        return kind("gpu-01", "no luck", evidence=["one", "two"], hint="try again")
    return kind("no luck", evidence=["one", "two"], hint="try again")


@pytest.mark.parametrize("kind", KINDS)
def test_an_error_survives_a_copy_and_another_process(kind: type[ProvisionError]) -> None:
    error = made(kind)
    for other in (copy.deepcopy(error), pickle.loads(pickle.dumps(error))):
        assert type(other) is kind
        assert (str(other), other.args, vars(other)) == (str(error), error.args, vars(error))


def test_the_tree_in_the_docstring_is_the_tree_of_the_classes() -> None:
    assert errors.__doc__ is not None
    drawn = re.findall(r"^[│├└─ ]*(\w+)  +(?:\((\d)\))?", errors.__doc__, re.MULTILINE)
    assert {name for name, _ in drawn} == {kind.__name__ for kind in KINDS}
    codes = {kind.__name__: kind.exit_code for kind in KINDS}
    assert [name for name, code in drawn if code and codes[name] != int(code)] == []


def test_a_report_becomes_plain_data_without_its_secrets() -> None:
    book = Playbook()
    step = book.add(SecretFile("/token", Secret("hunter2")), on="gpu-01")
    plan = make_plan(Mode.CHECK, book.steps, {step.key: None})
    host = HostReport("gpu-01", "failed", (), (made(errors.ScriptFailed),), 1.0)
    data = asdict(Report("check", Mode.CHECK, plan, (host,)))
    assert data["hosts"][0]["status"] == "failed"
    assert "hunter2" not in repr(data)
