"""Warnings that point at the user's line, however deep they arise."""

import sys
import warnings

_OURS = ("cheatsheet", "recipes")


def warn_user(message: str, category: type[Warning] = UserWarning) -> None:
    """Warn as if the first caller outside these packages had."""
    level, frame = 1, sys._getframe()
    while frame.f_back is not None and frame.f_globals.get("__name__", "").split(".")[0] in _OURS:
        level, frame = level + 1, frame.f_back
    warnings.warn(message, category, stacklevel=level)
