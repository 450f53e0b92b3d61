"""One message to one recipient, and the protocol of whatever carries it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Protocol
from urllib.parse import urlsplit

from preservation.errors import NotNowError
from preservation.model.deferred import dataclass

NOTICE_SCHEMA = "samarkand.notice/1"


def seen(to: str) -> str:
    """An address as logs and others may see it: what follows a hook's host may be a secret."""
    scheme, slashes, _ = to.partition("://")
    if not slashes:
        return to
    try:
        host = urlsplit(to).hostname
    except ValueError:
        host = None
    return f"{scheme}://{host or ''}/…"


@dataclass(frozen=True, slots=True)
class Message:
    """What is sent.

    Attributes:
        id: the same for the same content, so that one sent twice can be recognised.
        to: as the policy spells it: ``mailto:…``, ``https://…``, ``hook:<name>``.
        subject: one line.
        text: for people, plain text.
        body: for machines; with ``text`` it is the document ``samarkand.notice/1``.
    """

    id: str
    to: str
    at: datetime
    subject: str
    text: str
    body: Mapping[str, Any]

    def to_json(self) -> dict[str, Any]:
        """The document that hooks get."""
        head = {"schema": NOTICE_SCHEMA, "id": self.id, "subject": self.subject, "text": self.text}
        return {**head, **self.body}


class UndeliveredError(NotNowError):
    """A message could not be handed over. The next run tries again."""

    default_code = "NOTE-UNDELIVERED"


class Post(Protocol):
    """Carries messages."""

    def send(self, message: Message) -> None:
        """Hand a message over; when this returns, the other side took it.

        Raises:
            UndeliveredError: it did not, with the reason and what to do.
        """
        ...
