"""Dataclasses whose methods are written when they are first called.

``dataclasses.dataclass`` writes up to seven methods of a class as text and compiles each when the
class is made: 0.3 ms, where a command loads 150 to 200 such classes, has values of a third of them,
and compares even fewer. A fifth of every start went there. This one has the fields, slots and
``__match_args__`` made by the standard library, by its public interface, and puts a stand-in where
a method belongs. The first call writes the method, puts it in the stand-in's place and goes on
there. So ``fields``, ``replace``, ``asdict`` and pattern matching are those of the standard
library, later calls cost what they cost there, and type checkers see nothing else.

Source: ``dataclasses`` of Python 3.11; decision 225.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from dataclasses import MISSING, Field, FrozenInstanceError, fields
from functools import partial
from reprlib import recursive_repr
from typing import TYPE_CHECKING, Any

__all__ = ["dataclass"]

_ORDER = {"__lt__": "<", "__le__": "<=", "__gt__": ">", "__ge__": ">="}
_UNSET = object()  # an argument that was not given, where a function makes the default


def _deferred(
    given: type | None = None, /, *, frozen: bool = False, slots: bool = False, order: bool = False
) -> Any:
    """As ``dataclasses.dataclass``; knows the options that are used here."""
    if given is None:
        return partial(_deferred, frozen=frozen, slots=slots, order=order)
    own = set(given.__dict__)
    hashes = "__hash__" in own and not (given.__dict__["__hash__"] is None and "__eq__" in own)
    given.__doc__ = given.__doc__ or given.__name__  # else it is made of the signature, at length
    made: Any = dataclasses.dataclass(init=False, repr=False, eq=False, slots=slots)(given)
    methods: dict[str, Any] = {
        "__init__": _stand_in(made, "__init__", partial(_init, frozen=frozen)),
        "__repr__": _repr,
        "__eq__": _stand_in(made, "__eq__", partial(_compare, how="==")),
    }
    for name, how in _ORDER.items() if order else ():
        methods[name] = _stand_in(made, name, partial(_compare, how=how))
    if frozen:
        methods |= {"__setattr__": _refuse_to_set, "__delattr__": _refuse_to_delete}
    if frozen and slots:  # as pickle would set them one by one
        methods |= {"__getstate__": _state, "__setstate__": _restore}
    for name in methods.keys() - own:
        setattr(made, name, methods[name])
    if not hashes:
        made.__hash__ = _stand_in(made, "__hash__", _hash) if frozen else None
    return made


if TYPE_CHECKING:
    from dataclasses import dataclass
else:
    dataclass = _deferred


def _stand_in(
    owner: type, name: str, write: Callable[[type], Callable[..., Any]]
) -> Callable[..., Any]:
    """A method that is replaced by the one that is meant when it is first called. Two threads may
    both write it: the two are the same.
    """

    def first(*args: Any, **named: Any) -> Any:
        method = write(owner)
        method.__name__, method.__module__ = name, owner.__module__
        method.__qualname__ = f"{owner.__qualname__}.{name}"
        setattr(owner, name, method)
        return method(*args, **named)

    first.__name__, first.__qualname__ = name, f"{owner.__qualname__}.{name}"
    return first


def _init(owner: type, *, frozen: bool) -> Callable[..., Any]:
    """Every field from its argument, its default or what makes one; then ``__post_init__``."""
    known: dict[str, Any] = {"__set": object.__setattr__, "__unset": _UNSET}
    places, names, lines = ["self"], ["*"], []
    for field in fields(owner):
        name, default, value = field.name, f"__default_{field.name}", field.name
        said = _default(field)
        if said is not MISSING:
            known[default] = said
            made = field.default_factory is not MISSING
            value = f"{default}() if {name} is __unset else {name}" if made else name
            argument = f"{name}={'__unset' if made else default}"
            if not field.init:
                value = f"{default}()" if made else default
        elif field.init:
            argument = name
        else:
            continue  # left for ``__post_init__``
        if field.init:
            (names if field.kw_only else places).append(argument)
        lines.append(f"__set(self, {name!r}, {value})" if frozen else f"self.{name} = {value}")
    if hasattr(owner, "__post_init__"):
        lines.append("self.__post_init__()")
    arguments = ", ".join([*places, *(names if len(names) > 1 else [])])
    return _written(f"def method({arguments}):\n " + "\n ".join(lines or ["pass"]), known)


def _default(field: Field[Any]) -> Any:
    return field.default if field.default is not MISSING else field.default_factory


def _compare(owner: type, *, how: str) -> Callable[..., Any]:
    """By the values of both, where they are of one class."""
    compared = [field.name for field in fields(owner) if field.compare]
    mine, theirs = _values("self", compared), _values("other", compared)
    return _written(
        "def method(self, other):\n"
        f" if other.__class__ is self.__class__:\n  return {mine} {how} {theirs}\n"
        " return NotImplemented",
        {},
    )


def _hash(owner: type) -> Callable[..., Any]:
    hashed = [one.name for one in fields(owner) if (one.compare if one.hash is None else one.hash)]
    return _written(f"def method(self):\n return hash({_values('self', hashed)})", {})


def _values(of: str, names: Sequence[str]) -> str:
    return "(" + "".join(f"{of}.{name}, " for name in names) + ")"


def _written(text: str, known: dict[str, Any]) -> Callable[..., Any]:
    exec(text, known)  # noqa: S102 - names of fields alone, as in the standard library
    method: Callable[..., Any] = known["method"]
    return method


@recursive_repr()
def _repr(self: Any) -> str:
    shown = (f"{one.name}={getattr(self, one.name)!r}" for one in fields(self) if one.repr)
    return f"{self.__class__.__qualname__}({', '.join(shown)})"


def _refuse_to_set(_self: Any, name: str, _value: Any) -> None:
    raise FrozenInstanceError(f"cannot assign to field {name!r}")


def _refuse_to_delete(_self: Any, name: str) -> None:
    raise FrozenInstanceError(f"cannot delete field {name!r}")


def _state(self: Any) -> list[Any]:
    return [getattr(self, field.name) for field in fields(self)]


def _restore(self: Any, state: list[Any]) -> None:
    for field, value in zip(fields(self), state, strict=True):
        object.__setattr__(self, field.name, value)
