"use strict";
/* The viewer.  Sections: data, decoding, painting, pointing, timelines, list of tracks, going from
   frame to frame, start.  Text from the data goes into the page as textContent only. */
(() => {
  const $ = (id) => document.getElementById(id);

  // ---------------------------------------------------------------------------------- data
  const about = JSON.parse($("about").textContent);
  const [height, width] = about.size;
  const count = about.frames.length;
  // Pixels are counted along lines: rows for order "C", columns for order "F".
  const rowMajor = about.order === "C";
  const line = rowMajor ? width : height;
  const lines = rowMajor ? height : width;

  const SHORT = 2; // frames at most
  const FLICKERING = 2; // gaps at least
  const CACHE = 48; // decoded frames that are kept
  const DIM = 0x38; // opacity of all other masks while one track is isolated
  const QUIET_KINDS = new Set(["birth", "end", "dropped", "covered"]); // nothing unusual
  const SPLIT_KINDS = new Set(["split", "merge"]);
  const SYMBOLS = { return: "▲", split: "◆", merge: "■" };

  const tracks = about.tracks.map((track, number) => {
    const frames = track.spans.reduce((sum, [first, last]) => sum + last - first + 1, 0);
    return {
      ...track, number, frames,
      first: track.spans[0][0],
      last: track.spans[track.spans.length - 1][1],
      gaps: track.spans.length - 1,
      area: Number(track.columns.mean_area ?? NaN),
      iou: track.columns.mean_iou ? Number(track.columns.mean_iou) : NaN,
      ink: ink(track.colour),
      split: false,
      events: [],
    };
  });
  const byLabel = new Map(tracks.map((track) => [track.label, track.number]));
  const events = about.events.map(([frame, kind, track, columns]) => {
    const other = byLabel.get(columns.other) ?? -1; // a daughter of a split, what a merge went into
    return { frame, kind, columns, track, involved: [track, other].filter((n) => n >= 0) };
  });
  for (const event of events) {
    for (const number of event.involved) {
      tracks[number].events.push(event);
      if (SPLIT_KINDS.has(event.kind)) tracks[number].split = true;
    }
  }
  const numberInks = about.numbers.map(ink);

  const state = {
    frame: -1, playing: false, selected: -1, split: about.labelled ? 0 : 100, hovered: null,
    shown: [], sort: "first", descending: false,
  };

  /** "#rrggbb" as an opaque pixel of an ImageData seen as 32-bit numbers (little endian). */
  function ink(colour) {
    const [r, g, b] = [1, 3, 5].map((i) => parseInt(colour.slice(i, i + 2), 16));
    return (0xff000000 | b << 16 | g << 8 | r) >>> 0;
  }

  // ------------------------------------------------------------------------------ decoding
  const decoded = new Map();

  /** Masks of frame t, the lowest first: {track, number, area, iou, runs: [start, stop, ...]}. */
  function masksOf(t) {
    let masks = decoded.get(t);
    if (!masks) {
      masks = decode(atob($("masks" + t).textContent));
      if (decoded.size >= CACHE) decoded.delete(decoded.keys().next().value);
      decoded.set(t, masks);
    }
    return masks;
  }

  /** Read a block; blocks.py describes it. */
  function decode(text) {
    let at = 0;
    const next = () => {
      let octet = text.charCodeAt(at++);
      if (octet < 128) return octet;
      let value = octet & 127, factor = 128;
      do {
        octet = text.charCodeAt(at++);
        value += (octet & 127) * factor;
        factor *= 128;
      } while (octet > 127);
      return value;
    };
    const signed = () => {
      const value = next();
      return value % 2 ? -(value + 1) / 2 : value / 2;
    };
    const masks = Array.from({ length: next() }, () => {
      const [track, number, area, iou, runs] = [next(), next(), next(), next(), next()];
      return {
        track: track - 1, number, area, iou: iou ? (iou - 1) / 1000 : NaN,
        runs: new Int32Array(2 * runs),
      };
    });
    for (const { runs } of masks) {
      let start = -line, length = 0;
      for (let i = 0; i < runs.length; i += 2) {
        start += line + signed();
        length += signed();
        runs[i] = start;
        runs[i + 1] = start + length;
      }
    }
    return masks;
  }

  /** Whether pixel p lies in one of the runs. */
  function inside(runs, p) {
    let low = 0, high = runs.length / 2;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (runs[2 * middle + 1] <= p) low = middle + 1;
      else high = middle;
    }
    return 2 * low < runs.length && runs[2 * low] <= p;
  }

  // ------------------------------------------------------------------------------ painting
  const raw = document.createElement("canvas");
  raw.width = line;
  raw.height = lines;
  const rawContext = raw.getContext("2d");
  const image = rawContext.createImageData(line, lines);
  const pixels = new Uint32Array(image.data.buffer);
  const contexts = {};
  for (const name of ["after", "before", "marks"]) {
    $(name).width = width;
    $(name).height = height;
    contexts[name] = $(name).getContext("2d");
  }
  let marked = false;

  /** Paint masks, each in inkOf(mask) (0: not at all), onto the canvas of that name. */
  function paint(name, masks, inkOf) {
    pixels.fill(0);
    for (const mask of masks) {
      const value = inkOf(mask);
      if (!value) continue;
      const runs = mask.runs;
      for (let i = 0; i < runs.length; i += 2) pixels.fill(value, runs[i], runs[i + 1]);
    }
    if (rowMajor) {
      contexts[name].putImageData(image, 0, 0);
      return;
    }
    rawContext.putImageData(image, 0, 0);
    const context = contexts[name];
    context.setTransform(0, 1, 1, 0, 0, 0); // columns become rows
    context.clearRect(0, 0, line, lines);
    context.drawImage(raw, 0, 0);
    context.setTransform(1, 0, 0, 1, 0, 0);
  }

  function dimmed(value) {
    return (value & 0xffffff | DIM << 24) >>> 0;
  }

  function afterInk(mask) {
    if (mask.track < 0) return 0;
    const value = tracks[mask.track].ink;
    return state.selected < 0 || state.selected === mask.track ? value : dimmed(value);
  }

  function beforeInk(mask) {
    const value = numberInks[mask.number];
    return state.selected < 0 || state.selected === mask.track ? value : dimmed(value);
  }

  /** Paint the isolated track last, so that no mask lies on it. */
  function inPaintOrder(masks) {
    if (state.selected < 0) return masks;
    const chosen = (mask) => mask.track === state.selected;
    return [...masks.filter((mask) => !chosen(mask)), ...masks.filter(chosen)];
  }

  function drawFrame() {
    const masks = inPaintOrder(masksOf(state.frame));
    if (state.split < 100 && about.labelled) paint("after", masks, afterInk);
    if (state.split > 0) paint("before", masks, beforeInk);
    const photograph = $("image" + state.frame);
    $("photograph").hidden = !photograph;
    if (photograph) $("photograph").src = "data:image/jpeg;base64," + photograph.textContent;
  }

  /** Brighten one mask, or none. */
  function markMask(mask) {
    if (!mask && !marked) return;
    marked = Boolean(mask);
    paint("marks", mask ? [mask] : [], () => 0x70ffffff);
  }

  function setSplit(percent) {
    state.split = about.labelled ? percent : 100;
    $("split").value = state.split;
    $("before").style.clipPath = `inset(0 ${100 - state.split}% 0 0)`;
    $("divider").style.left = state.split + "%";
    $("divider").classList.toggle("off", state.split === 0 || state.split === 100);
    if (state.frame >= 0) drawFrame();
  }

  function fitStage() {
    const space = $("space").getBoundingClientRect();
    const scale = Math.min(space.width / width, space.height / height);
    $("stage").style.width = Math.floor(width * scale) + "px";
    $("stage").style.height = Math.floor(height * scale) + "px";
    drawTimelines();
  }

  // ------------------------------------------------------------------------------ pointing
  /** What lies under the pointer: {mask, side}, or null. */
  function hit(event) {
    const box = $("stage").getBoundingClientRect();
    const x = Math.floor((event.clientX - box.left) / box.width * width);
    const y = Math.floor((event.clientY - box.top) / box.height * height);
    if (x < 0 || y < 0 || x >= width || y >= height) return null;
    const side = x < width * state.split / 100 ? "before" : "after";
    const p = rowMajor ? y * width + x : x * height + y;
    const masks = inPaintOrder(masksOf(state.frame));
    for (let i = masks.length - 1; i >= 0; i--) {
      if (side === "after" && masks[i].track < 0) continue;
      if (inside(masks[i].runs, p)) return { mask: masks[i], side };
    }
    return null;
  }

  function describeMask({ mask, side }) {
    const parts = [];
    const track = tracks[mask.track];
    if (track) parts.push(`label ${track.label}`);
    else parts.push(about.labelled ? "left out as a duplicate" : `mask ${mask.number - 1}`);
    if (side === "before" && about.labelled) parts.push(`mask ${mask.number - 1} of the input`);
    parts.push(`area ${mask.area.toLocaleString("en")} pixels`);
    if (track) {
      parts.push("IoU to the frame before " + (isNaN(mask.iou) ? "–" : mask.iou.toFixed(3)));
      const many = (n, what) => `${n} ${what}${n === 1 ? "" : "s"}`;
      parts.push(`track of ${many(track.frames, "frame")}, ${many(track.gaps, "gap")}`);
    }
    return parts.join("\n");
  }

  function point(event) {
    const found = event && !state.playing ? hit(event) : null;
    state.hovered = found;
    $("tip").hidden = !found;
    markMask(found && found.mask);
    if (!found) return;
    $("tip").textContent = describeMask(found);
    const tip = $("tip").getBoundingClientRect();
    $("tip").style.left = Math.min(event.clientX + 14, innerWidth - tip.width) + "px";
    $("tip").style.top = Math.min(event.clientY + 14, innerHeight - tip.height) + "px";
  }

  /** Isolate a track (-1: show all). */
  function select(track) {
    state.selected = track;
    drawFrame();
    drawTimelines();
    listTracks();
    showDetails();
    remember();
  }

  function dragDivider(event) {
    event.preventDefault();
    const box = $("stage").getBoundingClientRect();
    const move = (e) => {
      const percent = 100 * (e.clientX - box.left) / box.width;
      setSplit(Math.round(Math.max(0, Math.min(100, percent))));
    };
    const stop = () => {
      removeEventListener("pointermove", move);
      removeEventListener("pointerup", stop);
    };
    addEventListener("pointermove", move);
    addEventListener("pointerup", stop);
  }

  // ----------------------------------------------------------------------------- timelines
  const ROWS = 1500, COLUMNS_MOST = 8000; // of the matrix; what is more shares rows and columns
  let matrix = null;

  /** One row a track, one column a frame, drawn once. */
  function makeMatrix() {
    const rows = Math.max(1, Math.min(ROWS, tracks.length));
    const columns = Math.min(COLUMNS_MOST, count);
    matrix = document.createElement("canvas");
    matrix.width = columns;
    matrix.height = rows;
    const data = new ImageData(columns, rows);
    const cells = new Uint32Array(data.data.buffer);
    const share = columns / count;
    for (const track of tracks) {
      const row = Math.floor(track.number * rows / tracks.length) * columns;
      const fill = (value, first, last) =>
        cells.fill(value, row + Math.floor(first * share), row + Math.ceil((last + 1) * share));
      fill(0xff4a4a4a, track.first, track.last);
      for (const [first, last] of track.spans) fill(track.ink, first, last);
    }
    matrix.getContext("2d").putImageData(data, 0, 0);
  }

  /** Size a timeline's canvas to the screen's pixels; returns its context and size. */
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

  function drawCursor(context, wide, high) {
    const x = (state.frame + 0.5) / count * wide;
    context.fillStyle = "#fff";
    context.fillRect(x - 0.75, 0, 1.5, high);
  }

  function drawTimelines() {
    if (state.frame < 0 || !about.labelled) return;
    drawMatrix();
    drawLane();
  }

  function drawMatrix() {
    const { context, wide, high } = prepared("matrix");
    if (tracks.length) {
      // Where several rows share a pixel, each is faint: laid over one another they are seen.
      const layers = Math.min(4, Math.ceil(matrix.height / high));
      context.imageSmoothingEnabled = layers > 1;
      context.globalAlpha = state.selected < 0 ? 1 : 0.2;
      for (let i = 0; i < layers; i++) context.drawImage(matrix, 0, 0, wide, high);
      context.globalAlpha = 1;
    }
    if (state.selected >= 0) {
      const track = tracks[state.selected];
      const rowHigh = Math.max(3, high / tracks.length);
      const top = Math.min(track.number / tracks.length * high, high - rowHigh);
      drawBars(context, track, wide, top, rowHigh);
    }
    drawCursor(context, wide, high);
  }

  function drawBars(context, track, wide, top, high) {
    const x = (frame) => frame / count * wide;
    context.fillStyle = track.colour;
    for (const [first, last] of track.spans) {
      context.fillRect(x(first), top, Math.max(1, x(last + 1) - x(first)), high);
    }
  }

  function drawLane() {
    const { context, wide, high } = prepared("lane");
    if (state.selected < 0) drawEventCounts(context, wide, high);
    else drawTrack(context, tracks[state.selected], wide, high);
    drawCursor(context, wide, high);
  }

  function drawEventCounts(context, wide, high) {
    const counts = new Map();
    for (const event of events) {
      if (!QUIET_KINDS.has(event.kind)) counts.set(event.frame, (counts.get(event.frame) || 0) + 1);
    }
    const most = Math.max(1, ...counts.values());
    context.fillStyle = "#e69f00";
    for (const [frame, number] of counts) {
      const tall = Math.max(2, number / most * (high - 4));
      context.fillRect(frame / count * wide, high - tall, Math.max(1.5, wide / count - 1), tall);
    }
  }

  /** Presence, hatched gaps, and a symbol for each return, split and merge. */
  function drawTrack(context, track, wide, high) {
    const x = (frame) => frame / count * wide;
    const top = high - 14;
    drawBars(context, track, wide, top, 12);
    context.strokeStyle = "#999";
    context.lineWidth = 1;
    for (let i = 1; i < track.spans.length; i++) {
      const [from, to] = [x(track.spans[i - 1][1] + 1), x(track.spans[i][0])];
      context.save();
      context.beginPath();
      context.rect(from, top, to - from, 12);
      context.clip();
      context.beginPath();
      for (let at = from - 12; at < to; at += 5) {
        context.moveTo(at, top + 12);
        context.lineTo(at + 12, top);
      }
      context.stroke();
      context.restore();
    }
    context.fillStyle = "#fff";
    context.font = "12px sans-serif";
    context.textAlign = "center";
    for (const event of track.events) {
      if (SYMBOLS[event.kind]) context.fillText(SYMBOLS[event.kind], x(event.frame + 0.5), 14);
    }
  }

  function followTimeline(canvas) {
    const jump = (event) => {
      const box = canvas.getBoundingClientRect();
      go(Math.floor((event.clientX - box.left) / box.width * count));
    };
    canvas.addEventListener("pointerdown", (event) => {
      canvas.setPointerCapture(event.pointerId);
      jump(event);
    });
    canvas.addEventListener("pointermove", (event) => event.buttons && jump(event));
  }

  // ------------------------------------------------------------------------ list of tracks
  const ROW = 22; // pixels, as in viewer.css
  const COLUMNS = [
    ["label", "label", (track) => track.number],
    ["first", "first", (track) => track.first],
    ["frames", "frames", (track) => track.frames],
    ["gaps", "gaps", (track) => track.gaps],
    ["area", "area", (track) => track.area],
    ["iou", "IoU", (track) => track.iou],
  ];
  const FILTERS = {
    all: () => true,
    here: (track) => track.spans.some(([a, b]) => a <= state.frame && state.frame <= b),
    short: (track) => track.frames <= SHORT,
    flickering: (track) => track.gaps >= FLICKERING,
    gaps: (track) => track.gaps > 0,
    split: (track) => track.split,
  };

  function element(tag, text, className) {
    const made = document.createElement(tag);
    if (text !== undefined) made.textContent = text;
    if (className) made.className = className;
    return made;
  }

  function makeTitles() {
    $("titles").append(element("span"));
    for (const [key, title] of COLUMNS) {
      const span = element("span", title);
      span.dataset.key = key;
      span.title = "click to sort";
      span.addEventListener("click", () => {
        state.descending = state.sort === key ? !state.descending : false;
        state.sort = key;
        listTracks();
      });
      $("titles").append(span);
    }
  }

  function chooseTracks() {
    const wanted = $("search").value.trim();
    const fits = FILTERS[$("filter").value];
    const value = COLUMNS.find(([key]) => key === state.sort)[2];
    const sign = state.descending ? -1 : 1;
    const order = (a, b) => {
      const [x, y] = [value(a), value(b)];
      if (isNaN(x) || isNaN(y)) return isNaN(x) - isNaN(y); // what is not known comes last
      return sign * (x - y) || a.number - b.number;
    };
    state.shown = tracks.filter((t) => t.label.includes(wanted) && fits(t)).sort(order);
  }

  function listTracks() {
    chooseTracks();
    for (const span of $("titles").children) {
      span.classList.toggle("sorted", span.dataset.key === state.sort);
    }
    $("shown").textContent = `${state.shown.length} of ${tracks.length}`;
    $("rows").style.height = state.shown.length * ROW + "px";
    drawRows();
  }

  /** Only rows in sight are in the page: thousands of tracks scroll as lightly as ten. */
  function drawRows() {
    const first = Math.max(0, Math.floor($("list").scrollTop / ROW) - 4);
    const last = Math.min(state.shown.length, first + Math.ceil($("list").clientHeight / ROW) + 8);
    const rows = [];
    for (let i = first; i < last; i++) rows.push(makeRow(state.shown[i], i));
    $("rows").replaceChildren(...rows);
  }

  function makeRow(track, place) {
    const row = element("div", undefined, "row");
    row.style.top = place * ROW + "px";
    row.dataset.label = track.label;
    row.classList.toggle("selected", track.number === state.selected);
    row.classList.toggle("absent", !FILTERS.here(track));
    const swatch = element("span", undefined, "swatch");
    swatch.style.background = track.colour;
    const name = element("span", track.label);
    for (const [flag, fits] of [["short", FILTERS.short], ["flicker", FILTERS.flickering],
      ["split", FILTERS.split]]) {
      if (fits(track)) name.append(element("span", flag, "flag"));
    }
    const cells = [track.first, track.frames, track.gaps,
      isNaN(track.area) ? "–" : Math.round(track.area),
      isNaN(track.iou) ? "–" : track.iou.toFixed(2)].map((text) => element("span", text));
    row.append(swatch, name, ...cells);
    row.addEventListener("click", () => {
      if (state.selected === track.number) select(-1);
      else {
        if (!FILTERS.here(track)) go(track.first);
        select(track.number);
      }
    });
    return row;
  }

  function showDetails() {
    const track = tracks[state.selected];
    if (!track) {
      $("details").textContent = tracks.length ? "Click a mask or a row to see one track alone." : "";
      return;
    }
    const columns = Object.entries(track.columns).map(([key, value]) => `${key}: ${value}`);
    const happened = track.events.map((e) => `${about.frames[e.frame]}  ${describeEvent(e)}`);
    $("details").textContent = [columns.join(" · "), ...happened].join("\n");
  }

  // ------------------------------------------------------------ going from frame to frame
  function go(frame, keepMark) {
    frame = Math.max(0, Math.min(count - 1, frame));
    if (frame === state.frame) return;
    state.frame = frame;
    drawFrame();
    if (!keepMark) markMask(null);
    $("tip").hidden = true;
    $("scrub").value = frame;
    $("frame").textContent = `${frame + 1} / ${count}   ${about.frames[frame]}`;
    document.body.dataset.frame = frame;
    drawTimelines();
    if ($("filter").value === "here") listTracks();
    else drawRows();
    remember();
  }

  let remembering = 0;

  /** Frame and track in the address, at most a few times a second: browsers refuse more. */
  function remember() {
    if (remembering) return;
    remembering = setTimeout(() => {
      remembering = 0;
      const track = tracks[state.selected];
      const hash = `#frame=${state.frame}` + (track ? `&label=${track.label}` : "");
      history.replaceState(null, "", hash);
    }, 250);
  }

  function recall() {
    const asked = new URLSearchParams(location.hash.slice(1));
    const selected = tracks.findIndex((track) => track.label === asked.get("label"));
    const frame = Math.floor(Number(asked.get("frame")));
    go(Number.isFinite(frame) ? frame : 0);
    if (selected !== state.selected) select(selected);
  }

  let due = 0;

  function play(on) {
    state.playing = on;
    $("play").textContent = on ? "❚❚" : "▶";
    point(null);
    due = performance.now();
    if (on) requestAnimationFrame(tick);
  }

  function tick(now) {
    if (!state.playing) return;
    const pause = 1000 / Math.max(1, Number($("fps").value) || 1);
    if (now >= due) {
      due = Math.max(due + pause, now - pause); // keep the pace, but do not run after lost time
      go((state.frame + 1) % count);
    }
    requestAnimationFrame(tick);
  }

  function describeEvent(event) {
    const track = tracks[event.track];
    const more = Object.entries(event.columns).map(([key, value]) => `${key} ${value}`);
    return [event.kind, track ? "label " + track.label : "", ...more].filter(Boolean).join(" · ");
  }

  function jump(step) {
    const kind = $("kind").value;
    const fits = (event) =>
      (kind === "any" ? !QUIET_KINDS.has(event.kind) : event.kind === kind) &&
      (state.selected < 0 || event.involved.includes(state.selected));
    const later = events.filter((e) => fits(e) && (e.frame - state.frame) * step > 0);
    const event = step > 0 ? later[0] : later[later.length - 1];
    if (!event) {
      $("event").textContent = "no further event";
      return;
    }
    go(event.frame, true);
    const here = events.filter((e) => fits(e) && e.frame === event.frame);
    $("event").textContent = $("event").title = here.map(describeEvent).join("; ");
    const named = new Set(here.flatMap((e) => e.involved));
    const masks = masksOf(event.frame).filter((mask) => named.has(mask.track));
    paint("marks", state.selected < 0 ? masks : [], () => 0x70ffffff);
    marked = masks.length > 0;
  }

  function makeKinds() {
    const kinds = [...new Set(events.map((event) => event.kind))].sort();
    const all = events.filter((event) => !QUIET_KINDS.has(event.kind)).length;
    $("kind").append(new Option(`any but birth, end (${all})`, "any"));
    for (const kind of kinds) {
      const number = events.filter((event) => event.kind === kind).length;
      $("kind").append(new Option(`${kind} (${number})`, kind));
    }
  }

  const KEYS = {
    " ": () => play(!state.playing),
    ArrowRight: (event) => go(state.frame + (event.shiftKey ? 10 : 1)),
    ArrowLeft: (event) => go(state.frame - (event.shiftKey ? 10 : 1)),
    Home: () => go(0),
    End: () => go(count - 1),
    n: () => jump(1),
    p: () => jump(-1),
    b: () => setSplit(state.split === 0 ? 50 : state.split < 100 ? 100 : 0),
    "/": () => $("search").focus(),
    "?": () => { $("legend").open = !$("legend").open; fitStage(); },
    Escape: () => select(-1),
  };

  function pressKey(event) {
    const typing = ["search", "number"].includes(event.target.type) || event.target.tagName === "SELECT";
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (typing) {
      if (event.key === "Escape") event.target.blur();
      return;
    }
    const act = KEYS[event.key];
    if (!act) return;
    event.preventDefault();
    act(event);
  }

  // --------------------------------------------------------------------------------- start
  function listen() {
    addEventListener("keydown", pressKey);
    addEventListener("resize", fitStage);
    addEventListener("hashchange", recall);
    $("legend").addEventListener("toggle", fitStage);
    $("play").addEventListener("click", () => { play(!state.playing); $("play").blur(); });
    $("scrub").addEventListener("input", () => go(Number($("scrub").value)));
    $("previous").addEventListener("click", () => jump(-1));
    $("next").addEventListener("click", () => jump(1));
    $("split").addEventListener("input", () => setSplit(Number($("split").value)));
    $("opacity").addEventListener("input", setOpacity);
    $("search").addEventListener("input", listTracks);
    $("filter").addEventListener("change", listTracks);
    $("list").addEventListener("scroll", drawRows);
    $("stage").addEventListener("pointermove", point);
    $("stage").addEventListener("pointerleave", () => point(null));
    $("stage").addEventListener("click", (event) => {
      const found = event.target.id === "divider" ? null : hit(event);
      if (found && found.mask.track >= 0) {
        select(found.mask.track === state.selected ? -1 : found.mask.track);
      }
    });
    $("divider").addEventListener("pointerdown", dragDivider);
    for (const id of ["lane", "matrix"]) followTimeline($(id));
  }

  function setOpacity() {
    for (const name of ["after", "before"]) $(name).style.opacity = $("opacity").value / 100;
  }

  function start() {
    document.title = about.name;
    $("name").textContent = about.name;
    $("counts").textContent = `${count} frames, ${tracks.length} labels, ${width} × ${height} pixels`;
    document.body.classList.toggle("unlabelled", !about.labelled);
    if (!about.labelled) $("note").textContent = "masks as they are, without labels";
    else if (!about.duplicates) $("note").textContent = "the input is gone: duplicates are not shown";
    $("short-limit").textContent = SHORT;
    $("flicker-limit").textContent = FLICKERING;
    $("scrub").max = count - 1;
    $("fps").value = about.fps;
    if (about.photographs) {
      $("opacity-label").hidden = false;
      $("opacity").value = 100 * about.alpha;
      setOpacity();
    }
    makeKinds();
    makeTitles();
    makeMatrix();
    listen();
    setSplit(state.split);
    recall();
    fitStage();
    listTracks();
    showDetails();
    document.body.dataset.ready = "yes";
  }

  start();
})();
