/* Going from frame to frame, events; and the start of it all. */

function go(frame) {
  frame = clamp(frame, 0, count - 1);
  if (frame === state.frame || !Number.isFinite(frame)) return;
  state.frame = frame;
  markMasks([]);
  drawFrame();
  $("tip").hidden = true;
  $("scrub").value = frame;
  $("scrub").setAttribute("aria-valuetext", `frame ${frame + 1}, ${about.frames[frame]}`);
  $("frame").textContent = `${frame + 1} / ${count}   ${about.frames[frame]}`;
  $("frame").title = about.frames[frame];
  document.body.dataset.frame = frame;
  showEvents();
  followTime();
  drawTimelines();
  followInForm();
  if ($("filter").value === "here") listTracks();
  else drawRows();
  remember();
}

/** Show one label alone (-1: show all). */
function select(track) {
  state.selected = track;
  closeForm();
  drawFrame();
  followRow();
  showEvents();
  drawTimelines();
  listTracks();
  drawLineage();
  showDetails();
  remember();
  if (tracks[track]) say(`label ${called(tracks[track])} alone`);
}

let remembering = 0;

/** Frame and label in the address, at most a few times a second: browsers refuse more. */
function remember() {
  if (remembering) return;
  remembering = setTimeout(() => {
    remembering = 0;
    const track = tracks[state.selected];
    const frame = encodeURIComponent(about.frames[state.frame]);
    const hash = `#frame=${frame}` + (track ? `&label=${track.label}` : "");
    history.replaceState(null, "", hash);
  }, 250);
}

/** Go where the address says: to a frame by its name, or counted from 0 where none is called so. */
function recall() {
  const hash = new URLSearchParams(location.hash.slice(1));
  const selected = byLabel.get(hash.get("label")) ?? -1;
  const frame = frameOf.get(hash.get("frame")) ?? Math.floor(Number(hash.get("frame")));
  go(Number.isFinite(frame) ? frame : 0);
  if (selected !== state.selected) select(selected);
}

let due = 0;

function play(on) {
  state.playing = on;
  $("play").textContent = on ? "❚❚" : "▶";
  $("play").setAttribute("aria-label", on ? "pause" : "play");
  point(null);
  due = performance.now();
  if (on) requestAnimationFrame(tick);
}

function tick(now) {
  if (!state.playing) return;
  const pause = 1000 / Math.max(1, Number($("fps").value) || 1);
  // A frame that is not unpacked yet is waited for: none is left out.
  if (now >= due && document.body.dataset.drawn === document.body.dataset.frame) {
    due = Math.max(due + pause, now - pause); // keep the pace, but do not run after lost time
    go((state.frame + 1) % count);
  }
  requestAnimationFrame(tick);
}

// ------------------------------------------------------------------------------------ events
function describeEvent(event) {
  const track = originals[event.track];
  const more = Object.entries(event.columns).map(([key, value]) => `${key.replace(/_/g, " ")} ${value}`);
  return [event.kind, track ? "label " + track.label : "", ...more].filter(Boolean).join(" · ");
}

function involves(event) {
  return state.selected < 0
    || event.involved.some((number) => shownOf(number, event.frame) === state.selected);
}

let chosen = { key: "", events: [], byFrame: new Map() };

/** The events of the chosen kind, of all labels or of the one that is shown alone. */
function chosenEvents() {
  const kind = $("kind").value;
  // Asked at every step, of thousands: found once for each choice.
  const key = `${kind} ${state.selected} ${corrections.changes}`;
  if (key === chosen.key) return chosen.events;
  const found = events.filter((event) =>
    (kind === "any" ? !QUIET_KINDS.has(event.kind) : event.kind === kind) && involves(event));
  chosen = { key, events: found, byFrame: new Map() };
  for (const event of found) {
    if (!chosen.byFrame.has(event.frame)) chosen.byFrame.set(event.frame, []);
    chosen.byFrame.get(event.frame).push(event);
  }
  return found;
}

function eventsAt(frame) {
  chosenEvents();
  return chosen.byFrame.get(frame) ?? [];
}

function showEvents() {
  const text = eventsAt(state.frame).map(describeEvent).join("; ");
  $("event").textContent = $("event").title = text;
}

function jump(step) {
  const later = chosenEvents().filter((event) => (event.frame - state.frame) * step > 0);
  const event = step > 0 ? later[0] : later[later.length - 1];
  if (!event) {
    $("event").textContent = "no further event";
    return;
  }
  go(event.frame);
  const named = new Set(eventsAt(event.frame).flatMap((e) => e.involved));
  withMasks(event.frame, (masks) => {
    if (state.frame !== event.frame || state.selected >= 0) return;
    markMasks(masks.filter((mask) => named.has(mask.track)));
  });
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

/** Show the next label of this frame alone. */
function nextHere(step) {
  const here = [...new Set(state.masks.map((mask) => trackOf(mask)))].filter((n) => n >= 0)
    .sort((a, b) => a - b);
  if (!here.length) return;
  const at = here.indexOf(state.selected);
  const to = here[at < 0 ? (step > 0 ? 0 : here.length - 1) : (at + step + here.length) % here.length];
  select(to);
  const mask = state.masks.find((m) => trackOf(m) === to);
  if (mask) reveal(mask);
}

function makeMoments() {
  $("tab-moments").hidden = !about.moments.length;
  $("moment-list").replaceChildren(...about.moments.map((moment) => {
    const row = element("li");
    const open = button(moment.text, () => {
      go(moment.frame);
      select(byLabel.get(moment.label) ?? -1);
      withMasks(moment.frame, (masks) => {
        const mask = masks.find((m) => trackOf(m) === state.selected);
        if (mask && state.frame === moment.frame) reveal(mask);
      });
      for (const each of $("moment-list").querySelectorAll("button")) {
        if (each === open) each.setAttribute("aria-current", "true");
        else each.removeAttribute("aria-current");
      }
    });
    row.append(open);
    return row;
  }));
}

// ------------------------------------------------------------------------------------- start
function listen() {
  addEventListener("keydown", pressKey);
  addEventListener("hashchange", recall);
  new ResizeObserver(() => { layOutTimeline(); fitStage(); drawRows(); drawLineage(); }).observe($("space"));
  matchMedia("(prefers-color-scheme: light)").addEventListener("change", () => setTheme());
  $("theme").addEventListener("click", switchTheme);
  $("show-help").addEventListener("click", showHelp);
  for (const part of ["panel", "timeline"]) {
    $("show-" + part).addEventListener("click", () => showPart(part, !isShown(part)));
  }
  for (const tab of TABS) $("tab-" + tab).addEventListener("click", () => showTab(tab));
  $("tabs").addEventListener("keydown", pressInTabs);
  $("play").addEventListener("click", () => play(!state.playing));
  $("scrub").addEventListener("input", () => go(Number($("scrub").value)));
  $("zoom-in").addEventListener("click", () => zoom(STEP));
  $("zoom-out").addEventListener("click", () => zoom(1 / STEP));
  $("zoom-fit").addEventListener("click", fit);
  $("time-in").addEventListener("click", () => zoomTime(0.6));
  $("time-out").addEventListener("click", () => zoomTime(1 / 0.6));
  $("time-fit").addEventListener("click", () => setTime(0, count));
  $("previous").addEventListener("click", () => jump(-1));
  $("next").addEventListener("click", () => jump(1));
  $("kind").addEventListener("change", () => { showEvents(); drawTimelines(); });
  $("split").addEventListener("input", () => setSplit(Number($("split").value)));
  $("opacity").addEventListener("input", setOpacity);
  $("numbers").addEventListener("change", drawNames);
  for (const id of ["outlines", "images"]) $(id).addEventListener("change", paintFrame);
  $("search").addEventListener("input", listTracks);
  $("search").addEventListener("keydown", (event) => {
    if (event.key === "Enter" && state.shown.length && state.selected !== state.shown[0].number) {
      chooseRow(state.shown[0]);
    }
    if (event.key === "ArrowDown" && state.shown.length) { event.preventDefault(); focusRow(0); }
  });
  $("filter").addEventListener("change", listTracks);
  $("list").addEventListener("scroll", drawRows);
  $("rows").addEventListener("keydown", pressInList);
  $("tracks-window").addEventListener("scroll", drawMatrix);
  for (const id of ["lane", "matrix"]) listenToTimeline(id);
  listenToStage();
  listenToEditing();
}

function setOpacity() {
  for (const name of ["after", "before"]) $(name).style.opacity = $("opacity").value / 100;
}

function describePage() {
  document.title = about.name;
  $("name").textContent = about.name;
  $("counts").textContent = `${many(count, "frame")}, ${many(tracks.length, "label")}, ${width} × ${height} pixels`;
  document.body.classList.toggle("unlabelled", !about.labelled);
  if (!about.labelled) $("note").textContent = "masks as they are, without labels";
  else if (!about.duplicates) $("note").textContent = "the input is gone: duplicates are not shown";
  $("short-limit").textContent = SHORT;
  $("flicker-limit").textContent = FLICKERING;
  $("scrub").max = count - 1;
  $("lane").setAttribute("aria-valuemax", count);
  $("fps").value = about.fps;
  $("command").value = about.command;
  $("photograph-label").hidden = !about.photographs;
  if (about.photographs) $("opacity").value = 100 * about.alpha;
  $("tab-lineage").hidden = !originals.some((track) => originalOf.has(track.columns.parent));
}

function start() {
  applyCorrections();
  describePage();
  setOpacity();
  listKeys();
  makeKinds();
  makeTitles();
  makeMoments();
  listCorrections();
  listen();
  setTheme(kept("mask labels: theme"));
  if (innerHeight <= 520 || innerWidth <= 500) showPart("timeline", false);
  if (innerWidth <= 700 && innerWidth > innerHeight) showPart("panel", false);
  layOutTimeline();
  setSplit(state.split);
  recall();
  fitStage();
  listTracks();
  showDetails();
  showTab("labels");
  withMasks(state.frame, () => { document.body.dataset.ready = "yes"; });
}

start();
