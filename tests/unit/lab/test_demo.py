from pathlib import Path

import pytest

from provision.core.errors import Busy, UsageError
from provision.core.exits import Exit
from provision.lab.demo import alone, beside_no_demo, ready
from provision.lab.ground import Ground
from provision.lab.lab import Lab


@pytest.fixture(autouse=True)
def somebody(monkeypatch: pytest.MonkeyPatch) -> None:
    """A user whom sshd knows, whoever runs the tests."""
    monkeypatch.setattr("provision.lab.loopback.login", lambda: "ann")


def test_a_second_demo_on_the_same_lab_is_told_that_it_is_busy(tmp_path: Path) -> None:
    lab, other = Lab(name="demo", root=tmp_path), Lab(name="other", root=tmp_path)
    with alone(lab, rootless=True), alone(other, rootless=True):
        with (
            pytest.raises(Busy, match="another demo or `lab up` is at work on the lab `demo`") as caught,
            alone(lab, rootless=True),
        ):
            raise AssertionError("both are at work")
        assert caught.value.exit_code is Exit.BUSY
    with alone(lab, rootless=True):
        pass


def test_a_lab_that_is_being_made_and_a_demo_keep_out_of_each_others_way(tmp_path: Path) -> None:
    lab = Lab(name="demo", root=tmp_path)
    # Two who make a lab wait for each other later on, as they always did.
    with beside_no_demo(lab), beside_no_demo(lab), pytest.raises(Busy), alone(lab, rootless=True):
        raise AssertionError("a demo took the lab while it was being made")
    said = "a demo is at work on the lab `demo`"
    with alone(lab, rootless=True), pytest.raises(Busy, match=said) as caught, beside_no_demo(lab):
        raise AssertionError("a lab was made that the demo would remove")
    assert caught.value.hint == "provision lab up --name another"
    assert list(tmp_path.iterdir()) == []


def test_a_lab_on_what_a_demo_left_is_no_demos(tmp_path: Path) -> None:
    lab = Lab(name="demo", root=tmp_path)
    (lab.stack / "layer").mkdir(parents=True)
    with beside_no_demo(lab):
        lab.directory.mkdir()
    with pytest.raises(UsageError, match="no demo has made it"), alone(lab, rootless=True):
        raise AssertionError("it went on")


def test_a_persons_own_lab_is_no_demos(tmp_path: Path) -> None:
    lab = Lab(name="mine", root=tmp_path)
    lab.directory.mkdir()
    with pytest.raises(UsageError, match="a lab `mine` already"), alone(lab, rootless=True):
        raise AssertionError("it went on")
    assert [path.name for path in tmp_path.iterdir()] == ["mine"]


def test_a_lab_that_a_demo_left_is_the_next_ones_and_goes_with_all_that_was_on_it(tmp_path: Path) -> None:
    lab = Lab(name="demo", root=tmp_path)
    lab.directory.mkdir()
    (lab.stack / "layer").mkdir(parents=True)
    with alone(lab, rootless=True):
        lab.down()
    assert list(tmp_path.iterdir()) == []


def test_what_a_demo_keeps_beside_its_lab_is_no_other_labs(tmp_path: Path) -> None:
    with pytest.raises(UsageError):
        Lab(name=Lab(name="demo", root=tmp_path).stack.name, root=tmp_path)
    with pytest.raises(ZeroDivisionError), alone(Lab(name="demo", root=tmp_path), rootless=True):
        assert [path.name for path in tmp_path.iterdir()] == ["demo.demo.lock"]
        raise ZeroDivisionError
    assert list(tmp_path.iterdir()) == []


HOSTS = "docker needs hosts of namespaces"


@pytest.mark.parametrize(
    ("missing", "uid", "why", "hint"),
    [
        ("", 1000, f"{HOSTS}, and those need root", "leave out --runtime, or run it as root"),
        ("", 0, f"{HOSTS}, and --rootless asks for others", "leave out --rootless"),
        ("no namespaces here", 0, f"{HOSTS}: no namespaces here", "leave out --runtime"),
    ],
)
def test_containers_are_refused_where_hosts_cannot_run_them_before_anything_is_looked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, missing: str, uid: int, why: str, hint: str
) -> None:
    monkeypatch.setattr("os.geteuid", lambda: uid)
    monkeypatch.setattr(Lab, "ground", lambda *_, **__: Ground("loopback", missing))
    monkeypatch.setattr("provision.lab.survey.requires", lambda *_: pytest.fail("it went on"))
    with pytest.raises(UsageError, match=why) as caught:
        ready(Lab(tmp_path), rootless=not missing, kind="docker")
    assert caught.value.hint == hint
