import copy
import pickle
from dataclasses import asdict, dataclass

import pytest

from provision.core.secret import MASK, Secret

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
