"""A question that waits for a person, about one list: it is shown once, and answered once.

Airflow 3.3 keeps a question's text from the first attempt on, whatever a later one asks, and drops
an answer when an attempt puts its question again. So what was asked is noted beside the task: a
later attempt about another list is refused, and one about the same list takes the answer that may
be there.
"""

from __future__ import annotations

from typing import Any

from airflow.providers.standard.exceptions import HITLTimeoutError
from airflow.providers.standard.operators.hitl import ApprovalOperator
from airflow.sdk.exceptions import AirflowFailException, TaskAwaitingInput
from airflow.sdk.execution_time.context import NEVER_EXPIRE

_ABOUT = "about"  # what the question on display is about
_PUT = "put"  # whether it is on display and not answered to the end


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
        came while it still ended), Airflow goes on at once with an answer that it has.

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
            raise TaskAwaitingInput(method_name="execute_complete", timeout=self.response_timeout)
        try:
            return super().execute(context)
        except TaskAwaitingInput:
            noted.set(_PUT, True)
            raise

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
