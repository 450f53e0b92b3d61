"""Which carrier takes which message."""

from __future__ import annotations

from preservation.notices.hook import Hooks, HookSettings
from preservation.notices.mail import MailServer, MailSettings
from preservation.notices.message import Message, UndeliveredError

MAIL = "mailto:"


class PostOffice:
    """Mail to the mail server, everything else to hooks."""

    def __init__(self, mail: MailSettings | None, hooks: HookSettings) -> None:
        self._mail = None if mail is None else MailServer(mail)
        self._hooks = Hooks(hooks)

    def send(self, message: Message) -> None:
        """See ``Post.send``."""
        if not message.to.startswith(MAIL):
            self._hooks.send(message)
        elif self._mail is None:
            raise UndeliveredError(
                "the policy names a mail address, and no mail server is known",
                hint="write [mail] into samarkand.toml",
                code="NOTE-NO-SERVER",
            )
        else:
            self._mail.send(message)
