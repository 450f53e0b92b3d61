"""Deferred dataclasses are those of the standard library, only later."""

from __future__ import annotations

import copy
import dataclasses
import inspect
import pickle
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import field
from typing import Any, ClassVar

import pytest

from preservation.model import deferred

_Maker = Callable[..., Callable[[type], Any]]
_STANDARD: _Maker = dataclasses.dataclass
_OURS: _Maker = deferred.dataclass
_HOW = [
    {"frozen": frozen, "slots": slots, "order": order}
    for frozen in (False, True)
    for slots in (False, True)
    for order in (False, True)
]


def _made(dataclass: _Maker, **how: bool) -> tuple[type, type]:
    """A class with all that our dataclasses use, and one that inherits from it."""

    class Base:
        """A base."""

        known: ClassVar[int] = 7
        first: int
        hidden: str = field(repr=False)
        apart: list[int] = field(default_factory=list, hash=False)
        ignored: str = field(default="i", compare=False)

    base = dataclass(**how)(Base)

    class Heir(base):  # type: ignore[valid-type, misc]
        last: str = field(default="l", kw_only=True)
        sum: int = field(init=False, default=3)
        own: tuple[int, ...] = field(init=False, default_factory=tuple)
        self_: Any = None

        def __post_init__(self) -> None:
            if self.first < 0:
                raise ValueError(self.first)

    return base, dataclass(**how)(Heir)


_CALLS: list[Callable[[Any, Any], Any]] = [
    lambda base, _: base(1, "h"),
    lambda base, _: (base(1, "h"), base(1, "h").apart is base(1, "h").apart),
    lambda base, _: base(1),
    lambda base, _: base(1, "h", none=2),
    lambda base, _: base(1, "h", [1], "i", 5),
    lambda _, heir: heir(1, "h", [2], "j", last="k"),
    lambda _, heir: heir(1, "h", [2], "j", "s", "k"),
    lambda _, heir: heir(-1, "h"),
    lambda _, heir: heir(1, "h", sum=4),
    lambda base, _: base(1, "h") == base(1, "h", ignored="other"),
    lambda base, _: base(1, "h") != base(1, "g"),
    lambda base, heir: base(1, "h") == heir(1, "h"),
    lambda base, _: base(1, "h") < base(1, "i"),
    lambda base, _: base(1, "h") >= base(1, "h"),
    lambda base, heir: base(1, "h") < heir(2, "h"),
    lambda base, _: hash(base(1, "h")) == hash(base(1, "h", [1])),
    lambda base, _: hash(base(1, "h")) == hash((1, "h")),
    lambda base, _: dataclasses.replace(base(1, "h"), first=2),
    lambda _, heir: dataclasses.asdict(heir(1, "h")),
    lambda _, heir: [one.name for one in dataclasses.fields(heir)],
    lambda _, heir: heir.__match_args__,
    lambda _, heir: copy.deepcopy(heir(1, "h", [3], last="x")),
    lambda base, _: setattr(base(1, "h"), "first", 2),
    lambda base, _: delattr(base(1, "h"), "first"),
    lambda base, _: base.__init__.__qualname__,
    lambda base, _: (base(1, "h"), base.__init__.__qualname__.rpartition(".")[2])[1],
]


@pytest.mark.parametrize("how", _HOW)
def test_they_do_what_those_of_the_standard_library_do(how: dict[str, bool]) -> None:
    standard, ours = _made(_STANDARD, **how), _made(_OURS, **how)
    for call in _CALLS:
        expected = _said(call, standard)
        assert _said(call, ours) == expected
        assert _said(call, ours) == expected  # what was written at the first call is called now


def _said(call: Callable[[Any, Any], Any], made: tuple[type, type]) -> str:
    try:
        return repr(call(*made))
    except (TypeError, ValueError, AttributeError) as error:
        return f"{type(error).__name__} {error}"


@deferred.dataclass(frozen=True, slots=True)
class _Kept:
    """One that other processes are told of."""

    a: int
    b: tuple[str, ...] = ()


def test_they_are_sent_to_other_processes() -> None:
    assert pickle.loads(pickle.dumps(_Kept(1, ("x",)))) == _Kept(1, ("x",))


def test_threads_may_make_the_first_one_at_once() -> None:
    for _ in range(50):

        @deferred.dataclass(frozen=True, slots=True)
        class Fresh:
            number: int

        with ThreadPoolExecutor(8) as pool:
            made = list(pool.map(Fresh, range(8)))
        assert made == [Fresh(number) for number in range(8)]
        assert len(set(made)) == 8


def test_no_method_is_written_before_it_is_called() -> None:
    @deferred.dataclass(frozen=True, slots=True)
    class Unused:
        number: int

    @deferred.dataclass(frozen=True, slots=True)
    class Used:
        number: int

    before, unused = Used.__init__, Unused.__init__
    Used(1)
    assert Used.__init__ is not before
    assert Unused.__init__ is unused
    assert list(inspect.signature(Used).parameters) == ["number"]
