"""The driver's errors in the kernel's log: which are worth a word, which are not, and in whose place they stand."""

import pytest
from gpu_samples import board

from provision.checks.gpu.xid import MANY, address, evidence_of, of_xids
from provision.core.finding import Finding, Severity
from provision.diagnosis.xids import KINDS
from provision.facts import Xid

BUS = "PCI:0000:05:00"


def judged(*xids: Xid, said: tuple[str, ...] = ()) -> list[Finding]:
    return list(of_xids("gpu-02", board(xids=xids), said))


@pytest.mark.parametrize("code", sorted(KINDS))
def test_each_error_is_said_as_its_row_has_it(code: int) -> None:
    kind = KINDS[code]
    assert kind.meaning and kind.action and not kind.meaning.endswith(".")
    found = judged(Xid(code, BUS))
    if kind.severity is None:
        assert found == []
        return
    (finding,) = found
    assert (finding.host, finding.area, finding.fact, finding.severity) == (
        "gpu-02",
        "gpus",
        "Xid errors",
        kind.severity,
    )
    assert finding.message == f"the driver reported Xid {code} on GPU 1 ({BUS}): {kind.meaning}"
    assert kind.action in finding.hint


# Source: NVIDIA's Xid catalog; what each asks for at once.
@pytest.mark.parametrize("code", [46, 48, 62, 64, 74, 79, 92, 94, 95, 109, 119, 120, 136, 140, 143, 154, 158])
def test_an_error_of_the_hardware_is_a_warning(code: int) -> None:
    (finding,) = judged(Xid(code, BUS))
    assert finding.severity is Severity.WARNING


@pytest.mark.parametrize("code", [63, 121])
def test_an_error_that_was_dealt_with_is_a_note(code: int) -> None:
    (finding,) = judged(Xid(code, BUS))
    assert finding.severity is Severity.NOTE


@pytest.mark.parametrize("code", [13, 31, 43, 45, 39, 68, 137])
def test_what_programs_do_to_themselves_counts_only_in_numbers(code: int) -> None:
    assert judged(Xid(code, BUS, MANY - 1)) == []
    assert judged(Xid(code, BUS, MANY - 1), Xid(code, "PCI:0000:04:00", MANY - 1)) == []
    (finding,) = judged(Xid(code, BUS, MANY))
    assert finding.severity is Severity.NOTE
    assert f"{MANY} times" in finding.message


def test_errors_of_programs_add_up_on_a_gpu() -> None:
    assert len(judged(Xid(13, BUS, MANY // 2), Xid(31, BUS, MANY // 2))) == 1


def test_several_errors_are_one_finding_with_the_worst_and_the_most_first() -> None:
    (finding,) = judged(Xid(31, BUS, MANY), Xid(109, BUS), Xid(74, "PCI:0000:04:00", 7))
    assert finding.severity is Severity.WARNING
    assert (
        finding.message
        == "the driver reported Xid 74 on GPU 0 (PCI:0000:04:00) 7 times: an error on NVLink, and 2 more"
    )
    assert finding.found == "74, 109, 31"
    assert len(finding.evidence) == 3


def test_a_number_that_is_not_listed_is_said_to_be_unknown_and_never_passed_over() -> None:
    (finding,) = judged(Xid(999, BUS))
    assert finding.severity is Severity.WARNING
    assert "not in our list" in finding.message
    assert "catalog" in finding.hint


@pytest.mark.parametrize(
    ("code", "fact"),
    [
        (79, "GPUs"),
        (79, "nvidia-smi"),
        (48, "ECC errors"),
        (63, "remapped rows"),
        (63, "retired pages"),
        (74, "NVLink"),
    ],
)
def test_an_error_is_not_said_beside_the_fact_that_it_explains(code: int, fact: str) -> None:
    assert judged(Xid(code, BUS), said=(fact,)) == []
    assert len(judged(Xid(code, BUS), said=("PCIe width",))) == 1
    assert evidence_of(fact, board(xids=(Xid(code, BUS), Xid(13, BUS)))) == (
        f"Xid {code} on GPU 1 ({BUS}): {KINDS[code].meaning}",
    )


def test_an_error_of_another_kind_is_said_beside_a_fact_that_does_not_explain_it() -> None:
    (finding,) = judged(Xid(79, BUS), Xid(74, BUS), said=("GPUs",))
    assert finding.found == "74"


@pytest.mark.parametrize(
    "xid",
    [
        Xid(145, BUS, 3, "RLW_RXPIPE Nonfatal XC0 i0 Link 13 (0x0409a0c2 0x00000008)"),
        Xid(154, BUS, 2, "GPU recovery action changed from 0x1 (GPU Reset Required) to 0x0 (None)"),
    ],
)
def test_what_the_driver_says_is_over_is_not_said(xid: Xid) -> None:
    assert judged(xid) == []
    assert len(judged(Xid(xid.code, xid.bus_id, text="NETIR_LINK_EVT Fatal XC0 i0 Link 00"))) == 1


def test_it_is_told_since_when_the_log_goes() -> None:
    (finding,) = of_xids("gpu-02", board(xids=(Xid(109, BUS),), uptime_seconds=3 * 86400.0), ())
    assert finding.why.startswith("since the host was booted 3 days ago: ")


def test_a_log_that_may_not_be_read_says_nothing() -> None:
    assert list(of_xids("gpu-02", board(xids=None), ())) == []
    assert evidence_of("GPUs", board(xids=None)) == ()


@pytest.mark.parametrize(
    ("log", "smi"),
    [
        ("PCI:0000:41:00", "00000000:41:00.0"),
        ("0000:41:00", "00000000:41:00.0"),
        ("PCI:0000:0a:00", "00000000:0A:00.0"),
        ("PCI:0009:01:00", "00000009:01:00.0"),
        ("PCI:0000:41:00.0", "00000000:41:00.0"),
    ],
)
def test_the_log_and_nvidia_smi_mean_the_same_gpu(log: str, smi: str) -> None:
    assert address(log) == address(smi)


@pytest.mark.parametrize("text", ["", "?", "PCI:", "::::", "zz:zz"])
def test_any_text_is_an_address(text: str) -> None:
    assert isinstance(address(text), str)
    assert len(judged(Xid(79, text))) == 1
