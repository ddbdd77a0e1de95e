// A click on a header sorts its table: numbers by value, empty cells last; a second one turns it.
addEventListener("click", event => {
  const head = event.target.closest("th");
  if (!head) return;
  const table = head.closest("table"), body = table.tBodies[0], rows = [...body.rows];
  const up = head.getAttribute("aria-sort") != "ascending";
  const cell = row => row.cells[head.cellIndex];
  const numbers = rows.some(row => cell(row).dataset.sort);
  const value = row => numbers ? cell(row).dataset.sort : cell(row).textContent;
  const compare = (a, b) => numbers ? value(a) - value(b) : value(a).localeCompare(value(b), "en");
  const known = rows.filter(value), unknown = rows.filter(row => !value(row));
  known.sort((a, b) => up ? compare(a, b) : compare(b, a));
  body.append(...known, ...unknown);
  for (const other of table.tHead.rows[0].cells) other.removeAttribute("aria-sort");
  head.setAttribute("aria-sort", up ? "ascending" : "descending");
});
// Sliders choose a picture of a sheet.
addEventListener("input", event => {
  const box = event.target.closest(".sliders"), {name, value, dataset} = event.target;
  if (!box) return;
  box.style.setProperty(`--${name}`, value);
  if (dataset.values) event.target.nextElementSibling.value = dataset.values.split(" ")[value];
});
// Paper shows what is folded.
let folded = [];
addEventListener("beforeprint", () => {
  folded = [...document.querySelectorAll("details:not([open])")];
  for (const part of folded) part.open = true;
});
addEventListener("afterprint", () => { for (const part of folded) part.open = false; });
