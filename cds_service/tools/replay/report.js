"use strict";
// Tables of the report: sorted by a click on their heads, and searched. Without it they are read as they stand.
(function () {
  const LONG = 6; // rows from which on a table gets a field to search

  function key(cell) {
    const text = cell ? cell.textContent.trim() : "";
    const number = parseFloat(text.replace(/,/g, ""));
    return Number.isNaN(number) ? text.toLowerCase() : number;
  }

  function order(one, other) {
    const here = typeof one === "number", there = typeof other === "number";
    if (here && there) return one - other;
    if (here !== there) return here ? -1 : 1;
    return one < other ? -1 : one > other ? 1 : 0;
  }

  function sort(rows, head, place) {
    const down = head.getAttribute("aria-sort") === "ascending";
    for (const one of head.parentNode.children) one.removeAttribute("aria-sort");
    head.setAttribute("aria-sort", down ? "descending" : "ascending");
    const sorted = [...rows].sort((one, other) => order(key(one.cells[place]), key(other.cells[place])));
    if (down) sorted.reverse();
    const body = rows[0].parentNode;
    sorted.forEach((row) => body.append(row));
  }

  function sortable(table, rows) {
    [...table.rows[0].cells].forEach((head, place) => {
      head.classList.add("sorts");
      head.tabIndex = 0;
      const act = () => sort(rows, head, place);
      head.addEventListener("click", act);
      head.addEventListener("keydown", (event) => {
        if (event.key === "Enter" || event.key === " ") { event.preventDefault(); act(); }
      });
    });
  }

  function searchable(table, rows) {
    const label = document.createElement("label");
    const field = document.createElement("input");
    label.className = "find";
    label.append("Rows with ", field);
    field.type = "search";
    field.addEventListener("input", () => {
      const wanted = field.value.toLowerCase();
      rows.forEach((row) => { row.hidden = !row.textContent.toLowerCase().includes(wanted); });
    });
    table.before(label);
  }

  document.querySelectorAll("table:not(.hours)").forEach((table) => {
    const rows = [...table.rows].slice(1);
    if (rows.some((row) => row.cells.length !== table.rows[0].cells.length)) return;
    if (rows.length > 1) sortable(table, rows);
    if (rows.length >= LONG) searchable(table, rows);
  });
})();
