// Draws one patient's tracks as SVG: heparin in steps with the required rate, levels with their
// target and trust, antithrombin, platelets, doses, and where each card first appeared.
//
// INTERFACE. `drawTracks(view, width)` gives an <svg>; `tableOf(view)` gives the same as a <table>.
// `view` is the answer of /smart/view, of which these parts are read:
//   now, since                  moments, ISO 8601 with offset, all by one clock; printed as they stand
//   heparin.steps               [{from, to|null, rate (U/h)|null, perKg|null, because}]
//   heparin.lines               [{label, steps}] where several infusions run; `steps` is their sum
//   heparin.weight              kg|null
//   course.needs                [{at, need, low, high}] in U/kg/h; numbers only where they are told
//   course.findings             [{since, indicator, ...}]; numbered in this order
//   tracks                      [{key, label, unit, bands: [{low, high}], lines: [{key, value}],
//                                 points: [{at, atLatest?, value|null, shown, position?, trust, because}]}]
//   given                       [{at, to?, what, amount, kind}]
// Nothing else is needed: no chart library, no style but the classes (see app.css), no network.

import { drawn, element } from "./elements.js";

const LEFT = 52;
const RIGHT = 14;
const TOP = 44;
const LANE = 74;
const TITLE = 20;
const GAP = 14;
const LINE = 18; // of the list of doses
const CLEAR = 38; // pixels between two written values
const WIDE = 560; // from here on there is room for the lines' names beside a title
const HOUR = 3_600_000;

export const TRUST = {
  usable: "can be used",
  early: "drawn too early after a change",
  without: "no heparin ran",
  doubtful: "disturbed",
  unsure: "not certain to be steady",
  unread: "could not be read",
  old: "older than 72 h",
  shown: "",
};

export const POSITION = {
  below: "below target",
  within: "on target",
  above: "above target",
  unknown: "against the target: unknown",
  severe: "severely low",
  low: "low",
  lowNormal: "low normal",
  normal: "normal",
};

const LINES = { severe: "severe below", low: "low below", normal: "normal from", baseline: "before heparin" };

export const clockTime = (iso) => `${Number(iso.slice(8, 10))} ${MONTHS[Number(iso.slice(5, 7)) - 1]} ${iso.slice(11, 16)}`;
const MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
const whole = (number) => Math.round(number).toLocaleString("en-US");

export function drawTracks(view, width) {
  const frame = frameOf(view, width);
  const lanes = [heparinLane(view, frame, TOP), ...view.tracks.map((track, place) => levelLane(track, frame, topOf(place + 1)))];
  const bottom = topOf(lanes.length) - GAP;
  const doses = view.given.map((dose, place) => doseLine(dose, frame, bottom + LINE * (place + 1)));
  const height = bottom + LINE * (view.given.length + (view.given.length ? 1 : 0)) + 6;
  return drawn(
    "svg",
    { class: "tracks", viewBox: `0 0 ${width} ${height}`, width, height, role: "img", "aria-label": `${labelOf(view)}; the same values stand in the table below` },
    drawn("defs", {}, hatch()),
    hours(view, frame, height),
    flags(view.course?.findings ?? [], frame, height),
    lanes,
    doses.length ? drawn("text", { class: "lane-title", x: 0, y: bottom + 4 }, "Given") : "",
    doses,
  );
}

const labelOf = (view) => `Heparin, ${view.tracks.map((track) => track.label).join(", ")} from ${clockTime(view.since)} to ${clockTime(view.now)}`;
const topOf = (place) => TOP + place * (TITLE + LANE + GAP);

function frameOf(view, width) {
  const start = Date.parse(view.since);
  const end = Date.parse(view.now);
  const x = (iso) => round(LEFT + (width - LEFT - RIGHT) * Math.min(Math.max((Date.parse(iso) - start) / (end - start), 0), 1));
  return { start, end, width, x, now: view.now, since: view.since };
}

const round = (number) => Math.round(number * 10) / 10;
const scale = (top, highest) => (value) => round(top + TITLE + LANE * (1 - Math.min(value / highest, 1.04)));

function hatch() {
  return drawn("pattern", { id: "unknown-hatch", width: 8, height: 8, patternUnits: "userSpaceOnUse", patternTransform: "rotate(45)" }, drawn("path", { class: "hatch", d: "M0 0v8" }));
}

// Full hours of the view's own clock, as many as are legible.
function hours(view, frame, height) {
  const span = (frame.end - frame.start) / HOUR;
  const step = [3, 6, 12, 24, 48].find((each) => span / each <= (frame.width - LEFT) / 70) ?? 48;
  const offset = offsetOf(view.now);
  const marks = [];
  const first = Math.ceil((frame.start + offset) / (step * HOUR)) * step * HOUR;
  for (let local = first; local <= frame.end + offset; local += step * HOUR) {
    const iso = new Date(local).toISOString(); // the digits of the local clock
    const place = round(LEFT + ((frame.width - LEFT - RIGHT) * (local - offset - frame.start)) / (frame.end - frame.start));
    const text = iso.slice(11, 13) === "00" ? `${Number(iso.slice(8, 10))} ${MONTHS[Number(iso.slice(5, 7)) - 1]}` : iso.slice(11, 16);
    marks.push(drawn("line", { class: "hour", x1: place, x2: place, y1: TOP, y2: height }));
    if (place < frame.width - RIGHT - 88) marks.push(drawn("text", { class: "hour-text", x: place, y: 12, "text-anchor": "middle" }, text));
  }
  marks.push(drawn("line", { class: "now", x1: frame.width - RIGHT, x2: frame.width - RIGHT, y1: TOP, y2: height }));
  marks.push(drawn("text", { class: "hour-text", x: frame.width, y: 12, "text-anchor": "end" }, `now ${view.now.slice(11, 16)}`));
  return marks;
}

function offsetOf(iso) {
  const told = /([+-])(\d\d):(\d\d)$/.exec(iso);
  return told ? (told[1] === "-" ? -1 : 1) * (Number(told[2]) * HOUR + Number(told[3]) * 60_000) : 0;
}

// Where each card first appeared, by its number in the list.
function flags(findings, frame, height) {
  let free = 0;
  return findings
    .map((finding, place) => ({ ...finding, number: place + 1, at: frame.x(finding.since) }))
    .sort((one, other) => one.at - other.at)
    .map(({ at, number, indicator }) => {
      const label = Math.max(at, free);
      free = label + 19;
      return drawn(
        "g",
        { class: `flag flag-${indicator}` },
        drawn("line", { x1: at, x2: at, y1: 34, y2: height }),
        drawn("circle", { cx: label, cy: 28, r: 8.5 }),
        drawn("text", { x: label, y: 32, "text-anchor": "middle" }, String(number)),
      );
    });
}

function lane(key, title, frame, top, ...parts) {
  const bottom = top + TITLE + LANE;
  return drawn(
    "g",
    { class: `lane lane-${key}` },
    drawn("line", { class: "floor", x1: LEFT, x2: frame.width - RIGHT, y1: bottom, y2: bottom }),
    parts,
    drawn("text", { class: "lane-title", x: 0, y: top + 11 }, title),
  );
}

function tick(y, text) {
  return drawn("text", { class: "tick", x: LEFT - 6, y: y + 4, "text-anchor": "end" }, text);
}

function heparinLane(view, frame, top) {
  const { steps, lines, weight } = view.heparin;
  const needs = weight ? needSteps(view.course?.needs ?? [], weight) : [];
  const rates = [...steps, ...lines.flatMap((line) => line.steps)].map((step) => step.rate ?? 0);
  const highest = Math.max(...rates, ...needs.map((need) => need.high ?? 0), 500) * 1.3;
  const y = scale(top, highest);
  const ticks = [...new Set([0, Math.max(...rates, 0)])];
  return lane(
    "rate",
    `Heparin, U/h${weight ? " (U/kg/h)" : ""}${needs.some((need) => need.need) ? " · shaded: required rate" : ""}`,
    frame,
    top,
    needAreas(needs, frame, y),
    ticks.map((value) => tick(y(value), whole(value))),
    unknown(steps, frame, top),
    lines.map((line, place) => drawn("path", { class: `part part-${place}`, d: stepPath(line.steps, frame, y) }, drawn("title", {}, line.label))),
    drawn("path", { class: "trace", d: stepPath(steps, frame, y) }),
    rateMarks(steps, frame, y),
  );
}

const needSteps = (needs, weight) =>
  needs.map((need, place) => ({
    from: need.at,
    to: needs[place + 1]?.at ?? null,
    need: need.need && need.need * weight,
    low: need.low && need.low * weight,
    high: need.high && need.high * weight,
    told: need.told,
  }));

function needAreas(needs, frame, y) {
  return needs
    .filter((need) => need.need)
    .map(({ from, to, need, low, high, told }) => {
      const [left, right] = [frame.x(from), frame.x(to ?? frame.now)];
      return drawn(
        "g",
        { class: "need" },
        drawn("title", {}, `Required rate: ${told}`),
        drawn("rect", { x: left, width: Math.max(right - left, 0), y: y(high), height: round(y(low) - y(high)) }),
        drawn("line", { x1: left, x2: right, y1: y(need), y2: y(need) }),
      );
    });
}

// Stretches of which nobody can tell the rate.
function unknown(steps, frame, top) {
  return steps
    .filter((step) => step.rate === null)
    .map((step) => {
      const [left, right] = [frame.x(step.from), frame.x(step.to ?? frame.now)];
      const box = drawn("rect", { x: left, width: Math.max(right - left, 3), y: top + TITLE, height: LANE, fill: "url(#unknown-hatch)" });
      const text = right - left > 70 ? drawn("text", { x: (left + right) / 2, y: top + TITLE + LANE / 2 + 4, "text-anchor": "middle" }, "unknown") : "";
      return drawn("g", { class: "unknown" }, drawn("title", {}, `Rate unknown: ${step.because}`), box, text);
    });
}

function stepPath(steps, frame, y) {
  let end;
  const parts = [];
  for (const step of steps.filter((one) => one.rate !== null)) {
    const joins = end !== undefined && step.from === end;
    parts.push(`${joins ? "L" : "M"}${frame.x(step.from)} ${y(step.rate)}H${frame.x(step.to ?? frame.now)}`);
    end = step.to;
  }
  return parts.join("");
}

function rateMarks(steps, frame, y) {
  const known = steps.filter((step) => step.rate !== null);
  const changes = known.filter((step, place) => place === 0 || known[place - 1].rate !== step.rate);
  const marks = changes.map((step) => ({
    x: frame.x(step.from),
    y: y(step.rate),
    text: `${whole(step.rate)}${step.perKg ? ` (${step.perKg.toFixed(1)})` : ""}`,
    says: `${rateTold(step)} from ${clockTime(step.from)}`,
  }));
  return legible(marks, 84).map(({ x, y: height, text, says }) =>
    drawn(
      "g",
      { class: "mark mark-step" },
      drawn("title", {}, says),
      drawn("circle", { cx: x, cy: height, r: 2.5 }),
      text ? drawn("text", { class: "value", x: x > frame.width - 110 ? frame.width - RIGHT : x, y: height - 7, "text-anchor": x > frame.width - 110 ? "end" : "start" }, text) : "",
    ),
  );
}

const rateTold = (step) => (step.rate === null ? `rate unknown: ${step.because}` : `${whole(step.rate)} U/h${step.perKg ? `, ${step.perKg.toFixed(1)} U/kg/h` : ""}`);

function levelLane(track, frame, top) {
  const inside = track.points.filter((point) => point.at >= "" && Date.parse(point.at) >= frame.start);
  const numbers = inside.filter((point) => point.value !== null);
  const lines = [...track.bands.map((band) => band.high), ...track.lines.map((line) => line.value)];
  const highest = Math.max(...numbers.map((point) => point.value), ...lines, 0.01) * 1.25;
  const y = scale(top, highest);
  const ticks = track.bands.length ? [track.bands[0].low, track.bands[0].high] : track.lines.map((line) => line.value);
  const marks = legible(
    inside.map((point) => ({ x: frame.x(point.at), y: point.value === null ? y(0) : y(point.value), point, text: point.value === null ? "not read" : point.shown.split(" ")[0] })),
    CLEAR,
  );
  const joined = marks.filter((mark) => mark.point.value !== null).map((mark) => `${mark.x} ${mark.y}`);
  return lane(
    track.key,
    `${track.label}, ${track.unit}${track.lines.length && frame.width > WIDE ? ` · dashed: ${track.lines.map((line) => `${LINES[line.key] ?? line.key} ${line.value}`).join(", ")}` : ""}`,
    frame,
    top,
    track.bands.map((band) => drawn("rect", { class: "band", x: LEFT, width: frame.width - LEFT - RIGHT, y: y(band.high), height: round(y(band.low) - y(band.high)) })),
    track.lines.map((line) => limit(line, frame, y)),
    spread(ticks, y).map((value) => tick(y(value), String(value))),
    joined.length > 1 ? drawn("path", { class: "trace", d: `M${joined.join("L")}` }) : "",
    marks.map((mark) => levelMark(mark, track, frame)),
    inside.length ? "" : drawn("text", { class: "none", x: LEFT + 8, y: top + TITLE + LANE - 7 }, "no result in this time"),
  );
}

// Of ticks too close to each other only the first is written.
function spread(values, y) {
  const kept = [];
  for (const value of values) if (kept.every((other) => Math.abs(y(other) - y(value)) >= 12)) kept.push(value);
  return kept;
}

function limit(line, frame, y) {
  return drawn(
    "g",
    { class: "limit" },
    drawn("title", {}, `${LINES[line.key] ?? line.key} ${line.value}`),
    drawn("line", { x1: LEFT, x2: frame.width - RIGHT, y1: y(line.value), y2: y(line.value) }),
  );
}

const SHAPE = {
  above: (x, y) => `M${x} ${y - 5.5}l5.5 10h-11z`,
  normal: (x, y) => `M${x - 4} ${y}a4 4 0 1 0 8 0a4 4 0 1 0 -8 0`,
  below: (x, y) => `M${x} ${y + 5.5}l5.5 -10h-11z`,
  unknown: (x, y) => `M${x} ${y - 5}l5 5l-5 5l-5 -5z`,
};
const DRAWN_AS = { severe: "below", low: "below", lowNormal: "unknown", within: "normal", normal: "normal", above: "above", below: "below" };
const HOLLOW = new Set(["early", "without", "old", "unsure"]);

function levelMark({ x, y, point, text }, track, frame) {
  const says = pointTold(point, track);
  const end = point.atLatest ? drawn("line", { class: "stretch", x1: x, x2: frame.x(point.atLatest), y1: y, y2: y }) : "";
  const cross = `M${x - 4.5} ${y - 4.5}l9 9m0 -9l-9 9`;
  const shape = SHAPE[DRAWN_AS[point.position] ?? (point.position === "unknown" ? "unknown" : "normal")];
  const bad = point.trust === "unread" || point.trust === "doubtful";
  const label = text ? drawn("text", { class: "value", x: Math.min(x, frame.width - RIGHT), y: y - 9, "text-anchor": x > frame.width - 40 ? "end" : "middle" }, text) : "";
  return drawn(
    "g",
    { class: `mark mark-${point.position || "plain"} ${HOLLOW.has(point.trust) ? "hollow" : ""}` },
    drawn("title", {}, says),
    end,
    point.trust === "unread" ? "" : drawn("path", { class: "shape", d: shape(x, y) }),
    bad ? drawn("path", { class: "cross", d: cross }) : "",
    label,
  );
}

export function pointTold(point, track) {
  const told = [TRUST[point.trust], point.because].filter(Boolean);
  const rate = point.rate !== undefined && point.rate !== null ? `at ${whole(point.rate)} U/h` : "";
  return [`${track.label} ${point.shown}`, clockOf(point), rate, POSITION[point.position], told.join(": ")].filter(Boolean).join(", ");
}

const clockOf = (point) => point.written ?? clockTime(point.at);

// From the newest back, only values with room beside their neighbour stay written.
function legible(marks, room) {
  let free = Infinity;
  return marks
    .slice()
    .reverse()
    .map((mark) => {
      const fits = free - mark.x >= room;
      if (fits) free = mark.x;
      return fits ? mark : { ...mark, text: "" };
    })
    .reverse();
}

function doseLine(dose, frame, y) {
  const [x, end] = [frame.x(dose.at), frame.x(dose.to ?? dose.at)];
  const left = x < frame.width / 2;
  const text = `${dose.what} ${dose.amount}`.trim();
  return drawn(
    "g",
    { class: `dose dose-${dose.kind}` },
    drawn("title", {}, `${text}, ${clockTime(dose.at)}`),
    drawn("line", { x1: x, x2: x, y1: TOP, y2: y }),
    end > x ? drawn("line", { class: "lasts", x1: x, x2: end, y1: y, y2: y }) : "",
    drawn("circle", { cx: x, cy: y, r: 3.5 }),
    drawn("text", { x: left ? Math.max(x, end) + 8 : x - 8, y: y + 4, "text-anchor": left ? "start" : "end" }, `${text}, ${dose.at.slice(11, 16)}`),
  );
}

// The same values, newest first, for who cannot see the drawing.
export function tableOf(view) {
  const rows = [
    ...view.heparin.steps.map((step) => [step.from, "Heparin infusion", rateTold(step), step.because]),
    ...view.heparin.lines.flatMap((line) => line.steps.map((step) => [step.from, line.label, rateTold(step), step.because])),
    ...view.tracks.flatMap((track) => track.points.map((point) => [point.at, track.label, point.shown, [POSITION[point.position], TRUST[point.trust], point.because].filter(Boolean).join(", ")])),
    ...view.given.map((dose) => [dose.at, dose.what, dose.amount, ""]),
    ...(view.course?.needs ?? []).filter((need, place, all) => need.need && need.told !== all[place - 1]?.told).map((need) => [need.at, "Required rate", need.told, ""]),
  ].sort((one, other) => Date.parse(other[0]) - Date.parse(one[0]));
  const head = ["Time", "What", "Value", "Remark"].map((text) => element("th", { scope: "col" }, text));
  const body = rows.map(([at, ...rest]) => element("tr", {}, [clockTime(at), ...rest].map((text) => element("td", {}, text))));
  return element("table", { class: "values" }, element("thead", {}, element("tr", {}, head)), element("tbody", {}, body));
}
