// The list of patients: found by words and by how urgent their first card is.

const byId = (id) => document.getElementById(id);
const lines = [...document.querySelectorAll(".patients li[data-search]")];
const form = document.querySelector(".filters");

function show() {
  const words = byId("search").value.toLowerCase().split(/\s+/).filter(Boolean);
  const urgency = byId("urgency").value;
  const fits = ({ search, urgency: own }) => words.every((word) => search.includes(word)) && (!urgency || own === urgency);
  lines.forEach((line) => (line.hidden = !fits(line.dataset)));
  const left = lines.filter((line) => !line.hidden).length;
  byId("found").textContent = left === lines.length ? `${left} patients` : `${left} of ${lines.length} patients`;
  byId("none-found").hidden = left > 0 || lines.length === 0;
}

form.hidden = false; // without scripts there is nothing to search with
form.addEventListener("input", show);
form.addEventListener("submit", (event) => event.preventDefault());
show();
