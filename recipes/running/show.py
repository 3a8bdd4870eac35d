"""How a result looks without matplotlib: in a notebook a table of its key facts and its findings, in text its rows."""

from collections.abc import Iterable, Mapping, Sequence
from html import escape
from typing import Any

from cheatsheet import Finding


def as_html(title: str, facts: Mapping[str, Any], findings: Iterable[Finding] = ()) -> str:
    """Write a result as HTML, all of its text escaped.

    Args:
        title: Above the table.
        facts: What stands in each row; rows whose value is `None` are left out.
        findings: One line each, below.

    >>> as_html("Run", {"epochs": 3, "chance": None})
    '<table><caption>Run</caption><tr><th>epochs</th><td>3</td></tr></table>'
    """
    rows = (
        f"<tr><th>{escape(str(name))}</th><td>{escape(str(value))}</td></tr>"
        for name, value in facts.items()
        if value is not None
    )
    lines = "".join(f"<li>{escape(str(finding))}</li>" for finding in findings)
    listed = f"<ul>{lines}</ul>" if lines else ""
    return f"<table><caption>{escape(str(title))}</caption>{''.join(rows)}</table>{listed}"


def as_columns(rows: Sequence[Sequence[str]]) -> list[str]:
    """Write rows of as many cells each below one another, each column as wide as its widest cell.

    >>> as_columns([("method", "AP50"), ("filter", "0.4")])
    ['method  AP50', 'filter  0.4']
    """
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
