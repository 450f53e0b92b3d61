"""Standard input, output and error are there, whoever started us without them."""

from __future__ import annotations

import os
import sys


def stand_in() -> None:
    """Have those that are closed lead nowhere. Else the next file that is opened gets their
    number, be it one of a bag; what a library says would be written into it, and what we say
    would end in a traceback.
    """
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        try:
            os.fstat(number)
        except OSError:
            # the lowest that is free, so this one
            os.set_inheritable(os.open(os.devnull, os.O_RDWR), True)
            setattr(sys, name, os.fdopen(number, "w" if number else "r"))
