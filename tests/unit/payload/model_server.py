"""A model server as far as whoever waits for it can see: it notes who asks what, with which key. Over TLS, if it is
given a file with its key."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from provision.payload.bundle import bundle

MARK = "gpus/gpu-01/vllm"
KEY = "canary-key-of-the-server"

#: Notes each request with the key that came with it. Arguments: its key, paths that do not want it, where it notes, and
#: where it sends those on who ask for its health (`-`: it hangs up), and the file of its key. To one
#: without the key it hangs up, or is broken, where its own key is `-` or `!`.
SERVER = """
import json, ssl, sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

key, opened, notes, goes, tls = sys.argv[1:]

class Vllm(BaseHTTPRequestHandler):
    def do_GET(self):
        self.do_POST()

    def do_POST(self):
        self.rfile.read(int(self.headers["Content-Length"] or 0))
        given = self.headers["Authorization"]
        with open(notes, "a") as file:
            file.write(f"{self.command} {self.path} {given}\\n")
        if self.path == "/health" and goes == "-":
            return
        if self.path == "/health" and goes:
            self.send_response(307)
            self.send_header("Location", goes)
            self.end_headers()
            return
        if self.path != "/health" and key in "-!" and self.path not in opened.split():
            if key == "!":
                self.send_response(503)
                self.end_headers()
            return
        refused = self.path != "/health" and self.path not in opened.split() and given != f"Bearer {key}"
        self.send_response(401 if refused else 200)
        self.end_headers()
        if not refused and self.path.startswith("/v1/"):
            event = {"choices": [{"delta": {"content": "Hello."}}]}
            self.wfile.write(b"data: " + json.dumps(event).encode() + b"\\n\\ndata: [DONE]\\n\\n")

    def log_message(self, *_):
        pass

server = ThreadingHTTPServer(("127.0.0.1", 0), Vllm)
if tls:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tls, tls)
    server.socket = context.wrap_socket(server.socket, server_side=True)
print(server.server_address[1], flush=True)
server.serve_forever()
"""


class Server:
    def __init__(self, folder: Path) -> None:
        self.notes, self.kind, self.log = folder / "notes", folder / "kind", folder / "log"
        self.notes.touch()
        self.kind.touch()
        self.log.write_text("loading\n")
        self.begun: list[subprocess.Popen[str]] = []

    def start(
        self, *, opened: str = "", mark: str = MARK, goes: str = "", tls: str = "", key: str = KEY
    ) -> tuple[int, str]:
        command = [sys.executable, "-I", "-S", "-c", SERVER, key, opened, str(self.notes), goes, tls]
        environment = {**os.environ, "PROVISION_SERVICE": mark}
        process = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True)
        self.begun.append(process)
        assert process.stdout is not None
        return int(process.stdout.readline()), str(process.pid)

    def wait(
        self, port: int, pid: str, *, guarded: str = "yes", seconds: str = "30", certificate: str = ""
    ) -> subprocess.CompletedProcess[str]:
        environment = {
            "URL": f"{'https' if certificate else 'http'}://127.0.0.1:{port}", "CERTIFICATE": certificate,
            "MODEL": "m", "SECONDS_LEFT": seconds, "PID": pid, "MARK": MARK,
            "GUARDED": guarded,
        }  # fmt: skip
        # As vllm/ready.sh gives it: in no environment.
        body = 'printf %s "$1" | { exec 3<&0; printf %s "$2" | "$3" -I - 4>> "$4" 5< "$5"; }'
        return subprocess.run(
            ["sh", "-c", body, "sh", KEY, bundle("ask:wait"), sys.executable, self.kind, self.log],
            env=environment, capture_output=True, text=True, timeout=60, check=False,
        )  # fmt: skip

    def heard(self) -> list[str]:
        return self.notes.read_text().splitlines()
