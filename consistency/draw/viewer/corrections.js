/* Corrections: a list of what is wrong, how the labels look with it, and the file that keeps it. */

const corrections = { items: [], undone: [], saved: true, changes: 0 };
// For each original label: [{first, last, label}], what it is called in which frames; label null:
// dropped.
let segments = [];
let shownNumbers = [];

/** Number, among the labels that are shown, of an original one in a frame; -1: none. */
function shownOf(original, frame) {
  if (original < 0) return -1;
  const parts = shownNumbers[original];
  if (typeof parts === "number") return parts;
  const part = parts.find(({ first, last }) => first <= frame && frame <= last);
  return part ? part.number : -1;
}

/** Rename labels in frames first ... last by rename(label). */
function change(first, last, rename) {
  segments = segments.map((parts) => parts.flatMap((part) => {
    const label = part.label === null ? null : rename(part.label);
    if (label === part.label || part.last < first || last < part.first) return [part];
    return [
      { ...part, last: first - 1 },
      { first: Math.max(first, part.first), last: Math.min(last, part.last), label },
      { ...part, first: last + 1 },
    ].filter((piece) => piece.first <= piece.last);
  }));
}

/** Apply a correction to the segments, as the tool will; fresh() is the next free label. */
function applyItem(item, names, fresh) {
  const at = frameOf.get(item.at ?? item.from) ?? 0;
  const [a, b] = (item.labels ?? [item.label]).map(String);
  const rename = (from, to) => (label) => (label === from ? to : label);
  if (item.do === "merge") join(a, b, at, names);
  if (item.do === "swap") exchange(a, b, at);
  if (item.do === "split") change(at, count - 1, rename(a, fresh()));
  if (item.do === "drop") {
    const [first, last] = (item.frames ?? []).map((name) => frameOf.get(name));
    change(first ?? 0, last ?? count - 1, rename(a, null));
  }
  if (item.do === "rename") names.set(a, item.name);
  if (item.masks) applyPair(item, names, fresh);
}

function exchange(a, b, at) {
  change(at, count - 1, (label) => (label === a ? b : label === b ? a : label));
}

function join(stays, goes, at, names) {
  change(at, count - 1, (label) => (label === goes ? stays : label));
  const left = segments.some((parts) => parts.some((part) => part.label === goes));
  if (names.has(goes) && !left) {
    names.set(stays, names.get(goes));
    names.delete(goes);
  }
}

/** Two masks that are, or are not, one object.  A run that matches anew may choose another frame. */
function applyPair(item, names, fresh) {
  const [one, other] = item.masks.map((place) => ({ ...place, t: frameOf.get(place.frame) }))
    .sort((x, y) => x.t - y.t);
  const [a, b] = [one, other].map((place) => labelOf(place.original, place.t));
  if (item.do === "different" && a === b) {
    const next = fresh();
    change(other.t, count - 1, (label) => (label === a ? next : label));
  }
  if (item.do !== "same" || a === b || !a || !b) return;
  const [stays, goes] = assembled(new Map()).filter((track) => track.label === a || track.label === b)
    .sort((track) => (track.label === a ? -1 : 1));
  if (sharedFrame(stays, goes, 0) < 0) join(a, b, 0, names);
  else exchange(a, b, other.t);
}

/** Label of an original one in a frame, as far as corrections have been applied. */
function labelOf(original, frame) {
  return segments[original]?.find(({ first, last }) => first <= frame && frame <= last)?.label ?? null;
}

/** Make the labels anew from the originals and the list of corrections. */
function applyCorrections() {
  const selected = tracks[state.selected]?.label;
  const names = new Map();
  let largest = BigInt(about.largest);
  segments = originals.map((track) => [{ first: 0, last: count - 1, label: track.label }]);
  for (const item of corrections.items) applyItem(item, names, () => String(++largest));
  corrections.changes += 1;
  tracks = assembled(names);
  byLabel = new Map(tracks.map((track) => [track.label, track.number]));
  const numberOf = (part) => byLabel.get(part.label) ?? -1;
  // Most labels are one thing throughout: a number is found faster than a list is searched.
  shownNumbers = segments.map((parts) => (parts.length === 1
    ? numberOf(parts[0])
    : parts.map((part) => ({ ...part, number: numberOf(part) }))));
  state.selected = byLabel.get(selected) ?? -1;
  giveEvents();
}

/** The labels that the segments make up, in the order of births. */
function assembled(names) {
  const spans = new Map();
  segments.forEach((parts, number) => {
    for (const part of parts) {
      if (part.label === null) continue;
      for (const [first, last] of originals[number].spans) {
        const piece = [Math.max(first, part.first), Math.min(last, part.last)];
        if (piece[0] > piece[1]) continue;
        if (!spans.has(part.label)) spans.set(part.label, { spans: [], sources: new Set() });
        spans.get(part.label).spans.push(piece);
        spans.get(part.label).sources.add(number);
      }
    }
  });
  let fresh = 0;
  const made = [...spans].map(([label, { spans: found, sources }]) => {
    const known = originals[originalOf.get(label)];
    const colour = known?.colour ?? about.spare[fresh++ % about.spare.length];
    const whole = known && sources.size === 1 && sources.has(known.number)
      && found.length === known.spans.length;
    return measured({
      label, colour, spans: joined(found), sources: [...sources],
      name: names.get(label) ?? known?.name, columns: whole ? known.columns : {},
      ...(whole ? { area: known.area, iou: known.iou } : {}),
    });
  });
  made.sort((a, b) => a.first - b.first || (BigInt(a.label) < BigInt(b.label) ? -1 : 1));
  made.forEach((track, number) => { track.number = number; });
  return made;
}

/** Spans in order, those that touch made one. */
function joined(spans) {
  const result = [];
  for (const [first, last] of spans.sort((a, b) => a[0] - b[0])) {
    const before = result[result.length - 1];
    if (before && before[1] >= first - 1) before[1] = Math.max(before[1], last);
    else result.push([first, last]);
  }
  return result;
}

const isIn = (track, frame) => track.spans.some(([a, b]) => a <= frame && frame <= b);

/** What makes a correction impossible, as a sentence; empty: nothing. */
function objection(item) {
  const named = item.labels ?? (item.label === undefined ? [] : [item.label]);
  for (const label of named.map(String)) {
    if (!byLabel.has(label)) return label ? `There is no label ${label}.` : "Which label?";
  }
  if (named.length === 2 && String(named[0]) === String(named[1])) return "That is the same label.";
  const [a, b] = named.map((label) => tracks[byLabel.get(String(label))]);
  const at = frameOf.get(item.at ?? item.from) ?? 0;
  if (item.do === "merge") {
    const shared = sharedFrame(a, b, at);
    if (shared >= 0) {
      return `Labels ${a.label} and ${b.label} are two masks of frame ${about.frames[shared]}.`;
    }
    if (b.last < at) return `Label ${b.label} has no mask from here on.`;
  }
  if (item.do === "split" && (a.first >= at || a.last < at)) {
    return `Label ${a.label} needs masks before this frame and from it on.`;
  }
  if (item.do === "swap" && a.last < at && b.last < at) return "Neither has a mask from here on.";
  if (item.do === "rename") return objectionToName(item);
  if (item.do === "drop" && item.frames) {
    const [first, last] = item.frames.map((name) => frameOf.get(name));
    if (!a.spans.some((span) => span[0] <= last && first <= span[1])) {
      return `Label ${a.label} has no mask there.`;
    }
  }
  if (item.masks) {
    const [one, other] = item.masks;
    if (!one || !other) return "That label has no mask in this frame.";
    if (one.frame === other.frame) return "Both are in one frame; go to another frame first.";
  }
  return "";
}

const LONGEST_NAME = 200;

function objectionToName({ label, name }) {
  if (!name.trim() || name.length > LONGEST_NAME) return `A name has 1 to ${LONGEST_NAME} characters.`;
  const earlier = corrections.items.some((item) => item.do === "rename" && String(item.label) === String(label));
  return earlier ? "It has been renamed already; remove that correction first." : "";
}

function sharedFrame(a, b, from) {
  for (const [first, last] of b.spans) {
    for (let t = Math.max(first, from); t <= last; t++) if (isIn(a, t)) return t;
  }
  return -1;
}

function describeItem(item) {
  const [a, b] = item.labels ?? [item.label];
  const on = (name) => (name === undefined ? "" : ` from ${name} on`);
  const place = ({ frame, mask }) => `mask ${mask} of ${frame}`;
  const pair = () => item.masks.map(place).join(", ");
  return {
    merge: () => `${b} becomes ${a}${on(item.from)}`,
    split: () => `${a} is a new label${on(item.at)}`,
    swap: () => `${a} and ${b} change places${on(item.at)}`,
    rename: () => `${a} is called ${item.name}`,
    drop: () => `${a} is dropped${item.frames ? ` in ${item.frames.join(" … ")}` : ""}`,
    same: () => `the same object: ${pair()}`,
    different: () => `different objects: ${pair()}`,
  }[item.do]?.() ?? item.do;
}

/** A label as a number, as the experiment's JSON has it; as text where a number would be another. */
function asNumber(label) {
  return Number.isSafeInteger(Number(label)) ? Number(label) : label;
}

/** A correction without what this page alone knows of its masks. */
function asKept(item) {
  if (!item.masks) return item;
  return { ...item, masks: item.masks.map(({ frame, mask }) => ({ frame, mask })) };
}

function correctionsFile() {
  const items = corrections.items.map((item) => "  " + JSON.stringify(asKept(item))).join(",\n");
  const head = JSON.stringify({
    format: "mask label corrections", version: 1, sequence: about.name, input: about.input,
  }, null, 1).replace(/\n\}$/, "");
  return `${head},\n "corrections": [${items ? `\n${items}\n ` : ""}]\n}\n`;
}

/** Read a file of corrections; throws an Error that says what is wrong with it. */
function readCorrections(text) {
  let content;
  try {
    content = JSON.parse(text);
  } catch {
    throw new Error("This is not a JSON file.");
  }
  if (content?.format !== "mask label corrections" || content.version !== 1
    || !Array.isArray(content.corrections)) {
    throw new Error("This is not a file of mask label corrections, version 1.");
  }
  if (content.input && about.input && content.input !== about.input) {
    throw new Error("It was made for other labels than these.");
  }
  return content.corrections;
}
