// The open overview, fetched anew when something came: its figures are the server's alone.
import { showTimes } from "./comforts.js";
import { Stream } from "./stream.js";

// A flood is shown every two seconds.
const PAUSE = 2000;
const LOST = { 401: "Not live: log in again", 503: "Not live: too many open pages" };

export function startLiveOverview() {
  const part = document.querySelector("[data-live-overview]");
  if (part && "EventSource" in window) new LiveOverview(part).start();
}

class LiveOverview {
  constructor(part) {
    this.part = part;
    this.state = document.querySelector("[data-live-state]");
    this.text = document.querySelector("[data-live-text]");
    this.due = 0;
    this.stale = false;
    this.stream = new Stream(part.dataset.liveOverview, Number(part.dataset.heartbeat), {
      ready: () => {
        this.say("on", "Live");
        if (this.stale) this.soon();
      },
      heartbeat: () => { if (this.stale) this.soon(); },
      deliveries: () => { this.stale = true; this.soon(); },
      lost: (status) => {
        this.stale = true;
        this.say("off", LOST[status] ?? "Reconnecting");
      },
    });
  }

  start() {
    this.state.hidden = false;
    document.addEventListener("visibilitychange", () => (document.hidden ? this.close() : this.stream.open()));
    addEventListener("pagehide", () => this.close());
    addEventListener("pageshow", (event) => { if (event.persisted) this.stream.open(); });
    if (!document.hidden) this.stream.open();
  }

  close() {
    this.stream.close();
    this.stale = true;
  }

  soon() {
    if (!this.due) this.due = setTimeout(() => this.renew(), PAUSE);
  }

  async renew() {
    try {
      const address = location.pathname + location.search;
      const answer = await fetch(address, { headers: { accept: "text/html" }, signal: this.stream.patience });
      if (!answer.ok || answer.redirected) return;
      const page = new DOMParser().parseFromString(await answer.text(), "text/html");
      const fresh = page.querySelector("[data-live-overview]");
      if (fresh) this.replace(document.importNode(fresh, true));
      this.stale = false;
    } catch {
      // The next heartbeat tries again.
    } finally {
      this.due = 0;
    }
  }

  /** What was unfolded stays so, and what had the focus keeps it. */
  replace(fresh) {
    for (const open of this.part.querySelectorAll("details[data-keep][open]")) {
      const same = fresh.querySelector(`details[data-keep="${open.dataset.keep}"]`);
      if (same) same.open = true;
    }
    const before = this.part.contains(document.activeElement) ? nameOf(document.activeElement) : null;
    showTimes(fresh);
    this.part.replaceChildren(...fresh.childNodes);
    if (!before) return;
    const again = [...this.part.querySelectorAll("a, button, summary")].find((one) => nameOf(one) === before);
    again?.focus({ preventScroll: true });
  }

  say(state, text) {
    this.state.dataset.liveState = state;
    this.text.textContent = text;
  }
}

function nameOf(element) {
  return `${element.tagName} ${element.getAttribute("href") ?? element.getAttribute("aria-label") ?? element.textContent}`;
}
