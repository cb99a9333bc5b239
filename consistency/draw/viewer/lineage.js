/* Families of cells that divide: a line for each label over time, daughters beside their mother. */

const LINE_HIGH = 18;

/** {label: its daughters}, in the order of births, of labels whose table names a mother. */
function daughters() {
  const found = new Map();
  for (const track of tracks) {
    const mother = byLabel.get(track.columns.parent);
    if (mother === undefined) continue;
    if (!found.has(mother)) found.set(mother, []);
    found.get(mother).push(track.number);
  }
  return found;
}

/** Give every member of the families a line: leaves one each, mothers between their daughters. */
function placeFamilies(children) {
  const lines = new Map();
  let next = 0;
  const born = new Set([...children.values()].flat());
  const place = (number, above) => {
    if (lines.has(number) || above.has(number)) return; // a damaged table may hold a circle
    const mine = children.get(number) ?? [];
    // A mother that lives on beside her daughters has a line of her own.
    if (mine.some((child) => tracks[child].first <= tracks[number].last)) lines.set(number, next++);
    for (const child of mine) place(child, new Set([...above, number]));
    const placed = mine.map((child) => lines.get(child)).filter((y) => y !== undefined);
    if (lines.has(number)) return;
    lines.set(number, placed.length ? (placed[0] + placed[placed.length - 1]) / 2 : next++);
  };
  for (const number of children.keys()) if (!born.has(number)) place(number, new Set());
  return { lines, rows: next };
}

function shape(tag, attributes) {
  const made = document.createElementNS($("tree").namespaceURI, tag);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  return made;
}

function drawLineage() {
  const room = $("lineage");
  if (room.hidden) return;
  const children = daughters();
  const { lines, rows } = placeFamilies(children);
  const wide = Math.max(200, room.clientWidth - 4);
  const high = (rows + 1) * LINE_HIGH;
  const x = (frame) => 4 + frame / count * (wide - 50);
  const y = (number) => (lines.get(number) + 1) * LINE_HIGH;
  const svg = $("tree").cloneNode();
  svg.setAttribute("viewBox", `0 0 ${wide} ${high}`);
  svg.setAttribute("height", high);
  svg.append(shape("line", {
    x1: x(state.frame + 0.5), x2: x(state.frame + 0.5), y1: 0, y2: high, stroke: colourOf("--line"),
  }));
  for (const [mother, born] of children) {
    for (const child of born) {
      if (!lines.has(mother) || !lines.has(child)) continue;
      const at = x(tracks[child].first);
      svg.append(shape("path", {
        d: `M${Math.min(at, x(tracks[mother].last + 1))} ${y(mother)}H${at}V${y(child)}`, fill: "none",
        stroke: colourOf("--quiet"),
      }));
    }
  }
  for (const number of [...lines.keys()].sort((a, b) => lines.get(a) - lines.get(b))) {
    svg.append(memberOf(tracks[number], children, x, y(number)));
  }
  room.replaceChildren(svg);
}

function memberOf(track, children, x, y) {
  const group = shape("g", { role: "button", tabindex: 0 });
  const born = (children.get(track.number) ?? []).map((n) => tracks[n].label);
  const mother = track.columns.parent;
  group.setAttribute("aria-label", [`label ${called(track)}`, mother && `daughter of ${mother}`,
    born.length && `mother of ${born.join(", ")}`].filter(Boolean).join(", "));
  group.setAttribute("aria-pressed", track.number === state.selected);
  group.dataset.label = track.label;
  group.append(shape("line", {
    x1: x(track.first), x2: x(track.last + 1), y1: y, y2: y, stroke: track.colour,
    "stroke-width": track.number === state.selected ? 8 : 4,
  }));
  const text = shape("text", { x: x(track.last + 1) + 3, y: y + 4 });
  text.textContent = called(track);
  if (born.length) {
    text.setAttribute("x", x(track.first));
    text.setAttribute("y", y - 4);
  }
  group.append(text);
  const choose = () => {
    if (!isIn(track, state.frame)) go(track.first);
    select(track.number);
    $("lineage").querySelector(`[data-label="${CSS.escape(track.label)}"]`)?.focus();
  };
  group.addEventListener("click", choose);
  group.addEventListener("keydown", (event) => {
    if (event.key !== "Enter" && event.key !== " ") return;
    event.preventDefault();
    event.stopPropagation();
    choose();
  });
  return group;
}
