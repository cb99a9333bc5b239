/* How corrections are made: buttons, keys and a menu for the label that is shown alone, a form that
   asks for what is missing, a list of what has been made. */

const ACTIONS = [
  { name: "merge", key: "m", what: "another label is this object, too" },
  { name: "split", key: "s", what: "from this frame on it is another object" },
  { name: "swap", key: "x", what: "from this frame on two labels change places" },
  { name: "rename", key: "r", what: "give it a name" },
  { name: "drop", key: "d", what: "it is no object" },
  { name: "same", key: "e", what: "two masks are the same object" },
  { name: "different", key: "f", what: "two masks are different objects" },
];
let asked = null; // what the form asks: {action, track's label, mask, frame}

function makeActions() {
  for (const { name, key, what } of ACTIONS) {
    $("actions").append(button(name, () => ask(name), `${key}: ${what}`));
    const item = button(`${name}: ${what}`, () => { closeMenu(); ask(name); });
    item.setAttribute("role", "menuitem");
    item.tabIndex = -1;
    $("menu").append(item);
  }
}

// -------------------------------------------------------------------------------------- menu
let menuFrom = null; // what had the focus

function openMenu(x, y) {
  if (state.selected < 0) return;
  menuFrom = document.activeElement;
  $("menu").hidden = false;
  $("tip").hidden = true;
  placeNear($("menu"), x, y);
  $("menu").firstChild.focus();
}

function closeMenu() {
  if ($("menu").hidden) return;
  $("menu").hidden = true;
  menuFrom?.focus();
}

function moveInMenu(event) {
  const items = [...$("menu").children];
  const at = items.indexOf(document.activeElement);
  const to = { ArrowDown: at + 1, ArrowUp: at - 1, Home: 0, End: items.length - 1 }[event.key];
  event.stopPropagation();
  if (event.key === "Escape" || event.key === "Tab") closeMenu();
  if (to === undefined) return;
  event.preventDefault();
  items[(to + items.length) % items.length].focus();
}

// -------------------------------------------------------------------------------------- form
/** Ask for what a correction needs beside the label that is shown alone. */
function ask(action) {
  const track = tracks[state.selected];
  if (!track) {
    say("Select a label first.");
    showTab("corrections");
    return;
  }
  showPanel(true);
  asked = { action, label: track.label, frame: state.frame, mask: maskOfLabel(track.label) };
  const parts = {
    merge: () => ["label", field("other"), `becomes ${called(track)}`, choice("only", "only from this frame on")],
    split: () => [`label ${called(track)} is another object from`, frameText(), "on"],
    swap: () => [`label ${called(track)} and`, field("other"), "change places from", frameText(), "on"],
    rename: () => [`label ${track.label} is called`, field("other", track.name ?? "")],
    drop: () => [`drop label ${called(track)}`, scope()],
    same: () => [`label ${called(track)} in ${about.frames[state.frame]} is the same object as label`,
      field("other"), "in", frameText()],
    different: () => [`label ${called(track)} in ${about.frames[state.frame]} is another object than label`,
      field("other"), "in", frameText()],
  }[action]();
  const problem = element("span", "", "problem");
  problem.setAttribute("role", "alert");
  const add = element("button", "add");
  add.type = "submit";
  $("ask").replaceChildren(...parts, add, button("cancel", closeForm, "esc"), problem);
  $("ask").hidden = false;
  const other = $("ask").querySelector("input[type=text]");
  state.picking = other && action !== "rename" ? pick : null;
  (other ?? add).focus();
  drawFrame(); // all masks, to choose one of them
}

function field(name, value = "") {
  const made = element("input", undefined, "field");
  made.type = "text";
  made.name = name;
  made.value = value;
  made.setAttribute("aria-label", asked.action === "rename" ? "name" : "the other label; or click its mask");
  made.placeholder = asked.action === "rename" ? "name" : "label, or click";
  made.autocomplete = "off";
  return made;
}

function choice(name, text) {
  const label = element("label");
  const box = element("input");
  box.type = "checkbox";
  box.name = name;
  label.append(box, " " + text);
  return label;
}

function scope() {
  const made = element("select");
  made.name = "scope";
  made.setAttribute("aria-label", "in which frames");
  made.append(new Option("everywhere", "all"), new Option("in this frame", "here"),
    new Option("from this frame on", "on"), new Option("up to this frame", "until"));
  return made;
}

function frameText() {
  return element("b", about.frames[state.frame], "asked-frame");
}

/** Keep the form at the frame that is shown. */
function followInForm() {
  for (const text of $("ask").querySelectorAll(".asked-frame")) {
    text.textContent = about.frames[state.frame];
  }
}

function pick(mask) {
  const track = tracks[trackOf(mask)];
  const other = $("ask").elements.other;
  if (!track) return;
  other.value = track.label;
  other.focus();
}

function maskOfLabel(label) {
  const number = byLabel.get(label) ?? -1;
  const mask = state.masks.find((m) => trackOf(m) === number);
  return mask && number >= 0
    ? { frame: about.frames[state.frame], mask: mask.number - 1, original: mask.track }
    : null;
}

function itemOfForm() {
  const { action, label, mask } = asked;
  const values = $("ask").elements;
  const here = about.frames[state.frame];
  const other = values.other?.value.trim() ?? "";
  const labels = [label, other].map((v) => (v === "" ? v : asNumber(v)));
  const ranges = {
    all: undefined, here: [here, here], on: [here, about.frames[count - 1]], until: [about.frames[0], here],
  };
  return {
    merge: () => ({ do: "merge", labels, ...(values.only?.checked ? { from: here } : {}) }),
    split: () => ({ do: "split", label: labels[0], at: here }),
    swap: () => ({ do: "swap", labels, at: here }),
    rename: () => ({ do: "rename", label: labels[0], name: other }),
    drop: () => {
      const frames = ranges[values.scope.value];
      return { do: "drop", label: labels[0], ...(frames ? { frames } : {}) };
    },
    same: () => ({ do: "same", masks: [mask, maskOfLabel(other)] }),
    different: () => ({ do: "different", masks: [mask, maskOfLabel(other)] }),
  }[action]();
}

function submitForm(event) {
  event.preventDefault();
  const item = itemOfForm();
  const problem = objection(item);
  $("ask").querySelector(".problem").textContent = problem;
  if (problem) return;
  closeForm();
  corrections.items.push(item);
  corrections.undone = [];
  corrected("added: " + describeItem(item));
}

function closeForm() {
  if ($("ask").hidden) return;
  $("ask").hidden = true;
  state.picking = null;
  drawFrame();
  $("stage").focus();
}

// -------------------------------------------------------------------------------------- list
/** Show everything anew after the list has changed. */
function corrected(text) {
  corrections.saved = corrections.items.length === 0;
  applyCorrections();
  listCorrections();
  layOutTimeline();
  drawFrame();
  drawTimelines();
  listTracks();
  showDetails();
  say(text);
}

function undo() {
  if (!corrections.items.length) return;
  const item = corrections.items.pop();
  corrections.undone.push(item);
  corrected("undone: " + describeItem(item));
}

function redo() {
  if (!corrections.undone.length) return;
  const item = corrections.undone.pop();
  corrections.items.push(item);
  corrected("again: " + describeItem(item));
}

function listCorrections() {
  const rows = corrections.items.map((item, i) => {
    const row = element("li");
    const frame = item.at ?? item.from ?? item.frames?.[0] ?? item.masks?.[0].frame;
    const show = button(describeItem(item), () => {
      if (frameOf.has(frame)) go(frameOf.get(frame));
      const label = String(item.labels?.[0] ?? item.label ?? "");
      if (byLabel.has(label)) select(byLabel.get(label));
    });
    show.className = "go";
    const remove = button("×", () => {
      corrections.items.splice(i, 1);
      corrected("removed: " + describeItem(item));
    });
    remove.setAttribute("aria-label", "remove: " + describeItem(item));
    row.append(show, remove);
    return row;
  });
  $("correction-list").replaceChildren(...rows);
  $("no-corrections").hidden = rows.length > 0;
  $("tab-corrections").textContent = rows.length ? `corrections (${rows.length})` : "corrections";
  $("undo").disabled = !rows.length;
  $("redo").disabled = !corrections.undone.length;
  $("save").disabled = !rows.length;
}

function save() {
  const link = element("a");
  link.href = URL.createObjectURL(new Blob([correctionsFile()], { type: "application/json" }));
  link.download = "corrections.json";
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 1000);
  corrections.saved = true;
  say("saved corrections.json");
}

async function openFile() {
  const [file] = $("file").files;
  if (!file) return;
  const before = corrections.items;
  try {
    const items = readCorrections(await file.text());
    corrections.items = [];
    for (const item of await withOriginals(items)) {
      applyCorrections();
      const problem = objection(item);
      if (problem) throw new Error(`${describeItem(item)}: ${problem}`);
      corrections.items.push(item);
    }
    corrections.undone = [];
    corrected(many(items.length, "correction") + " read");
  } catch (error) {
    corrections.items = before;
    corrected("");
    $("note").textContent = `${file.name}: ${error.message}`;
  }
  $("file").value = "";
}

/** Find the labels of the masks that corrections of a file name. */
async function withOriginals(items) {
  for (const place of items.flatMap((item) => item.masks ?? [])) {
    if (!frameOf.has(place.frame)) throw new Error(`There is no frame ${place.frame}.`);
    const masks = await load(frameOf.get(place.frame));
    place.original = masks.find((mask) => mask.number === place.mask + 1)?.track ?? -1;
    if (place.original < 0) throw new Error(`Frame ${place.frame} has no mask ${place.mask} with a label.`);
  }
  return items;
}

async function copyCommand() {
  $("command").select();
  try {
    await navigator.clipboard.writeText($("command").value);
    say("copied");
  } catch {
    say("The command is selected: copy it with your keyboard.");
  }
}

function listenToEditing() {
  makeActions();
  $("menu").addEventListener("keydown", moveInMenu);
  addEventListener("pointerdown", (event) => {
    if (!$("menu").contains(event.target)) $("menu").hidden = true;
  });
  $("ask").addEventListener("submit", submitForm);
  $("undo").addEventListener("click", undo);
  $("redo").addEventListener("click", redo);
  $("save").addEventListener("click", save);
  $("open").addEventListener("click", () => $("file").click());
  $("file").addEventListener("change", openFile);
  $("copy").addEventListener("click", copyCommand);
  addEventListener("beforeunload", (event) => {
    if (!corrections.saved) event.preventDefault();
  });
}
