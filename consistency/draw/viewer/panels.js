/* The panel and its tabs, light and dark. */
const TABS = ["labels", "moments", "lineage", "corrections"];

function showTab(name) {
  for (const tab of TABS) {
    $(tab).hidden = tab !== name;
    $("tab-" + tab).setAttribute("aria-selected", tab === name);
    $("tab-" + tab).tabIndex = tab === name ? 0 : -1;
  }
  if (name === "lineage") drawLineage();
  if (name === "labels") drawRows();
}

function pressInTabs(event) {
  const shown = TABS.filter((tab) => !$("tab-" + tab).hidden);
  const at = shown.findIndex((tab) => $("tab-" + tab) === document.activeElement);
  const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
  if (!step) return;
  event.preventDefault();
  event.stopPropagation();
  const to = shown[(at + step + shown.length) % shown.length];
  showTab(to);
  $("tab-" + to).focus();
}

function showPart(part, on) {
  document.body.classList.toggle("no-" + part, !on);
  $("show-" + part).setAttribute("aria-pressed", on);
  layOutTimeline();
  fitStage();
  if (part === "panel" && on) drawRows();
}

const showPanel = (on) => showPart("panel", on);
const isShown = (part) => !document.body.classList.contains("no-" + part);

/** What was chosen last time; where nothing may be kept, nothing is. */
function kept(key, value) {
  try {
    if (value !== undefined) localStorage.setItem(key, value);
    return localStorage.getItem(key);
  } catch {
    return null;
  }
}

function setTheme(theme) {
  if (theme) document.documentElement.dataset.theme = theme;
  $("theme").textContent = colourOf("color-scheme") === "dark" ? "light" : "dark";
  drawTimelines();
  drawLineage();
}

function switchTheme() {
  const next = $("theme").textContent;
  kept("mask labels: theme", next);
  setTheme(next);
}
