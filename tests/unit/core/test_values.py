"""A dataclass of ours is one of the standard library's in all that can be asked of it, and made when it is asked."""

from __future__ import annotations

import copy
import dataclasses
import importlib
import inspect
import pickle
import pkgutil
import sys
import threading
from collections.abc import Callable
from dataclasses import field
from typing import Any, ClassVar

import pytest

import provision
from provision.core import values

Maker = Callable[..., Any]

MAKERS = pytest.mark.parametrize("make", [dataclasses.dataclass, values.dataclass], ids=["standard", "ours"])
HOW = pytest.mark.parametrize("how", [{"frozen": True}, {}, {"frozen": True, "slots": True}, {"slots": True}], ids=str)


def point(make: Maker, **how: bool) -> Any:
    @make(**how)
    class Point:
        """Where."""

        x: int
        y: int = 2
        names: list[str] = field(default_factory=list, compare=False)
        hidden: str = field(default="h", repr=False, hash=False, kw_only=True)

        def both(self) -> int:
            return self.x + self.y

    return Point


@MAKERS
@HOW
def test_it_is_made_compared_and_shown(make: Maker, how: dict[str, bool]) -> None:
    Point = point(make, **how)
    one, other = Point(1), Point(1, names=["a"])
    assert one == other and one != Point(2) and one != Point(1, hidden="x") and one != 1
    assert repr(one).endswith("Point(x=1, y=2, names=[])") and one.both() == 3
    assert dataclasses.replace(one, y=5).y == 5
    assert dataclasses.asdict(one) == {"x": 1, "y": 2, "names": [], "hidden": "h"}
    assert Point.__match_args__ == ("x", "y", "names") and Point.__doc__ == "Where."
    assert copy.deepcopy(other) == other and copy.copy(one) is not one
    with pytest.raises(TypeError, match="missing 1 required positional argument: 'x'"):
        Point()
    assert one.names is not Point(1).names


@MAKERS
@HOW
def test_what_is_frozen_has_a_hash_and_cannot_be_changed(make: Maker, how: dict[str, bool]) -> None:
    one = point(make, **how)(1)
    if not how.get("frozen"):
        one.x = 7
        assert one.x == 7
        with pytest.raises(TypeError, match="unhashable"):
            hash(one)
        return
    assert {one, point(make, **how)(1)} and hash(one) == hash((1, 2))
    for name in ("x",) if how.get("slots") else ("x", "new"):
        with pytest.raises(dataclasses.FrozenInstanceError, match=f"cannot assign to field '{name}'"):
            setattr(one, name, 7)
        with pytest.raises(dataclasses.FrozenInstanceError, match=f"cannot delete field '{name}'"):
            delattr(one, name)


@MAKERS
@HOW
def test_fields_and_signature_are_there_before_any_object(make: Maker, how: dict[str, bool]) -> None:
    assert [f.name for f in dataclasses.fields(point(make, **how))] == ["x", "y", "names", "hidden"]
    assert [*inspect.signature(point(make, **how)).parameters] == ["x", "y", "names", "hidden"]
    assert dataclasses.is_dataclass(point(make, **how)) and hasattr(point(make, **how), "__slots__") == ("slots" in how)


@MAKERS
@HOW
def test_what_inherits_has_its_fields_first(make: Maker, how: dict[str, bool]) -> None:
    Point = point(make, **how)

    @make(**how)
    class Named(Point):
        kind: ClassVar[str] = "named"
        name: str = "n"
        y: int = 3

        def __post_init__(self) -> None:
            self.names.append(self.name)

    one = Named(1, name="a")
    assert (one.x, one.y, one.name, one.names, Named.kind) == (1, 3, "a", ["a"], "named")
    assert "kind" not in {f.name for f in dataclasses.fields(Named)}
    assert one != Point(1) and isinstance(one, Point)
    if how.get("frozen"):
        with pytest.raises(dataclasses.FrozenInstanceError):
            one.x = 3


@MAKERS
def test_a_field_that_is_written_anew_keeps_its_default(make: Maker) -> None:
    @make
    class Other(point(make)):  # type: ignore[misc]
        y: int

    assert Other(1).y == 2


@MAKERS
def test_the_standard_one_and_a_plain_class_may_inherit(make: Maker) -> None:
    """As a resource of a person's own does."""

    @dataclasses.dataclass(frozen=True)
    class Own(point(make, frozen=True)):  # type: ignore[misc]
        mine: str = "m"

    class Plain(point(make, frozen=True)):  # type: ignore[misc]
        def both(self) -> int:
            return super().both() + 1

    assert (Own(1).x, Own(1).mine) == (1, "m") and Plain(1).both() == 4 and Plain(1) == Plain(1)
    with pytest.raises(TypeError, match="cannot inherit non-frozen dataclass from a frozen one"):
        dataclasses.dataclass(type("Changing", (point(make, frozen=True),), {"__annotations__": {"a": "int"}}))


@values.dataclass(frozen=True)
class Kept:
    x: int
    y: tuple[int, ...] = ()


@values.dataclass(frozen=True, slots=True)
class Slotted:
    x: int
    y: tuple[int, ...] = ()


@pytest.mark.parametrize("kind", [Kept, Slotted])
def test_it_can_be_pickled(kind: type[Any]) -> None:
    assert pickle.loads(pickle.dumps(kind(1, (2,)))) == kind(1, (2,))


def test_its_first_objects_may_be_made_in_many_threads() -> None:
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        for _ in range(50):
            Point, made, start = point(values.dataclass, frozen=True), [], threading.Barrier(4)

            def make(kind: Any = Point, made: list[Any] = made, start: threading.Barrier = start) -> None:
                start.wait(10)
                made.append(kind(1))

            threads = [threading.Thread(target=make) for _ in range(4)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
            assert made == [Point(1)] * 4
    finally:
        sys.setswitchinterval(before)


@MAKERS
@pytest.mark.parametrize("frozen", [False, True])
def test_with_slots_a_field_that_is_never_given_has_its_default(make: Maker, frozen: bool) -> None:
    @make(slots=True, frozen=frozen)
    class Counted:
        x: int
        count: int = field(default=3, init=False)
        extra: dataclasses.InitVar[int] = 4
        _: dataclasses.KW_ONLY
        y: int = 2

    assert (repr(Counted(1)).partition(".Counted")[2], Counted(1) == Counted(1)) == ("(x=1, count=3, y=2)", True)
    assert [*Counted.__slots__] == ["x", "count", "y"]


class Ends(type):
    """Ctrl-C comes once `left` more attributes of the class are written, or taken away."""

    left: ClassVar[int] = 0

    def __setattr__(cls, name: str, value: Any) -> None:
        super().__setattr__(name, value)
        Ends.one_more()

    def __delattr__(cls, name: str) -> None:
        super().__delattr__(name)
        Ends.one_more()

    @staticmethod
    def one_more() -> None:
        Ends.left -= 1
        if not Ends.left:
            raise KeyboardInterrupt


@pytest.mark.parametrize("at", range(1, len(values._ASKED) + 1))
def test_a_class_can_be_made_whole_after_a_try_that_was_ended(at: int) -> None:
    Kind: Any = values.dataclass(Ends("Kind", (), {"__annotations__": {"x": "int"}}))
    Ends.left = at
    with pytest.raises(KeyboardInterrupt):
        Kind(1)
    assert (Kind(1).x, Kind(1)) == (1, Kind(1))


def test_nothing_is_written_about_a_class_that_nobody_reads(monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[object] = []
    monkeypatch.setattr(inspect, "signature", read.append)
    assert point(values.dataclass, frozen=True)(1).x == 1 and not read


def test_nothing_is_made_of_a_class_that_is_not_used() -> None:
    Point = point(values.dataclass, frozen=True)
    assert isinstance(Point.__dict__["__dataclass_fields__"], values._Asked)
    before = Point.__init__
    assert Point(1).x == 1
    assert isinstance(Point.__dict__["__dataclass_fields__"], dict)
    assert Point.__init__ is not before


def test_every_class_of_ours_can_be_made_whole() -> None:
    """A default that may change, say, would otherwise be told with the first object."""
    whole = 0
    for module in pkgutil.walk_packages(provision.__path__, "provision."):
        if module.name.startswith(("provision.lab.", "provision.payload.", "provision.testing")):
            continue
        if module.name.endswith("__main__"):
            continue
        for found in vars(importlib.import_module(module.name)).values():
            if inspect.isclass(found) and dataclasses.is_dataclass(found) and found.__module__ == module.name:
                assert inspect.signature(found) and type(dataclasses.fields(found)) is tuple
                whole += 1
    assert whole > 200


@MAKERS
@HOW
def test_what_a_class_says_of_its_places_stays(make: Maker, how: dict[str, bool]) -> None:
    @make(**how)
    class Point:
        """Where."""

        __match_args__ = ("y",)

        x: int
        y: int

    match Point(1, 2):
        case Point(found):
            assert found == 2


class _Shortened:
    x: int

    def __getstate__(self) -> object:
        return (7,)

    def __setstate__(self, state: tuple[int]) -> None:
        object.__setattr__(self, "x", state[0])


def test_how_a_class_itself_is_pickled_stays() -> None:
    kind: Any = values.dataclass(frozen=True, slots=True)(_Shortened)
    assert copy.copy(kind(1)).x == 7
