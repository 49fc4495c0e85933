"""Write the table of file formats into its page: python -m tools.formats."""

from __future__ import annotations

from pathlib import Path

from gifnet.io.formats import FORMATS, KEPT, Format

PAGE = Path(__file__).resolve().parent.parent / "docs" / "formats.md"
BEGIN, END = "<!-- table of formats: python -m tools.formats -->", "<!-- end of the table -->"
_HEAD = ("format", "suffixes", "written", "place", "nodata", *KEPT, "extra")


def table() -> str:
    """Return the formats as a table in Markdown."""
    rows = [_HEAD, ("---",) * len(_HEAD), *map(_row, FORMATS)]
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


def _row(form: Format) -> tuple[str, ...]:
    marks = (form.place, form.nodata, *(name in form.keeps for name in KEPT))
    suffixes = " ".join(f"`{suffix}`" for suffix in form.suffixes)
    written = form.contents if form.written else "no"
    extra = f"`[{form.extra or form.package}]`" if form.package else ""
    return (form.name, suffixes, written, *("yes" if mark else "" for mark in marks), extra)


def page_with_table(page: str) -> str:
    """Return the page with its table made anew."""
    before, rest = page.split(BEGIN)
    after = rest.split(END)[1]
    return f"{before}{BEGIN}\n\n{table()}\n\n{END}{after}"


if __name__ == "__main__":
    PAGE.write_text(page_with_table(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
