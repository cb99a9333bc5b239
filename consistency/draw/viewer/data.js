/* What the page says of the sequence: frames, labels, events; and the state of the page.
   Text from the data goes into the page as textContent or as a form's value only. */

const $ = (id) => document.getElementById(id);
const about = JSON.parse($("about").textContent);
const [height, width] = about.size;
const count = about.frames.length;
const frameOf = new Map(about.frames.map((name, t) => [name, t]));

const SHORT = 2; // frames at most
const FLICKERING = 2; // gaps at least
const QUIET_KINDS = new Set(["birth", "end", "dropped", "covered"]); // nothing unusual
const SPLIT_KINDS = new Set(["split", "merge"]);
const SYMBOLS = { return: "▲", split: "◆", merge: "■" };

/** "#rrggbb" as an opaque pixel of an ImageData seen as 32-bit numbers (little endian). */
function ink(colour) {
  const [r, g, b] = [1, 3, 5].map((i) => parseInt(colour.slice(i, i + 2), 16));
  return (0xff000000 | b << 16 | g << 8 | r) >>> 0;
}

/** Fill in what follows from the spans of a label, a list of [first, last] frame. */
function measured(track) {
  const spans = track.spans;
  const here = spans.reduce((sum, [first, last]) => sum + last - first + 1, 0);
  return {
    area: NaN, iou: NaN, name: null, ...track, frames: here, ink: ink(track.colour), events: [], split: false,
    first: spans[0][0], last: spans[spans.length - 1][1], gaps: spans.length - 1,
  };
}

const originals = about.tracks.map((track, number) => measured({
  ...track, number, sources: [number],
  area: Number(track.columns.mean_area ?? NaN),
  iou: track.columns.mean_iou ? Number(track.columns.mean_iou) : NaN,
}));
const originalOf = new Map(originals.map((track) => [track.label, track.number]));
const events = about.events.map(([frame, kind, track, columns]) => {
  const other = originalOf.get(columns.other) ?? -1; // a daughter, what a merge went into
  return { frame, kind, columns, track, involved: [track, other].filter((n) => n >= 0) };
});
const numberInks = about.numbers.map(ink);

// The labels as they are shown: the originals, corrected.  corrections.js makes them anew.
let tracks = originals;
let byLabel = originalOf;

const state = {
  frame: -1, masks: [], playing: false, selected: -1, split: about.labelled ? 0 : 100,
  shown: [], sort: "first", descending: false, picking: null,
};

/** Tell each label which events it is part of. */
function giveEvents() {
  for (const track of tracks) {
    track.events = [];
    track.split = false;
  }
  for (const event of events) {
    for (const number of new Set(event.involved.map((n) => shownOf(n, event.frame)))) {
      if (number < 0) continue;
      tracks[number].events.push(event);
      if (SPLIT_KINDS.has(event.kind)) tracks[number].split = true;
    }
  }
}

function element(tag, text, className) {
  const made = document.createElement(tag);
  if (text !== undefined) made.textContent = text;
  if (className) made.className = className;
  return made;
}

function button(text, act, title) {
  const made = element("button", text);
  made.type = "button";
  if (title) made.title = title;
  made.addEventListener("click", act);
  return made;
}

/** "4", or "4 car" where the label has a name. */
function called(track) {
  return track.name ? `${track.label} ${track.name}` : track.label;
}

function many(n, what) {
  return `${n} ${what}${n === 1 ? "" : "s"}`;
}

/** Tell those who do not see the page what has happened. */
function say(text) {
  $("said").textContent = text;
}

const clamp = (value, least, most) => Math.max(least, Math.min(most, value));
const colourOf = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
