"""Whether policy files say what is in force; apart from their check, which is heavy to import."""

from __future__ import annotations

import importlib
from contextlib import suppress
from pathlib import Path

from preservation import __version__
from preservation.app.policy_files import fingerprint
from preservation.errors import NotNowError
from preservation.ledger.policies import PolicyFiles


def edited_policies(store: PolicyFiles, folder: Path) -> list[str]:
    """Communities whose files say something else than what is in force.

    Files that were found to say just that are known again by their bytes: of a thousand
    communities, a thousand files need not be checked by every command.

    Raises:
        UsageError: there is no such folder, or a file cannot be read (``POL-NO-FILES``).
    """
    seen = f"{__version__} {fingerprint(folder)}"
    if store.is_unedited(seen):
        return []
    checking = importlib.import_module("preservation.app.policies")
    found: list[str] = checking.edited_in(store, folder)
    if not found:
        with suppress(NotNowError):  # it is a note for the next command, no more
            store.note_unedited(seen)
    return found
