"""What the pages tell an administrator to write and to run: each piece of a policy is right, and
the ten tasks can be followed, command by command, in a folder of one's own."""

from __future__ import annotations

import json
import re
import shlex
import shutil
import textwrap
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from preservation.cli.main import call
from preservation.formats.groups import known_groups
from preservation.policy.check import check
from preservation.policy.language import COMMUNITY, TIER

ROOT = Path(__file__).resolve().parents[2]
HOW_TO = ROOT / "docs/how-to"
BLOCK = re.compile(r"^[ \t]*```(yaml|sh)\n(.*?)^[ \t]*```", re.MULTILINE | re.DOTALL)
FIELDS = {one.name for one in COMMUNITY.top.fields}


class _Plain(yaml.SafeLoader):
    """Numbers are numbers, and all else is text: no Norway, no ``on``."""


_Plain.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in known if tag.endswith(":int")]
    for first, known in yaml.SafeLoader.yaml_implicit_resolvers.items()
}
PLACE = {"site": "here", "operator": "us", "technology": "disk"}


def blocks(page: str, kind: str) -> list[str]:
    text = (HOW_TO / page).read_text("utf-8")
    found = (textwrap.dedent(block) for name, block in BLOCK.findall(text) if name == kind)
    return [block.replace("…\n", "\n") for block in found]


def commands(page: str) -> Iterator[list[str]]:
    for block in blocks(page, "sh"):
        for line in block.splitlines():
            if (words := shlex.split(line, comments=True))[:1] == ["preserve"]:
                yield words[1:]


def laid_over(below: Any, above: Any) -> Any:
    """As an administrator edits: mappings field by field, all else replaced."""
    if not (isinstance(below, Mapping) and isinstance(above, Mapping)):
        return above
    both = {name: laid_over(below.get(name), value) for name, value in above.items()}
    return {**below, **both}


class Desk:
    """A folder with the shipped policies, in which pages are followed."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.policies = folder, folder / "policies"
        shutil.copytree(ROOT / "policies", self.policies)

    def write(self, piece: str) -> None:
        """Put a piece of a page where it belongs, by its fields."""
        said = yaml.load(piece, _Plain)
        if said.keys() <= FIELDS:
            self.edit("glaciers.yaml", said)
        elif said.keys() <= {field.name for field in TIER.fields}:
            self.edit("tiers.yaml", {"tiers": {"cloud": said}})
        else:
            for tier in said.values():
                if tier["kind"] == "local":
                    tier["path"] = str(self.folder / Path(tier["path"]).name)
            self.edit("tiers.yaml", {"tiers": {name: PLACE | one for name, one in said.items()}})

    def edit(self, name: str, said: Mapping[str, Any]) -> None:
        path = self.policies / name
        before = yaml.load(path.read_text("utf-8"), _Plain) if path.exists() else {}
        path.write_text(yaml.safe_dump(laid_over(before, said), allow_unicode=True), "utf-8")

    def forget(self, field: str) -> None:
        """Take a field out of the community's file: what it named is named no more."""
        path = self.policies / "glaciers.yaml"
        said = yaml.load(path.read_text("utf-8"), _Plain)
        said.pop(field, None)
        path.write_text(yaml.safe_dump(said, allow_unicode=True), "utf-8")

    def problems(self) -> list[str]:
        files = {path.name: path.read_bytes() for path in self.policies.glob("*.yaml")}
        return [str(problem) for problem in check(files, known_groups()).problems]

    def preserve(self, words: list[str]) -> None:
        code = call(words)
        # On one disk what was promised may be broken; that it is said is what the page tells.
        assert code == 0 or (words[:2] == ["policy", "status"] and code == 4), (words, code)

    def follow(
        self, page: str, most: int | None = None, *, skip: int = 0, known: Mapping[str, str] = {}
    ) -> None:
        """Run commands of a page in their order.

        Args:
            known: what stands for an example's name or digest.
        """
        end = None if most is None else skip + most
        for words in [*commands(page)][skip:end]:
            self.preserve([known.get(word, word) for word in words])

    def answer(self, capsys: pytest.CaptureFixture[str], *words: str) -> Any:
        capsys.readouterr()
        assert call([*words, "--json"]) == 0
        return json.loads(capsys.readouterr().out)


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Desk:
    monkeypatch.chdir(tmp_path)
    for name in ("PRESERVATION_HOME", "PRESERVATION_POLICIES"):
        monkeypatch.delenv(name, raising=False)
    made = Desk(tmp_path)
    made.write(blocks("add-a-community.md", "yaml")[0])
    return made


PIECES = [(page.name, n) for page in sorted(HOW_TO.glob("*.md"))
          for n in range(len(blocks(page.name, "yaml")))]  # fmt: skip


@pytest.mark.parametrize(("page", "number"), PIECES)
def test_every_piece_of_a_policy_in_a_page_is_right(desk: Desk, page: str, number: int) -> None:
    for other in ("add-a-tier.md", "keep-replicas-in-a-bucket.md", "ask-another-archive.md"):
        desk.write(blocks(other, "yaml")[0])
    desk.edit("tiers.yaml", {"tiers": {"newplace": PLACE | {"kind": "local", "path": "n"}}})

    desk.write(blocks(page, "yaml")[number])

    assert desk.problems() == []


def test_the_ten_tasks_can_be_followed_to_the_letter(
    desk: Desk, capsys: pytest.CaptureFixture[str]
) -> None:
    (desk.folder / "drafts").mkdir()
    aip = a_community_comes_goes_and_comes_back(desk, capsys)
    first = a_policy_is_changed(desk, capsys)
    for name in ("add-a-tier.md", "move-a-community-to-another-tier.md"):
        tiers_change(desk, name)
    desk.forget("audit")
    desk.write("replicas: [{tier: vault, packaging: folder}, {tier: mirror, packaging: folder}]")
    desk.follow("leave-a-tier.md", 4)  # approvals need people with accounts of their own
    shutil.copy(desk.policies / "glaciers.yaml", desk.folder / "drafts")
    for name in ("set-format-rules.md", "require-identifiers.md"):
        desk.write(blocks(name, "yaml")[0])
        desk.follow(name, known={"72fe8bf1": aip, "silk-road": "glaciers"})
    desk.follow("see-whether-promises-are-kept.md")
    desk.follow("compare-policies.md")
    desk.follow("look-back-at-policies.md", known={"72fe8bf1": aip, "3f9c1a2b4d5e": first})
    profile = "policy profile glaciers --out glaciers.json"
    assert f"`preserve {profile}`" in (HOW_TO / "administer.md").read_text("utf-8")
    desk.preserve(profile.split())


def a_community_comes_goes_and_comes_back(desk: Desk, capsys: pytest.CaptureFixture[str]) -> str:
    """Its first deposit's AIP."""
    glaciers, away = desk.policies / "glaciers.yaml", desk.folder / "glaciers.yaml"
    glaciers.rename(away)
    desk.preserve(["init"])
    away.rename(glaciers)
    desk.follow("add-a-community.md", 4)
    glaciers.rename(away)
    desk.follow("add-a-community.md", 2, skip=4)
    away.rename(glaciers)
    desk.preserve(["policy", "apply", "--reason", "it is back"])
    deposit = desk.folder / "var/inbox/glaciers/readings"
    deposit.mkdir()
    (deposit / "a.csv").write_text("day,depth\n1,2\n")
    desk.preserve(["ingest", "--inbox"])
    return str(desk.answer(capsys, "aip", "list", "--community", "glaciers")["aips"][0]["aip"])


def a_policy_is_changed(desk: Desk, capsys: pytest.CaptureFixture[str]) -> str:
    """The beginning of the digest of its first version."""
    page = "change-a-policy.md"
    desk.edit("glaciers.yaml", {"audit": {"tiers": {"deep": {"max_age": "90d"}}}})
    desk.follow(page, 1)
    planned = "preserve policy plan --html plan.html --json > plan.json"
    assert planned in blocks(page, "sh")[1]
    document = desk.answer(capsys, "policy", "plan", "--html", "plan.html")
    (desk.folder / "plan.json").write_text(json.dumps(document))
    desk.follow(page, 1, skip=2)
    desk.edit("glaciers.yaml", {"audit": {"tiers": {"deep": {"max_age": "180d"}}}})
    desk.follow(page, 1, skip=3)
    first = desk.answer(capsys, "policy", "history", "glaciers")["policies"][-1]["digest"][7:19]
    desk.follow(page, skip=4, known={"3f9c1a2b": first})
    return str(first)


def tiers_change(desk: Desk, page: str) -> None:
    """Tiers are declared and promised as a page says."""
    desk.edit("tiers.yaml", {"tiers": {"newplace": PLACE | {"kind": "local", "path": "n"}}})
    desk.forget("audit")
    for piece in blocks(page, "yaml"):
        desk.write(piece)
    desk.edit("glaciers.yaml", {"minimum": {"replicas": 2, "sites": 1, "failure_domains": 1}})
    desk.follow(page, known={"silk-road": "glaciers"})
