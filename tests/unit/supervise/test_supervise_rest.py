"""The client of Airflow's REST API, against a server that misbehaves like a starting one."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from preservation.errors import NotNowError, UsageError
from preservation.supervise.rest import AirflowApi, ensure_pools, health

Answer = tuple[int, Any]


class Server:
    """Answers each request by a function of (method, path, body, token)."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, str, Any]] = []
        self.answer: Callable[[str, str, Any, str], Answer] = lambda *_: (404, {"detail": "no"})
        self.tokens = 0
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                length = int(self.headers.get("Content-Length") or 0)
                body = json.loads(self.rfile.read(length)) if length else None
                token = self.headers.get("Authorization", "").removeprefix("Bearer ")
                if self.path == "/auth/token":
                    outer.tokens += 1
                    code, found = 201, {"access_token": f"token{outer.tokens}"}
                else:
                    outer.asked.append((self.command, self.path, body))
                    code, found = outer.answer(self.command, self.path, body, token)
                text = json.dumps(found).encode()
                self.send_response(code)
                self.send_header("Content-Length", str(len(text)))
                self.end_headers()
                self.wfile.write(text)

            do_POST = do_PATCH = do_GET  # noqa: N815 - the names that http.server calls

            def log_message(self, *_: Any) -> None:
                """Quiet."""

        self.http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.http.server_port}"
        threading.Thread(target=self.http.serve_forever, daemon=True).start()


@pytest.fixture
def server() -> Iterator[Server]:
    made = Server()
    yield made
    made.http.shutdown()
    made.http.server_close()


def api(server: Server, patience: float = 10) -> AirflowApi:
    return AirflowApi(server.url, "admin", "secret", patience_seconds=patience)


def test_an_old_token_is_replaced_by_itself(server: Server) -> None:
    server.answer = lambda method, path, body, token: (
        (200, {"state": "success"}) if token == "token2" else (401, {"detail": "old"})
    )
    assert api(server).run("d", "r") == {"state": "success"}


def test_a_server_that_is_starting_is_asked_again(server: Server) -> None:
    answers = iter([(503, {}), (500, {}), (200, {"state": "failed"})])
    server.answer = lambda *_: next(answers)
    assert api(server).wait("d", "r") == "failed"


def test_no_server_at_all_is_one_sentence_with_what_to_do() -> None:
    with pytest.raises(NotNowError, match="does not answer") as caught:
        AirflowApi("http://127.0.0.1:9", "a", "b", patience_seconds=0).dags()
    assert "preserve up" in caught.value.hint
    assert health("http://127.0.0.1:9") == {}


def test_a_refusal_carries_the_servers_reason_and_is_not_repeated(server: Server) -> None:
    server.answer = lambda *_: (400, {"detail": "no such parameter"})
    with pytest.raises(UsageError, match="no such parameter"):
        api(server).trigger("d", {"x": 1})
    assert len(server.asked) == 1


def test_a_trigger_whose_answer_was_lost_starts_one_run(server: Server) -> None:
    runs: set[str] = set()

    def answer(method: str, path: str, body: Any, token: str) -> Answer:
        if body["dag_run_id"] in runs:
            return 409, {"detail": "exists"}
        runs.add(body["dag_run_id"])
        return 500, {}

    server.answer = answer
    assert {api(server).trigger("d")} == runs


def test_lists_longer_than_a_page_are_read_to_the_end(server: Server) -> None:
    def answer(method: str, path: str, body: Any, token: str) -> Answer:
        offset = int(path.partition("offset=")[2])
        return 200, {"dags": [{"dag_id": n} for n in range(offset, min(offset + 100, 250))]}

    server.answer = answer
    assert [each["dag_id"] for each in api(server).dags()] == list(range(250))


def test_pools_are_made_changed_or_left(server: Server) -> None:
    have = [
        {"name": "default_pool", "slots": 128},
        {"name": "a", "slots": 1},
        {"name": "b", "slots": 2},
    ]
    server.answer = lambda *_: (200, {"pools": have})
    ensure_pools(api(server), {"a": 1, "b": 3, "c/d": 4})
    changes = [(method, path) for method, path, _ in server.asked if method != "GET"]
    assert changes == [("PATCH", "/api/v2/pools/b"), ("POST", "/api/v2/pools")]
