"""What is said of a lease that a run has lost: of nobody else what the run itself is."""

import pytest

from provision.core.lease import Answer, Claim, Holder
from provision.transport.lease import Lease

MINE = Claim("up", "rack", "/srv/rack.yaml", "ann@laptop", 4711)


@pytest.mark.parametrize(
    ("holder", "said"),
    [
        (Holder("up", "ann@laptop", pid=4711), "its lease was lost: what held it on the host was ended"),
        (Holder("up", "ann@laptop", pid=4711, taken_by="bob@desk", taken_why="it hangs"), "was taken by bob@desk at "),
        (Holder("down", "bob@desk", pid=4711), "and since then a `down` from desk, pid 4711, since "),
        (None, "another run has been at work there since, or the host was restarted"),
    ],
)
def test_whose_it_is_now(holder: Holder | None, said: str) -> None:
    lease = Lease("gpu-01", MINE, Answer("held"), None)
    lease.take(holder)
    assert said in lease.lost
