"""A question that waits for a person, about one list: it is shown once, and answered once.

Airflow 3.3 keeps a question's text from the first attempt on, whatever a later one asks, and drops
an answer when an attempt puts its question again. So what was asked is noted beside the task: a
later attempt about another list is refused, and one about the same list takes the answer that may
be there. It does so through a trigger that waits a little: LocalExecutor loses an attempt that is
resumed before it has quite ended.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

from airflow.providers.standard.exceptions import HITLTimeoutError
from airflow.providers.standard.operators.hitl import ApprovalOperator
from airflow.providers.standard.triggers.hitl import HITLTrigger
from airflow.sdk import timezone
from airflow.sdk.exceptions import AirflowFailException, TaskAwaitingInput
from airflow.sdk.execution_time.context import NEVER_EXPIRE

_ABOUT = "about"  # what the question on display is about
_PUT = "put"  # whether it is on display and not answered to the end
_PATIENCE = 10.0  # seconds in which the attempt before has ended for certain


class AnswerLater(HITLTrigger):
    """Looks for the answer to a question that an earlier attempt has put, but not at once."""

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """Where the trigger is found, and what it is made with."""
        return f"{__name__}.{type(self).__name__}", super().serialize()[1]

    async def run(self) -> AsyncIterator[Any]:
        """Wait a little, then for the answer or the end of its time."""
        await asyncio.sleep(_PATIENCE)
        async for event in super().run():
            yield event


class AskApproval(ApprovalOperator):
    """Asks for a person's approval, and keeps the digest of what was asked, so that an answer to
    one list never counts for another.
    """

    template_fields = (*ApprovalOperator.template_fields, "digest")

    def __init__(self, *, digest: Any, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.digest = digest

    def execute(self, context: Any) -> Any:
        """Note the digest, then park the task until a person answers.

        Where an attempt ended after it had put the question (its worker was killed; the answer
        came while it still ended), only the answer is waited for: it may be there.

        Raises:
            AirflowFailException: a question about another list is on display, and would stay.
        """
        noted = context["task_state_store"]
        about = noted.get(_ABOUT)
        if about is None:
            noted.set(_ABOUT, self.digest, retention=NEVER_EXPIRE)
        elif about != self.digest:
            raise AirflowFailException(
                "What is asked about has changed since the question was put. Next: start a new run."
            )
        context["ti"].xcom_push("asked", self.digest)
        if noted.get(_PUT):
            self._wait(context["ti"].id)
        try:
            return super().execute(context)
        except TaskAwaitingInput:
            noted.set(_PUT, True)
            raise

    def _wait(self, ti_id: Any) -> None:
        within = self.response_timeout
        trigger = AnswerLater(
            ti_id=ti_id,
            options=self.options,
            params=self.serialized_params,
            timeout_datetime=None if within is None else timezone.utcnow() + within,
        )
        self.defer(trigger=trigger, method_name="execute_complete")

    def execute_complete(self, context: Any, event: Any) -> Any:
        """Hand the answer on. No answer is not asked for again: the next run has a new list.

        Until the answer was taken, another attempt takes it again; whoever clears the task after
        that is asked anew.
        """
        try:
            answer = super().execute_complete(context, event)
            self.take(context, answer)
        except HITLTimeoutError as error:
            raise AirflowFailException("Nobody answered; nothing was changed.") from error
        except AirflowFailException:
            context["task_state_store"].delete(_PUT)
            raise
        context["task_state_store"].delete(_PUT)
        return answer

    def take(self, context: Any, answer: Any) -> None:
        """What an answer does in this very task; nothing, by default."""
