"""Stand-ins for Ray and vLLM, small enough to be up in seconds: they open the ports, answer, and say what they are."""

from pathlib import Path

from provision.lab.cpu_vllm import wheel

RAY = '''"""A stand-in for Ray: holds ports, counts whoever it is told to expect."""
import contextlib, os, socket, sys, threading


def init(*_, **__):
    pass


def shutdown():
    pass


def nodes():
    lines = [line.split(" ", 2) for line in os.environ.get("EXPECTED", "").splitlines()]
    return [{"Alive": True, "NodeManagerAddress": ip, "Resources": {"GPU": int(gpus)}} for ip, gpus, _ in lines]


def main():
    if sys.argv[1:] == ["status"]:
        readable = os.access(os.environ["RAY_AUTH_TOKEN_PATH"], os.R_OK)
        print("status of", os.environ["RAY_ADDRESS"], "token is" if readable else "token is not", "readable")
        return
    flags = dict(word[2:].split("=", 1) for word in sys.argv if word.startswith("--") and "=" in word)
    ports = [flags["node-manager-port"], flags["object-manager-port"]]
    if "--head" in sys.argv:
        ports.append(flags["port"])
    held = [socket.create_server((flags["node-ip-address"], int(port))) for port in ports]
    print("Ray runtime started, says a stand-in that holds", len(held), "ports", flush=True)
    for server in held:
        threading.Thread(target=greet, args=(server,)).start()


def greet(server):
    """As gRPC does: with a frame of settings, to all who connect, and as long as they stay."""
    kept = []
    while True:
        kept.append(server.accept()[0])
        with contextlib.suppress(OSError):
            kept[-1].sendall(bytes((0, 0, 0, 4, 0, 0, 0, 0, 0)))
'''

VLLM = '''"""A stand-in for vLLM: one endpoint that wants the key, and a log that tells more than it should."""
import base64, http.server, json, os, signal, ssl, sys, time, urllib.parse

#: As vLLM 0.32.0 writes them; of the tokens there are more each time.
METRICS = b"""# HELP vllm:num_requests_running Number of requests in model execution batches.
# TYPE vllm:num_requests_running gauge
vllm:num_requests_running{engine="0",model_name="tiny"} 2.0
vllm:num_requests_waiting{engine="0",model_name="tiny"} 1.0
vllm:kv_cache_usage_perc{engine="0",model_name="tiny"} 0.25
vllm:generation_tokens_total{engine="0",model_name="tiny"} %f
vllm:time_to_first_token_seconds_count{engine="0",model_name="tiny"} 4.0
vllm:time_to_first_token_seconds_sum{engine="0",model_name="tiny"} 0.5
"""


def main():
    flags = sys.argv
    host, port = flags[flags.index("--host") + 1], int(flags[flags.index("--port") + 1])
    key = os.environ.get("VLLM_API_KEY", "")
    if os.environ.get("STAND_IN_TELLS"):
        for name in ("VLLM_API_KEY", "HF_TOKEN"):
            value = os.environ.get(name, "")
            text = f"{name} is {value}, or {base64.b64encode(value.encode()).decode()}, or {value.encode().hex()}"
            print(text, urllib.parse.quote(value, safe=""), repr(value), flush=True)
            for at in range(0, len(text), 40):
                print(text[at : at + 40], flush=True)
        time.sleep(1)
        raise SystemExit("RuntimeError: stand-in for vLLM: told to fail with " + key)

    class Handler(http.server.BaseHTTPRequestHandler):
        def log_message(self, *_):
            pass

        def do_GET(self):
            self.send_response(200)
            self.end_headers()
            self.wfile.write(METRICS % time.monotonic() if self.path == "/metrics" else b"{}")

        def do_POST(self):
            self.rfile.read(int(self.headers.get("Content-Length", 0)))
            if key and self.headers.get("Authorization") != "Bearer " + key:
                self.send_response(401)
                self.end_headers()
                return
            self.send_response(200)
            self.end_headers()
            choice = {"delta": {"content": "hi"}, "message": {"role": "assistant", "content": "hi"}}
            self.wfile.write(b"data: " + json.dumps({"choices": [choice]}).encode() + b"\\n\\ndata: [DONE]\\n\\n")

    time.sleep(float(os.environ.get("STAND_IN_SLEEPS", 0)))
    print("stand-in for vLLM: listening", flush=True)
    server = http.server.ThreadingHTTPServer((host, port), Handler)
    if "--ssl-certfile" in flags:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(*(flags[flags.index(name) + 1] for name in ("--ssl-certfile", "--ssl-keyfile")))
        server.socket = context.wrap_socket(server.socket, server_side=True)
    # Told to lose its port, it lives on.
    signal.signal(signal.SIGUSR1, lambda *_: (server.socket.close(), time.sleep(3600)))
    server.serve_forever()
'''

PACKAGES = ["vllm==0.32.0+standin", "ray==2.60.0+standin"]


#: To which the first of them can be upgraded; the same program.
NEWER = "vllm==0.32.1+standin"


def write_wheels(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for requirement, source in zip((*PACKAGES, NEWER), (VLLM, RAY, VLLM), strict=True):
        name, _, version = requirement.partition("==")
        entry = f"[console_scripts]\n{name} = {name}:main\n"
        file, content = wheel(name, version, "stand-in for the tests", {f"{name}/__init__.py": source}, entry)
        (folder / file).write_bytes(content)
