"""How values, numbers and names stand in a message."""

from typing import Any


def show_values(values: Any, most: int = 5) -> str:
    """A few values for a message: `0, 1, 2` or `'cat', 'dog', ...`."""
    shown = ", ".join(repr(value.item() if hasattr(value, "item") else value) for value in values[:most])
    return shown + (", ..." if len(values) > most else "")


def count(number: int, noun: str) -> str:
    """`1 value`, `3 values`."""
    return f"{number:,} {noun}" + ("" if number == 1 else "s")
