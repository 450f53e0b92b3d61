"""A question is about one list, whatever becomes of the attempts that put it."""

from __future__ import annotations

from datetime import UTC, datetime
from importlib import import_module
from types import SimpleNamespace
from typing import Any
from uuid import uuid4

import pytest
from airflow.providers.standard.operators import hitl
from airflow.sdk.exceptions import AirflowFailException, TaskAwaitingInput, TaskDeferred

from preservation.orchestration.question import AnswerLater, AskApproval

pytestmark = pytest.mark.airflow


class Store(dict[str, Any]):
    """What Airflow keeps beside a task, through all its attempts."""

    def set(self, key: str, value: Any, **_: Any) -> None:
        self[key] = value

    def delete(self, key: str) -> None:
        self.pop(key, None)


class Asked(AskApproval):
    """A question whose answer is taken by a service, which may fail."""

    failure: Exception | None = None

    def take(self, context: Any, answer: Any) -> None:
        if self.failure:
            raise self.failure


ANSWER = {
    "chosen_options": ["Approve"],
    "params_input": {},
    "responded_at": datetime(2030, 1, 1, tzinfo=UTC),
    "responded_by_user": {"id": "archivist", "name": "archivist"},
}


@pytest.fixture
def put(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The subjects of the questions that Airflow was told of."""
    told: list[str] = []
    monkeypatch.setattr(hitl, "upsert_hitl_detail", lambda **said: told.append(said["subject"]))
    return told


def attempt(store: Store, digest: str = "sha256:1") -> Store:
    ti = SimpleNamespace(id="0", xcom_push=lambda key, value: None)
    context = {"task_state_store": store, "ti": ti, "task_instance": ti}
    first = "put" not in store
    with pytest.raises(TaskAwaitingInput if first else TaskDeferred) as parked:
        Asked(task_id="ask", subject=f"{digest}?", digest=digest).execute(context)
    assert parked.value.method_name == "execute_complete"
    return store


def test_the_trigger_of_a_later_attempt_is_found_where_it_says(put: list[str]) -> None:
    trigger = AnswerLater(ti_id=uuid4(), options=["Approve"], params={}, timeout_datetime=None)
    place, made_with = trigger.serialize()
    module, _, name = place.rpartition(".")
    assert getattr(import_module(module), name) is AnswerLater
    assert AnswerLater(**made_with).serialize() == (place, made_with)


def answer(store: Store, failure: Exception | None = None) -> Any:
    asked = Asked(task_id="ask", subject="?", digest="sha256:1")
    asked.failure = failure
    return asked.execute_complete({"task_state_store": store}, ANSWER)


def test_another_attempt_leaves_the_question_and_its_answer_as_they_are(put: list[str]) -> None:
    store = attempt(attempt(Store()))
    assert put == ["sha256:1?"]  # put again, Airflow would drop the answer that is there
    assert answer(store)["responded_by_user"]["id"] == "archivist"


def test_an_answer_that_could_not_be_taken_yet_is_kept_for_the_next_attempt(put: list[str]) -> None:
    store = attempt(Store())
    with pytest.raises(ConnectionError):
        answer(store, ConnectionError("the catalogue is away"))
    attempt(store)
    assert len(put) == 1


@pytest.mark.parametrize("failure", [None, AirflowFailException("a login that is nobody's own")])
def test_who_clears_an_answered_question_is_asked_anew(
    put: list[str], failure: AirflowFailException | None
) -> None:
    store = attempt(Store())
    if failure is None:
        answer(store)
    else:
        with pytest.raises(AirflowFailException):
            answer(store, failure)
    attempt(store)
    assert len(put) == 2


def test_a_question_on_display_is_never_about_another_list(put: list[str]) -> None:
    """Airflow would show the first text, and take its answer for the second list."""
    store = attempt(Store())
    context = {"task_state_store": store, "ti": SimpleNamespace(xcom_push=pytest.fail)}
    with pytest.raises(AirflowFailException, match="start a new run"):
        Asked(task_id="ask", subject="?", digest="sha256:2").execute(context)
    assert len(put) == 1
