"""Looks at folders that come to an end, whether or not a file server answers.

A mount whose server is gone lets everything wait that touches it, without an error and for ever.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from concurrent.futures import Future
from contextlib import suppress
from pathlib import Path
from threading import Thread
from typing import TypeVar

from preservation.errors import NotNowError, SamarkandError

PATIENCE = 10.0  # seconds that folders have to answer

_Told = TypeVar("_Told")


def in_time(look: Callable[[], _Told]) -> _Told:
    """What a look at folders tells.

    Raises:
        TimeoutError: it did not end in ``PATIENCE``, and is left to itself.
        OSError, ValueError, SamarkandError: as the look does.
    """
    found = Future[_Told]()

    def ask() -> None:
        try:
            found.set_result(look())
        except (OSError, ValueError, SamarkandError) as error:
            found.set_exception(error)

    Thread(target=ask, daemon=True).start()  # nobody waits for it at the end
    return found.result(PATIENCE)


def expect_answers(places: Iterable[Path]) -> None:
    """See that every place can be looked at, there or not.

    Raises:
        NotNowError: one did not answer in time (``POL-PLACE-SILENT``).
    """
    asked = [Path()]

    def ask() -> None:
        for place in places:
            asked[0] = place
            with suppress(OSError, ValueError):
                os.stat(place)

    try:
        in_time(ask)
    except TimeoutError:
        raise NotNowError(
            f"no answer in {PATIENCE:.0f} s from {str(asked[0])!r}, where a policy has a tier or "
            "an inbox",
            hint="is its file server away? Nothing was changed; mend or unmount it, then try again",
            code="POL-PLACE-SILENT",
        ) from None
