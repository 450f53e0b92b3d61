"""What a service really does with objects that are to be cold, tried out with a small one."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import suppress

from preservation.errors import NotNowError
from preservation.storage.proof import Proof
from preservation.storage.s3.cold import RecallRules, is_cold, recall
from preservation.storage.s3.failures import code_of, refusals
from preservation.storage.s3.place import S3Place
from preservation.storage.steps import PROBE

_DATA = b"samarkand tries out whether this becomes cold\n"


def prove_cold(place: S3Place, rules: RecallRules) -> Iterator[Proof]:
    """Put one object into the tier's storage class, try to read it, and ask for it.

    Raises:
        TierUnavailableError: the service does not answer.
    """
    room, class_ = f"{PROBE}{os.urandom(8).hex()}/", place.address.storage_class
    name = f"{room}cold"
    try:
        with place.errors():
            refused = ""
            try:
                place.client.put_object(**place.about(name), Body=_DATA, StorageClass=class_)
            except refusals() as error:
                refused = f"it says {code_of(error)}"
        found = None if refused else place.head(name)
        kept = found is not None and found.storage_class == class_
        yield Proof(f"keeps objects in the storage class {class_}", kept, refused)
        if found is None:
            return
        cold = is_cold(found, class_) and _is_refused(place, name)
        told = "" if cold else "they are read like any other: its checks need no recall"
        yield Proof("gives cold objects only after a recall", cold, told, needed=False)
        if cold:
            yield _recalls(place, name, rules)
    finally:
        with suppress(NotNowError):
            place.clear(room)


def _is_refused(place: S3Place, name: str) -> bool:
    with place.errors():
        try:
            place.client.get_object(**place.about(name))["Body"].close()
        except refusals() as error:
            return code_of(error) == "InvalidObjectState"
    return False


def _recalls(place: S3Place, name: str, rules: RecallRules) -> Proof:
    what, found = "takes a recall, and says that it is under way", place.head(name)
    try:
        asked = found is not None and recall(place, found, rules).asked
    except NotNowError as error:
        return Proof(what, False, error.message)
    again = place.head(name)
    return Proof(what, asked and again is not None and "ongoing-request" in again.restore)
