"""nvidia-smi's answers of many machines and drivers become typed GPUs, or a named fault. All of them are made up."""

from __future__ import annotations

import pytest
from made_up_smi import (
    A100_PCIE,
    FABRICS,
    GB200,
    GEFORCE_4090,
    H100_SXM,
    JETSON_ORIN,
    L4,
    LOST,
    MISMATCH,
    NEW_FIELDS,
    NVLINKS,
    OLD_FIELDS,
    TABLE_470,
    TESLA_470,
    TOPOLOGY_8,
    VERSION_590,
    XIDS,
    made_up,
)

from provision.facts import Fabric, Gpu, Xid, read_facts


def only(text: str) -> Gpu:
    facts = read_facts(text)
    (gpu,) = facts.gpus
    assert facts.gpu_fault is None and facts.gpu_error is None
    return gpu


def test_eight_h100_are_read_to_the_last_field():
    facts = read_facts(made_up(*[H100_SXM] * 8))
    assert facts.gpu_fault is None and facts.driver == "590.48.01"
    assert len({gpu.uuid for gpu in facts.gpus}) == len({gpu.bus_id for gpu in facts.gpus}) == 8
    gpu = facts.gpus[7]
    assert (gpu.index, gpu.memory_mib, gpu.memory_free_mib) == (7, 81559, 81079)
    assert (gpu.compute_capability, gpu.vbios, gpu.compute_mode) == ("9.0", "96.00.74.00.01", "Default")
    assert (gpu.persistence, gpu.mig, gpu.ecc) == (True, False, True)
    assert (gpu.ecc_uncorrected, gpu.retired_pending, gpu.remapped_pending, gpu.remapped_failure) == (
        0, None, False, False,
    )  # fmt: skip
    assert (gpu.throttle, gpu.power_limit, gpu.power_default, gpu.sm_clock_max) == (1, 700.0, 700.0, 1980)
    assert (gpu.pcie_gen, gpu.pcie_gen_max, gpu.pcie_width, gpu.pcie_width_max) == (5, 5, 16, 16)
    assert (gpu.fabric_state, gpu.fabric_status, gpu.error) == ("Completed", "Success", "")


def test_a_card_without_nvswitch_has_no_fabric():
    gpu = only(made_up(A100_PCIE))
    assert (gpu.name, gpu.memory_mib, gpu.compute_capability) == ("NVIDIA A100-PCIE-40GB", 40960, "8.0")
    assert (gpu.fabric_state, gpu.fabric_status) == ("", "")


def test_an_idle_geforce_has_neither_ecc_nor_mig_and_a_slow_link():
    gpu = only(made_up(GEFORCE_4090))
    assert (gpu.persistence, gpu.mig, gpu.ecc, gpu.ecc_uncorrected) == (False, None, None, None)
    assert (gpu.remapped_pending, gpu.remapped_failure, gpu.fabric_state) == (None, None, "")
    assert (gpu.pcie_gen, gpu.pcie_gen_max, gpu.memory_mib) == (1, 4, 24564)


def test_different_gpus_in_one_host_keep_what_is_theirs():
    gpus = read_facts(made_up(A100_PCIE, L4, GEFORCE_4090)).gpus
    assert [gpu.name for gpu in gpus] == ["NVIDIA A100-PCIE-40GB", "NVIDIA L4", "NVIDIA GeForce RTX 4090"]
    assert [gpu.power_limit for gpu in gpus] == [250.0, 72.0, 450.0]


@pytest.mark.parametrize("count", [1, 16])
def test_any_number_of_gpus(count):
    assert [gpu.index for gpu in read_facts(made_up(*[L4] * count)).gpus] == list(range(count))


def test_mig_is_seen_and_lines_of_its_devices_hide_nothing():
    mig = "  MIG 3g.40gb     Device  0: (UUID: MIG-00000000-0000-0000-0000-000000000001)"
    facts = read_facts(made_up({**H100_SXM, "mig.mode.current": "Enabled"}, H100_SXM, said=mig))
    assert [gpu.mig for gpu in facts.gpus] == [True, False] and facts.gpu_fault is None


def test_a_jetson_tells_almost_nothing_and_is_still_a_gpu():
    gpu = only(made_up(JETSON_ORIN))
    assert (gpu.name, gpu.driver, gpu.memory_mib, gpu.memory_free_mib) == ("Orin (nvgpu)", "540.4.0", 0, 0)
    assert (gpu.compute_capability, gpu.ecc, gpu.power_limit, gpu.pcie_width, gpu.error) == ("", None, None, None, "")


def test_a_gb200_is_read_like_any_other():
    gpu = only(made_up(GB200))
    assert (gpu.compute_capability, gpu.memory_mib, gpu.power_limit) == ("10.0", 189471, 1200.0)


def test_an_older_driver_answers_under_older_names():
    gpu = only(made_up(TESLA_470, fields=OLD_FIELDS))
    assert (gpu.throttle, gpu.compute_capability, gpu.fabric_state) == (8, "", "")
    assert (gpu.retired_pending, gpu.mig, gpu.driver) == (False, None, "470.57.02")


@pytest.mark.parametrize("said", ["[N/A]", "N/A", "[Unknown Error]", "[Not Supported]", "[GPU requires reset]", ""])
@pytest.mark.parametrize("field", [field for field in NEW_FIELDS if field != "index"])
def test_whatever_a_cell_says_instead_of_a_value_the_gpu_is_still_listed(field, said):
    gpus = read_facts(made_up(H100_SXM, {**H100_SXM, field: said})).gpus
    assert [gpu.index for gpu in gpus] == [0, 1]
    assert gpus[1].details[field] == said
    assert gpus[1].error == (said.strip("[]") if said in ("[Unknown Error]", "[GPU requires reset]") else "")
    assert said.strip("[]") not in (gpus[1].name, gpus[1].uuid, gpus[1].vbios) or not said


def test_counters_that_warn_are_seen_as_words_or_as_numbers():
    words = {**A100_PCIE, "retired_pages.pending": "Yes", "remapped_rows.pending": "Yes", "remapped_rows.failure": "No"}
    numbers = {**A100_PCIE, "remapped_rows.pending": "1", "remapped_rows.failure": "0"}
    first, second = read_facts(made_up(words, {**numbers, "ecc.errors.uncorrected.volatile.total": "12"})).gpus
    assert (first.retired_pending, first.remapped_pending, first.remapped_failure) == (True, True, False)
    assert (second.remapped_pending, second.remapped_failure, second.ecc_uncorrected) == (True, False, 12)


@pytest.mark.parametrize(
    ("said", "rc", "kind"),
    [
        ("No devices were found", 6, "no-devices"),
        (LOST, 15, "lost"),
        (MISMATCH, 18, "mismatch"),
        ("[Unknown Error]", 1, "failed"),
        ("", 139, "failed"),
    ],
)
def test_a_failure_is_named_and_quoted(said, rc, kind):
    facts = read_facts(made_up(said=said, rc=rc))
    assert facts.gpus == () and facts.gpu_fault == kind
    assert all(line in str(facts.gpu_error) for line in said.splitlines())


def test_a_lost_gpu_is_named_beside_those_that_answer():
    facts = read_facts(made_up(H100_SXM, H100_SXM, said=LOST, rc=15))
    assert (len(facts.gpus), facts.gpu_fault) == (2, "lost") and "0000:41:00.0" in str(facts.gpu_error)


def test_a_gpu_that_is_lost_while_it_is_asked_is_named():
    facts = read_facts(made_up(H100_SXM, {**H100_SXM, "power.limit": "[GPU is lost]"}))
    assert (facts.gpu_fault, facts.gpu_error) == ("lost", "GPU 1: GPU is lost")


def test_a_cell_that_a_user_may_not_read_is_no_fault_of_the_gpu():
    gpu = only(made_up({**H100_SXM, "power.limit": "[Insufficient Permissions]"}))
    assert (gpu.power_limit, gpu.error) == (None, "")


def test_only_a_list_that_never_ended_hangs():
    assert read_facts(made_up(L4).replace("rc=0", "") + "hung\n").gpu_fault == "hung"
    later = read_facts(made_up(L4) + NVLINKS + "\n@gpus\nhung\n")
    assert later.gpu_fault is None and len(later.gpus) == 1


def test_a_comma_in_a_name_does_not_lose_the_gpu():
    assert only(made_up({**L4, "name": "NVIDIA L4, engineering sample"})).name == "NVIDIA L4, engineering sample"


def test_the_newest_cuda_of_a_driver():
    assert read_facts(VERSION_590).cuda == "13.1"
    assert read_facts(TABLE_470).cuda == "11.4"
    assert read_facts("@cuda\n| NVIDIA-SMI 595.45   KMD Version: 595.45   CUDA UMD Version: 13.2 |").cuda == "13.2"
    assert read_facts("@cuda\nFailed to initialize NVML: Driver/library version mismatch").cuda == ""


def test_the_topology_is_a_square_of_gpus():
    matrix = read_facts(TOPOLOGY_8).topology
    assert len(matrix) == 8 and {len(row) for row in matrix} == {8}
    assert matrix[0][:2] == ("X", "NV18") and matrix[7][7] == "X"
    assert read_facts("@topology\nFailed to initialize NVML: Unknown Error").topology == ()
    assert read_facts("\n".join(TOPOLOGY_8.split("\n")[:5])).topology == ()


def test_links_that_are_down_are_counted_and_gpus_without_links_left_out():
    assert read_facts(NVLINKS).nvlinks == ((0, 2, 1), (1, 1, 0))


def test_errors_of_the_driver_are_counted_by_code_and_gpu():
    assert read_facts(XIDS).xids == (
        Xid(31, "0000:3b:00", 2, "pid=4242, name=python, Ch 00000009, intr 00000000. MMU Fault"),
        Xid(79, "0000:5e:00", 1, "pid='<unknown>', name=<unknown>, GPU has fallen off the bus."),
        Xid(48, "0000:03:00"),
    )


def test_a_log_without_errors_is_not_a_log_that_may_not_be_read():
    assert read_facts("@xids\nreadable\n").xids == ()
    assert read_facts("@xids\n\n").xids is None
    assert read_facts("").xids is None


def test_ports_of_infiniband_and_roce():
    assert read_facts(FABRICS).fabrics == (
        Fabric("mlx5_0", 1, "ACTIVE", "InfiniBand", 400.0),
        Fabric("mlx5_1", 1, "DOWN", "InfiniBand", 2.5),
        Fabric("mlx5_2", 1, "ACTIVE", "Ethernet", 0.0),
    )


@pytest.mark.parametrize(
    ("path", "version"),
    [
        ("/usr/lib/x86_64-linux-gnu/libnvidia-ml.so.590.48.01", "590.48.01"),
        ("/usr/lib64/libnvidia-ml.so.535.161", "535.161"),
        ("/usr/lib/wsl/lib/libnvidia-ml.so.1", None),
    ],
)
def test_the_librarys_version_is_in_the_name_of_its_file(path, version):
    assert read_facts(f"@library\n{path}\n").driver_library == version


def test_an_error_in_a_slice_of_a_gpu_is_one_of_that_gpu() -> None:
    line = "NVRM: Xid (PCI:0000:3b:00 GPU-I:05 GPU-CI:00): 94, pid=7194, Contained: CE User Channel (0x9)."
    (xid,) = read_facts(f"@xids\n[ 9.1] {line}\nreadable\n").xids or ()
    assert (xid.code, xid.bus_id) == (94, "0000:3b:00")


def test_a_link_error_that_was_fatal_once_stays_so() -> None:
    fatal = "NVRM: Xid (PCI:0018:01:00): 145, RLW_CTRL Fatal XC0 i0 Link 13 (0x0)"
    mild = "NVRM: Xid (PCI:0018:01:00): 145, RLW_RXPIPE Nonfatal XC0 i0 Link 13 (0x0)"
    (xid,) = read_facts("\n".join(["@xids", mild, fatal, mild, "readable"])).xids or ()
    assert xid.count == 3
    assert xid.text.startswith("RLW_CTRL Fatal")


@pytest.mark.parametrize(
    ("cell", "recovery"), [("None", ""), ("[N/A]", ""), ("Reset", "Reset"), ("Drain P2P", "Drain P2P")]
)
def test_what_the_driver_wants_done_to_a_gpu(cell: str, recovery: str) -> None:
    fields = [*NEW_FIELDS, "gpu_recovery_action"]
    (gpu,) = read_facts(made_up({**H100_SXM, "gpu_recovery_action": cell}, fields=fields)).gpus
    assert gpu.recovery == recovery
