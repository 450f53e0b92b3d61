"""What Airflow's processes are given, and what is kept from them."""

from __future__ import annotations

import os
import socket
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from preservation.errors import BusyError, HomeNotFoundError, NotNowError, UsageError
from preservation.files import process
from preservation.model.progress import Silence
from preservation.supervise import Settings, components, down, ports, status, up
from preservation.supervise.environment import environment, for_component, users
from preservation.supervise.lock import holder, take_lock
from preservation.supervise.places import Places
from preservation.supervise.state import Phase, State

URL = "postgresql+{driver}://airflow@/airflow"


@pytest.fixture
def places(tmp_path: Path) -> Places:
    made = Places(tmp_path)
    made.make()
    return made


def settings(places: Places, **more: object) -> Settings:
    return Settings(places.home, places.home / "policies", places.home / "dags", **more)


@pytest.fixture
def taken() -> Iterator[int]:
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", 0))
        holder.listen()
        yield holder.getsockname()[1]


def test_the_callers_own_airflow_does_not_come_in(
    places: Places, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AIRFLOW__CORE__EXECUTOR", "CeleryExecutor")
    monkeypatch.setenv("AIRFLOW_CONN_X", "secret://")
    monkeypatch.setenv("PGHOST", "elsewhere")
    monkeypatch.setenv("NO_PROXY", "example.org")
    found = environment(settings(places), places, URL, 8080)
    assert found["AIRFLOW__CORE__EXECUTOR"] == "LocalExecutor"
    assert not {"AIRFLOW_CONN_X", "PGHOST"} & set(found)
    assert found["NO_PROXY"] == "example.org,127.0.0.1,localhost"
    assert found["PRESERVATION_HOME"] == str(places.home)


def test_secrets_are_files_that_only_we_can_read_and_not_in_the_environment(
    places: Places,
) -> None:
    logins = users(places)
    common = environment(settings(places), places, URL, 8080)
    found = {name: for_component(name, places, common) for name in ("scheduler", "triggerer")}
    kept = [path for path in places.run.iterdir() if path.name != "token"]
    assert {path.name for path in kept} >= {"jwt-secret", "fernet-key", "secret-key"}
    for path in kept:
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        assert all(path.read_text() not in each.values() for each in found.values())
    assert not any(login.password in common.values() for login in logins)
    command = found["scheduler"]["AIRFLOW__API_AUTH__JWT_SECRET_CMD"]
    said = subprocess.run(command, shell=True, capture_output=True, text=True).stdout
    assert said == (places.run / "jwt-secret").read_text()
    assert "AIRFLOW__API_AUTH__JWT_SECRET_CMD" not in found["triggerer"]


def test_logins_and_keys_stay_the_same(places: Places) -> None:
    first = users(places), for_component("scheduler", places, {})
    assert (users(places), for_component("scheduler", places, {})) == first
    assert {login.name: login.role for login in first[0]} == {
        "admin": "admin",
        "archivist": "op",
        "archivist2": "op",
    }


def test_settings_survive_the_command_line(places: Places) -> None:
    made = settings(places, port=9000, pools={"vault": 2}, environment={"A": "ʻ"})
    assert Settings.decode(made.encode()) == made


def test_a_taken_port_is_one_sentence_with_what_to_do(places: Places, taken: int) -> None:
    with pytest.raises(NotNowError, match=f"port {taken} .* taken") as caught:
        ports.choose(settings(places, port=taken), 0)
    assert "choose another port" in caught.value.hint
    assert caught.value.exit_code == 5


def test_the_port_of_last_time_is_taken_again_unless_somebody_has_it(
    places: Places, taken: int
) -> None:
    assert ports.choose(settings(places), taken).port != taken
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        free = probe.getsockname()[1]
    first = ports.choose(settings(places), free)
    assert first.port == free
    assert ports.choose(settings(places), free).port != free  # held, though not opened yet
    first.claim.close()
    assert ports.choose(settings(places), free).port == free


def test_a_port_that_cannot_be_is_a_usage_error(places: Places) -> None:
    with pytest.raises(UsageError, match="cannot be opened"):
        ports.choose(settings(places, port=70000), 0)


def test_a_home_that_is_not_there_is_never_made(tmp_path: Path) -> None:
    absent = tmp_path / "absent"
    with pytest.raises(HomeNotFoundError, match="absent"):
        up(Settings(absent, tmp_path, tmp_path), Silence())
    assert down(absent, Silence()) is False
    assert status(absent).phase is Phase.STOPPED
    assert not absent.exists()


def test_a_home_has_one_supervisor(places: Places) -> None:
    assert holder(places) == ""
    lock = take_lock(places)
    with pytest.raises(BusyError, match=process.identity().split(":")[1]):
        take_lock(places)
    assert holder(places) == process.identity()
    os.close(lock)
    assert holder(places) == ""  # though its name is still written there


def test_a_state_is_read_back_and_a_broken_one_knows_nothing(places: Places) -> None:
    State(Phase.RUNNING, url="http://x", components={"scheduler": "a:1:b-2"}).save(places.state)
    assert State.load(places.state).components == {"scheduler": "a:1:b-2"}
    for broken in (b"", b"{", b"[]", b'{"phase": "never"}', b"null"):
        places.state.write_bytes(broken)
        assert State.load(places.state) == State()


def test_a_log_is_rotated_under_the_hands_of_its_writer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(components, "_LARGEST_LOG", 1000)
    log = tmp_path / "scheduler.log"
    with log.open("ab", buffering=0) as writer:
        for number in range(5):
            writer.write(b"%d" % number * 1001)
            components.rotate(log)
        writer.write(b"end")
    assert log.read_bytes() == b"end"
    kept = sorted(tmp_path.glob("scheduler.log.*"))
    assert [path.read_bytes()[:1] for path in kept] == [b"4", b"3", b"2"]


def test_what_tasks_need_is_loaded_before_they_are_forked_and_starts_no_thread(
    places: Places, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTHONPATH", "/theirs")
    shared = environment(settings(places), places, URL, 8080)
    own = {name: for_component(name, places, shared)["PYTHONPATH"] for name in components.COMMANDS}
    assert own["api-server"] == own["triggerer"] == "/theirs"
    assert own["scheduler"] == own["dag-processor"]
    seen = (
        "import airflow_local_settings, sys, threading; assert threading.active_count() == 1; "
        "print(*{'preservation.app.parts', 'airflow', 'numpy', 'pygfried'} & sys.modules.keys())"
    )
    told = subprocess.run(
        [sys.executable, "-c", seen],
        env={"PYTHONPATH": own["scheduler"]},
        capture_output=True,
        text=True,
        check=True,
    )
    assert told.stdout == "preservation.app.parts\n"
