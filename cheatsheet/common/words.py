"""How values, numbers and names stand in a message."""

from collections.abc import Iterable
from difflib import get_close_matches
from typing import Any

LONGEST = 60  # letters of a text that is shown


def show_values(values: Any, most: int = 5) -> str:
    """Write a few values for a message: `0, 1, 2` or `'cat', 'dog', ...`."""
    shown = ", ".join(_shown(value.item() if hasattr(value, "item") else value) for value in values[:most])
    return shown + (", ..." if len(values) > most else "")


def _shown(value: Any) -> str:
    """Write a value as Python does, and of a long text its beginning."""
    return repr(value if not isinstance(value, str) or len(value) <= LONGEST else f"{value[: LONGEST - 1]}…")


def digits(value: Any) -> str:
    """Write a measured number with four digits, and those of a list of them side by side.

    >>> digits(0.123456), digits([0.5, 1 / 3])
    ('0.1235', '[0.5, 0.3333]')
    """
    if hasattr(value, "tolist"):
        value = value.tolist()
    return f"[{', '.join(map(digits, value))}]" if isinstance(value, list | tuple) else f"{value:.4g}"


def count(number: int, noun: str) -> str:
    """Write a number with its noun in singular or plural: `1 value`, `3 values`, `2 classes`, `2 categories`."""
    if number == 1:
        return f"1 {noun}"
    if noun.endswith("ss"):
        return f"{number:,} {noun}es"
    return f"{number:,} {noun[:-1]}ies" if noun.endswith("ry") else f"{number:,} {noun}s"


def did_you_mean(word: Any, known: Iterable[str]) -> str:
    """Write ` Did you mean 'adam'?`, with a space before it, where one of the known words is close; else nothing."""
    names = [*known]
    lowered = {name.lower(): name for name in reversed(names)}
    close = get_close_matches(str(word), names, n=1) or [
        lowered[name] for name in get_close_matches(str(word).lower(), lowered, n=1)
    ]
    return f" Did you mean {close[0]!r}?" if close else ""
