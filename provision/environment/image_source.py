"""Where an image comes from that is not given as a file: built from a folder, or pulled by its name. Both by Docker or
Podman on this machine (or on another one, by `DOCKER_HOST`), and once: two builds of one folder differ."""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import subprocess
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from provision.core.errors import LockError
from provision.core.reading import read_kept
from provision.core.regex import regex
from provision.environment.image_ignored import ignored
from provision.inventory.runtime import Build, Runtime, is_archive

Say = Callable[[str], None]

#: Of this machine's variables, what the client needs to find its daemon or settings. No other reaches it, and so no
#: secret.
_NEEDED = regex(
    r"PATH|HOME|USER|TMPDIR|SSH_AUTH_SOCK|XDG_\w+|DOCKER_(?!BUILDKIT)\w+|(?:https?|no|all)_proxy"
    r"|CONTAINER_(?:HOST|CONNECTION|SSHKEY)|CONTAINERS_\w+|REGISTRY_AUTH_FILE",
    re.I,
)

#: By which the client reaches another machine's.
_ELSEWHERE = {"docker": "DOCKER_HOST=ssh://HOST", "podman": "CONTAINER_HOST=ssh://root@HOST/run/podman/podman.sock"}

#: Seconds: an image of vLLM is some 10 GB, and a build may compile.
_PATIENCE = 6 * 3600.0


def archive_of(runtime: Runtime, lock: Path, base: Path) -> Path:
    """The file that holds the image. One that was made here is kept beside the lock. `base`: the folder that relative
    paths start from."""
    return base / Path(runtime.image).expanduser() if is_archive(runtime.image) else lock.with_suffix(".image.tar")


def source_of_image(runtime: Runtime) -> str:
    """As a lock names it, in one line."""
    return f"{runtime.build.context} {runtime.build.dockerfile}" if runtime.build else runtime.image


def inputs_of(runtime: Runtime, base: Path) -> str:
    """A hash of all that an image is built from; empty for one that is not built. Raises LockError."""
    if runtime.build is None:
        return ""
    context, dockerfile = _places(runtime.build, base)
    digest = hashlib.sha256()
    for path in (dockerfile, *_files(context)):
        name = "Dockerfile" if path is dockerfile else path.relative_to(context).as_posix()
        try:
            # Of a pipe or a device, Docker takes the name alone; read, it may never end.
            plain = path.is_file() and not path.is_symlink()
            content = read_kept(path) if plain or path is dockerfile else b""
            content = str(path.readlink()).encode() if path.is_symlink() and path is not dockerfile else content
            digest.update(f"{name}\0{path.lstat().st_mode & 0o111:o}\0{len(content)}\0".encode())
        except OSError as error:
            raise LockError(f"`{path}` cannot be read: {error.strerror}", hint="name it in .dockerignore") from None
        digest.update(content)
    return digest.hexdigest()


def make_archive(runtime: Runtime, lock: Path, base: Path, say: Say) -> tuple[Path, str]:
    """Builds or pulls the image and writes it to a new file, beside where it is to be kept. With it, the name by which
    hosts can pull the very same one, empty if they are not to. Raises LockError."""
    part = archive_of(runtime, lock, base).with_suffix(".part")
    if runtime.build is not None:
        context, dockerfile = _places(runtime.build, base)
        name = f"provision/{_word(lock.stem)}:{inputs_of(runtime, base)[:12]}"
        say(f"building the image from `{runtime.build.context}`")
        _docker(runtime, "build", "--tag", name, "--file", str(dockerfile), str(context))
    else:
        name = _whole(runtime)
        say(f"pulling `{name}`")
        _docker(runtime, "pull", "--quiet", name)
    pulled = _by_digest(runtime, name) if runtime.pull == "registry" else ""
    say("saving the image to a file")
    part.unlink(missing_ok=True)
    _docker(runtime, "save", "--output", str(part), name)
    return part, pulled


def _places(build: Build, base: Path) -> tuple[Path, Path]:
    context = base / Path(build.context).expanduser()
    dockerfile = context / build.dockerfile
    if not dockerfile.is_file():
        raise LockError(
            f"there is no `{dockerfile}`", hint="`runtime.build` takes `context`, a folder with `dockerfile`"
        )
    return context, dockerfile


def _files(context: Path) -> Iterator[Path]:
    leaves_out = ignored(context)
    for folder, folders, names in os.walk(context):
        folders.sort()
        links = [name for name in folders if (Path(folder) / name).is_symlink()]
        for name in sorted((*names, *links)):
            path = Path(folder) / name
            if not leaves_out(path.relative_to(context).as_posix()):
                yield path


def _by_digest(runtime: Runtime, name: str) -> str:
    """`name@sha256:…`, as the registry that was asked has it."""
    repository = re.sub(r"(?:@sha256:.*|:[^/:]*)\Z", "", name)
    known = _docker(runtime, "image", "inspect", "--format", "{{range .RepoDigests}}{{println .}}{{end}}", name).split()
    short = repository.removeprefix("docker.io/").removeprefix("library/")
    found = next((one for one in known if one.partition("@")[0] in (repository, short)), "")
    if not found:
        raise LockError(f"no registry has told the digest of `{name}`", hint="`pull: controller` sends it from here")
    return found


def _whole(runtime: Runtime) -> str:
    """The image's name. Docker takes one without a registry for its own; to Podman it says nothing."""
    first, slash, _ = runtime.image.partition("/")
    if runtime.container == "docker" or (slash and (re.search(r"[.:]", first) or first == "localhost")):
        return runtime.image
    return f"docker.io/{'' if slash else 'library/'}{runtime.image}"


def _docker(runtime: Runtime, *words: str) -> str:
    """What the client prints. Raises LockError."""
    client = shutil.which(runtime.container)
    what = f"`{runtime.container} {words[0]}`"
    other = f"`{_ELSEWHERE[runtime.container]}` has another machine's do it, and `image: ./FILE.tar` needs none"
    if client is None:
        raise LockError(f"{runtime.container} is not installed here, and {what} is needed", hint=other)
    given = {key: value for key, value in os.environ.items() if _NEEDED.fullmatch(key)}
    # What a build is told of itself is not part of the image, and older daemons cannot read it.
    given |= {"BUILDX_NO_DEFAULT_ATTESTATIONS": "1", "LC_ALL": "C"}
    try:
        done = subprocess.run(
            [client, *words], env=given, stdin=subprocess.DEVNULL, capture_output=True, encoding="utf-8",
            errors="replace", timeout=_PATIENCE, check=False,
        )  # fmt: skip
    except subprocess.TimeoutExpired:
        raise LockError(f"{what} has not ended after {_PATIENCE / 3600:.0f} hours") from None
    if done.returncode:
        last = [line for line in done.stderr.splitlines() if line.strip()][-5:]
        raise LockError(f"{what} failed", evidence=last, hint=_hint(runtime, done.stderr, words, other))
    return done.stdout


def _hint(runtime: Runtime, said: str, words: Sequence[str], other: str) -> str:
    low, engine = said.lower(), runtime.container
    if "cannot connect to the docker daemon" in low or "cannot connect to podman" in low or "permission denied" in low:
        return f"see `{engine} info`; {other}"
    if "no space left" in low:
        return f"make room: `{engine} system df`"
    if words[0] == "pull" and ("denied" in low or "unauthorized" in low):
        return f"`{engine} login` on this machine, if the name is right"
    return ""


def _word(text: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-") or "image"
