"""A trained model in a file for other programs, which is there only once it was read back and gave the same numbers."""

import os
import tempfile
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import keras
import numpy as np

from cheatsheet.common.arguments import known_arguments_only
from cheatsheet.common.warn import warn_user
from cheatsheet.common.words import count, did_you_mean, show_values
from cheatsheet.modelspec import describe_ends
from recipes.running.files import as_path
from recipes.running.saved import UntrustedFileError
from recipes.training.data.checks import require_inputs
from recipes.training.files.export_core import as_tensor, numeric_core, outputs_of, structure_of, with_plain_names
from recipes.training.files.judge import first_line
from recipes.training.files.model_file import compile_as, read_model, write_model
from recipes.training.run import Run
from recipes.training.save import own_objects
from recipes.training.signature import expected_of

FORMATS = {"keras": ".keras", "tf_saved_model": "", "onnx": ".onnx"}  # Keras' names, and how their paths end
OF_ONNX = ("tf2onnx", "onnx", "onnxruntime")
MOST_ROWS = 32  # that are compared
TOLERANCE = 1e-5  # of the largest output
OF_OTHERS = {
    ".h5",
    ".hdf5",
    ".pb",
    ".tflite",
    ".pt",
    ".pth",
    ".pkl",
    ".joblib",
    ".json",
    ".npz",
    ".zip",
    ".safetensors",
}
SAVED_MODEL = {"saved_model.pb", "fingerprint.pb", "variables", "assets"}  # what TensorFlow writes into a folder


@dataclass(frozen=True)
class Export:
    """What was written, and how near its numbers are to the model's.

    Attributes:
        path: The file, or the folder of a SavedModel.
        format: `"keras"`, `"tf_saved_model"` or `"onnx"`.
        inputs: Name, shape and type of each input in the file, in words; with the model's own name for it, or the
            table's, where that is another: other formats take ASCII letters, digits and `_` alone. Of a table's dates
            it says which days the input counts: `when (n, 1) float64 in days since 1970-01-01`.
        classes: The label of each class in the order of the outputs, which no format but ours keeps.
        difference: The largest between the model's own outputs and those of the file, over the largest output.
        num_rows: How many rows were compared.
        note: What the file lacks; empty for nothing.
        words: Of inputs that take the place of a word instead of the word: the words in their order.
        call: How TensorFlow alone calls the SavedModel of a table; empty for others.
    """

    path: Path
    format: str
    inputs: tuple[str, ...]
    classes: Any
    difference: float
    num_rows: int
    note: str = ""
    words: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    call: str = ""

    def __str__(self) -> str:
        lines = [
            f"{self.path}: {self.format}, takes {', '.join(self.inputs)}",
            f"read back, its outputs on {count(self.num_rows, 'row')} differ from the model's by at most "
            f"{self.difference:.1e} of the largest",
        ]
        lines += [self.call] if self.call else []
        lines += [f"classes, in the order of the outputs: {self.classes}"] if self.classes is not None else []
        lines += [self.note] if self.note else []
        lines += [f"{name} takes the place, from 0, in {show_values(known, 8)}" for name, known in self.words.items()]
        return "\n".join(lines)


@known_arguments_only
def export(
    model: Any, path: str | os.PathLike[str], *, format: str | None = None, x: Any = None, overwrite: bool = False
) -> Export:
    """Write a model for other programs: as `.keras`, as a SavedModel of TensorFlow's, or as ONNX.

    What is written is read back by its own reader and compared with the model's outputs, and only then put in its
    place. `"keras"` loads in plain Keras; `"tf_saved_model"` in TensorFlow, its Serving and its Lite, without Keras;
    `"onnx"` in whatever runs ONNX, and needs `pip install "keras-recipes[onnx]"`. ONNX has no text: of a model that
    takes text the numeric core is written, behind the layers that read it, with a line that says so.

    Args:
        model: A `Run`, a `TableRun`, or a built Keras model.
        path: Ends in `.keras` or `.onnx`; of a SavedModel a folder, which is made.
        format: `"keras"`, `"tf_saved_model"` or `"onnx"`; by the end of the path when missing.
        x: Inputs to compare on, as for `fit`, or of a `TableRun` a table with its raw columns, of which the first 32
            rows are used; made up when missing.
        overwrite: Whether what lies there may be replaced.

    Returns:
        An `Export`: `print` says what the file takes and how near it is.

    Raises:
        FileExistsError: for a path where something is, without `overwrite`; for a folder with other files in it.
        ModuleNotFoundError: for ONNX without its packages.
        ValueError: for a model that the format cannot hold, and where the outputs differ by more than 1e-5 of the
            largest; nothing is left there then.
    """
    target, format = _where(path, format, overwrite)
    network, classes, columns, days, rows = _asked_for(model, x)
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=target.parent, prefix=f".{target.name}-") as scratch:
        file, copy = _copied(network, Path(scratch) / "model.keras")
        expected = outputs_of(network, rows)
        inputs, note, words = _inputs_of(copy, columns, days), "", {}
        found = outputs_of(copy, rows)
        if format != "keras":
            difference = _difference(expected, found, "keras", rows)
            if format == "tf_saved_model":
                copy, rows, columns = with_plain_names(copy, rows, columns)
                inputs = _inputs_of(copy, columns, days)
                file, found = _as_saved_model(copy, Path(scratch) / "saved", rows)
            else:
                core = numeric_core(copy, rows, columns)
                copy, rows, columns = with_plain_names(core.model, core.rows, core.names)
                note = core.note
                words = {name: core.words[old] for name, old in columns.items() if old in core.words}
                file, found, inputs = _as_onnx(copy, Path(scratch) / "model.onnx", rows, columns, days)
        difference = _difference(expected, found, format, rows)
        if target.is_dir():  # a SavedModel that may be replaced, and goes with the scratch folder
            os.rename(target, Path(scratch) / "replaced")
        os.replace(file, target)
    if note:
        warn_user(note)
    call = ""
    if days is not None and format == "tf_saved_model":
        end = 'signatures["serving_default"](**columns)["output_0"]'
        call = f"in TensorFlow alone: tf.saved_model.load({str(target)!r}).{end}, of a tensor (n, 1) for each column"
    return Export(target, format, inputs, classes, difference, _num_rows(rows), note, words, call)


def _where(path: Any, format: str | None, overwrite: bool) -> tuple[Path, str]:
    """Find the path and the format that are meant, and whether they may be written."""
    target = as_path(path, "A model is exported to a path. Name it: run.export('wards.keras').")
    if format is None:
        if target.suffix.lower() in OF_OTHERS:
            raise ValueError(
                f"export writes no {target.suffix} files. Received: {str(target)!r}. Name a path that ends in .keras "
                "or .onnx, or a folder for a SavedModel."
            )
        format = next((name for name, end in FORMATS.items() if end and target.suffix.lower() == end), "tf_saved_model")
    if format not in FORMATS:
        raise ValueError(
            f"Unknown format. Received: format={format!r}. Expected one of {', '.join(FORMATS)}."
            f"{did_you_mean(format, FORMATS)}"
        )
    end = FORMATS[format]
    ending = target.suffix.lower()
    if ending != end and (end or ending in (*FORMATS.values(), *OF_OTHERS)):
        asked = f"a path that ends in {end}" if end else "the name of a folder, without such an ending"
        raise ValueError(f"format={format!r} wants {asked}. Received: {str(target)!r}.")
    if format == "onnx" and (missing := [name for name in OF_ONNX if find_spec(name) is None]):
        raise ModuleNotFoundError(
            f'ONNX needs {" and ".join(missing)}, not installed here. Say: pip install "keras-recipes[onnx]".'
        )
    if target.exists():
        if not overwrite:
            raise FileExistsError(f"{target} is there. Name another path, or pass overwrite=True.")
        if target.is_dir() != (format == "tf_saved_model"):
            raise FileExistsError(f"{target} is a {'folder' if target.is_dir() else 'file'}, and stays. Name another.")
        if target.is_dir() and (others := sorted({entry.name for entry in target.iterdir()} - SAVED_MODEL)):
            raise FileExistsError(f"{target} holds other files ({show_values(others, 3)}). Name another folder.")
    return target, format


def _asked_for(model: Any, x: Any) -> tuple[keras.Model, Any, dict[str, str], dict[str, str] | None, Any]:
    """Find the Keras model that is meant, its classes, what its inputs are called elsewhere, and rows to compare on.

    Of a table also the days that its dates are counted in, by column; `None` of others.
    """
    if not isinstance(model, Run | keras.Model) and hasattr(model, "columns"):
        from recipes.tables.run import TableRun

        if isinstance(model, TableRun):
            rows = model.inputs_of(x, most=MOST_ROWS)
            columns = {column.input: column.name for column in model.columns.learnt}
            days = {column.name: column.days for column in model.columns.learnt}
            return model.model, model.classes, columns, days, [rows[tensor.name] for tensor in model.model.inputs]
    network, signature = _network(model)
    classes = None if signature is None else signature.classes
    return network, classes, {}, None, _rows(network, x, signature)


def _network(model: Any) -> tuple[keras.Model, Any]:
    """Find the Keras model that is meant, and what it was trained on."""
    network = model.model if isinstance(model, Run) else model
    if not isinstance(network, keras.Model):
        several = " Of several runs name one: runs.best, or runs.ensemble()." if hasattr(model, "ensemble") else ""
        raise TypeError(f"export takes a Run, a TableRun or a Keras model. Received: {type(model).__name__}.{several}")
    if not network.built:
        raise ValueError("The model has no shape yet: it has never seen data. Train it, or build it with x.")
    if not isinstance(network, keras.Sequential) and not hasattr(network, "inputs"):
        raise ValueError(
            f"{type(network).__name__} does not say which inputs it takes. Make it of keras.Model(inputs, outputs)."
        )
    return network, model.signature if isinstance(model, Run) else expected_of(network)


def _copied(model: keras.Model, path: Path) -> tuple[Path, keras.Model]:
    """Write a model as a `.keras` file, and read it: the copy may be traced and changed, the user's model not."""
    compiled = write_model(model, path)
    if model.compiled and not model.optimizer.built:  # never trained: Keras would not read what it has written
        compile_as(path, compiled := None)
    try:
        return path, read_model(path, own_objects(model), compiled)
    except UntrustedFileError as error:
        raise ValueError(f"This model cannot be exported: {error}.".replace(str(path), "its file")) from None


# --- rows to compare on -------------------------------------------------------------------------------------------


def _rows(model: keras.Model, x: Any, signature: Any) -> Any:
    """Take the first rows of x as the model takes them, or make some up."""
    if x is not None:
        read = require_inputs(describe_ends(model), x, signature)
        return keras.tree.map_structure(lambda array: array[:MOST_ROWS], read)
    rng = np.random.default_rng(0)
    words = [word for layer in model.layers if hasattr(layer, "get_vocabulary") for word in layer.get_vocabulary()]
    layers = [layer for layer in model.layers if isinstance(layer, keras.layers.Normalization)]
    scale = layers[0] if len(model.inputs) == 1 and layers else None
    return keras.tree.map_structure(lambda tensor: _made_up(tensor, scale, words, rng), structure_of(model))


def _made_up(tensor: Any, scale: Any, words: list[Any], rng: np.random.Generator) -> np.ndarray:
    shape = (MOST_ROWS, *(8 if size is None else size for size in tensor.shape[1:]))
    if tensor.dtype == "string":
        return rng.choice(np.array([*map(str, words), "", "a word that it has not met"]), shape)
    if not tensor.dtype.startswith(("float", "bfloat")):
        return rng.integers(2, size=shape).astype(tensor.dtype)
    values = rng.normal(size=shape)
    if scale is not None:  # about where its data were
        values = np.asarray(scale.mean) + values * np.sqrt(np.asarray(scale.variance))
    return values.astype(np.float32)


def _num_rows(rows: Any) -> int:
    return len(keras.tree.flatten(rows)[0])


def _inputs_of(model: keras.Model, names: Mapping[str, str], days: Mapping[str, str] | None) -> tuple[str, ...]:
    return tuple(
        f"{_called(t.name, names)}{_shape(t.shape)} {t.dtype}{_days(t.name, names, days)}" for t in model.inputs
    )


def _days(name: str, names: Mapping[str, str], days: Mapping[str, str] | None) -> str:
    """Say of a table's dates which days the input counts."""
    said = (days or {}).get(names.get(name, name), "")
    return f" in {said}" if said else ""


def _called(name: str, names: Mapping[str, str]) -> str:
    other = names.get(name, name)
    return f"{name} " if other == name else f"{name} (for {other!r}) "


# --- each format, written and read back ---------------------------------------------------------------------------


def _as_saved_model(model: keras.Model, folder: Path, rows: Any) -> tuple[Path, list[np.ndarray]]:
    model.export(folder, format="tf_saved_model", verbose=False)
    read = keras.layers.TFSMLayer(folder, call_endpoint="serve")
    read.autocast = False  # or it would give float32 to inputs of float64
    tensors = keras.tree.map_structure(as_tensor, rows, structure_of(model))
    return folder, [np.asarray(part) for part in keras.tree.flatten(read(tensors))]


def _as_onnx(
    model: keras.Model, path: Path, rows: Any, names: Mapping[str, str], days: Mapping[str, str] | None
) -> tuple[Path, list[np.ndarray], tuple[str, ...]]:
    import onnxruntime

    for layer in model._flatten_layers():
        if isinstance(layer, keras.layers.Normalization):  # its tensors would become inputs of the file
            layer.mean, layer.variance = np.asarray(layer.mean), np.asarray(layer.variance)
    try:
        model(keras.tree.map_structure(as_tensor, rows, structure_of(model)))  # Keras exports what was called
        with warnings.catch_warnings(action="ignore", category=FutureWarning):  # np.object in tf2onnx
            model.export(path, format="onnx", verbose=False)
        session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    except Exception as error:  # whatever a converter cannot do
        raise ValueError(
            f"This model cannot be converted to ONNX ({first_line(error)}). Nothing was written."
        ) from error
    ends = session.get_inputs()
    arrays = dict(zip([tensor.name for tensor in model.inputs], keras.tree.flatten(rows), strict=True))
    if {end.name for end in ends} != {*arrays}:
        if len(ends) != len(arrays):
            extra = show_values([end.name for end in ends if end.name not in arrays])
            raise ValueError(f"ONNX would have inputs that the model has not ({extra}). Nothing was written.")
        arrays = dict(zip([end.name for end in ends], arrays.values(), strict=True))
    types = {"tensor(float)": np.float32, "tensor(double)": np.float64, "tensor(int32)": np.int32,
             "tensor(int64)": np.int64, "tensor(bool)": np.bool_}  # fmt: skip
    feed = {end.name: np.asarray(arrays[end.name], types.get(end.type)) for end in ends}
    found = [np.asarray(part) for part in session.run(None, feed)]
    said = (
        f"{_called(end.name, names)}{_shape((None, *end.shape[1:]))} {end.type}{_days(end.name, names, days)}"
        for end in ends
    )
    return path, found, tuple(said)


def _difference(expected: list[np.ndarray], found: list[np.ndarray], format: str, rows: Any) -> float:
    """Compare outputs; the largest difference over the largest output.

    Raises:
        ValueError: where it is too large.
    """
    if [part.shape for part in expected] != [part.shape for part in found]:
        shapes = [", ".join(map(str, (part.shape for part in parts))) for parts in (found, expected)]
        raise ValueError(f"{format} gives outputs of shape {shapes[0]} instead of {shapes[1]}. Nothing was written.")
    largest = 0.0
    for ours, theirs in zip(expected, found, strict=True):
        known = np.isfinite(ours)
        if not np.array_equal(known, np.isfinite(theirs)):
            raise ValueError(
                f"{format} gives finite outputs where the model does not, or not where it does. Nothing was written."
            )
        if known.any():
            size = float(np.abs(ours[known]).max()) or 1.0
            largest = max(largest, float(np.abs(ours[known].astype(np.float64) - theirs[known]).max()) / size)
    if largest > TOLERANCE:
        raise ValueError(
            f"{format} gives other numbers: on {count(_num_rows(rows), 'row')} they differ by up to {largest:.2g} "
            f"of the largest output, and {TOLERANCE:g} is allowed. Nothing was written."
        )
    return largest


def _shape(shape: Sequence[Any]) -> str:
    sizes = ["n", *("any" if size is None else str(size) for size in shape[1:])]
    return f"({', '.join(sizes)}{',' if len(sizes) == 1 else ''})"
