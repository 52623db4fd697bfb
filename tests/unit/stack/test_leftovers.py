"""What looks for the rest of a cluster, and when it is carried out."""

import pytest
from cluster_samples import cluster

from provision.core.playbook import Playbook
from provision.engine.playbook_loader import PlaybookFile, built_in
from provision.inventory.models import Serve
from provision.resources.own_folder import OwnFolder
from provision.resources.rest import Rest
from provision.resources.still_running import StillRunning
from provision.stack.backends import DEFAULT
from provision.stack.leftovers import with_leftovers

LIKE = built_in(DEFAULT)
VLLM = {"vllm", "vllm-guard", "vllm-tls.pem"}
SERVE = Serve(model="/models/tiny", tensor_parallel=2, pipeline_parallel=2)


def made(serve: "Serve | None", *, removes: bool) -> Playbook:
    return with_leftovers(PlaybookFile(LIKE, like=LIKE).load(), removes=removes)(cluster(serve=serve))


def looks(book: Playbook) -> list[tuple[str, tuple[str, ...]]]:
    return [(step.host, step.resource.only) for step in book.steps if isinstance(step.resource, StillRunning)]


def test_down_looks_last_at_everything_on_every_host() -> None:
    book = made(SERVE, removes=True)
    assert looks(book) == [("gpu-02", ()), ("gpu-01", ())]
    first = [type(step.resource) for step in book.steps[:6]]
    assert first == [OwnFolder, Rest, OwnFolder, Rest, StillRunning, StillRunning]


def test_and_takes_away_what_is_no_steps_which_a_private_key_would_be() -> None:
    """`serve` taken out of the inventory before `down`."""
    covered = [
        {
            step.host: set(step.resource.covered)
            for step in made(serve, removes=True).steps
            if isinstance(step.resource, Rest)
        }
        for serve in (SERVE, None)
    ]
    with_serve, without = covered
    assert with_serve["gpu-01"] == {"ray", "ray-start", "ray-token", *VLLM}
    assert without["gpu-01"] == {"ray", "ray-start", "ray-token"}
    assert without["gpu-02"] == {"ray", "ray-token"}
    assert not any(isinstance(step.resource, Rest) for step in made(None, removes=False).steps)


@pytest.mark.parametrize(("serve", "expected"), [(SERVE, []), (None, [("gpu-02", ("vllm",)), ("gpu-01", ("vllm",))])])
def test_up_ends_what_no_step_has_and_looks_for_nothing_else(
    serve: "Serve | None", expected: list[tuple[str, tuple[str, ...]]]
) -> None:
    assert looks(made(serve, removes=False)) == expected


def test_it_is_ended_before_hosts_try_the_ports() -> None:
    book = made(None, removes=False)
    keys = {step.key for step in book.steps if isinstance(step.resource, StillRunning)}
    assert keys and all(keys <= set(placed.after) for placed in book.proofs if not placed.before)


def test_logs_tell_of_ray_alone_where_ray_is_to_go() -> None:
    (first, *_) = (step.resource for step in made(None, removes=False).steps)
    assert isinstance(first, StillRunning) and first.scratches == ()
    every = (step.resource for step in made(None, removes=True).steps)
    down = next(resource for resource in every if isinstance(resource, StillRunning))
    assert down.scratches and len(down.folders) == 2
