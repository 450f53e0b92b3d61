"""What a policy says to formats: precise before broad, refusals with a better format named."""

from __future__ import annotations

import pytest

from preservation.formats.groups import group_data, known_groups
from preservation.formats.risk import Risk, risk_of
from preservation.formats.signatures.table import FORMATS
from preservation.ingest.judge import Judge
from preservation.ingest.package import LISTED, Packaged
from preservation.model.finding import Finding, Severity
from preservation.model.format_check import NO_CHECK, FormatCheck, Validity
from preservation.model.identification import Basis, Identification
from preservation.policy.formats import Action, FormatRules, Ruling, Standing

WORD = Identification("fmt/40", "Microsoft Word Document", "97-2003", "application/msword")
UNKNOWN = Identification(flags=("unidentified",), mime_magic="application/octet-stream")


def rules(**said: object) -> FormatRules:
    return FormatRules(**{"groups": known_groups(), **said})  # type: ignore[arg-type]


def judged(
    rules: FormatRules, *found: Identification, check: FormatCheck = NO_CHECK
) -> list[Finding]:
    judge = Judge(rules)
    refusals = [
        finding
        for number, one in enumerate(found)
        for finding in judge.file(b"file%d" % number, one, check)
    ]
    return [*refusals, *judge.flags()]


def test_a_warning_of_invalid_files_shows_what_is_wrong_with_one() -> None:
    check = FormatCheck(Validity.INVALID, "ragged rows", "line 17 has 3 fields")
    [finding] = judged(rules(invalid=Action.FLAG), WORD, WORD, check=check)
    assert finding.message.endswith("promises: ragged rows, for example: line 17 has 3 fields")


@pytest.mark.parametrize(
    ("said", "ruling"),
    [
        ({"preferred": ("fmt/40",), "refused": ("group:text-document",)}, "preferred fmt/40"),
        (
            {"accepted": ("group:text-document",), "refused": ("application/msword",)},
            "accepted group:text-document",
        ),
        ({"refused": ("application/msword",)}, "refused application/msword"),
        ({"preferred": ("text/csv",)}, "unlisted "),
    ],
)
def test_the_most_precise_entry_decides(said: dict[str, tuple[str, ...]], ruling: str) -> None:
    found = rules(**said).ruling("", "fmt/40", "application/msword")
    assert f"{found.standing.value} {found.by}" == ruling


def test_an_inner_group_wins_over_the_outer_one() -> None:
    both = rules(preferred=("group:pdf-a",), refused=("group:pdf",))
    assert both.ruling("", "fmt/477", "application/pdf").standing is Standing.PREFERRED
    assert both.ruling("", "fmt/18", "application/pdf").standing is Standing.REFUSED


def test_our_own_identifier_is_asked_before_its_parents() -> None:
    both = rules(preferred=("group:sequence",), refused=("x-fmt/266",))
    assert both.ruling("samarkand/bam", "x-fmt/266", "") == Ruling(
        Standing.PREFERRED, "group:sequence"
    )
    assert both.ruling("", "x-fmt/266", "").standing is Standing.REFUSED


def test_a_refusal_names_what_to_deposit_instead() -> None:
    (finding,) = judged(rules(preferred=("group:pdf-a",), refused=("group:text-document",)), WORD)
    assert finding.code == "DEP-FORMAT-REFUSED"
    assert finding.severity is Severity.ERROR
    assert finding.hint == "deposit instead: PDF/A or OpenDocument text"
    (finding,) = judged(rules(preferred=("fmt/291",), refused=("fmt/40",)), WORD)
    assert finding.hint.endswith("preferred here: OpenDocument Text 1.2 (fmt/291)")


def test_a_thousand_flagged_files_are_one_warning() -> None:
    (finding,) = judged(rules(unlisted=Action.FLAG), *[WORD] * 1000)
    assert (finding.code, finding.severity) == ("DEP-FORMAT-UNLISTED", Severity.WARNING)
    assert finding.subject == "file0, file1, file2 and 997 more"
    assert finding.message.startswith("1,000 files: Microsoft Word Document 97-2003 (fmt/40)")


@pytest.mark.parametrize("action", list(Action))
def test_the_unknown_the_doubtful_and_the_invalid_have_rules_of_their_own(action: Action) -> None:
    doubtful = Identification("fmt/40", "Word", flags=("truncated",), basis=Basis.SIGNATURE)
    wrong = FormatCheck(Validity.INVALID, "truncated", "the file ends at octet 17")
    for code, said, found, check in (
        ("DEP-FORMAT-UNKNOWN", {"unidentified": action}, UNKNOWN, NO_CHECK),
        ("DEP-FORMAT-DOUBTFUL", {"doubtful": action}, doubtful, NO_CHECK),
        ("DEP-FORMAT-INVALID", {"invalid": action}, WORD, wrong),
    ):
        told = judged(rules(**said), found, check=check)
        assert [(one.code, one.severity) for one in told] == {
            Action.REFUSE: [(code, Severity.ERROR)],
            Action.FLAG: [(code, Severity.WARNING)],
            Action.ACCEPT: [],
        }[action]


def test_an_empty_file_is_not_refused_for_being_unknown() -> None:
    empty = Identification(flags=("empty",))
    assert judged(rules(unidentified=Action.REFUSE), empty) == []


def test_groups_name_formats_that_there_are_and_sources_that_are_told() -> None:
    data = group_data()
    for name, group in data.groups.items():
        ours = {one for one in group.members if one.startswith("samarkand/")}
        assert ours <= FORMATS.keys(), name
        assert group.source in data.sources
        assert group.members, name


def test_the_worst_of_several_ratings_counts_and_no_rating_is_said_to_be_none() -> None:
    assert risk_of("x-fmt/8").risk is Risk.HIGH  # one row says moderate
    assert risk_of("fmt/477").risk is Risk.LOW
    assert risk_of("samarkand/bam").risk is Risk.UNKNOWN  # its parent's rating is not its own
    assert risk_of("samarkand/tiff") == risk_of("fmt/353")


def test_no_number_of_warnings_hides_what_rejects_a_deposit() -> None:
    packaged = Packaged()
    packaged.find(Finding("X-ODD", "", "odd", severity=Severity.WARNING) for _ in range(5000))
    packaged.find([Finding("X-BAD", "", "bad")])
    assert packaged.findings[-1].code == "X-BAD"
    assert len(packaged.findings) == LISTED + 1
