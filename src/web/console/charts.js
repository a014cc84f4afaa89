// Charts as SVG, each with a table for those who don't see it.

import { make, number, table, words } from "./dom.js";

const WIDTH = 600, HEIGHT = 160, FOOT = 22;
const SVG = "http://www.w3.org/2000/svg";

function draw(name, attributes, ...children) {
  const made = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  made.append(...children);
  return made;
}

const hourOf = (text) => new Date(text).toLocaleTimeString(words.product.includes("пульт") ? "ru" : "en", { hour: "2-digit", minute: "2-digit" });

/** Points of one value per slot as a path. */
function path(values, most) {
  const step = WIDTH / Math.max(values.length - 1, 1);
  const at = (value) => (HEIGHT - (value / most) * (HEIGHT - 10)).toFixed(1);
  return values.map((value, index) => `${index ? "L" : "M"}${(index * step).toFixed(1)} ${at(value)}`).join(" ");
}

function frame(title, slots, most, ...shapes) {
  const marks = slots.map((slot, index) => ({ slot, index })).filter(({ index }) => index % 48 === 24)
    .map(({ slot, index }) => draw("text", { x: (index * WIDTH) / slots.length, y: HEIGHT + FOOT - 6, class: "mark", "text-anchor": "middle" }, hourOf(slot.at)));
  const top = draw("text", { x: 2, y: 12, class: "mark" }, number(most));
  const base = draw("line", { x1: 0, x2: WIDTH, y1: HEIGHT, y2: HEIGHT, class: "base" });
  return draw("svg", { viewBox: `0 0 ${WIDTH} ${HEIGHT + FOOT}`, role: "img", "aria-label": title, class: "chart" }, base, ...shapes, top, ...marks);
}

/** One value over the day as an area. */
export function area(title, slots, pick) {
  const values = slots.map(pick), most = Math.max(...values, 1);
  const line = path(values, most);
  const shapes = [draw("path", { d: `${line} L${WIDTH} ${HEIGHT} L0 ${HEIGHT} Z`, class: "area" }), draw("path", { d: line, class: "line" })];
  return figure(title, frame(title, slots, most, ...shapes), slots, [[title, pick, "last"]]);
}

/** Several sums over the day as bars per half an hour, one behind the other. */
export function bars(title, slots, series) {
  const groups = chunks(slots, 6).map((group) => ({ at: group[0].at, sums: series.map(([, pick]) => group.reduce((sum, slot) => sum + pick(slot), 0)) }));
  const most = Math.max(...groups.flatMap(({ sums }) => sums), 1);
  const width = WIDTH / Math.max(groups.length, 1);
  const shapes = groups.flatMap(({ sums }, index) => sums.map((sum, kind) => {
    const height = (sum / most) * (HEIGHT - 10), part = width / series.length;
    return draw("rect", { x: (index * width + kind * part + 0.5).toFixed(1), y: (HEIGHT - height).toFixed(1), width: Math.max(part - 1, 1).toFixed(1), height: height.toFixed(1), class: `bar kind-${kind}` });
  }));
  const legend = make("p", { class: "legend" }, series.map(([name], kind) => make("span", { class: `key kind-${kind}` }, name)));
  return figure(title, frame(title, slots, most, ...shapes), slots, series.map(([name, pick]) => [name, pick, "sum"]), legend);
}

/** Steps one after the other, as bars that get shorter where people leave. */
export function funnel(steps) {
  const most = Math.max(...steps.map(([, count]) => count), 1);
  return make("ol", { class: "funnel" }, steps.map(([name, count]) => {
    const bar = draw("svg", { viewBox: "0 0 100 6", preserveAspectRatio: "none", "aria-hidden": "true", class: "share" },
      draw("rect", { width: 100, height: 6, class: "rest" }), draw("rect", { width: (count / most) * 100, height: 6, class: "bar kind-0" }));
    return make("li", {}, make("span", {}, name), make("strong", {}, number(count)), bar);
  }));
}

function chunks(list, size) {
  return Array.from({ length: Math.ceil(list.length / size) }, (_, index) => list.slice(index * size, (index + 1) * size));
}

function figure(title, drawing, slots, columns, legend) {
  const rows = chunks(slots, 12).map((hour) => [hourOf(hour[0].at), ...columns.map(([, pick, how]) =>
    number(how === "sum" ? hour.reduce((sum, slot) => sum + pick(slot), 0) : pick(hour.at(-1))))]);
  const whole = make("details", {}, make("summary", {}, words.overview.asTable), table(title, [words.overview.hour, ...columns.map(([name]) => name)], rows));
  return make("figure", { class: "card" }, make("figcaption", {}, make("h2", {}, title)), drawing, legend, whole);
}
