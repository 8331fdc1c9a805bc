// A stream of server-sent events that comes back by itself. EventSource alone gives up for good when a proxy answers
// 502, and waits for ever on a connection that died without a word.

const FIRST_WAIT = 1000;
// The page learns within 30 s that a connection is dead: two heartbeats and a half, 10 s each, and no longer wait.
const BEATS = 2.5;
const LONGEST_WAIT = 1.5;

export class Stream {
  /**
   * address: of the stream. heartbeat: seconds, until the stream says otherwise.
   * on: `ready()`, `lost(status)` with the answer's status where there is one, and events by name, given their data.
   */
  constructor(address, heartbeat, on) {
    this.address = address;
    this.beat = heartbeat * 1000;
    this.on = on;
    this.source = null;
    this.waiting = 0;
    this.watching = 0;
    this.failures = 0;
  }

  open() {
    if (this.source || this.waiting) return;
    const source = new EventSource(this.address);
    this.source = source;
    this.watch();
    const hear = (name, told) => source.addEventListener(name, (event) => {
      if (this.source !== source) return;
      this.watch();
      told(JSON.parse(event.data));
    });
    hear("ready", ({ heartbeat }) => {
      this.beat = heartbeat * 1000;
      this.watch();
      this.failures = 0;
      this.on.ready();
    });
    hear("heartbeat", () => this.on.heartbeat?.());
    hear("deliveries", (news) => this.on.deliveries(news));
    hear("full", () => this.lose(503));
    source.addEventListener("error", () => {
      if (this.source === source) this.fail(source.readyState === EventSource.CLOSED);
    });
  }

  close() {
    clearTimeout(this.waiting);
    clearTimeout(this.watching);
    this.waiting = 0;
    this.source?.close();
    this.source = null;
  }

  /** For fetch: it may be given a connection that is dead as well. */
  get patience() {
    return AbortSignal.timeout(this.beat * BEATS);
  }

  /** Anything that comes proves the connection; silence for longer than two heartbeats disproves it. */
  watch() {
    clearTimeout(this.watching);
    this.watching = setTimeout(() => this.lose(), this.beat * BEATS);
  }

  /** EventSource does not tell an answer's status: where there was one, it is asked for. */
  async fail(answered) {
    const source = this.source;
    let status;
    if (answered) {
      source.close();
      try {
        status = (await fetch(this.address, { method: "HEAD", signal: this.patience })).status;
      } catch {
        // Nobody answers any more.
      }
    }
    if (this.source === source) this.lose(status);
  }

  lose(status) {
    this.close();
    const wait = Math.min(FIRST_WAIT * 2 ** this.failures, this.beat * LONGEST_WAIT);
    this.failures += 1;
    // Not all pages are to come back in the same moment.
    this.waiting = setTimeout(() => { this.waiting = 0; this.open(); }, wait * (0.8 + 0.4 * Math.random()));
    this.on.lost?.(status);
  }
}
