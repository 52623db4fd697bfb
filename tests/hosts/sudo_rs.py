"""sudo-rs, which coming Ubuntu releases call `sudo`, from Debian 13's archive, whatever release this machine has."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

from provision.lab.base import own_sources

#: Where the package has it.
PROGRAM = Path("usr/lib/cargo/bin/sudo")
_SUITE = "trixie"
_KEYRING = "/usr/share/keyrings/debian-archive-keyring.gpg"


def fetch(folder: Path) -> tuple[Path | None, str]:
    """The program, in `folder`; or None, and why it cannot be had. apt has lists of its own there, and installs
    nothing."""
    if not shutil.which("apt-get") or not shutil.which("dpkg-deb") or not Path(_KEYRING).exists():
        return None, "this machine has no apt that knows Debian's keys"
    debian = (source.mirror for source in own_sources() if source.mirror.rstrip("/").endswith("/debian"))
    mirror = next(debian, "http://deb.debian.org/debian")
    for name in ("state/lists/partial", "cache/archives/partial"):
        (folder / name).mkdir(parents=True)
    (folder / "sources.list").write_text(f"deb [signed-by={_KEYRING}] {mirror} {_SUITE} main\n")
    options = [
        f"Dir::Etc::sourcelist={folder}/sources.list", "Dir::Etc::sourceparts=/dev/null", f"Dir::State={folder}/state",
        f"Dir::State::lists={folder}/state/lists", f"Dir::Cache={folder}/cache", "Dir::State::status=/dev/null",
        "APT::Sandbox::User=root", "Acquire::Languages=none", "Acquire::Retries=0", "Acquire::http::Timeout=10",
    ]  # fmt: skip
    flags = [word for option in options for word in ("-o", option)]
    for words in (["update"], ["download", "sudo-rs"]):
        done = subprocess.run(["apt-get", *flags, *words], cwd=folder, capture_output=True, text=True, timeout=300)
        if done.returncode or "Err:" in done.stdout:
            last = (done.stderr.strip() or done.stdout.strip()).splitlines()[-1:]
            return None, f"{mirror} is not reached for {_SUITE}: {' '.join(last)}"
    (package,) = folder.glob("sudo-rs_*.deb")
    subprocess.run(["dpkg-deb", "-x", package, folder / "unpacked"], check=True)
    return folder / "unpacked" / PROGRAM, ""
