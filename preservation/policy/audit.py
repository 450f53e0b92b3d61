"""The language of audits: how strong and fresh evidence is, and what a night may spend on it."""

from __future__ import annotations

from preservation.model.outcome import Level
from preservation.model.units import format_size
from preservation.policy.kinds import Choice, Field, Integer, Record, Table, Text, Weaker
from preservation.policy.texts import CRON, REVIEW, SIZE, SOME_TIME, TIER_ID, ZONE

UNLIMITED = "unlimited"
MOST_SAMPLED = 1_000_000
LEAST_SPLIT = 1024**2  # octets

# Evidence below E2 can never say that a replica is intact, and nothing here reads from recall.
LEVEL = Choice((Level.E3.value, Level.E2.value))


def _or_unlimited(of: Text, words: str) -> Text:
    """A text of another form, or the word for no bound, which is kept as 0."""
    return Text(
        f"{UNLIMITED}, or {words}",
        rf"{UNLIMITED}|(?:{of.pattern})",
        lambda text: 0 if text == UNLIMITED else of.value(text),
        spell=lambda value: of.spell(value) if value else UNLIMITED,
    )


RATE = _or_unlimited(SIZE, "a size that may be read in a second: 50 MiB")
HOURS = _or_unlimited(SOME_TIME, "a duration: 8h")
SPLIT = Text(
    f"a size of {format_size(LEAST_SPLIT)} or more: 64 GiB",
    SIZE.pattern,
    SIZE.value,
    wrong=lambda text: "" if SIZE.value(text) >= LEAST_SPLIT else "less is no work for a worker",
    spell=SIZE.spell,
)
MONEY = Text(
    f"{UNLIMITED}, or an amount with its currency (ISO 4217): 5 EUR",
    rf"{UNLIMITED}|[0-9]{{1,7}}(?:\.[0-9]{{1,6}})? [A-Z]{{3}}",
)


def audit_rule(level: str | None) -> tuple[Field, Field]:
    """What is asked of the evidence about one tier."""
    return (
        Field(
            "level",
            LEVEL,
            "How a check has to know. E3: we read the bytes. E2: the holder computed a digest.",
            "level: E3",
            level,
            weaker=Weaker.LATER,
        ),
        Field(
            "max_age",
            SOME_TIME,
            "How old the last check of a replica may be.",
            "max_age: 90d",
            weaker=Weaker.MORE,
        ),
    )


ALL_DIGESTS = Field(
    "all_digests",
    REVIEW,
    "How often a check compares all digests that a bag's manifests have, `max_age` for each time; "
    "every other check compares SHA-256 alone, which is less work.",
    "all_digests: 2y",
    "never",
    weaker=Weaker.RARER,
)

SAMPLING = (
    Field(
        "sample",
        Integer(0, MOST_SAMPLED),
        "Replicas drawn by lot and read between the full passes; 0 for none. It finds damage to "
        "many soon, and to a single one hardly.",
        "sample: 300",
        "0",
        weaker=Weaker.LESS,
    ),
    Field(
        "every",
        SOME_TIME,
        "How often such a sample is drawn.",
        "every: 30d",
        "30d",
        weaker=Weaker.MORE,
    ),
)

AUDIT = Record(
    (
        Field("schedule", CRON, "When audits run.", 'schedule: "0 2 * * *"', "0 2 * * *"),
        Field("timezone", ZONE, "Of the schedule.", "timezone: Asia/Tashkent", "UTC"),
        Field("budget", SIZE, "What one run reads at most.", "budget: 500 GiB", "1 TiB"),
        Field(
            "rate",
            RATE,
            "What each worker of a run reads in a second at most. A line in `audit.rate` in the "
            "home is stronger, also for runs at work.",
            "rate: 50 MiB",
            UNLIMITED,
        ),
        Field(
            "hours",
            HOURS,
            "How long after its plan a run begins new checks; what is left waits for the next.",
            "hours: 8h",
            UNLIMITED,
        ),
        Field(
            "split_above",
            SPLIT,
            "A larger replica is read in parts of about a quarter of this, each a task of its own, "
            "by several workers and over several nights. A run has at most 500 tasks for a tier.",
            "split_above: 256 GiB",
            "64 GiB",
        ),
        Field(
            "requests",
            Integer(0, 1_000_000_000),
            "How many requests one run sends to tiers in buckets at most; 0 for no bound.",
            "requests: 10000",
            "0",
        ),
        Field(
            "money",
            MONEY,
            "What reading may cost one run at most, by the `cost` of the tiers.",
            "money: 5 EUR",
            UNLIMITED,
        ),
        Field(
            "tiers",
            Table(
                TIER_ID,
                Record((*audit_rule("E3"), ALL_DIGESTS, *SAMPLING)),
                "a mapping from tiers to rules",
            ),
            "How strong and how fresh the evidence is, for each tier that keeps a replica.",
            "tiers: {vault: {level: E3, max_age: 90d}}",
        ),
    )
)

__all__ = ["AUDIT", "LEVEL", "UNLIMITED", "audit_rule"]
