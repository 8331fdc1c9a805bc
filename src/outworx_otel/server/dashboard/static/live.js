// The open list, kept up to date by server-sent events.
import { showTimes } from "./comforts.js";
import { Stream } from "./stream.js";

const MOST_ROWS = 200;
const MOST_WAITING = 200;
const LOST = {
  401: "Not live: log in again",
  503: "Not live: too many open pages",
};

export function startLive() {
  const table = document.querySelector("[data-live]");
  if (table && "EventSource" in window) new LiveList(table).start();
  else if (!table) reloadWhenFirst();
}

class LiveList {
  constructor(table) {
    this.table = table;
    this.body = table.tBodies[0];
    this.state = document.querySelector("[data-live-state]");
    this.text = document.querySelector("[data-live-text]");
    this.pause = document.querySelector("[data-live-pause]");
    this.button = document.querySelector("[data-live-waiting]");
    this.said = document.querySelector("[data-live-said]");
    this.waiting = [];
    this.missed = 0;
    this.unsaid = 0;
    this.saying = 0;
    this.paused = false;
    this.stale = false;
    this.fetching = false;
    this.stream = new Stream(table.dataset.live, Number(table.dataset.heartbeat), {
      ready: () => {
        this.say(this.paused ? "paused" : "on", this.paused ? "Paused" : "Live");
        this.catchUp();
      },
      // Where fetching failed: the proxy may be back before all of the server is.
      heartbeat: () => this.catchUp(),
      deliveries: (news) => this.take(news),
      lost: (status) => {
        this.stale = true;
        this.say("off", LOST[status] ?? "Reconnecting");
      },
    });
  }

  start() {
    this.state.hidden = false;
    this.pause.addEventListener("click", () => this.setPaused(!this.paused));
    this.button.addEventListener("click", () => { this.show(); scrollTo({ top: 0 }); });
    addEventListener("scroll", () => { if (this.atTop() && !this.paused) this.show(); }, { passive: true });
    // Browsers keep six connections to a server: tabs that nobody looks at give theirs back.
    document.addEventListener("visibilitychange", () => (document.hidden ? this.close() : this.stream.open()));
    addEventListener("pagehide", () => this.close());
    addEventListener("pageshow", (event) => { if (event.persisted) this.stream.open(); });
    if (!document.hidden) this.stream.open();
  }

  close() {
    this.stream.close();
    this.stale = true;
  }

  /** What came while there was no connection is fetched. */
  catchUp() {
    if (this.stale && !this.fetching) this.refresh();
  }

  take({ rows, spared }) {
    const template = document.createElement("template");
    template.innerHTML = rows;
    const fresh = [...template.content.querySelectorAll("tr")];
    this.missed += spared;
    this.waiting.unshift(...fresh);
    if (this.waiting.length > MOST_WAITING) {
      this.missed += this.waiting.length - MOST_WAITING;
      this.waiting.length = MOST_WAITING;
    }
    if (this.paused || !this.atTop()) this.count();
    else this.show();
  }

  show() {
    if (!this.waiting.length) return;
    const known = new Set([...this.body.rows].map((row) => row.dataset.row));
    const fresh = this.waiting.filter((row) => !known.has(row.dataset.row));
    const arrived = fresh.length + this.missed;
    this.waiting = [];
    this.missed = 0;
    this.button.hidden = true;
    for (const row of fresh) row.classList.add("fresh");
    this.body.prepend(...fresh);
    while (this.body.rows.length > MOST_ROWS) this.body.rows[this.body.rows.length - 1].remove();
    this.table.hidden = false;
    document.querySelector("[data-no-match]")?.remove();
    showTimes(this.body);
    this.announce(arrived);
  }

  /** In words, at most once a second: a flood must not be read out row by row. */
  announce(arrived) {
    this.unsaid += arrived;
    if (!this.unsaid || this.saying) return;
    this.saying = setTimeout(() => {
      this.said.textContent = `${this.unsaid} new ${this.unsaid === 1 ? "delivery" : "deliveries"}`;
      this.unsaid = 0;
      this.saying = 0;
    }, 1000);
  }

  count() {
    const arrived = this.waiting.length + this.missed;
    if (!arrived) return;
    this.button.textContent = `Show ${arrived} new ${arrived === 1 ? "delivery" : "deliveries"}`;
    this.button.hidden = false;
  }

  setPaused(paused) {
    this.paused = paused;
    this.pause.setAttribute("aria-pressed", String(paused));
    this.pause.textContent = paused ? "Resume" : "Pause";
    if (this.stream.source) this.say(paused ? "paused" : "on", paused ? "Paused" : "Live");
    if (!paused) this.show();
  }

  async refresh() {
    this.fetching = true;
    try {
      const answer = await fetch(location.href, { headers: { accept: "text/html" }, signal: this.stream.patience });
      if (!answer.ok || answer.redirected) return;
      this.stale = false;
      const page = new DOMParser().parseFromString(await answer.text(), "text/html");
      const rows = page.querySelectorAll("[data-list] tbody tr");
      this.waiting = [...rows].map((row) => document.importNode(row, true));
      this.missed = 0;
      if (this.paused || !this.atTop()) {
        const known = new Set([...this.body.rows].map((row) => row.dataset.row));
        this.waiting = this.waiting.filter((row) => !known.has(row.dataset.row));
        this.count();
      } else this.show();
    } catch {
      // The next heartbeat tries again.
    } finally {
      this.fetching = false;
    }
  }

  say(state, text) {
    this.state.dataset.liveState = state;
    this.text.textContent = text;
  }

  atTop() {
    return scrollY < 120;
  }
}

/** The page that waits for the first delivery shows it by itself. */
function reloadWhenFirst() {
  if (!document.querySelector("[data-first]") || !("EventSource" in window)) return;
  const first = document.querySelector("[data-first]");
  const stream = new Stream("/live", Number(first.dataset.heartbeat), {
    // It may have come while there was no connection.
    ready: () => { if (lost) location.reload(); },
    lost: () => { lost = true; },
    deliveries: () => { stream.close(); location.reload(); },
  });
  let lost = false;
  stream.open();
  addEventListener("pagehide", () => stream.close());
}
