/* The picture: painting, zoom and pan, numbers on masks, pointing. */

const DIM = 0x38; // opacity of all other masks while one label is shown alone
const NEAREST = 60; // screen pixels a pixel of the masks, at most
const STEP = 1.25; // of the zoom
const LINE_AT = 1000; // pixels of a side for each further pixel of an outline

const raw = document.createElement("canvas");
raw.width = line;
raw.height = lines;
const rawContext = raw.getContext("2d", { willReadFrequently: true });
const image = rawContext.createImageData(line, lines);
const pixels = new Uint32Array(image.data.buffer);
const owners = new Uint16Array(line * lines); // which mask is seen at each pixel, counted from 1
const contexts = {};
for (const name of ["after", "before", "marks"]) {
  $(name).width = width;
  $(name).height = height;
  contexts[name] = $(name).getContext("2d");
}
$("view").style.width = width + "px";
$("view").style.height = height + "px";
let marked = false;

/** Paint masks, each in inkOf(mask) (0: not at all), onto the canvas of that name. */
function paint(name, masks, inkOf, outlined) {
  pixels.fill(0);
  const thick = Math.max(1, Math.round(Math.max(width, height) / LINE_AT));
  for (const mask of masks) {
    const value = inkOf(mask);
    if (!value) continue;
    const runs = mask.runs;
    for (let i = 0; i < runs.length; i += 2) pixels.fill(value, runs[i], runs[i + 1]);
    if (outlined) {
      const edge = edgeInk(value);
      outline(mask, thick, (start, stop) => pixels.fill(edge, start, stop));
    }
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

/** White on dark colours, black on bright ones, as opaque as the mask. */
function edgeInk(value) {
  const luma = 0.3 * (value & 255) + 0.6 * (value >> 8 & 255) + 0.1 * (value >> 16 & 255);
  return ((luma > 140 ? 0 : 0xffffff) | value & 0xff000000) >>> 0;
}

function dimmed(value) {
  return (value & 0xffffff | DIM << 24) >>> 0;
}

const trackOf = (mask, frame = state.frame) => shownOf(mask.track, frame);

function afterInk(mask) {
  const track = trackOf(mask);
  if (track < 0) return 0;
  const value = tracks[track].ink;
  return isBright(track) ? value : dimmed(value);
}

/** Whether a label is not put back: another one is shown alone, unless a mask is to be chosen. */
function isBright(track) {
  return state.selected < 0 || state.selected === track || Boolean(state.picking);
}

function beforeInk(mask) {
  const value = numberInks[mask.number];
  return isBright(trackOf(mask)) ? value : dimmed(value);
}

/** Paint the label that is shown alone last, so that no mask lies on it. */
function inPaintOrder(masks) {
  if (state.selected < 0) return masks;
  const chosen = (mask) => trackOf(mask) === state.selected;
  return [...masks.filter((mask) => !chosen(mask)), ...masks.filter(chosen)];
}

/** Show the masks of the frame; where they are still packed, the ones before stay until then. */
function drawFrame() {
  const frame = state.frame;
  withMasks(frame, (masks) => {
    if (frame !== state.frame) return; // one has gone on meanwhile
    state.masks = masks;
    paintFrame();
    document.body.dataset.drawn = frame;
  });
}

function paintFrame() {
  const masks = inPaintOrder(state.masks);
  const outlined = $("outlines").checked;
  if (state.split < 100 && about.labelled) paint("after", masks, afterInk, outlined);
  if (state.split > 0) paint("before", masks, beforeInk, outlined);
  const photograph = $("image" + state.frame);
  $("photograph").hidden = !photograph || !$("images").checked;
  if (photograph) $("photograph").src = "data:image/jpeg;base64," + photograph.textContent;
  describeStage();
  drawNames();
}

function describeStage() {
  const here = state.masks.map((mask) => tracks[trackOf(mask)]).filter(Boolean);
  const alone = tracks[state.selected];
  $("stage").setAttribute("aria-label", [
    `frame ${state.frame + 1} of ${count}, ${many(state.masks.length, "mask")}`,
    alone ? `label ${called(alone)} alone` : here.length ? `labels ${here.map(called).join(", ")}` : "",
  ].filter(Boolean).join(": "));
}

/** Brighten some masks, or none. */
function markMasks(masks) {
  if (!masks.length && !marked) return;
  marked = masks.length > 0;
  paint("marks", masks, () => 0x70ffffff, false);
}

// ------------------------------------------------------------------------------ zoom and pan
const view = { scale: 1, x: 0, y: 0, fitted: true };

function fitScale() {
  return Math.min($("stage").clientWidth / width, $("stage").clientHeight / height);
}

function fit() {
  view.fitted = true;
  placeView(fitScale(), 0, 0);
}

/** Set scale and place; the picture never leaves the window. */
function placeView(scale, x, y) {
  const stage = $("stage");
  view.scale = clamp(scale, fitScale(), Math.max(NEAREST, fitScale()));
  if (view.scale > fitScale() * 1.001) view.fitted = false;
  else view.fitted = true;
  const kept = (at, side, room) =>
    side <= room ? (room - side) / 2 : clamp(at, room - side, 0);
  view.x = kept(x, width * view.scale, stage.clientWidth);
  view.y = kept(y, height * view.scale, stage.clientHeight);
  $("view").style.transform = `translate(${view.x}px, ${view.y}px) scale(${view.scale})`;
  $("view").classList.toggle("near", view.scale * devicePixelRatio >= 2);
  placeDivider();
  drawNames();
}

/** Zoom by a factor, so that the point x, y of the window stays where it is. */
function zoom(factor, x = $("stage").clientWidth / 2, y = $("stage").clientHeight / 2) {
  const least = fitScale();
  const scale = clamp(view.scale * factor, least, Math.max(NEAREST, least));
  const real = scale / view.scale;
  placeView(scale, x - (x - view.x) * real, y - (y - view.y) * real);
}

function pan(x, y) {
  placeView(view.scale, view.x + x * $("stage").clientWidth / 8, view.y + y * $("stage").clientHeight / 8);
}

/** Bring a mask into sight where it is not. */
function reveal(mask) {
  if (view.fitted || !mask.place) return;
  const [x, y] = [view.x + mask.place.x * view.scale, view.y + mask.place.y * view.scale];
  const stage = $("stage");
  if (x > 0 && y > 0 && x < stage.clientWidth && y < stage.clientHeight) return;
  placeView(view.scale, view.x + stage.clientWidth / 2 - x, view.y + stage.clientHeight / 2 - y);
}

function fitStage() {
  if (view.fitted) fit();
  else placeView(view.scale, view.x, view.y);
  drawTimelines();
}

/** First and last x of the picture that can be seen, in pixels of the window. */
function seenAcross() {
  return [Math.max(0, view.x), Math.min($("stage").clientWidth, view.x + width * view.scale)];
}

function placeDivider() {
  const [from, to] = seenAcross();
  const at = from + (to - from) * state.split / 100;
  const share = clamp((at - view.x) / (width * view.scale), 0, 1);
  // At the ends the whole picture is meant, also what is out of sight.
  const shown = state.split === 100 ? 1 : state.split === 0 ? 0 : share;
  $("before").style.clipPath = `inset(0 ${Number((100 - 100 * shown).toFixed(3))}% 0 0)`;
  $("divider").style.left = at + "px";
  $("divider").style.top = Math.max(0, view.y) + "px";
  $("divider").style.height =
    Math.min($("stage").clientHeight, height * view.scale) + "px";
  $("divider").classList.toggle("off", state.split === 0 || state.split === 100);
  $("divider").setAttribute("aria-valuenow", state.split);
}

function setSplit(percent) {
  state.split = about.labelled ? clamp(percent, 0, 100) : 100;
  $("split").value = state.split;
  placeDivider();
  if (state.frame >= 0) drawFrame();
}

// --------------------------------------------------------------------------- numbers on masks
const TEXT = 12; // pixels
const LEAST_ROOM = 9; // screen pixels that a mask must be wide

/** Write labels, or numbers of masks, into the masks; small ones give way to large ones. */
function drawNames() {
  const { context, wide, high } = prepared("names");
  if (!$("numbers").checked || !state.masks.length) return;
  if (state.masks.some((mask) => mask.place === undefined)) {
    owners.fill(0);
    state.masks.forEach(({ runs }, i) => {
      for (let k = 0; k < runs.length; k += 2) owners.fill(i + 1, runs[k], runs[k + 1]);
    });
    findPlaces(state.masks, owners);
  }
  const [from, to] = seenAcross();
  const border = from + (to - from) * state.split / 100;
  context.font = `600 ${TEXT}px system-ui, sans-serif`;
  context.textAlign = "center";
  context.textBaseline = "middle";
  context.lineWidth = 3;
  context.lineJoin = "round";
  const taken = [];
  for (const mask of state.masks) {
    if (!mask.place || mask.place.wide * view.scale < LEAST_ROOM) continue;
    const [x, y] = [view.x + mask.place.x * view.scale, view.y + mask.place.y * view.scale];
    if (x < 0 || y < 0 || x > wide || y > high) continue;
    const track = trackOf(mask);
    const before = x < border || !about.labelled;
    if (!before && track < 0 || !isBright(track)) continue;
    const text = before ? String(mask.number - 1) : called(tracks[track]);
    const half = context.measureText(text).width / 2 + 2;
    const box = [x - half, y - TEXT / 2, x + half, y + TEXT / 2];
    if (taken.some((b) => b[0] < box[2] && box[0] < b[2] && b[1] < box[3] && box[1] < b[3])) continue;
    taken.push(box);
    context.strokeStyle = "#000c";
    context.strokeText(text, x, y);
    context.fillStyle = "#fff";
    context.fillText(text, x, y);
  }
  $("names").dataset.count = taken.length;
}

// ---------------------------------------------------------------------------------- pointing
/** Pixel of the masks under a pointer, or null: [x, y]. */
function pixelAt(event) {
  const box = $("stage").getBoundingClientRect();
  const x = Math.floor((event.clientX - box.left - view.x) / view.scale);
  const y = Math.floor((event.clientY - box.top - view.y) / view.scale);
  return x < 0 || y < 0 || x >= width || y >= height ? null : [x, y];
}

/** What lies under the pointer: {mask, side}, or null. */
function hit(event) {
  const at = pixelAt(event);
  if (!at) return null;
  const [from, to] = seenAcross();
  const left = event.clientX - $("stage").getBoundingClientRect().left;
  const before = state.split === 100 || state.split > 0 && left < from + (to - from) * state.split / 100;
  const p = rowMajor ? at[1] * width + at[0] : at[0] * height + at[1];
  const masks = inPaintOrder(state.masks);
  for (let i = masks.length - 1; i >= 0; i--) {
    if (!before && trackOf(masks[i]) < 0) continue;
    if (inside(masks[i].runs, p)) return { mask: masks[i], side: before ? "before" : "after" };
  }
  return null;
}

function describeMask({ mask, side }) {
  const track = tracks[trackOf(mask)];
  const parts = [];
  if (track) parts.push(`label ${called(track)}`);
  else if (!about.labelled) parts.push(`mask ${mask.number - 1}`);
  else parts.push(mask.track < 0 ? "left out as a duplicate" : "dropped by a correction");
  if (side === "before" && about.labelled) parts.push(`mask ${mask.number - 1} of the input`);
  parts.push(`area ${mask.area.toLocaleString("en")} pixels`);
  if (track) {
    if (!isNaN(mask.iou)) parts.push(`IoU to the frame before ${mask.iou.toFixed(3)}`);
    parts.push(`track of ${many(track.frames, "frame")}, ${many(track.gaps, "gap")}`);
  }
  return parts.join("\n");
}

function point(event) {
  const found = event && !state.playing ? hit(event) : null;
  $("tip").hidden = !found;
  markMasks(found ? [found.mask] : []);
  if (!found) return;
  $("tip").textContent = describeMask(found);
  placeNear($("tip"), event.clientX + 14, event.clientY + 14);
}

/** Put an element at a place of the window, inside it. */
function placeNear(box, x, y) {
  const { width: wide, height: high } = box.getBoundingClientRect();
  box.style.left = clamp(x, 0, Math.max(0, innerWidth - wide)) + "px";
  box.style.top = clamp(y, 0, Math.max(0, innerHeight - high)) + "px";
}
