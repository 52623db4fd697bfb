"""`provision fit`: a folder and GPUs by name, as text, JSON and a table."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

MODELS = Path(__file__).parents[1] / "parallel" / "models"


def fit(*arguments: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "provision", "fit", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


@pytest.fixture
def model(tmp_path: Path) -> Path:
    (tmp_path / "config.json").write_text((MODELS / "qwen3-4b-fp8.json").read_text())
    return tmp_path


def told(*arguments: object) -> dict[str, object]:
    found: dict[str, object] = json.loads(fit(*arguments, "--json").stdout)
    return found


def test_a_model_that_fits_is_told_with_the_cut_and_the_arithmetic(model: Path) -> None:
    done = fit(model, "--gpus", 8, "--gpu", "H100", "--bytes", "5.19e9", "--vllm", "0.32.0")
    assert (done.returncode, done.stderr) == (0, "")
    assert "1 host with 8 × H100: fits" in done.stdout
    assert "cut: tensor_parallel 4 × pipeline_parallel 2, 40960 tokens" in done.stdout
    found = told(model, "--gpus", 8, "--gpu", "H100", "--bytes", "5.19e9")
    assert (found["fits"], found["gpus_used"], found["gpus_idle"], found["worst_stage"]) == (True, 8, 0, 1)


def test_one_that_does_not_fit_ends_with_3_and_says_what_would(model: Path) -> None:
    done = fit(model, "--gpus", 1, "--memory", 16, "--bytes", "100e9")
    assert done.returncode == 3
    assert "does not fit" in done.stdout and "would fit: " in done.stdout


def test_what_could_not_be_worked_out_ends_with_1(model: Path) -> None:
    done = fit(model, "--gpu", "H100")
    assert done.returncode == 1
    assert "not known" in done.stdout and "how many bytes its weights have" in done.stdout
    assert told(model, "--gpu", "H100")["fits"] is None


def test_an_index_says_how_many_bytes_there_are(model: Path) -> None:
    (model / "model.safetensors.index.json").write_text(json.dumps({"metadata": {"total_size": 5_190_000_000}}))
    assert told(model, "--gpus", 1, "--gpu", "A100")["weights_gib_per_gpu"] == pytest.approx(4.83, abs=0.01)


def test_several_sets_of_gpus_are_a_table(model: Path) -> None:
    done = fit(model, "--bytes", "5.19e9", "--hosts", "1:2", "--gpus", "1:4", "--gpu", "T4", "--gpu", "L4")
    assert done.returncode == 0
    assert len(done.stdout.splitlines()) == 2 + 2 * 3 * 2
    options = told(model, "--bytes", "5.19e9", "--hosts", "1:2", "--gpus", "1:4", "--gpu", "T4")["options"]
    assert isinstance(options, list)
    assert [(option["hosts"], option["gpus"]) for option in options] == [(h, g) for h in (1, 2) for g in (1, 2, 4)]


@pytest.mark.parametrize("flags", ["--data-parallel-size 2", "data_parallel_size=2", '{"data-parallel-size": 2}'])
def test_flags_may_be_written_as_for_vllm_as_pairs_or_as_json(model: Path, flags: str) -> None:
    found = told(model, "--gpus", 4, "--gpu", "H100", "--bytes", "5.19e9", "--args", flags)
    assert (found["tensor_parallel"], found["data_parallel"]) == (2, 2)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--gpu", "H1000"], "the memory of a GPU `H1000` is not known"),
        ([], "which GPUs?"),
        (["--gpu", "H100", "--hosts", "0"], "--hosts: `0`"),
        (["--gpu", "H100", "--tensor-parallel", "two"], "--tensor-parallel: `two`"),
        (["--gpu", "H100", "--bytes", "many"], "--bytes: `many`"),
        (["--gpu", "H100", "--args", "nonsense"], "`nonsense` is no flag"),
    ],
)
def test_bad_input_is_an_error_with_a_hint(model: Path, arguments: list[str], said: str) -> None:
    done = fit(model, *arguments)
    assert done.returncode == 2
    assert said in done.stderr and "hint: " in done.stderr


def test_a_folder_that_is_no_model_is_told(tmp_path: Path) -> None:
    done = fit(tmp_path, "--gpu", "H100")
    assert done.returncode == 1
    assert "nothing is known of" in done.stderr


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("--bytes", "inf"),
        ("--bytes", "-5"),
        ("--memory", "nan"),
        ("--memory", "inf"),
        ("--max-model-len", "abc"),
        ("--max-model-len", "0"),
        ("--vllm", "banana"),
        ("--args", "--gpu-memory-utilization nan"),
        ("--args", "--gpu-memory-utilization 7"),
        ("--args", "--data-parallel-size x"),
    ],
)
def test_a_number_that_is_none_is_wrong_usage(model: Path, option: str, value: str) -> None:
    said = {"--memory": "80", "--bytes": "5e9", option: value}
    done = fit(model, *(word for pair in said.items() for word in pair))
    assert (done.returncode, done.stdout) == (2, "")
    assert value.rsplit(maxsplit=1)[-1] in done.stderr or option == "--memory"
