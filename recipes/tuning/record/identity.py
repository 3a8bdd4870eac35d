"""What makes two searches the same: code by its digest, callbacks by their attributes, in values that JSON can say.

Nothing in here depends on the process: no addresses, and no order of sets.
"""

import ast
import functools
import inspect
import math
import textwrap
from collections.abc import Mapping
from types import CodeType
from typing import Any

import keras
import numpy as np

from recipes.running.digests import differing, digest_of, digest_of_text

_OF_THE_MODEL = ("model", "_model", "params")  # that Keras gives to a callback when it is used
MOST_DEPTH = 8  # of attributes inside attributes


def digest_of_code(code: Any) -> str | None:
    """Make a short text that changes with the code of a function, class or object, but not with comments and layout.

    Only with that code itself: not with the functions that it calls, the globals and the values around it that it
    reads, or the attributes of an object. `None` for none.
    """
    if code is None:
        return None
    if isinstance(code, functools.partial):
        return digest_of_text(repr([digest_of_code(code.func), described(code.args), described(code.keywords)]))
    if not inspect.isroutine(code) and not inspect.isclass(code):
        code = type(code)
    compiled = getattr(code, "__code__", None)
    if compiled is not None and compiled.co_name == "<lambda>":  # its source is that of the lines around it
        return digest_of_text(repr(_in_words(compiled)))
    try:
        tree = ast.parse(textwrap.dedent(inspect.getsource(code)))
    except (OSError, TypeError, SyntaxError):  # in an interactive session, and for what is not written in Python
        if compiled is not None:
            return digest_of_text(repr(_in_words(compiled)))
        methods = {
            name: _in_words(member.__code__) for name, member in vars(code).items() if hasattr(member, "__code__")
        } if inspect.isclass(code) else {}  # fmt: skip
        return digest_of_text(repr(methods)) if methods else getattr(code, "__qualname__", None)
    return digest_of_text(ast.dump(tree))


def described(value: Any, depth: int = MOST_DEPTH) -> Any:
    """Describe this value as JSON can say it; what cannot be said is named by its type."""
    if isinstance(value, np.generic):
        value = value.item()
    if value is None or isinstance(value, bool | int | str):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else str(value)  # NaN is not equal to itself
    kind = type(value).__name__
    if isinstance(value, np.ndarray) and value.dtype.kind != "O":
        return [kind, str(value.dtype), list(value.shape), digest_of(value)]
    if isinstance(value, bytes):
        return [kind, digest_of_text(value)]
    if inspect.isroutine(value) or inspect.isclass(value) or isinstance(value, functools.partial):
        return ["code", digest_of_code(value)]
    if isinstance(value, keras.optimizers.schedules.LearningRateSchedule):
        value = value.get_config()
    if depth > 0:
        if isinstance(value, Mapping):
            return {str(key): described(part, depth - 1) for key, part in value.items()}
        if isinstance(value, list | tuple):
            return [described(part, depth - 1) for part in value]
        if isinstance(value, set | frozenset):
            return sorted((described(part, depth - 1) for part in value), key=str)
    return ["a", f"{type(value).__module__}.{type(value).__qualname__}"]


def described_callback(callback: keras.callbacks.Callback) -> list[Any]:
    """Describe a callback by its class, and what it was constructed with: every attribute but the model."""
    kind = type(callback)
    attributes = {
        name: described(value)
        for name, value in sorted(vars(callback).items())
        if name not in _OF_THE_MODEL and not isinstance(value, keras.Model)
    }
    if not kind.__module__.startswith("keras."):
        attributes["its code"] = digest_of_code(kind)
    return [kind.__name__, attributes]


def difference(before: Mapping[str, Any], now: Mapping[str, Any]) -> str:
    """Say which settings of two searches differ, and how; of the same callbacks, which attributes."""
    ours = (before.get("callbacks") or [], now.get("callbacks") or [])
    if ours[0] == ours[1] or [kind for kind, _ in ours[0]] != [kind for kind, _ in ours[1]]:
        return differing(before, now)
    return differing(*(_spread(settings) for settings in (before, now)))


def _spread(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Make each attribute of each callback a setting of its own."""
    found = {name: value for name, value in settings.items() if name != "callbacks"}
    kinds = [kind for kind, _ in settings["callbacks"]]
    for i, (kind, attributes) in enumerate(settings["callbacks"]):
        place = kind if kinds.count(kind) == 1 else f"{kind} {kinds[: i + 1].count(kind)}"
        found |= {f"{place}.{name}": value for name, value in attributes.items()}
    return found


def _in_words(code: CodeType) -> list[Any]:
    """Say what a compiled function does, without the place where it stands."""
    constants = [_in_words(part) if isinstance(part, CodeType) else _constant(part) for part in code.co_consts]
    return [code.co_code.hex(), constants, list(code.co_names), list(code.co_varnames), list(code.co_freevars)]


def _constant(value: Any) -> Any:
    if isinstance(value, frozenset | tuple):
        parts = [str(_constant(part)) for part in value]
        return [type(value).__name__, *(sorted(parts) if isinstance(value, frozenset) else parts)]
    return f"{type(value).__name__} {value!r}"
