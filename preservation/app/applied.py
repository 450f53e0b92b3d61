"""What was put in force, on record: whoever opens a home sees to it."""

from __future__ import annotations

from preservation.catalogue.protocol import Catalogue
from preservation.ledger.policies import PolicyFiles


def record_applied(store: PolicyFiles, catalogue: Catalogue) -> None:
    """Record the events of what is in force and was not recorded: an ``apply`` that was killed
    after its change governed is completed by whichever command opens the home next.
    """
    pending = store.unrecorded()
    for amendment in pending:
        catalogue.record(amendment.events())
    if pending:
        store.recorded(pending[-1].digest)
