"""What the fields of one community say together, and what the baseline's floor says to them.

Each check takes the merged values, looks at a few fields, and stays silent where one of them
is wrong by itself: that was told already.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import partial

from preservation.model.deferred import dataclass
from preservation.model.outcome import Level
from preservation.model.units import counted, format_duration
from preservation.policy.audit import UNLIMITED
from preservation.policy.cross_formats import check_formats
from preservation.policy.drill import check_drill
from preservation.policy.feasible import longest_gap
from preservation.policy.formats import Groups
from preservation.policy.kinds import Field, Kind, Record, Table
from preservation.policy.people import check_people
from preservation.policy.price import Price
from preservation.policy.problem import Place, Problems, nearest, quoted
from preservation.policy.retention import check_retention, check_retention_floor
from preservation.policy.said import BUILT_IN, Said, Wrong, join

SOURCE = "archivematica"  # the kind of tier that is only asked


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What a community's policy is checked against.

    Attributes:
        tiers: of ``tiers.yaml``; a tier that is wrong by itself is there as ``Wrong``.
        floor: of ``baseline.yaml``; None if it has none.
        file: the community's file; what its baseline inherited is not held against it.
        groups: of formats, all that are known.
    """

    tiers: Mapping[str, Said]
    floor: Said | None
    file: str
    groups: Groups


def cross_check(kind: Record, said: Said, around: Surroundings, problems: Problems) -> None:
    """Tell everything that is wrong with a community's merged values."""
    _missing(kind, said, problems)
    _replicas(said, around, problems)
    _counts(said, around, problems)
    _audit(said, around, problems)
    _audit_gap(said, problems)
    _audit_digests(said, problems)
    _audit_money(said, around, problems)
    _recalls(said, around, problems)
    _statements(said, around, problems)
    check_formats(said, around.groups, problems)
    _repair(said, around, problems)
    check_retention(said, problems)
    check_people(said, problems)
    check_drill(said, _promised(said), around.tiers, problems)
    if around.floor is not None:
        _floor_minimum(said, around.floor, problems)
        _floor_audit(said, around.floor, problems)
        tell = partial(_tell_floor, problems=problems)
        check_retention_floor(said, around.floor, tell)


def check_tier_names(said: Said, tiers: Mapping[str, Said], problems: Problems) -> None:
    """Tell each tier that is named and does not exist; used for the baseline too."""
    for path, name, at in _named_tiers(said):
        if tiers and name not in tiers:
            problems.add(
                at,
                path,
                f"the tier {quoted(name)}",
                ", ".join(tiers),
                code="POL-CROSS",
                hint=nearest(name, tiers) or "declare it in tiers.yaml",
            )


def _named_tiers(said: Said) -> Iterator[tuple[str, str, Place]]:
    for number, tier in enumerate(_tiers(said)):
        if tier is not None:
            yield f"replicas[{number}].tier", tier.value, tier.at
    rules = said.get("audit", "tiers")
    for name, rule in rules.value.items() if rules else ():
        yield f"audit.tiers.{name}", name, rule.at
    asked = said.get("statements")
    for number, one in enumerate(asked.value if asked else ()):
        if one.value is not Wrong:
            yield f"statements[{number}]", one.value, one.at


def _tiers(said: Said) -> list[Said | None]:
    """The tier of each replica rule, in order; None where it is wrong."""
    rules = said.get("replicas")
    return [rule.get("tier") for rule in rules.value] if rules else []


def _promised(said: Said) -> dict[str, Said]:
    return {tier.value: tier for tier in _tiers(said) if tier is not None}


def _missing(kind: Kind, said: Said, problems: Problems, path: str = "") -> None:
    """Tell each field that nobody has said and that has no default."""
    if said.value is Wrong:
        return
    if isinstance(kind, Table):
        for name, inner in said.value.items():
            _missing(kind.item, inner, problems, join(path, name))
    if not isinstance(kind, Record) or kind.one_of:
        return
    for one in kind.fields:
        inner = said.value.get(one.name)
        if inner is not None:
            _missing(one.kind, inner, problems, join(path, one.name))
        elif not one.here:
            _tell_missing(one, said, problems, join(path, one.name))


def _tell_missing(one: Field, said: Said, problems: Problems, path: str) -> None:
    at = said.at if said.at != BUILT_IN else Place(problems.file)
    hint = f"write {one.example}, or say it in baseline.yaml"
    hint = hint.removesuffix(", or say it in baseline.yaml") if one.own else hint
    problems.add(at, path, "nothing", one.kind.words, code="POL-MISSING", hint=hint)


def _replicas(said: Said, around: Surroundings, problems: Problems) -> None:
    check_tier_names(said, around.tiers, problems)
    lines: dict[str, int] = {}
    for number, tier in enumerate(_tiers(said)):
        if tier is None:
            continue
        if tier.value in lines:
            found = f"the tier {tier.value} again"
            allowed = f"each tier once (the first is on line {lines[tier.value]})"
            problems.add(tier.at, f"replicas[{number}].tier", found, allowed, code="POL-CROSS")
        lines.setdefault(tier.value, tier.at.line)
    rules = said.get("replicas")
    packaging = rules.value[0].get("packaging") if rules else None
    if packaging is not None and packaging.value != "folder":
        problems.add(
            packaging.at,
            "replicas[0].packaging",
            packaging.value,
            "folder",
            code="POL-CROSS",
            hint="ingest builds the first replica as a folder; put a folder tier first",
        )
    for number, rule in enumerate(rules.value if rules else ()):
        _tars_in_buckets(number, rule, around, problems)


def _tars_in_buckets(number: int, rule: Said, around: Surroundings, problems: Problems) -> None:
    tier, packaging = rule.get("tier"), rule.get("packaging")
    kind = _kind(around, tier.value) if tier else ""
    if tier is not None and kind == SOURCE:
        problems.add(
            tier.at,
            f"replicas[{number}].tier",
            f"{tier.value}, of kind {SOURCE}",
            "a tier that replicas are written to",
            code="POL-CROSS",
            hint=f"it is somebody else's: write statements: [{tier.value}]",
        )
    elif kind not in ("", "local") and packaging is not None and packaging.value != "tar":
        problems.add(
            packaging.at,
            f"replicas[{number}].packaging",
            packaging.value,
            "tar",
            code="POL-CROSS",
            hint=f"the tier is of kind {kind}, and a bucket keeps tars only",
        )


def _kind(around: Surroundings, tier: str) -> str:
    declared = around.tiers.get(tier)
    kind = declared.get("kind") if declared else None
    return kind.value if kind else ""


def _statements(said: Said, around: Surroundings, problems: Problems) -> None:
    """Statements are asked of tiers that are somebody else's."""
    asked = said.get("statements")
    for number, one in enumerate(asked.value if asked else ()):
        if one.value is not Wrong and _kind(around, one.value) not in ("", SOURCE):
            problems.add(
                one.at,
                f"statements[{number}]",
                f"{one.value}, of kind {_kind(around, one.value)}",
                f"a tier of kind {SOURCE}",
                code="POL-CROSS",
                hint="our own tiers are checked by audits",
            )


def _recalls(said: Said, around: Surroundings, problems: Problems) -> None:
    """A check can't be younger than the time that it takes until reading can begin."""
    for name in _promised(said):
        declared = around.tiers.get(name)
        retrieval = declared.get("retrieval") if declared else None
        age = said.get("audit", "tiers", name, "max_age")
        if retrieval is not None and age is not None and age.value <= retrieval.value:
            problems.add(
                age.at if age.at != BUILT_IN else retrieval.at,
                f"audit.tiers.{name}.max_age",
                age.text,
                f"more than {retrieval.text}, the tier's retrieval",
                code="POL-CROSS",
                hint="let checks be older, or mend retrieval in tiers.yaml",
            )


def _counts(said: Said, around: Surroundings, problems: Problems) -> None:
    rules = said.get("replicas")
    if rules is None or any(one.value is Wrong for one in rules.value):
        return
    count = len(rules.value)
    sites = {site.value for tier in _promised(said) if (site := _site(around, tier)) is not None}
    unknown = any(_site(around, tier) is None for tier in _promised(said))
    replicas = counted(count, "replica")
    limits = [("replicas", count, replicas), ("failure_domains", count, replicas)]
    if not unknown:
        told = f"{counted(len(sites), 'site')} ({', '.join(sorted(sites))})"
        limits.append(("sites", len(sites), told))
    for name, most, what in limits:
        wanted = said.get("minimum", name)
        if wanted is not None and wanted.value > most:
            at = wanted.at if wanted.at != BUILT_IN else rules.at
            allowed = f"at most {most}: the promised tiers make {what}"
            hint = "promise less, or add a replica" + (" at another site" * (name == "sites"))
            problems.add(
                at, f"minimum.{name}", str(wanted.value), allowed, code="POL-CROSS", hint=hint
            )


def _site(around: Surroundings, tier: str) -> Said | None:
    declared = around.tiers.get(tier)
    return declared.get("site") if declared else None


def _audit(said: Said, around: Surroundings, problems: Problems) -> None:
    rules = said.get("audit", "tiers")
    if rules is None or said.get("replicas") is None:
        return
    promised = _promised(said)
    for name, tier in promised.items():
        if name not in rules.value and name in around.tiers:
            problems.add(
                tier.at,
                f"audit.tiers.{name}",
                "nothing",
                "a rule for each tier that keeps a replica",
                code="POL-CROSS",
                hint=f"write {name}: {{level: E3, max_age: 90d}} below audit: tiers:",
            )
    if any(tier is None for tier in _tiers(said)):
        return
    for name, rule in rules.value.items():
        # A rule of the baseline for a tier that this community does not use is just not needed.
        if name in around.tiers and name not in promised and rule.at.file == around.file:
            allowed = f"tiers that keep a replica: {', '.join(promised)}"
            problems.add(
                rule.at, f"audit.tiers.{name}", f"the tier {name}", allowed, code="POL-CROSS"
            )


def _audit_gap(said: Said, problems: Problems) -> None:
    """A check can't be younger than the time between two audits."""
    schedule, rules = said.get("audit", "schedule"), said.get("audit", "tiers")
    if schedule is None or rules is None:
        return
    gap = longest_gap(schedule.value)
    shown = format_duration(gap)
    for name in _promised(said):
        age = said.get("audit", "tiers", name, "max_age")
        if age is not None and age.value < gap.total_seconds():
            at = age.at if age.at != BUILT_IN else schedule.at
            problems.add(
                at,
                f"audit.tiers.{name}.max_age",
                age.text,
                f"at least {shown}, the longest time between two audits ({schedule.text})",
                code="POL-CROSS",
                hint="let audits run more often, or let checks be older",
            )


def _audit_digests(said: Said, problems: Problems) -> None:
    """All digests are compared when a replica is checked, so not more often than that."""
    for name in _promised(said):
        age = said.get("audit", "tiers", name, "max_age")
        often = said.get("audit", "tiers", name, "all_digests")
        if age is not None and often is not None and often.value and often.value < age.value:
            problems.add(
                often.at,
                f"audit.tiers.{name}.all_digests",
                often.text,
                f"never, or {age.text} (its max_age) and longer",
                code="POL-CROSS",
                hint=f"write {age.text} to compare all digests at each check, or lower max_age",
            )


def _audit_money(said: Said, around: Surroundings, problems: Problems) -> None:
    """Money is held against prices in its own currency alone; others could not be obeyed."""
    money = said.get("audit", "money")
    if money is None or money.value == UNLIMITED:
        return
    currency = money.value.rpartition(" ")[2]
    for name in _promised(said):
        declared = around.tiers.get(name)
        price = declared.get("cost", "read") if declared else None
        if price is None or not price.value:
            continue
        asked = Price.parse(price.value).currency
        if asked != currency:
            problems.add(
                money.at,
                "audit.money",
                money.text,
                f"an amount in {asked}, which {name} asks for reading",
                code="POL-CROSS",
                hint=f"say it in {asked}, or write audit.money: {UNLIMITED}",
            )


def _repair(said: Said, around: Surroundings, problems: Problems) -> None:
    mode, approvers = said.get("repair", "mode"), said.get("repair", "approvers")
    if mode is None or approvers is None:
        return
    if mode.value == "approved" and not approvers.value:
        hint = "write approvers: [archivist]"
        problems.add(
            mode.at,
            "repair.approvers",
            "nobody",
            "at least one account",
            code="POL-CROSS",
            hint=hint,
        )
    if mode.value == "automatic" and approvers.value and approvers.at.file == around.file:
        problems.add(
            approvers.at,
            "repair.approvers",
            "approvers that nobody asks",
            "approvers only with mode: approved",
            code="POL-CROSS",
        )


def _floor_minimum(said: Said, floor: Said, problems: Problems) -> None:
    for name in ("replicas", "failure_domains", "sites"):
        lowest, promised = floor.get("minimum", name), said.get("minimum", name)
        if lowest and promised and promised.value < lowest.value:
            _tell_floor(f"minimum.{name}", promised, lowest, "at least", problems)


def _floor_audit(said: Said, floor: Said, problems: Problems) -> None:
    rules = said.get("audit", "tiers")
    oldest, weakest = floor.get("audit", "max_age"), floor.get("audit", "level")
    for name in rules.value if rules else ():
        age = said.get("audit", "tiers", name, "max_age")
        level = said.get("audit", "tiers", name, "level")
        if oldest and age and age.value > oldest.value:
            _tell_floor(f"audit.tiers.{name}.max_age", age, oldest, "at most", problems)
        if weakest and level and not Level(level.value).reaches(Level(weakest.value)):
            _tell_floor(f"audit.tiers.{name}.level", level, weakest, "at least", problems)


def _tell_floor(path: str, promised: Said, floor: Said, bound: str, problems: Problems) -> None:
    at = promised.at if promised.at != BUILT_IN else floor.at
    problems.add(
        at,
        path,
        promised.text,
        f"{bound} {floor.text}, the floor of {floor.at}",
        code="POL-FLOOR",
        hint="no community goes under the floor",
    )
