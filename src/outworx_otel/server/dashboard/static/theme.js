// Light or dark: the system's choice until the switch is used; then a cookie, so that pages come right at once.
const YEAR = 365 * 24 * 3600;

export function startTheme() {
  const button = document.querySelector("[data-theme-switch]");
  if (!button) return;
  button.hidden = false;
  button.addEventListener("click", () => {
    const next = isDark() ? "light" : "dark";
    document.documentElement.dataset.theme = next;
    document.cookie = `outworx_theme=${next}; path=/; max-age=${YEAR}; samesite=lax`;
  });
}

function isDark() {
  const chosen = document.documentElement.dataset.theme;
  return chosen ? chosen === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
}
