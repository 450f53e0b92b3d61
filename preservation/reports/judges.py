"""Whether a requirement of a standard is met, by figures: one small judge for each question.

A judge looks at rows that the same report shows, and says what it saw. Where there is nothing to
look at it says so; what software cannot see has no judge (``data/requirements.toml``).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

from preservation.catalogue.promises import Standing
from preservation.model.deferred import dataclass
from preservation.model.virus_scan import Demand
from preservation.policy.policy import Policy
from preservation.reports.period_rows import CoverLine, MonthLine, PlaceLine
from preservation.reports.rows import FormatLine
from preservation.reports.words import count, listed

MET, IN_PART, NOT_MET = "met", "met in part", "not met"
NOTHING, NOT_SOFTWARE = "nothing to judge", "not something that software can show"


@dataclass(frozen=True, slots=True)
class Facts:
    """What judges look at.

    Attributes:
        identified: AIPs with a persistent identifier.
        uncounted: AIP versions whose files are not in the inventory.
        keepers: tiers that hold copies of the journal; ``keeper_sites``: at how many sites.
        acts: events in the period; ``cited``: of those that name the policy they obeyed.
    """

    policy: Policy
    standing: Standing
    places: tuple[PlaceLine, ...]
    copies: tuple[CoverLine, ...]
    months: tuple[MonthLine, ...]
    formats: tuple[FormatLine, ...]
    identified: int
    uncounted: int
    keepers: int
    keeper_sites: int
    acts: int
    cited: int

    def total(self, column: str) -> int:
        """A column of the months, summed."""
        return sum(int(getattr(line, column)) for line in self.months)

    def over_places(self, column: str) -> int:
        """A column of the tiers, summed."""
        return sum(int(getattr(line, column)) for line in self.places)


@dataclass(frozen=True, slots=True)
class Judged:
    """A verdict, what shows it, and the figure in the table where it is counted."""

    verdict: str
    evidence: str
    figure: int = 0
    shown_in: str = ""


Judge = Callable[[Facts], Judged]


def _of(met: bool, evidence: str, figure: int, shown_in: str) -> Judged:
    return Judged(MET if met else NOT_MET, evidence, figure, shown_in)


def _short(facts: Facts, what: str, least: Mapping[str, int]) -> Judged:
    """Whether the verified replicas of every version come to so many of each."""
    held = sum(line.versions for line in facts.copies)
    if not held:
        return Judged(NOTHING, "no AIP version is old enough to be judged", 0, "copies")
    low = sum(line.versions for line in facts.copies if _lacks(line, least))
    wanted = " and ".join(f"{number} {name.replace('_', ' ')}" for name, number in least.items())
    told = f"{held - low:,} of {count(held, 'AIP version')} {what}: {wanted}"
    return _of(not low, told, held - low, "copies")


def _lacks(line: CoverLine, least: Mapping[str, int]) -> bool:
    return any(getattr(line, name) < number for name, number in least.items())


def two_places(facts: Facts) -> Judged:
    """Two verified replicas at two declared sites."""
    return _short(facts, "have verified", {"replicas": 2, "sites": 2})


def three_copies(facts: Facts) -> Judged:
    """Three verified replicas, at two declared sites."""
    return _short(facts, "have verified", {"replicas": 3, "sites": 2})


def three_sites(facts: Facts) -> Judged:
    """Three declared sites; what threatens them, software does not know."""
    return _short(facts, "are kept at sites", {"replicas": 3, "sites": 3})


def two_media(facts: Facts) -> Judged:
    """Declared media of tiers with verified replicas."""
    media = sorted({line.medium for line in facts.places if line.verified})
    if not media:
        return Judged(NOTHING, "there is no verified replica", 0, "places")
    return _of(len(media) > 1, f"declared media: {listed(media)}", len(media), "places")


def diverse(facts: Facts) -> Judged:
    """Every version in three failure domains, as observed; what was not, shows nothing."""
    unseen = [line.tier for line in facts.places if line.replicas and not line.failure_domain]
    if unseen:
        told = f"{listed(unseen)} could not be looked at: what fails together is not known"
        return _of(False, told, len(unseen), "places")
    return _short(facts, "are spread", {"replicas": 3, "failure_domains": 3})


def tiers_declared(facts: Facts) -> Judged:
    """The policy language does not take a tier without its technology, site and operator."""
    number = len(facts.places)
    told = f"{count(number, 'tier')} declared with technology, medium, site and operator"
    return _of(bool(number), told, number, "places")


def verified_once(facts: Facts) -> Judged:
    """Every version has a verified replica."""
    return _short(facts, "have been read back and compared", {"replicas": 1})


def deposits_verified(facts: Facts) -> Judged:
    """Deposits were examined, and taken in or rejected."""
    taken, refused = facts.total("accepted"), facts.total("rejected")
    if not taken + refused:
        return Judged(NOTHING, "no deposit came in the period", 0, "months")
    told = (
        f"{count(taken, 'deposit')} taken in after digests, names and limits were verified; "
        f"{refused:,} rejected with all reasons"
    )
    return Judged(MET, told, taken + refused, "months")


def deposits_answered(facts: Facts) -> Judged:
    """Each decision left an event and a receipt."""
    decided = facts.total("accepted") + facts.total("rejected")
    if not decided:
        return Judged(NOTHING, "no deposit came in the period", 0, "months")
    return Judged(MET, f"{count(decided, 'decision')} with event and receipt", decided, "months")


def sealed(facts: Facts) -> Judged:
    """Every version has a seal over all its bytes, and a random UUID for ever."""
    held = facts.standing.holdings
    if not held.versions:
        return Judged(NOTHING, "nothing is held", 0, "copies")
    told = (
        f"{count(held.versions, 'AIP version')} under {count(held.aips, 'UUID')}, each sealed by "
        "the SHA-256 of its tag manifest, with the events of its life in the journal"
    )
    return Judged(MET, told, held.versions, "copies")


def virus_scans(facts: Facts) -> Judged:
    """The policy requires scans, and each deposit taken in had one."""
    scans, taken = facts.total("virus_checks"), facts.total("accepted")
    if not taken:
        return Judged(NOTHING, "no deposit was taken in in the period", 0, "months")
    if facts.policy.intake.virus_scan is not Demand.REQUIRED:
        told = f"the policy does not require virus scans; {count(scans, 'deposit')} scanned"
        return _of(False, told, scans, "months")
    return _of(
        scans >= taken, f"{scans:,} of {count(taken, 'deposit')} scanned whole", scans, "months"
    )


def read_back(facts: Facts) -> Judged:
    """What was written was read back and compared in time."""
    late = sum(tier.unverified for tier in facts.standing.tiers)
    replicas, verified = facts.over_places("replicas"), facts.over_places("verified")
    if not replicas:
        return Judged(NOTHING, "there is no replica", 0, "places")
    told = f"{verified:,} of {count(replicas, 'replica')} verified by reading all bytes back"
    told += f"; {late:,} not read back in time" if late else ""
    return _of(not late and bool(verified), told, verified, "places")


def journal_copies(facts: Facts) -> Judged:
    """The journal's copies at two declared sites: apart from any one place of the content."""
    told = (
        f"sidecars beside every replica; copies of the journal on {count(facts.keepers, 'tier')} "
        f"at {count(facts.keeper_sites, 'declared site')}"
    )
    return _of(facts.keeper_sites > 1, told, facts.keepers, "")


def no_overdue(facts: Facts) -> Judged:
    """Every replica has evidence younger than promised, and none from a day to come."""
    replicas, late = facts.over_places("replicas"), facts.standing.overdue
    if not replicas:
        return Judged(NOTHING, "there is no replica", 0, "places")
    fresh, ahead = facts.over_places("fresh"), facts.over_places("ahead")
    told = (
        f"{count(late, 'check')} overdue; {fresh:,} of {count(replicas, 'replica')} with evidence "
        "from within the period"
    )
    told += f"; {ahead:,} dated later than now, so of unknown age" if ahead else ""
    return _of(not late + ahead, told, late + ahead, "places")


def outcomes_recorded(facts: Facts) -> Judged:
    """Each check left an event with outcome, level, digests and agent."""
    checks = facts.total("checks")
    if not checks:
        return _of(False, "no fixity check was made in the period", 0, "months")
    return Judged(MET, f"{count(checks, 'fixity check')} in the journal", checks, "months")


def on_demand(facts: Facts) -> Judged:
    """A run can be aimed at any replica."""
    told = "`preserve audit` checks any tier, AIP or community at any time"
    return Judged(MET, told, facts.total("checks"), "months")


def repaired(facts: Facts) -> Judged:
    """No replica is left damaged, as far as any was looked at."""
    damaged, healed = facts.over_places("damaged"), facts.total("repaired")
    if not damaged and not facts.over_places("verified"):
        return Judged(NOTHING, "no replica was ever verified", 0, "places")
    told = f"{count(damaged, 'replica')} damaged now; {count(healed, 'replica')} repaired"
    return _of(not damaged, told, damaged, "places")


def agents_logged(facts: Facts) -> Judged:
    """Every act is an event that names its agent."""
    told = f"{count(facts.acts, 'event')} with time, agent and outcome"
    return Judged(MET if facts.acts else NOTHING, told, facts.acts, "acts")


def policies_cited(facts: Facts) -> Judged:
    """Acts name the policy that they obeyed, by its digest."""
    told = f"{facts.cited:,} of {count(facts.acts, 'event')} name the digest of a policy in force"
    if not facts.acts:
        return Judged(NOTHING, told, 0, "")
    whole = MET if facts.cited == facts.acts else IN_PART
    return Judged(whole if facts.cited else NOT_MET, told, facts.cited, "")


def inventoried(facts: Facts) -> Judged:
    """Every file of every version stands in the central inventory."""
    held = facts.standing.holdings
    if not held.versions:
        return Judged(NOTHING, "nothing is held", 0, "formats")
    files = sum(line.files for line in facts.formats)
    told = f"{count(files, 'file')} listed; AIP versions not listed yet: {facts.uncounted:,}"
    return _of(not facts.uncounted, told, files, "formats")


def described(facts: Facts) -> Judged:
    """Packages carry their own description."""
    held = facts.standing.holdings.versions
    told = (
        f"{count(held, 'AIP version')} with bag-info.txt, inventory.csv and premis.xml (PREMIS 3)"
    )
    return Judged(MET if held else NOTHING, told, held, "copies")


def formats_known(facts: Facts) -> Judged:
    """How many files have a format, and how many do not."""
    files = sum(line.files for line in facts.formats)
    unknown = sum(line.files for line in facts.formats if not line.id)
    if not files:
        return Judged(NOTHING, "no file is held", 0, "formats")
    told = f"{files - unknown:,} of {count(files, 'file')} identified by PRONOM or by us"
    if facts.uncounted:
        told += f"; {count(facts.uncounted, 'AIP version')} not yet listed"
    return _of(not facts.uncounted and not unknown, told, files - unknown, "formats")


def formats_checked(facts: Facts) -> Judged:
    """Formats are opened by their own libraries at ingest."""
    invalid = sum(line.invalid for line in facts.formats)
    if not facts.policy.intake.formats.check:
        return _of(False, "the policy asks for no check of contents", 0, "formats")
    told = f"checked at ingest; {count(invalid, 'file')} held that its library could not read"
    return Judged(MET, told, invalid, "formats")


def formats_rated(facts: Facts) -> Judged:
    """Formats are rated by risk, and looked at again by newer signatures."""
    if not facts.formats:
        return Judged(NOTHING, "no file is held", 0, "formats")
    high = sum(line.files for line in facts.formats if line.risk == "high")
    looks = facts.total("format_reviews")
    told = f"{count(high, 'file')} at high risk; {count(looks, 'AIP version')} looked at again"
    return Judged(MET, told, high, "formats")


def policy_in_force(facts: Facts) -> Judged:
    """The policy is a document under a digest."""
    return Judged(MET, f"the policy in force is {facts.policy.ref}")


def identified(facts: Facts) -> Judged:
    """AIPs have persistent identifiers."""
    held = facts.standing.holdings.aips
    if not held:
        return Judged(NOTHING, "nothing is held")
    told = f"{facts.identified:,} of {count(held, 'AIP')} with a persistent identifier"
    return _of(facts.identified >= held, told, facts.identified, "")


def promises_kept(facts: Facts) -> Judged:
    """Everything that was promised is true now."""
    broken = sum(facts.standing.totals.values())
    told = (
        f"{count(broken, 'promise')} broken, {count(facts.standing.open_findings, 'finding')} open"
    )
    if not facts.standing.holdings.versions:
        return Judged(NOTHING, "nothing is held", 0, "copies")
    return _of(facts.standing.kept, told, broken, "places")


def independent(facts: Facts) -> Judged:
    """Anybody can verify a replica without us."""
    held = facts.standing.holdings.versions
    told = (
        "each replica is a BagIt bag: `sha256sum -c` and its seal verify it without this software"
    )
    return Judged(MET if held else NOTHING, told, held, "copies")


def specified(facts: Facts) -> Judged:
    """Stored bytes are specified; a tier that is set up is given the specification."""
    number = len(facts.places)
    told = f"every stored byte is specified; each of {count(number, 'tier')} was given the text"
    return _of(bool(number), told, number, "places")


def incidents_told(facts: Facts) -> Judged:
    """Findings, and messages about them."""
    found, told = facts.total("found"), facts.total("told")
    names = len(facts.policy.notify)
    words = f"{count(found, 'finding')} recorded, {count(told, 'message')} sent; "
    words += f"the policy names {count(names, 'recipient')}"
    return _of(bool(names) and bool(told or not found), words, found, "months")


def judges() -> Iterator[tuple[str, Judge]]:
    """Every judge by its name."""
    for judge in (
        *(two_places, three_copies, three_sites, two_media, diverse, tiers_declared),
        *(verified_once, deposits_verified, deposits_answered, sealed, virus_scans, read_back),
        *(journal_copies, no_overdue, outcomes_recorded, on_demand, repaired, agents_logged),
        *(policies_cited, inventoried, described, formats_known, formats_checked, formats_rated),
        *(policy_in_force, identified, promises_kept, independent, specified, incidents_told),
    ):
        yield judge.__name__, judge
