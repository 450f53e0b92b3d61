"""The part of the policy language that says how deposits come in."""

from __future__ import annotations

from preservation.model.identifier import SCHEMES
from preservation.model.virus_scan import Demand
from preservation.policy.kinds import Choice, Field, Integer, Listing, Record, Weaker
from preservation.policy.texts import (
    CRON,
    DURATION,
    FORMAT,
    HOST,
    LABEL,
    MARKER,
    PATH,
    SIZE,
    SOME_TIME,
    ZONE,
)

_FORMATS = Listing(FORMAT, "a list of PUIDs, our identifiers, groups or MIME types", most=5000)
# The strictest first.
_ACTION = Choice(("refuse", "flag", "accept"))

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

NAMES = Record(
    (
        Field(
            "non_utf8",
            Choice(("refuse", "encode")),
            "What becomes of a deposit with names that are not UTF-8, which no manifest can hold. "
            "encode: such a name is kept in an encoded form, and metadata/names.csv of the AIP "
            "has the original, which an export gives back.",
            "non_utf8: encode",
            "refuse",
        ),
        Field(
            "portable",
            _ACTION,
            "What becomes of a deposit with names that not every system can hold: that Windows "
            "refuses, that end with a dot or a space, that hold control or invisible characters, "
            "that are longer than 240 bytes, or that differ from another by case or Unicode form "
            "alone (told as a warning in any case). All are kept byte for byte where it is taken.",
            "portable: refuse",
            "accept",
        ),
    )
)

_HOSTS = Listing(HOST, "a list of hosts", most=100)

FETCH = Record(
    (
        Field(
            "mode",
            Choice(("refuse", "fetch")),
            "What becomes of a bag whose fetch.txt names files that did not come with it. fetch: "
            "they are fetched into a folder of ours and held against the bag's manifests; the "
            "AIP has them, and no fetch.txt.",
            "mode: fetch",
            "refuse",
        ),
        Field(
            "schemes",
            Listing(Choice(("https", "http")), "a list of https and http", least=1, most=2),
            "How files may be fetched. http lets whoever is on the way read along.",
            "schemes: [https]",
            ["https"],
        ),
        Field(
            "hosts",
            _HOSTS,
            "From where. A host whose address is not public is refused all the same.",
            "hosts: [data.example.org]",
            [],
        ),
        Field(
            "internal",
            _HOSTS,
            "Hosts from which files may be fetched though their addresses are private: of the "
            "institution's own network.",
            "internal: [nas.example.org:8443]",
            [],
        ),
        Field(
            "size",
            SIZE,
            "All fetched files of one deposit together.",
            "size: 100 GiB",
            "100 GiB",
            stored="octets",
        ),
        Field(
            "within",
            SOME_TIME,
            "How long fetching for one deposit may take.",
            "within: 6h",
            "6h",
        ),
    )
)

RELEASE = Record(
    (
        Field(
            "mode",
            Choice(("keep", "move", "delete")),
            "What becomes of a deposit in the inbox that was taken in as an AIP. move: it goes "
            "into another folder. delete: it is removed. Either only if nothing in it changed "
            "since, and while the AIP has its minimum of verified replicas. One that was rejected, "
            "or whose content was held already, always stays.",
            "mode: move",
            "keep",
            weaker=Weaker.LATER,
        ),
        Field(
            "after",
            DURATION,
            "How long after it was taken in.",
            "after: 90d",
            "30d",
            weaker=Weaker.LESS,
        ),
        Field(
            "to",
            PATH,
            "Where to, with mode: move; on the inbox's file system. Each deposit comes to lie in a "
            "folder of its own, named after its AIP.",
            "to: released/silk-road",
            "released/<community>",
            own=True,
        ),
    )
)

FORMATS = Record(
    (
        Field(
            "preferred",
            _FORMATS,
            "Formats that this community asks for. The most precise entry of the three lists "
            "decides: an identifier, else a group, else a MIME type.",
            "preferred: [group:tabular, fmt/477]",
            [],
        ),
        Field(
            "accepted",
            _FORMATS,
            "Formats that are as welcome as others, whatever unlisted says.",
            "accepted: [group:spreadsheet]",
            [],
        ),
        Field(
            "refused",
            _FORMATS,
            "A deposit with a file of such a format is rejected; the receipt names a better one.",
            "refused: [group:executable, x-fmt/411]",
            [],
        ),
        Field(
            "unlisted",
            _ACTION,
            "What becomes of a deposit with a file whose format no list names. flag: taken, with "
            "a warning that is kept with the AIP.",
            "unlisted: flag",
            "accept",
        ),
        Field(
            "unidentified",
            _ACTION,
            "The same for a file whose format nobody knows.",
            "unidentified: refuse",
            "accept",
        ),
        Field(
            "doubtful",
            _ACTION,
            "The same for a file whose format is known, but doubtful: tools that disagree, a name "
            "that says otherwise, a file that is cut or empty.",
            "doubtful: flag",
            "accept",
        ),
        Field(
            "invalid",
            _ACTION,
            "The same for a file that its format's own library cannot read.",
            "invalid: refuse",
            "flag",
        ),
        Field(
            "check",
            Choice(("on", "off")),
            "Whether files are checked by their formats' own libraries while they are taken in.",
            "check: off",
            "on",
            weaker=Weaker.LATER,
        ),
    )
)

SCHEME_LIST = Listing(Choice(SCHEMES), f"a list of {', '.join(SCHEMES)}", most=len(SCHEMES))

IDENTIFIERS = Record(
    (
        Field(
            "required",
            SCHEME_LIST,
            "Schemes of which a deposit must name an identifier, in bag-info.txt "
            "(External-Identifier), DataCite or RO-Crate; without one it is rejected. Others may "
            "come along. Each belongs to one AIP of the community.",
            "required: [doi]",
            [],
        ),
        Field(
            "status",
            Choice(("live", "reserved")),
            "What an identifier is when it comes with a deposit: reserved where it resolves only "
            "after publication.",
            "status: reserved",
            "live",
        ),
    )
)

METADATA_ELEMENTS = {
    "title": "what the data set is called",
    "creator": "who made it",
    "publisher": "who publishes or sends it",
    "year": "when it was published or made",
    "license": "what others may do with it",
    "description": "what it is",
    "contact": "whom to ask about it",
}

METADATA = Record(
    (
        Field(
            "required",
            Listing(
                Choice(tuple(METADATA_ELEMENTS)),
                f"a list of {', '.join(METADATA_ELEMENTS)}",
                most=len(METADATA_ELEMENTS),
            ),
            "What a deposit must say about itself, in DataCite (datacite.json, datacite.xml), "
            "RO-Crate or bag-info.txt; otherwise it is rejected.",
            "required: [title, creator, license]",
            [],
        ),
        Field(
            "bag_info",
            Listing(LABEL, "a list of elements of bag-info.txt", most=100),
            "Elements that bag-info.txt must have, whatever else says the same. A deposit that is "
            "no bag has none, and is rejected.",
            "bag_info: [Contact-Name, Contact-Email]",
            [],
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
            SCHEME_LIST,
            "Identifier schemes by which a changed deposit becomes the next version of an AIP "
            "that the community holds. With none, each is a new AIP.",
            "lineage: [doi, cstr]",
            [],
        ),
        Field("metadata", METADATA, "What deposits must say about themselves."),
        Field("identifiers", IDENTIFIERS, "Persistent identifiers of deposits."),
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
        Field("fetch", FETCH, "What becomes of bags that are not whole: BagIt's fetch.txt."),
        Field("release", RELEASE, "What becomes of deposits that were taken in."),
        Field("names", NAMES, "Which names of files are taken, and how they are kept."),
        Field(
            "virus_scan",
            Choice(tuple(one.value for one in Demand)),
            "Whether files are scanned for viruses. required: a deposit with a file that could "
            "not be scanned is rejected, and nothing is taken in while the daemon is away. "
            "when-available: what was not scanned is taken, and said to be so. An infected "
            "deposit is rejected either way.",
            "virus_scan: required",
            "off",
            weaker=Weaker.LATER,
        ),
        Field("formats", FORMATS, "Which formats are welcome."),
    )
)
