"""The model's folder on one host: whole, as it was sent or downloaded, with a manifest of its contents.

Looking costs one stat per file: the manifest knows size and time of each. Where a file has changed since, it is hashed
again; with `deep` all are. Two hosts are compared by their manifests (provision.proofs.weights).
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import field, replace
from typing import ClassVar

from provision.core.errors import ProvisionError
from provision.core.finding import Finding, Known
from provision.core.resource import Difference, Resource, State
from provision.core.script import Fragment, Script, Upload, Value
from provision.core.secret import Secret
from provision.core.spread import Offer, Spread
from provision.core.values import dataclass
from provision.core.wording import download
from provision.payload.bundle import bundle, shell
from provision.payload.weights.seal import INCOMING
from provision.resources.weights_foreign import closed, in_the_way, unreadable
from provision.resources.weights_run import DOWNLOAD, HANDOVER, HINTS, SEAL, SPREAD, TIMEOUT, TOKEN, capitals, run
from provision.resources.weights_seen import few, names, read_state, same
from provision.weights.local import Held, look, read
from provision.weights.source import models_below

#: Seconds to list a folder on a file server that is busy.
LISTING = 120.0

_LOOKED_AT = ("files/way.sh", "files/sharing.sh", "weights/uses.sh", "weights/probe.sh", "weights/was.sh")


@dataclass(frozen=True)
class Weights(Resource):
    """`source`: `hosts`, `hub` or `controller`. `folder`: absolute, on the host, `ours` where it lies below
    `<root>/models`. `python`: an interpreter there, with huggingface_hub for the hub. `here`: what is to be sent.
    `hub`: variables for the download (HF_ENDPOINT, proxies). `owner`: whom the files are for, where root works: all is
    done with that user's rights. `pickles`, `code`: whether the hub's may come. `others`: as of Venv. `plain`: an
    interpreter that is there before any environment; empty: none.

    Raises on apply: ScriptFailed with a hint for what the hub refuses; ConnectionLost. What is whole by then stays.
    """

    removable: ClassVar[bool | str] = "purge"
    area: ClassVar[str] = "storage"
    ends_ahead: ClassVar[bool] = True
    why: ClassVar[str] = "every rank reads its part of the model from there, and each must read the same"

    source: str
    folder: str
    root: str
    cluster: str
    host: str
    python: str
    repo: str = ""
    revision: str = ""
    here: Held | None = None
    owner: str = ""
    token: Secret | None = None
    hub: Mapping[str, Value] = field(default_factory=dict, hash=False)
    deep: bool = False
    pickles: bool = False
    code: bool = False
    others: tuple[str, ...] = ()
    plain: str = ""

    @property
    def id(self) -> str:
        return "weights"

    def fact(self, _: str) -> str:
        return self.label

    @property
    def models(self) -> str:
        return models_below(self.root)

    @property
    def ours(self) -> bool:
        return self.folder.startswith(f"{self.models}/")

    @property
    def manifest(self) -> str:
        """Beside a folder of ours, so that hosts that share it share what is known of it. Of another folder each host
        keeps its own, since the same path may be another disk."""
        if self.ours:
            return f"{self.folder}.manifest"
        mark = hashlib.sha256(self.folder.encode()).hexdigest()[:8]
        return f"{self.models}/{self.host}-{self.folder.rstrip('/').rpartition('/')[2]}-{mark}.manifest"

    @property
    def brings(self) -> bool:
        """Whether provision writes there at all."""
        return self.source != "hosts"

    def probe(self) -> Script:
        """`key=value` of the manifest's head; only if something differs, a line for every file."""
        parts = [*_LOOKED_AT, *(["weights/deep.sh"] if self.deep else [])]
        return self._as_owner(*parts, timeout=TIMEOUT if self.deep else LISTING)

    def tell(self) -> Script:
        """Prints the manifest."""
        return self._as_owner("weights/tell.sh", timeout=LISTING)

    def want(self) -> State:
        wanted = {"folder": "yes", "sound": "yes", "marked": "yes"}
        if self.here is not None:
            return {**wanted, "digest": self.here.digest, "stamp": self.here.stamp}
        if self.source == "hub":
            return {**wanted, "repo": self.repo, "revision": self.revision}
        return wanted

    def read(self, fragment: Fragment) -> State:
        return read_state(fragment.stdout)

    def blockers(self, have: State) -> tuple[Finding, ...]:
        if have is None:
            return ()
        found: tuple[Finding, ...] = ()
        if "unreadable" in have:
            found = (unreadable(self.host, self.folder, have["unreadable"], self.owner),)
        if not self.brings:
            return found
        if not found:
            found = in_the_way(self.host, self.folder, self.here, have)
        # What is sent comes before anything runs that could hand the models over.
        if "closed" in have and self.here is not None and self.diff(have, self.want()):
            found = (closed(self.host, self.models, have["closed"], self.owner), *found)
        return found

    def diff(self, have: State, want: State) -> tuple[Difference, ...]:
        if want is None:
            return () if not self._brought(have) else (Difference("", None, "present"),)
        if have is None or "folder" not in have:
            # A folder that nobody brings blocks, by its facts (checks/system.py).
            return () if self.source == "hosts" else (Difference("", "present", None),)
        if faults := names(have, "fault:"):
            hint = "" if self.source == "hosts" else "`provision up --deep` transfers them again"
            return (Difference("", "as transferred", f"damaged: {few(faults)}", hint),)
        if "sound" not in have:
            return (self._unfinished(have),)
        for key in ("repo", "revision"):
            if key in want and have.get(key) != want[key]:
                return (Difference(key, want[key] or "main", have.get(key) or "main"),)
        if self.here is not None and have.get("stamp") != want["stamp"] and have.get("digest") != want["digest"]:
            return (Difference("", "as on the controller now", "an earlier version"),)
        return () if "marked" in have else (Difference("", "in use here", "another cluster's"),)

    def stood(self, have: State) -> bool:
        """Files that this cluster has not taken into use, as on a host that joins, are nobody's model here."""
        return have is not None and ("marked" in have or ("digest" in have and "shared" not in have))

    def known(self, have: State) -> tuple[Known, ...]:
        """What two hosts must have in common, as short as a cell."""
        if have is None or not {"sound", "digest", "bytes", "files"} <= set(have) or names(have, "fault:"):
            return ()
        commit = f", commit {have['commit'][:8]}" if have.get("commit") else ""
        said = f"{have['digest'][:12]}, {download(int(have['bytes']))} in {have['files']} files{commit}"
        return (Known(self.area, self.label, said),)

    def prepare(self, say: Callable[[str], None]) -> None:
        """Hashes what is to be sent, once for all hosts. Raises ProvisionError if it cannot be read."""
        if self.here is None:
            return
        try:
            held = read(self.here, lambda done, total: say(f"hashing here  {download(done)} of {download(total)}"))
        except OSError as error:
            raise ProvisionError(f"the model on the controller cannot be read: {error}") from error
        if held.problem:
            raise ProvisionError(held.problem)

    def fix(self, have: State, want: State) -> Script:
        if want is None:
            removed = self._as_owner("weights/uses.sh", "weights/remove.sh", timeout=600)
            body = "\n".join((shell(*HANDOVER), removed.body, shell("weights/removed.sh")))
            return Script(body, {**removed.vars, "work": "remove"}, removed.timeout)
        variables = self._fetching(have)
        if self.source == "hub":
            return run(DOWNLOAD, variables, also=self.hub_environment())
        held = look(self.here.folder) if self.here is not None else None
        if held is not None:
            variables["expected"] = "\n".join(f"{e.sha256} {e.size} {name}" for name, e in held.files.items())
            variables["about"] = f"stamp={held.stamp}"
        script = run(SEAL, variables, also={})
        uploads = self._uploads(held, have or {}) if held is not None else ()
        return Script(script.body, script.vars, script.timeout, uploads=uploads)

    def ahead(self, have: State) -> bool:
        """All of it, while no server can have begun with what is there: no such folder, or what was being sent to one.
        Not a download, which is the environment's; and a look at every file is not taken twice."""
        found = have or {}
        if self.source != "controller" or not (self.ours and self.plain) or self.deep:
            return False
        begun = (
            "brought" in found and not {"digest", "marked", "shared", "kept"} & found.keys() and not names(found, "is:")
        )
        return "folder" not in found or begun

    @property
    def behind_first(self) -> bool:
        return bool(self.owner)

    def fix_ahead(self, have: State, want: State) -> Script:
        return replace(self, python=self.plain).fix(have, want)

    def spread(self, have: State, want: State) -> Spread | None:
        """In a folder of ours alone: where somebody else's would be written to, root may have to make it first."""
        if want is None or self.source != "hub" or not self.ours or names(have or {}, "fault:"):
            return None
        open_to_see = {name: value for name, value in self.hub_environment().items() if name != TOKEN}
        key = (self.repo, self.revision, self.pickles, self.code, *sorted(open_to_see.items()))
        into = {"into": self.models, "user": self.owner, "made": self.models}
        environment = capitals(self._fetching(have)) | open_to_see
        return Spread(key, bundle(SPREAD), self.python, **into, environment=environment, token=self.token or "")

    def offer(self) -> Offer | None:
        if self.here is not None:
            files = {self.here.folder / name: name for name in self.here.files}
            return Offer(("sent", self.here.folder), "large files", self.folder, self.owner, files)
        spread = self.spread(self.want(), self.want())
        return Offer(spread.key, "all files", self.folder) if spread is not None else None

    def explain(self, failed: Fragment) -> tuple[tuple[str, ...], str]:
        said = failed.tail()
        return said, next((hint for line in said for sign, hint in HINTS.items() if line.startswith(sign)), "")

    def hub_environment(self) -> dict[str, Value]:
        """A download is what the person asked for, whatever the server is told about being offline."""
        quiet: dict[str, Value] = {
            "HF_HUB_DISABLE_PROGRESS_BARS": "1",
            "HF_HUB_DISABLE_TELEMETRY": "1",
            "HF_HUB_DISABLE_IMPLICIT_TOKEN": "1",
        }
        return {**quiet, **self.hub, **({"HF_TOKEN": self.token} if self.token else {})}

    def _fetching(self, have: State) -> dict[str, Value]:
        faults = names(have or {}, "fault:")
        return {
            **self._places(),
            "work": "fetch",
            "python": self.python,
            "new": "" if "folder" in (have or {}) else "yes",
            "repo": self.repo,
            "revision": self.revision,
            "faults": "\n".join(faults),
            "deep": "yes" if faults else "",
            "pickles": "yes" if self.pickles else "",
            "code": "yes" if self.code else "",
        }

    def _places(self) -> dict[str, Value]:
        return {
            "folder": self.folder,
            "models": self.models,
            "cluster": self.cluster,
            "manifest": self.manifest,
            "mark": f"{self.manifest.removesuffix('.manifest')}.used-{self.cluster}",
            "host": self.host,
            "owner": self.owner,
            "ours": "yes" if self.ours else "",
            "brings": "yes" if self.brings else "",
            "others": " ".join(self.others),
            "sampled": "yes" if self.here else "",
            "stamp": self.here.stamp if self.here else "",
        }

    def _as_owner(self, *parts: str, timeout: float) -> Script:
        """Files of shell, run with the rights of whom the model is for."""
        return Script(shell("weights/as_owner.sh"), {**self._places(), "steps": shell(*parts)}, timeout=timeout)

    def _brought(self, have: State) -> bool:
        """Whether something there is of our making, and this cluster's."""
        if have is None or have.get("kept"):
            return False
        if "marked" in have or "older" in have:
            return True
        return "shared" not in have and ("digest" in have or "brought" in have)

    def _unfinished(self, have: Mapping[str, str]) -> Difference:
        there = {name: have[f"is:{name}"].partition(" ")[0] for name in names(have, "is:")}
        ours = (size for name, size in there.items() if f"wrote:{name}" in have)
        if "digest" in have:
            was = {name: have[f"was:{name}"].rpartition(" ")[0] for name in names(have, "was:")}
            other = [name for name in sorted({*was, *there}) if was.get(name) != have.get(f"is:{name}")]
            came = "unchanged" if self.source == "hosts" else "as transferred"
            return Difference("", came, f"changed: {few(other)}")
        if self.source == "hosts":
            return Difference("", "hashed", "not hashed yet")
        bytes_there = sum(map(int, ours)) + int(have.get("begun", "0"))
        total = f" of {download(self.here.bytes)}" if self.here else ""
        return Difference("", "whole", f"there in part, {download(bytes_there)}{total}")

    def _uploads(self, held: Held, have: Mapping[str, str]) -> tuple[Upload, ...]:
        """What is missing, or is not known to be the same; not into its place, where other files may be by then."""
        missing = [name for name, entry in held.files.items() if not same(name, entry, have)]
        inbox = f"{self.folder}/{INCOMING}/{self.host}"
        made = self.models if self.ours else self.folder
        return tuple(
            Upload(held.folder / name, f"{inbox}/{name}".rpartition("/")[0], user=self.owner, made=made)
            for name in missing
        )
