"""How a result looks in a notebook, without matplotlib: a table of its key facts, and its findings below."""

from collections.abc import Iterable, Mapping
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
