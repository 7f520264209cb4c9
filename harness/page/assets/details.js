/* Interval and verdict on hover and on focus; a click or Enter opens where a number comes from. */
const hint = document.getElementById("hint"), dialog = document.getElementById("details");

function showHint(lines, box) {
  hint.textContent = lines.join("\n");
  hint.hidden = !lines.length;
  if (hint.hidden) return;
  const own = hint.getBoundingClientRect();
  const top = box.bottom + own.height + 8 < innerHeight ? box.bottom + 6 : Math.max(4, box.top - own.height - 6);
  hint.style.left = `${Math.max(4, Math.min(box.left, innerWidth - own.width - 8))}px`;
  hint.style.top = `${top}px`;
}
const hideHint = () => { hint.hidden = true; };

for (const button of document.querySelectorAll("button.cell")) {
  const [title, text, lines, refs] = data.cells[+button.dataset.cell];
  const show = () => {
    showHint(lines.length ? lines : [title], button.getBoundingClientRect());
    button.setAttribute("aria-describedby", "hint");
  };
  const hide = () => { hideHint(); button.removeAttribute("aria-describedby"); };
  button.addEventListener("mouseenter", show);
  button.addEventListener("focus", show);
  button.addEventListener("mouseleave", hide);
  button.addEventListener("blur", hide);
  button.addEventListener("click", () => openDetails(title, text, lines, refs));
}
addEventListener("scroll", hideHint, { passive: true, capture: true });
addEventListener("keydown", (event) => { if (event.key === "Escape") hideHint(); });

function openDetails(title, text, lines, refs) {
  hideHint();
  document.getElementById("details-title").textContent = title;
  const records = [...new Set(refs.map((ref) => data.refs[ref][0] === "record" ? data.refs[ref][1] : null))].filter(Boolean);
  dialog.querySelector(".body").replaceChildren(
    make("p", { class: "value", text }), ...lines.map((line) => make("p", { text: line })),
    refs.some((ref) => data.refs[ref][2].length) ? make("h3", { text: "Where the number stands" }) : null ?? "",
    make("ul", { class: "places" }, ...refs.filter((ref) => data.refs[ref][2].length).map(place)),
    ...records.map((key, i) => wholeRecord(key, i === 0)),
    ...[...new Set(refs.filter((ref) => data.refs[ref][0] !== "record").map((ref) => data.refs[ref].slice(0, 2).join(":")))]
      .map((id) => wholeSource(id)));
  if (!dialog.open) dialog.showModal();
  dialog.scrollTop = 0;
}
dialog.addEventListener("click", (event) => { if (event.target === dialog) dialog.close(); });

function stored(kind, id) { return kind === "record" ? data.records[id] : data.published[`${kind}:${id}`]; }

function lookUp(number) {
  const [kind, id, path] = data.refs[number];
  return path.reduce((value, step) => value?.[step], stored(kind, id)?.data);
}

function place(number) {
  const [kind, id, path, role] = data.refs[number];
  const value = lookUp(number);
  return make("li", {}, `${role || kind}: `, make("b", { text: Array.isArray(value) ? `[${value.join(", ")}]` : String(value) }),
    ", ", make("code", { text: path.join(".") }), kind === "record" ? " of " : ` of ${id} in `,
    make("code", { text: stored(kind, id)?.file || `record ${id}` }));
}

function wholeRecord(key, open) {
  const { file, data: record } = data.records[key];
  const plain = Object.entries(record).filter(([, value]) => value === null || typeof value !== "object");
  const nested = Object.entries(record).filter(([, value]) => value !== null && typeof value === "object");
  const first = ["protocol", "data", "code", "machine", "weights", "notes"];
  nested.sort(([a], [b]) => (first.indexOf(a) + 1 || 99) - (first.indexOf(b) + 1 || 99));
  const box = make("details", {}, make("summary", { text: `Record of ${record.title ?? record.row}${record.seed === undefined ? "" : `, seed ${record.seed}`}: ${file}` }),
    pairs(plain), ...nested.map(([name, value]) => {
      const part = make("details", {}, make("summary", { text: name }), pairs(flat(value)));
      part.open = open && ["protocol", "code", "machine"].includes(name);
      return part;
    }));
  box.open = open;
  return box;
}

function wholeSource(id) {
  const { file, data: row } = data.published[id];
  const source = row.source, box = make("details", {}, make("summary", { text: `Source: ${source.short}, ${row.method}` }));
  const link = /^https?:\/\//.test(source.url ?? "") ? make("p", {}, make("a", { href: source.url, rel: "noopener noreferrer", text: source.url })) : "";
  box.append(make("p", { text: `${source.citation} (${source.revision}${source.date ? `, ${source.date}` : ""})` }), link,
    pairs([["id", id.split(":")[1]], ["file", file], ...flat(Object.fromEntries(Object.entries(row).filter(([name]) => !["id", "source"].includes(name))))]));
  box.open = true;
  return box;
}

function flat(value, path = "") {
  if (value === null || typeof value !== "object") return [[path, value]];
  if (Array.isArray(value) && value.every((one) => one === null || typeof one !== "object")) return [[path, value.join(", ")]];
  return Object.entries(value).flatMap(([name, inner]) => flat(inner, path ? `${path}.${name}` : name));
}

function pairs(entries) {
  return make("table", {}, make("tbody", {}, ...entries.filter(([, value]) => value !== null && value !== "").map(([name, value]) =>
    make("tr", {}, make("th", { scope: "row", text: name }), make("td", { text: String(value) })))));
}
