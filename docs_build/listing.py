"""`llms.txt`, which lists the pages' texts for programs (https://llmstxt.org)."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

_HEADING = re.compile(r"^# (.+)$", re.MULTILINE)


def llms_txt(settings: dict[str, Any], docs: Path) -> str:
    """The list, in the navigation's order, with the first sentence of each page."""
    lines = [f"# {settings['site_name']}", "", f"> {settings['site_description']}", ""]
    lines += ["Each page is plain Markdown at the address of its .html with .md instead.", ""]
    for entry in settings["nav"]:
        if isinstance(entry, str):
            lines += [_line(docs, entry), ""]
            continue
        ((section, pages),) = entry.items()
        lines += [f"## {section}", ""]
        lines += [_line(docs, page) for page in ([pages] if isinstance(pages, str) else pages)]
        lines.append("")
    lines += ["## Optional", ""]
    for folder in ("providers", "decisions"):
        others = sorted(page for page in (docs / folder).glob("*.md") if page.name != "index.md")
        lines += [_line(docs, page.relative_to(docs).as_posix()) for page in others]
    return "\n".join(lines) + "\n"


def _line(docs: Path, page: str) -> str:
    text = (docs / page).read_text(encoding="utf-8")
    title = _HEADING.search(text)
    name = title[1].replace("`", "") if title else page
    return f"- [{name}]({page}): {first_sentence(text)}"


def first_sentence(text: str) -> str:
    """The first sentence of a page's text; a colon ends one, too."""
    blocks = re.sub(r"^```.*?^```$", "", text, flags=re.MULTILINE | re.DOTALL).split("\n\n")[1:]
    plain = next((one for one in blocks if one[:1].isalpha() or one[:1] in ("`", "*", "[")), "")
    plain = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", plain.replace("*", "").replace("\n", " "))
    return re.split(r"(?<=[.:!?]) ", plain)[0].rstrip(":.") + ("." if plain else "")
