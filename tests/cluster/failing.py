"""Ways in which vLLM and Ray do not start, produced on a lab host with the programs themselves.

vLLM takes ten seconds to import. So it is imported once on the host, and each of its failures is a fork of that; Ray's
commands are started as they are. Every case leaves what it printed in `<PRODUCED>/<case>/vllm/log`.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field

from clusters import Cluster

from provision.lab.demo import MODEL

PRODUCED = "/tmp/produced"
HUB = 9911


@dataclass(frozen=True)
class Case:
    """`does`: arguments of `vllm`, or Python to run where vLLM is imported, or (`ray`) a shell command with Ray on its
    PATH. `told`: what the diagnosis must say; `fix`: what its hint must name."""

    told: str
    fix: str
    does: tuple[str, ...] = ()
    python: str = ""
    ray: str = ""
    env: dict[str, str] = field(default_factory=dict)


SERVE = ("--enforce-eager", "--max-model-len", "256", "--host", "127.0.0.1", "--port", "9912")
RENDEZVOUS = """
import datetime, torch.distributed as d
d.init_process_group("gloo", init_method="{}", rank={}, world_size={}, timeout=datetime.timedelta(seconds=3))
"""

CASES: dict[str, Case] = {
    "unknown-flag": Case("does not know `--no-such-flag 3`", "serve.args", ("serve", MODEL, "--no-such-flag", "3")),
    "bad-value": Case("refuses the value", "serve.args", ("serve", MODEL, "--max-model-len", "banana")),
    "too-long": Case("the maximum is 2048", "`max-model-len: 2048`", ("serve", MODEL, "--max-model-len", "100000")),
    "missing-model": Case("not at that path on lab-1", "config.json", ("serve", "/nowhere/model", *SERVE)),
    "architecture": Case("'NovelForCausalLM'", "newer vLLM", ("serve", f"{PRODUCED}/architecture/model", *SERVE)),
    "model-type": Case("the model's type, `novel`", "`transformers`", ("serve", f"{PRODUCED}/type/model", *SERVE)),
    "own-code": Case("its own code", "trust-remote-code: true", ("serve", f"{PRODUCED}/code/model", *SERVE)),
    "no-tokenizer": Case("no tokenizer", "tokenizer.json", ("serve", f"{PRODUCED}/tokens/model", *SERVE)),
    "gated": Case("licence must be accepted", "HF_TOKEN", ("serve", "gated/model", *SERVE)),
    "private": Case("does not show it without a token", "HF_TOKEN", ("serve", "private/model", *SERVE)),
    "port": Case("a port that is needed on lab-1 is taken", "ss -ltnp", ("serve", MODEL, *SERVE[:-1], str(HUB))),
    "interface": Case(
        "GLOO_SOCKET_IFNAME names `nope0`",
        "hosts.lab-1.interface",
        python=RENDEZVOUS.format("file:///tmp/produced/rendezvous", 0, 1),
        env={"GLOO_SOCKET_IFNAME": "nope0"},
    ),
    "master-port": Case(
        "lab-1 does not reach the first rank's port 9913",
        "provision check --prove",
        python=RENDEZVOUS.format("tcp://127.0.0.1:9913", 1, 2),
    ),
    "alone": Case(
        "only 1 of 2 ranks connected",
        "provision check --prove",
        python=RENDEZVOUS.format("tcp://127.0.0.1:9914", 0, 2),
    ),
    "module": Case("has no `vllm`", "provision up", ray="/usr/bin/python3 -c 'import vllm'"),
    "socket-path": Case(
        "path of a socket is longer", "--temp-dir", ray=f"ray start --head --port=6391 --temp-dir=/tmp/{'a' * 70}"
    ),
    "folder": Case(
        "belongs to another user",
        "ls -ld /tmp/theirs/r",
        # By the one whose environment it is: nobody else may use it.
        ray="mkdir -m 700 /tmp/theirs; setpriv --reuid=ops --regid=ops --clear-groups "
        "ray start --head --port=6392 --temp-dir=/tmp/theirs/r",
    ),
    "head-flag": Case("flag that is for the head", "`ray.args`", ray="ray start --address=127.0.0.1:6393 --port=6379"),
    "small-shm": Case(
        "11.0 GB are asked for",
        "remount,size=",
        ray="ray start --head --port=6394 --temp-dir=/tmp/shm --object-store-memory=11000000000",
    ),
    "no-token": Case(
        "lab-1 has no Ray token",
        "provision up",
        ray="RAY_AUTH_MODE=token RAY_AUTH_TOKEN_PATH=/absent ray start --address=127.0.0.1:6395",
    ),
}

# Each case in a fork of the one that has imported everything.
FORKS = """
import json, os, sys, traceback
import vllm.entrypoints.cli.main as cli
import vllm.entrypoints.cli.serve, vllm.entrypoints.openai.api_server
for case in json.loads(sys.argv[1]):
    pid = os.fork()
    if not pid:
        log = os.open(case["log"], os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o644)
        os.dup2(log, 1), os.dup2(log, 2)
        os.environ.update(case["env"])
        sys.argv = ["vllm", *case["does"]]
        try:
            exec(case["python"]) if case["python"] else cli.main()
        except BaseException:
            traceback.print_exc()
        sys.stdout.flush(), sys.stderr.flush()
        os._exit(0)
    os.waitpid(pid, 0)
"""

# What a hub answers for a model behind a licence, and for one that it does not show to strangers.
HUB_SERVER = """
import http.server, sys
class Hub(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        gated = "gated" in self.path
        self.send_response(403 if gated else 401)
        self.send_header("X-Error-Code", "GatedRepo" if gated else "RepoNotFound")
        self.send_header("X-Error-Message", "Access is restricted" if gated else "Invalid username")
        self.send_header("Content-Length", "0")
        self.end_headers()
    do_HEAD = do_POST = do_GET
    log_message = lambda *_: None
http.server.ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Hub).serve_forever()
"""

MODELS = """
import json, shutil
novel = {"model_type": "novel", "architectures": ["NovelForCausalLM"]}
auto = {"AutoConfig": "configuration_novel.NovelConfig", "AutoModelForCausalLM": "modeling_novel.NovelForCausalLM"}
for name, changes in {
    "architecture": {"architectures": ["NovelForCausalLM"]}, "type": novel, "code": {**novel, "auto_map": auto},
    "tokens": {},
}.items():
    folder = "/tmp/produced/%s/model" % name
    shutil.copytree(MODEL, folder, ignore=shutil.ignore_patterns("tokenizer*" if name == "tokens" else "-"))
    with open(folder + "/config.json") as file:
        config = json.load(file)
    with open(folder + "/config.json", "w") as file:
        json.dump({**config, **changes}, file)
"""

PRODUCE = """
export HOME=/tmp/produced RAY_USAGE_STATS_ENABLED=0 RAY_AUTH_MODE=disabled VLLM_CPU_KVCACHE_SPACE=1 OMP_NUM_THREADS=1
export TORCHDYNAMO_DISABLE=1 VLLM_CPU_OMP_THREADS_BIND=nobind HF_ENDPOINT=http://127.0.0.1:$4
PATH=$(echo /home/ops/.provision/envs/current-*/bin):$PATH
python -c "$1"
python -c "$2" "$4" & hub=$!
python -c "$3" "$5"
kill $hub
"""


def produce(cluster: Cluster) -> None:
    """All cases, on the first host: vLLM's in one process, Ray's beside it."""
    host = cluster.host("lab-1")
    for name in CASES:
        host.exec(["mkdir", "-p", f"{PRODUCED}/{name}/vllm"])
    for name, case in CASES.items():
        if case.ray:
            host.exec(["sh", "-c", f"{BESIDE} {{ {case.ray}; }} > {log(name)} 2>&1"], timeout=60)
    forks = [
        {"log": log(name), "does": case.does, "python": case.python, "env": case.env}
        for name, case in CASES.items()
        if not case.ray
    ]
    models = f"MODEL = {MODEL!r}\n{MODELS}"
    done = host.exec(["sh", "-c", PRODUCE, "sh", models, HUB_SERVER, FORKS, str(HUB), json.dumps(forks)], timeout=800)
    assert done.returncode == 0, done.stderr


def log(case: str) -> str:
    return f"{PRODUCED}/{case}/vllm/log"


BESIDE = (
    "export HOME=/tmp/produced RAY_USAGE_STATS_ENABLED=0 RAY_AUTH_MODE=disabled; "
    "PATH=$(echo /home/ops/.provision/envs/current-*/bin):$PATH;"
)
