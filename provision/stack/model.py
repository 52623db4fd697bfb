"""The model of a cluster: how it comes to each host, where it lies there, and what prevents that."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cached_property

from provision.cluster.cluster import Cluster, Node
from provision.core.finding import Against, Finding, Known, Severity
from provision.core.majority import reference
from provision.core.person import expanded
from provision.core.playbook import Playbook
from provision.core.script import Value
from provision.core.secret import Secret
from provision.core.values import dataclass
from provision.core.wording import is_true
from provision.environment.ambient import reaching
from provision.inventory.models import Serve
from provision.payload.weights.seal import SPARE
from provision.proofs.weights import RoomForWeights, SameWeights, no_room
from provision.resources.weights import Weights
from provision.resources.weights_run import HINTS
from provision.weights.local import Held, look
from provision.weights.source import folder_of, is_folder, mistakes_of, source_of
from provision.weights.whole import lacking

#: Names under which the inventory may have the hub's token: those that huggingface_hub reads.
TOKENS = ("HF_TOKEN", "HUGGING_FACE_HUB_TOKEN")

#: Variables that a download needs as much as the server does.
_OF_THE_HUB = ("HF_ENDPOINT", "HF_HUB_ETAG_TIMEOUT", "HF_HUB_DOWNLOAD_TIMEOUT", "HF_HUB_DISABLE_XET", "SSL_CERT_FILE",
               "REQUESTS_CA_BUNDLE", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY")  # fmt: skip

_OFFLINE = "HF_HUB_OFFLINE"


class Model:
    """Pure, but for the controller's folder, which it lists."""

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster
        self._serve = cluster.inventory.serve

    @property
    def source(self) -> str:
        return source_of(self._serve) if self._serve is not None else ""

    def folder(self, node: Node) -> str:
        """Absolute; empty where vLLM fetches the model itself."""
        if self._serve is None:
            return ""
        home = (node.facts.login_home or node.facts.home) if node.facts else ""
        return folder_of(self._serve, node.root, home)

    def served(self, node: Node) -> Serve:
        """As the server there is to be told: the folder, by the name that the inventory has for the model."""
        serve, folder = self._serve, self.folder(node)
        assert serve is not None
        if not folder or folder == serve.model:
            return serve
        name = serve.name or (None if is_folder(serve.model) else serve.model)
        return serve.model_copy(update={"model": folder, "name": name})

    def on(self, node: Node, *, python: str, owner: str, plain: str = "") -> Weights | None:
        serve = self._serve
        if serve is None or not self.folder(node) or self.source == "vllm":
            return None
        return Weights(
            source=self.source,
            folder=self.folder(node),
            root=node.root,
            cluster=self._cluster.name,
            host=node.name,
            python=python,
            plain=plain,
            repo=serve.model if self.source == "hub" else "",
            revision=(serve.weights.revision or "") if self.source == "hub" else "",
            here=self._here,
            owner=owner,
            token=self._token if self.source == "hub" else None,
            hub=self._variables(node),
            deep=self._cluster.deep,
            pickles=serve.weights.pickles,
            code=any(is_true(str(v)) for k, v in serve.args.items() if k.replace("_", "-") == "trust-remote-code"),
        )

    @staticmethod
    def room(placed: Mapping[str, Weights]) -> RoomForWeights | None:
        """What a download must show before it begins on any host."""
        from_hub = {host: weights for host, weights in placed.items() if weights.source == "hub"}
        return RoomForWeights(from_hub) if from_hub else None

    @staticmethod
    def same(placed: Mapping[str, Weights]) -> SameWeights | None:
        """A single host has nothing to be compared with."""
        return SameWeights(placed) if len(placed) > 1 else None

    def find_blockers(self, book: Playbook) -> None:
        if self._serve is None:
            return
        mistakes = list(mistakes_of(self._serve))
        for said, hint in mistakes:
            book.block(said, hint=hint, area="storage")
        if mistakes or self.source == "vllm":
            return
        if self._cluster.model_folder:
            book.note(self._cluster.model_folder)
        self._find_pickles(book)
        if self._here is not None and self._here.problem:
            book.block(self._here.problem, hint="look at serve.weights.path, a folder on this machine", area="storage")
        elif self._here is not None and self._serve.argument("load-format") != "dummy":
            said, hint = lacking(self._here.folder, {name: entry.size for name, entry in self._here.files.items()})
            if said:
                book.block(said, hint=hint, area="storage")
        for node in self._cluster.nodes:
            if node.facts is not None:
                self._find_folder(book, node)
                self._find_room(book, node)
                if self.source == "hub" and is_true(node.host.env.get(_OFFLINE, "")):
                    hint = "set serve.weights.path to a folder here, which is sent to the hosts"
                    book.block(f"{_OFFLINE} is set for it, so it downloads nothing", host=node.name, hint=hint)
        book.reviews.append(Manifests(self._cluster.head.name))

    def _find_pickles(self, book: Playbook) -> None:
        """As far as the hub has told it here; what a host hears from it is judged there (RoomForWeights)."""
        serve, seen = self._serve, self._cluster.model
        assert serve is not None
        if self.source == "hub" and not serve.weights.pickles and seen is not None and seen.pickles:
            book.block(
                f"{serve.model} has its weights only as pickles, which can run code when they are loaded: "
                + ", ".join(seen.pickles[:3]),
                hint=HINTS["pickles"],
                area="storage",
            )

    def _find_folder(self, book: Playbook, node: Node) -> None:
        head = self._cluster.head
        if head.facts is not None and self.folder(node) != self.folder(head):
            book.block(
                f"the model would lie in {self.folder(node)} here, in {self.folder(head)} on {head.name}: vLLM has "
                "one path for all",
                host=node.name,
                hint="set the same absolute `root` for all hosts, or an absolute path as serve.model",
                area="storage",
            )

    def _find_room(self, book: Playbook, node: Node) -> None:
        """Of what is sent; how much a hub has is asked on the host (RoomForWeights)."""
        model = node.facts.model if node.facts else None
        if self._here is None or model is None or not model.disk_free_bytes:
            return
        missing = max(0, self._here.bytes - model.bytes)
        free = model.disk_free_bytes - SPARE
        if missing > max(free, 0):
            book.findings.append(no_room(node.name, self.folder(node), missing, free))

    @cached_property
    def _here(self) -> Held | None:
        serve = self._serve
        if serve is None or self.source != "controller" or not serve.weights.path:
            return None
        return look(self._cluster.inventory.path.parent / expanded(serve.weights.path))

    @property
    def _token(self) -> Secret | None:
        return next((self._cluster.secrets[name] for name in TOKENS if name in self._cluster.secrets), None)

    def _variables(self, node: Node) -> dict[str, Value]:
        """As the server has them: a host's own, and stronger those of `serve.env`."""
        every = {**node.host.env, **(self._serve.env if self._serve is not None else {})}
        found = {name: value for name, value in every.items() if name.upper() in _OF_THE_HUB}
        return {**found, **dict(reaching(found, self._cluster.inventory.python.proxies))}


@dataclass(frozen=True)
class Manifests:
    """A review: what the hosts hold, by what their manifests say. What most have is the reference, or else the
    head's."""

    head: str

    def __call__(self, known: Mapping[str, tuple[Known, ...]]) -> Iterator[Finding]:
        cells = {
            host: cell.value.partition(",") for host, all_of_it in known.items() for cell in all_of_it
            if (cell.area, cell.fact) == ("storage", "weights")
        }  # fmt: skip
        digests = {host: digest for host, (digest, _, _) in cells.items()}
        example = reference(digests, self.head)
        for host, (digest, _, sizes) in cells.items():
            if digest != digests[example]:
                yield Finding(
                    host,
                    "storage",
                    "weights",
                    Severity.DRIFT,
                    digest,
                    digests[example],
                    Against.PEERS,
                    why="ranks that read different weights produce nonsense, or fail at startup",
                    hint="`provision check --prove` names the files",
                    evidence=(f"{host}:{sizes}", f"{example}:{cells[example][2]}"),
                )
