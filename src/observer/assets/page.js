// The pages work without this script. It adds local times, live lists, copy buttons and keys.
"use strict";

const byId = (id) => document.getElementById(id);
const say = (text) => { byId("announce").textContent = text; };

// Times: the page has UTC, the viewer gets the local time, with the date if it is not today.

const clock = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit", second: "2-digit" });
const dated = new Intl.DateTimeFormat(undefined, { day: "numeric", month: "short", hour: "2-digit", minute: "2-digit", second: "2-digit" });
const full = new Intl.DateTimeFormat(undefined, { dateStyle: "full", timeStyle: "long" });

function localise(root) {
  const today = new Date().toDateString();
  for (const time of root.querySelectorAll("time")) {
    const date = new Date(time.dateTime);
    if (Number.isNaN(date.getTime())) continue;
    time.textContent = (date.toDateString() === today ? clock : dated).format(date);
    time.title = full.format(date);
  }
}

localise(document);
byId("zone").textContent = `Times are in your time zone (${Intl.DateTimeFormat().resolvedOptions().timeZone}).`;

// Copy buttons.

for (const button of document.querySelectorAll("[data-copy]")) {
  button.hidden = false;
  button.addEventListener("click", async () => {
    const field = byId(button.dataset.copy);
    try {
      await navigator.clipboard.writeText(field.value);
    } catch {
      // the clipboard is for secure pages only
      field.select();
      document.execCommand("copy");
    }
    button.textContent = "Copied";
    say("Copied.");
    setTimeout(() => { button.textContent = "Copy"; }, 2000);
  });
}

// Live parts: the server makes the same page again, and the script replaces the parts that changed. So
// filters and escapes are on the server alone. Rows that did not change stay the same elements: focus,
// selection and scroll position are kept.

const live = byId("live");
const state = byId("live-state");
const pause = byId("live-pause");
const words = { live: "Live", paused: "Paused", lost: "Connection lost; trying again", waiting: "Connecting" };
const shortest = 1000; // milliseconds between two updates

let paused = false;
let busy = false;
let again = false;
let arrived = 0;
let arrivedInPause = 0;

function show(name) {
  state.dataset.state = name;
  const waiting = paused && arrivedInPause > 0 ? `; ${arrivedInPause} new` : "";
  state.textContent = words[name] + waiting;
}

const items = (element) => [...element.children].filter((child) => child.id);

function merge(old, fresh) {
  const wanted = items(fresh);
  const ids = new Set(wanted.map((child) => child.id));
  const known = new Set(items(old).map((child) => child.id));
  for (const child of items(old)) if (!ids.has(child.id)) child.remove();
  let place = items(old)[0] ?? null;
  for (const child of wanted) {
    if (place?.id === child.id) {
      const next = place.nextElementSibling;
      if (!place.isEqualNode(child)) place.replaceWith(child);
      place = next;
    } else {
      if (known.has(child.id)) items(old).find((other) => other.id === child.id)?.remove();
      else if (child.tagName === "TBODY") child.classList.add("fresh-row");
      old.insertBefore(child, place);
    }
  }
}

function put(fresh) {
  const focused = live.contains(document.activeElement) ? document.activeElement.getAttribute("href") : null;
  const [table, freshTable] = [live.querySelector("table.steps"), fresh.querySelector("table.steps")];
  if (table && freshTable) {
    live.querySelector(".tabs").replaceWith(fresh.querySelector(".tabs"));
    for (const body of table.tBodies) {
      body.classList.remove("fresh-row");
      if (body.className === "") body.removeAttribute("class");
    }
    merge(table, freshTable);
  } else if (live.dataset.every) {
    merge(live, fresh);
  } else {
    live.replaceChildren(...fresh.childNodes);
  }
  if (focused && !live.contains(document.activeElement)) {
    live.querySelector(`[href="${CSS.escape(focused)}"]`)?.focus({ preventScroll: true });
  }
}

async function update() {
  if (busy || paused || document.hidden) { again = true; return; }
  busy = true;
  again = false;
  try {
    const answer = await fetch(location.href, { headers: { accept: "text/html" } });
    if (!answer.ok) throw new Error(String(answer.status));
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    const fresh = page.getElementById("live");
    if (fresh && !paused) {
      localise(fresh);
      const before = new Set([...live.querySelectorAll("tr[id]")].map((row) => row.id));
      const added = [...fresh.querySelectorAll("tr[id]")].filter((row) => !before.has(row.id)).length;
      put(fresh);
      arrived += added;
    }
  } catch {
    again = true;
  }
  setTimeout(() => { busy = false; if (again) update(); }, shortest);
}

function pauseOrGoOn() {
  paused = !paused;
  pause.textContent = paused ? "Go on" : "Pause";
  arrivedInPause = 0;
  show(paused ? "paused" : "live");
  if (!paused) update();
}

function follow() {
  const events = new EventSource(live.dataset.events);
  events.addEventListener("open", () => { if (!paused) show("live"); update(); });
  events.addEventListener("error", () => {
    show("lost");
    // a refusal, such as too many open pages, closes the connection for good: fetch the page,
    // and connect again
    if (events.readyState === EventSource.CLOSED) setTimeout(() => { update(); follow(); }, 5000);
  });
  events.addEventListener("step", () => {
    if (paused) { arrivedInPause += 1; show("paused"); }
    update();
  });
  // a page that is left must not keep its connection
  addEventListener("pagehide", () => events.close(), { once: true });
}

if (live?.dataset.events && !byId("history-off")) {
  state.hidden = pause.hidden = false;
  show("waiting");
  pause.addEventListener("click", pauseOrGoOn);
  follow();
  setInterval(() => {
    if (arrived > 0) say(arrived === 1 ? "1 new step" : `${arrived} new steps`);
    arrived = 0;
  }, 5000);
}
if (live?.dataset.every) setInterval(update, live.dataset.every * 1000);
document.addEventListener("visibilitychange", () => { if (!document.hidden && again) update(); });
addEventListener("pageshow", (event) => { if (event.persisted) location.reload(); });

// Keys. A click on a row opens it, too, but not the end of a selection.

const links = () => [...document.querySelectorAll("#main .steps .when a")];

function move(by) {
  const all = links();
  const now = all.indexOf(document.activeElement?.closest("tr")?.querySelector(".when a"));
  const next = all[now < 0 ? 0 : Math.min(Math.max(now + by, 0), all.length - 1)];
  next?.focus();
  next?.closest("tr").scrollIntoView({ block: "nearest" });
}

// Single keys can be turned off, because programs that speak for the viewer may send them.
const keysOn = byId("keys-on");
if (keysOn) {
  byId("keys-off").hidden = false;
  try { keysOn.checked = localStorage.getItem("keys") !== "off"; } catch { /* not allowed: on */ }
  keysOn.addEventListener("change", () => {
    try { localStorage.setItem("keys", keysOn.checked ? "on" : "off"); } catch { /* only for this page */ }
  });
}

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.altKey || event.metaKey || event.target.closest("input, select, textarea, pre")) return;
  const onRow = event.target.closest(".steps tr");
  const single = { j: () => move(1), k: () => move(-1), "/": () => byId("q")?.focus() }[event.key];
  const arrow = onRow && { ArrowDown: () => move(1), ArrowUp: () => move(-1) }[event.key];
  const act = arrow || (keysOn?.checked !== false && single);
  if (!act) return;
  event.preventDefault();
  act();
});

document.addEventListener("click", (event) => {
  const row = event.target.closest(".steps tbody tr");
  if (row && !event.target.closest("a, button") && getSelection().isCollapsed) row.querySelector(".when a")?.click();
});
