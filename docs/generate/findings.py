"""Write docs/reference/finding-codes.md: every stable code that the program can say.

The codes of bags and of policy files come from their tables; all others are collected from the
source: findings, failures, and tables of either. A code without a meaning, or of no area, stops
the generator.

python docs/generate/findings.py           write it
python docs/generate/findings.py --check   exit 1 if it is not up to date
"""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from _pages import settle

from preservation import errors
from preservation.bags import codes as bags
from preservation.policy import problem
from preservation.replication import odd

ROOT = Path(__file__).resolve().parents[2]
TARGET = ROOT / "docs" / "reference" / "finding-codes.md"
CODE = re.compile(r"[A-Z]{2,10}-[A-Z][A-Z0-9-]*[A-Z0-9]")
FIELDS = ("code", "subject", "message", "hint", "severity")
SHOWN = 28  # characters of an expression inside a message

AREAS = {
    "AIP": "Getting AIPs out",
    "ARC": "Archives: tars and zips",
    "AUD": "Audits",
    "BAG": "BagIt bags",
    "CAT": "The catalogue",
    "DEMO": "The demonstration",
    "DEP": "Deposits",
    "DRL": "Drills",
    "EVT": "Events as Parquet",
    "FILE": "Files that commands write",
    "FIX": "Fixity and repair",
    "FMT": "Format identification",
    "FND": "Findings, on the command line",
    "FS": "File systems",
    "HOME": "The home",
    "IDENTIFIER": "Persistent identifiers",
    "INV": "The central inventory",
    "JRN": "The journal",
    "NOTE": "Notices",
    "POL": "Policies",
    "RBD": "Making the catalogue again",
    "REL": "Deposits that leave the inbox",
    "REP": "Replication and repair, as work",
    "RET": "Retention, holds and disposal",
    "RPT": "Reports",
    "SAM": "Anything",
    "SRC": "Statements of other holders",
    "STD": "Standing: promises that are not kept",
    "SUP": "The local Airflow and its database",
    "SUR": "Surveys",
    "TAR": "Tars of our own",
    "TIER": "Tiers",
    "VIR": "Virus scans",
    "WORKER": "Workers",
}

# Where the source has no sentence beside the code: kind, what it says, what to do.
_REPAIR = "`preserve repair`; the damaged bytes stay in quarantine"
_AUDIT = "`preserve audit`; if it is so every night, raise the audit budget"
_REPLICATE = "`preserve replicate`; then look why the replicate DAG did not"
_MOVE = "add a tier that lies elsewhere, or move one"
SAID = {
    "NOTE-UNDELIVERED": (
        "failure 5",
        "a mail server or a web hook did not take a message; the reason is told with it",
        "what the hint says; the next run tries again",
    ),
    "RPT-PERIOD": (
        "failure 2",
        "no such month or year, or one that has not begun",
        "give --year 2026 or --month 2026-11, not in the future",
    ),
    "ARC-ENCRYPTED": ("failure 2", "a member is encrypted", "pack it again without a password"),
    "ARC-MEMBER-OCTETS": (
        "failure 2",
        "a member is larger than the limit",
        "divide the file, or ask for a larger limit",
    ),
    "ARC-MEMORY": (
        "failure 2",
        "unpacking would need more memory than is given to it",
        "pack it again with a smaller window (`xz -6`, `zstd -19`)",
    ),
    "ARC-METHOD": (
        "failure 2",
        "a member is packed by a method that we do not read",
        "pack it again with deflate, bzip2, xz or zstd, or not packed at all",
    ),
    "ARC-OCTETS": (
        "failure 2",
        "all members together are larger than the limit",
        "divide it, or ask for a larger limit",
    ),
    "CAT-URL": ("failure 2", "the catalogue's address in samarkand.toml is not one we can use", ""),
    "DEP-BOMB": (
        "finding, error",
        "unpacking gave more bytes than the policy allows for each packed byte",
        "deposit it as a folder, or in another container",
    ),
    "DEP-CONTAINER": (
        "finding, error",
        "an archive that is cut, damaged or ambiguous, or has octets that none of its members has",
        "pack it again, and send it again",
    ),
    "DEP-FETCH-FAILED": (
        "finding, error",
        "a server's answer is not the file of fetch.txt, or leads where the policy does not allow",
        "send the file with the bag, or mend fetch.txt",
    ),
    "DEP-ENCRYPTED": (
        "finding, error",
        "a member of an archive is encrypted",
        "pack it again without a password",
    ),
    "DEP-LIST-ALGORITHM": (
        "finding, warning",
        "a list has digests by an algorithm that we do not compute; they were not compared",
        "send MD5, SHA-1, SHA-2, SHA-3 or BLAKE2b",
    ),
    "DEP-LIST-NAME": (
        "finding, warning",
        "names on a list differ from the files' by case, Unicode form or separators alone",
        "nothing: they were taken to mean the files that are there",
    ),
    "DEP-LIST-OUTSIDE": (
        "finding, warning",
        "a list names what is not in the deposit's folder; it was not compared",
        "write names relative to the deposit",
    ),
    "DEP-LIST-UNREAD": (
        "finding, warning",
        "a list has lines that say nothing that we know; they were not compared",
        "mend the list",
    ),
    "DEP-MEMBER-DIFFERS": (
        "finding, error",
        "a zip's local header and its central directory contradict each other",
        "pack it again",
    ),
    "DEP-NAME-UNKEPT": ("finding, error", "a name that a bag cannot hold", "rename it"),
    "AUD-BRAKE": (
        "finding, error",
        (
            "an audit found more damage than chance allows, or a tier that should hold replicas "
            "and holds none: automatic repair of this community on this tier waits."
        ),
        (
            "look whether the right volume is mounted; when it is, `preserve audit --tier T --all`."
            " If the damage is real, `preserve finding accept` with your reason lets repair go on"
        ),
    ),
    "FIX-ALTERED": (
        "finding, error",
        "a file's bytes are not those that were sealed, or a file is there that no manifest lists",
        _REPAIR,
    ),
    "FIX-MISSING": (
        "finding, error",
        "the tier is there; the replica, or a file of it, is not",
        "look whether the tier is whole, then `preserve repair`",
    ),
    "FIX-NO-INTACT-REPLICA": (
        "finding, critical",
        "no intact replica of a version is left to repair from",
        "look for a copy elsewhere before anything else is done; nothing was removed",
    ),
    "FIX-UNREADABLE": (
        "finding, error",
        "the medium failed, after retries",
        "look at the medium's own log, replace it, then `preserve repair`",
    ),
    "FMT-CHANGED": (
        "finding, warning",
        "newer tools say that files are of another format than was found at ingest",
        "look at one of the files; accept the finding if the newer answer is right",
    ),
    "FMT-LOST": (
        "finding, warning",
        "newer tools do not know the format of files that was known at ingest",
        "look at one of the files; accept the finding if nobody can know",
    ),
    "FMT-REFUSED": (
        "finding, warning",
        "newer tools say that files are of a format that the policy in force refuses",
        "decide whether it may stay; accept the finding with your reason",
    ),
    "JRN-NOT-COPIED": (
        "finding, warning",
        "the journal was not copied to a tier",
        "mend the tier; the next drain copies what it lacks",
    ),
    "POL-NO-COMMUNITY": (
        "failure 2",
        "there is no policy file for this community, or it is wrong",
        "`preserve policy check`",
    ),
    "RBD-SEAL-DISAGREES": (
        "finding, error",
        "a sidecar has another seal than the version has; it is not believed",
        "audit the AIP on all its tiers: the audit opens a finding, and repair mends it",
    ),
    "RBD-SEAL-DISPUTED": (
        "finding, error",
        "no event tells a version's seal, and its sidecars disagree: nothing is repaired or copied",
        "find out which seal is right, then `preserve finding settle`",
    ),
    "RBD-UNREADABLE": (
        "finding, warning",
        "a sidecar, a bag, a journal file or a tier could not be read, and was not used",
        "look at the tier; audit what it holds",
    ),
    "STD-DAMAGED": ("promise", "a replica was found damaged and is not repaired yet", _REPAIR),
    "STD-DIGESTS": (
        "promise",
        "the last check that compared all digests of a replica is older than promised",
        _AUDIT,
    ),
    "STD-DOMAINS": ("promise", "verified replicas in fewer failure domains than promised", _MOVE),
    "STD-FUTURE": (
        "promise",
        "the last check of a replica is dated later than now: a clock was wrong",
        "set the clock of every machine, then run `preserve audit`: it checks these again",
    ),
    "STD-LATE": ("promise", "a promised replica is not there in time", _REPLICATE),
    "STD-OVERDUE": ("promise", "the last check of a replica is older than promised", _AUDIT),
    "STD-REPLICAS": ("promise", "fewer verified replicas than promised", _REPLICATE),
    "STD-SITES": ("promise", "verified replicas at fewer sites than promised", _MOVE),
    "STD-UNOBSERVED": (
        "promise",
        "a tier could not be looked at",
        "mount or reach the tier; nothing on it is confirmed until then",
    ),
    "STD-UNVERIFIED": ("promise", "a replica was written, and not read back in time", _AUDIT),
    "STD-WEAK": ("promise", "the last check of a replica is weaker than promised", _AUDIT),
    "SUP-HTTP-409": ("failure 5", "Airflow says that what is asked for is there already", ""),
}
SAID["FIX-RECALLED"] = (
    "finding, warning",
    "recalled, ready by {a time}: a cold replica that is read by the first run after that",
    "nothing to do: the first run after that reads it",
)
SAID |= {
    code: ("finding, error", f"what lies on a tier {meaning}", odd.HINTS[code])
    for code, meaning in odd.CODES.items()
}
KINDS = {"DEP": "finding, error", "CAT": "failure 5", "JRN": "finding, warning"}

OPENING = """\
# Codes

*Made from the source by `docs/generate/findings.py`; do not edit.*

Every code that `preserve`, a receipt, a report or a DAG can show. A code is stable: its meaning
does not change, and it is not used again for anything else. Words in braces are filled in.

- **finding**: something is wrong with what is kept or was deposited. An error rejects a deposit or
  stands open until it is answered; a warning does neither.
- **failure**: work could not be done. The number is the [exit code](exit-codes.md); after a 5,
  trying again may help.
- **problem**: something is wrong in a policy file; all problems are shown at once, exit code 2.
- **promise**: something that a policy promises is not true now; `preserve policy status` exits
  with 4.

"""


@dataclass(frozen=True, slots=True)
class Row:
    """One code as one place in the source says it."""

    code: str
    kind: str = ""
    message: str = ""
    hint: str = ""
    module: str = ""

    @property
    def weight(self) -> tuple[bool, bool, str, str]:
        """The fullest row of a code speaks for it."""
        return (not self.message, not self.hint, self.module, self.message)


# -- the source


class Module(ast.NodeVisitor):
    """Collects the codes of one source file."""

    def __init__(self, path: Path, tree: ast.Module, exits: dict[str, int]) -> None:
        self.name = path.relative_to(ROOT).with_suffix("").as_posix().replace("/", ".")
        self.exits = exits
        self.rows: list[Row] = []
        self.scopes = [_assigned(tree.body)]
        self.visit(tree)

    def visit_FunctionDef(self, node: ast.FunctionDef) -> None:
        self.scopes.append(_assigned(ast.walk(node)))
        self.generic_visit(node)
        self.scopes.pop()

    def visit_ClassDef(self, node: ast.ClassDef) -> None:
        for part in node.body:
            if isinstance(part, ast.Assign | ast.AnnAssign) and (code := _code(part.value)):
                told = (ast.get_docstring(node) or "").split("\n\n")[0].replace("\n", " ")
                self._add(code, f"failure {self.exits.get(node.name, '')}", told.rstrip("."))
        self.generic_visit(node)

    def visit_Call(self, node: ast.Call) -> None:
        name = getattr(node.func, "id", getattr(node.func, "attr", ""))
        by_name = {one.arg: one.value for one in node.keywords if one.arg}
        first = next((code for one in node.args if (code := self._code(one))), "")
        if name == "Finding" and first:
            self._finding(first, node, by_name)
        elif name in self.exits and node.args and (code := self._failure(name, by_name)):
            hint = by_name.get("hint")
            self._add(
                code, f"failure {self.exits[name]}", self._text(node.args[0]), self._text(hint)
            )
        elif first and not name.startswith("get"):
            texts = [text for one in node.args[1:] if (text := self._text(one))]
            self._add(first, "", *texts[:2])
        self.generic_visit(node)

    def _failure(self, name: str, by_name: dict[str, ast.expr]) -> str:
        """The code of a failure: its own, or its class's where that says anything."""
        if "code" in by_name:
            return self._code(by_name["code"])
        default: str = getattr(getattr(errors, name, None), "default_code", "SAM-")
        return "" if default.startswith("SAM-") else default

    def _finding(self, code: str, node: ast.Call, by_name: dict[str, ast.expr]) -> None:
        named = dict(
            zip(("code", "subject", "message", "hint", "severity"), node.args, strict=False)
        )
        named |= by_name
        severity = named.get("severity")
        word = severity.attr.lower() if isinstance(severity, ast.Attribute) else "error"
        hint = self._text(named.get("hint"))
        self._add(code, f"finding, {word}", self._text(named.get("message")), hint)

    def visit_Dict(self, node: ast.Dict) -> None:
        for key, value in zip(node.keys, node.values, strict=True):
            if (code := _code(key)) and isinstance(value, ast.Tuple):
                texts = [text for one in value.elts if (text := self._text(one))]
                warns = any(isinstance(one, ast.Name) and one.id == "_W" for one in value.elts)
                self._add(code, f"finding, {'warning' if warns else 'error'}", *texts[:2])
        self.generic_visit(node)

    def visit_Tuple(self, node: ast.Tuple) -> None:
        code = _code(node.elts[0]) if node.elts else ""
        texts = [text for one in node.elts[1:] if (text := self._text(one))]
        if code and texts and not CODE.fullmatch(texts[0]):
            self._add(code, "", *texts[:2])
        self.generic_visit(node)

    def visit_Constant(self, node: ast.Constant) -> None:
        if code := _code(node):
            self._add(code)

    def _add(self, code: str, kind: str = "", message: str = "", hint: str = "") -> None:
        if f"BAG-PROFILE-{code}" in bags.CODES:
            return  # the last words of a code of the bags' table
        if code.partition("-")[0] in AREAS:
            self.rows.append(Row(code, kind, message, hint, self.name))
        elif kind:
            raise SystemExit(f"{self.name}: no area for the code {code}; see AREAS")

    def _code(self, node: ast.expr | None) -> str:
        """A code, written here or held by a name of this module."""
        return _code(self._named(node))

    def _named(self, node: ast.expr | None) -> ast.expr | None:
        if not isinstance(node, ast.Name):
            return node
        known = next((scope[node.id] for scope in reversed(self.scopes) if node.id in scope), [])
        before = [value for value in known if value.lineno <= node.lineno]
        return before[-1] if before else next(iter(known), None)

    def _text(self, node: ast.expr | None) -> str:
        """A message's template; an expression that is no text says nothing."""
        node = self._named(node)
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            return node.value
        if isinstance(node, ast.JoinedStr):
            return "".join(_piece(part) for part in node.values)
        if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
            return self._text(node.left) + (self._text(node.right) or "…")
        return ""


def _piece(node: ast.expr) -> str:
    if isinstance(node, ast.Constant):
        return str(node.value)
    shown = ast.unparse(node.value) if isinstance(node, ast.FormattedValue) else "…"
    return f"{{{shown}}}" if len(shown) <= SHOWN else "{…}"


def _code(node: ast.expr | None) -> str:
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value if CODE.fullmatch(node.value) else ""
    return ""


def _assigned(nodes: Iterable[ast.AST]) -> dict[str, list[ast.expr]]:
    """Names and what they were assigned, in the order of lines."""
    found: dict[str, list[ast.expr]] = {}
    for node in nodes:
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
            found.setdefault(node.targets[0].id, []).append(node.value)
    for values in found.values():
        values.sort(key=lambda value: value.lineno)
    return found


def exit_codes(trees: list[ast.Module]) -> dict[str, int]:
    """Every class of failure, and the exit code it has or inherits."""
    known = {
        name: kind.exit_code
        for name, kind in vars(errors).items()
        if isinstance(kind, type) and issubclass(kind, errors.SamarkandError)
    }
    classes = [node for tree in trees for node in ast.walk(tree) if isinstance(node, ast.ClassDef)]
    for _ in range(len(classes)):
        before = len(known)
        for node in classes:
            bases = [base.id for base in node.bases if isinstance(base, ast.Name)]
            inherited = next((known[base] for base in bases if base in known), None)
            if inherited is not None:
                known.setdefault(node.name, inherited)
        if len(known) == before:
            break
    return known


# -- the tables


def of_bags() -> Iterator[Row]:
    """The rules of BagIt, with the clause of RFC 8493."""
    for one in bags.CODES.values():
        clause = "" if one.clause == "-" else f" RFC 8493 section {one.clause}."
        word = one.severity.value
        if one.before_1_0 is not one.severity:
            word += f"; before 1.0 {one.before_1_0.value}"
        yield Row(one.code, f"finding, {word}", one.meaning + clause, one.hint, bags.__name__)


def of_policies() -> Iterator[Row]:
    """What can be wrong in policy files."""
    for code, meaning in problem.CODES.items():
        yield Row(code, "problem", meaning, "", problem.__name__)


def of_source() -> Iterator[Row]:
    """Everything else, the fullest row of each code."""
    paths = sorted((ROOT / "preservation").rglob("*.py"))
    trees = [ast.parse(path.read_text("utf-8")) for path in paths]
    exits = exit_codes(trees)
    found: dict[str, list[Row]] = {}
    for path, tree in zip(paths, trees, strict=True):
        for row in Module(path, tree, exits).rows:
            found.setdefault(row.code, []).append(row)
    for code, rows in found.items():
        best = min(rows, key=lambda row: row.weight)
        kind = best.kind or next((row.kind for row in rows if row.kind), "")
        kind = kind or KINDS.get(code.partition("-")[0], "")
        hint = best.hint or next((row.hint for row in rows if row.hint), "")
        message = best.message
        if best.module.endswith("catalogue.failures") and not message.startswith("the "):
            message = f"the catalogue {message}"
        yield replace(best, code=code, kind=kind, message=message, hint=hint)


def all_rows() -> list[Row]:
    """One row per code, sorted."""
    rows = {row.code: row for row in of_source()}
    rows |= {row.code: row for row in (*of_bags(), *of_policies())}
    for code, (kind, meaning, hint) in SAID.items():
        if code in rows:
            rows[code] = replace(rows[code], kind=kind, message=meaning, hint=hint)
    silent = sorted(row.code for row in rows.values() if not row.message)
    if silent:
        raise SystemExit(f"no meaning beside these codes: {', '.join(silent)}; see SAID")
    return [rows[code] for code in sorted(rows)]


def page() -> str:
    """The whole page."""
    parts = [OPENING]
    area = ""
    for row in all_rows():
        first = row.code.partition("-")[0]
        if first != area:
            area = first
            parts.append(f"{'' if len(parts) == 1 else chr(10)}## {AREAS[area]}\n\n")
            parts.append("| Code | Kind | Says | What to do | Module |\n|---|---|---|---|---|\n")
        cells = (f"`{row.code}`", row.kind.strip(), row.message, row.hint, f"`{row.module}`")
        parts.append("| " + " | ".join(_cell(cell) for cell in cells) + " |\n")
    return "".join(parts)


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|").replace("<", "&lt;")


if __name__ == "__main__":
    sys.exit(settle({TARGET: page()}, __doc__))
