"""Keys that end before the work does are renewed, and shown to nobody."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest
from buckets import CREDENTIAL, KEYS, Server, serving

from preservation.errors import TierUnavailableError
from preservation.storage import credentials
from preservation.storage.credentials import Afresh, from_environment, variable
from preservation.storage.s3.address import Address
from preservation.storage.s3.place import S3Place

ID, SECRET = KEYS.values()
FILE, PROFILE = (variable(CREDENTIAL, part) for part in ("FILE", "PROFILE"))


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    """The only server here that looks at signatures."""
    with serving("rclone") as running:
        yield running


def place(server: Server, environment: Mapping[str, str]) -> S3Place:
    return S3Place("t", Address.of(server.spec("t", "t")), environment)


def write(file: Path, secret: str) -> None:
    new = file.with_suffix(".new")
    new.write_text(json.dumps({"AccessKeyId": ID, "SecretAccessKey": secret}))
    new.rename(file)


@pytest.mark.parametrize("is_short", [True, False])
def test_a_file_that_is_written_anew_counts_from_the_next_request_on(
    server: Server, tmp_path: Path, is_short: bool
) -> None:
    file = tmp_path / "keys.json"
    write(file, SECRET)
    held = place(server, {FILE: str(file)})
    held._asking._leads = is_short
    held.replace("one", b"octets")
    write(file, "that-has-ended")
    with pytest.raises(TierUnavailableError, match="the key pair is wrong, or has expired") as said:
        held.get("one")
    assert "that-has-ended" not in said.value.message + said.value.hint
    write(file, SECRET)
    held._asking._leads = is_short
    assert held.get("one") == b"octets"
    file.write_text("{")  # somebody is writing it
    assert held.get("one") == b"octets"


@pytest.mark.parametrize("data", [None, b"", b"[]", b"7", b'{"AccessKeyId": "only"}', b"\xff"])
def test_a_file_that_holds_no_keys_is_told_in_a_sentence(
    server: Server, tmp_path: Path, data: bytes | None
) -> None:
    file = tmp_path / "keys.json"
    if data is not None:
        file.write_bytes(data)
    with pytest.raises(TierUnavailableError, match="can't be read") as said:
        place(server, {FILE: str(file)}).get("one")
    assert (said.value.code, said.value.exit_code) == ("TIER-CREDENTIAL", 5)


def test_a_profile_is_followed_and_renewed(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place(server, KEYS).replace("one", b"octets")
    printed = tmp_path / "printed"
    program = tmp_path / "program.py"
    program.write_text(
        "import json, datetime\n"
        f"open({str(printed)!r}, 'a').write('x')\n"
        "ends = datetime.datetime.now(datetime.UTC) + datetime.timedelta(seconds=700)\n"
        f"print(json.dumps({{'Version': 1, 'AccessKeyId': {ID!r}, 'SecretAccessKey': {SECRET!r},"
        " 'Expiration': ends.isoformat()}))\n"
    )
    config = tmp_path / "config"
    config.write_text(f"[profile archive]\ncredential_process = {sys.executable} {program}\n")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(config))
    held = place(server, {PROFILE: "archive"})
    for _ in range(2):  # they end within a quarter of an hour: botocore asks for others
        assert held.get("one") == b"octets"
    assert len(printed.read_bytes()) > 1
    with pytest.raises(TierUnavailableError, match="gives no keys") as said:
        place(server, {PROFILE: "nobody"}).get("one")
    assert said.value.code == "TIER-CREDENTIAL"


def test_keys_with_a_session_token_are_asked_for_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(credentials, "_AGAIN", -1)
    asked: list[int] = []

    def ask() -> Mapping[str, str]:
        asked.append(len(asked))
        if len(asked) == 3:
            raise TierUnavailableError("Airflow is away")
        return {"A_TOKEN": f"token {len(asked)}"}

    variables = Afresh(ask)
    assert [variables["A_TOKEN"] for _ in range(3)] == ["token 2", "token 2", "token 4"]
    lasting = Afresh(lambda: asked.clear() or {"A_ID": "one"})
    asked.append(0)
    assert (lasting["A_ID"], asked) == ("one", [0])


def test_a_tier_is_told_where_its_own_keys_are(server: Server) -> None:
    other = {variable("other", "FILE"): "theirs", FILE: "mine"}
    assert from_environment(other)(server.spec("t", "t")) == {FILE: "mine"}
