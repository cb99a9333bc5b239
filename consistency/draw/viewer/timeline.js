/* Events and labels over time: a lane of events, and below it a line of bars for each label. */

const ROW_HIGH = 14; // pixels of a line of labels
const BUBBLE = 18; // pixels within which events are one bubble
const FEWEST = 8; // frames that the timeline shows at the nearest
const MOSTLY = 0.5; // share of the frames in which a label of the first group is
const time = { from: 0, to: count };
let lastBubbles = { key: "", bubbles: [] };
let layout = []; // lines: {title} or {tracks}

/** Lines of labels, by how long they live; labels that never meet may share a line. */
function layOutTimeline() {
  const groups = [
    ["most of the time", (track) => track.frames >= MOSTLY * count && track.frames > SHORT],
    ["part of the time", (track) => track.frames < MOSTLY * count && track.frames > SHORT],
    [`${SHORT} frames or less`, (track) => track.frames <= SHORT],
  ];
  layout = [];
  groups.forEach(([title, fits], number) => {
    const found = tracks.filter(fits);
    if (!found.length) return;
    layout.push({ title: `${title} (${found.length})` });
    // Room for the name behind a bar: a hundredth of the sequence for each letter.
    const room = (track) => (number ? Math.ceil(count / 100 * called(track).length) : count);
    const rows = [];
    for (const track of found) {
      let row = rows.find((candidate) => candidate.free <= track.first);
      if (!row) rows.push(row = { tracks: [], free: 0 });
      row.tracks.push(track);
      row.free = Math.max(track.last + 2, track.first + room(track));
    }
    layout.push(...rows);
  });
  for (const [i, row] of layout.entries()) for (const track of row.tracks ?? []) track.row = i;
  const rest = layout.length * ROW_HIGH - $("tracks-window").clientHeight;
  $("matrix-room").style.height = Math.max(0, rest) + "px";
}

/** Size a canvas to the screen's pixels; returns its context and size. */
function prepared(id) {
  const canvas = $(id);
  const ratio = window.devicePixelRatio || 1;
  const [wide, high] = [canvas.clientWidth, canvas.clientHeight];
  if (canvas.width !== Math.round(wide * ratio)) canvas.width = Math.round(wide * ratio);
  if (canvas.height !== Math.round(high * ratio)) canvas.height = Math.round(high * ratio);
  const context = canvas.getContext("2d");
  context.setTransform(ratio, 0, 0, ratio, 0, 0);
  context.clearRect(0, 0, wide, high);
  return { context, wide, high };
}

const across = (wide) => (frame) => (frame - time.from) / (time.to - time.from) * wide;

function drawTimelines() {
  if (state.frame < 0 || !about.labelled || !$("timelines").clientHeight) return;
  drawMatrix();
  drawLane();
}

function drawCursor(context, wide, high) {
  const x = across(wide)(state.frame + 0.5);
  context.fillStyle = colourOf("--text");
  context.fillRect(x - 0.75, 0, 1.5, high);
}

function drawMatrix() {
  const { context, wide, high } = prepared("matrix");
  const top = $("tracks-window").scrollTop;
  const x = across(wide);
  context.font = "10px system-ui, sans-serif";
  context.textBaseline = "middle";
  const last = Math.min(layout.length, Math.ceil((top + high) / ROW_HIGH));
  for (let i = Math.floor(top / ROW_HIGH); i < last; i++) {
    const y = i * ROW_HIGH - top;
    if (layout[i].title) {
      context.globalAlpha = 1;
      context.fillStyle = colourOf("--quiet");
      context.fillText(layout[i].title, 4, y + ROW_HIGH / 2 + 1);
      continue;
    }
    for (const track of layout[i].tracks) drawBars(context, track, x, y + 1, ROW_HIGH - 3, wide);
  }
  context.globalAlpha = 1;
  drawCursor(context, wide, high);
  $("matrix").setAttribute("aria-label",
    `${tracks.length} labels in ${layout.length} lines, frames ${Math.floor(time.from) + 1} to ${Math.ceil(time.to)}`);
}

/** The bars of one label, grey in its gaps, and its name where there is room. */
function drawBars(context, track, x, top, high, wide) {
  const [left, right] = [x(track.first), Math.max(x(track.last + 1), x(track.first) + 1.5)];
  if (right < 0 || left > wide) return;
  context.globalAlpha = state.selected < 0 || state.selected === track.number ? 1 : 0.25;
  context.fillStyle = colourOf("--absent");
  context.fillRect(left, top + high / 2 - 1, right - left, 2);
  context.fillStyle = track.colour;
  for (const [first, last] of track.spans) {
    context.fillRect(x(first), top, Math.max(1.5, x(last + 1) - x(first)), high);
  }
  const text = called(track);
  const room = context.measureText(text).width + 4;
  const shown = clamp(left, 0, wide);
  if (right - shown > room) {
    context.fillStyle = edgeInk(track.ink) & 255 ? "#fff" : "#000";
    context.fillText(text, shown + 2, top + high / 2 + 0.5);
  } else {
    context.fillStyle = colourOf("--text");
    if (right + room < wide) context.fillText(text, right + 2, top + high / 2 + 0.5);
  }
}

function drawLane() {
  const { context, wide, high } = prepared("lane");
  if (state.selected < 0) drawBubbles(context, wide, high);
  else drawTrack(context, tracks[state.selected], wide, high);
  drawMoments(context, wide);
  drawCursor(context, wide, high);
  const here = eventsAt(state.frame).map(describeEvent);
  $("lane").setAttribute("aria-valuenow", state.frame + 1);
  $("lane").setAttribute("aria-valuetext",
    [`frame ${state.frame + 1}, ${about.frames[state.frame]}`, ...here].join("; "));
}

/** Events that are near each other on the screen, as [{x, frame, events}]. */
function bubbles(wide) {
  const key = `${wide} ${time.from} ${time.to}`;
  if (lastBubbles.key !== key || lastBubbles.events !== chosenEvents()) {
    lastBubbles = { key, events: chosenEvents(), bubbles: findBubbles(wide) };
  }
  return lastBubbles.bubbles;
}

function findBubbles(wide) {
  const x = across(wide);
  const bins = new Map();
  for (const event of chosenEvents()) {
    const place = x(event.frame + 0.5);
    if (place < 0 || place > wide) continue;
    // Bins of whole frames or of pixels, whichever is wider: bubbles stay while one zooms.
    const bin = Math.floor(place / BUBBLE);
    if (!bins.has(bin)) bins.set(bin, []);
    bins.get(bin).push(event);
  }
  return [...bins.values()].map((found) => ({
    events: found, frame: found[0].frame,
    x: found.reduce((sum, event) => sum + x(event.frame + 0.5), 0) / found.length,
  }));
}

function drawBubbles(context, wide, high) {
  context.textAlign = "center";
  context.textBaseline = "middle";
  context.font = "10px system-ui, sans-serif";
  const y = high - 11;
  for (const { x, events: found } of bubbles(wide)) {
    context.fillStyle = colourOf("--warn");
    context.beginPath();
    context.arc(x, y, found.length > 1 ? 8.5 : 4, 0, 2 * Math.PI);
    context.fill();
    context.fillStyle = colourOf("--ground");
    if (found.length > 1) context.fillText(found.length > 99 ? "99+" : found.length, x, y + 0.5);
  }
}

/** Presence, hatched gaps, and a symbol for each return, split and merge. */
function drawTrack(context, track, wide, high) {
  const x = across(wide);
  const top = high - 14;
  context.fillStyle = track.colour;
  for (const [first, last] of track.spans) {
    context.fillRect(x(first), top, Math.max(1, x(last + 1) - x(first)), 12);
  }
  context.strokeStyle = "#999";
  context.lineWidth = 1;
  for (let i = 1; i < track.spans.length; i++) {
    const [from, to] = [x(track.spans[i - 1][1] + 1), x(track.spans[i][0])];
    context.save();
    context.beginPath();
    context.rect(from, top, to - from, 12);
    context.clip();
    context.beginPath();
    for (let at = Math.max(from, 0) - 12; at < Math.min(to, wide); at += 5) {
      context.moveTo(at, top + 12);
      context.lineTo(at + 12, top);
    }
    context.stroke();
    context.restore();
  }
  context.fillStyle = colourOf("--text");
  context.font = "12px sans-serif";
  context.textAlign = "center";
  for (const event of track.events) {
    if (SYMBOLS[event.kind]) context.fillText(SYMBOLS[event.kind], x(event.frame + 0.5), 16);
  }
}

function drawMoments(context, wide) {
  context.fillStyle = colourOf("--accent");
  context.font = "11px sans-serif";
  context.textAlign = "center";
  for (const moment of about.moments) context.fillText("★", across(wide)(moment.frame + 0.5), 9);
}

// ------------------------------------------------------------------------------------ moving
/** Show frames from ... to, all of them in the sequence. */
function setTime(from, to) {
  const length = clamp(to - from, Math.min(FEWEST, count), count);
  time.from = clamp(from, 0, count - length);
  time.to = time.from + length;
  drawTimelines();
}

function zoomTime(factor, middle = state.frame + 0.5) {
  setTime(middle - (middle - time.from) * factor, middle + (time.to - middle) * factor);
}

/** Keep the shown frame and the selected label in sight. */
function followTime() {
  const length = time.to - time.from;
  if (state.frame < time.from || state.frame >= time.to) setTime(state.frame - length / 2, state.frame + length / 2);
}

function followRow() {
  const row = tracks[state.selected]?.row;
  const shown = $("tracks-window");
  if (row === undefined) return;
  const [top, high] = [row * ROW_HIGH, shown.clientHeight];
  if (top < shown.scrollTop || top + ROW_HIGH > shown.scrollTop + high) shown.scrollTop = top - high / 2;
}

function frameAt(canvas, event) {
  const box = canvas.getBoundingClientRect();
  return time.from + (event.clientX - box.left) / box.width * (time.to - time.from);
}

function listenToTimeline(id) {
  const canvas = $(id);
  const jumpTo = (event) => go(Math.floor(frameAt(canvas, event)));
  canvas.addEventListener("pointerdown", (event) => {
    canvas.setPointerCapture(event.pointerId);
    const bubble = id === "lane" && state.selected < 0 && bubbleAt(event);
    if (bubble) go(bubble.frame);
    else jumpTo(event);
    if (id === "matrix") selectAt(event);
  });
  canvas.addEventListener("pointermove", (event) => {
    if (event.buttons) jumpTo(event);
    else if (id === "lane") tipOfLane(event);
  });
  canvas.addEventListener("pointerleave", () => { $("tip").hidden = true; });
  canvas.addEventListener("wheel", (event) => {
    const sideways = event.shiftKey ? event.deltaY || event.deltaX : event.deltaX;
    if (sideways) {
      const moved = sideways / 1000 * (time.to - time.from);
      setTime(time.from + moved, time.to + moved);
    } else if (event.ctrlKey || id === "lane") {
      zoomTime(Math.exp(event.deltaY / 450), frameAt(canvas, event));
    } else return; // the list of labels scrolls
    event.preventDefault();
  }, { passive: false });
}

/** Show the label alone whose bar was clicked. */
function selectAt(event) {
  const box = $("matrix").getBoundingClientRect();
  const row = layout[Math.floor((event.clientY - box.top + $("tracks-window").scrollTop) / ROW_HIGH)];
  const frame = Math.floor(frameAt($("matrix"), event));
  const track = row?.tracks?.find(({ first, last }) => first <= frame && frame <= last);
  if (track) select(track.number);
}

function bubbleAt(event) {
  const box = $("lane").getBoundingClientRect();
  const x = event.clientX - box.left;
  if (event.clientY - box.top < box.height - 22) return null;
  return bubbles(box.width).find((bubble) => Math.abs(bubble.x - x) < BUBBLE / 2) ?? null;
}

function tipOfLane(event) {
  const bubble = state.selected < 0 ? bubbleAt(event) : null;
  $("tip").hidden = !bubble;
  if (!bubble) return;
  const counts = new Map();
  for (const { kind } of bubble.events) counts.set(kind, (counts.get(kind) ?? 0) + 1);
  const last = bubble.events[bubble.events.length - 1].frame;
  const frames = bubble.frame === last ? `frame ${last + 1}` : `frames ${bubble.frame + 1} to ${last + 1}`;
  $("tip").textContent = [frames, ...[...counts].map(([kind, n]) => `${n} × ${kind}`)].join("\n");
  placeNear($("tip"), event.clientX + 12, event.clientY - 60);
}
