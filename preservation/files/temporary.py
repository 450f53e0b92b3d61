"""Temporary folders, where this machine has a place for them."""

from __future__ import annotations

import os
import tempfile

from preservation.errors import NotNowError
from preservation.files import durable

_NAMED = ("TMPDIR", "TEMP", "TMP")
_USUAL = ("/tmp", "/var/tmp", "/usr/tmp")  # noqa: S108 - names in them are random


def temporary_folder(prefix: str) -> tempfile.TemporaryDirectory[str]:
    """A folder for this account alone, that goes with the value; in the first place that takes it.

    It is never made in the folder that one is in, as Python does where nothing else is left: that
    may be a deposit, and what looks at one writes nothing there.

    Raises:
        NotNowError: there is no place for one (``FS-NO-TEMPORARY``), or no descriptor.
    """
    refused = []
    for place in places():
        try:
            return tempfile.TemporaryDirectory(prefix=prefix, dir=place)
        except OSError as error:
            durable.expect_means(error)
            refused.append(f"{place} ({error.strerror})")
    raise NotNowError(
        f"no temporary folder can be made: {', '.join(refused)}",
        hint="make room in one of them, or set TMPDIR to a folder that can be written to",
        code="FS-NO-TEMPORARY",
    )


def places() -> list[str]:
    """Where temporary folders may be, the preferred place first."""
    named = [os.path.abspath(where) for name in _NAMED if (where := os.environ.get(name))]
    return [*dict.fromkeys((*named, *_USUAL))]
