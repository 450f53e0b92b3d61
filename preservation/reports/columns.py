"""The page's tables: which columns they have, what each means, and how it is spelled.

A column's ``key`` names the attribute of the row; its ``kind`` names the spelling in
``cells.py``. Columns that only machines want are in the JSON and Parquet files alone.
"""

from __future__ import annotations

from preservation.model.deferred import dataclass


@dataclass(frozen=True, slots=True)
class Column:
    """One column as the page shows it."""

    key: str
    label: str
    kind: str = "text"


@dataclass(frozen=True, slots=True)
class View:
    """One table as the page shows it."""

    id: str
    caption: str
    columns: tuple[Column, ...]
    empty: str  # what is said when there is no row
    rows: str = ""  # the table of the report whose rows it shows; its own id by default

    @property
    def source(self) -> str:
        """Whose rows it shows."""
        return self.rows or self.id


_AIP = Column("aip", "AIP", "aip")
_TIER = Column("tier", "Tier", "code")

VIEWS = (
    View(
        "tasks",
        "What has to be done, the most pressing first",
        (
            Column("task", "To do"),
            Column("by", "By", "time"),
            Column("since_past", "Now due", "alarm"),
            Column("subjects", "What it is about", "names"),
            Column("next_step", "Next step", "step"),
        ),
        "Nothing has to be done.",
    ),
    View(
        "promises",
        "The policy’s promises, each judged by the rows of the table named",
        (
            Column("promise", "Promise"),
            Column("judged", "Judged", "number"),
            Column("broken", "Broken for", "alarm_number"),
            Column("verdict", "Verdict", "word"),
            Column("shown_in", "Counted in", "table"),
        ),
        "The policy promises nothing.",
    ),
    View(
        "tiers",
        "Tiers, and what stands on them",
        (
            _TIER,
            Column("technology", "Technology"),
            Column("site", "Site"),
            Column("operator", "Operator"),
            Column("failure_domain", "Failure domain, as observed", "observed"),
            Column("level", "Promised evidence", "level"),
            Column("max_age_seconds", "Not older than", "duration"),
            Column("replicas", "Replicas", "number"),
            Column("verified", "Verified", "number"),
            Column("damaged", "Damaged", "alarm_number"),
        ),
        "No tier keeps anything for this community.",
    ),
    View(
        "tier-checks",
        "Checks in this run, by tier",
        (
            _TIER,
            Column("checks", "Checks", "number"),
            Column("intact", "Intact", "number"),
            Column("altered", "Altered", "alarm_number"),
            Column("missing", "Missing", "alarm_number"),
            Column("unreadable", "Unreadable", "alarm_number"),
            Column("unchecked", "Tried, not checked", "alarm_number"),
            Column("bytes_read", "Read", "bytes"),
            Column("not_checked", "Replicas not checked", "number"),
            Column("overdue", "Overdue", "alarm_number"),
        ),
        "No tier keeps anything for this community.",
        "tiers",
    ),
    View(
        "ages",
        "Replicas by the age of their last check, in quarters of the promised maximum",
        (
            _TIER,
            Column("max_age_seconds", "Promised at most", "duration"),
            Column("quarter_1", "1st quarter", "number"),
            Column("quarter_2", "2nd quarter", "number"),
            Column("quarter_3", "3rd quarter", "number"),
            Column("quarter_4", "4th quarter", "number"),
            Column("never", "Never", "number"),
            Column("overdue", "Overdue", "alarm_number"),
            Column("oldest", "Oldest check", "time"),
        ),
        "No audit is promised.",
    ),
    View(
        "statements",
        "Samples, drills, brakes, retention and access",
        (Column("about", "About"), Column("statement", "What is known", "step")),
        "Nothing else is known.",
    ),
    View(
        "checks",
        "Fixity checks in this run, those that found trouble first",
        (
            Column("at", "When", "time"),
            _TIER,
            _AIP,
            Column("outcome", "Outcome", "word"),
            Column("level", "Evidence", "level"),
            Column("algorithms", "Digests", "names"),
            Column("files_intact", "Files intact", "number"),
            Column("files_other", "Files not intact", "alarm_number"),
            Column("bytes_read", "Read", "bytes"),
            Column("cache_bypassed", "Past the cache", "flag"),
            Column("reason", "Reason"),
            Column("event", "Event", "id"),
        ),
        "Nothing was checked.",
    ),
    View(
        "findings",
        "Findings that are open, or were closed in this run",
        (
            Column("code", "Finding", "code"),
            Column("severity", "Severity", "severity"),
            Column("state", "State", "word"),
            _TIER,
            _AIP,
            Column("files", "What was found", "files"),
            Column("actions", "What was done", "actions"),
            Column("hint", "Next step", "step"),
        ),
        "There is no finding.",
    ),
    View(
        "versions",
        "Copies of each AIP version against the policy",
        (
            _AIP,
            Column("standing", "By the policy", "word"),
            Column("verified", "Verified replicas", "number"),
            Column("promised", "Promised", "number"),
            Column("failure_domains", "Failure domains", "number"),
            Column("sites", "Sites", "number"),
            Column("lacks", "What it lacks", "names"),
            Column("files", "Files", "number"),
            Column("bytes", "Payload", "bytes"),
            Column("ingested_at", "Ingested", "time"),
            Column("identifier", "Identifier", "name"),
        ),
        "No AIP is held.",
    ),
    View(
        "replicas",
        "Replicas as they stand, those due first first",
        (
            _AIP,
            _TIER,
            Column("packaging", "Packaging"),
            Column("state", "State", "word"),
            Column("bytes", "Payload", "bytes"),
            Column("checked_at", "Last check", "time"),
            Column("outcome", "It found", "word"),
            Column("level", "Evidence", "level"),
            Column("due_at", "Next check by", "time"),
            Column("overdue", "Overdue", "alarm"),
            Column("weak", "Too weak", "alarm"),
            Column("all_digests_at", "By all digests", "time"),
            Column("part_compared", "Not by all in time", "alarm"),
            Column("checked_in_run", "In this run", "flag"),
        ),
        "There is no replica.",
    ),
    View(
        "formats",
        "Formats held, and how they age",
        (
            Column("id", "Identifier", "code"),
            Column("name", "Format", "name"),
            Column("version", "Version"),
            Column("mime", "MIME type", "code"),
            Column("files", "Files", "number"),
            Column("bytes", "Bytes", "bytes"),
            Column("doubtful", "Doubtful", "number"),
            Column("invalid", "Invalid", "alarm_number"),
            Column("changed", "Changed since ingest", "number"),
            Column("risk", "Risk", "word"),
            Column("standing", "In the policy", "word"),
        ),
        "No format is known: no AIP is held.",
    ),
    View(
        "deposits",
        "Deposits that were decided on in this run, or are waiting",
        (
            Column("at", "When", "time"),
            Column("deposit", "Deposit", "name"),
            Column("outcome", "Outcome", "word"),
            Column("reasons", "Reasons", "names"),
            Column("aip", "AIP", "id"),
            Column("version", "Version", "number"),
            Column("files", "Files", "number"),
            Column("bytes", "Payload", "bytes"),
            Column("invalid", "Invalid", "alarm_number"),
            Column("unscanned", "Not scanned", "number"),
            Column("virus", "Virus scan", "text"),
        ),
        "No deposit was decided on, and none is waiting.",
    ),
)
