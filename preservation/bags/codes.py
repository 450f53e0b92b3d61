"""Everything that can be wrong with a bag, in one table.

``docs/reference/finding-codes.md`` is made from it. A MUST of the RFC is an error, a SHOULD a
warning; what would make us read outside the bag, or hang, is an error whatever the RFC says.
Versions before 1.0 allowed more: ``before_1_0`` is the severity there, where it differs.

Source: RFC 8493, whose section numbers are the clauses. It says nothing about serialisation; the
drafts before it did (draft-kunze-bagit-14 section 4): what holds for archives comes from there.
"""

from __future__ import annotations

from preservation.model.deferred import dataclass
from preservation.model.finding import Severity

_ERROR, _WARNING = Severity.ERROR, Severity.WARNING


@dataclass(frozen=True, slots=True)
class Code:
    """One thing that can be wrong.

    Attributes:
        clause: section of RFC 8493; ``-`` where it is ours; BagIt Profiles where it is theirs.
        before_1_0: severity in bags that declare an earlier version.
    """

    code: str
    clause: str
    severity: Severity
    meaning: str
    hint: str
    before_1_0: Severity


def _code(
    code: str,
    clause: str,
    meaning: str,
    hint: str,
    severity: Severity = _ERROR,
    before_1_0: Severity | None = None,
) -> tuple[str, Code]:
    return code, Code(code, clause, severity, meaning, hint, before_1_0 or severity)


_REBAG = "Make the bag again with a tool that follows RFC 8493."
_PROFILE = "Profiles 1.4"
_RESEND = "Ask for the file, or the whole bag, once more."

CODES: dict[str, Code] = dict(
    (
        _code(
            "BAG-DECLARATION-MISSING",
            "2.1.1",
            "There is no bagit.txt, so this is not a bag.",
            "Point at the folder that holds bagit.txt, or deposit it as a plain folder.",
        ),
        _code(
            "BAG-DECLARATION",
            "2.1.1",
            "bagit.txt is not the two lines that it must be.",
            "It says `BagIt-Version: 1.0`, then `Tag-File-Character-Encoding: UTF-8`.",
        ),
        _code(
            "BAG-DECLARATION-LINES",
            "2.1.1",
            "bagit.txt has other lines, or its two lines are in the wrong order.",
            "It says `BagIt-Version: 1.0`, then `Tag-File-Character-Encoding: UTF-8`.",
            before_1_0=_WARNING,
        ),
        _code(
            "BAG-VERSION",
            "2.1.1",
            "The bag declares a version of BagIt that does not exist.",
            "0.93 to 0.97 and 1.0 exist.",
        ),
        _code(
            "BAG-ENCODING-UNKNOWN",
            "2.1.1",
            "The declared encoding of the tag files is not known.",
            "Write the tag files in UTF-8 and declare that.",
        ),
        _code(
            "BAG-ENCODING-NOT-UTF8",
            "2.1.1",
            "The tag files are declared in another encoding than UTF-8.",
            "Write the tag files in UTF-8 and declare that.",
            _WARNING,
        ),
        _code(
            "BAG-TAG-ENCODING",
            "2.3",
            "A tag file is not text in the declared encoding.",
            "Save the file in the encoding that bagit.txt declares.",
        ),
        _code(
            "BAG-TAG-BOM",
            "2.3",
            "A tag file in UTF-8 begins with a byte-order mark.",
            "Save the file without a byte-order mark.",
        ),
        _code(
            "BAG-TAG-TOO-LARGE",
            "-",
            "A tag file, or a line in it, is larger than any real one.",
            "Look into the file: it may be damaged, or made to harm.",
        ),
        _code(
            "BAG-TAG-UNREADABLE",
            "3",
            "A tag file that the bag needs cannot be read.",
            "Check the disk.",
        ),
        _code(
            "BAG-PAYLOAD-FOLDER",
            "2.1.2",
            "There is no payload folder data/.",
            "Put the payload below data/, or make an empty folder data/.",
        ),
        _code(
            "BAG-MANIFEST-MISSING",
            "2.1.3",
            "There is no payload manifest.",
            "Make manifest-sha512.txt; an empty payload has an empty manifest.",
        ),
        _code(
            "BAG-MANIFEST-LINE",
            "2.1.3",
            "A manifest line is not a checksum, white space, and a path.",
            _REBAG,
        ),
        _code(
            "BAG-MANIFEST-DIGEST",
            "2.1.3",
            "A manifest line's checksum is not one: wrong length or not hexadecimal.",
            _REBAG,
        ),
        _code(
            "BAG-MANIFEST-ASTERISK",
            "2.1.3",
            "A manifest path has the `*` of md5sum's binary mode before it.",
            "Remove the `*` from the manifest.",
            before_1_0=_WARNING,
        ),
        _code(
            "BAG-MANIFEST-TWICE",
            "2.1.3",
            "A manifest lists a path twice with the same checksum.",
            "Remove one of the two lines.",
            before_1_0=_WARNING,
        ),
        _code(
            "BAG-MANIFEST-CONTRADICTS",
            "2.1.3",
            "A manifest lists a path twice with different checksums.",
            _REBAG,
        ),
        _code(
            "BAG-MANIFEST-DIFFER",
            "2.1.3",
            "A payload file is in one payload manifest but not in another.",
            _REBAG,
        ),
        _code(
            "BAG-ALGORITHM-NAME",
            "2.4",
            "A manifest's file name does not spell its algorithm as it must.",
            "Lower case, letters and digits only: manifest-sha256.txt.",
            before_1_0=_WARNING,
        ),
        _code(
            "BAG-ALGORITHM-UNKNOWN",
            "2.4",
            "A manifest uses an algorithm that we cannot compute; it was not verified.",
            "Add a manifest with SHA-256 or SHA-512.",
        ),
        _code(
            "BAG-PATH-OUTSIDE",
            "2.1.3",
            "A payload manifest lists something that is not below data/.",
            "Paths begin with data/ and use the slash; tag files belong in a tag manifest.",
        ),
        _code(
            "BAG-PATH-UNSAFE",
            "5.1",
            "A path could lead out of the bag: absolute, with `.`, `..`, an empty part or NUL.",
            _REBAG,
        ),
        _code(
            "BAG-PATH-DOT-SLASH",
            "2.1.3",
            "A path in a manifest begins with `./`.",
            "Remove the `./` from the manifest.",
            before_1_0=_WARNING,
        ),
        _code(
            "BAG-PATH-ESCAPE",
            "2.1.3",
            "A path in a manifest has a percent sign that is not %25, %0A or %0D.",
            "Write each percent sign of a name as %25.",
        ),
        _code(
            "BAG-PATH-BACKSLASH",
            "2.1.3",
            "A name contains a backslash, which Windows takes for a separator.",
            "Rename the file if the bag has to be read on Windows.",
            _WARNING,
        ),
        _code(
            "BAG-TAGMANIFEST-PAYLOAD",
            "2.2.1",
            "A tag manifest lists a payload file.",
            _REBAG,
        ),
        _code(
            "BAG-TAGMANIFEST-SELF",
            "2.2.1",
            "A tag manifest lists a tag manifest.",
            _REBAG,
            before_1_0=_WARNING,
        ),
        _code(
            "BAG-TAGMANIFEST-PARTIAL",
            "2.2.1",
            "A tag manifest does not list a payload manifest.",
            _REBAG,
            before_1_0=_WARNING,
        ),
        _code(
            "BAG-TAGMANIFEST-DIFFER",
            "2.2.1",
            "A tag file is in one tag manifest but not in another.",
            "Make the tag manifests again.",
            _WARNING,
        ),
        _code(
            "BAG-TAGMANIFEST-ALGORITHMS",
            "2.2.1",
            "Tag manifests and payload manifests use different algorithms.",
            "Have a tag manifest for each payload manifest, if the receiver wants it so.",
            _WARNING,
        ),
        _code(
            "BAG-TAG-UNLISTED",
            "2.2.1",
            "A tag file is in no tag manifest, so nothing protects it.",
            "Make the tag manifests again.",
            _WARNING,
        ),
        _code(
            "BAG-INFO-LINE",
            "2.2.2",
            "A line of bag-info.txt is not `Label: value` nor the continuation of one.",
            "Write a label, a colon, one space, and the value.",
        ),
        _code(
            "BAG-INFO-SPACE",
            "2.2.2",
            "A line of bag-info.txt has white space before its colon, or none after it.",
            "Write a label, a colon, one space, and the value.",
        ),
        _code(
            "BAG-INFO-REPEATED",
            "2.2.2",
            "bag-info.txt repeats an element that should stand there once.",
            "Keep the line that is right.",
            _WARNING,
        ),
        _code(
            "BAG-OXUM-SYNTAX",
            "2.2.2",
            "Payload-Oxum is not octets, a full stop, and a number of files.",
            "Write it as 279164409832.1198, or remove the line.",
        ),
        _code(
            "BAG-OXUM-REPEATED",
            "2.2.2",
            "Payload-Oxum is there more than once.",
            "Keep the line that is right.",
            before_1_0=_WARNING,
        ),
        _code(
            "BAG-OXUM",
            "2.2.2",
            "The payload does not have as many octets or files as Payload-Oxum says.",
            "The bag is incomplete, or files were added: compare with the sender's.",
        ),
        _code(
            "BAG-OXUM-ABSENT",
            "-",
            "Only Payload-Oxum was to be checked, and the bag has none: nothing was checked.",
            "Check completeness, or everything.",
        ),
        _code(
            "BAG-FETCH",
            "2.2.3",
            "The bag has a fetch.txt: parts of it may lie elsewhere.",
            "Fetch the files, then remove fetch.txt and its lines in the tag manifests.",
            _WARNING,
        ),
        _code(
            "BAG-FETCH-LINE",
            "2.2.3",
            "A line of fetch.txt is not an absolute URL, a length, and a path.",
            "Write `https://… 1234 data/…`, or `-` for an unknown length.",
        ),
        _code(
            "BAG-FETCH-PATH",
            "2.2.3",
            "fetch.txt names something that is not a payload file of this bag.",
            "Every path in fetch.txt is below data/ and in every payload manifest.",
        ),
        _code(
            "BAG-FETCH-ABSENT",
            "3",
            "A payload file was not fetched yet.",
            "Complete the bag by its fetch.txt, then try again.",
        ),
        _code("BAG-FILE-MISSING", "3", "A file that a manifest lists is not there.", _RESEND),
        _code(
            "BAG-FILE-DIFFERS",
            "3",
            "A file's bytes are not those that the manifest records.",
            _RESEND,
        ),
        _code(
            "BAG-FILE-UNLISTED",
            "3",
            "A payload file is in no payload manifest.",
            "Remove the file, or make the manifests again if it belongs there.",
        ),
        _code(
            "BAG-FILE-UNREADABLE",
            "3",
            "A file cannot be read, so it was not verified.",
            "Check the disk.",
        ),
        _code(
            "BAG-UNCHECKED",
            "-",
            "It may not be read from here, so nothing is known about it.",
            "Validate again as somebody who may read all of the bag, or when its disk answers.",
        ),
        _code(
            "BAG-FILE-IRREGULAR",
            "5.1",
            "A link, FIFO, device or socket is in the bag; it was not opened.",
            "Put the file itself in its place.",
        ),
        _code(
            "BAG-NAME-NORMALISED",
            "6.1.1",
            "A name is spelled in another Unicode form on disk than in the manifest.",
            "Make the manifests again where the files are now.",
            _WARNING,
        ),
        _code(
            "BAG-NAME-ENCODED",
            "2.1.3",
            "A name is percent-encoded otherwise on disk than in the manifest.",
            "Make the manifests again with a tool that follows RFC 8493.",
        ),
        _code(
            "BAG-NAMES-COLLIDE",
            "6.1.1",
            "Two names differ only in case or Unicode form: some systems keep only one.",
            "Rename one of the two before the bag goes to such a system.",
            _WARNING,
        ),
        _code(
            "BAG-ARCHIVE-TOP",
            "2",
            "The archive is not one folder, the bag's, and nothing beside it.",
            "Pack the bag's folder from the folder that it lies in, and nothing else.",
        ),
        _code(
            "BAG-ARCHIVE-NAME",
            "-",
            "The archive has another name than the bag's folder in it.",
            "Name it like the folder, with the extension of its kind.",
            _WARNING,
        ),
        _code(
            "BAG-ARCHIVE-EXTENSION",
            "-",
            "The archive's name does not end with the extension of its kind.",
            "Name it like the bag's folder, with the extension of its kind: mybag.tar.gz.",
            _WARNING,
            before_1_0=_ERROR,
        ),
        _code(
            "BAG-ARCHIVE-DAMAGED",
            "3",
            "The archive cannot be read to its end, so the bag cannot be unpacked whole.",
            "Ask for the archive once more.",
        ),
        _code(
            "BAG-ARCHIVE-AMBIGUOUS",
            "-",
            "The archive has octets that belong to no member, or to two.",
            "Pack the bag again: programs would not agree on what is in it.",
        ),
        _code(
            "BAG-ARCHIVE-LIMIT",
            "-",
            "The archive, or something in it, is beyond what a real one is.",
            "Look into it with care: it may be made to harm.",
        ),
        _code(
            "BAG-MEMBER-TWICE",
            "-",
            "The archive holds a path twice, so what is unpacked depends on the program.",
            "Pack the bag again.",
        ),
        _code(
            "BAG-MEMBER-AMBIGUOUS",
            "-",
            "The archive's directory and the header beside a file contradict each other.",
            "Pack the bag again: programs would not agree on what is in it.",
        ),
        _code(
            "BAG-SOURCE-IRREGULAR",
            "-",
            "A folder to be bagged holds a link, FIFO, device or socket.",
            "Put the file itself in its place, or take it out.",
        ),
        _code(
            "BAG-SOURCE-UNREADABLE",
            "-",
            "Something in a folder to be bagged cannot be read.",
            "Check permissions and the disk.",
        ),
        _code(
            "BAG-SOURCE-NAME",
            "-",
            "A name in a folder to be bagged is not UTF-8, so no manifest can hold it.",
            "Rename it, or let it be encoded: --non-utf8 encode.",
        ),
        _code(
            "BAG-SOURCE-NAME-ENCODED",
            "-",
            "A name that is not UTF-8 was encoded; metadata/names.csv has the original.",
            "Nothing has to be done: restoring the bag gives the original name back.",
            _WARNING,
        ),
        _code(
            "BAG-PROFILE-DOCUMENT",
            _PROFILE,
            "The BagIt Profile itself is not one, or contradicts itself.",
            "Ask whoever publishes the profile to mend it.",
        ),
        _code(
            "BAG-PROFILE-UNKNOWN",
            _PROFILE,
            "The BagIt Profile asks for something that version 1.4 does not know; not checked.",
            "Check by hand what it means, or leave it out of the profile.",
            _WARNING,
        ),
        _code(
            "BAG-PROFILE-IDENTIFIER",
            _PROFILE,
            "bag-info.txt does not name the profile that the bag is held against.",
            "Write the profile's URI into BagIt-Profile-Identifier, or name it as an alias.",
        ),
        _code(
            "BAG-PROFILE-IDENTIFIER-SPELLING",
            _PROFILE,
            "bag-info.txt spells the profile's URI otherwise: http or https, a slash, upper case.",
            "Write the URI as the profile has it.",
            _WARNING,
        ),
        _code(
            "BAG-PROFILE-VERSION",
            _PROFILE,
            "The profile does not accept the bag's version of BagIt.",
            "Make the bag again in one of the versions of Accept-BagIt-Version.",
        ),
        _code(
            "BAG-PROFILE-SERIALIZATION",
            _PROFILE,
            "The bag does not come in the form, folder or kind of file, that the profile accepts.",
            "Send it as the profile's Serialization and Accept-Serialization say.",
        ),
        _code(
            "BAG-PROFILE-ELEMENT-MISSING",
            _PROFILE,
            "bag-info.txt lacks an element that the profile requires.",
            "Add the element.",
        ),
        _code(
            "BAG-PROFILE-ELEMENT-RECOMMENDED",
            _PROFILE,
            "bag-info.txt lacks an element that the profile recommends.",
            "Add the element if you can.",
            _WARNING,
        ),
        _code(
            "BAG-PROFILE-ELEMENT-REPEATED",
            _PROFILE,
            "bag-info.txt repeats an element that the profile wants once.",
            "Keep the line that is right.",
        ),
        _code(
            "BAG-PROFILE-ELEMENT-VALUE",
            _PROFILE,
            "An element of bag-info.txt has a value that the profile does not accept.",
            "Use one of the profile's values, letter by letter.",
        ),
        _code(
            "BAG-PROFILE-MANIFEST-MISSING",
            _PROFILE,
            "A payload manifest that the profile requires is not there.",
            "Make the bag again with that algorithm.",
        ),
        _code(
            "BAG-PROFILE-MANIFEST-NOT-ALLOWED",
            _PROFILE,
            "A payload manifest is of an algorithm that the profile does not allow.",
            "Leave the manifest out.",
        ),
        _code(
            "BAG-PROFILE-TAGMANIFEST-MISSING",
            _PROFILE,
            "A tag manifest that the profile requires is not there.",
            "Make the bag again with that algorithm.",
        ),
        _code(
            "BAG-PROFILE-TAGMANIFEST-NOT-ALLOWED",
            _PROFILE,
            "A tag manifest is of an algorithm that the profile does not allow.",
            "Leave the tag manifest out.",
        ),
        _code(
            "BAG-PROFILE-FETCH",
            _PROFILE,
            "The profile and the bag differ about fetch.txt.",
            "Complete the bag, or send it with the fetch.txt that the profile requires.",
        ),
        _code(
            "BAG-PROFILE-TAG-FILE-MISSING",
            _PROFILE,
            "A tag file that the profile requires is not there.",
            "Add the file.",
        ),
        _code(
            "BAG-PROFILE-TAG-FILE-NOT-ALLOWED",
            _PROFILE,
            "A tag file is none of those that the profile allows.",
            "Take the file out, and make the tag manifests again.",
        ),
        _code(
            "BAG-PROFILE-PAYLOAD-MISSING",
            _PROFILE,
            "A payload file or folder that the profile requires is not there.",
            "Add it, and make the manifests again.",
        ),
        _code(
            "BAG-PROFILE-PAYLOAD-NOT-ALLOWED",
            _PROFILE,
            "A payload file is none of those that the profile allows.",
            "Take the file out, and make the manifests again.",
        ),
        _code(
            "BAG-PROFILE-DATA-EMPTY",
            _PROFILE,
            "The profile wants an empty payload, and there is one.",
            "Leave data/ empty, or with one file without a byte.",
        ),
    )
)
