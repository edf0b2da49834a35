"use strict";
const SVG = "http://www.w3.org/2000/svg";
const WIDTH = 220, HEIGHT = 18;
const at = (id) => document.getElementById(id);

/** An element with text; texts of the run are never markup. */
function made(name, text = "", attributes = {}) {
  const element = document.createElement(name);
  element.textContent = text;
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  return element;
}

function drawn(name, attributes) {
  const element = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  return element;
}

function clock(seconds) {
  const whole = Math.max(0, Math.round(seconds));
  return whole < 60 ? `${whole} s` : `${Math.floor(whole / 60)} min ${whole % 60} s`;
}

/** Positions of ratios in the picture; a logarithm shows a half and a double alike. */
function scaleOf(standing) {
  const ends = standing.rows.flatMap((row) => [row.low, row.ratio, row.high]).filter((end) => end > 0);
  ends.push(...standing.rows.flatMap((row) => row.band ?? []).filter((end) => end > 0), 1);
  const low = Math.log(Math.min(...ends)), high = Math.log(Math.max(...ends));
  const room = Math.max(high - low, 0.02);
  return (ratio) => 4 + (WIDTH - 8) * (Math.log(Math.max(ratio, 1e-9)) - low) / room;
}

function interval(row, x) {
  const known = row.low && row.high;
  const words = known ? `${row.ratio.toFixed(2)}, from ${row.low.toFixed(2)} to ${row.high.toFixed(2)}` : row.ratio.toFixed(2);
  const picture = drawn("svg", { width: WIDTH, height: HEIGHT, viewBox: `0 0 ${WIDTH} ${HEIGHT}`, role: "img", "aria-label": words });
  if (row.band) {
    const from = Math.max(0, x(row.band[0])), to = Math.min(WIDTH, x(row.band[1]));
    picture.append(drawn("rect", { class: "band", x: from, y: 0, width: Math.max(0, to - from), height: HEIGHT }));
  }
  picture.append(drawn("line", { class: "one", x1: x(1), x2: x(1), y1: 0, y2: HEIGHT }));
  if (known) picture.append(drawn("line", { class: "span", x1: x(row.low), x2: x(row.high), y1: HEIGHT / 2, y2: HEIGHT / 2 }));
  picture.append(drawn("circle", { class: "mark", cx: x(row.ratio), cy: HEIGHT / 2, r: 4 }));
  return picture;
}

function setups(standing) {
  at("setups").hidden = !standing.rows.length;
  at("setups-title").textContent = standing.kind === "race" ? "Setups" : standing.kind === "study" ? "Cells" : "Measures";
  at("scale").textContent = standing.caption;
  const head = made("tr");
  const names = ["name", ...(standing.against ? ["verdict", "ratio", "interval"] : []), ...standing.columns];
  names.forEach((name, place) => head.append(made("th", name, { scope: "col", class: place > 3 || !standing.against && place ? "number" : "" })));
  at("head").replaceChildren(head);
  const x = scaleOf(standing);
  at("rows").replaceChildren(...standing.rows.map((row) => {
    const line = made("tr", "", row.out ? { class: "out" } : {});
    const name = made("th", "", { scope: "row" });
    name.append(made("span", row.name, { class: "arm" }));
    if (row.out) name.append(made("small", row.out));
    line.append(name);
    if (standing.against) {
      const picture = made("td");
      if (row.ratio) picture.append(interval(row, x));
      line.append(made("td", row.word), made("td", row.ratio ? `${row.ratio.toFixed(2)}x` : ""), picture);
    }
    const missing = standing.columns.length - row.figures.length;
    [...row.figures, ...Array(Math.max(0, missing)).fill("")].forEach((figure) => line.append(made("td", figure, { class: "number" })));
    return line;
  }));
}

function capacity(found) {
  at("capacity").hidden = !found;
  if (!found) return;
  at("objective").textContent = `Objective: ${found.objective}`;
  at("known").replaceChildren(...found.known.map((text) => made("li", text)));
  at("tries").replaceChildren(...found.tries.map((one) => {
    const line = made("tr");
    const allowed = Math.floor(one.allowed * one.count);
    line.append(made("th", one.arm, { scope: "row" }));
    [one.rate, one.count.toLocaleString("en"), one.late.toLocaleString("en"), allowed.toLocaleString("en")].forEach((text) => line.append(made("td", text, { class: "number" })));
    line.append(made("td", one.refused));
    return line;
  }));
}

function machine(speeds) {
  at("machine").hidden = speeds.length < 3;
  if (speeds.length < 3) return;
  const low = Math.min(0.5, ...speeds), high = Math.max(1.2, ...speeds);
  const y = (speed) => 58 - 56 * (speed - low) / (high - low);
  const points = speeds.map((speed, place) => `${(600 * place / (speeds.length - 1)).toFixed(1)},${y(speed).toFixed(1)}`);
  const words = `The newest reading is ${speeds.at(-1).toFixed(2)}, the slowest ${Math.min(...speeds).toFixed(2)}`;
  const picture = drawn("svg", { viewBox: "0 0 600 60", width: "100%", height: 60, preserveAspectRatio: "none", role: "img", "aria-label": words });
  picture.append(drawn("line", { class: "one", x1: 0, x2: 600, y1: y(1), y2: y(1) }));
  picture.append(drawn("polyline", { class: "line", points: points.join(" ") }));
  at("speeds").replaceChildren(picture, made("small", `${words}.`));
}

function servers(alive) {
  at("servers").hidden = !alive.length;
  at("alive").replaceChildren(...alive.flatMap((server) => server.workers.map((worker, place) => {
    const line = made("tr");
    line.append(made("th", place ? "" : server.name, { scope: "row" }));
    const cores = worker.cores === null ? "" : `${Math.round(100 * worker.cores)} %`;
    [String(worker.pid), cores, worker.memory].forEach((text) => line.append(made("td", text, { class: "number" })));
    const log = made("td");
    if (!place && server.log.length) log.append(made("code", server.log.join("\n"), { class: "log" }));
    line.append(log);
    return line;
  })));
}

function told(text) {
  at("notice").hidden = !text;
  at("notice").textContent = text;
}

function show(event) {
  const shown = JSON.parse(event.data), standing = shown.standing;
  at("stop").hidden = !shown.stoppable;
  servers(shown.servers);
  if (!standing) {
    at("headline").textContent = shown.trouble;
    return;
  }
  if (at("headline").textContent !== standing.headline) at("headline").textContent = standing.headline;
  const strengths = { clear: "clear", faster: "clear", slower: "clear", passed: "clear", tied: "tied", alike: "tied", failed: "invalid", invalid: "invalid" };
  at("answer").className = `answer ${strengths[standing.strength] ?? "undecided"}`;
  at("phase").textContent = standing.phase;
  at("what").textContent = `${standing.kind} ${standing.run}, ${standing.app}`;
  document.title = `${standing.headline} · whichworker`;
  const whole = standing.budget_seconds, times = [`${clock(standing.spent_seconds)} so far`];
  if (whole) times.push(`${clock(whole)} at most`);
  if (standing.decide_seconds) times.push(`about ${clock(standing.decide_seconds)} more for a decision`);
  at("time").textContent = times.join(", ");
  at("bar").value = standing.state === "finished" ? 1 : whole ? Math.min(1, standing.spent_seconds / whole) : 0;
  setups(standing);
  capacity(standing.capacities);
  machine(standing.speeds);
}

let over = false;
const source = new EventSource("events");
source.addEventListener("run", show);
source.addEventListener("over", () => {
  over = true;
  source.close();
  at("stop").hidden = true;
  told("The command has ended, and this page does not change any more. The report of the run: whichworker open");
});
source.addEventListener("error", () => {
  if (over) return;
  const closed = source.readyState === EventSource.CLOSED;
  told(closed ? "The connection is lost. Reload the page to try again." : "The connection is lost. Trying again …");
});
source.addEventListener("open", () => told(""));
at("stop").addEventListener("click", async () => {
  if (!confirm("Stop the race? The measurements are kept.")) return;
  at("stop").disabled = true;
  try {
    const answer = await fetch("stop", { method: "POST" });
    told(answer.ok ? "The race is stopping." : await answer.text());
    at("stop").disabled = answer.ok;
  } catch {
    told("The page of the race does not respond.");
    at("stop").disabled = false;
  }
});
