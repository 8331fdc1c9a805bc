"""`python -m docs_build` writes what is made from the code. A test fails where that was forgotten."""

from __future__ import annotations

from docs_build.written import superfluous, written

for page in superfluous():
    page.unlink()
for page, text in written().items():
    page.write_text(text, encoding="utf-8")
