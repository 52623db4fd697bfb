"""What this machine needs to reach its package indexes and mirrors, for the machines made on it.

Nothing here knows a host or a path: pip, apt and the environment are asked for theirs.
"""

import os
import re
import subprocess
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote, urlsplit

PASSED_ON = re.compile(
    r"PIP_\w+|UV_(DEFAULT_INDEX|INDEX|INDEX_URL|EXTRA_INDEX_URL|FIND_LINKS|NATIVE_TLS)|(https?|no|all)_proxy"
    r"|SSL_CERT_FILE|REQUESTS_CA_BUNDLE|CURL_CA_BUNDLE|PYTEST_ADDOPTS",
    re.IGNORECASE,
)
CERTIFICATES = ("PIP_CERT", "SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE")
DEBIAN = "http://deb.debian.org/debian"
DEBIAN_SECURITY = "http://deb.debian.org/debian-security"


@dataclass(frozen=True)
class Pip:
    """`settings`: a pip.conf. `environment`: variables. `folders`: local files and folders that either names.
    `certificates`: bundles of certificate authorities that either names."""

    settings: str
    environment: dict[str, str]
    folders: tuple[str, ...]
    certificates: tuple[str, ...]


def pip() -> Pip:
    environment = {name: value for name, value in os.environ.items() if PASSED_ON.fullmatch(name)}
    listed = subprocess.run(["pip", "config", "list"], check=True, stdout=subprocess.PIPE, text=True).stdout
    sections: dict[str, list[str]] = {}
    values = list(environment.values())
    certificates = [environment[name] for name in CERTIFICATES if name in environment]
    for key, quoted in re.findall(r"^(\S+?)='(.*)'$", listed, re.MULTILINE):
        section, _, name = key.rpartition(".")
        if section == ":env:":
            continue
        value = quoted.encode().decode("unicode_escape")
        sections.setdefault(section, []).append(f"{name} = {value}")
        values.append(value)
        if name == "cert":
            certificates.append(value)
    settings = "".join(f"[{section}]\n" + "\n".join(lines) + "\n" for section, lines in sections.items())
    paths = {path for value in values for word in value.split() if (path := local(word)) and path not in certificates}
    return Pip(settings, environment, tuple(sorted(paths)), tuple(sorted(set(filter(os.path.isfile, certificates)))))


def local(word: str) -> str:
    """What has to be seen for an option's value, a path or a file: URL, to be found here; empty for anything else."""
    if word.startswith("file:"):
        # An index is a folder of pages, whose links lead to a folder beside it.
        word = str(Path(unquote(urlsplit(word).path)).parent)
    return word if word.startswith("/") and word != "/" and Path(word).exists() else ""


def sources(suite: str) -> tuple[str, str]:
    """The mirror for `suite`, and the text of its sources.list: the mirrors that this machine takes for its own."""
    own = re.search(r"^VERSION_CODENAME=(\S+)$", Path("/etc/os-release").read_text(), re.MULTILINE)
    command = ["apt-get", "indextargets", "--format", "$(ORIGIN) $(RELEASE) $(REPO_URI)", "Created-By: Packages"]
    known: dict[str, str] = {}
    for line in subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout.splitlines():
        origin, release, uri = line.split(" ", 2)
        if origin == "Debian" and own:
            known.setdefault(release.replace(own[1], suite, 1), uri.rstrip("/"))
    mirror = known.get(suite, DEBIAN)
    lines = {suite: mirror, f"{suite}-updates": mirror, f"{suite}-security": DEBIAN_SECURITY, **known}
    return mirror, "".join(f"deb {uri} {release} main\n" for release, uri in lines.items())


def apt_settings() -> str:
    """How apt fetches here: proxies, timeouts, what it checks."""
    dump = subprocess.run(["apt-config", "dump", "Acquire"], check=True, stdout=subprocess.PIPE, text=True).stdout
    wanted = re.compile(r'Acquire::(https?|Check-\w+|Check-Valid-Until|ForceIPv[46]|Retries)\b.* "[^"]+";')
    return "".join(f"{line}\n" for line in dump.splitlines() if wanted.match(line))
