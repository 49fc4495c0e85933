"""HTML as nested calls, escaped on the way."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape


class Html(str):
    """Text in HTML, which is not escaped again."""

    __slots__ = ()


def join(parts: Iterable[str]) -> Html:
    """Return the concatenation of texts and elements, with texts escaped."""
    return Html("".join(part if isinstance(part, Html) else escape(part) for part in parts))


def tag(name: str, *content: str, **attributes: str) -> Html:
    """Return an element; an attribute of Python's reserved words ends in an underscore."""
    given = "".join(f' {k.rstrip("_")}="{escape(v)}"' for k, v in attributes.items() if v)
    end = "" if name == "img" else f"</{name}>"
    return Html(f"<{name}{given}>{join(content)}{end}")


def table(head: Iterable[str], rows: Iterable[Sequence[str]], kind: str = "") -> Html:
    """Return a table. Cells are texts, or whole <td> elements."""
    body = [
        tag("tr", *(c if c.startswith("<td") else tag("td", c) for c in cells)) for cells in rows
    ]
    top = tag("thead", tag("tr", *(tag("th", cell) for cell in head)))
    return tag("div", tag("table", top, tag("tbody", *body), class_=kind), class_="scroll")
