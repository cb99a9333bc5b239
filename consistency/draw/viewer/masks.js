/* Masks of a frame: unpacked when they are asked for, kept for a while.  blocks.py packs them. */

// Pixels are counted along lines: rows for order "C", columns for order "F".
const rowMajor = about.order === "C";
const line = rowMajor ? width : height;
const lines = rowMajor ? height : width;

const CACHE = 48; // unpacked frames that are kept
const AHEAD = [1, 2, -1]; // frames from the shown one that are unpacked in advance
const unpacked = new Map();
const underway = new Map();

/** Promise of the masks of frame t, the lowest first: {track, number, area, iou, runs}. */
function load(t) {
  if (!underway.has(t)) {
    const promise = inflate($("masks" + t).textContent).then((octets) => {
      underway.delete(t);
      if (unpacked.size >= CACHE) unpacked.delete(unpacked.keys().next().value);
      unpacked.set(t, decode(octets));
      return unpacked.get(t);
    });
    underway.set(t, promise);
  }
  return underway.get(t);
}

/** Call act(masks): at once where they are unpacked, else as soon as they are. */
function withMasks(t, act) {
  const masks = unpacked.get(t);
  if (masks) act(masks);
  else load(t).then(act);
  for (const step of AHEAD) {
    if (t + step >= 0 && t + step < count && !unpacked.has(t + step)) load(t + step);
  }
}

async function inflate(text) {
  const packed = Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
  const stream = new Blob([packed]).stream().pipeThrough(new DecompressionStream("deflate"));
  return new Uint8Array(await new Response(stream).arrayBuffer());
}

/** Read a block; blocks.py describes it. */
function decode(octets) {
  let at = 0;
  const next = () => {
    let octet = octets[at++];
    if (octet < 128) return octet;
    let value = octet & 127, factor = 128;
    do {
      octet = octets[at++];
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
    let start = -line;
    for (let i = 0; i < runs.length; i += 2) runs[i] = start += line + signed();
  }
  for (const { runs } of masks) {
    let length = 0;
    for (let i = 0; i < runs.length; i += 2) runs[i + 1] = runs[i] + (length += signed());
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

/** Runs cut at the ends of lines: [line, first, last + 1] of each, three numbers a piece. */
function pieces(runs) {
  const found = [];
  for (let i = 0; i < runs.length; i += 2) {
    for (let start = runs[i]; start < runs[i + 1];) {
      const row = Math.floor(start / line);
      const stop = Math.min(runs[i + 1], (row + 1) * line);
      found.push(row, start - row * line, stop - row * line);
      start = stop;
    }
  }
  return found;
}

/** Call mark(start, stop) for the pixels of a mask that are less than `thick` from its outside,
    along lines or across them. */
function outline(mask, thick, mark) {
  const cut = mask.cut ??= pieces(mask.runs);
  const rows = new Map();
  for (let i = 0; i < cut.length; i += 3) {
    if (!rows.has(cut[i])) rows.set(cut[i], []);
    rows.get(cut[i]).push(cut[i + 1], cut[i + 2]);
  }
  for (const [row, spans] of rows) {
    const at = row * line;
    for (let i = 0; i < spans.length; i += 2) {
      const [start, stop] = [spans[i], spans[i + 1]];
      mark(at + start, at + Math.min(stop, start + thick));
      mark(at + Math.max(start, stop - thick), at + stop);
      for (const step of [-thick, thick]) {
        let from = start; // what the line beside it does not cover is outline
        const beside = rows.get(row + step) ?? [];
        for (let j = 0; j < beside.length && from < stop; j += 2) {
          if (beside[j + 1] <= from) continue;
          if (beside[j] > from) mark(at + from, at + Math.min(stop, beside[j]));
          from = Math.max(from, beside[j + 1]);
        }
        if (from < stop) mark(at + from, at + stop);
      }
    }
  }
}

const SAMPLED = 9; // lines of a mask on which a place for its number is looked for

/** A place well inside what is seen of each mask, or null: sets mask.place, {x, y, wide}. */
function findPlaces(masks, owners) {
  masks.forEach((mask, i) => {
    if (mask.place !== undefined) return;
    const cut = mask.cut ??= pieces(mask.runs);
    const number = cut.length / 3;
    let best = null;
    for (let k = 1; k <= Math.min(SAMPLED, number); k++) {
      // The middle lines first: of equally long stretches the most central one is kept.
      const j = 3 * Math.floor(number * (0.5 + (k % 2 ? -1 : 1) * Math.floor(k / 2) / (SAMPLED + 2)));
      const [row, start, stop] = [cut[j], cut[j + 1], cut[j + 2]];
      let from = -1;
      for (let x = start; x <= stop; x++) {
        const seen = x < stop && owners[row * line + x] === i + 1;
        if (seen && from < 0) from = x;
        if (seen || from < 0) continue;
        if (!best || x - from > 1.2 * best.wide) best = { along: (from + x) / 2, row, wide: x - from };
        from = -1;
      }
    }
    mask.place = best && {
      x: rowMajor ? best.along : best.row + 0.5, y: rowMajor ? best.row + 0.5 : best.along,
      wide: best.wide,
    };
  });
}
