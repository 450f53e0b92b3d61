"""BagIt Profiles 1.4: every violation at once; a wrong profile is told, the rest of it used."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from bagmaker import QUIET, SETTINGS, by_hand

from preservation.bags.codes import CODES
from preservation.bags.create import BagPlan, CreateReport, create
from preservation.bags.findings import Findings
from preservation.bags.profile.check import BagFacts, Yardstick, check_profile
from preservation.bags.profile.document import profile_document
from preservation.bags.profile.parse import parse_profile
from preservation.bags.profile.value import ElementRule, Serialization
from preservation.bags.validate import validate
from preservation.errors import MalformedError
from preservation.model.digest import Algorithm
from preservation.model.finding import is_fatal

URI = "https://example.org/profiles/deposit-v1.json"
ABOUT = {
    "Source-Organization": "National University",
    "External-Description": "What we take",
    "Version": "1",
    "BagIt-Profile-Identifier": URI,
    "BagIt-Profile-Version": "1.4.0",
}
INFO = (("BagIt-Profile-Identifier", URI), ("Source-Organization", "Registan Institute"))
TAGS = (
    b"bagit.txt",
    b"bag-info.txt",
    b"manifest-sha512.txt",
    b"tagmanifest-sha512.txt",
    b"metadata/dc.xml",
)
PAYLOAD = ((b"data/readme.txt", 5), (b"data/src/deep/a.c", 7))


def document(**more: Any) -> bytes:
    said = {key.replace("_dot_", ".").replace("_", "-"): value for key, value in more.items()}
    whole = {"BagIt-Profile-Info": ABOUT, "Accept-BagIt-Version": ["1.0"], **said}
    return json.dumps(whole).encode()


def codes(
    data: bytes,
    *,
    version: str = "1.0",
    bag_info: tuple[tuple[str, str], ...] = INFO,
    tags: tuple[bytes, ...] = TAGS,
    payload: tuple[tuple[bytes, int], ...] = PAYLOAD,
    container: str = "",
    aliases: tuple[str, ...] = (),
) -> list[str]:
    findings = Findings()
    profile = parse_profile(data, findings)
    assert profile is not None
    names, octets = (path for path, _ in payload), sum(size for _, size in payload)
    facts = BagFacts(version, bag_info, iter(tags), names, len(payload), octets, container)
    check_profile(profile, facts, findings, aliases)
    return [finding.code.removeprefix("BAG-PROFILE-") for finding in findings.all()]


def test_a_bag_that_is_as_agreed_has_no_finding() -> None:
    agreed = document(
        Bag_Info={
            "source-organization": {"required": True, "values": ["Registan Institute"]},
            "Bagging-Date": {"required": False, "repeatable": False, "description": "ISO 8601"},
        },
        Manifests_Required=["SHA-512"],
        Manifests_Allowed=["sha512", "md5"],
        Tag_Manifests_Required=["sha512"],
        Tag_Files_Required=["metadata/dc.xml"],
        Tag_Files_Allowed=["metadata/*"],
        Payload_Files_Required=["data/readme.txt", "data/src/"],
        Payload_Files_Allowed=["data/*.txt", "data/src/*"],
        Allow_Fetch_dot_txt=False,
        Serialization="optional",
        Accept_Serialization=["application/tar"],
    )
    assert codes(agreed) == []
    assert codes(agreed, container="tar") == []


BROKEN: list[tuple[dict[str, Any], dict[str, Any], str]] = [
    ({"Accept_BagIt_Version": ["0.97"]}, {}, "VERSION"),
    ({"Accept_BagIt_Version": ["0.97", "1.0"]}, {"version": ""}, "VERSION"),
    ({"Manifests_Required": ["md5"]}, {}, "MANIFEST-MISSING"),
    ({"Manifests_Allowed": ["sha256"]}, {}, "MANIFEST-NOT-ALLOWED"),
    ({"Tag_Manifests_Required": ["md5"]}, {}, "TAGMANIFEST-MISSING"),
    ({"Tag_Manifests_Allowed": []}, {}, "TAGMANIFEST-NOT-ALLOWED"),
    ({"Tag_Files_Required": ["dpn.txt"]}, {}, "TAG-FILE-MISSING"),
    ({"Tag_Files_Allowed": ["README*"]}, {}, "TAG-FILE-NOT-ALLOWED"),
    ({"Payload_Files_Required": ["data/LICENSE"]}, {}, "PAYLOAD-MISSING"),
    ({"Payload_Files_Required": ["data/src/none/"]}, {}, "PAYLOAD-MISSING"),
    ({"Payload_Files_Required": ["data/readme.txt/"]}, {}, "PAYLOAD-MISSING"),
    ({"Payload_Files_Allowed": ["data/*.txt"]}, {}, "PAYLOAD-NOT-ALLOWED"),
    ({"Allow_Fetch_dot_txt": False}, {"tags": (*TAGS, b"fetch.txt")}, "FETCH"),
    ({"Fetch_dot_txt_Required": "true"}, {}, "FETCH"),
    ({"Data_Empty": True}, {"payload": PAYLOAD[:1]}, "DATA-EMPTY"),
    ({"Bag_Info": {"Bagging-Date": {"required": True}}}, {}, "ELEMENT-MISSING"),
    ({"Bag_Info": {"Bag-Count": {"recommended": True}}}, {}, "ELEMENT-RECOMMENDED"),
    (
        {"Bag_Info": {"source-organization": {"repeatable": False}}},
        {"bag_info": (*INFO, ("SOURCE-ORGANIZATION", "Another"))},
        "ELEMENT-REPEATED",
    ),
    ({"Bag_Info": {"Source-Organization": {"values": ["Us"]}}}, {}, "ELEMENT-VALUE"),
    ({"Bag_Info": {"Source-Organization": {"regex": ".*"}}}, {}, "UNKNOWN"),
    ({"Tag-Info": {}}, {}, "UNKNOWN"),
    (
        {"Serialization": "required", "Accept_Serialization": ["application/zip"]},
        {},
        "SERIALIZATION",
    ),
    ({"Serialization": "forbidden"}, {"container": "zip"}, "SERIALIZATION"),
    (
        {"Serialization": "optional", "Accept_Serialization": ["application/zip"]},
        {"container": "tar.gz"},
        "SERIALIZATION",
    ),
    ({}, {"bag_info": INFO[1:]}, "IDENTIFIER"),
    ({}, {"bag_info": (("BagIt-Profile-Identifier", f"{URI}x"),)}, "IDENTIFIER"),
    (
        {},
        {"bag_info": (("BagIt-Profile-Identifier", f"http{URI[5:]}/"),)},
        "IDENTIFIER-SPELLING",
    ),
]


@pytest.mark.parametrize(("asked", "bag", "code"), BROKEN)
def test_what_is_not_as_agreed_is_told(
    asked: dict[str, Any], bag: dict[str, Any], code: str
) -> None:
    assert codes(document(**asked), **bag) == [code]


def test_every_code_of_profiles_has_a_case() -> None:
    provoked = {f"BAG-PROFILE-{code}" for _, _, code in BROKEN}
    known = {code for code in CODES if code.startswith("BAG-PROFILE-")}
    assert provoked | {"BAG-PROFILE-DOCUMENT"} == known


def test_all_violations_come_at_once() -> None:
    strict = document(
        Accept_BagIt_Version=["0.97"],
        Manifests_Required=["md5"],
        Tag_Files_Required=["dpn.txt"],
        Bag_Info={"Bagging-Date": {"required": True}},
        Payload_Files_Required=["data/LICENSE"],
    )
    assert len(codes(strict, bag_info=())) == 6


@pytest.mark.parametrize("payload", [(), ((b"data/.keep", 0),)])
def test_an_empty_payload_may_have_one_file_without_a_byte(
    payload: tuple[tuple[bytes, int], ...],
) -> None:
    assert codes(document(Data_Empty=True), payload=payload) == []


def test_a_profile_that_moved_is_known_by_its_aliases() -> None:
    old = "https://old.example.org/p.json"
    moved = (("BagIt-Profile-Identifier", old),)
    assert codes(document(), bag_info=moved) == ["IDENTIFIER"]
    assert codes(document(), bag_info=moved, aliases=(old,)) == []
    assert codes(document(Accept_BagIt_Profile_Identifier=[old]), bag_info=moved) == []


def test_a_bag_may_conform_to_several_profiles() -> None:
    both = (("BagIt-Profile-Identifier", "urn:another"), *INFO)
    assert codes(document(), bag_info=both) == []


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"[]",
        b"\xff",
        b"[" * 100_000,
        b"{" * 100_000,
        b'{"a":' * 5000,
        b"1" * 10_000,
        b"nonsense",
        b" " * (5 << 20),
    ],
)
def test_what_is_no_profile_is_a_finding(data: bytes) -> None:
    findings = Findings()
    assert parse_profile(data, findings) is None
    assert [finding.code for finding in findings.all()] == ["BAG-PROFILE-DOCUMENT"]


@pytest.mark.parametrize(
    "more",
    [
        {"BagIt_Profile_Info": None},
        {"BagIt_Profile_Info": {**ABOUT, "BagIt-Profile-Identifier": " "}},
        {"BagIt_Profile_Info": {**ABOUT, "Version": 1}},
        {"BagIt_Profile_Info": {**ABOUT, "BagIt-Profile-Version": "2.0"}},
        {"Accept_BagIt_Version": []},
        {"Accept_BagIt_Version": "1.0"},
        {"Serialization": "maybe"},
        {"Serialization": ["optional"]},
        {"Serialization": "required"},
        {"Allow_Fetch_dot_txt": 1},
        {"Allow_Fetch_dot_txt": False, "Fetch_dot_txt_Required": True},
        {"Bag_Info": []},
        {"Bag_Info": {"A": "required"}},
        {"Bag_Info": {"A": {"values": ["x", 1]}}},
        {"Bag_Info": {"A": {"description": 1}}},
        {"Manifests_Required": ["md5"], "Manifests_Allowed": ["sha256"]},
        {"Tag_Files_Required": ["a"], "Tag_Files_Allowed": ["b*"]},
        {"Payload_Files_Required": ["data/src/"], "Payload_Files_Allowed": ["data/src"]},
        {"Tag_Files_Allowed": ["*"] * 1001},
    ],
)
def test_a_profile_that_is_wrong_is_told_so(more: dict[str, Any]) -> None:
    findings = Findings()
    assert parse_profile(document(**more), findings) is not None
    assert {finding.code for finding in findings.all()} == {"BAG-PROFILE-DOCUMENT"}


def test_a_member_that_is_there_twice_is_told() -> None:
    findings = Findings()
    data = document().replace(b'"1.0"]', b'"1.0"], "Data-Empty": true, "Data-Empty": false', 1)
    parse_profile(data, findings)
    assert "Data-Empty is there twice" in findings.all()[0].message


def test_what_is_written_is_a_sound_profile_and_says_what_it_was_told() -> None:
    rule = ElementRule("Source-Organization", required=True, values=("Registan Institute",))
    said = profile_document(
        identifier=URI,
        version="1",
        organization="National University",
        description="What we take",
        elements=[rule],
        manifests_required=[Algorithm.SHA256],
        manifests_allowed=[Algorithm.SHA256, Algorithm.SHA3_256],
        serialization=Serialization.REQUIRED,
        serialized_as=["tar", "tar.zst"],
    )
    findings = Findings()
    profile = parse_profile(json.dumps(said).encode(), findings)
    assert findings.all() == ()
    assert profile is not None
    assert profile.elements == (rule,)
    assert profile.manifests_allowed == ("sha256", "sha3256")
    assert profile.accept_serialization == ("application/tar", "application/zstd")
    assert not profile.allow_fetch


def test_a_profile_that_nobody_could_meet_is_not_written() -> None:
    with pytest.raises(MalformedError, match="Manifests-Allowed"):
        profile_document(
            identifier=URI,
            version="1",
            organization="U",
            description="d",
            manifests_required=[Algorithm.SHA512],
            manifests_allowed=[Algorithm.SHA256],
        )


def test_hints_are_there_and_only_recommendations_are_warnings() -> None:
    findings = Findings()
    profile = parse_profile(document(Bag_Info={"Bag-Count": {"recommended": True}}), findings)
    assert profile is not None
    check_profile(profile, BagFacts("1.0", INFO, TAGS, (), 0, 0, ""), findings)
    assert [bool(finding.hint) for finding in findings.all()] == [True]
    assert not is_fatal(findings.all())


def test_a_bag_is_held_against_a_profile_while_it_is_validated(tmp_path: Path) -> None:
    folder = by_hand(tmp_path / "bag", files={"bag-info.txt": f"BagIt-Profile-Identifier: {URI}\n"})
    asked = document(Manifests_Required=["md5"], Payload_Files_Allowed=["data/*.csv"])
    report = validate(folder, profile=Yardstick(asked), settings=SETTINGS, progress=QUIET)
    assert not report.valid
    assert {finding.code for finding in report.findings} == {
        "BAG-PROFILE-MANIFEST-MISSING",
        "BAG-PROFILE-PAYLOAD-NOT-ALLOWED",
    }
    fine = Yardstick(document(Manifests_Required=["sha512"]))
    assert validate(folder, profile=fine, settings=SETTINGS, progress=QUIET).findings == ()


def test_a_bag_is_only_made_if_it_meets_the_profile(tmp_path: Path) -> None:
    (tmp_path / "source").mkdir()
    (tmp_path / "source/a.txt").write_bytes(b"x")
    findings = Findings()
    profile = parse_profile(
        document(
            Bag_Info={"Contact-Name": {"required": True}},
            Manifests_Required=["md5"],
            Serialization="required",  # is not for us to say: whoever has the bag packs it
            Accept_Serialization=["application/zip"],
        ),
        findings,
    )
    report = make(tmp_path, BagPlan(profile=profile))
    assert not report.created
    assert {finding.code for finding in report.findings} == {
        "BAG-PROFILE-ELEMENT-MISSING",
        "BAG-PROFILE-MANIFEST-MISSING",
    }
    assert [path.name for path in tmp_path.iterdir()] == ["source"]
    plan = BagPlan((Algorithm.MD5,), (("Contact-Name", "A"),), profile=profile)
    assert make(tmp_path, plan).findings == ()
    assert f"BagIt-Profile-Identifier: {URI}\n" in (tmp_path / "bag/bag-info.txt").read_text()


def make(place: Path, plan: BagPlan) -> CreateReport:
    return create(place / "source", place / "bag", plan, settings=SETTINGS, progress=QUIET)
