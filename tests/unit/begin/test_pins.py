"""What is pinned for hosts by their drivers, GPUs and Pythons, and the text that says why."""

from collections.abc import Mapping
from pathlib import Path

import pytest

from provision.begin.named import Named
from provision.begin.pins import pins_for
from provision.begin.survey import Surveyed
from provision.begin.text import inventory_text
from provision.core.errors import ConnectTimeout, HostKeyUnknown
from provision.facts import Facts
from provision.facts.model import Gpu, PythonFound
from provision.inventory import load


def facts(
    driver: str | None = "590.48.01",
    capability: str = "9.0",
    pythons: tuple[str, ...] = ("3.11", "3.12"),
    gpus: int = 8,
    glibc: str = "2.39",
    arch: str = "x86_64",
    name: str = "NVIDIA H100 80GB HBM3",
) -> Facts:
    found = tuple(Gpu(i, name, driver=driver or "", compute_capability=capability) for i in range(gpus))
    have = tuple(PythonFound(f"/usr/bin/python{version}", version) for version in pythons)
    return Facts(gpus=found, driver=driver, pythons=have, glibc=glibc, arch=arch)


def test_new_drivers_get_the_newest_of_the_table() -> None:
    pins = pins_for({"a": facts(), "b": facts("595.10")})
    assert (pins.vllm.value, pins.python.value, pins.ray.value) == ("vllm==0.33.0", "3.12", "ray[default]==2.56.1")
    assert pins.driver.value == ">=580"
    assert "590.48.01" in pins.vllm.why
    assert (pins.gpus, pins.gpu, pins.platform.value) == (8, "H100 80GB HBM3", "")


def test_the_oldest_driver_decides() -> None:
    pins = pins_for({"a": facts(), "b": facts("570.86.15")})
    assert pins.vllm.value == "vllm==0.19.1"  # the last that is built with CUDA 12
    assert pins.driver.value == ">=525"
    assert "570.86.15" in pins.vllm.why


@pytest.mark.parametrize(
    ("known", "vllm", "python"),
    [
        (facts(capability="7.0"), "vllm==0.19.1", "3.12"),  # Volta: CUDA 13 does not build for it
        (facts("570.1", capability="12.0"), "vllm==0.19.1", "3.12"),
        (facts(pythons=("3.10",)), "vllm==0.31.0", "3.10"),
        (facts(pythons=("3.13",)), "vllm==0.33.0", "3.13"),
    ],
)
def test_what_the_hosts_have_decides(known: Facts, vllm: str, python: str) -> None:
    pins = pins_for({"a": known})
    assert (pins.vllm.value, pins.python.value) == (vllm, python)


def test_a_python_that_not_all_have_is_not_taken() -> None:
    pins = pins_for({"a": facts(pythons=("3.11", "3.12")), "b": facts(pythons=("3.11",))})
    assert pins.python.value == "3.11"
    assert "all 2 hosts that answered have 3.11" in pins.python.why


def test_where_no_python_fits_that_is_said() -> None:
    pins = pins_for({"a": facts(pythons=("3.8",))})
    assert pins.python.value == "3.12"
    assert "not on every host, where there is Python 3.8" in pins.python.why


def test_a_driver_that_is_too_old_for_all_of_them_is_said() -> None:
    pins = pins_for({"a": facts("390.157")})
    assert "none of them runs with driver 390.157" in pins.vllm.why


def test_older_or_other_machines_get_their_platform() -> None:
    assert pins_for({"a": facts(), "b": facts(glibc="2.31")}).platform.value == "x86_64-manylinux_2_31"
    assert pins_for({"a": facts(arch="aarch64")}).platform.value == "aarch64-manylinux_2_34"


def test_what_differs_is_not_expected() -> None:
    pins = pins_for({"a": facts(), "b": facts(gpus=4, name="NVIDIA A100")})
    assert (pins.gpus, pins.gpu) == (0, "")


def written(folder: Path, surveyed: Surveyed, model: str = "org/m") -> tuple[str, Path]:
    text = inventory_text("llama", "--hosts", surveyed, pins_for(surveyed.facts), model)
    path = folder / "inventory.yaml"
    path.write_text(text)
    return text, path


def line_of(text: str, begin: str) -> str:
    return next(line for line in text.splitlines() if line.strip().startswith(begin))


def survey(known: Mapping[str, Facts]) -> Surveyed:
    """Of three hosts, the last of which is an address that did not answer."""
    ssh = {"user": "ubuntu", "key": "/dev/null"}
    hosts = (Named("a", ssh=ssh), Named("b", ssh={**ssh, "port": "2222"}), Named("c", address="10.0.0.3", ssh=ssh))
    silent = {
        host.name: ConnectTimeout(host.name, "no answer\nwithin 10 s") for host in hosts if host.name not in known
    }
    return Surveyed(hosts, known, silent, "a")


def test_the_text_loads_and_each_line_says_why(tmp_path: Path) -> None:
    text, path = written(tmp_path, survey({"a": facts(), "b": facts()}))
    inventory = load(path)
    assert inventory.head.name == "a"
    assert [host.ssh.user for host in inventory.hosts] == ["ubuntu"] * 3
    assert [host.ssh.port for host in inventory.hosts] == [None, 2222, None]
    assert inventory.hosts[2].address == "10.0.0.3"
    assert inventory.hosts[0].expect.gpus == 8
    assert inventory.serve is not None
    assert (inventory.serve.tensor_parallel, inventory.serve.pipeline_parallel) == ("auto", "auto")
    assert inventory.python.packages == ("vllm==0.33.0", "ray[default]==2.56.1")
    assert line_of(text, "a:") == "  a: {role: head}  # 8 × NVIDIA H100 80GB HBM3, driver 590.48.01, Python 3.11, 3.12"
    assert line_of(text, "c:").endswith("# not asked: no answer within 10 s")
    for line in text.partition("\nhosts:\n")[2].splitlines():
        assert "  # " in line or line.endswith(":"), line


def test_without_a_model_or_an_answer_it_loads_all_the_same(tmp_path: Path) -> None:
    surveyed = survey({})
    text, path = written(tmp_path, surveyed, model="")
    inventory = load(path)
    assert inventory.serve is None
    assert "\n# serve:\n#   model:" in text
    assert "no host answered" in line_of(text, "version")
    assert "expect" not in text


def test_nothing_that_a_host_says_leaves_its_comment(tmp_path: Path) -> None:
    evil = facts(name="GPU\nsudo_password: {command: id}\x1b[2J")
    text, path = written(tmp_path, survey({"a": evil, "b": evil}))
    assert load(path).sudo_password is None
    assert "\x1b" not in text
    assert not any(line.startswith("sudo_password") for line in text.splitlines())


@pytest.mark.parametrize(
    "arch", ["x86_64: {", "&a", "*a", "!!python/name:os.system", "{a: [", "a\x85hosts: {}", "a # b"]
)
def test_a_host_that_calls_its_machine_something_else_spoils_no_inventory(tmp_path: Path, arch: str) -> None:
    text, path = written(tmp_path, survey({"a": facts(arch=arch, glibc="2.28"), "b": facts(glibc="2.28")}))
    assert load(path).python.platform == "x86_64-manylinux_2_28"
    assert arch not in text


@pytest.mark.parametrize("model", ["yes", "1.5", "a: b", "#x", "~/models/tiny", "org/Model-1.5B", '"q"', "./here", "é"])
def test_any_name_of_a_model_is_written_as_it_is(tmp_path: Path, model: str) -> None:
    import yaml

    text, _ = written(tmp_path, survey({"a": facts()}), model=model)
    assert yaml.safe_load(text)["serve"]["model"] == model


def test_a_host_key_that_is_not_on_record_names_the_command(tmp_path: Path) -> None:
    surveyed = Surveyed((Named("a"),), {}, {"a": HostKeyUnknown("a", "not on record")}, "a")
    text, _ = written(tmp_path, surveyed)
    assert "`provision trust`" in line_of(text, "a:")
