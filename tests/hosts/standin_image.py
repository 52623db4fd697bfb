"""An image with the stand-ins for Ray and vLLM on a lab host's own system: no larger than it must be to run them."""

import zipfile
from pathlib import Path

from standin_stack import PACKAGES, write_wheels

from provision.lab.containers import KINDS
from provision.lab.image import write_image
from provision.lab.lab import Lab
from provision.lab.state import load

SITE = "usr/local/lib/python3.11/dist-packages"
SCRIPT = "#!/usr/bin/python3\nimport sys\n\nfrom {name} import main\n\nsys.exit(main())\n"
#: What a lab host has and a container does not need: loading it takes its time on every host, in every test.
WITHOUT = frozenset({
    *("usr/share/locale", "usr/share/doc", "usr/share/man", "usr/share/python-wheels", "usr/sbin/dockerd"),
    *("usr/bin/docker", "usr/bin/containerd", "usr/bin/ctr", "usr/sbin/dnet", "usr/bin/dnet", "usr/sbin/ovrouter"),
    *("usr/bin/containerd-shim", "usr/bin/containerd-shim-runc-v1", "usr/bin/containerd-shim-runc-v2"),
    *("usr/bin/ovrouter", "usr/bin/runc", "usr/sbin/runc", "usr/bin/containerd-stress", "var/lib/dpkg", "var/cache"),
    *("usr/bin/podman", "usr/libexec/podman", "usr/lib/podman", "var/lib/containers"),
})  # fmt: skip
VARIABLES = {"PATH": "/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"}


def base_of(lab: Lab) -> Path:
    """The system that a lab's hosts have in common, with what runs containers there."""
    state = load(lab.directory)
    assert state is not None
    program = KINDS[state.containers].program
    return next(path for path in sorted(lab.root.glob("base-*")) if (path / program).exists())


def write_standin_image(lab: Lab, target: Path, folder: Path, more: str = "") -> str:
    """Writes the image to `target`; its digest. `folder`: for what it is made of; `more`: makes it another one."""
    base = base_of(lab)
    write_wheels(folder / "wheels")
    layer = folder / "layer"
    (layer / SITE).mkdir(parents=True, exist_ok=True)
    for wheel in sorted((folder / "wheels").glob("*.whl")):
        with zipfile.ZipFile(wheel) as archive:
            archive.extractall(layer / SITE)
    for requirement in PACKAGES:
        name = requirement.partition("==")[0]
        program = layer / "usr/local/bin" / name
        program.parent.mkdir(parents=True, exist_ok=True)
        program.write_text(SCRIPT.format(name=name))
        program.chmod(0o755)
    (layer / "etc").mkdir(exist_ok=True)
    (layer / "etc/standin").write_text(more)
    return write_image(target, "standin:1", [base, layer], VARIABLES, WITHOUT)
