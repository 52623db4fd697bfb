"""The model server on the head: `vllm serve`, ready when a real completion has answered."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar

from provision.inventory.models import Serve
from provision.resources.log_signatures import decisive
from provision.resources.ray import Network, RayHead
from provision.resources.service import Service, aspects_of
from provision.script import Fragment, Script, Value
from provision.secret import Secret

API_KEY = "VLLM_API_KEY"

#: Set on the head alone, and never sent along to the ranks on other hosts.
STAYS_HERE = ("PROVISION_SERVICE", API_KEY, "RAY_AUTH_TOKEN_PATH", "PATH", "HOME", "LD_LIBRARY_PATH")


@dataclass(frozen=True)
class VllmServer(Service):
    """`python`: the folder of the environment; `lock`: the digest that it was made from. `members`: the nodes whose
    ranks it runs on, part of what makes a restart necessary. `secrets` reach it by environment. Subclasses say what
    joins the hosts."""

    why: ClassVar[str] = "it is what answers for the model, and keeps what it was started with until a restart"

    python: str
    lock: str
    network: Network
    serve: Serve
    base: Mapping[str, str] = field(hash=False)
    secrets: Mapping[str, Secret] = field(hash=False)
    config_root: str
    members: str

    @property
    def name(self) -> str:
        return "vLLM"

    @property
    def listen(self) -> str:
        return self.serve.listen or self.network.node_ip

    @property
    def url(self) -> str:
        host = self.network.node_ip if self.listen in ("0.0.0.0", "::") else self.listen
        return f"http://{host}:{self.serve.port}"

    @abstractmethod
    def executor(self) -> dict[str, tuple[str, ...]]:
        """The flags that say what joins the hosts."""

    def flags(self) -> dict[str, tuple[str, ...]]:
        """Every flag of `vllm serve`, by name without its dashes; those of the inventory win. No value: a
        switch that is on."""
        flags: dict[str, tuple[str, ...]] = {
            **self.executor(),
            "tensor-parallel-size": (str(self.serve.tensor_parallel),),
            "pipeline-parallel-size": (str(self.serve.pipeline_parallel),),
            "host": (self.listen,),
            "port": (str(self.serve.port),),
        }
        if self.serve.name:
            flags["served-model-name"] = (self.serve.name,)
        for name, value in self.serve.args.items():
            if value is True:
                flags[name] = ()
            elif value is False:
                # Leaving the flag out would leave a switch on that vLLM has on by itself.
                flags[f"no-{name}"] = ()
            else:
                flags[name] = tuple(map(str, value)) if isinstance(value, tuple) else (str(value),)
        return flags

    def command(self) -> tuple[str, ...]:
        flags = [word for name, values in self.flags().items() for word in (f"--{name}", *values)]
        return (f"{self.python}/bin/vllm", "serve", self.serve.model, *flags)

    def environment(self) -> Mapping[str, str | Secret]:
        return {
            **self.base,
            **self.network.environment(),
            "VLLM_CONFIG_ROOT": self.config_root,
            "VLLM_NO_USAGE_STATS": "1",
            # The engine's own limit of 600 s is too short for big weights on slow disks.
            "VLLM_ENGINE_READY_TIMEOUT_S": str(int(self.serve.ready_timeout)),
            **self.serve.env,
            **self.secrets,
        }

    def aspects(self) -> Mapping[str, str]:
        flags = {f"--{name}": " ".join(values) or "on" for name, values in self.flags().items()}
        return {
            "environment": self.lock,
            "model": self.serve.model,
            "nodes": self.members,
            **aspects_of(flags, self.environment()),
        }

    def ports(self) -> tuple[int, ...]:
        return (self.serve.port,)

    def segments(self) -> tuple[str, ...]:
        """Its message queues (Python's shared memory), also after a clean end; and those of CPU ranks."""
        return ("psm_*", "*-cpushm_*")

    def health(self) -> Script:
        return Script(HEALTH, {"health_host": self.listen_host, "health_port": self.serve.port})

    @property
    def listen_host(self) -> str:
        return self.url.removeprefix("http://").rsplit(":", 1)[0]

    def ready(self) -> Script:
        variables: dict[str, Value] = {
            "python": f"{self.python}/bin/python",
            "url": self.url,
            "model": self.serve.name or self.serve.model,
            "api_key": self.secrets.get(API_KEY, ""),
            "seconds": int(self.serve.ready_timeout),
        }
        return Script(READY, variables, timeout=self.serve.ready_timeout + 60)

    def explain(self, failed: Fragment) -> tuple[tuple[str, ...], str]:
        lines, hint = decisive(failed.stderr)
        return tuple(lines) or failed.tail(), hint or ""


@dataclass(frozen=True)
class VllmOnRay(VllmServer):
    """`ray` is the head it connects to."""

    ray: RayHead

    def executor(self) -> dict[str, tuple[str, ...]]:
        return {"distributed-executor-backend": ("ray",)}

    def environment(self) -> Mapping[str, str | Secret]:
        """A clean one: through Ray, whatever the driver has in its environment travels to every rank."""
        return {
            "RAY_ADDRESS": self.ray.address,
            "RAY_AUTH_MODE": "token",
            "RAY_AUTH_TOKEN_PATH": self.ray.setup.token_file,
            **super().environment(),
        }


HEALTH = """
if ! listens "$health_port"; then echo "health=not listening on port $health_port"
elif command -v curl >/dev/null 2>&1; then
    code=$(curl -s -o /dev/null -w '%{http_code}' --noproxy '*' --max-time 10 "http://$health_host:$health_port/health")
    if [ "$code" = 200 ]; then echo health=ok; else echo "health=/health answers $code"; fi
else echo health=ok
fi
"""

READY = """
export VLLM_API_KEY="$api_key"
URL="$url" MODEL="$model" SECONDS_LEFT="$seconds" PID="$pid" LOG="$dir/log" "$python" -I - <<'PY' || \
    gave_up "vLLM did not become ready" 400
import json, os, sys, time, urllib.error, urllib.request

url, model, log = os.environ["URL"], os.environ["MODEL"], os.environ["LOG"]
began = time.monotonic()
deadline = began + float(os.environ["SECONDS_LEFT"])
opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))


def ask(path, body=None, timeout=120):
    headers = {"Content-Type": "application/json"}
    if os.environ["VLLM_API_KEY"]:
        headers["Authorization"] = "Bearer " + os.environ["VLLM_API_KEY"]
    data = None if body is None else json.dumps(body).encode()
    with opener.open(urllib.request.Request(url + path, data, headers), timeout=timeout) as answer:
        return json.loads(answer.read() or b"{}")


def complete():
    chat = {"model": model, "max_tokens": 8, "messages": [{"role": "user", "content": "Say hello."}]}
    try:
        return ask("/v1/chat/completions", chat)["choices"][0]["message"]["content"]
    except urllib.error.HTTPError as error:
        # A base model has no chat template; it completes text all the same.
        if error.code != 400:
            raise
    return ask("/v1/completions", {"model": model, "max_tokens": 8, "prompt": "Hello"})["choices"][0]["text"]


def last_line():
    with open(log, "rb") as file:
        file.seek(max(0, os.fstat(file.fileno()).st_size - 2000))
        lines = [line for line in file.read().decode("utf-8", "replace").splitlines() if line.strip()]
    return lines[-1][-100:] if lines else ""


def running():
    try:
        with open("/proc/" + os.environ["PID"] + "/stat") as stat:
            return stat.read().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


healthy = False
while True:
    if not running():
        sys.exit("vLLM ended while it was starting")
    if time.monotonic() > deadline:
        sys.exit("no answer within %s s" % os.environ["SECONDS_LEFT"])
    try:
        if not healthy:
            ask("/health", timeout=5)
            healthy = True
        text = complete()
        break
    except urllib.error.HTTPError as error:
        if healthy:
            sys.exit("a completion was refused: %s %s" % (error, error.read().decode("utf-8", "replace")[:500]))
    except OSError:
        pass
    print("::progress %d s  %s" % (time.monotonic() - began, last_line()), flush=True)
    time.sleep(1)
print("::note a completion answered after %d s: %r" % (time.monotonic() - began, text), flush=True)
PY
"""
