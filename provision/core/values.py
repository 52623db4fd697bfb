"""`dataclass`, as in the standard library, but a class gets its `__init__` with its first object.

`dataclasses` writes the source of six functions for each class and compiles them, which is a third of what a command
takes to load: hundreds of classes, most of which it makes no object of. Here `__init__` and the fields are the standard
library's too, made when they are first asked for; what compares, shows and freezes needs no source.
"""

from __future__ import annotations

import dataclasses
import inspect
import threading
from collections.abc import Callable
from functools import cached_property, partial
from operator import attrgetter
from reprlib import recursive_repr
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

__all__ = ["dataclass"]

if TYPE_CHECKING:
    from dataclasses import dataclass
else:

    def dataclass(cls: type | None = None, /, **how: bool) -> Any:
        """Whatever else the standard library's can do, such as `order`, it does, and at once."""
        if cls is None:
            return partial(dataclass, **how)
        unlike = ("slots" in how and not _only_slots(cls)) or "InitVar" in str(inspect.get_annotations(cls).values())
        if unlike or how.keys() - {"frozen", "slots"} or cls.__dict__.keys() & _MADE:
            return dataclasses.dataclass(**how)(cls)
        return _Later(cls, frozen=how.get("frozen", False), slots=how.get("slots", False)).cls


#: What is made for a class, if it has none of its own.
_MADE = {"__init__", "__repr__", "__eq__", "__hash__", "__setattr__", "__delattr__", "__match_args__"}

#: What a class has once it is whole, and is made whole for. (A signature is read from `__init__`.)
_ASKED = ("__dataclass_fields__", "__dataclass_params__", "__match_args__", "__replace__", "__signature__")

#: Classes are made whole one at a time, with those that they inherit from.
_one = threading.RLock()


class _Asked:
    """In the place of one of `_ASKED`."""

    def __init__(self, later: _Later, name: str) -> None:
        self._later, self._name = later, name

    def __get__(self, instance: object, owner: type) -> Any:
        self._later.complete()
        return getattr(owner if instance is None else instance, self._name)


class _Later:
    """A class, and what is made for it later. With `slots` it is another class than the one it was written as."""

    def __init__(self, cls: Any, *, frozen: bool, slots: bool) -> None:
        self.frozen, self.whole = frozen, False
        own = inspect.get_annotations(cls)
        #: What stands behind the `=` of each field; in the class stays the default alone, and with `slots` none.
        self.given = {name: cls.__dict__[name] for name in own if name in cls.__dict__}
        self.cls: Any = cls
        if slots:
            self.cls = _slotted(cls, [*own], {"__getstate__": _state, "__setstate__": _set_state} if frozen else {})
        for name, given in self.given.items():
            if isinstance(given, dataclasses.Field) and not slots:
                if given.default is dataclasses.MISSING:
                    delattr(cls, name)
                else:
                    setattr(cls, name, given.default)
        for name, method in self.methods().items():
            setattr(self.cls, name, method)
        for name in _ASKED:
            setattr(self.cls, name, _Asked(self, name))

    def methods(self) -> dict[str, Callable[..., Any] | None]:
        cls = self.cls

        def __init__(self_: Any, *given: Any, **named: Any) -> None:
            self.complete()
            cls.__init__(self_, *given, **named)

        def __eq__(self_: Any, other: object) -> bool:
            if other.__class__ is not self_.__class__:
                return NotImplemented
            return bool(self.compared(self_) == self.compared(other))

        def __hash__(self_: Any) -> int:
            return hash(self.hashed(self_))

        @recursive_repr()
        def __repr__(self_: Any) -> str:
            shown = ", ".join(f"{f.name}={getattr(self_, f.name)!r}" for f in dataclasses.fields(cls) if f.repr)
            return f"{self_.__class__.__qualname__}({shown})"

        def __setattr__(self_: Any, name: str, value: Any) -> None:
            self.refuse(self_, name, "assign to")
            super(cls, self_).__setattr__(name, value)

        def __delattr__(self_: Any, name: str) -> None:
            self.refuse(self_, name, "delete")
            super(cls, self_).__delattr__(name)

        made: dict[str, Callable[..., Any] | None] = {"__init__": __init__, "__eq__": __eq__, "__repr__": __repr__}
        if not self.frozen:
            return {**made, "__hash__": None}
        return {**made, "__hash__": __hash__, "__setattr__": __setattr__, "__delattr__": __delattr__}

    def refuse(self, instance: object, name: str, what: str) -> None:
        if type(instance) is self.cls or name in self.cls.__dataclass_fields__:
            raise dataclasses.FrozenInstanceError(f"cannot {what} field {name!r}")

    @cached_property
    def compared(self) -> Callable[[Any], Any]:
        return _read([f.name for f in dataclasses.fields(self.cls) if f.compare])

    @cached_property
    def hashed(self) -> Callable[[Any], Any]:
        fields = dataclasses.fields(self.cls)
        return _read([f.name for f in fields if (f.compare if f.hash is None else f.hash)])

    def complete(self) -> None:
        with _one:
            if self.whole:
                return
            cls, made = self.cls, self.made()
            for name in _ASKED:
                if name in made.__dict__:
                    setattr(cls, name, made.__dict__[name])
                elif name in cls.__dict__:  # not of a try that Ctrl-C has ended
                    delattr(cls, name)
            made.__init__.__qualname__ = f"{cls.__qualname__}.__init__"
            cls.__init__ = made.__init__
            self.whole = True

    def made(self) -> Any:
        """A class of the same fields, as `dataclasses` makes it: nothing else of this one is in it, since to inherit is
        to be noticed."""
        cls = self.cls
        # For what has no `__doc__` the standard library writes one, which takes as long as the rest.
        of = {"__module__": cls.__module__, "__doc__": "-", "__annotations__": inspect.get_annotations(cls)}
        for name in of["__annotations__"]:
            # As `getattr` finds it: a field that is written anew, without a default, has that of before.
            of |= next(({name: base.__dict__[name]} for base in cls.__mro__[1:] if name in base.__dict__), {})
        of |= self.given
        if hasattr(cls, "__post_init__"):
            of["__post_init__"] = cls.__post_init__
        made: Any = type(cls.__name__, _stand_in(cls, self.frozen), of)
        # Of a frozen class `dataclasses` would write three functions, of which one is used.
        dataclasses.dataclass(init=False, repr=False, eq=False)(made)
        params = made.__dataclass_params__
        params.init = params.repr = params.eq = True
        params.frozen = self.frozen
        made.__init__ = _initializer(made, self.frozen)
        return made


def _stand_in(cls: type, frozen: bool) -> tuple[type, ...]:
    """For the dataclasses that it inherits from: what another one looks at in them. Raises TypeError as it does."""
    bases: tuple[type, ...] = ()
    for base in reversed(cls.__mro__[1:]):
        if "__dataclass_fields__" in base.__dict__:
            known: Any = base
            if known.__dataclass_params__.frozen != frozen:
                raise TypeError("cannot inherit a frozen dataclass from one that is not, nor the reverse")
            of = {"__dataclass_fields__": known.__dataclass_fields__, "__dataclass_params__": _UNFROZEN}
            bases = (type("base", bases, of),)
    return bases


class _Factory:
    """The default of a field that has a function in its place, in the signature."""

    def __repr__(self) -> str:
        return "<factory>"


_MADE_ANEW, _UNFROZEN = _Factory(), SimpleNamespace(frozen=False)


def _initializer(cls: type, frozen: bool) -> Any:
    """`__init__`, as `dataclasses` writes it."""
    fields = dataclasses.fields(cls)
    known: dict[str, Any] = {"__name__": cls.__module__, "_set": object.__setattr__, "_made_anew": _MADE_ANEW}
    taken: dict[bool, list[str]] = {False: ["self"], True: ["*"]}
    body = ["pass"]
    for f in fields:
        value, default = f.name, ""
        if f.default_factory is not dataclasses.MISSING:
            known[f"_new_{f.name}"] = f.default_factory
            value = f"_new_{f.name}()" + (f" if {f.name} is _made_anew else {f.name}" if f.init else "")
            default = "=_made_anew"
        elif f.default is not dataclasses.MISSING:
            known[f"_default_{f.name}"], default = f.default, f"=_default_{f.name}"
        if f.init:
            taken[f.kw_only is True].append(f"{f.name}{default}")
        if f.init or value != f.name:
            body.append(f"_set(self, '{f.name}', {value})" if frozen else f"self.{f.name} = {value}")
    if hasattr(cls, "__post_init__"):
        body.append("self.__post_init__()")
    given = [*taken[False], *(taken[True] if taken[True][1:] else ())]
    exec("\n ".join([f"def __init__({', '.join(given)}):", *body]), known)
    made = known["__init__"]
    made.__annotations__ = {**{f.name: f.type for f in fields if f.init}, "return": None}
    return made


def _only_slots(cls: type) -> bool:
    """Whether each of its fields has a slot, and is given to `__init__`."""
    fields = inspect.get_annotations(cls)
    others = any(word in str(kind) for kind in fields.values() for word in ("ClassVar", "KW_ONLY"))
    return not others and all(getattr(cls.__dict__.get(name), "init", True) is not False for name in fields)


def _slotted(cls: type, own: list[str], more: dict[str, Any]) -> type:
    left_out = {*own, "__dict__", "__weakref__"}
    kept = {name: value for name, value in vars(cls).items() if name not in left_out}
    there = {name for base in cls.__mro__[1:] for name in base.__dict__.get("__slots__", ())}
    slots = tuple(name for name in own if name not in there)
    kept = {**more, **kept, "__qualname__": cls.__qualname__, "__slots__": slots}
    return type(cls)(cls.__name__, cls.__bases__, kept)


def _state(instance: Any) -> list[Any]:
    """What is frozen and has slots is pickled so: its attributes cannot be set from outside."""
    return [getattr(instance, field.name) for field in dataclasses.fields(instance)]


def _set_state(instance: Any, state: list[Any]) -> None:
    for field, value in zip(dataclasses.fields(instance), state, strict=True):
        object.__setattr__(instance, field.name, value)


def _read(names: list[str]) -> Callable[[Any], Any]:
    if len(names) > 1:
        return attrgetter(*names)
    return lambda instance: tuple(getattr(instance, name) for name in names)
