"""Run by the Python of an environment that has vLLM: every route of a server is asked, with the key and without.

Arguments: the folder with provision_guard.py, the API key, and the address of the server that runs. Standard output:
{"running": {route: [without, with]}, "guarded": {…}, "control": {…}}: the status of each. `guarded` and `control` are
servers of vLLM's own making without an engine, and with all that one can have: where most routes end in an error, but
who gets there is seen.
"""

import http.client
import json
import os
import socket
import sys
import threading
import time

sys.path.insert(0, sys.argv[1])
os.environ |= {
    "VLLM_API_KEY": sys.argv[2], "VLLM_SERVER_DEV_MODE": "1", "VLLM_ALLOW_RUNTIME_LORA_UPDATING": "1",
    "VLLM_LOGGING_LEVEL": "CRITICAL", "VLLM_PLUGINS": "", "HF_HUB_OFFLINE": "1", "VLLM_NO_USAGE_STATS": "1",
}  # fmt: skip

import route_list
import uvicorn
from vllm.entrypoints.launchers.app import build_app
from vllm.entrypoints.launchers.cli_args import make_arg_parser
from vllm.tasks import GENERATION_TASKS, POOLING_TASKS
from vllm.utils.argparse_utils import FlexibleArgumentParser

_, KEY, ADDRESS = sys.argv[1:]

#: What no route is written like.
TRICKS = ("GET //v1/models", "GET /v1/../health", "GET /%76%31/models", "POST //v1/completions", "GET /health/",
          "OPTIONS /invocations", "HEAD /version", "GET /metricsx", "GET /static/swagger-ui.css", "GET /no-such-path",
          "WEBSOCKET /health", "POST /health")  # fmt: skip
WEBSOCKET = {"Connection": "Upgrade", "Upgrade": "websocket", "Sec-WebSocket-Version": "13",
             "Sec-WebSocket-Key": "MDEyMzQ1Njc4OWFiY2RlZg=="}  # fmt: skip


def ask(address, kind, path, key):
    """The status of the answer."""
    headers = {"Authorization": f"Bearer {key}"} if key else {}
    headers |= WEBSOCKET if kind == "WEBSOCKET" else {"Content-Type": "application/json"}
    connection = http.client.HTTPConnection(address, timeout=60)
    try:
        body = "{}" if kind in ("POST", "PUT", "PATCH", "DELETE") else None
        plain = path.replace("{", "").replace("}", "")
        connection.request("GET" if kind == "WEBSOCKET" else kind, plain, body, headers)
        return connection.getresponse().status
    finally:
        connection.close()


def walk(address, known):
    return {one: [ask(address, *one.split(" ", 1), key) for key in ("", KEY)] for one in (*known, *TRICKS)}


def running():
    connection = http.client.HTTPConnection(ADDRESS, timeout=60)
    connection.request("GET", route_list.PATH, headers={"Authorization": f"Bearer {KEY}"})
    return walk(ADDRESS, json.load(connection.getresponse()))


def without_engine(*flags):
    args = make_arg_parser(FlexibleArgumentParser()).parse_args([*flags, "--enable-offline-docs"])
    app = build_app(args, (*GENERATION_TASKS, *POOLING_TASKS))
    app.state.engine_client = None
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        server = uvicorn.Server(uvicorn.Config(app, log_level="critical", lifespan="off"))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [sock]})
        thread.start()
        while not server.started:
            time.sleep(0.05)
        try:
            return walk(f"127.0.0.1:{sock.getsockname()[1]}", dict.fromkeys(route_list.routes(app.routes)))
        finally:
            server.should_exit = True
            thread.join()


guarded = without_engine("--middleware", "provision_guard.Guard")
json.dump({"running": running(), "guarded": guarded, "control": without_engine()}, sys.stdout)
