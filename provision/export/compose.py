"""`export compose`: a compose file for each host, with the services in containers of one image.

As the compose guides do it, the containers share the host's network and its shared memory. Keys are those of the
Compose Specification: https://github.com/compose-spec/compose-spec/blob/main/spec.md.
"""

from __future__ import annotations

import posixpath
from collections.abc import Mapping, Sequence

import yaml

from provision.cluster.cluster import Cluster
from provision.export.common import File, library
from provision.export.image import OF_THE_HOST, entry
from provision.export.layout import HostFile, HostLayout, HostProgram, Wait

#: Where compose puts secrets into a container.
_SECRETS = "/run/secrets"

#: Of the image, where vLLM and the hub's client keep what they download.
_CACHE = "/root/.cache/huggingface"

_HEAD = """\
# {host} of the cluster {cluster}: docker compose up -d
# Secrets are read from files in ./secrets, which are not part of this.
"""


def compose_files(cluster: Cluster, hosts: Sequence[HostLayout], image: str) -> dict[str, File]:
    found: dict[str, File] = {}
    for host in hosts:
        made = _Compose(cluster, host, image)
        text = yaml.safe_dump(made.document(), sort_keys=False, width=110, allow_unicode=True)
        head = _HEAD.format(host=host.name, cluster=cluster.name)
        found[f"{host.name}/compose.yaml"] = File(head + text)
        for file in made.placed:
            found[f"{host.name}/{_beside(file.path)}"] = File(file.text, runs=file.mode == "755")
    return found


def _beside(path: str) -> str:
    """Where a file of the host lies beside the compose file."""
    return "/".join(("files", *path.split("/")[-2:]))


class _Compose:
    """The compose file of one host."""

    def __init__(self, cluster: Cluster, host: HostLayout, image: str) -> None:
        self._cluster, self._host, self._image = cluster, host, image
        # Compose has a way of its own to wait for what has been started.
        waits = {wait.file for one in host.programs for wait in one.ready}
        own = [file for file in library(host, wrapped=True) if posixpath.basename(file.path) not in waits]
        self.placed: list[HostFile] = [*host.files, *own]
        self._paths = {place.path: f"{_SECRETS}/{posixpath.basename(place.path)}" for place in host.secrets}

    def document(self) -> dict[str, object]:
        services: dict[str, object] = {}
        above: list[str] = []
        for one in self._host.programs:
            waits = [(wait, wait.file.removesuffix(".py").replace("_", "-")) for wait in one.before]
            needs = [(name, "service_started") for name in above]
            for wait, name in waits:
                services[name] = self._wait(wait, needs)
                needs = [(name, "service_completed_successfully")]
            services[one.name] = self._service(one, [*[(n, "service_started") for n in above], *needs[-1:]])
            above.append(one.name)
        secrets = {
            posixpath.basename(place.path): {"file": f"./secrets/{posixpath.basename(place.path)}"}
            for place in self._host.secrets
        }
        volumes: dict[str, object] = {"scratch": {}} if self._scratch else {}
        return {
            "name": self._cluster.name,
            "services": services,
            **({"volumes": volumes} if volumes else {}),
            **({"secrets": secrets} if secrets else {}),
        }

    @property
    def _scratch(self) -> str:
        """Ray's temporary folder, where the processes of one host meet."""
        return next((path for path in self._host.folders if "--temp-dir=" + path in self._words()), "")

    def _words(self) -> str:
        return " ".join(word for one in self._host.programs for word in one.command)

    def _common(self, needs: Sequence[tuple[str, str]]) -> dict[str, object]:
        depends = {name: {"condition": condition} for name, condition in dict(needs).items()}
        return {
            "image": self._image,
            "network_mode": "host",
            "ipc": "host",
            **({"depends_on": depends} if depends else {}),
        }

    def _wait(self, wait: Wait, needs: Sequence[tuple[str, str]]) -> dict[str, object]:
        return {
            **self._common(needs),
            "entrypoint": ["python3", "-I", f"{self._host.lib}/{wait.file}"],
            "command": [],
            "environment": self._environment(wait.variables),
            "volumes": self._for(wait),
            **self._secret_names([path for path in self._paths if path in wait.variables.values()]),
            "restart": "no",
        }

    def _service(self, one: HostProgram, needs: Sequence[tuple[str, str]]) -> dict[str, object]:
        words, arguments = entry(self._host, one, self._paths.get(one.secrets_file, ""), "$$")
        given = [place.path for place in self._host.secrets if not place.names or place.path == one.secrets_file]
        return {
            **self._common(needs),
            "entrypoint": words,
            "command": [self._here(word) for word in arguments],
            "environment": self._environment(one.variables),
            "volumes": self._volumes(),
            **self._secret_names(given),
            **self._devices(one),
            "ulimits": {"memlock": -1, "stack": 67108864, "nofile": 1048576},
            "restart": "unless-stopped",
            **self._health(one),
        }

    def _environment(self, variables: Mapping[str, str]) -> dict[str, str]:
        return {name: self._here(value) for name, value in variables.items() if name not in OF_THE_HOST}

    def _here(self, text: str) -> str:
        """With the paths of secrets as they are in the container, and no variable of compose's in it."""
        return self._paths.get(text, text).replace("$", "$$")

    def _for(self, wait: Wait) -> list[str]:
        own = f"{self._host.lib}/{wait.file}"
        # Who connects to Ray goes through the node of its own host.
        meets = [f"scratch:{self._scratch}"] if self._scratch and "RAY_ADDRESS" in wait.variables else []
        return [f"./{_beside(own)}:{own}:ro", *meets]

    def _volumes(self) -> list[str]:
        waits = {f"{self._host.lib}/{wait.file}" for one in self._host.programs for wait in one.before}
        found = [f"./{_beside(file.path)}:{file.path}:ro" for file in self.placed if file.path not in waits]
        if self._scratch:
            found.append(f"scratch:{self._scratch}")
        model = self._host.model
        return [*found, f"{model.folder}:{model.folder}:ro" if model else f"./cache:{_CACHE}"]

    @staticmethod
    def _secret_names(paths: Sequence[str]) -> dict[str, object]:
        return {"secrets": [posixpath.basename(path) for path in paths]} if paths else {}

    def _devices(self, one: HostProgram) -> dict[str, object]:
        found: dict[str, object] = {}
        if self._host.gpus:
            wanted = {"driver": "nvidia", "count": "all", "capabilities": ["gpu"]}
            found["deploy"] = {"resources": {"reservations": {"devices": [wanted]}}}
        if "NCCL_IB_HCA" in one.variables:
            found |= {"devices": ["/dev/infiniband:/dev/infiniband"], "cap_add": ["IPC_LOCK"]}
        return found

    def _health(self, one: HostProgram) -> dict[str, object]:
        """`docker compose up -d --wait` ends once it is well. It is asked without its key."""
        if not one.url or one.url.startswith("https:"):
            return {}
        ask = f"import urllib.request as u; u.urlopen('{one.url}/health', timeout=5)"
        seconds = next(wait.variables["SECONDS_LEFT"] for wait in one.ready)
        test = ["CMD", "python3", "-c", ask]
        return {"healthcheck": {"test": test, "interval": "10s", "timeout": "10s", "start_period": f"{seconds}s"}}
