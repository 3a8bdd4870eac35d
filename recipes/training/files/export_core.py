"""A model as formats other than Keras' can hold it: inputs under plain names, and without what reads text."""

import keyword
import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import keras
import numpy as np


def structure_of(model: keras.Model) -> Any:
    """Return the inputs of a model as it takes them: one, a list or a dict."""
    return model.inputs[0] if isinstance(model, keras.Sequential) else model.input


def outputs_of(model: keras.Model, rows: Any) -> list[np.ndarray]:
    """Compute what a model gives for these rows, each output by itself."""
    tensors = keras.tree.map_structure(as_tensor, rows, structure_of(model))
    return [np.asarray(part) for part in keras.tree.flatten(model(tensors, training=False))]


def as_tensor(values: Any, like: Any) -> Any:
    """Give an array, or a tensor, as a tensor of the type that an input has."""
    return keras.ops.convert_to_tensor(values if like.dtype == "string" else np.asarray(values).astype(like.dtype))


def with_plain_names(
    model: keras.Model, rows: Any, names: Mapping[str, str]
) -> tuple[keras.Model, Any, dict[str, str]]:
    """Name the inputs so that TensorFlow's functions can take them: `age (years)` becomes `age_years`.

    Args:
        model: Whatever its inputs are called.
        rows: Its inputs.
        names: What an input is called elsewhere, by its own name.

    Returns:
        The model, its inputs, and by each input's new name what it is called elsewhere, or was called here.
    """
    taken: set[str] = set()
    plain = {tensor.name: _plain(names.get(tensor.name, tensor.name), taken) for tensor in model.inputs}
    called = {plain[name]: names.get(name, name) for name in plain}
    if all(old == new for old, new in plain.items()):
        return model, rows, called
    old = structure_of(model)
    ends = keras.tree.map_structure(
        lambda tensor: keras.Input(batch_shape=tensor.shape, dtype=tensor.dtype, name=plain[tensor.name]), old
    )
    outputs = model(ends)
    if isinstance(ends, dict):
        key = {name: plain[old[name].name] for name in ends}
        ends, rows = ({key[name]: part[name] for name in part} for part in (ends, rows))
    return keras.Model(ends, outputs), rows, called


def _plain(name: str, taken: set[str]) -> str:
    """Make a name of ASCII letters, digits and `_` that is no word of Python's, and that no other input has."""
    ascii_alone = unicodedata.normalize("NFKD", name.replace("ß", "ss")).encode("ascii", "ignore").decode()
    is_plain = re.fullmatch(r"[A-Za-z]\w*", ascii_alone) is not None
    found = ascii_alone if is_plain else re.sub(r"[^A-Za-z0-9]+", "_", ascii_alone).strip("_")
    if not found or not found[0].isalpha() or keyword.iskeyword(found) or found in ("self", "args", "kwargs"):
        found = f"x_{found}".rstrip("_")
    first, number = found, 1
    while found.lower() in taken:
        number += 1
        found = f"{first}_{number}"
    taken.add(found.lower())
    return found


@dataclass(frozen=True)
class Core:
    """A model without what reads text.

    Attributes:
        model: The rest.
        rows: What it is given for the rows to compare on.
        names: What its inputs are called elsewhere.
        note: What to say.
        words: Of inputs that take the place of a word, by what they are called elsewhere: the words.
    """

    model: keras.Model
    rows: Any
    names: dict[str, str]
    note: str = ""
    words: dict[str, tuple[str, ...]] = field(default_factory=dict)


def numeric_core(model: keras.Model, rows: Any, names: Mapping[str, str]) -> Core:
    """Cut off what reads text, which ONNX has not.

    Raises:
        ValueError: where nothing but text is read, or a layer is used more than once.
    """
    if all(tensor.dtype != "string" for tensor in model.inputs):
        return Core(model, rows, {**names})
    cut, readers = [], []
    titles: list[str] = []
    words: dict[str, tuple[str, ...]] = {}
    for layer in model.layers:
        if isinstance(layer, keras.layers.InputLayer):
            continue
        if any(tensor.dtype == "string" for tensor in keras.tree.flatten(layer.input)):
            numbers = [tensor for tensor in keras.tree.flatten(layer.output) if tensor.dtype != "string"]
            cut += numbers
            readers += [layer.name] if numbers else []
            source = keras.tree.flatten(layer.input)[0].name
            is_place = isinstance(layer, keras.layers.StringLookup) and layer.output_mode == "int"
            what = f"{names.get(source, source)} {'index' if is_place else layer.name}"
            titles += [what] * len(numbers)
            if is_place:
                words[what] = tuple(map(str, layer.get_vocabulary()))
    kept = [tensor for tensor in model.inputs if tensor.dtype != "string"]
    core = keras.Model([*cut, *kept], model.outputs)
    before = keras.Model(structure_of(model), [*cut, *kept])
    others = [names.get(tensor.name, tensor.name) for tensor in kept]
    note = (
        f"ONNX has no text, so this is the numeric core: its inputs are what {_some(readers)} "
        f"{'gives' if len(readers) == 1 else 'give'}{', and ' + _some(others) if kept else ''}. "
        "A SavedModel takes the text itself."
    )
    called = {tensor.name: name for tensor, name in zip(core.inputs, [*titles, *others], strict=True)}
    return Core(core, outputs_of(before, rows), called, note, words)


def _some(names: list[str], most: int = 6) -> str:
    return ", ".join(names[:most]) + (f", ... ({len(names)} in all)" if len(names) > most else "")
