import copy
import pickle
import sys
import threading
from dataclasses import asdict, dataclass

import pytest

from provision.core.secret import MASK, Secret, living

VALUE = "hunter2"


@dataclass(frozen=True)
class Holder:
    secret: Secret


def test_no_way_of_writing_it_shows_the_value() -> None:
    secret = Secret(VALUE, "api key")
    written = [str(secret), repr(secret), f"{secret}", f"{secret:>20}", f"{secret!r}"]
    written += [repr(Holder(secret)), str([secret]), str({"key": secret}), str(asdict(Holder(secret)))]
    assert not any(VALUE in text for text in written)
    assert str(secret) == MASK
    assert "api key" in repr(secret)


def test_it_has_no_attribute_dictionary_to_be_dumped() -> None:
    with pytest.raises(TypeError):
        vars(Secret(VALUE))


def test_it_is_not_pickled() -> None:
    with pytest.raises(TypeError, match="not pickled"):
        pickle.dumps(Holder(Secret(VALUE)))


def test_two_are_equal_by_value_whatever_they_are_called() -> None:
    assert Secret(VALUE, "a") == Secret(VALUE, "b")
    assert Secret(VALUE) != Secret("other")
    assert Secret(VALUE) != VALUE
    assert len({Secret(VALUE, "a"), Secret(VALUE, "b")}) == 1


def test_it_has_no_digest_to_be_guessed_at() -> None:
    assert {name for name in dir(Secret) if not name.startswith("_")} == {"name", "reveal"}


def test_frozen_data_that_holds_one_can_be_copied() -> None:
    held = Holder(Secret(VALUE))
    assert copy.copy(held) == copy.deepcopy(held) == held
    assert copy.copy(held.secret) is held.secret


def test_the_living_are_listed_while_other_threads_make_some() -> None:
    """A view asks for them at each line, and hosts that connect bring theirs."""
    kept = [Secret(VALUE) for _ in range(200)]
    ended, before = threading.Event(), sys.getswitchinterval()

    def make() -> None:
        while not ended.is_set():
            Secret(VALUE)

    maker = threading.Thread(target=make)
    sys.setswitchinterval(1e-6)
    try:
        maker.start()
        for _ in range(500):
            assert kept[0] in living()
    finally:
        sys.setswitchinterval(before)
        ended.set()
        maker.join()
