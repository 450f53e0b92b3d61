"""The part of the policy language that says who is told what, and which reports are written."""

from __future__ import annotations

from preservation.policy.kinds import Choice, Field, Listing, Record, Text, Weaker
from preservation.policy.problem import Problems, quoted
from preservation.policy.said import Said, Wrong

_LABEL = r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
_HOST = rf"{_LABEL}(?:\.{_LABEL}){{0,20}}"
_ATOM = r"[A-Za-z0-9!#$&'*+/=?^_`{|}~-]{1,64}"  # no "%": an address means what it says
RECIPIENT = Text(
    "mailto: and an address, an https:// address, or hook: and a name of samarkand.toml",
    rf"mailto:{_ATOM}(?:\.{_ATOM}){{0,10}}@{_HOST}"
    rf"|https?://{_HOST}(?::[1-9][0-9]{{0,4}})?(?:/[A-Za-z0-9._~!$&'()*+,;=:@%/?-]{{0,400}})?"
    r"|hook:[a-z][a-z0-9-]{0,40}",
)

NOTIFY = Listing(
    Record(
        (
            Field(
                "to",
                RECIPIENT,
                "Who: a mail address, or a web address that is sent JSON. Where the web address "
                "is itself a secret, it has a name here and stands in samarkand.toml.",
                "to: mailto:archive@example.org",
                here=True,
            ),
            Field(
                "findings",
                Choice(("now", "daily", "never")),
                "When new findings, broken promises and what became of them are told. What is "
                "critical is told at once unless it is never.",
                "findings: daily",
                "now",
                weaker=Weaker.LATER,
            ),
            Field(
                "digest",
                Choice(("daily", "weekly", "monthly", "never")),
                "How often a summary is sent, well or not.",
                "digest: weekly",
                "never",
                weaker=Weaker.LATER,
            ),
            Field(
                "alive",
                Choice(("weekly", "monthly", "never")),
                "How often at least something is sent, so that silence always means trouble.",
                "alive: weekly",
                "monthly",
                weaker=Weaker.LATER,
            ),
        )
    ),
    "a list of people and hooks, each with to",
    most=50,
    named_by="to",
)

REPORTS = Record(
    (
        Field(
            "holdings",
            Choice(("monthly", "never")),
            "Whether a report about what is held is written after each month.",
            "holdings: monthly",
            "never",
            weaker=Weaker.LATER,
        ),
        Field(
            "evidence",
            Choice(("yearly", "never")),
            "Whether a report for auditors is written after each year: NDSA Levels, CoreTrustSeal, "
            "ISO 16363.",
            "evidence: yearly",
            "never",
            weaker=Weaker.LATER,
        ),
    )
)


def check_people(said: Said, problems: Problems) -> None:
    """Tell a recipient that is named twice: one of the two would not be obeyed."""
    rules = said.get("notify")
    seen: set[str] = set()
    for number, rule in enumerate(rules.value if rules else ()):
        to = rule.get("to")
        if to is None or to.value is Wrong:
            continue
        if to.value in seen:
            found = f"{quoted(to.value)} a second time"
            problems.add(
                to.at, f"notify[{number}].to", found, "each recipient once", code="POL-CROSS"
            )
        seen.add(to.value)
