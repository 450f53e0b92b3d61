"""Check a set of policy files: text in, effective policies and all problems out.

    tiers.yaml        what storage exists
    baseline.yaml     what every community inherits, and the floor that none goes under
    <community>.yaml  one community

One wrong community does not stop the others. What is wrong in ``baseline.yaml`` concerns them
all, what is wrong with a tier concerns those that keep replicas there. No file is opened here:
the caller reads them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import field
from typing import Any

from preservation.errors import PolicyError
from preservation.model.deferred import dataclass
from preservation.policy.bucket import check_apart, check_kinds
from preservation.policy.cross import Surroundings, check_tier_names, cross_check
from preservation.policy.effective import effective, settle, used_tiers
from preservation.policy.form import check_form
from preservation.policy.formats import Groups
from preservation.policy.ground import HOME_NAMES, Claim, overlaps
from preservation.policy.kinds import Kind, Language, Listing, Record, Table
from preservation.policy.language import BASELINE, COMMUNITY, TIER, TIERS
from preservation.policy.problem import Place, Problem, Problems, quoted, stranger
from preservation.policy.said import Said, Wrong, fill, merge
from preservation.policy.source import read
from preservation.policy.texts import COMMUNITY_ID

_TIERS_FILE, _BASELINE_FILE = "tiers.yaml", "baseline.yaml"


@dataclass(frozen=True, slots=True)
class Checked:
    """What a set of policy files says.

    Attributes:
        effective: the effective document of each community whose policy is right.
        problems: all of them, by file and line.
        communities: of every community file, right or wrong.
        said: the merged values of each community that is right, with their places.
        tiers: the same of each tier that is declared.
    """

    effective: dict[str, dict[str, Any]]
    problems: list[Problem]
    communities: tuple[str, ...]
    said: dict[str, Said] = field(default_factory=dict)
    tiers: dict[str, Said] = field(default_factory=dict)

    def require(self) -> Checked:
        """Pass the value on, if nothing is wrong.

        Raises:
            PolicyError: the message has every problem, a line each.
        """
        if self.problems:
            raise PolicyError(
                "\n".join(str(problem) for problem in self.problems),
                hint="mend the files, then run `preserve policy check`",
            )
        return self


def check(files: Mapping[str, str | bytes], groups: Groups | None = None) -> Checked:
    """Check policy files together.

    Args:
        files: their contents by name; a folder before the name is kept for problems. What is
            not UTF-8 is a problem like any other.
        groups: the named groups of formats that policies may speak of
            (``preservation.formats.groups``); without them none is known.
    """
    return _Check(files, groups or {}).run()


class _Check:
    """One run of :func:`check`."""

    def __init__(self, files: Mapping[str, str | bytes], groups: Groups) -> None:
        self.groups = groups
        self.files = {name.rpartition("/")[2]: name for name in sorted(files)}
        self.contents = files
        self.problems = {name: Problems(name) for name in files}
        self.general: list[Problem] = []
        self.tiers: dict[str, Said] = {}
        self.baseline: Said | None = None

    def run(self) -> Checked:
        self._general_problems()
        self.tiers = self._read_tiers()
        self.baseline = self._read(_BASELINE_FILE, BASELINE)
        if self.baseline is not None:
            check_tier_names(self.baseline, self.tiers, self._of(_BASELINE_FILE))
        ids = {name.removesuffix(".yaml"): name for name in self._community_files()}
        merged = {one: self._community(one, name) for one, name in ids.items()}
        self._check_ground({one: said for one, said in merged.items() if said is not None})
        right = {
            one: settle(said)
            for one, said in merged.items()
            if said is not None and self._is_right(ids[one], said)
        }
        return Checked(
            effective={
                one: effective(said, self.tiers, self.groups) for one, said in right.items()
            },
            problems=self._all_problems(),
            communities=tuple(ids),
            said=right,
            tiers=self.tiers,
        )

    def _of(self, name: str) -> Problems:
        return self.problems[self.files[name]]

    def _general_problems(self) -> None:
        for name in (_TIERS_FILE, _BASELINE_FILE):
            if name not in self.files:
                allowed = "the file; the project's `policies/` has one to begin with"
                self.general.append(
                    Problem(name, 1, 1, "", "no such file", allowed, code="POL-FILE")
                )
        for full in self.contents:
            if self.files[full.rpartition("/")[2]] != full:
                allowed = "one file of a name"
                self.general.append(
                    Problem(full, 1, 1, "", "a second file of this name", allowed, code="POL-FILE")
                )

    def _community_files(self) -> list[str]:
        """Names of the community files; a name that can't be one is a problem."""
        names = []
        for name in self.files:
            if name in (_TIERS_FILE, _BASELINE_FILE):
                continue
            if name.endswith(".yaml") and COMMUNITY_ID.matches(name.removesuffix(".yaml")):
                names.append(name)
            else:
                problems = self._of(name)
                allowed = f"<community>.yaml, where a community is {COMMUNITY_ID.words}"
                found = f"the file name {quoted(name)}"
                hint = stranger(name)
                problems.add(Place(problems.file), "", found, allowed, code="POL-FILE", hint=hint)
        return names

    def _read(self, name: str, language: Language) -> Said | None:
        if name not in self.files:
            return None
        problems = self._of(name)
        node = read(problems.file, self.contents[problems.file], problems)
        if node is None:
            return None
        said = check_form(language.top, node, problems)
        return None if said.value is Wrong else said

    def _read_tiers(self) -> dict[str, Said]:
        said = self._read(_TIERS_FILE, TIERS)
        tiers = said.get("tiers") if said else None
        named = tiers.value if tiers else {}
        filled = {name: fill(TIER, tier, "") for name, tier in named.items()}
        if filled:
            check_kinds(filled, self._of(_TIERS_FILE))
            check_apart(filled, self._of(_TIERS_FILE))
        return filled

    def _community(self, one: str, name: str) -> Said | None:
        problems = self._of(name)
        said = self._read(name, COMMUNITY)
        if said is None:
            return None
        own = said.get("community")
        if own is not None and own.value != one:
            problems.add(own.at, "community", own.value, f"{one}, the file's name", code="POL-FILE")
        merged = merge(COMMUNITY.top, self.baseline, said) or said
        merged = fill(COMMUNITY.top, merged, one)
        if self.baseline is not None:
            floor = self.baseline.get("floor")
            around = Surroundings(self.tiers, floor, problems.file, self.groups)
            cross_check(COMMUNITY.top, merged, around, problems)
        return merged

    def _check_ground(self, merged: Mapping[str, Said]) -> None:
        claims = []
        for name, tier in self.tiers.items():
            path = tier.get("path")
            if path is not None and path.value:
                field_ = f"tiers.{name}.path"
                claims.append(Claim(path.value, f"the tier {name}", field_, path.at, True))
        claims += self._intake_claims(merged)
        for claim in claims:
            if claim.in_home_places:
                allowed = f"not one of the home's own: {', '.join(sorted(HOME_NAMES))}"
                self._tell_claim(claim, allowed)
        for first, second in overlaps(claims):
            # Of a tier and an inbox it is the inbox that has to move: the tier is everybody's.
            if first.is_tier == second.is_tier or second.is_tier:
                self._tell_claim(first, f"a path apart from {second.owner}, {quoted(second.path)}")
            if first.is_tier == second.is_tier or first.is_tier:
                self._tell_claim(second, f"a path apart from {first.owner}, {quoted(first.path)}")

    def _intake_claims(self, merged: Mapping[str, Said]) -> Iterator[Claim]:
        folders = (("inbox", ("inbox",)), ("released deposits", ("release", "to")))
        for one, said in merged.items():
            for what, names in folders:
                folder = said.get("intake", *names)
                if folder is not None:
                    at = folder.at if folder.at.file else Place(self.files[f"{one}.yaml"])
                    field_ = ".".join(("intake", *names))
                    yield Claim(folder.value, f"the {what} of {one}", field_, at, False)

    def _tell_claim(self, claim: Claim, allowed: str) -> None:
        problems = self.problems[claim.at.file]
        problems.add(claim.at, claim.field, quoted(claim.path), allowed, code="POL-CROSS")

    def _is_right(self, name: str, said: Said) -> bool:
        """Whether nothing that this community's policy is made of is wrong."""
        if self.baseline is None or self._of(_BASELINE_FILE).kept or self._of(name).kept:
            return False
        if _TIERS_FILE not in self.files or is_wrong(COMMUNITY.top, said):
            return False
        told = [problem.path.split(".") for problem in self._of(_TIERS_FILE).kept]
        used = used_tiers(said)
        return all(path[0] == "tiers" and path[1:2] and path[1] not in used for path in told)

    def _all_problems(self) -> list[Problem]:
        told = {one for problems in self.problems.values() for one in problems.all()}
        return sorted(told | set(self.general))


def is_wrong(kind: Kind, said: Said) -> bool:
    """True if anything in it was refused."""
    if said.value is Wrong:
        return True
    if isinstance(kind, Record):
        named = {one.name: one.kind for one in kind.fields}
        return any(is_wrong(named[n], inner) for n, inner in said.value.items() if n in named)
    if isinstance(kind, Table):
        return any(is_wrong(kind.item, inner) for inner in said.value.values())
    if isinstance(kind, Listing):
        return any(is_wrong(kind.item, inner) for inner in said.value)
    return False
