"""Handing messages over: to a real SMTP server and a real web hook, well-behaved or not."""

from __future__ import annotations

import contextlib
import dataclasses
import socket
import threading
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from post_offices import ACCOUNT, PASSWORD, certificate, mail_server, web_hook

from preservation.notices.hook import Hooks, HookSettings
from preservation.notices.mail import MailServer, MailSettings
from preservation.notices.message import Message, UndeliveredError
from preservation.notices.post import PostOffice

TITLE = "丝绸之路: Шёлковый путь"
NOW = datetime(2026, 11, 22, 7, tzinfo=UTC)
LETTER = Message(
    "0f8fad5b-d9cb-469f-a165-70867728950e",
    "mailto:archive@example.org",
    NOW,
    f"[Samarkand] {TITLE}: 1 new finding",
    f"{TITLE}\n.\nFrom here on\n" + "long " * 400 + "\n",
    {"at": "…"},
)


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    return certificate(tmp_path_factory.mktemp("keys"))


def settings(port: int, security: str = "none", **more: Any) -> MailSettings:
    return MailSettings("localhost", port, security, "samarkand@example.org", **more)


def test_a_message_arrives_as_plain_text_in_any_script() -> None:
    with mail_server() as box:
        MailServer(settings(box.port)).send(LETTER)
    letter = box.letters[0]
    assert box.envelopes == [("samarkand@example.org", ["archive@example.org"])]
    assert letter["Subject"] == LETTER.subject
    assert letter.get_content_type() == "text/plain"
    assert letter.get_content().replace("\r\n", "\n") == LETTER.text
    assert letter["Auto-Submitted"] == "auto-generated"
    assert letter["Message-ID"] == f"<{LETTER.id}@example.org>"
    assert max(len(line) for line in box.raw[0].split(b"\r\n")) <= 998


def test_starttls_and_login_come_before_anything_is_said(pair: tuple[Path, Path]) -> None:
    with mail_server(pair, login=True) as box:
        login = {"account": ACCOUNT, "password": PASSWORD, "ca": str(pair[0])}
        MailServer(settings(box.port, "starttls", **login)).send(LETTER)
    assert box.encrypted == [True]
    verbs = [line.split()[0].upper() for line in box.commands]
    assert verbs.index("STARTTLS") < verbs.index("AUTH") < verbs.index("MAIL")


def test_tls_from_the_first_octet(pair: tuple[Path, Path]) -> None:
    with mail_server(pair, at_once=True) as box:
        MailServer(settings(box.port, "tls", ca=str(pair[0]))).send(LETTER)
    assert box.encrypted == [True]


def test_a_server_that_takes_starttls_away_gets_neither_password_nor_message() -> None:
    with mail_server(login=True) as box:
        login = {"account": ACCOUNT, "password": PASSWORD}
        with pytest.raises(UndeliveredError, match="cannot do what"):
            MailServer(settings(box.port, "starttls", **login)).send(LETTER)
    assert box.raw == []
    assert not [line for line in box.commands if line.upper().startswith("AUTH")]


def test_a_certificate_that_nobody_trusts_is_not_talked_to(pair: tuple[Path, Path]) -> None:
    with mail_server(pair) as box, pytest.raises(UndeliveredError, match="not trusted"):
        MailServer(settings(box.port, "starttls")).send(LETTER)
    assert box.raw == []


@pytest.mark.parametrize(
    ("verb", "answer", "told"),
    [
        ("GREETING", "554 not you", "answers 554"),
        ("MAIL", "451 later", "answers 451"),
        ("RCPT", "550 no such person", "refuses the recipient"),
        ("DATA", "452 full", "answers 452"),
        ("TAKEN", "554 it is spam", "answers 554"),
        ("AUTH", "535 no", "refuses the login"),
    ],
)
def test_what_a_server_does_not_take_is_told_with_a_next_step(
    verb: str, answer: str, told: str
) -> None:
    with mail_server(login=verb == "AUTH") as box:
        box.refuse[verb] = answer
        login = {"account": ACCOUNT, "password": PASSWORD} if verb == "AUTH" else {}
        with pytest.raises(UndeliveredError, match=told) as caught:
            MailServer(settings(box.port, **login)).send(LETTER)
    assert caught.value.hint
    assert PASSWORD not in str(caught.value) + repr(settings(1, password=PASSWORD))


def test_a_server_that_is_not_there_and_one_that_was_never_named() -> None:
    with mail_server() as box:
        pass
    with pytest.raises(UndeliveredError, match="does not answer"):
        MailServer(settings(box.port)).send(LETTER)
    with pytest.raises(UndeliveredError, match="no mail server is known"):
        PostOffice(None, HookSettings()).send(LETTER)


def test_a_server_that_does_not_answer_is_waited_for_once_in_a_run() -> None:
    def hang_up() -> None:
        listening.accept()[0].close()

    with socket.create_server(("127.0.0.1", 0)) as listening:
        listening.settimeout(5)
        server = MailServer(settings(listening.getsockname()[1]))
        hanging = threading.Thread(target=hang_up)
        hanging.start()
        for _ in range(3):
            with pytest.raises(UndeliveredError, match="does not answer"):
                server.send(LETTER)
        hanging.join()
        listening.settimeout(0)
        with pytest.raises(BlockingIOError):
            listening.accept()


def test_a_server_that_refuses_one_recipient_is_asked_for_the_next() -> None:
    with mail_server() as box:
        server = MailServer(settings(box.port))
        box.refuse["RCPT"] = "550 no such person"
        with pytest.raises(UndeliveredError):
            server.send(LETTER)
        box.refuse.clear()
        server.send(LETTER)
    assert len(box.raw) == 1


def test_an_answer_without_an_end_fills_no_memory() -> None:
    def endless() -> None:
        with listening.accept()[0] as connection, contextlib.suppress(OSError):
            for _ in range(1 << 14):
                connection.sendall(b"220-" + b"x" * 1000 + b"\r\n")

    with socket.create_server(("127.0.0.1", 0)) as listening:
        flood = threading.Thread(target=endless)
        flood.start()
        with pytest.raises(UndeliveredError, match="without an end"):
            MailServer(settings(listening.getsockname()[1])).send(LETTER)
        flood.join()


def test_what_the_password_is_made_of_is_not_told(pair: tuple[Path, Path]) -> None:
    with mail_server(pair, login=True) as box:
        login = {"account": ACCOUNT, "password": "ключ", "ca": str(pair[0])}
        with pytest.raises(UndeliveredError, match="characters") as caught:
            MailServer(settings(box.port, "starttls", **login)).send(LETTER)
    assert "u043a" not in str(caught.value)


def test_certificates_that_cannot_be_read_are_not_called_a_silent_server(letter: Message) -> None:
    with mail_server() as box, pytest.raises(UndeliveredError, match=r"`ca` of \[mail\]"):
        MailServer(settings(box.port, "starttls", ca="/nowhere.pem")).send(LETTER)
    with web_hook() as hook:
        at = f"localhost:{hook.port}"
        hooks = named(f"https://{at}/", at, ca="/nowhere.pem")
        with pytest.raises(UndeliveredError, match=r"`ca` of \[hooks\]"):
            hooks.send(letter)


def test_a_hook_whose_certificate_nobody_trusts_is_told_to_be_that(
    pair: tuple[Path, Path], letter: Message
) -> None:
    with web_hook(pair) as hook, pytest.raises(UndeliveredError, match="not trusted"):
        named(f"https://localhost:{hook.port}/", f"localhost:{hook.port}").send(letter)
    assert hook.documents == []


def test_no_header_can_be_smuggled_in() -> None:
    evil = dataclasses.replace(LETTER, subject="hello\r\nBcc: someone@example.org")
    with mail_server() as box, pytest.raises(UndeliveredError):
        MailServer(settings(box.port)).send(evil)
    assert box.raw == []


# -- hooks


@pytest.fixture
def letter() -> Message:
    return dataclasses.replace(LETTER, to="hook:operations")


def named(url: str, *allowed: str, ca: str = "") -> Hooks:
    return Hooks(HookSettings({"operations": url}, frozenset(allowed), ca))


def test_a_hook_gets_the_document_over_tls(pair: tuple[Path, Path], letter: Message) -> None:
    with web_hook(pair) as hook:
        url = f"https://localhost:{hook.port}/a?token=secret"
        named(url, f"localhost:{hook.port}", ca=str(pair[0])).send(letter)
    assert hook.paths == ["/a?token=secret"]
    assert hook.documents[0]["schema"] == "samarkand.notice/1"
    assert hook.documents[0]["text"] == LETTER.text


def test_private_addresses_and_plain_http_only_where_the_operator_allows(letter: Message) -> None:
    with web_hook() as hook:
        url = f"http://127.0.0.1:{hook.port}/secret-path"
        with pytest.raises(UndeliveredError, match="not encrypted"):
            named(url).send(letter)
        with pytest.raises(UndeliveredError, match="not public"):
            named(url.replace("http:", "https:")).send(letter)
        named(url, f"127.0.0.1:{hook.port}").send(letter)
    assert len(hook.documents) == 1


def test_a_redirect_is_not_followed_and_its_cause_does_not_tell_the_secret_path(
    letter: Message,
) -> None:
    with web_hook() as hook, web_hook() as elsewhere:
        hook.status, hook.location = 307, f"http://127.0.0.1:{elsewhere.port}/"
        allowed = (f"127.0.0.1:{hook.port}", f"127.0.0.1:{elsewhere.port}")
        with pytest.raises(UndeliveredError, match="redirects are not followed") as caught:
            named(f"http://127.0.0.1:{hook.port}/secret-path", *allowed).send(letter)
    assert elsewhere.documents == []
    assert "secret-path" not in f"{caught.value} {caught.value.hint}"


def test_a_hook_that_nobody_named(letter: Message) -> None:
    with pytest.raises(UndeliveredError, match="leads to no address"):
        Hooks(HookSettings()).send(letter)
