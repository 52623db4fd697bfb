"""How long a fresh `provision up` in containers takes where the hosts have the image, to the first answer, against
`docker run` typed by hand.

Makes a lab of virtual hosts with real Docker, builds the demo's image of real Ray and real vLLM (CPU build, a tiny
model), and brings it up in turn: with benchmarks/docker_by_hand.sh (docker run, ray start, vllm serve, curl) and with
provision, which also judges and watches. What `up` proves before it starts a service, a careful person tries as well:
the script has vLLM's own parser read its arguments, and runs an all-reduce, in containers of the image. The ratio
to its time without these two is printed, too. Needs root. Give it an otherwise idle machine.

    python -m benchmarks.contained              2 hosts, 2 rounds
    python -m benchmarks.contained --assert     exit code 1 if a fresh `up` takes more than 1.1 times as long
"""

from __future__ import annotations

import sys
from pathlib import Path

from benchmarks.by_hand import Comparison, timed_provision
from provision.lab.lab import Lab


def _prepare(lab: Lab, folder: Path) -> None:
    """Every host gets the image, once, by provision."""
    timed_provision(lab, folder, "up")
    timed_provision(lab, folder, "down")
    image = lab.host("lab-1").exec(["docker", "images", "--quiet", "--no-trunc"]).stdout.split()
    (folder / "image").write_text(image[0])


CONTAINED = Comparison(
    name="contained",
    about=__doc__,
    most=1.1,
    script=Path(__file__).with_name("docker_by_hand.sh"),
    words="`docker run`",
    prepare=_prepare,
    kind="docker",
    warm=True,
)

if __name__ == "__main__":
    sys.exit(CONTAINED.main())
