"""Markdown of our own making to a page that prints: headings, lists, tables and paragraphs, nothing else."""

from __future__ import annotations

from collections.abc import Iterator

from aiohttp import web
from markupsafe import Markup, escape

from web.render import render


def plain(text: str) -> str:
    """HTML of a document that this product wrote. Every piece of text is escaped."""
    return "".join(_blocks(text.splitlines()))


def _blocks(lines: list[str]) -> Iterator[str]:
    kind, head = "", []
    for line in [*lines, ""]:
        now = "table" if line.startswith("|") else "list" if line.startswith("- ") else ""
        if kind and now != kind:
            yield "</tbody></table>" if kind == "table" else "</ul>"
        if now == "table":
            cells = [cell.strip() for cell in line.strip("|").split("|")]
            if kind != "table":
                head = cells
                yield _head(cells)
            elif not all(set(cell) <= {"-", " "} for cell in cells):
                yield _row(cells, head)
        elif now == "list":
            yield f"{'' if kind == 'list' else '<ul>'}<li>{escape(line[2:])}</li>"
        elif line.startswith("#"):
            level = len(line) - len(line.lstrip("#"))
            yield f"<h{level}>{escape(line.lstrip('# '))}</h{level}>"
        elif line:
            yield f"<p>{escape(line)}</p>"
        kind = now


def _head(cells: list[str]) -> str:
    made = "".join(f'<th scope="col">{escape(cell)}</th>' for cell in cells)
    return f'<table class="dense cards"><thead><tr>{made}</tr></thead><tbody>'


def _row(cells: list[str], head: list[str]) -> str:
    """On a phone each row is a card, and each cell says which column it is of."""
    named = zip(head, cells, strict=True)
    made = "".join(f'<td data-label="{escape(name)}">{escape(cell)}</td>' for name, cell in named)
    return f"<tr>{made}</tr>"


def document(request: web.Request, body: Markup, *, title: str) -> web.Response:
    return render(request, "console/document.html", body=body, title=title)
