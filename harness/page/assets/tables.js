/* Tabs: arrow keys move along them, as in the ARIA pattern. Without scripts all panels are there, one below the other. */
document.querySelectorAll(".tabs").forEach((tabs, set) => {
  const panels = [...tabs.querySelectorAll(":scope > .panel")];
  if (panels.length < 2) return;
  const list = make("div", { role: "tablist", "aria-label": "Views of the table" });
  const buttons = panels.map((panel, i) => {
    const tab = make("button", { type: "button", role: "tab", id: `tab-${set}-${i}`, "aria-controls": panel.id, text: panel.dataset.title });
    panel.setAttribute("role", "tabpanel");
    panel.setAttribute("aria-labelledby", tab.id);
    tab.addEventListener("click", () => choose(i));
    tab.addEventListener("keydown", (event) => {
      const to = { ArrowRight: i + 1, ArrowLeft: i - 1, Home: 0, End: panels.length - 1 }[event.key];
      if (to === undefined) return;
      event.preventDefault();
      const next = (to + panels.length) % panels.length;
      choose(next);
      buttons[next].focus();
    });
    return tab;
  });
  function choose(chosen) {
    panels.forEach((panel, i) => {
      panel.hidden = i !== chosen;
      buttons[i].setAttribute("aria-selected", i === chosen);
      buttons[i].tabIndex = i === chosen ? 0 : -1;
    });
  }
  list.append(...buttons);
  tabs.prepend(list);
  tabs.classList.add("on");
  choose(0);
});

/* Sorting: lines of one group stay together and go by their leading line; what has no value comes last. */
document.querySelectorAll("table.sortable").forEach((table) => {
  const heads = [...table.querySelectorAll("thead tr:last-child > *")];
  const original = [...table.tBodies];
  heads.forEach((head, column) => head.querySelector("button").addEventListener("click", () => {
    const before = head.getAttribute("aria-sort");
    const numeric = head.classList.contains("number");
    const first = numeric ? "descending" : "ascending", second = numeric ? "ascending" : "descending";
    const order = before === "none" ? first : before === first ? second : "none";
    heads.forEach((other) => other.setAttribute("aria-sort", "none"));
    head.setAttribute("aria-sort", order);
    const keyed = original.map((body, i) => [key(body, column, numeric), i, body]);
    if (order !== "none") keyed.sort(([a, i], [b, j]) => {
      if (a === null || b === null) return (a === null) - (b === null) || i - j;
      const by = numeric ? a - b : a.localeCompare(b, "en", { numeric: true });
      return (order === "ascending" ? by : -by) || i - j;
    });
    table.append(...keyed.map((one) => one[2]));
    document.getElementById("live").textContent =
      order === "none" ? "In the table's own order" : `Sorted by ${head.textContent.trim()}, ${order}`;
  }));
  function key(body, column, numeric) {
    const cell = body.rows[+body.dataset.lead].cells[column];
    if (!numeric) return cell.textContent.trim() || null;
    return cell.dataset.value === undefined ? null : +cell.dataset.value;
  }
});
