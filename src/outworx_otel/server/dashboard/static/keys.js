// Keys: "?" shows them. "/" goes to the search; j and k move in the list and from one delivery to the next.
const STEPS = { j: 1, k: -1, ArrowDown: 1, ArrowUp: -1 };
const BESIDE = { j: "next", k: "prev", ArrowRight: "next", ArrowLeft: "prev" };

export function startKeys() {
  const hint = document.querySelector("[data-keys]");
  const dialog = document.querySelector("[data-keys-dialog]");
  if (hint) hint.hidden = false;
  document.querySelector("[data-show-keys]")?.addEventListener("click", () => dialog.showModal());
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || dialog?.open) return;
    const field = event.target.closest?.("input, select, textarea");
    if (field) {
      if (event.key === "Escape") field.blur();
      return;
    }
    if (event.key === "/") {
      const find = document.querySelector("[data-find]");
      if (find) { event.preventDefault(); find.focus(); find.select(); }
    } else if (event.key === "?") {
      event.preventDefault();
      dialog?.showModal();
    } else if (event.key === "u") {
      document.querySelector("[data-back]")?.click();
    } else if (event.key in BESIDE && document.querySelector(".beside")) {
      // Within a part that scrolls by itself the arrows are its own.
      if (event.target === document.body || !event.key.startsWith("Arrow")) {
        document.querySelector(`.beside [rel=${BESIDE[event.key]}]`)?.click();
      }
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
