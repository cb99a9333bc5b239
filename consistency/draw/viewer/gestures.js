/* Mouse, fingers and wheel on the picture: a click selects, a drag moves, two fingers zoom. */

const CLICK = 5; // pixels that a pointer may move in a click
const pointers = new Map();
let drag = null; // {x, y, moved} since the pointer went down

function stagePlace(event) {
  const box = $("stage").getBoundingClientRect();
  return { x: event.clientX - box.left, y: event.clientY - box.top };
}

function pointerDown(event) {
  if (event.button > 0) return;
  pointers.set(event.pointerId, stagePlace(event));
  drag = { ...stagePlace(event), moved: pointers.size > 1 };
  $("stage").setPointerCapture(event.pointerId);
}

function pointerMove(event) {
  const before = pointers.get(event.pointerId);
  if (!before) {
    point(event);
    return;
  }
  const now = stagePlace(event);
  if (Math.hypot(now.x - drag.x, now.y - drag.y) > CLICK) drag.moved = true;
  if (pointers.size === 2) pinch(event.pointerId, before, now);
  else if (drag.moved) placeView(view.scale, view.x + now.x - before.x, view.y + now.y - before.y);
  if (drag.moved || pointers.size === 2) pointers.set(event.pointerId, now);
}

function pinch(id, before, now) {
  const [other] = [...pointers].find(([key]) => key !== id).slice(1);
  const [far, near] = [now, before].map((p) => Math.max(1, Math.hypot(p.x - other.x, p.y - other.y)));
  zoom(far / near, (before.x + other.x) / 2, (before.y + other.y) / 2);
  placeView(view.scale, view.x + (now.x - before.x) / 2, view.y + (now.y - before.y) / 2);
}

function pointerUp(event) {
  if (!pointers.delete(event.pointerId) || event.type === "pointercancel") return;
  if (drag.moved || pointers.size) return;
  clickOn(hit(event));
}

/** Answer a question of the form with a mask, or show its label alone. */
function clickOn(found) {
  if (!found) return;
  if (state.picking) {
    state.picking(found.mask);
    return;
  }
  const track = trackOf(found.mask);
  if (track >= 0) select(track === state.selected ? -1 : track);
}

function turnWheel(event) {
  event.preventDefault();
  const { x, y } = stagePlace(event);
  // A turn of a mouse's wheel is a hundred pixels or three lines; a pinch on a pad is small steps.
  const turned = event.deltaY * (event.deltaMode ? 33 : 1) * (event.ctrlKey ? 5 : 1);
  zoom(Math.exp(-turned / 450), x, y);
}

function dragDivider(event) {
  event.preventDefault();
  $("divider").setPointerCapture(event.pointerId);
  const move = (e) => {
    const [from, to] = seenAcross();
    setSplit(Math.round(100 * (stagePlace(e).x - from) / Math.max(1, to - from)));
  };
  const stop = () => {
    $("divider").removeEventListener("pointermove", move);
    $("divider").removeEventListener("pointerup", stop);
  };
  $("divider").addEventListener("pointermove", move);
  $("divider").addEventListener("pointerup", stop);
}

function listenToStage() {
  const stage = $("stage");
  stage.addEventListener("pointerdown", pointerDown);
  stage.addEventListener("pointermove", pointerMove);
  stage.addEventListener("pointerup", pointerUp);
  stage.addEventListener("pointercancel", pointerUp);
  stage.addEventListener("pointerleave", () => point(null));
  stage.addEventListener("wheel", turnWheel, { passive: false });
  stage.addEventListener("dblclick", (event) => {
    const { x, y } = stagePlace(event);
    zoom(event.shiftKey ? 1 / 2 : 2, x, y);
  });
  stage.addEventListener("contextmenu", (event) => {
    const found = about.labelled ? hit(event) : null;
    if (!found || trackOf(found.mask) < 0) return;
    event.preventDefault();
    if (trackOf(found.mask) !== state.selected) select(trackOf(found.mask));
    openMenu(event.clientX, event.clientY);
  });
  $("divider").addEventListener("pointerdown", dragDivider);
  $("divider").addEventListener("keydown", (event) => {
    const step = { ArrowLeft: -5, ArrowDown: -5, ArrowRight: 5, ArrowUp: 5, Home: -100, End: 100 }[event.key];
    if (!step) return;
    event.preventDefault();
    event.stopPropagation();
    setSplit(state.split + step);
  });
}
