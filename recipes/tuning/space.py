"""What is searched, by name: the lecture's two groups of hyperparameters, or a dictionary of one's own.

An entry is a list (one of these), a pair (low, high), a triple (low, high, step) or (low, high, "log"), or a single
value that is fixed. `hp` is keras-tuner's `HyperParameters` throughout.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from cheatsheet.common.words import did_you_mean

Entry = Any
Entries = dict[str, Entry]

ARCHITECTURE = ("num_layers", "units", "filters", "kernel_size", "latent", "activation", "dropout")
TRAINING = ("optimizer", "learning_rate", "weight_decay", "batch_size")
GROUPS = {"architecture": ARCHITECTURE, "training": TRAINING}
# What each body that this package builds is searched over.
OF_BODY = {
    "mlp": ("num_layers", "units", "activation", "dropout", *TRAINING),
    "cnn": ("num_layers", "filters", "kernel_size", "units", "activation", "dropout", *TRAINING),
    "sequence": ("num_layers", "filters", "kernel_size", "units", "activation", "dropout", *TRAINING),
    "dense": ("num_layers", "units", "latent", "activation", *TRAINING),
    "conv": ("num_layers", "filters", "latent", "activation", *TRAINING),
}
# Rows below which a wider or deeper network has more weights than the data can settle: rules of thumb.
SMALL, LARGE = 200, 10_000


def entries_of(
    space: str | Mapping[str, Entry] | None, body: str, names: Sequence[str], default: Mapping[str, Entry]
) -> Entries:
    """Find which hyperparameters are searched, and over which values.

    Args:
        space: `"architecture"`, `"training"`, a dictionary of entries, or `None` for both groups.
        body: What is searched, as the user named it.
        names: The hyperparameters that it has.
        default: The values of those that are searched when nobody says.

    Raises:
        ValueError: for a name that the body does not have, and an entry that is none.
    """
    if isinstance(space, Mapping):
        return {name: _checked(name, entry, body, names) for name, entry in space.items()}
    if space is not None and space not in GROUPS:
        raise ValueError(
            f"Unknown space. Received: space={space!r}. Expected 'architecture', 'training', a dictionary such as "
            "{'units': [16, 64], 'learning_rate': (1e-4, 1e-2, 'log')}, or None for both."
        )
    group = (*ARCHITECTURE, *TRAINING) if space is None else GROUPS[space]
    found = {name: default[name] for name in group if name in default}
    if not found:
        raise ValueError(f"body={body!r} has nothing to search in space={space!r}. Expected 'training'.")
    return found


def ask(hp: Any, entries: Mapping[str, Entry]) -> dict[str, Any]:
    """Ask for each entry's value in this trial, by keras-tuner's choice; `units` of several layers as `units_1`, ..."""
    values: dict[str, Any] = {}
    for name, entry in entries.items():
        if name == "units" and _is_per_layer(entries):
            most = _largest(entries["num_layers"])
            for i in range(1, most + 1):
                with hp.conditional_scope("num_layers", list(range(i, most + 1))):
                    value = _ask_one(hp, f"units_{i}", entry)
                if value is not None:  # there is such a layer in this trial
                    values[f"units_{i}"] = value
        else:
            values[name] = _ask_one(hp, name, entry)
    return values


def describe(entries: Mapping[str, Entry]) -> str:
    """Describe the space in words, for the line before a search."""
    texts = []
    for name, entry in entries.items():
        if isinstance(entry, list):
            texts.append(f"{name} of {', '.join(map(str, entry))}")
        elif isinstance(entry, tuple):
            rest = {"log": ", on a log scale"}.get(str(entry[2]), f" in steps of {entry[2]}") if entry[2:] else ""
            texts.append(f"{name} {entry[0]:g} to {entry[1]:g}{rest}")
        else:
            texts.append(f"{name} {entry}")
    return "; ".join(texts)


def defaults(body: str, shape: tuple[int, ...], num_rows: int, batch_size: int) -> Entries:
    """Give sensible values of a network's hyperparameters for data of this size.

    Args:
        body: One of `OF_BODY`.
        shape: Of one example.
        num_rows: Training rows; small data get small networks.
        batch_size: The middle of the batch sizes.
    """
    widest = 32 if num_rows < SMALL else 128 if num_rows < LARGE else 512
    entries: Entries = {
        "num_layers": (1, 3),
        "units": (16, widest, 16),
        "activation": ["relu", "tanh"],
        "dropout": (0.0, 0.5, 0.1),
        "optimizer": ["adam", "rmsprop"],
        "learning_rate": (1e-4, 1e-2, "log"),
        "weight_decay": (1e-5, 1e-1, "log"),
        "batch_size": sorted({max(1, batch_size // 2), batch_size, batch_size * 2}),
    }
    if body in ("cnn", "conv"):
        deepest = max(1, min(3, _halvings(shape, exactly=body == "conv")))
        entries |= {"num_layers": (1, deepest), "filters": [8, 16, 32], "kernel_size": [3, 5]}
        entries["units"] = [32, 64, 128]
    if body == "sequence":
        deepest = max(1, min(3, int(np.log2(shape[0] if shape else 1))))
        entries |= {
            "num_layers": (1, deepest),
            "filters": [16, 32, 64],
            "kernel_size": [3, 5, 9],
            "units": [32, 64, 128],
        }
    if body in ("dense", "conv"):
        values = int(np.prod(shape))
        entries["latent"] = [size for size in (2, 4, 8, 16, 32, 64) if size < values] or [1]
        entries["units"] = [64, 128, 256]  # of the first layer; each further one has half
    return {name: entries[name] for name in OF_BODY[body]}


def _halvings(shape: tuple[int, ...], *, exactly: bool) -> int:
    """Count how often an image's sides can be halved."""
    sides = shape[:2] or (1,)
    if exactly:
        return min((side & -side).bit_length() - 1 for side in sides)
    return int(np.log2(min(sides)))


def _checked(name: str, entry: Entry, body: str, names: Sequence[str]) -> Entry:
    if name not in names:
        raise ValueError(
            f"body={body!r} has no hyperparameter {name!r}. It has {', '.join(names)}." + did_you_mean(name, names)
        )
    if isinstance(entry, np.ndarray | range):
        entry = list(entry)
    if isinstance(entry, list):
        if not entry or len({type(value) for value in entry} - {int, float}) > 1:
            raise ValueError(f"space[{name!r}] must list values of one type. Received: {entry!r}.")
        return [value.item() if isinstance(value, np.generic) else value for value in entry]
    if isinstance(entry, tuple):
        numbers = [value for value in entry[:2] if isinstance(value, int | float) and not isinstance(value, bool)]
        if len(entry) not in (2, 3) or len(numbers) != 2 or not numbers[0] < numbers[1]:
            raise ValueError(
                f"space[{name!r}] as a tuple is (low, high), (low, high, step) or (low, high, 'log'), low < high. "
                f"Received: {entry!r}. For a choice of values write a list."
            )
        if entry[2:] == ("log",) and entry[0] <= 0:
            raise ValueError(f"space[{name!r}] has a log scale, which needs low > 0. Received: {entry!r}.")
        if entry[2:] and entry[2] != "log" and (isinstance(entry[2], str) or not entry[2] > 0):
            raise ValueError(f"space[{name!r}] has the step {entry[2]!r}. Expected a number above 0, or 'log'.")
    return entry


def _is_per_layer(entries: Mapping[str, Entry]) -> bool:
    return "num_layers" in entries and not {"filters", "latent"} & set(entries)


def _largest(entry: Entry) -> int:
    if isinstance(entry, list):
        return max(entry)
    return entry[1] if isinstance(entry, tuple) else entry


def _ask_one(hp: Any, name: str, entry: Entry) -> Any:
    if isinstance(entry, list):
        return hp.Choice(name, entry)
    if not isinstance(entry, tuple):
        return hp.Fixed(name, entry)
    low, high, rest = entry[0], entry[1], entry[2:]
    sampling = "log" if rest == ("log",) else "linear"
    if isinstance(low, int) and isinstance(high, int):
        return hp.Int(name, low, high, step=int(rest[0]) if rest and sampling == "linear" else None, sampling=sampling)
    step = float(rest[0]) if rest and sampling == "linear" else None
    return hp.Float(name, float(low), float(high), step=step, sampling=sampling)
