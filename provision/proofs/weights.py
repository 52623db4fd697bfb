"""Before a model server starts: the hosts hold the same files; before a download begins: each has room for it.

Ranks that read different weights answer nonsense, or stop with an error that names none of this.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import field
from typing import ClassVar

from provision.core.errors import HostError
from provision.core.finding import Against, Finding, Severity
from provision.core.majority import reference
from provision.core.proof import Proof, Shown
from provision.core.script import Fragment, Script
from provision.core.values import dataclass
from provision.core.wording import download
from provision.payload.weights.manifest import Entry, digest_of, parsed
from provision.resources.weights import Weights
from provision.resources.weights_foreign import FILES
from provision.resources.weights_run import DOWNLOAD, HINTS, run

#: Seconds for a hub that is slow to list a repository.
PATIENCE = 180.0


@dataclass(frozen=True)
class SameWeights(Proof):
    """`placed`: host → its weights, the head's first. What most hosts hold is the reference, the head's where there is
    no such thing."""

    name: ClassVar[str] = "weights"

    placed: Mapping[str, Weights] = field(hash=False)

    @property
    def label(self) -> str:
        return "weights compared"

    def scripts(self) -> Mapping[str, Script]:
        return {host: weights.tell() for host, weights in self.placed.items()}

    def read(self, answers: Mapping[str, Fragment], failed: Mapping[str, HostError]) -> Shown:
        found = {host: parsed(answers[host].stdout)[1] for host in self.placed if host in answers}
        unknown = [_unknown(host, error.message) for host, error in failed.items()]
        # A host without a manifest has no weights yet, which is a finding of its own.
        told = {host: files for host, files in found.items() if files}
        return Shown((*unknown, *_differences(told, self._folders())))

    def _folders(self) -> dict[str, str]:
        return {host: weights.folder for host, weights in self.placed.items()}


@dataclass(frozen=True)
class RoomForWeights(Proof):
    """Each host asks the hub what would come, and looks at its disk. Where nothing is missing nobody is asked."""

    name: ClassVar[str] = "weights"

    placed: Mapping[str, Weights] = field(hash=False)

    @property
    def label(self) -> str:
        return "room for the weights"

    def scripts(self) -> Mapping[str, Script]:
        return {host: _ask(weights) for host, weights in self.placed.items()}

    def read(self, answers: Mapping[str, Fragment], failed: Mapping[str, HostError]) -> Shown:
        """What all hosts say alike is said once."""
        said = {host: answer for host, answer in answers.items() if not answer.ok}
        reasons = {host: answer.tail() for host, answer in said.items()}
        findings = []
        for evidence in dict.fromkeys(reasons.values()):
            hosts = [host for host, text in reasons.items() if text == evidence]
            everywhere = len(hosts) == len(answers) > 1
            for host in [""] if everywhere else hosts:
                findings.append(_cannot(host, evidence))
        for host, answer in answers.items():
            if answer.ok:
                findings += _full(host, self.placed[host].folder, answer.stdout)
        return Shown(tuple(findings))


def _ask(weights: Weights) -> Script:
    probe = weights.fix(None, weights.want())
    variables = {**probe.vars, "work": "room"}
    script = run(DOWNLOAD, variables, also=weights.hub_environment(), timeout=PATIENCE)
    # The very same look as the plan's: a folder that is whole needs no room, and no hub.
    look = weights.probe()
    quiet = f'seen=$(\n{look.body}\n)\ncase "$seen" in *"$sound"*) exit 0 ;; esac\n'
    sound = {"sound": "\nsound=yes"}
    return Script(quiet + script.body, {**look.vars, **script.vars, **sound}, timeout=PATIENCE)


def _cannot(host: str, evidence: tuple[str, ...]) -> Finding:
    first = evidence[0] if evidence else "no answer"
    hint = next((hint for sign, hint in HINTS.items() if first.startswith(sign)), "")
    said = f"the weights cannot be downloaded: {first}"
    return Finding(host, "storage", FILES, Severity.BLOCKS, "not there", said=said, evidence=evidence[1:], hint=hint)


def _full(host: str, folder: str, text: str) -> Iterator[Finding]:
    told = dict(line.split("=", 1) for line in text.splitlines() if "=" in line)
    missing, free = (int(told.get(key, "0")) for key in ("missing", "free"))
    if missing > free:
        yield no_room(host, folder, missing, free)


def no_room(host: str, folder: str, missing: int, free: int) -> Finding:
    """Bytes that have to come, and bytes that they may take."""
    needed, left = download(missing), download(max(free, 0))
    return Finding(
        host,
        "storage",
        "model disk free",
        Severity.BLOCKS,
        left,
        needed,
        Against.POSSIBLE,
        why="a download that fills the disk also breaks logs and services",
        hint=HINTS["no space"],
        said=f"the weights need {needed} more in {folder}, the disk has {left} to spare",
    )


def _unknown(host: str, why: str) -> Finding:
    said = f"its weights could not be compared: {why}"
    hint = "run `provision up` again, or leave this out with `--skip weights`"
    return Finding(host, "storage", FILES, Severity.BLOCKS, "not known", said=said, hint=hint)


def _differences(told: Mapping[str, Mapping[str, Entry]], folders: Mapping[str, str]) -> Iterator[Finding]:
    digests = {host: digest_of(files) for host, files in told.items()}
    # The head comes first.
    example = reference(digests, next(iter(digests), ""))
    for host, digest in digests.items():
        if digest != digests[example]:
            lines = tuple(_lines(told[host], told[example], example))
            yield Finding(
                host,
                "storage",
                FILES,
                Severity.BLOCKS,
                digest[:12],
                digests[example][:12],
                Against.PEERS,
                why="ranks that read different weights produce nonsense, or fail at startup",
                hint=f"copy these files from {folders[example]} on {example}; or pin serve.weights.revision",
                evidence=lines[:10],
                said=f"its weights are not those of {example}: {len(lines)} files differ"
                if len(lines) > 1
                else f"its weights are not those of {example}: one file differs",
            )


def _lines(own: Mapping[str, Entry], expected: Mapping[str, Entry], example: str) -> Iterator[str]:
    for name in sorted({*own, *expected}):
        mine, theirs = own.get(name), expected.get(name)
        if mine is None:
            yield f"{name}: missing here"
        elif theirs is None:
            yield f"{name}: not on {example}"
        elif mine.size != theirs.size:
            yield f"{name}: {mine.size} bytes here, {theirs.size} on {example}"
        elif mine.sha256 != theirs.sha256:
            yield f"{name}: sha256 {mine.sha256[:12]} here, {theirs.sha256[:12]} on {example}"
