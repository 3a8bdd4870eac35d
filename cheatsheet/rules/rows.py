"""Mistakes in what the rows hold: values that are no numbers, their scale, their order, their shares of classes."""

import math
from collections.abc import Iterator

import numpy as np

from cheatsheet.common.words import count, show_values
from cheatsheet.dataspec import DataSpec, Part, called, pair
from cheatsheet.finding import Finding
from cheatsheet.modelspec import InputSpec, LayerSpec, ModelSpec, OutputSpec
from cheatsheet.rules.layers import MOVING, weighted
from cheatsheet.rules.outputs import at_output, judged_outputs, rows_of
from cheatsheet.table import OF_MARGINS, OF_NUMBERS, OF_ONE_CLASS, OF_YES_OR_NO

# Root mean square of a column beyond which a network that starts from Glorot's weights is saturated or slow, and below
# which it sees nothing. Grey values 0..255 have 80 to 150, ages 40, standardised numbers 1.
LARGEST_INPUT, LEAST_INPUT = 30.0, 1e-3
ROWS_LOOKED_AT = 5_000  # for the scale of the columns
# Layers that bring their input to a scale, or take whole numbers for names.
_TAKES_ANY_SCALE = {
    "Normalization", "Rescaling", "BatchNormalization", "LayerNormalization", "GroupNormalization", "UnitNormalization",
    "RMSNormalization", "Embedding", "Discretization", "CategoryEncoding", "Hashing", "HashedCrossing",
    "IntegerLookup", "StringLookup", "TextVectorization", "MelSpectrogram",
}  # fmt: skip
# Layers that pass their input on at the scale that it has.
_KEEPS_SCALE = MOVING | {
    "InputLayer", "Dropout", "GaussianNoise", "GaussianDropout", "SpatialDropout1D", "SpatialDropout2D", "Masking",
    "RandomFlip", "RandomRotation", "RandomZoom", "RandomTranslation", "RandomContrast", "RandomCrop", "Resizing",
    "CenterCrop", "ZeroPadding1D", "ZeroPadding2D", "ZeroPadding3D", "Concatenate", "GetItem",
}  # fmt: skip
# Validation on the end of the rows: a share of a class there may differ from that before by this many standard errors.
SIGMAS_OF_ORDER = 6.0
FEWEST_OF_ORDER = 20  # distinct numbers, so that their order cannot be chance
MOST_RARE = 0.1  # share of the rows below which a class is rare: accuracy is 0.9 without it


def not_finite(model: ModelSpec, data: DataSpec) -> list[Finding]:
    """Find NaN and infinity in x, y or the weights: one of them makes the whole loss NaN (SO 53640858)."""
    found = []
    for name, parts in (("x", data.x), ("y", data.y), ("sample_weight", data.sample_weight)):
        for part in parts:
            if part.array.dtype.kind != "f" or part.array.size == 0 or part.is_finite:
                continue
            bad = ~np.isfinite(part.array)
            row = int(np.unravel_index(int(np.argmax(bad)), bad.shape)[0])
            what = "NaN" if np.isnan(part.array[bad][0]) else "infinity"
            message = (
                f"{called(name, part, parts)} has {count(int(bad.sum()), 'value')} not finite; the first is {what} in "
                f"row {row}. One makes the whole loss NaN, and Keras does not say why."
            )
            fix = f"drop those rows, or fill them: np.nan_to_num({name})" if name == "x" else "drop those rows"
            found.append(Finding("not_finite", "error", message, fix, where=data.where))
    return found


def unscaled_x(model: ModelSpec, data: DataSpec) -> list[Finding]:
    """Say of inputs far from 1 in size that nothing in the model brings them to scale (SO 39525358, 48594888)."""
    found = []
    for taken, part in pair(model.inputs, data.x) if model.inputs else _sole_input(model, data):
        first, scale, offset = _first_layers(model, taken)
        if not first or part.array.dtype.kind not in "uif" or len(part.array) == 0:
            continue
        if not all(layer.is_trainable and _minds_scale(layer) for layer in first):
            continue  # the scale of frozen weights was set elsewhere
        rows = offset + scale * part.array[:: -(-len(part.array) // ROWS_LOOKED_AT)].astype(np.float64)
        columns = rows.reshape(len(rows), -1) if rows.ndim <= 2 else rows.reshape(-1, 1)  # pixels are of one kind
        sizes = np.sqrt(np.mean(columns**2, axis=0))
        largest, overall = float(sizes.max()), float(np.sqrt(np.mean(sizes**2)))
        if not math.isfinite(overall) or overall == 0 or (largest <= LARGEST_INPUT and overall >= LEAST_INPUT):
            continue
        name = called("x", part, data.x)
        if largest > LARGEST_INPUT:
            many = int((sizes > LARGEST_INPUT).sum())
            which = f"{many} of {len(sizes)} columns of {name} are" if len(sizes) > 1 else f"{name} is"
            message = f"{which} of order {largest:.2g}, where layers that start from random weights expect 1."
        else:
            message = f"{name} is of order {overall:.2g}, where layers that start from random weights expect 1."
        is_bytes = part.low >= 0 and 1 < part.high <= 255 and rows.ndim > 2
        fix = (
            f"divide by 255, or put keras.layers.Rescaling(1 / {part.high:g}) first"
            if is_bytes
            else "put a keras.layers.Normalization first and adapt it to x (build_model(x=x) does)"
        )
        found.append(Finding("unscaled_x", "warning", message, fix, where=data.where))
    return found


def _sole_input(model: ModelSpec, data: DataSpec) -> Iterator[tuple[None, Part]]:
    if len(data.x) == 1 and model.kind == "Sequential":
        yield None, data.x[0]


def _first_layers(model: ModelSpec, taken: InputSpec | None) -> tuple[list[LayerSpec], float, float]:
    """Find the layers that first compute with an input, and the scale and offset at which they are given it.

    Returns:
        The layers behind those that pass the input on (none where that is not known), a factor and a summand.
    """
    if not model.layers or (model.layers[0].after is None and model.layers[0].kind != "InputLayer"):
        return [], 1.0, 0.0
    name = taken.layer if taken is not None else None
    reached = {layer.name for layer in model.layers if layer.kind == "InputLayer" and layer.name == name}
    first, scale, offset = [], 1.0, 0.0
    for layer in model.layers:
        reads_input = (not layer.after and layer.kind != "InputLayer") or bool(reached & {*(layer.after or ())})
        if not reads_input:
            continue
        rescales = layer.kind in ("Rescaling", "Normalization") and {"scale", "offset"} <= {
            *layer.settings
        }  # not one for each column
        if rescales:
            scale, offset = layer.settings["scale"] * scale, layer.settings["offset"] + layer.settings["scale"] * offset
        is_passed_on = layer.kind in _KEEPS_SCALE or (layer.kind == "Activation" and layer.activation == "linear")
        if rescales or is_passed_on:
            reached.add(layer.name)
        else:
            first.append(layer)
    return first, scale, offset


def _minds_scale(layer: LayerSpec) -> bool:
    return layer.is_keras and weighted(layer) and layer.kind not in _TAKES_ANY_SCALE


def embedding_range(model: ModelSpec, data: DataSpec) -> list[Finding]:
    """Find numbers of words that an Embedding has no row for: an error on a CPU, zeros on a GPU."""
    found = []
    for taken, part in pair(model.inputs, data.x) if model.inputs else _sole_input(model, data):
        first, scale, offset = _first_layers(model, taken)
        sizes = [layer.settings["input_dim"] for layer in first if layer.kind == "Embedding" and layer.is_keras]
        if not sizes or len(sizes) < len(first) or (scale, offset) != (1.0, 0.0) or not part.is_number:
            continue
        if not part.is_finite or (part.low >= 0 and part.high < min(sizes) and part.array.dtype.kind != "f"):
            continue
        name = called("x", part, data.x)
        if part.low < 0 or part.high >= min(sizes):
            message = f"{name} runs from {part.low:g} to {part.high:g}, but the Embedding has rows for 0 .. "
            message += f"{min(sizes) - 1}."
            fix = f"use Embedding(input_dim={int(part.high) + 1}, ...), or number the words from 0"
            found.append(Finding("embedding_range", "error", message, fix, where=data.where))
        elif not part.is_whole:
            message = f"{name} holds fractions, and the Embedding takes their whole part for the number of a word."
            fix = "pass whole numbers; for quantities use Dense"
            found.append(Finding("embedding_range", "error", message, fix, where=data.where))
    return found


def ordered_rows(model: ModelSpec, data: DataSpec) -> list[Finding]:
    """Find sorted rows of which Keras would validate on the end: it takes that before it shuffles (keras #8346)."""
    found = []
    if not 0 < data.validation_split < 1:
        return []
    for output, part in judged_outputs(model, data):
        if part is None or not part.is_number or not part.is_finite or len(part.array) < 4:
            continue
        held = len(part.array) - int(len(part.array) * (1 - data.validation_split))
        told = _order_of(output, part, held)
        if told is None:
            continue
        severity, message = told
        fix = "shuffle first: order = np.random.permutation(len(x)); x, y = x[order], y[order] (recipes.fit does it)"
        found.append(at_output("ordered_rows", severity, message, fix, model, output, data))
    return found


def _order_of(output: OutputSpec, part: Part, held: int) -> tuple[str, str] | None:
    """Say how the last rows differ from those before; `None` where they do not."""
    y = part.array
    if rows_of(output, part) == "one_hot" and y.ndim == 2:
        y = y.argmax(axis=1)
    elif not part.is_one_per_row:
        return None
    y = y.reshape(-1)
    train, end = y[:-held], y[-held:]
    if output.loss in OF_NUMBERS:
        steps = np.diff(y.astype(np.float64))
        if ((steps >= 0).all() or (steps <= 0).all()) and len(np.unique(y)) >= FEWEST_OF_ORDER:
            return "warning", (
                f"y is sorted, so that the last {held} rows, on which Keras validates, hold values "
                f"({end.min():.4g} to {end.max():.4g}) that training never sees."
            )
        return None
    labels, place = np.unique(y, return_inverse=True)
    if len(labels) > len(y) // 4:
        return None
    before = np.bincount(place[:-held], minlength=len(labels))
    after = np.bincount(place[-held:], minlength=len(labels))
    unseen = labels[(before == 0) & (after > 0)]
    if len(unseen):
        return "error", (
            f"Keras validates on the last {held} rows, which hold the classes {show_values(unseen)}; none of the rows "
            "before them does."
        )
    share = before / len(train)
    error = np.sqrt(np.maximum(share * (1 - share), 1 / len(train)) * (1 / len(end) + 1 / len(train)))
    off = np.abs(after / len(end) - share) / error
    if off.max() <= SIGMAS_OF_ORDER:
        return None
    worst = int(off.argmax())
    alone = after.max() == len(end)
    return ("error" if alone else "warning"), (
        f"Keras validates on the last {held} rows, of which {after[worst] / len(end):.0%} are of class "
        f"{show_values(labels[worst : worst + 1])}; of the rows before it is {share[worst]:.0%}: the rows are in order."
    )


def imbalance(model: ModelSpec, data: DataSpec) -> list[Finding]:
    """Say of a rare class that accuracy hides it (keras #5335)."""
    found = []
    if data.class_weight is not None or data.sample_weight:
        return []
    for output, part in judged_outputs(model, data):
        of_classes = output.loss in OF_ONE_CLASS | OF_YES_OR_NO | OF_MARGINS
        if not of_classes or part is None or data.restores or not part.is_whole:
            continue
        if rows_of(output, part) == "one_hot" and part.array.ndim == 2:
            counts = part.array.sum(axis=0)
            labels = np.flatnonzero(counts)  # `empty_class`
            counts = counts[labels]
        elif part.is_one_per_row:
            labels, counts = part.labels
        else:
            continue
        if not 2 <= len(counts) <= len(part.array) // 10 or not counts.min() < MOST_RARE * len(part.array) * (
            2 / len(counts)
        ):
            continue
        rare, common = int(counts.argmin()), counts.max() / len(part.array)
        message = (
            f"Class {labels[rare]:g} is {counts[rare] / len(part.array):.1%} of the rows; always saying the commonest "
            f"one is right in {common:.0%}."
        )
        fix = "watch AUC or balanced accuracy, or pass class_weight (recipes.fit takes class_weight='balanced')"
        found.append(at_output("imbalance", "info", message, fix, model, output, data))
    return found


def class_weight(model: ModelSpec, data: DataSpec) -> list[Finding]:
    """Find weights of classes that y does not hold, or that Keras cannot apply."""
    weights = data.class_weight
    if weights is None:
        return []
    if not isinstance(weights, dict):
        message = f"Keras takes class_weight as a dict from class numbers to weights. Received: {weights!r}."
        fix = "pass {0: 1.0, 1: 5.0} (recipes.fit reads 'balanced')"
        return [Finding("class_weight", "error", message, fix)]
    if len(model.outputs) > 1:
        message = "Keras takes class_weight for models with one output alone."
        return [Finding("class_weight", "error", message, "pass sample_weight for each output")]
    for output, part in judged_outputs(model, data):
        if output.loss in OF_NUMBERS:
            message = f"class_weight stands beside {output.loss}, which has no classes."
            return [Finding("class_weight", "error", message, "pass sample_weight")]
        if part is None or not part.is_whole:
            continue
        held = range(part.array.shape[-1]) if rows_of(output, part) == "one_hot" else part.labels[0].tolist()
        strange = [label for label in weights if label not in held]
        if strange:
            message = f"class_weight has weights for {show_values(strange)}, which y does not hold."
            fix = "use the numbers of the classes as they stand in y"
            return [Finding("class_weight", "warning", message, fix)]
    return []
