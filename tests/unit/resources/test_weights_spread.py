"""What a host is told of a download that it shares with others."""

from provision.core.secret import Secret
from provision.resources.weights import Weights

PROXY = Secret("http://joe:s3cretpw@proxy:3128", "HTTPS_PROXY")


def test_a_proxy_with_a_password_stays_a_secret_and_is_told_as_it_is() -> None:
    spreads = [
        Weights("hub", "/r/models/m", "/r", "c", host, "/python", repo="a/b", hub={"HTTPS_PROXY": PROXY}).spread(
            None, {"folder": "yes"}
        )
        for host in ("one", "two")
    ]
    first, second = spreads
    assert first is not None and second is not None
    assert first.environment["HTTPS_PROXY"] is PROXY and first.key == second.key
    assert "s3cretpw" not in repr(spreads)
