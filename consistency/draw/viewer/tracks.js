/* The list of labels: search, filter, order; only rows in sight are in the page. */

const ROW = 24; // pixels, as in viewer.css
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
  here: (track) => isIn(track, state.frame),
  short: (track) => track.frames <= SHORT,
  flickering: (track) => track.gaps >= FLICKERING,
  gaps: (track) => track.gaps > 0,
  split: (track) => track.split,
};

function makeTitles() {
  const first = element("span");
  first.setAttribute("role", "columnheader");
  first.append(element("span", "colour", "unseen"));
  $("titles").append(first);
  for (const [key, title] of COLUMNS) {
    const cell = element("span");
    cell.setAttribute("role", "columnheader");
    cell.dataset.key = key;
    cell.append(button(title, () => {
      state.descending = state.sort === key ? !state.descending : false;
      state.sort = key;
      listTracks();
    }, "click to sort"));
    $("titles").append(cell);
  }
}

/** A test of labels for what was typed: 4 is label 4, 4-9 a range, 4,7 two labels, letters a name. */
function searched(text) {
  const wanted = text.trim().toLowerCase();
  if (!wanted) return () => true;
  if (!/^[0-9][0-9 ,-]*$/.test(wanted)) {
    return (track) => called(track).toLowerCase().includes(wanted);
  }
  const parts = wanted.split(/[ ,]+/).filter(Boolean).map((part) => {
    const [from, to] = part.split("-");
    return [BigInt(from || 0), BigInt(to === undefined ? from : to || "9".repeat(30))];
  });
  return (track) => parts.some(([from, to]) => from <= BigInt(track.label) && BigInt(track.label) <= to);
}

function chooseTracks() {
  const wanted = searched($("search").value);
  const fits = FILTERS[$("filter").value];
  const value = COLUMNS.find(([key]) => key === state.sort)[2];
  const sign = state.descending ? -1 : 1;
  const order = (a, b) => {
    const [x, y] = [value(a), value(b)];
    if (isNaN(x) || isNaN(y)) return isNaN(x) - isNaN(y); // what is not known comes last
    return sign * (x - y) || a.number - b.number;
  };
  state.shown = tracks.filter((t) => wanted(t) && fits(t)).sort(order);
}

function listTracks() {
  chooseTracks();
  for (const cell of $("titles").children) {
    if (!cell.dataset.key) continue;
    const order = state.descending ? "descending" : "ascending";
    cell.setAttribute("aria-sort", cell.dataset.key === state.sort ? order : "none");
  }
  $("shown").textContent = `${state.shown.length} of ${tracks.length}`;
  $("table").setAttribute("aria-rowcount", state.shown.length + 1);
  $("rows").style.height = state.shown.length * ROW + "px";
  drawRows();
}

/** Only rows in sight are in the page: thousands of labels scroll as lightly as ten. */
function drawRows() {
  const list = $("list");
  const held = document.activeElement?.closest?.("#rows .row")?.dataset.label;
  const first = Math.max(0, Math.floor(list.scrollTop / ROW) - 4);
  const last = Math.min(state.shown.length, first + Math.ceil(list.clientHeight / ROW) + 8);
  const rows = [];
  for (let i = first; i < last; i++) rows.push(makeRow(state.shown[i], i));
  // One row can be reached by the tab key, the arrows lead on from there.
  const entry = rows.find((row) => row.dataset.label === held)
    ?? rows.find((row) => row.classList.contains("selected")) ?? rows[Math.min(4, first)];
  if (entry) entry.tabIndex = 0;
  $("rows").replaceChildren(...rows);
  if (held !== undefined && entry?.dataset.label === held) entry.focus({ preventScroll: true });
}

function makeRow(track, place) {
  const row = element("div", undefined, "row");
  row.setAttribute("role", "row");
  row.setAttribute("aria-rowindex", place + 2);
  row.setAttribute("aria-selected", track.number === state.selected);
  row.tabIndex = -1;
  row.style.top = place * ROW + "px";
  row.dataset.label = track.label;
  row.dataset.place = place;
  row.classList.toggle("selected", track.number === state.selected);
  row.classList.toggle("absent", !FILTERS.here(track));
  const swatch = element("span", undefined, "swatch");
  swatch.style.background = track.colour;
  const name = element("span", called(track));
  name.title = called(track);
  for (const [flag, fits] of [["short", FILTERS.short], ["flicker", FILTERS.flickering],
    ["split", FILTERS.split]]) {
    if (fits(track)) name.append(element("span", flag, "flag"));
  }
  const cells = [swatch, name, ...[track.first + 1, track.frames, track.gaps,
    isNaN(track.area) ? "–" : Math.round(track.area),
    isNaN(track.iou) ? "–" : track.iou.toFixed(2)].map((text) => element("span", text))];
  for (const cell of cells) cell.setAttribute("role", "gridcell");
  row.append(...cells);
  row.addEventListener("click", () => chooseRow(track));
  return row;
}

/** Show a label alone, at a frame that it is in; or all again. */
function chooseRow(track) {
  if (state.selected === track.number) {
    select(-1);
    return;
  }
  if (!FILTERS.here(track)) go(track.first);
  select(track.number);
}

/** Keys in the list: arrows move, Enter selects. */
function pressInList(event) {
  const row = event.target.closest(".row");
  if (!row || event.ctrlKey || event.metaKey || event.altKey) return;
  const at = Number(row.dataset.place);
  const page = Math.max(1, Math.floor($("list").clientHeight / ROW) - 1);
  const to = {
    ArrowDown: at + 1, ArrowUp: at - 1, PageDown: at + page, PageUp: at - page, Home: 0,
    End: state.shown.length - 1,
  }[event.key];
  if (event.key === "Enter" || event.key === " ") chooseRow(state.shown[at]);
  else if (to === undefined) return;
  else focusRow(clamp(to, 0, state.shown.length - 1));
  event.preventDefault();
  event.stopPropagation();
}

function focusRow(place) {
  const list = $("list");
  if (place * ROW < list.scrollTop) list.scrollTop = place * ROW;
  if ((place + 1) * ROW > list.scrollTop + list.clientHeight) {
    list.scrollTop = (place + 1) * ROW - list.clientHeight;
  }
  drawRows();
  const row = $("rows").querySelector(`[data-place="${place}"]`);
  for (const other of $("rows").children) other.tabIndex = other === row ? 0 : -1;
  row?.focus({ preventScroll: true });
}

const TOLD = new Set(["label"]); // what stands beside it already

function showDetails() {
  const track = tracks[state.selected];
  $("actions").hidden = !track;
  if (!track) {
    $("details").textContent = tracks.length ? "Click a mask or a row to see one label alone." : "";
    return;
  }
  const columns = Object.entries(track.columns).filter(([key, value]) => value !== "" && !TOLD.has(key));
  const happened = track.events.map((e) => `${about.frames[e.frame]}  ${describeEvent(e)}`);
  $("details").textContent = [
    [`label ${called(track)}`, ...columns.map(([key, value]) => `${key.replace(/_/g, " ")} ${value}`)].join(" · "),
    ...happened,
  ].join("\n");
}
