"""What a task's failure becomes in Airflow."""

from __future__ import annotations

from typing import Any, NoReturn

import pytest
from airflow.providers.standard.operators.trigger_dagrun import TriggerDagRunOperator
from airflow.sdk.exceptions import AirflowFailException

from preservation.errors import CatalogueBehindError, CatalogueUnavailableError
from preservation.orchestration import parts, tell

pytestmark = pytest.mark.airflow


def test_a_catalogue_that_does_not_answer_is_tried_again() -> None:
    with pytest.raises(CatalogueUnavailableError), parts.told_to_airflow():
        raise CatalogueUnavailableError("it does not answer")


def test_a_catalogue_of_another_day_is_red_at_once() -> None:
    """Only a person can make it anew; a retry would leave the last standing green for minutes."""
    with pytest.raises(AirflowFailException, match="rebuild"), parts.told_to_airflow():
        raise CatalogueBehindError("older", hint="run a rebuild")


def test_the_standing_is_looked_at_where_nothing_can_be_known(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def open_parts() -> NoReturn:
        raise AirflowFailException("[CAT-BEHIND-JOURNAL] the catalogue is older than the journal.")

    started: list[Any] = []
    monkeypatch.setattr(parts, "open_parts", open_parts)
    monkeypatch.setattr(TriggerDagRunOperator, "execute", lambda self, _: started.append(self.note))
    tell.TellStanding(task_id="tell", community="silk-road").execute({})
    assert len(started) == 1
    assert "CAT-BEHIND-JOURNAL" in started[0]
