"""No signature may match what a start that ends well prints, too.

`sound/*-warnings.txt` are the warnings in the source of vLLM and Ray that their start can print (made from the
packages; what stands for a value is `7`); `cuda-start.txt` are lines of starts on GPUs that ended well, from public
logs and from the source of NCCL, torch and the driver.
"""

from pathlib import Path

import pytest

from provision.diagnosis import diagnose, read_lines

SOUND = Path(__file__).parent / "sound"
FILES = sorted(SOUND.glob("*.txt"))

#: Warned of by a start that then waits until Ray gives up, or until the GPUs come.
WAITING = {"The number of required 7s exceeds the total number of available 7s in the placement group."}


def test_there_are_lines_to_hold_the_signatures_against() -> None:
    assert len(FILES) == 3
    assert sum(len(file.read_text().splitlines()) for file in FILES) > 400


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_no_signature_matches_a_line_of_a_sound_start(file: Path) -> None:
    said = [line for line in file.read_text().splitlines() if line not in WAITING]

    wrong = [(found.signature.id, line) for line in said if (found := diagnose(read_lines(line, "gpu-01"))) is not None]

    assert wrong == []


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_a_failure_among_such_lines_is_found(file: Path) -> None:
    failure = "ERROR 11-21 00:00:00 [x.py:1] RuntimeError: No CUDA GPUs are available"
    found = diagnose(read_lines(f"{file.read_text()}\n{failure}\n"))
    assert found is not None
    assert found.signature.id == "no-gpu-seen"
