"use strict";
// Sorting and filtering of tables. The page is complete without it.

const collator = new Intl.Collator("en", { numeric: true, sensitivity: "base" });

function compareBy(numeric) {
  return numeric
    ? (a, b) => a.key - b.key
    : (a, b) => (a.key === b.key ? 0 : collator.compare(a.key, b.key));
}

function sortBy(table, header) {
  const column = header.cellIndex;
  const numeric = header.dataset.type === "number";
  const descending = header.getAttribute("aria-sort") === "ascending";
  const rows = Array.from(table.tBodies[0].rows, (row) => {
    const key = row.cells[column].dataset.sort;
    return { row, empty: key === "", key: numeric ? Number(key) : key };
  });
  const compare = compareBy(numeric);
  // What has no value stays last, whichever way the others go.
  rows.sort((a, b) => a.empty - b.empty || (descending ? compare(b, a) : compare(a, b)));
  table.tBodies[0].append(...rows.map((item) => item.row));
  for (const other of table.tHead.rows[0].cells) other.removeAttribute("aria-sort");
  header.setAttribute("aria-sort", descending ? "descending" : "ascending");
}

function filterRows(table, text, told) {
  const wanted = text.trim().toLowerCase();
  const rows = table.tBodies[0].rows;
  let shown = 0;
  for (const row of rows) {
    row.cache ??= row.textContent.toLowerCase();
    row.hidden = !row.cache.includes(wanted);
    shown += row.hidden ? 0 : 1;
  }
  told.textContent = wanted ? `${shown} of ${rows.length} rows` : `${rows.length} rows`;
}

for (const table of document.querySelectorAll("table.data")) {
  for (const header of table.tHead.rows[0].cells) {
    const button = header.querySelector("button");
    button.disabled = false;
    button.addEventListener("click", () => sortBy(table, header));
  }
  const box = document.querySelector(`input[data-filters="${table.id}"]`);
  if (box === null) continue;
  box.closest(".filter").hidden = false;
  const told = box.closest(".filter").querySelector("output");
  box.addEventListener("input", () => filterRows(table, box.value, told));
}

let opened = [];
window.addEventListener("beforeprint", () => {
  opened = Array.from(document.querySelectorAll("details:not([open])"));
  for (const item of opened) item.open = true;
});
window.addEventListener("afterprint", () => {
  for (const item of opened) item.open = false;
});
