"""What the Python of somebody else's environment reads when it starts, or when vLLM is imported with it, nobody else
can change: with sudo, root runs it."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import test_existing
import uv

from provision.resources.existing import ExistingEnvironment

made, env, here = test_existing.made, test_existing.env, test_existing.here
probed = test_existing.probed
needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="gives files to another user")
STRANGER = 12345


def site(env: Path) -> Path:
    return next(env.glob("lib/python3*/site-packages"))


def written(path: Path, text: str = "", owner: int = 0, mode: int = 0o644) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    path.chmod(mode)
    if os.geteuid() == 0:
        os.chown(path, owner, owner)
    return path


def of_a_stranger(env: Path) -> Path:
    """A folder beside it."""
    place = env.parent.parent / "home"
    place.mkdir(exist_ok=True)
    os.chown(place, STRANGER, STRANGER)
    return place


def own_pth(env: Path) -> None:
    written(site(env) / "run.pth", f"import os; open({str(env.parent / 'ran')!r}, 'w')\n", STRANGER)


def group_pth(env: Path) -> None:
    written(site(env) / "run.pth", "import os\n", mode=0o664)
    os.chown(site(env) / "run.pth", 0, STRANGER)


def own_module_deep_down(env: Path) -> None:
    written(site(env) / "torch/nn/__init__.py", "", STRANGER)


def deep_folder_for_all(env: Path) -> None:
    written(site(env) / "torch/nn/__init__.py").parent.chmod(0o777)


def led_by_pth(env: Path) -> None:
    written(site(env) / "editable.pth", f"# mine\r\n{of_a_stranger(env)}\r\n")


def led_by_relative_pth(env: Path) -> None:
    written(site(env) / "editable.pth", f"{os.path.relpath(of_a_stranger(env), site(env))}\n")


def led_deep_by_pth(env: Path) -> None:
    written(env.parent / "src/vllm/__init__.py", "", STRANGER)
    written(site(env) / "editable.pth", f"{env.parent / 'src'}\n")


def led_by_a_finder(env: Path) -> None:
    url = f"file://{of_a_stranger(env)}"
    written(site(env) / "x-1.dist-info/direct_url.json", json.dumps({"url": url, "dir_info": {"editable": True}}))


def linked_module(env: Path) -> None:
    (site(env) / "torch.py").symlink_to(written(of_a_stranger(env) / "torch.py"))


def linked_folder_deep(env: Path) -> None:
    written(env.parent / "torch/nn.py", "", STRANGER)
    (site(env) / "torch").symlink_to(env.parent / "torch")


def by_a_strangers_link(env: Path) -> None:
    written(env.parent / "good.py")
    (of_a_stranger(env) / "hop").symlink_to(env.parent / "good.py")
    (site(env) / "good.py").symlink_to(of_a_stranger(env) / "hop")


def copied_with_a_strangers_home(env: Path) -> None:
    home = of_a_stranger(env)
    (home / "bin").mkdir()
    (home / "lib/python3.99").mkdir(parents=True)
    python = env / "bin/python"
    real = python.resolve()
    python.unlink()
    shutil.copy(real, python)
    written(env / "pyvenv.cfg", f"Home = {home}/bin\n")


def others_settings(env: Path) -> None:
    (env / "pyvenv.cfg").chmod(0o666)


def name_of_two_lines(env: Path) -> None:
    written(site(env) / "a\n0:0:644\tb.py", "", STRANGER)


ATTACKS = [
    own_pth,
    group_pth,
    own_module_deep_down,
    deep_folder_for_all,
    led_by_pth,
    led_by_relative_pth,
    led_deep_by_pth,
    led_by_a_finder,
    linked_module,
    linked_folder_deep,
    by_a_strangers_link,
    copied_with_a_strangers_home,
    others_settings,
    name_of_two_lines,
]


@needs_root
@pytest.mark.parametrize("attack", ATTACKS, ids=lambda attack: attack.__name__.replace("_", " "))
def test_code_that_a_stranger_could_change_is_not_run(
    here: ExistingEnvironment, env: Path, attack: Callable[[Path], None]
) -> None:
    attack(env)
    (found,) = here.blockers(probed(here))
    assert "is not safe" in found.message
    assert not (env.parent / "ran").exists()


@needs_root
def test_packages_of_the_python_that_it_was_made_with_are_not_its_own(here: ExistingEnvironment, env: Path) -> None:
    home, python = env.parent / "python", env / "bin/python"
    (home / "bin").mkdir(parents=True)
    written(home / "lib/python3.99/site-packages/editable.pth", f"{of_a_stranger(env)}\n")
    real = python.resolve()
    python.unlink()
    shutil.copy(real, python)
    written(env / "pyvenv.cfg", f"home = {home}/bin\n")
    assert "exposed" not in probed(here)
    written(env / "pyvenv.cfg", f"home = {home}/bin\ninclude-system-site-packages = true\n")
    assert probed(here)["exposed"].endswith("/home")


@needs_root
def test_the_name_of_what_is_not_safe_says_nothing_more(here: ExistingEnvironment, env: Path) -> None:
    written(site(env) / r"a\ncurrent=yes\npython=3.12.1\nrecords=x.py", "", STRANGER)
    found = probed(here)
    assert set(found) == {"exposed"} and found["exposed"].endswith("records=x.py")


def test_one_that_is_linked_and_edited_by_whoever_logs_in_is_run(here: ExistingEnvironment, env: Path) -> None:
    source = written(env.parent / "src/own.py", owner=os.geteuid()).parent
    written(site(env) / "own.pth", f"{source}\n", owner=os.geteuid())
    (site(env) / "linked.py").symlink_to(source / "own.py")
    assert here.blockers(probed(here)) == ()


def test_one_of_uv_is_run(here: ExistingEnvironment, tmp_path: Path) -> None:
    made = tmp_path / "uv"
    subprocess.run([uv.find_uv_bin(), "venv", "-q", "--no-config", "--python", sys.executable, str(made)], check=True)
    (found, *_) = replace(here, prefix=str(made)).blockers(probed(replace(here, prefix=str(made))))
    assert "has no vllm" in found.message


@pytest.mark.parametrize("written_as", ["//{}", "/.{}", "{}//"])
def test_one_below_root_is_known_however_it_is_written(here: ExistingEnvironment, written_as: str) -> None:
    prefix = written_as.format(here.root).replace("{}", "") + "/envs/mine"
    (found,) = replace(here, prefix=prefix).blockers({"lacks": "does not exist"})
    assert "lies below `root`" in found.message
