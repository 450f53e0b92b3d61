"""What each DAG says about itself: for archivists, in the Airflow UI.

Three questions each time: what does it do, what does red mean, what to do next.
"""

from __future__ import annotations

from preservation.ledger.protocol import InForce
from preservation.model.units import format_duration, format_size
from preservation.policy.policy import Policy

APPROVAL = """\
The policy wants a named person to allow repairs. Open **Required Actions**, read the list, and
answer. *Approve* repairs exactly that list, *Reject* leaves everything as it is: the findings stay
open and the question comes again with the next run. Without an answer in a day the run ends red,
nothing is changed, and the next run asks again.
"""

BRAKE = """\
More is damaged on a tier than chance allows: a mount that is gone or a program's mistake looks like
this too, so automatic repair waits. Look at the tier first. Open **Required Actions** and answer.
*Approve* accepts the finding `AUD-BRAKE` under your account, and the next run repairs; *Reject*
leaves it waiting. If the tier was only away, mend it and audit it again: the brake lets go by
itself. Without an answer in a day the run ends red, and the next asks again; repair on other
tiers goes on meanwhile.
"""

DISPOSAL = """\
Something was kept as long as it was promised, or a replica lies on a tier that is promised no more.
Open **Required Actions**, read the list, and answer under your own account. Each question wants
another person; an account that several people use counts once at most and never alone. *Approve*
allows exactly that list. Without enough answers in two weeks nothing is changed; an approval that
was given stays on record for that very list.
"""

JOURNAL = """\
### Journal
Every 15 minutes: what happened is written from the catalogue's outbox into `journal/` (files that
are never changed again) and copied to two tiers. From these files the catalogue can be rebuilt.

**Red means** that the last events exist in the catalogue only. Nothing is lost while the catalogue
lives.

**Next**: read the log of `drain`; mostly a disk is full or a tier is away. When that is mended,
clear the task: it goes on where it was.
"""

NOTICES = """\
### Notices
Every 15 minutes: sends summaries and signs of life by mail and web hooks, as the policies' `notify`
says, and whatever could not be sent before. What is found is told at once by **Standing**.

**Red means** that somebody was not reached: the mail server or a hook did not take a message.
Nothing is lost; the next run tries again.

**Next**: read the log of `tell_people`; it names the recipient and the reason. `preserve notify
--dry-run` shows what waits.
"""

REPORTS = """\
### Reports
Every morning: if a month or a year is over, writes the reports that policies want about it
(`reports: {holdings: monthly, evidence: yearly}`) into `reports/`, for each community. The report
about each audit is written by **Audit** itself.

**Red means** that a report could not be written: a full disk, a catalogue that does not answer.

**Next**: read the log of `write`; mend it and clear the task, or wait for the next morning.
`preserve report --kind evidence --year 2026` writes one by hand.
"""

TIERS = """\
### Tiers
Every half hour each tier is looked at by a worker of its own, since other workers may have no keys
to it, or not have it mounted. What is seen counts for **Standing** for an hour and a half. A tier
that keeps a copy of the journal gets what it lacks.

**Red means** that a tier is away, is not itself, or that no worker takes its queue.

**Next**: read the log of the task; `preserve tier check` says more. If the task was never begun,
start a worker for the queue that has the tier's name.
"""

STATEMENTS = """\
### What other holders say of their own packages

Each week the Archivematica services that policies in force name (`statements`) are asked to check
their packages, through Artefactual's `fixity`. What they answer is recorded as *their* statement:
it is no check of ours and counts for nothing that is promised here.

**Green**: all were asked, whatever they said. **Red**: a service could not be asked.

**Next**: `preserve tier statements` shows what was said last; `preserve tier check --tier …` what
is in the way of asking.
"""

FORMATS = """\
### Formats
Every night: takes new AIPs into the central inventory (`inventory/`, Parquet), which
`preserve formats` and the reports count from. When the identification tools or their signatures
changed, those files are looked at again whose answer could be another one now; what changed is an
event and, where it matters, a finding. Sealed AIPs are never touched. Beside it, what runs that
never came back have left in scratch and on tiers is swept.

**Red means** that an AIP is missing in the inventory, or could not be looked at: no verified
replica of it can be read now. A format that changed does not make it red.

**Next**: read the red square's log; `preserve formats refresh` names what is missing. Audit and
repair that AIP, then clear the task. `preserve formats attention` lists files that somebody should
look at.
"""


DRILL = """\
### Drill
Each morning: where a policy names tiers for drills and its time has come, small replicas made for
the purpose are harmed in eight ways, under a place of their own on those tiers. The services of
every night must find and heal all of it; then everything of the drill is removed. Nothing of it is
ever counted as a holding.

**Red means** that a drill could not be held. What a drill *missed* leaves this green: it is a
finding, and **Standing** is red until a later drill finds everything.

**Next**: read the red square's log; `preserve drill` holds one by hand.
"""


def ingest(policy: Policy) -> str:
    """What ``ingest`` says."""
    intake = policy.intake
    return f"""{_heading("Ingest", policy)}
Looks into the inbox `{intake.inbox}` ({intake.schedule}, {intake.timezone}). A deposit is complete
when it {intake.completion}. Each becomes a verified BagIt package on tier
`{policy.replicas[0].tier}`, or is rejected with all its findings. {_released(policy)}
Its receipt lies in `receipts/{policy.community}/`.

**The squares** of `take` carry the deposit's name and how it ended: *accepted*, *rejected*, *held
already*. A rejected deposit is an answer, not a failure: the square is green and the receipt says
what to mend.

**Red means** that a deposit could not be examined or stored now: a full disk, a tier that is away.
Nothing half-made is visible.

**Next**: read the log of the red square. After mending the cause, clear it, or wait: the next run
finds the deposit again. `preserve ingest --inbox --community {policy.community}` does the same by
hand.
{_footer(policy)}"""


def replicate(policy: Policy) -> str:
    """What ``replicate`` says."""
    promised = "\n".join(
        f"- `{rule.tier}` as {rule.packaging.value}, within {format_duration(rule.within)}"
        for rule in policy.replicas
    )
    return f"""{_heading("Replicate", policy)}
After each ingest, and hourly, makes the replicas that were promised and are not there:

{promised}

Each is copied from a verified replica, written, synced, read back and compared. Only then it
counts.

**Red means** that a tier could not be written or a source did not verify. What was finished stays.

**Next**: read the log of the red square; `preserve tier list` looks at the tiers. Clear the task,
or wait for the hour.
{_footer(policy)}"""


def audit(policy: Policy) -> str:
    """What ``audit`` says."""
    promised = "\n".join(
        f"- `{tier}`: {rule.level.words}, at least every {format_duration(rule.max_age)}"
        + (f", by all digests every {format_duration(rule.all_digests)}" * bool(rule.all_digests))
        for tier, rule in policy.audit.tiers.items()
    )
    return f"""{_heading("Audit", policy)}
Every night ({policy.audit.schedule}, {policy.audit.timezone}) reads replicas and compares every
file, nearest deadline first, {format_size(policy.audit.budget)} a night at most:

{promised}

**Damage does not make this red**: an audit that finds damage has done its work. Look at
**Standing · {policy.title["en"]}**, which is red until every finding is answered; the repair starts
by itself. The square of each shard says what was found.

**Red means** that something planned could not be checked, so that nothing is known about it.

**Next**: read the red square's log; mend the tier; start the run again. To aim it (a tier, an AIP,
a format, a day, a sample, everything) use *Trigger* and its form. To slow down a run at work, write
a line like `20 MiB` into `audit.rate` in the home. An open `AUD-BRAKE` says that more is damaged
than chance allows: automatic repair waits until you answer it.
{_footer(policy)}"""


def repair(policy: Policy) -> str:
    """What ``repair`` says."""
    who = (
        "The policy lets repairs happen by themselves."
        if policy.repair.automatic
        else f"The policy wants an approval by {' or '.join(policy.repair.approvers)}: answer it "
        "under **Required Actions**."
    )
    return f"""{_heading("Repair", policy)}
After an audit that found damage, and hourly: replaces each damaged replica by bytes that were just
read from another one and found intact. Damaged bytes are kept in quarantine on their tier. Then the
replica is read once more. {who}

**Green and *hopeless*** on a square: some files are intact nowhere, though each was looked for in
every replica. Nothing was changed; the finding is critical, names them, and says where the rest is
kept. It is tried again once a day. **Green and *waiting***: a person has to say something first;
the finding (`RBD-SEAL-DISPUTED`) says what. Where more is damaged than chance allows (`AUD-BRAKE`),
nothing is repaired by itself on that tier until somebody answers what *Brake* asks under
**Required Actions**; other tiers are repaired meanwhile.

**Red means** that a repair could not be finished, or that nobody answered in time. Nothing is
overwritten before its replacement is verified.

**Next**: read the red square's log, mend the cause, clear the task. `preserve finding list` shows
all that is open.
{_footer(policy)}"""


def brake(policy: Policy) -> str:
    """What ``brake`` says."""
    return f"""{_heading("Brake", policy)}
While automatic repair waits on a tier (`AUD-BRAKE`: more is damaged there than chance allows), asks
whether it may go on. Look at the tier first: is the disk mounted, the bucket the right one? Then
answer under **Required Actions**, under an account of your own. The answer is kept as who accepted
the finding, and why. Nothing else waits for it.

**Red means** that nobody answered in a day, or that the answer was no. Nothing was changed; while
the finding is open, the next run of *Repair* has it asked again.

**Next**: look at the tier. If it was only away, mend it and audit it again: the brake lets go by
itself.
{_footer(policy)}"""


def retention(policy: Policy) -> str:
    """What ``retention`` says."""
    rule = policy.retention
    kept = "for ever" if rule.keep is None else f"{format_duration(rule.keep)} at least"
    who = " or ".join(rule.approvers) or "anybody under an account of their own"
    return f"""{_heading("Retention", policy)}
Once a month lists what is due: AIP versions that were kept long enough (each is kept {kept}), and
replicas on tiers that are promised no more. Nothing is removed before {rule.approvals} of {who}
approved exactly that list, nor while a hold is open, nor a replica before the remaining minimum was
read back. Then a tombstone is written on each tier, everything else of the version is removed, and
that it is gone is confirmed by listing. What a lock holds stays pending and is finished by a later
run.

**Red means** that not enough people answered, that the list is not any more what was approved, or
that a tier was in the way. Nothing is half-decided: what was begun is told by `preserve retention
review`, and finished by the next run.

**Next**: read the red square's log. `preserve retention list` shows every proposal, `preserve hold
add` stops one.
{_footer(policy)}"""


def standing(policy: Policy) -> str:
    """What ``standing`` says."""
    need = policy.minimum
    return f"""{_heading("Standing", policy)}
**The one to look at.** Green: every promise is true, as far as the evidence is recent. Red while

- a finding is open,
- a promise is broken (fewer than {need.replicas} verified replicas in {need.failure_domains}
  failure domains and {need.sites} sites),
- a check is overdue.

It runs after every audit and repair, and each morning. Its note and its log list what is wrong and
the next step for each. Marking it a success changes nothing: the next run looks again.
{_footer(policy)}"""


def unusable_policy(line: InForce, reason: str) -> str:
    """What stands in for the DAGs of a community whose policy cannot be used."""
    return (
        f"The policy in force for `{line.community}` ({line.digest}) cannot be used: {reason}. "
        "None of its DAGs run until that is mended; the other communities go on. Next: "
        "`preserve policy check`, then `preserve policy apply --reason …`."
    )


def _heading(kind: str, policy: Policy) -> str:
    names = " · ".join(text for _, text in sorted(policy.title.items()))
    return f"### {kind}: {names}"


def _footer(policy: Policy) -> str:
    return f"\nPolicy in force: `{policy.ref}` · contact: {policy.contact}\n"


def _released(policy: Policy) -> str:
    rule = policy.intake.release
    if rule.mode == "keep":
        return "The deposit itself is never changed."
    act = "deleted" if rule.mode == "delete" else f"moved to `{rule.to}`"
    return (
        f"The deposit itself is never changed; {format_duration(rule.after)} after it was taken "
        f"in, and while its AIP has its minimum of verified replicas, it is {act}."
    )
