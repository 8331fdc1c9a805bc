// Small comforts: local and relative times, copy buttons, filters that apply themselves, the last replay target.
const TARGET = "outworx-target";
const ZONE = "outworx-zone";
const PASTS = [[86400, "d"], [3600, "h"], [60, "min"]];

export function startComforts() {
  startZone();
  showTimes(document);
  setInterval(() => showTimes(document), 10_000);
  showCopyButtons();
  showPickedTimes();
  applyFilters();
  rememberTarget();
  for (const menu of document.querySelectorAll("details.menu")) closeOutside(menu);
}

let utc = false;

function startZone() {
  try {
    utc = localStorage.getItem(ZONE) === "utc";
  } catch {
    // Storage may be forbidden; then it is the reader's zone on every page.
  }
  const button = document.querySelector("[data-zone-switch]");
  if (!button) return;
  button.hidden = false;
  button.addEventListener("click", () => {
    const picked = pickedMoments();
    utc = !utc;
    showPicked(picked);
    try {
      localStorage.setItem(ZONE, utc ? "utc" : "");
    } catch {
      // It holds for this page.
    }
    for (const time of document.querySelectorAll("[data-local]")) delete time.dataset.local;
    showTimes(document);
  });
}

function zoneName() {
  return utc ? "UTC" : Intl.DateTimeFormat().resolvedOptions().timeZone;
}

/** Times in one zone, the visitor's own or UTC; "4 min ago" kept true. The words are those of formatting.py. */
export function showTimes(within) {
  const now = Date.now();
  for (const time of within.querySelectorAll("time[datetime]")) {
    const at = new Date(time.dateTime);
    if (Number.isNaN(at.getTime())) continue;
    const ago = time.querySelector("[data-ago]");
    if (ago) ago.textContent = agoOf((now - at) / 1000);
    if (time.dataset.local) continue;
    time.dataset.local = "yes";
    time.title = `${clockOf(at)} ${zoneName()}`;
    const clock = time.querySelector("[data-clock]") ?? ("axis" in time.dataset ? time : null);
    if (clock) clock.textContent = clock === time ? clockOf(at).slice(0, -3) : clockOf(at);
  }
  for (const title of within.querySelectorAll("title[data-at]")) {
    title.dataset.rest ??= title.textContent.slice(title.textContent.indexOf(" UTC") + 4);
    title.textContent = `${clockOf(new Date(title.dataset.at))} ${zoneName()}${title.dataset.rest}`;
  }
  for (const zone of within.querySelectorAll("[data-zone]")) zone.textContent = zoneName();
  const button = within.querySelector("[data-zone-switch]");
  if (button) button.textContent = utc ? "Show local time" : "Show UTC";
}

function agoOf(seconds) {
  if (seconds < -5) return "in the future";
  if (seconds < 5) return "just now";
  for (const [size, unit] of PASTS) if (seconds >= size) return `${Math.round(seconds / size)} ${unit} ago`;
  return `${Math.round(seconds)} s ago`;
}

function clockOf(at) {
  const timeZone = utc ? "UTC" : undefined;
  const day = at.toLocaleDateString("en", { month: "short", day: "numeric", timeZone });
  return `${day}, ${at.toLocaleTimeString("en-GB", { timeZone })}`;
}

function showCopyButtons() {
  if (!navigator.clipboard) return;
  for (const button of document.querySelectorAll("[data-copy]")) button.hidden = false;
  document.addEventListener("click", async (event) => {
    const button = event.target.closest?.("[data-copy]");
    if (!button) return;
    await navigator.clipboard.writeText(button.dataset.copy).catch(() => {});
    button.classList.add("done");
    setTimeout(() => button.classList.remove("done"), 1200);
  });
}

function applyFilters() {
  const form = document.querySelector("[data-filters]");
  if (!form) return;
  form.addEventListener("submit", () => {
    for (const picked of form.querySelectorAll("[data-picked]")) if (picked.value) sendInUtc(picked);
    for (const field of form.elements) if (field.name && !field.value) field.disabled = true;
  });
  // With the keyboard a select changes at every step: there the button is for applying.
  let byPointer = false;
  form.addEventListener("pointerdown", () => { byPointer = true; });
  form.addEventListener("keydown", () => { byPointer = false; });
  form.addEventListener("change", (event) => {
    // A moment that was picked would count before the list's.
    if (event.target.name === "since") form.elements.from.value = "";
    if (event.target.tagName === "SELECT" && byPointer) form.requestSubmit();
  });
  // Back from another page, the browser may have kept the fields disabled.
  addEventListener("pageshow", () => {
    for (const sent of form.querySelectorAll("[data-picked] + input[type=hidden]")) sent.remove();
    for (const field of form.elements) field.disabled = false;
  });
}

/** The picker speaks the zone of the page, and its label names it; it comes in UTC, and UTC is sent. */
function showPickedTimes() {
  showPicked([...document.querySelectorAll("[data-picked]")].map((picked) => [picked, new Date(`${picked.value}Z`)]));
}

function showPicked(moments) {
  for (const name of document.querySelectorAll("[data-picked-zone]")) name.textContent = zoneName();
  for (const [picked, at] of moments) {
    if (Number.isNaN(at.getTime())) continue;
    const offset = utc ? 0 : at.getTimezoneOffset() * 60_000;
    picked.value = new Date(at.getTime() - offset).toISOString().slice(0, 16);
  }
}

function pickedMoments() {
  return [...document.querySelectorAll("[data-picked]")].map((picked) => [picked, momentOf(picked)]);
}

function momentOf(picked) {
  return new Date(picked.value + (utc ? "Z" : ""));
}

function sendInUtc(picked) {
  const sent = document.createElement("input");
  sent.type = "hidden";
  sent.name = picked.name;
  sent.value = `${momentOf(picked).toISOString().slice(0, 16)}Z`;
  picked.disabled = true;
  picked.after(sent);
}

/** A target for each host that deliveries came for: two applications listen at two ports. */
function rememberTarget() {
  const field = document.querySelector("[data-target]");
  if (!field) return;
  const name = `${TARGET}:${field.dataset.target}`;
  try {
    const kept = localStorage.getItem(name);
    const chosen = document.querySelector(".answer") || new URLSearchParams(location.search).has(field.name);
    if (kept && !chosen && field.value === field.defaultValue) field.value = kept;
    field.form.addEventListener("submit", () => localStorage.setItem(name, field.value));
  } catch {
    // Storage may be forbidden; then the field stands as it came.
  }
}

function closeOutside(menu) {
  document.addEventListener("click", (event) => { if (!menu.contains(event.target)) menu.open = false; });
  menu.addEventListener("keydown", (event) => {
    if (event.key !== "Escape") return;
    menu.open = false;
    menu.querySelector("summary").focus();
  });
}
