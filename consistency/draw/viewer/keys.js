/* What each key does, and who takes it. */

const KEYS = [
  [" ", "space", "play, pause", () => play(!state.playing)],
  ["ArrowRight", "→", "next frame; with shift ten", (e) => go(state.frame + (e.shiftKey ? 10 : 1))],
  ["ArrowLeft", "←", "frame before; with shift ten", (e) => go(state.frame - (e.shiftKey ? 10 : 1))],
  ["Home", "home", "first frame", () => go(0)],
  ["End", "end", "last frame", () => go(count - 1)],
  ["n", "n", "next event", () => jump(1)],
  ["p", "p", "event before", () => jump(-1)],
  ["b", "b", "result, half, input", () => setSplit(state.split === 0 ? 50 : state.split < 100 ? 100 : 0)],
  ["]", "]", "next label of this frame", () => nextHere(1)],
  ["[", "[", "label before", () => nextHere(-1)],
  ["+", "+", "zoom in", () => zoom(STEP)],
  ["-", "-", "zoom out", () => zoom(1 / STEP)],
  ["0", "0", "whole picture", fit],
  ["i", "i", "look up", () => pan(0, 1)],
  ["k", "k", "look down", () => pan(0, -1)],
  ["j", "j", "look left", () => pan(1, 0)],
  ["l", "l", "look right", () => pan(-1, 0)],
  ["t", "t", "numbers on masks", () => $("numbers").click()],
  ["o", "o", "outlines", () => $("outlines").click()],
  ["/", "/", "search", () => { showPanel(true); showTab("labels"); $("search").focus(); }],
  ["c", "c", "menu of corrections", () => openMenuByKey()],
  ...ACTIONS.map(({ name, key, what }) => [key, key, `${name}: ${what}`, () => ask(name)]),
  ["u", "u", "undo", undo],
  ["U", "shift u", "redo", redo],
  ["?", "?", "this list", () => showHelp()],
  ["Escape", "esc", "all labels again", () => ($("ask").hidden ? select(-1) : closeForm())],
];
const LABELLED_KEYS = new Set(["n", "p", "b", "]", "[", "c", "u", "U", "/", ...ACTIONS.map(({ key }) => key)]);

function openMenuByKey() {
  const mask = state.masks.find((m) => trackOf(m) === state.selected);
  const box = $("stage").getBoundingClientRect();
  const place = mask?.place ?? { x: width / 2, y: height / 2 };
  openMenu(box.left + view.x + place.x * view.scale, box.top + view.y + place.y * view.scale);
}

function showHelp() {
  if ($("help").open) $("help").close();
  else $("help").showModal();
}

const ARROWS = new Set(["ArrowLeft", "ArrowRight", "ArrowUp", "ArrowDown", "Home", "End"]);

/** Whether an element takes a key itself: letters of a field, arrows of a slider, a button's space. */
function takes(target, key) {
  const kind = target.type;
  if (["search", "number", "text", "textarea"].includes(kind) || target.tagName === "SELECT") return true;
  if (kind === "range") return ARROWS.has(key);
  return ["BUTTON", "SUMMARY"].includes(target.tagName) || kind === "checkbox" ? key === " " : false;
}

function pressKey(event) {
  if (event.ctrlKey || event.metaKey || event.altKey || $("help").open && event.key !== "?") return;
  if (takes(event.target, event.key)) {
    if (event.key === "Escape") {
      if ($("ask").contains(event.target)) closeForm();
      event.target.blur();
    }
    return;
  }
  const found = KEYS.find(([key]) => key === event.key);
  if (!found || LABELLED_KEYS.has(event.key) && !about.labelled) return;
  event.preventDefault();
  found[3](event);
}

function listKeys() {
  for (const [, shown, what] of KEYS) {
    $("keys").append(element("kbd", shown), element("span", what));
  }
}
