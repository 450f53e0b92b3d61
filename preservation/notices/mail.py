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
from dataclasses import dataclass, field
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime

from preservation.files import connecting
from preservation.notices.message import Message, UndeliveredError

SECURITIES = ("starttls", "tls", "none")
_PATIENCE = 30.0  # seconds of silence
_ALTOGETHER = 120.0  # seconds for one message
_SUBJECT = 150  # characters


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
    """Hands messages to one server, a connection each."""

    def __init__(self, settings: MailSettings) -> None:
        self._settings = settings

    def send(self, message: Message) -> None:
        """See ``Post.send``."""
        address = message.to.removeprefix("mailto:")
        try:
            self._hand_over(self._letter(message, address), address)
        except (smtplib.SMTPException, OSError, ValueError) as error:
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
        here, trusted = self._settings, self._trusted()
        opened = connecting.connected(here.server, here.port, _PATIENCE, private=True)
        with ExitStack() as stack:
            stack.callback(opened.close)
            stack.enter_context(connecting.shut_after(_ALTOGETHER, opened))
            server = stack.enter_context(_Client(opened, here, trusted))
            if here.security == "starttls":
                server.starttls(context=trusted)
            if here.account:
                if here.security == "none" and not _is_here(opened):
                    raise smtplib.SMTPNotSupportedError("a password without encryption")
                server.login(here.account, here.password)
            # Not `send_message`: that would write ">From" where a line begins with "From".
            server.sendmail(here.sender, [address], letter.as_bytes())

    def _trusted(self) -> ssl.SSLContext:
        return ssl.create_default_context(cafile=self._settings.ca or None)

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
            case _:
                told, hint = f"does not answer: {_words(error)}", "the next run tries again"
        return UndeliveredError(f"{where} {told}", hint=hint)


class _Client(smtplib.SMTP):
    """The library's client over a connection that is there already."""

    def __init__(self, opened: socket.socket, here: MailSettings, trusted: ssl.SSLContext) -> None:
        super().__init__(timeout=_PATIENCE, local_hostname=socket.gethostname() or "localhost")
        self._host = here.server  # what STARTTLS holds the certificate against
        ends = here.security == "tls"
        self.sock = trusted.wrap_socket(opened, server_hostname=here.server) if ends else opened
        try:
            code, words = self.getreply()
            if code != 220:  # RFC 5321, section 4.2: the greeting
                raise smtplib.SMTPConnectError(code, words)
        except BaseException:
            self.close()
            raise


def _is_here(connection: socket.socket) -> bool:
    return ipaddress.ip_address(connection.getpeername()[0].partition("%")[0]).is_loopback


def _words(error: Exception) -> str:
    return (error.strerror if isinstance(error, OSError) else None) or str(error) or repr(error)
