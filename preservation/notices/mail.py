"""Mail over SMTP: plain text in UTF-8, one recipient a message, encrypted unless said otherwise.

Whether a server can encrypt is never found out by trying: what the settings name is done, or the
message is not handed over. So nobody between us and the server can talk us out of it.

Source: RFC 5321 (SMTP), RFC 3207 (STARTTLS), RFC 8314 (TLS from the start), RFC 3834
(``Auto-Submitted``).
"""

from __future__ import annotations

import ipaddress
import smtplib
import socket
import ssl
from contextlib import ExitStack
from dataclasses import field
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime
from typing import IO, Any

from preservation.files import connecting
from preservation.model.deferred import dataclass
from preservation.notices.message import Message, UndeliveredError
from preservation.notices.trust import trusted

SECURITIES = ("starttls", "tls", "none")
_PATIENCE = 30.0  # seconds of silence
_ALTOGETHER = 120.0  # seconds for one message
_SUBJECT = 150  # characters
_ANSWERS = 1 << 20  # octets of all that a server answers, before and after STARTTLS each


@dataclass(frozen=True, slots=True)
class MailSettings:
    """How mail leaves.

    Attributes:
        security: ``starttls``, ``tls`` (from the first octet), or ``none``.
        sender: the address that messages come from.
        account: empty where the server wants no login.
        ca: a file of certificates to trust instead of the system's; may be empty.
    """

    server: str
    port: int
    security: str
    sender: str
    account: str = ""
    password: str = field(default="", repr=False)
    ca: str = ""


class MailServer:
    """Hands messages to one server, a connection each.

    A server that does not answer is asked once: a run that has many people to tell does not
    wait for it each time.
    """

    def __init__(self, settings: MailSettings) -> None:
        self._settings = settings
        self._away: Exception | None = None

    def send(self, message: Message) -> None:
        """See ``Post.send``."""
        address = message.to.removeprefix("mailto:")
        if self._away is not None:
            raise self._undelivered(self._away)
        try:
            self._hand_over(self._letter(message, address), address)
        except (smtplib.SMTPException, OSError, ValueError) as error:
            if _is_silence(error):
                self._away = error
            raise self._undelivered(error) from error

    def _letter(self, message: Message, address: str) -> EmailMessage:
        """The message as mail. The library refuses line ends in headers; ours have none."""
        letter = EmailMessage(policy=SMTP)
        letter["From"] = self._settings.sender
        letter["To"] = address
        letter["Subject"] = message.subject[:_SUBJECT]
        letter["Date"] = format_datetime(message.at)
        letter["Message-ID"] = f"<{message.id}@{self._settings.sender.rpartition('@')[2]}>"
        letter["Auto-Submitted"] = "auto-generated"
        letter.set_content(message.text, charset="utf-8", cte="quoted-printable")
        return letter

    def _hand_over(self, letter: EmailMessage, address: str) -> None:
        here = self._settings
        context = trusted(here.ca, "[mail]")
        opened = connecting.connected(here.server, here.port, _PATIENCE, private=True)
        with ExitStack() as stack:
            stack.callback(opened.close)
            stack.enter_context(connecting.shut_after(_ALTOGETHER, opened))
            server = stack.enter_context(_Client(opened, here, context))
            if here.security == "starttls":
                server.starttls(context=context)
            if here.account:
                if here.security == "none" and not _is_here(opened):
                    raise smtplib.SMTPNotSupportedError("a password without encryption")
                server.login(here.account, here.password)
            # Not `send_message`: that would write ">From" where a line begins with "From".
            server.sendmail(here.sender, [address], letter.as_bytes())

    def _undelivered(self, error: Exception) -> UndeliveredError:
        where = f"the mail server {self._settings.server}:{self._settings.port}"
        match error:
            case smtplib.SMTPAuthenticationError():
                told, hint = "refuses the login", "look at account and password of [mail]"
            case smtplib.SMTPNotSupportedError():
                told, hint = "cannot do what [mail] asks for", "look at `security` and `account`"
            case smtplib.SMTPRecipientsRefused():
                told, hint = "refuses the recipient", "look at the address in the policy"
            case smtplib.SMTPResponseException():
                told, hint = f"answers {error.smtp_code}", "look at the server's log"
            case ssl.SSLCertVerificationError():
                told = "shows a certificate that is not trusted"
                hint = "name the right server, or its certificates as `ca` of [mail]"
            case UnicodeError():  # its words would tell what the password is made of
                told = "cannot be given a login or a message in these characters"
                hint = "look at account and password of [mail]: ASCII alone"
            case _:
                told, hint = f"does not answer: {_words(error)}", "the next run tries again"
        return UndeliveredError(f"{where} {told}", hint=hint)


class _Client(smtplib.SMTP):
    """The library's client over a connection that is there already."""

    file: Any  # the library's own: what the server says

    def __init__(self, opened: socket.socket, here: MailSettings, context: ssl.SSLContext) -> None:
        super().__init__(timeout=_PATIENCE, local_hostname=socket.gethostname() or "localhost")
        self._host = here.server  # what STARTTLS holds the certificate against
        ends = here.security == "tls"
        self.sock = context.wrap_socket(opened, server_hostname=here.server) if ends else opened
        try:
            code, words = self.getreply()
            if code != 220:  # RFC 5321, section 4.2: the greeting
                raise smtplib.SMTPConnectError(code, words)
        except BaseException:
            self.close()
            raise

    def getreply(self) -> tuple[int, bytes]:
        """As the library, which keeps every line of an answer, however many there are."""
        if self.file is None and self.sock is not None:
            self.file = _Bounded(self.sock.makefile("rb"))
        return super().getreply()


class _Bounded:
    """What a server says, to an end: it may be endless."""

    def __init__(self, said: IO[bytes]) -> None:
        self._said, self._left = said, _ANSWERS

    def readline(self, most: int) -> bytes:
        """The next line."""
        line = self._said.readline(most)
        self._left -= len(line)
        if self._left < 0:
            raise OSError("it answers without an end")
        return line

    def close(self) -> None:
        """As the file."""
        self._said.close()


def _is_silence(error: Exception) -> bool:
    """Whether the server said nothing of use; ``SMTPException`` is an ``OSError``, too."""
    if isinstance(error, smtplib.SMTPException):
        return isinstance(error, smtplib.SMTPServerDisconnected)
    return isinstance(error, OSError)


def _is_here(connection: socket.socket) -> bool:
    return ipaddress.ip_address(connection.getpeername()[0].partition("%")[0]).is_loopback


def _words(error: Exception) -> str:
    return (error.strerror if isinstance(error, OSError) else None) or str(error) or repr(error)
