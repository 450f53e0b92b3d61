"""Telling people, for an open home: the operator's settings of mail and hooks, and the service.

Passwords stand in the environment or in a file of their own, never in a policy, and never in
what we print.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from preservation.app.home import SETTINGS, Home
from preservation.app.parts import Parts
from preservation.catalogue.promises import Standing
from preservation.errors import UsageError
from preservation.notices.hook import HookSettings
from preservation.notices.mail import SECURITIES, MailSettings
from preservation.notices.memory import Memory
from preservation.notices.message import Post
from preservation.notices.post import PostOffice
from preservation.notices.service import NoticeResult, NoticeService, NoticeSources
from preservation.policy.policy import Policy

MAIL_PASSWORD = "PRESERVATION_MAIL_PASSWORD"  # noqa: S105 - the variable's name
HOOK = "PRESERVATION_HOOK_"  # and the hook's name in capitals, - as _
_PORTS = {"starttls": 587, "tls": 465, "none": 25}
_MAIL = {"server", "security", "sender", "account", "password_file", "ca"}


def notify(
    parts: Parts,
    policies: Sequence[Policy],
    *,
    mail: MailSettings | None = None,
    dry: bool = False,
) -> NoticeResult:
    """Tell people what their policies say they are told.

    Args:
        policies: of the communities to look at.
        mail: how mail leaves; as the home's settings say by default.
        dry: only say what would be sent.

    Raises:
        UsageError: the settings of mail or hooks are wrong (``HOME-SETTINGS``).
        BusyError: another run is telling.
    """
    return notice_service(parts, post_office(parts.home, mail)).run(policies, dry=dry)


def post_office(home: Home, mail: MailSettings | None = None) -> PostOffice:
    """What carries the home's messages."""
    return PostOffice(mail or mail_settings(home), hook_settings(home))


def unheard(home: Home, policies: Iterable[Policy]) -> list[str]:
    """Sentences about people whom policies name and whom nothing from this home would reach."""
    try:
        mail, hooks = mail_settings(home), hook_settings(home).named
    except UsageError as error:
        return [str(error)]
    return [
        f"{policy.community}: notify names {one.to}, and {lacking}"
        for policy in policies
        for one in policy.notify
        if (lacking := _lacking(one.to, mail, hooks))
    ]


def _lacking(to: str, mail: MailSettings | None, hooks: Mapping[str, str]) -> str:
    kind, _, name = to.partition(":")
    if kind == "mailto" and mail is None:
        return f"no mail server is known: write [mail] into {SETTINGS}"
    if kind == "hook" and name not in hooks:
        return f"no hook of this name is known: write it into [hooks] of {SETTINGS}"
    return ""


def notice_service(parts: Parts, post: Post) -> NoticeService:
    """The service over an open home. Tiers are looked at once, for all communities."""
    observed = parts.observed()

    def judged(policy: Policy) -> Standing:
        return parts.standing(policy, observed)

    memory = Memory(parts.home.told, parts.journal, parts.clock)
    sources = NoticeSources(
        parts.catalogue, parts.journal, parts.events, memory, parts.pending_events, judged
    )
    return NoticeService(sources, post)


def mail_settings(home: Home) -> MailSettings | None:
    """``[mail]`` of ``samarkand.toml``; None where there is none.

    Raises:
        UsageError: ``HOME-SETTINGS``.
    """
    said = _table(home, "mail")
    if not said:
        return None
    if unknown := sorted(said.keys() - _MAIL):
        raise _wrong(f"[mail] has {', '.join(unknown)}", f"it may have {', '.join(sorted(_MAIL))}")
    values = {name: _text(said, name, "[mail]") for name in _MAIL}
    security = values["security"] or "starttls"
    if security not in SECURITIES:
        raise _wrong(f"[mail] security is {security!r}", f"it is one of {', '.join(SECURITIES)}")
    server, port = _server(values["server"], _PORTS[security])
    if "@" not in values["sender"] or not values["sender"].isascii():
        raise _wrong("[mail] has no address as sender", 'write sender = "samarkand@example.org"')
    password = _password(home, values["password_file"])
    return MailSettings(
        server=server,
        port=port,
        security=security,
        sender=values["sender"],
        account=values["account"],
        password=password,
        ca=_beside(home, values["ca"]),
    )


def hook_settings(home: Home) -> HookSettings:
    """``[hooks]`` of ``samarkand.toml`` and of the environment.

    Raises:
        UsageError: ``HOME-SETTINGS``.
    """
    said = dict(_table(home, "hooks"))
    allowed, ca = said.pop("allow", []), said.pop("ca", "")
    right = isinstance(allowed, list) and all(isinstance(one, str) for one in allowed)
    if not right or not isinstance(ca, str):
        raise _wrong("[hooks] allow is no list of hosts", 'write allow = ["chat.internal:8443"]')
    named = {name: _text(said, name, "[hooks]") for name in said}
    for name, value in os.environ.items():
        if name.startswith(HOOK):
            named[name.removeprefix(HOOK).lower().replace("_", "-")] = value
    return HookSettings(named, frozenset(allowed), _beside(home, ca))


def _table(home: Home, name: str) -> Mapping[str, Any]:
    said = home.settings.get(name, {})
    if not isinstance(said, dict):
        raise _wrong(f"{name} is not a table", f"write [{name}] and lines below it")
    return said


def _text(said: Mapping[str, Any], name: str, table: str) -> str:
    value = said.get(name, "")
    if not isinstance(value, str):
        raise _wrong(f"{table} {name} is not a text", "put it into quotes")
    return value


def _server(text: str, usual: int) -> tuple[str, int]:
    host, colon, port = text.rpartition(":") if not text.endswith("]") else (text, "", "")
    if not colon:
        host, port = text, str(usual)
    if not host or not port.isdecimal() or not 0 < int(port) < 65536:
        raise _wrong(f"[mail] server is {text!r}", 'write server = "smtp.example.org:587"')
    return host.strip("[]"), int(port)


def _password(home: Home, file: str) -> str:
    if MAIL_PASSWORD in os.environ:
        return os.environ[MAIL_PASSWORD]
    if not file:
        return ""
    try:
        return Path(_beside(home, file)).read_text("utf-8").strip()
    except (OSError, ValueError) as error:
        raise _wrong(f"[mail] password_file {file!r} cannot be read", "look at its path") from error


def _beside(home: Home, path: str) -> str:
    """A path of the settings, from the home on."""
    return str(home.path / path) if path else ""


def _wrong(what: str, hint: str) -> UsageError:
    return UsageError(f"{SETTINGS}: {what}", hint=hint, code="HOME-SETTINGS")
