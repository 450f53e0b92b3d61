"use strict";
// Sorting of tables. The page is complete without it.
const collator = new Intl.Collator("en", { numeric: true, sensitivity: "base" });
for (const table of document.querySelectorAll("table")) {
  for (const header of table.tHead.rows[0].cells) {
    const button = header.querySelector("button");
    button.disabled = false;
    button.addEventListener("click", () => {
      const numeric = header.classList.contains("n") || header.cellIndex === 0 && table.closest("#findings");
      const descending = header.getAttribute("aria-sort") === "ascending";
      const rows = Array.from(table.tBodies[0].rows, (row) => ({ row, key: row.cells[header.cellIndex].dataset.sort }));
      rows.sort((a, b) => (numeric ? Number(a.key) - Number(b.key) : collator.compare(a.key, b.key)) * (descending ? -1 : 1));
      table.tBodies[0].append(...rows.map((one) => one.row));
      for (const other of table.tHead.rows[0].cells) other.removeAttribute("aria-sort");
      header.setAttribute("aria-sort", descending ? "descending" : "ascending");
    });
  }
}
