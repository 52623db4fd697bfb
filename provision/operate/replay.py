"""What a `check` found, as its JSON has it → the report that it was: shown again where no host can be asked."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from provision.core.errors import HostError, ProvisionError
from provision.core.finding import Against, Finding, Known, Severity
from provision.core.plan import Mode
from provision.core.report import HostReport, Report
from provision.diagnosis.archive import MANIFEST

#: The file of a bundle that has it.
REPORT = "report.json"


def replayed(files: Mapping[str, str], source: str) -> tuple[Report, str, str]:
    """(the report, the cluster's name, when it was made) of the files of a bundle. Raises ProvisionError for one that
    says nothing of a check."""
    try:
        manifest = json.loads(files[MANIFEST])
        report = json.loads(files[REPORT])["report"]
        return _report(report), str(manifest["cluster"]), str(manifest["made"])
    except KeyError as error:
        said = f"`{source}` holds nothing that `check` found: {error} is missing"
        raise ProvisionError(said, hint="`provision bundle` writes one that does, if the check could be done") from None
    except (ValueError, TypeError, AttributeError, RecursionError) as error:
        raise ProvisionError(f"`{source}` holds no report that this version can read: {error}") from None


def _report(said: Mapping[str, Any]) -> Report:
    return Report(
        command="check",
        mode=Mode.CHECK,
        plan=None,
        hosts=tuple(_host(host) for host in said["hosts"]),
        errors=tuple(_error(error) for error in said["errors"]),
        findings=tuple(_finding(finding) for finding in said["findings"]),
        known={str(host): tuple(_known(cell) for cell in cells) for host, cells in said["known"].items()},
        remarks=_texts(said["remarks"]),
        left_out=_texts(said["left_out"]),
        seconds=float(said["seconds"]),
        exit_code=int(said["exit_code"]),
    )


def _host(said: Mapping[str, Any]) -> HostReport:
    errors = tuple(_error(error) for error in said["errors"])
    return HostReport(str(said["name"]), str(said["status"]), _texts(said["changes"]), errors, float(said["seconds"]))


def _error(said: Mapping[str, Any]) -> ProvisionError:
    words = {"evidence": _texts(said["evidence"]), "hint": str(said["hint"])}
    if said["host"]:
        return HostError(str(said["host"]), str(said["message"]), **words)  # type: ignore[arg-type]
    return ProvisionError(str(said["message"]), **words)  # type: ignore[arg-type]


def _finding(said: Mapping[str, Any]) -> Finding:
    return Finding(
        host=str(said["host"]),
        area=str(said["area"]),
        fact=str(said["fact"]),
        severity=Severity(said["severity"]),
        found=str(said["found"]),
        expected=str(said["expected"]),
        against=Against(said["against"]),
        why=str(said["why"]),
        hint=str(said["hint"]),
        evidence=_texts(said["evidence"]),
        said=str(said["message"]),
        id=str(said["id"]),
        accepted=str(said["accepted"]),
    )


def _known(said: Mapping[str, Any]) -> Known:
    return Known(str(said["area"]), str(said["fact"]), str(said["value"]), bool(said["lasting"]))


def _texts(said: Sequence[object]) -> tuple[str, ...]:
    return tuple(str(text) for text in said)
