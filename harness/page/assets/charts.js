/* Charts as SVG that takes the page's colours: readable in the dark and on paper, with the numbers as a table, and
   points that can be reached by keyboard: arrow keys move from point to point, Enter opens its record. */
const SVG = "http://www.w3.org/2000/svg", COLOURS = 7, SHAPES = ["circle", "square", "triangle", "diamond", "down"];
const DASHES = ["", "6 3", "2 3", "8 3 2 3"];

function draw(name, properties, ...children) {
  const element = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(properties)) if (value !== undefined) element.setAttribute(key, value);
  element.append(...children);
  return element;
}

function shape(kind, x, y, size, style) {
  const paths = {
    square: `M${x - size} ${y - size}h${2 * size}v${2 * size}h${-2 * size}z`,
    triangle: `M${x} ${y - size * 1.2}l${size * 1.2} ${size * 2.1}h${-size * 2.4}z`,
    diamond: `M${x} ${y - size * 1.35}l${size * 1.35} ${size * 1.35}l${-size * 1.35} ${size * 1.35}l${-size * 1.35} ${-size * 1.35}z`,
    down: `M${x} ${y + size * 1.2}l${size * 1.2} ${-size * 2.1}h${-size * 2.4}z`,
  };
  return kind === "circle" ? draw("circle", { cx: x, cy: y, r: size, ...style }) : draw("path", { d: paths[kind], ...style });
}

document.querySelectorAll("[data-chart]").forEach((box) => {
  const chart = data.charts[box.dataset.chart], plot = box.querySelector(".plot");
  const off = new Set(), rows = new Map(chart.rows.map((row, i) => [row, i])), names = new Map();
  for (const view of chart.views) for (const curve of view.curves) {
    const row = curve.row || curve.name;
    if (!rows.has(row)) rows.set(row, rows.size);
    if (!names.has(curve.name)) names.set(curve.name, { row, nth: [...names.values()].filter((one) => one.row === row).length });
  }
  const controls = make("div", { class: "controls" }), selects = chart.selectors.map(([name, options], i) => {
    const select = make("select", { "aria-label": name }, ...options.map((text) => make("option", { text })));
    if (chart.start.length) select.value = chart.start[i];
    select.addEventListener("change", render);
    if (options.length > 1) controls.append(make("label", { text: name }, select));
    return select;
  });
  const log = make("input", { type: "checkbox" });
  log.addEventListener("change", render);
  if (chart.form !== "dots") controls.append(make("label", {}, log, chart.form === "scatter" ? " logarithmic across" : " logarithmic"));
  const table = make("details", {}, make("summary", { text: "The numbers as a table" }), make("div", { class: "wide" }));
  table.addEventListener("toggle", () => { if (table.open) fillTable(); });
  const legend = make("ul", { class: "legend", "aria-label": "Legend; a press hides a curve or shows it" });
  plot.before(controls);
  plot.after(legend, table);
  let view, points, current = -1, svg, marker;

  const style = (curve) => {
    const n = rows.get(curve.row || curve.name), { nth } = names.get(curve.name);
    return { colour: `var(--c${n % COLOURS})`, mark: SHAPES[(n + Math.floor(n / COLOURS)) % SHAPES.length], dash: DASHES[nth % DASHES.length] };
  };

  function render() {
    const choice = selects.map((select) => select.value);
    view = chart.views.find((one) => one.choice.every((text, i) => text === choice[i]));
    points = [];
    current = -1;
    legend.replaceChildren();
    if (!view || !view.curves.length) {
      plot.replaceChildren(make("p", { class: "soft", text: "Nothing was measured for this choice." }));
      return;
    }
    for (const curve of view.curves) legend.append(legendEntry(curve));
    const shown = view.curves.filter((curve) => !off.has(curve.name));
    const all = shown.flatMap((curve) => curve.points);
    const width = Math.max(320, plot.clientWidth || 640), height = Math.round(Math.min(400, width * 0.6)), left = 58, right = 14, top = 10, bottom = 46;
    const dots = chart.form === "dots", positive = all.every((p) => (chart.form === "scatter" ? p[0] : p[1]) > 0);
    svg = draw("svg", { viewBox: `0 0 ${width} ${height}`, tabindex: 0, role: "application", "aria-roledescription": "chart",
      "aria-label": `${chart.title}: ${choice.join(", ")}. ${shown.length} curves, ${all.length} points. Arrow keys move along the points, Enter opens a record. The numbers are in the table below.` });
    if (!all.length) { plot.replaceChildren(svg); return; }
    const ys = all.flatMap((p) => [p[1], p[2], p[3]].filter((value) => value !== null));
    const y = scale(chart.form === "lines" && log.checked ? ys.filter((one) => one > 0) : ys, height - bottom, top, chart.form === "lines" && log.checked && positive, dots || view.y.startsWith("precision"));
    const x = dots ? { at: (i) => left + (i + 0.5) / chart.categories.length * (width - left - right), ticks: chart.categories.map((_, i) => i) }
      : scale(all.map((p) => p[0]), left, width - right, chart.form === "scatter" && log.checked && positive, false);
    for (const tick of y.ticks) svg.append(draw("line", { x1: left, x2: width - right, y1: y.at(tick), y2: y.at(tick), class: "grid" }), text(left - 6, y.at(tick) + 4, digits(tick), "end"));
    for (const tick of x.ticks) {
      if (!dots) svg.append(draw("line", { x1: x.at(tick), x2: x.at(tick), y1: top, y2: height - bottom, class: "grid" }));
      svg.append(text(x.at(tick), height - bottom + 17, dots ? chart.categories[tick] : digits(tick), "middle"));
    }
    svg.append(draw("line", { x1: left, x2: width - right, y1: height - bottom, y2: height - bottom, class: "axis" }),
      text((left + width - right) / 2, height - 8, view.x, "middle"),
      draw("text", { transform: `translate(13 ${(top + height - bottom) / 2}) rotate(-90)`, "text-anchor": "middle" }, view.y));
    shown.forEach((curve, i) => {
      const { colour, mark, dash } = style(curve);
      const shift = dots ? (i - (shown.length - 1) / 2) * Math.min(11, (width - left - right) / chart.categories.length * 0.85 / shown.length) : 0;
      const place = (p) => [x.at(p[0]) + shift, y.at(p[1])];
      if (chart.form === "lines" && curve.points.length > 1)
        svg.append(draw("path", { d: path(curve, place), fill: "none", stroke: colour, "stroke-width": curve.step ? 1.2 : 2, "stroke-dasharray": curve.step ? "5 4" : dash }));
      if (curve.step) return;
      const small = chart.form === "lines" && curve.points.length > 40;
      for (const p of curve.points) {
        const [px, py] = place(p);
        if (p[2] !== null) for (const [x1, y1, x2, y2] of [[px, y.at(p[2]), px, y.at(p[3])], [px - 3, y.at(p[2]), px + 3, y.at(p[2])], [px - 3, y.at(p[3]), px + 3, y.at(p[3])]])
          svg.append(draw("line", { x1, y1, x2, y2, stroke: colour, "stroke-width": 1.4 }));
        const drawn = shape(mark, px, py, small ? 0 : 4, { fill: curve.hollow ? "var(--page)" : colour, stroke: colour, "stroke-width": curve.hollow ? 1.8 : 1 });
        const target = draw("g", { class: "point" }, drawn, draw("circle", { cx: px, cy: py, r: small ? 4 : 8, fill: "transparent" }));
        const number = points.push({ curve, p, px, py }) - 1;
        target.addEventListener("mouseenter", () => tell(number, false));
        target.addEventListener("mouseleave", hideHint);
        target.addEventListener("click", () => open(number));
        svg.append(target);
      }
    });
    marker = draw("circle", { r: 9, class: "current", visibility: "hidden" });
    svg.append(marker);
    svg.addEventListener("keydown", keys);
    svg.addEventListener("blur", () => { hideHint(); marker.setAttribute("visibility", "hidden"); });
    plot.replaceChildren(svg, ...(view.note ? [make("p", { class: "soft small", text: view.note })] : []));
    if (table.open) fillTable();
  }

  const text = (x, y, content, anchor) => draw("text", { x, y, "text-anchor": anchor }, content);
  function path(curve, place) {
    return curve.points.map((p, i) => `${i ? "L" : "M"}${place(p).map((one) => one.toFixed(1)).join(" ")}`).join("");
  }
  const named = (p) => chart.form === "dots" ? chart.categories[p[0]] : p[4] || `${view.x} ${digits(p[0])}`;
  const lines = ({ curve, p }) => [curve.name, `${named(p)}: ${view.y} ${digits(p[1])}${p[2] === null ? "" : ` [${digits(p[2])}, ${digits(p[3])}]`}`];

  function tell(number, keyboard) {
    current = number;
    const box = svg.getBoundingClientRect(), by = box.width / svg.viewBox.baseVal.width, { px, py } = points[number];
    showHint(lines(points[number]), { left: box.left + px * by + 8, top: box.top + py * by - 8, bottom: box.top + py * by + 8 });
    if (!keyboard) return;
    marker.setAttribute("cx", px); marker.setAttribute("cy", py); marker.setAttribute("visibility", "visible");
    document.getElementById("live").textContent = lines(points[number]).join(", ");
  }
  function open(number) {
    const { curve, p } = points[number];
    if (p[5] !== null) openDetails(curve.name, `${view.y} ${digits(p[1])}`, lines(points[number]).slice(1), [p[5]]);
  }
  function keys(event) {
    if (event.key === "Enter" && current >= 0) { event.preventDefault(); open(current); return; }
    const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key], jump = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (!points.length || (step ?? jump) === undefined) return;
    event.preventDefault();
    if (current < 0) return tell(0, true);
    if (step) return tell((current + step + points.length) % points.length, true);
    const curves = [...new Set(points.map((one) => one.curve))], own = curves.indexOf(points[current].curve);
    const next = curves[(own + jump + curves.length) % curves.length], at = points[current].p[0];
    tell(points.findIndex((one) => one.curve === next && one.p[0] >= at) + 1 ? points.findIndex((one) => one.curve === next && one.p[0] >= at) : points.findIndex((one) => one.curve === next), true);
  }

  function legendEntry(curve) {
    const { colour, mark, dash } = style(curve), sign = draw("svg", { viewBox: "0 0 26 12", "aria-hidden": "true" });
    if (chart.form === "lines") sign.append(draw("line", { x1: 0, x2: 26, y1: 6, y2: 6, stroke: colour, "stroke-width": 2, "stroke-dasharray": curve.step ? "5 4" : dash }));
    if (!curve.step) sign.append(shape(mark, 13, 6, 4, { fill: curve.hollow ? "var(--page)" : colour, stroke: colour, "stroke-width": 1.6 }));
    const button = make("button", { type: "button", "aria-pressed": !off.has(curve.name) }, sign, curve.name);
    button.addEventListener("click", () => {
      if (!off.delete(curve.name)) off.add(curve.name);
      render();
      [...legend.querySelectorAll("button")].find((one) => one.textContent === curve.name)?.focus();
    });
    return make("li", {}, button);
  }

  function fillTable() {
    const head = ["Curve", chart.form === "dots" ? "Part" : view.x, view.y, "low", "high"];
    const body = view.curves.flatMap((curve) => curve.points.map((p) => make("tr", {}, make("th", { scope: "row", text: curve.name }),
      make("td", { text: chart.form === "dots" ? chart.categories[p[0]] : p[4] ? `${p[4]}` : digits(p[0]) }),
      ...[p[1], p[2], p[3]].map((value) => make("td", { class: "number", text: digits(value) })))));
    table.querySelector(".wide").replaceChildren(make("table", { "aria-label": `${chart.title}: ${view.choice.join(", ")}` },
      make("thead", {}, make("tr", {}, ...head.map((name) => make("th", { scope: "col", text: name })))), make("tbody", {}, ...body)));
  }
  let drawnWidth = 0;
  new ResizeObserver(() => {
    if (Math.abs(plot.clientWidth - drawnWidth) > 20) { drawnWidth = plot.clientWidth; render(); }
  }).observe(plot);
  render();
  drawnWidth = plot.clientWidth;
});
