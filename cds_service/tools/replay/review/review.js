"use strict";
// Gathers the answers of a page into a CSV file, offered as a download. Nothing is sent or kept.
(function () {
  const COLUMNS = ["case", "protocol", "topic", "patient", "time", "indicator", "reader", "answer", "why", "answered"];
  const reader = document.getElementById("reader");
  const said = document.getElementById("said");
  const cases = Array.from(document.querySelectorAll("form.answer"));
  let unsaved = false;

  function quoted(value) {
    return '"' + String(value).replace(/"/g, '""') + '"';
  }

  function answered() {
    const now = new Date().toISOString();
    return cases
      .map((form) => ({ form, chosen: form.querySelector("input:checked") }))
      .filter((one) => one.chosen)
      .map(({ form, chosen }) => {
        const told = form.dataset;
        return [told.case, told.protocol, told.topic, told.patient, told.time, told.indicator,
          reader.value.trim(), chosen.value, form.querySelector("textarea").value.trim(), now];
      });
  }

  function count() {
    said.textContent = `${answered().length} of ${cases.length} answered`;
  }

  function save() {
    const rows = answered();
    if (!reader.value.trim()) {
      said.textContent = "Write who reads first: initials will do.";
      reader.focus();
      return;
    }
    if (!rows.length) {
      said.textContent = "Nothing is answered yet.";
      return;
    }
    const text = [COLUMNS, ...rows].map((row) => row.map(quoted).join(",")).join("\r\n") + "\r\n";
    const link = document.createElement("a");
    link.href = URL.createObjectURL(new Blob([text], { type: "text/csv;charset=utf-8" }));
    link.download = `answers-${document.body.dataset.name}-${reader.value.trim().replace(/[^\w-]+/g, "_")}.csv`;
    link.click();
    URL.revokeObjectURL(link.href);
    unsaved = false;
    said.textContent = `${rows.length} of ${cases.length} saved as ${link.download}`;
  }

  cases.forEach((form) => {
    form.addEventListener("input", () => { unsaved = true; count(); });
    form.addEventListener("submit", (event) => event.preventDefault());
  });
  document.getElementById("save").addEventListener("click", save);
  window.addEventListener("beforeunload", (event) => { if (unsaved) event.preventDefault(); });
  count();
})();
