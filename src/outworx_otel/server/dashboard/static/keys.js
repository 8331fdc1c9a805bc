// Keys: "/" goes to the search, j and k (or the arrows, once a row has the focus) move in the list, Enter opens.
const STEPS = { j: 1, k: -1, ArrowDown: 1, ArrowUp: -1 };

export function startKeys() {
  const hint = document.querySelector("[data-keys]");
  if (hint) hint.hidden = false;
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const field = event.target.closest?.("input, select, textarea");
    if (field) {
      if (event.key === "Escape") field.blur();
      return;
    }
    if (event.key === "/") {
      const find = document.querySelector("[data-find]");
      if (find) { event.preventDefault(); find.focus(); find.select(); }
    } else if (event.key in STEPS) {
      move(event, STEPS[event.key]);
    }
  });
}

function move(event, step) {
  const links = [...document.querySelectorAll("[data-list] tbody .stretched")];
  const here = links.indexOf(document.activeElement);
  // The arrows scroll, until somebody is in the list.
  if (!links.length || (here < 0 && event.key.startsWith("Arrow"))) return;
  event.preventDefault();
  const next = links[here < 0 ? 0 : Math.min(Math.max(here + step, 0), links.length - 1)];
  next.focus({ preventScroll: true });
  next.closest("tr").scrollIntoView({ block: "nearest" });
}
