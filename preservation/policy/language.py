"""The policy language: one table of fields.

The checker, the JSON Schemas, ``docs/reference/policy.md`` and the comparison of two policies
are all made from what stands here. A field enters the table together with the code that does
what it says, and with its place in ``preservation.policy.policy``.
"""

from __future__ import annotations

from datetime import timedelta

from preservation.model.outcome import Level
from preservation.model.replica import Packaging
from preservation.model.units import format_duration, format_size, parse_duration, parse_size
from preservation.policy import cron
from preservation.policy.kinds import (
    Choice,
    Field,
    Integer,
    Language,
    Listing,
    Record,
    Table,
    Text,
    Weaker,
)

VERSION = 1
# No controls, no line or direction marks that could make a line read as another.
_LINE = (
    r"[^\u0000-\u0020\u007f-\u00a0\u2028-\u202e\u2066-\u2069\ufeff]"
    r"(?:[^\u0000-\u001f\u007f-\u009f\u2028-\u202e\u2066-\u2069\ufeff]{0,198}"
    r"[^\u0000-\u0020\u007f-\u00a0\u2028-\u202e\u2066-\u2069\ufeff])?"
)
LINE = Text("one line of text, at most 200 characters", _LINE)
# The same form as model.replica.check_id.
_ID = r"(?!.*--)[a-z][a-z0-9-]{0,61}[a-z0-9]"
_ID_WORDS = "2 to 63 of a-z, 0-9 and single hyphens, beginning with a letter"
COMMUNITY_ID = Text(_ID_WORDS, _ID)
TIER_ID = Text(f"a tier of tiers.yaml: {_ID_WORDS}", _ID)
_PART = r"(?!\.{1,2}(?:/|$))[^/\u0000-\u001f\u007f\\]+"
PATH = Text(
    "a path, absolute or below the home, without . or .. or ~",
    rf"(?!~)/?{_PART}(?:/{_PART})*",
)
_TIME = r"(?:[0-9]{1,6} ?[smh]|[0-9]{1,5} ?d|[0-9]{1,4} ?w|[0-9]{1,2} ?y)"


def _seconds(text: str) -> int:
    return int(parse_duration(text).total_seconds())


def _spell_seconds(value: int) -> str:
    return format_duration(timedelta(seconds=value))


def _spell_octets(value: int) -> str:
    return f"{format_size(value)} ({value} B)"


DURATION = Text(
    "a duration with its unit: 30s, 15m, 12h, 90d, 2w, 10y", _TIME, _seconds, spell=_spell_seconds
)
SOME_TIME = Text(
    "a duration above 0 with its unit: 30s, 15m, 12h, 90d, 2w, 10y",
    rf"(?=.*[1-9]){_TIME}",
    _seconds,
    spell=_spell_seconds,
)
_PARTS = r"(?:\.[0-9]{1,3})?"
SIZE = Text(
    "a size above 0 with its unit: 500 MB, 20 GiB, 2 TiB, up to 7 PiB",
    rf"(?=.*[1-9])(?:[0-9]{{1,9}} ?B|[0-9]{{1,9}}{_PARTS} ?(?:kB|KiB|MB|MiB)"
    rf"|[0-9]{{1,6}}{_PARTS} ?Gi?B|(?:[0-9]{{1,3}}|[1-7][0-9]{{3}}){_PARTS} ?Ti?B"
    rf"|[0-7]{_PARTS} ?Pi?B)",
    parse_size,
    spell=_spell_octets,
)
CRON = Text(cron.WORDS, cron.PATTERN, wrong=cron.wrong_schedule)
ZONE = Text(cron.ZONE_WORDS, cron.ZONE_PATTERN, wrong=cron.wrong_zone)
LANGUAGE_TAG = Text(
    "a language tag like en, zh or uz-Latn", r"[a-z]{2,3}(?:-[A-Za-z0-9]{2,8}){0,3}"
)
FORMAT = Text(
    "a PUID like fmt/18, or a MIME type like text/csv",
    r"(?:x-)?fmt/[0-9]{1,5}"
    r"|(?:application|audio|chemical|font|image|message|model|multipart|text|video)"
    r"/[a-z0-9][a-z0-9.+-]{0,99}",
)
MARKER = Text(
    "a file name without /, at most 100 characters",
    r"(?!\.{1,2}$)[^/\u0000-\u001f\u007f\\]{1,100}",
)
ACCOUNT = Text("an account name: letters, digits and . _ @ -", r"[A-Za-z0-9][A-Za-z0-9._@-]{0,63}")

_FORMATS = Listing(FORMAT, "a list of PUIDs or MIME types", most=5000)

COMPLETE = Record(
    (
        Field(
            "quiet",
            DURATION,
            "Complete when nothing in it has changed for so long.",
            "quiet: 15m",
            default="0s",
        ),
        Field(
            "marker",
            MARKER,
            "Complete when a file of this name lies at the top of a folder; for a serialised "
            "deposit, when its own name with this added lies beside it (corpus.tar.READY).",
            "marker: .READY",
            default="",
        ),
    ),
    one_of=True,
    words="quiet or marker",
)

LIMITS = Record(
    (
        Field("files", Integer(1, 100_000_000), "How many files.", "files: 500000", 1_000_000),
        Field("size", SIZE, "All files together.", "size: 2 TiB", "2 TiB", stored="octets"),
        Field(
            "file_size",
            SIZE,
            "The largest file.",
            "file_size: 500 GiB",
            "1 TiB",
            stored="file_octets",
        ),
        Field(
            "path",
            Integer(1, 4096, "bytes"),
            "The longest path inside the deposit.",
            "path: 2048",
            4096,
            stored="path_octets",
        ),
        Field("depth", Integer(1, 1000), "Folders inside each other.", "depth: 50", 100),
        Field(
            "ratio",
            Integer(1, 100_000),
            "Unpacked bytes for each packed byte of a serialised deposit: a guard against bombs.",
            "ratio: 200",
            200,
        ),
    )
)

FORMATS = Record(
    (
        Field(
            "preferred",
            _FORMATS,
            "Formats that this community asks for. Others are taken; reports tell the two apart.",
            "preferred: [x-fmt/18, text/csv]",
            [],
        ),
        Field(
            "refused",
            _FORMATS,
            "A deposit with a file of such a format is rejected.",
            "refused: [x-fmt/411]",
            [],
        ),
        Field(
            "unidentified",
            Choice(("refuse", "accept")),
            "What becomes of a deposit with a file whose format nobody knows.",
            "unidentified: refuse",
            "accept",
        ),
    )
)

INTAKE = Record(
    (
        Field(
            "inbox",
            PATH,
            "Where deposits arrive. No two communities share one.",
            "inbox: inbox/silk-road",
            "inbox/<community>",
            own=True,
        ),
        Field(
            "complete",
            COMPLETE,
            "When a deposit in the inbox is complete. Replaced as a whole, never merged.",
            "complete: {quiet: 15m}",
            {"quiet": "15m"},
        ),
        Field(
            "schedule",
            CRON,
            "When the inbox is looked at.",
            'schedule: "*/15 * * * *"',
            "*/15 * * * *",
        ),
        Field("timezone", ZONE, "Of the schedule.", "timezone: Asia/Tashkent", "UTC"),
        Field("limits", LIMITS, "What a deposit may be at most. More is rejected."),
        Field(
            "lineage",
            Listing(Choice(("doi", "cstr")), "a list of doi and cstr", most=2),
            "Identifier schemes by which a changed deposit becomes the next version of an AIP "
            "that the community holds. With none, each is a new AIP.",
            "lineage: [doi, cstr]",
            [],
        ),
        Field(
            "digests",
            Listing(
                Choice(("sha256", "sha512", "sha3256", "sha3512", "blake2b512")),
                "a list of algorithms, sha256 among them",
                least=1,
                most=5,
                must_have="sha256",
            ),
            "Algorithms of the payload manifests.",
            "digests: [sha256, sha512]",
            ["sha256", "sha512"],
            stored="algorithms",
            weaker=Weaker.REMOVED,
        ),
        Field("formats", FORMATS, "Which formats are welcome."),
    )
)

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
            "How long after ingest it may take until it is there.",
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


# Evidence below E2 can never say that a replica is intact, and nothing here reads from recall.
LEVEL = Choice((Level.E3.value, Level.E2.value))


def _audit_rule(level: str | None) -> tuple[Field, Field]:
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


AUDIT = Record(
    (
        Field("schedule", CRON, "When audits run.", 'schedule: "0 2 * * *"', "0 2 * * *"),
        Field("timezone", ZONE, "Of the schedule.", "timezone: Asia/Tashkent", "UTC"),
        Field("budget", SIZE, "What one run reads at most.", "budget: 500 GiB", "1 TiB"),
        Field(
            "tiers",
            Table(TIER_ID, Record(_audit_rule("E3")), "a mapping from tiers to rules"),
            "How strong and how fresh the evidence is, for each tier that keeps a replica.",
            "tiers: {vault: {level: E3, max_age: 90d}}",
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
)

FLOOR = Record(
    (
        Field("minimum", _minimum(None), "No community promises less."),
        Field("audit", Record(_audit_rule(None)), "No community's evidence is weaker or older."),
    )
)

COMMUNITY = Language("<community>.yaml", "A community's policy", Record(_PROMISES))


def _inheritable(record: Record) -> Record:
    """The record without the fields that belong to one community alone."""
    kept = []
    for one in record.fields:
        if not one.own:
            inner = _inheritable(one.kind) if one.kind is INTAKE else one.kind
            kept.append(Field(one.name, inner, one.meaning, one.example, one.default, one.here))
    return Record(tuple(kept))


BASELINE = Language(
    "baseline.yaml",
    "What every community inherits",
    Record(
        (*_inheritable(Record(_PROMISES)).fields, Field("floor", FLOOR, "What none may go under."))
    ),
)

TIER = Record(
    (
        Field("kind", Choice(("local",)), "How it is reached.", "kind: local", here=True),
        Field("path", PATH, "Its root. No tier lies in another.", "path: tiers/vault", here=True),
        Field(
            "site",
            LINE,
            "Where it stands; equal for tiers at one place.",
            "site: Tashkent",
            here=True,
        ),
        Field("operator", LINE, "Who runs it.", "operator: IT department", here=True),
        Field("technology", LINE, "What it is kept on.", "technology: RAID-6 of disks", here=True),
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
