"use strict";
// Sorts and filters tables, and copies commands. The page is whole without this script, which
// the content policy allows by its hash; so every control is made here.
(() => {
  const FEW = 8; // rows that a reader compares at a glance: no filter

  function made(kind, properties, ...children) {
    const element = Object.assign(document.createElement(kind), properties);
    element.append(...children);
    return element;
  }

  // A polite voice for readers who do not see that something changed.
  const voice = made("p", { className: "hidden" });
  voice.setAttribute("role", "status");
  document.body.append(voice);

  // --- sort -----------------------------------------------------------------------------------

  const collator = new Intl.Collator(undefined, { numeric: true });

  function keyOf(row, column) {
    const cell = row.cells[column];
    if (cell.dataset.value !== undefined) return Number(cell.dataset.value);
    const text = cell.textContent.trim();
    const number = Number(text.replaceAll(",", ""));
    return text === "" || text === "–" ? null : Number.isNaN(number) ? text : number;
  }

  function compared(one, other, direction) {
    if (one === null || other === null) return (one === null) - (other === null);
    const numbers = typeof one === "number" && typeof other === "number";
    return direction * (numbers ? one - other : collator.compare(one, other));
  }

  function sort(table, column, direction) {
    const body = table.tBodies[0];
    const rows = [...body.rows].map((row) => [keyOf(row, column), row]);
    rows.sort((one, other) => compared(one[0], other[0], direction));
    body.append(...rows.map(([, row]) => row));
  }

  function sortable(table) {
    if (table.tBodies[0].rows.length < 2) return;
    const heads = [...table.tHead.rows[0].cells];
    heads.forEach((head, column) => {
      if (head.classList.contains("plain")) return;
      const button = made("button", { type: "button", className: "sort" }, ...head.childNodes);
      head.append(button);
      button.addEventListener("click", () => {
        const before = head.getAttribute("aria-sort");
        // Numbers first from the greatest down, names from A to Z; a second click turns it.
        const first = head.classList.contains("number") ? "descending" : "ascending";
        const second = first === "ascending" ? "descending" : "ascending";
        const order = before === first ? second : first;
        heads.forEach((other) => other.removeAttribute("aria-sort"));
        head.setAttribute("aria-sort", order);
        sort(table, column, order === "ascending" ? 1 : -1);
      });
    });
  }

  // --- filter ---------------------------------------------------------------------------------

  function filterable(place, number) {
    const table = place.tBodies;
    const rows = [...(table ? place.tBodies[0].rows : place.querySelectorAll("[data-row]"))];
    if (rows.length < FEW) return;
    const count = made("span", { className: "quiet" });
    const input = made("input", { type: "search", id: `filter-${number}`, autocomplete: "off" });
    const label = made("label", { htmlFor: input.id }, `${place.dataset.filter}: `);
    const texts = rows.map((row) => `${row.textContent} ${row.dataset.row || ""}`.toLowerCase());
    input.addEventListener("input", () => {
      const words = input.value.toLowerCase().split(/\s+/).filter(Boolean);
      const shown = rows.filter((row, at) => {
        row.hidden = !words.every((word) => texts[at].includes(word));
        return !row.hidden;
      });
      count.textContent = words.length ? `${shown.length} of ${rows.length}` : "";
      voice.textContent = words.length ? `${count.textContent} rows shown` : "";
    });
    const before = table ? place.closest(".wide") || place : place;
    before.before(made("p", { className: "filter" }, label, input, count));
  }

  // --- copy -----------------------------------------------------------------------------------

  // The clipboard is missing in pages that a browser does not call secure, as some do with files.
  async function copy(text) {
    if (navigator.clipboard) {
      try {
        await navigator.clipboard.writeText(text);
        return true;
      } catch {
        // refused: the older way may still work
      }
    }
    const field = made("textarea", { className: "hidden", value: text });
    document.body.append(field);
    field.select();
    const done = document.execCommand("copy");
    field.remove();
    return done;
  }

  function copyable(block) {
    const button = made("button", { type: "button", className: "copy" }, "Copy");
    button.setAttribute("aria-label", `Copy the ${block.getAttribute("aria-label")}`);
    button.addEventListener("click", async () => {
      const done = await copy(block.textContent);
      button.textContent = done ? "Copied" : "Select it";
      voice.textContent = done ? "Copied" : "Not copied: select the text";
      button.focus();
      setTimeout(() => (button.textContent = "Copy"), 2000);
    });
    const frame = made("div", { className: "copyable" });
    block.before(frame);
    frame.append(block, button);
  }

  document.querySelectorAll("table.sortable").forEach(sortable);
  document.querySelectorAll("[data-filter]").forEach(filterable);
  document.querySelectorAll("pre.command").forEach(copyable);
})();
