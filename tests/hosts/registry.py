"""Debian's own registry of images, on a lab host, with a certificate that the hosts' Docker trusts."""

from __future__ import annotations

import datetime
import ipaddress
import shutil
import subprocess
from pathlib import Path

from container_rack import HOSTS, Rack, soon
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

PACKAGE = "docker-registry"


def start_registry(rack: Rack, folder: Path) -> str:
    """On lab-1; its address and port. `folder`: for what it is made of."""
    address = next(host.address for host in rack.lab.status().hosts if host.name == "lab-1")
    # The program alone is too large to be typed: a new file at the top, which the host has not looked for yet.
    shutil.copy(_program(folder), rack.lab.directory / "hosts/lab-1/upper" / PACKAGE)
    key, certificate = _certificate(address)
    config = (
        "version: 0.1\nlog: {level: error}\nstorage: {filesystem: {rootdirectory: /var/lib/docker/registry}}\n"
        "http: {addr: ':5000', tls: {certificate: /etc/lab-registry/cert.pem, key: /etc/lab-registry/key.pem}}\n"
    )
    for name, text in (("key.pem", key.decode()), ("cert.pem", certificate.decode()), ("config.yml", config)):
        rack.on("lab-1", f"mkdir -p /etc/lab-registry && cat > /etc/lab-registry/{name} <<'END'\n{text}END\n")
    where = f"{address}:5000"
    for host in HOSTS:
        trusted = f"/etc/docker/certs.d/{where}"
        rack.on(host, f"mkdir -p {trusted} && cat > {trusted}/ca.crt <<'END'\n{certificate.decode()}END\n")
    serve(rack)
    return where


def serve(rack: Rack) -> None:
    rack.on("lab-1", f"systemd-run --quiet --unit lab-registry /{PACKAGE} serve /etc/lab-registry/config.yml")
    listens = "python3 -c \"import socket; socket.create_connection(('127.0.0.1', 5000))\" && echo yes"
    said = "systemctl status lab-registry --no-pager"
    assert soon(lambda: "yes" in rack.on("lab-1", listens).split()), rack.on("lab-1", said)


def stop_registry(rack: Rack) -> None:
    rack.on("lab-1", "systemctl stop lab-registry; rm -rf /var/lib/docker/registry")


def _program(folder: Path) -> str:
    if found := shutil.which(PACKAGE):
        return found
    folder.mkdir(parents=True, exist_ok=True)
    subprocess.run(["apt-get", "-qq", "download", PACKAGE], cwd=folder, check=True, capture_output=True)
    (package,) = folder.glob("*.deb")
    subprocess.run(["dpkg-deb", "--extract", package, folder / "files"], check=True)
    return str(folder / "files/usr/bin" / PACKAGE)


def _certificate(address: str) -> tuple[bytes, bytes]:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "a registry of the lab")])
    now = datetime.datetime.now(datetime.timezone.utc)
    made = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(hours=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address(address))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return private, made.public_bytes(serialization.Encoding.PEM)
