"""The policy language: one table of fields.

The checker, the JSON Schemas, ``docs/reference/policy.md`` and the comparison of two policies
are all made from what stands here. A field enters the table together with the code that does
what it says, and with its place in ``preservation.policy.policy``.
"""

from __future__ import annotations

from dataclasses import replace

from preservation.model.replica import Packaging
from preservation.policy.audit import AUDIT, audit_rule
from preservation.policy.bucket import BUCKET_FIELDS, KINDS
from preservation.policy.drill import DRILL
from preservation.policy.intake import INTAKE
from preservation.policy.kinds import (
    Choice,
    Field,
    Integer,
    Language,
    Listing,
    Record,
    Table,
    Weaker,
)
from preservation.policy.people import NOTIFY, REPORTS
from preservation.policy.retention import ACCESS, RETENTION, floor_fields
from preservation.policy.texts import (
    ACCOUNT,
    BANDWIDTH,
    COMMUNITY_ID,
    DURATION,
    LANGUAGE_TAG,
    LINE,
    PATH,
    READ_PRICE,
    SOME_TIME,
    STORED_PRICE,
    TIER_ID,
)

VERSION = 1

REPLICA = Record(
    (
        Field("tier", TIER_ID, "Where it is kept.", "tier: vault", here=True),
        Field(
            "packaging",
            Choice(tuple(one.value for one in Packaging)),
            "As a folder, or as one samarkand-tar-1. The first replica is a folder.",
            "packaging: tar",
            here=True,
        ),
        Field(
            "within",
            SOME_TIME,
            "How long after ingest, or after the policy that promised it first, it may take until "
            "it is there.",
            "within: 1d",
            "1d",
            weaker=Weaker.MORE,
        ),
    )
)


def _minimum(defaults: tuple[int, int, int] | None) -> Record:
    replicas, domains, sites = defaults or (None, None, None)
    return Record(
        (
            Field(
                "replicas",
                Integer(1, 20),
                "Verified replicas of each AIP version.",
                "replicas: 3",
                replicas,
                weaker=Weaker.LESS,
            ),
            Field(
                "failure_domains",
                Integer(1, 20),
                "Groups of replicas that do not fail together: devices, hosts, credentials.",
                "failure_domains: 2",
                domains,
                weaker=Weaker.LESS,
            ),
            Field(
                "sites",
                Integer(1, 20),
                "Places, as tiers.yaml declares them.",
                "sites: 2",
                sites,
                weaker=Weaker.LESS,
            ),
        )
    )


REPAIR = Record(
    (
        Field(
            "mode",
            Choice(("approved", "automatic")),
            "Whether a person decides that damaged bytes are replaced. They are kept in "
            "quarantine either way.",
            "mode: automatic",
            "automatic",
            weaker=Weaker.LATER,
        ),
        Field(
            "approvers",
            Listing(ACCOUNT, "a list of account names", most=100),
            "Who may decide; only with mode: approved.",
            "approvers: [archivist, archivist2]",
            [],
        ),
    )
)

_VERSION = Field(
    "version",
    Integer(VERSION, VERSION),
    "The version of this language.",
    "version: 1",
    here=True,
)

_PROMISES = (
    _VERSION,
    Field(
        "community",
        COMMUNITY_ID,
        "Its id, which is the file's name too. Never renamed, never used again.",
        "community: silk-road",
        here=True,
        own=True,
    ),
    Field(
        "title",
        Table(LANGUAGE_TAG, LINE, "a mapping from language tags to titles", must_have="en"),
        "Its name for people, in English and any other language.",
        "title: {en: Silk Road, ru: Шёлковый путь}",
        own=True,
    ),
    Field("contact", LINE, "Whom to ask.", "contact: archive@example.org"),
    Field("intake", INTAKE, "How deposits come in."),
    Field(
        "replicas",
        Listing(
            REPLICA, "a list of replicas, each with tier and packaging", 1, 20, named_by="tier"
        ),
        "Where replicas are kept. The first is the one that ingest writes.",
        "replicas: [{tier: vault, packaging: folder}]",
        weaker=Weaker.REMOVED,
    ),
    Field("minimum", _minimum((2, 1, 1)), "What is true of every AIP version at any time."),
    Field("audit", AUDIT, "How the replicas are proven to be intact."),
    Field("repair", REPAIR, "How damage is mended."),
    Field("retention", RETENTION, "How long AIP versions are kept, and who ends it."),
    Field("access", ACCESS, "Who gets AIPs out again, where nothing else was said of one."),
    Field(
        "statements",
        Listing(TIER_ID, "a list of tiers of kind archivematica", most=20),
        "Whose own fixity statements are asked for and recorded, as theirs: they count for nothing "
        "that is promised here.",
        "statements: [partner]",
        [],
        own=True,
    ),
    Field(
        "notify",
        NOTIFY,
        "Who is told what happens, and how often.",
        "notify: [{to: mailto:archive@example.org, digest: weekly}]",
        [],
        weaker=Weaker.REMOVED,
    ),
    Field("drill", DRILL, "Where the nightly machinery is put to the test."),
    Field("reports", REPORTS, "Which reports are written by themselves, beside the nightly one."),
)

FLOOR = Record(
    (
        Field("minimum", _minimum(None), "No community promises less."),
        Field("audit", Record(audit_rule(None)), "No community's evidence is weaker or older."),
        Field("retention", floor_fields(), "No community keeps less long, or asks fewer people."),
    )
)

COMMUNITY = Language("<community>.yaml", "A community's policy", Record(_PROMISES))


def _inheritable(record: Record) -> Record:
    """The record without the fields that belong to one community alone."""
    kept = (one for one in record.fields if not one.own)
    return replace(
        record,
        fields=tuple(
            replace(one, kind=_inheritable(one.kind)) if isinstance(one.kind, Record) else one
            for one in kept
        ),
    )


BASELINE = Language(
    "baseline.yaml",
    "What every community inherits",
    Record(
        (*_inheritable(Record(_PROMISES)).fields, Field("floor", FLOOR, "What none may go under."))
    ),
)

MEDIA = ("disk", "raid", "flash", "tape", "optical", "object store")

COST = Record(
    (
        Field(
            "stored",
            STORED_PRICE,
            "For keeping.",
            "stored: 0.02 USD per GB and month",
            default="",
        ),
        Field("read", READ_PRICE, "For reading.", "read: 0.01 USD per GB", default=""),
    )
)

TIER = Record(
    (
        Field(
            "kind",
            Choice(KINDS),
            "How it is reached: a folder; a bucket of any S3-compatible service, which keeps tars "
            "only; a bucket whose objects are recalled before they can be read; another "
            "institution's Archivematica Storage Service, which is asked and never written to.",
            "kind: local",
            here=True,
        ),
        Field(
            "path",
            PATH,
            "Of kind local: its root. No tier lies in another.",
            "path: tiers/vault",
            "",
        ),
        *BUCKET_FIELDS,
        Field(
            "site",
            LINE,
            "Where it stands; equal for tiers at one place.",
            "site: Tashkent",
            here=True,
        ),
        Field("operator", LINE, "Who runs it.", "operator: IT department", here=True),
        Field("technology", LINE, "What it is kept on.", "technology: RAID-6 of disks", here=True),
        Field(
            "medium",
            Choice(MEDIA),
            "The nearest kind of medium: whose fault rates `policy simulate` reckons with.",
            "medium: tape",
            "disk",
        ),
        Field(
            "retrieval",
            DURATION,
            "How long it takes until reading can begin: a tape to be mounted, a cold object.",
            "retrieval: 12h",
            "0s",
        ),
        Field(
            "bandwidth",
            BANDWIDTH,
            "How fast one process writes and reads there, altogether: copying, reading back, "
            "checking. Several workers have as much each.",
            "bandwidth: 50 MiB/s",
            "unlimited",
        ),
        Field(
            "checks_at_once",
            Integer(0, 64),
            "How many replicas one process checks there at a time. 0: as many as it has cores, at "
            "most 4; on tapes and optical discs one.",
            "checks_at_once: 1",
            0,
        ),
        Field("cost", COST, "What it asks for; `policy plan` and `policy simulate` sum it up."),
    )
)

TIERS = Language(
    "tiers.yaml",
    "The storage that exists",
    Record(
        (
            _VERSION,
            Field(
                "tiers",
                Table(TIER_ID, TIER, "a mapping from ids to tiers"),
                "Every place that may keep replicas.",
                "tiers: {vault: {kind: local, path: tiers/vault}}",
                here=True,
            ),
        )
    ),
)

LANGUAGES = (COMMUNITY, BASELINE, TIERS)
