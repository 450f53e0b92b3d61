"""Whatever is put into policy files: an answer, never a crash, and never a wrong policy."""

from __future__ import annotations

from pathlib import Path

import yaml
from hypothesis import example, given, settings
from hypothesis import strategies as st

from preservation.formats.groups import known_groups
from preservation.model.canonical import digest_of
from preservation.policy.check import check
from preservation.policy.compare import compare
from preservation.policy.policy import Policy
from preservation.policy.public import public

POLICIES = Path(__file__).resolve().parents[2] / "policies"
SHIPPED = {path.name: path.read_bytes() for path in sorted(POLICIES.glob("*.yaml"))}
FIELDS = (
    "version community title en intake inbox limits size replicas tier packaging within minimum "
    "audit tiers vault level max_age repair mode approvers floor folder TiB 90d null 1 2"
)
WORDS = st.sampled_from([*FIELDS.split(), "---", "...", "\n", "\t", *"~{}[]-:,&*!|>'\"#%@`?"])
TEXTS = st.text() | st.lists(WORDS, max_size=30).map(" ".join)
NAMES = st.sampled_from(["tiers.yaml", "baseline.yaml", "silk-road.yaml"]) | st.text(max_size=8)


@given(NAMES, TEXTS | st.binary())
@example("tiers.yaml", "version: 1\ntiers: {vault: 1}")
@example("baseline.yaml", "version: 1\nfloor: {minimum: []}\naudit: {tiers: {vault: [1]}}")
@example("silk-road.yaml", "replicas: [{}]")
@example("silk-road.yaml", "\ud800")
@example("silk-road.yaml", "a: 0:0.")
@example("silk-road.yaml", "{a, a, ? , 1: }")
@settings(deadline=None)
def test_any_text_in_any_file_gives_an_answer(name: str, content: str | bytes) -> None:
    checked = check({**SHIPPED, name: content}, known_groups())

    for effective in checked.effective.values():
        Policy.from_effective(effective)
    for problem in checked.problems:
        assert problem.line >= 1
        assert problem.column >= 1
        assert "\n" not in str(problem)


@given(
    st.sampled_from(sorted(SHIPPED)),
    st.lists(st.tuples(st.integers(0, 3000), st.integers(0, 4), TEXTS), min_size=1, max_size=3),
)
@settings(deadline=None)
def test_a_shipped_file_with_splices_is_right_or_told(
    name: str, splices: list[tuple[int, int, str]]
) -> None:
    text = SHIPPED[name].decode()
    for at, cut, put in splices:
        place = at % len(text) if text else 0
        text = text[:place] + put + text[place + cut :]

    checked = check({**SHIPPED, name: text}, known_groups())

    assert checked.problems or set(checked.effective) == set(checked.communities)
    for effective in checked.effective.values():
        Policy.from_effective(effective)


DURATIONS = st.builds("{}{}".format, st.integers(1, 9999), st.sampled_from("smhdw"))
SIZES = st.builds("{} {}".format, st.integers(1, 999), st.sampled_from(["B", "kB", "MiB", "TiB"]))
TITLES = st.text(st.characters(categories=["L", "N", "P"]), min_size=1, max_size=30)
COMMUNITIES = st.fixed_dictionaries(
    {
        "version": st.just(1),
        "community": st.just("any"),
        "title": st.dictionaries(st.sampled_from(["zh", "ru", "uz-Latn"]), TITLES).flatmap(
            lambda others: TITLES.map(lambda title: {"en": title} | others)
        ),
        "replicas": st.permutations(
            [
                {"tier": "vault", "packaging": "folder"},
                {"tier": "mirror", "packaging": "folder", "within": "3d"},
            ]
        ),
    },
    optional={
        "contact": TITLES,
        "intake": st.fixed_dictionaries(
            {},
            optional={
                "complete": st.builds(lambda quiet: {"quiet": quiet}, DURATIONS),
                "limits": st.builds(lambda size: {"size": size}, SIZES),
                "lineage": st.permutations(["doi", "cstr"]),
                "digests": st.permutations(["sha256", "sha512", "blake2b512"]),
            },
        ),
        "audit": st.builds(lambda days: {"tiers": {"vault": {"max_age": f"{days}d"}}},
                           st.integers(1, 365)),
        "repair": st.just({"mode": "approved", "approvers": ["ann"]}),
    },
)  # fmt: skip


@given(COMMUNITIES, st.booleans())
@settings(deadline=None)
def test_what_is_written_is_what_is_obeyed(said: dict[str, object], flow: bool) -> None:
    text = yaml.safe_dump(said, allow_unicode=True, default_flow_style=flow)

    effective = check({**SHIPPED, "any.yaml": text}, known_groups()).require().effective["any"]
    again = (
        check({**SHIPPED, "any.yaml": yaml.safe_dump(said)}, known_groups())
        .require()
        .effective["any"]
    )
    policy = Policy.from_effective(effective)

    assert policy.title == said["title"]
    assert [rule.tier for rule in policy.replicas] == [rule["tier"] for rule in said["replicas"]]  # type: ignore[attr-defined]
    assert policy.digest == digest_of(effective) == digest_of(again)
    assert compare(effective, again) == []
    assert digest_of(public(effective)) == digest_of(public(again))
