"""Makes Typer read plain values without pydantic, whose import costs 100 ms of every command.

Typer builds a pydantic adapter for each parameter that is given. For text, paths, choices, flags
and lists of these its own functions do the same. Whatever else comes, or is wrong, goes Typer's
way: so nothing is understood, or refused, in other words than before.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from enum import Enum
from pathlib import Path
from typing import Any

import typer
import typer.core
from typer._coercion import RuntimeParam, TypeDescriptor, build_runtime_param
from typer._param_types import coerce_cli_choice, coerce_cli_path
from typer._typing import get_args, get_origin

from preservation.model.names import display

_typers_own: Callable[[TypeDescriptor], RuntimeParam] = build_runtime_param


class _PlainParam(RuntimeParam):
    """A parameter of a plain type."""

    def _coerce_value(self, value: Any, param: Any, ctx: Any) -> Any:
        one = _element(self.annotation)
        for text in () if one is not str else [value] if one is self.annotation else value:
            if not _is_text(text):
                told = display(os.fsencode(text))
                raise typer.BadParameter(f"it is not UTF-8: {told}", ctx, param)
        try:
            if one is not self.annotation:
                return [self._one(one, each, param, ctx) for each in value]
            return self._one(one, value, param, ctx)
        except Exception:  # noqa: BLE001 (Typer says what is wrong with it)
            whole = TypeDescriptor(self.annotation, self.parameter_info, None)
            return _typers_own(whole).coerce(value, param, ctx)

    def _one(self, kind: Any, value: Any, param: Any, ctx: Any) -> Any:
        info = self.parameter_info
        if issubclass(kind, Enum):
            exact = info.case_sensitive
            return coerce_cli_choice(value, choices=list(kind), case_sensitive=exact, ctx=ctx)
        if issubclass(kind, Path):
            path = kind(value)
            return coerce_cli_path(path, info, path_type=kind, param=param, ctx=ctx)
        if not isinstance(value, kind):
            raise TypeError(value)
        return value


class _OtherParam(RuntimeParam):
    """A parameter of another type: its adapter is made once a value is given."""

    def _coerce_value(self, value: Any, param: Any, ctx: Any) -> Any:
        whole = TypeDescriptor(self.annotation, self.parameter_info, None)
        return _typers_own(whole).coerce(value, param, ctx)


def _is_text(value: Any) -> bool:
    """Octets of the command line that are no text come as lone surrogates; paths may have them."""
    try:
        str(value).encode()
    except UnicodeEncodeError:
        return False
    return True


def _element(annotation: Any) -> Any:
    """The type of one value: of a list, that of its elements."""
    return get_args(annotation)[0] if get_origin(annotation) is list else annotation


def _runtime_param(descriptor: TypeDescriptor) -> RuntimeParam:
    kind, info = _element(descriptor.annotation), descriptor.parameter_info
    is_plain = kind in (str, bool) or (isinstance(kind, type) and issubclass(kind, (Enum, Path)))
    if is_plain and info.parser is None and descriptor.file_annotation is None:
        return _PlainParam(info, descriptor.annotation)
    if descriptor.file_annotation is not None:
        return _typers_own(descriptor)
    return _OtherParam(info, descriptor.annotation)


def read_plainly() -> None:
    """From now on."""
    vars(typer.core)["build_runtime_param"] = _runtime_param
