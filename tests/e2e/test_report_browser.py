"""The report in a browser: it works from a file, alone, by mouse and keyboard, and adds up."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, sync_playwright
from report_samples import HOSTILE, NOW, SINCE, Archive

from preservation.model.outcome import Outcome
from preservation.reports.build import ReportFiles, build

pytestmark = pytest.mark.browser

CLOCK = SimpleNamespace(now=lambda: NOW)
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"]


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    if CHROMIUM is None:
        if os.environ.get("CI"):
            pytest.fail("no chromium: the CI must have one")
        pytest.skip("no chromium here; apt-get install chromium")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        yield browser
        browser.close()


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    """A page that fails the test at its end if anything was said, refused or asked for."""
    context = browser.new_context(viewport={"width": 1280, "height": 900})
    page, heard = context.new_page(), []
    page.on("console", lambda message: heard.append(message.text))
    page.on("pageerror", lambda error: heard.append(str(error)))
    page.on(
        "request",
        lambda request: None if request.url.startswith("file:") else heard.append(request.url),
    )
    yield page
    context.close()
    assert heard == []


def write(archive: Archive, out: Path) -> ReportFiles:
    return build(archive.sources(), out, clock=CLOCK, run="run-1", since=SINCE, agent="samarkand")


@pytest.fixture(scope="module")
def many(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The address of a report with 330 versions in 990 replicas, in no order of their names."""
    titles = tuple(f"deposit {number * 7919 % 1000}" for number in range(330))
    return write(Archive(titles), tmp_path_factory.mktemp("many")).html.as_uri()


def keys(page: Page, table: str, column: str) -> list[str]:
    """A column's sort keys, in the order in which the rows stand."""
    found: list[str] = page.evaluate(
        """([table, column]) => {
            const head = document.querySelector(`#${table} th[data-key="${column}"]`);
            return Array.from(document.getElementById(table).tBodies[0].rows,
                              (row) => row.cells[head.cellIndex].dataset.sort);
        }""",
        [table, column],
    )
    return found


COUNT_AGAIN = """() => Array.from(document.querySelectorAll("[data-figure]"), (figure) => {
  const { table, where, equals, sum, distinct, value } = figure.dataset;
  const found = document.getElementById(table);
  if (!found.tBodies) return [figure.dataset.figure, Number(value), 0];
  const at = (key) => found.querySelector(`thead th[data-key="${key}"]`).cellIndex;
  let rows = Array.from(found.tBodies[0].rows);
  if (where) rows = rows.filter((row) => row.cells[at(where)].dataset.value === equals);
  let again = rows.length;
  if (sum && distinct === "yes") {
    again = new Set(rows.map((row) => row.cells[at(sum)].dataset.value)).size;
  } else if (sum) {
    again = rows.reduce((total, row) => total + Number(row.cells[at(sum)].dataset.value), 0);
  }
  return [figure.dataset.figure, Number(value), again];
})"""


def test_every_figure_of_the_page_is_the_count_of_the_rows_it_links_to(
    page: Page, tmp_path: Path
) -> None:
    archive = Archive()
    archive.healed()
    archive.rejected()
    archive.check(archive.replicas_[-1], Outcome.UNREADABLE)
    for told in (archive, Archive(titles=())):
        page.goto(write(told, tmp_path).html.as_uri())
        figures: list[tuple[str, int, int]] = page.evaluate(COUNT_AGAIN)
        assert len(figures) > 20
        assert [(name, value) for name, value, _ in figures] == [
            (name, again) for name, _, again in figures
        ]


def test_a_thousand_rows_sort_by_click_up_and_down(page: Page, many: str) -> None:
    page.goto(many)
    header = page.locator('#replicas th[data-key="bytes"]')
    header.get_by_role("button").click()
    rising = [int(key) for key in keys(page, "replicas", "bytes")]
    assert len(rising) == 990
    assert rising == sorted(rising)
    assert header.get_attribute("aria-sort") == "ascending"
    header.get_by_role("button").click()
    assert [int(key) for key in keys(page, "replicas", "bytes")] == rising[::-1]
    assert header.get_attribute("aria-sort") == "descending"
    assert page.locator("#replicas th[aria-sort]").count() == 1


def test_names_sort_by_keyboard_alone_and_numbers_in_them_by_their_size(
    page: Page, many: str
) -> None:
    page.goto(many)
    button = page.locator('#versions th[data-key="aip"] button')
    button.focus()
    page.keyboard.press("Enter")
    numbers = [int(key.split()[1]) for key in keys(page, "versions", "aip")]
    assert numbers == sorted(numbers)
    page.keyboard.press("Space")
    assert page.locator('#versions th[data-key="aip"]').get_attribute("aria-sort") == "descending"


def test_filtering_hides_rows_and_says_how_many_are_left(page: Page, many: str) -> None:
    page.goto(many)
    page.get_by_label("Filter").and_(page.locator('[data-filters="replicas"]')).fill("MIRROR")
    assert page.locator("#replicas tbody tr:visible").count() == 330
    region = page.locator(".filter", has=page.locator('[data-filters="replicas"]'))
    assert region.locator("output").inner_text() == "330 of 990 rows"


def test_hostile_names_do_nothing_in_a_real_browser(page: Page, tmp_path: Path) -> None:
    archive = Archive(titles=(HOSTILE,))
    archive.healed(path=HOSTILE)
    archive.rejected(HOSTILE)
    page.on("dialog", lambda dialog: pytest.fail(f"a script ran: {dialog.message}"))
    page.goto(write(archive, tmp_path).html.as_uri())
    assert page.locator("img, iframe").count() == 0
    assert page.locator("script").count() == 1
    assert HOSTILE[:30] in page.locator("#deposits").inner_text()


def test_the_page_itself_would_stop_a_script_that_slipped_in(
    browser: Browser, tmp_path: Path
) -> None:
    files = write(Archive(), tmp_path)
    evil = "<script>document.title = 'taken'</script><img src=x onerror=\"document.title='taken'\">"
    text = files.html.read_text(encoding="utf-8").replace("<main", evil + "<main", 1)
    files.html.write_text(text, encoding="utf-8")
    context = browser.new_context()
    page = context.new_page()
    page.goto(files.html.as_uri())
    assert "taken" not in page.title()
    context.close()


@pytest.mark.parametrize("width", [390, 1280])
def test_nothing_is_wider_than_the_window_and_the_first_screen_has_the_answers(
    page: Page, tmp_path: Path, width: int
) -> None:
    page.set_viewport_size({"width": width, "height": 860})
    page.goto(write(Archive(), tmp_path).html.as_uri())
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    last = page.locator(".answer").last.bounding_box()
    assert last is not None
    assert last["y"] + last["height"] <= 860


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_text_stands_out_from_its_ground(
    browser: Browser, tmp_path: Path, scheme: Any
) -> None:
    archive = Archive()
    archive.healed()
    archive.check(archive.replicas_[-1], Outcome.ALTERED)
    context = browser.new_context(color_scheme=scheme)
    page = context.new_page()
    page.goto(write(archive, tmp_path).html.as_uri())
    faint: list[list[Any]] = page.evaluate(FAINT)
    context.close()
    assert faint == []


# WCAG 2.2, success criterion 1.4.3: a contrast of 4.5 to 1, by relative luminance.
FAINT = """() => {
  const parse = (text) => text.match(/[\\d.]+/g).map(Number);
  const light = (rgb) => {
    const [r, g, b] = rgb.map((v) => v / 255)
      .map((v) => (v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4));
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const ground = (element) => {
    for (let at = element; at; at = at.parentElement) {
      const rgba = parse(getComputedStyle(at).backgroundColor);
      if (rgba.length === 3 || rgba[3] > 0) return rgba.slice(0, 3);
    }
    return [255, 255, 255];
  };
  const faint = [];
  for (const element of document.querySelectorAll("body *:not(svg, svg *, script)")) {
    const own = Array.from(element.childNodes).some((n) => n.nodeType === 3 && n.data.trim());
    if (!own || element.closest("[hidden], .skip")) continue;
    const [a, b] = [light(parse(getComputedStyle(element).color).slice(0, 3)),
                    light(ground(element))].sort((x, y) => y - x);
    const contrast = (a + 0.05) / (b + 0.05);
    if (contrast < 4.5) faint.push([element.tagName, element.className, contrast.toFixed(2)]);
  }
  return faint;
}"""


def test_the_page_is_told_well_to_those_who_do_not_see_it(page: Page, tmp_path: Path) -> None:
    archive = Archive()
    archive.healed()
    page.goto(write(archive, tmp_path).html.as_uri())
    assert page.locator("html").get_attribute("lang") == "en"
    assert page.get_by_role("main").count() == 1
    assert page.get_by_role("heading", level=1).count() == 1
    for table in page.locator("table").all():
        assert table.locator("caption").inner_text()
        assert table.locator("thead th:not([scope=col])").count() == 0
        assert table.locator("tbody tr > :first-child:not(th[scope=row])").count() == 0
    assert page.get_by_role("img", name="Replicas by the age of their last check").count() == 1
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.className") == "skip"


def test_it_prints_with_every_row_and_without_its_controls(page: Page, many: str) -> None:
    page.goto(many)
    page.emulate_media(media="print")
    assert page.locator(".filter:visible").count() == 0
    box = page.locator(".scroll", has=page.locator("#replicas")).first
    inner, outer = box.evaluate("(b) => [b.scrollHeight, b.clientHeight]")
    assert inner <= outer + 1
    assert page.locator("#replicas tbody tr:visible").count() == 990


def test_the_index_leads_to_each_report(page: Page, tmp_path: Path) -> None:
    files = write(Archive(), tmp_path)
    page.goto(files.index.as_uri())
    page.get_by_role("link", name="2026-11-22 07:00 UTC").click()
    assert page.url == files.html.as_uri()
    assert page.title() == "Yes: Silk Road, 2026-11-22 07:00 UTC"
