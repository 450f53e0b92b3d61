"""Our Airflow notifier: tells people what their policies say they are told.

What is told, to whom and how often is decided by ``preservation.notices``, as for the command
line; Airflow only says when, and may keep the mail server: a connection of the name
``samarkand_mail`` (another by ``[preservation] mail_connection`` in Airflow's settings) is stronger
than ``[mail]`` of ``samarkand.toml``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow.sdk import Connection, conf
from airflow.sdk.bases.notifier import BaseNotifier
from airflow.sdk.exceptions import AirflowNotFoundException

from preservation.orchestration import parts
from preservation.orchestration.work import telling as work

if TYPE_CHECKING:
    from preservation.notices.mail import MailSettings


_NAME = "samarkand_mail"


class PeopleNotifier(BaseNotifier):
    """Tells people about one community, or about all; for a task's body or its callbacks.

    Args:
        community: empty for all.
    """

    template_fields = ("community",)

    def __init__(self, community: str = "", **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.community = community

    def notify(self, context: Any) -> None:  # noqa: ARG002 - the signature is Airflow's
        """Send what is due. What could not be handed over is tried again by the next run.

        Raises:
            BusyError: somebody was not reached, or another run is telling: worth a retry.
        """
        with parts.open_parts() as home:
            work.notify(home, self.community, _mail())


def _mail() -> MailSettings | None:
    """The mail server that Airflow's connection names; None where there is no such connection."""
    try:
        found = Connection.get(conf.get("preservation", "mail_connection", fallback=_NAME))
    except AirflowNotFoundException:
        return None
    return mail_of(found)


def mail_of(connection: Any) -> MailSettings:
    """An SMTP connection as Airflow's own provider reads it: TLS from the start, unless its
    extra says ``disable_ssl``; then STARTTLS, unless it says ``disable_tls``.
    """
    from preservation.notices.mail import MailSettings

    extra = connection.extra_dejson
    security = "tls"
    if _yes(extra.get("disable_ssl")):
        security = "none" if _yes(extra.get("disable_tls")) else "starttls"
    return MailSettings(
        server=connection.host or "localhost",
        port=connection.port or {"tls": 465, "starttls": 587, "none": 25}[security],
        security=security,
        sender=extra.get("from_email") or connection.login or "samarkand@localhost",
        account=connection.login or "",
        password=connection.password or "",
    )


def _yes(value: Any) -> bool:
    return str(value).lower() in ("true", "1", "yes")
