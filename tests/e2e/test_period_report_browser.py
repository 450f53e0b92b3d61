"""Reports about months and years in a browser: they add up, and exclude nobody.

Where SAMARKAND_AXE names a copy of axe.min.js (npm pack axe-core), its rules are asked, too.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from homes import Archive, Guesser, quick_folder
from playwright.sync_api import Browser, Page
from test_report_browser import COUNT_AGAIN, FAINT, browser

from preservation.app.period_reporting import write_period_report
from preservation.app.reporting import write_report

pytestmark = pytest.mark.browser
__all__ = ["browser"]

EVIL = "<img src=x onerror=alert(1)>"


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The addresses of each kind of report about an archive with damage, and of their index."""
    ground = quick_folder(tmp_path_factory.mktemp("ground"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("preservation.app.services.tools.FormatIdentifier", Guesser)
        archive = Archive(ground, {"title": {"en": EVIL, "ru": "Заметки"}})
        archive.clock.at = datetime(2030, 11, 3, 12, tzinfo=UTC)
        for number in range(3):
            archive.ingest(archive.put(f"{EVIL} {number}", {"a.txt": b"%d" % number}))
        archive.replicate()
        victim = next(archive.tier("mirror").rglob("a.txt"))
        victim.chmod(0o644)
        victim.write_bytes(b"x")
        archive.audit()
        with archive.opened() as (parts, policy):
            parts.drain()
            made = {
                "evidence": write_period_report(parts, policy, "evidence", "2030"),
                "holdings": write_period_report(parts, policy, "holdings", "2030-11"),
                "audit": write_report(parts, policy, "run", archive.clock.at.replace(day=1)),
            }
    found = {kind: files.html.as_uri() for kind, files in made.items()}
    return found | {"index": made["audit"].index.as_uri()}


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    context = browser.new_context(viewport={"width": 1280, "height": 900})
    page, heard = context.new_page(), []
    page.on("console", lambda message: heard.append(message.text))
    page.on("pageerror", lambda error: heard.append(str(error)))
    page.on("dialog", lambda dialog: heard.append(dialog.message))
    yield page
    context.close()
    assert heard == []


@pytest.mark.parametrize("kind", ["evidence", "holdings"])
def test_every_figure_is_the_count_of_the_rows_it_links_to(
    page: Page, pages: dict[str, str], kind: str
) -> None:
    page.goto(pages[kind])
    figures: list[tuple[str, int, int]] = page.evaluate(COUNT_AGAIN)
    assert len(figures) > 15
    assert [(name, value) for name, value, _ in figures] == [
        (name, again) for name, _, again in figures
    ]
    assert ("damaged", 1, 1) in [tuple(figure) for figure in figures]
    assert page.locator("img").count() == 0


@pytest.mark.parametrize("kind", ["evidence", "holdings", "audit", "index"])
def test_a_page_excludes_nobody(page: Page, pages: dict[str, str], kind: str) -> None:
    page.goto(pages[kind])
    assert page.evaluate(OUTLINE) == []
    assert page.evaluate("document.documentElement.scrollWidth") <= 1280


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_texts_stand_out_in_light_and_dark(
    browser: Browser, pages: dict[str, str], scheme: Any
) -> None:
    context = browser.new_context(color_scheme=scheme)
    page = context.new_page()
    for kind in ("evidence", "index"):
        page.goto(pages[kind])
        assert page.evaluate(FAINT) == []
    context.close()


def test_axe_finds_nothing_serious(page: Page, pages: dict[str, str]) -> None:
    rules = os.environ.get("SAMARKAND_AXE")
    if not rules:
        pytest.skip("SAMARKAND_AXE names no axe.min.js")
    for kind in sorted(pages):
        page.goto(pages[kind])
        page.evaluate(Path(rules).read_text("utf-8"))
        found = page.evaluate("axe.run().then((result) => result.violations)")
        told = [(one["id"], one["impact"], one["nodes"][0]["html"][:120]) for one in found]
        assert [one for one in told if one[1] in ("serious", "critical")] == [], kind


def test_it_prints_to_pdf_with_every_row(page: Page, pages: dict[str, str]) -> None:
    page.goto(pages["evidence"])
    page.emulate_media(media="print")
    assert page.locator("#requirements tbody tr:visible").count() > 70
    assert page.locator(".filter:visible").count() == 0
    assert page.pdf(prefer_css_page_size=True).startswith(b"%PDF")


def test_requirements_sort_by_click(page: Page, pages: dict[str, str]) -> None:
    page.goto(pages["evidence"])
    page.locator('#requirements th[data-key="verdict"] button').click()
    verdicts = page.locator("#requirements tbody tr td:nth-child(4)").all_inner_texts()
    assert len({re.sub(r"\s+", " ", one) for one in verdicts}) > 2
    assert verdicts == sorted(verdicts)


# WCAG 2.2: 1.3.1 (structure), 2.4.1 (landmarks), 2.4.6 (headings), 3.1.1 (language), 4.1.2 (names).
OUTLINE = """() => {
  const wrong = [];
  const say = (what, of) => wrong.push(`${what}: ${of.outerHTML.slice(0, 80)}`);
  const all = (of) => Array.from(document.querySelectorAll(of));
  if (!document.documentElement.lang) say("no language", document.documentElement);
  if (all("main").length !== 1) say("not one main", document.body);
  if (all("h1").length !== 1) say("not one h1", document.body);
  if (!document.title.trim()) say("no title", document.head);
  let level = 0;
  for (const head of all("h1, h2, h3, h4, h5, h6")) {
    const now = Number(head.tagName[1]);
    if (now > level + 1) say("a heading left out", head);
    if (!head.textContent.trim()) say("an empty heading", head);
    level = now;
  }
  for (const table of all("table")) {
    if (!table.caption || !table.caption.textContent.trim()) say("no caption", table);
    for (const th of table.querySelectorAll("thead th")) {
      if (th.scope !== "col" || !th.textContent.trim()) say("no column header", th);
    }
    for (const row of table.tBodies[0].rows) {
      if (row.cells[0].tagName !== "TH" || row.cells[0].scope !== "row") say("no row header", row);
    }
  }
  for (const input of all("input")) if (!input.labels.length) say("no label", input);
  for (const button of all("button, a")) if (!button.textContent.trim()) say("no name", button);
  for (const svg of all("svg:not([aria-hidden])")) {
    if (svg.getAttribute("role") !== "img" || !svg.querySelector("title")) say("no name", svg);
  }
  for (const region of all("[role=region], [tabindex='0']")) {
    const by = region.getAttribute("aria-labelledby");
    if (!by || !document.getElementById(by)) say("no name", region);
  }
  const ids = all("[id]").map((one) => one.id);
  ids.filter((id, at) => ids.indexOf(id) !== at).forEach((id) => wrong.push(`id twice: ${id}`));
  for (const a of all("a[href^='#']")) {
    if (!document.getElementById(a.getAttribute("href").slice(1))) say("leads nowhere", a);
  }
  return wrong;
}"""
