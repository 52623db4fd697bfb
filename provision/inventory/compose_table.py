"""Which variable of the compose guides is which setting of an inventory. docs/hand-over.md has this table."""

from __future__ import annotations

from provision.core.values import dataclass


@dataclass(frozen=True)
class Variable:
    """`key`: where its value goes, dotted; empty: nowhere, and `why` says what is done instead. `number`: it has to be
    one. `secret`: its name goes there, and its value stays where it is."""

    name: str
    key: str = ""
    why: str = ""
    number: bool = False
    secret: bool = False


VARIABLES = (
    Variable("MODEL_NAME", "serve.model"),
    Variable("TENSOR_PARALLEL_SIZE", "serve.tensor_parallel", "and `expect.gpus`: GPUs of each host", number=True),
    Variable("PIPELINE_PARALLEL_SIZE", "serve.pipeline_parallel", "and how many hosts there are", number=True),
    Variable("VLLM_PORT", "serve.port", number=True),
    Variable("MAX_MODEL_LEN", "serve.args.max-model-len", number=True),
    Variable("GPU_MEMORY_UTILIZATION", "serve.args.gpu-memory-utilization", number=True),
    Variable("SERVED_MODEL_NAME", "serve.name"),
    Variable("RAY_HEAD_IP", "hosts.head.address"),
    Variable("RAY_PORT", "ray.port", number=True),
    Variable("NCCL_SOCKET_IFNAME", "hosts.*.interface", "and the address on it is found on each host"),
    Variable("GLOO_SOCKET_IFNAME", "hosts.*.interface"),
    Variable("HF_TOKEN", "secrets.HF_TOKEN", "its value is not copied: `export HF_TOKEN=…`", secret=True),
    Variable("VLLM_API_KEY", "secrets.VLLM_API_KEY", "its value is not copied: `export VLLM_API_KEY=…`", secret=True),
    Variable("VLLM_STARTUP_DELAY", why="vLLM starts once all members have joined Ray, however long that takes"),
    Variable(
        "MODEL_CACHE_DIR", why="each host has its models below `root`; a folder that has one already is `serve.model`"
    ),
    Variable("VLLM_HOST_IP", why="each host's own address is found, or is its `node_ip`"),
    Variable("RAY_HEAD_ADDRESS", why="a worker is told the address of the head"),
    Variable("RAY_NODE_IP", why="each host's own address is found, or is its `node_ip`"),
    Variable("RAY_ADDRESS", why="the server is told the address of the head"),
)

BY_NAME = {variable.name: variable for variable in VARIABLES}

#: Key of a compose service → what becomes of it.
SERVICE_KEYS = {
    "build": "no image is built: packages go to `python.packages`",
    "cap_add": "no container: a service has the rights of its user",
    "container_name": "no container: a service has the name of its cluster and host",
    "depends_on": "workers wait for the head, and vLLM for all members",
    "devices": "no container: a service sees the host's devices",
    "healthcheck": "`up` ends when the model has answered, and `check` asks it again",
    "ipc": "no container: ranks share the host's memory",
    "logging": "each service has a log below `root`",
    "network_mode": "no container: a service is on the host's network",
    "networks": "no container: a service is on the host's network",
    "ports": "no container: what listens is said by `serve.port` and `ray`",
    "privileged": "no container: a service has the rights of its user",
    "restart": "a service stays up where systemd carries it: `stay_up`",
    "runtime": "no container: a service sees the host's GPUs",
    "shm_size": "no container: /dev/shm is the host's",
    "stdin_open": "a service reads nothing",
    "tty": "a service has no terminal",
    "ulimits": "a service gets the host's hard limit of open files",
    "volumes": "no container: a service sees the host's files",
}


def table() -> str:
    """As the document has it."""
    lines = ["| variable | setting | |", "|---|---|---|"]
    for one in VARIABLES:
        lines.append(f"| `{one.name}` | {f'`{one.key}`' if one.key else 'none'} | {one.why} |")
    return "\n".join(lines) + "\n"
