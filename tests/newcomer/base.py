"""The root of a machine that has what a distribution gives: made once by debootstrap, then only copied."""

import shlex
import shutil
import subprocess
from pathlib import Path

import outer

#: What the README takes for granted, and no more.
PACKAGES = ("python3", "python3-venv", "python3-pip", "ca-certificates")
#: What a message names has to be enough: what apt adds of its own accord may be on one machine and not on another.
APT = 'APT::Install-Recommends "false";\n'
USER = "new"
USER_ID = 1000


def base(suite: str, cache: Path) -> Path:
    """The folder with the root of `suite`, made if it is missing."""
    target = cache / f"base-{suite}"
    if target.is_dir():
        return target
    fresh = cache / f"base-{suite}.new"
    shutil.rmtree(fresh, ignore_errors=True)
    mirror, sources = outer.sources(suite)
    print(f"making a minimal {suite} with {', '.join(PACKAGES)}", flush=True)
    debootstrap = ["debootstrap", "--variant=minbase", f"--include={','.join(PACKAGES)}", suite, str(fresh), mirror]
    # In namespaces of its own, tied to this process: no mount and no process outlives it.
    cage = ["setpriv", "--pdeathsig", "KILL", "unshare", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc"]
    try:
        typed(cage + debootstrap)
        (fresh / "etc/apt/sources.list").write_text(sources)
        (fresh / "etc/apt/apt.conf.d/99outer").write_text(outer.apt_settings() + APT)
        typed(["chroot", str(fresh), "useradd", "--create-home", f"--uid={USER_ID}", "--shell=/bin/bash", USER])
        typed([*cage, "chroot", str(fresh), "sh", "-c", "apt-get update && apt-get --yes upgrade && apt-get clean"])
    except BaseException:
        shutil.rmtree(fresh, ignore_errors=True)
        raise
    return fresh.rename(target)


def typed(command: list[str]) -> None:
    done = subprocess.run(
        command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace"
    )
    if done.returncode != 0:
        last = "\n  ".join(done.stdout.splitlines()[-20:])
        raise SystemExit(f"error: `{shlex.join(command)}` ended with {done.returncode}\n  {last}")
