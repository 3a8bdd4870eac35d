"""The part of the model that turns the columns of a table into numbers: Keras' own layers and operations alone.

It learns nothing by gradients: medians, quantiles and categories are found on the training rows. It runs once over the
rows before the training, and is the front of the model that is saved, which so takes raw columns in any process.
"""

from collections.abc import Mapping
from typing import Any

import keras
import numpy as np

from recipes.tables.columns.column import Column, Columns

CLIP = 3.0  # x / sqrt(1 + (x/3)^2): RealMLP's smooth clip (Holzmueller et al. 2024, arXiv 2407.04491)
DAYS = {"day": 1.0, "week": 7.0, "year": 365.2425}
ROWS_AT_ONCE = 8192


def build_preprocessing(columns: Columns, rows: Mapping[str, np.ndarray], *, num_bins: int) -> keras.Model:
    """Build the model that turns columns into features, from the rows that train.

    A number gives `x/√(1+(x/3)²)` of its distance from the median in units of the interquartile range, and a
    piecewise-linear code (Gorishniy et al. 2022, arXiv 2203.05556): for the bin between two quantiles `a` and `b`,
    `(x − a) / (b − a)` clipped to 0..1. A date gives the same of its days, and sine and cosine of the year, the week
    and the day. A category gives one place each; one that the training rows lack is an average of those they have.
    What is missing is the median, and 1 in a feature of its own.

    Args:
        columns: The decisions.
        rows: Values of each learnt column, as `values_of` gives them.
        num_bins: Of a number, at most.

    Returns:
        A model with one input `(n, 1)` for each learnt column, float64 or string, by `Column.input`; and one output,
        float32 `(n, features)`.
    """
    inputs = {column.input: keras.Input((1,), name=column.input, dtype=_dtype(column)) for column in columns.learnt}
    of_numbers = [column for column in columns.learnt if column.kind != "category"]
    parts = []
    if of_numbers:
        values = np.stack([rows[column.name] for column in of_numbers], axis=1)
        raw = _joined([inputs[column.input] for column in of_numbers], "float64", "numbers")
        parts += _of_numbers(raw, values, of_numbers, num_bins)
    for column in columns.learnt:
        if column.kind == "category":
            parts.append(_of_category(inputs[column.input], rows[column.name], column, len(parts)))
    return keras.Model([*inputs.values()], _joined(parts, "float32", "features"), name="preprocessing")


def as_inputs(
    columns: Columns, rows: Mapping[str, np.ndarray], start: int = 0, stop: int | None = None
) -> dict[str, Any]:
    """Give the model's inputs by name, tensors `(n, 1)`, of the rows from start to stop."""
    found = {}
    for column in columns.learnt:
        values = rows[column.name][start:stop, None]
        found[column.input] = keras.ops.convert_to_tensor(values, dtype=_dtype(column))
    return found


def made_up_rows(columns: Columns, number: int) -> dict[str, np.ndarray]:
    """Make up values of the learnt columns, within what the training had and with a gap in each, to try a model on."""
    rng = np.random.default_rng(0)
    found = {}
    for column in columns.learnt:
        if column.kind == "category":
            found[column.name] = rng.choice(
                np.array([*column.categories, "", "a word that it has not met"], object), number
            )
            continue
        low, high = (0.0, 1.0) if column.kind == "boolean" else (column.low or 0.0, column.high or 0.0)
        values = rng.uniform(low, high, number)
        found[column.name] = np.where(
            rng.random(number) < 0.1, np.nan, np.round(values) if column.kind == "boolean" else values
        )
    return found


def outputs_of(model: keras.Model, columns: Columns, rows: Mapping[str, np.ndarray]) -> np.ndarray:
    """Compute what a model gives for these rows, some thousands at once."""
    number = len(next(iter(rows.values())))
    parts = [
        keras.ops.convert_to_numpy(model(as_inputs(columns, rows, start, start + ROWS_AT_ONCE), training=False))
        for start in range(0, number, ROWS_AT_ONCE)
    ]
    return np.concatenate(parts)


def _dtype(column: Column) -> str:
    return "string" if column.kind == "category" else "float64"


def _joined(parts: list[Any], dtype: str, name: str) -> Any:
    if len(parts) == 1:
        return keras.layers.Identity(dtype=dtype, name=name)(keras.ops.cast(parts[0], dtype))
    return keras.layers.Concatenate(dtype=dtype, name=name)(parts)


def _of_numbers(raw: Any, values: np.ndarray, columns: list[Column], num_bins: int) -> list[Any]:
    """Turn numbers `(n, columns)` in float64 into features; what is computed in float64 is rounded last."""
    is_missing = keras.ops.isnan(raw)
    medians = np.nanmedian(values, axis=0)
    known = keras.ops.where(is_missing, medians[None], raw)  # (n, columns)
    scales = [_scale(values[:, i], column) for i, column in enumerate(columns)]
    offset, factor = np.array([-center * by for center, by in scales]), np.array([by for _, by in scales])
    scaled = keras.layers.Rescaling(factor.tolist(), offset.tolist(), dtype="float64", name="scale")(known)
    clipped = scaled / keras.ops.sqrt(1.0 + keras.ops.square(scaled / CLIP))
    features = [keras.ops.cast(clipped, "float32")]
    edges = [_edges(values[:, i], column, num_bins) for i, column in enumerate(columns)]
    place = np.repeat(np.arange(len(columns)), [max(len(of_one) - 1, 0) for of_one in edges])
    if len(place):
        low, high = (np.concatenate([of_one[part] for of_one in edges]) for part in (slice(-1), slice(1, None)))
        picked = keras.ops.take(known, place, axis=1)  # (n, bins of all columns)
        within = keras.layers.Rescaling((1 / (high - low)).tolist(), (-low / (high - low)).tolist(), dtype="float64",
                                        name="bins")(picked)  # fmt: skip
        features.append(keras.ops.cast(keras.ops.clip(within, 0.0, 1.0), "float32"))
    gaps = np.flatnonzero(np.isnan(values).any(axis=0))
    if len(gaps):
        features.append(keras.ops.cast(keras.ops.take(is_missing, gaps, axis=1), "float32"))
    turns = [(i, days) for i, column in enumerate(columns) if column.kind == "date" for days in _periods(values[:, i])]
    if turns:
        picked = keras.ops.take(known, np.array([i for i, _ in turns]), axis=1)
        angle = picked * np.array([[2 * np.pi / days for _, days in turns]])
        features += [keras.ops.cast(part(angle), "float32") for part in (keras.ops.sin, keras.ops.cos)]
    return features


def _scale(values: np.ndarray, column: Column) -> tuple[float, float]:
    """Give the middle of a column, and what a distance from it is multiplied by."""
    there = values[~np.isnan(values)]
    if len(np.unique(there)) <= 2 or column.kind == "boolean":
        low, high = float(there.min()), float(there.max())
        if column.kind == "boolean":
            low, high = 0.0, 1.0
        return (low + high) / 2, 2 / (high - low) if high > low else 1.0  # -1 and 1
    low, middle, high = np.percentile(there, [25, 50, 75])
    if high > low:
        return float(middle), float(1 / (high - low))
    return float(middle), float(2 / np.ptp(there))


def _edges(values: np.ndarray, column: Column, num_bins: int) -> np.ndarray:
    """Find the ends of a number's bins: quantiles, without those that coincide; none for two values."""
    there = values[~np.isnan(values)]
    distinct = np.unique(there)
    if len(distinct) <= 2 or column.kind == "boolean":
        return np.array([])
    if len(distinct) <= num_bins:
        return distinct
    return np.unique(np.quantile(there, np.linspace(0, 1, num_bins + 1)))


def _periods(days: np.ndarray) -> list[float]:
    """List the periods that dates go through, and within which they differ."""
    there = days[~np.isnan(days)]
    found = []
    for period in DAYS.values():
        finest = 1 / 86_400 if period == 1.0 else 0.5
        if np.ptp(there) >= period and np.ptp(there % period) > finest:
            found.append(period)
    return found


def _of_category(values: Any, rows: np.ndarray, column: Column, place: int) -> Any:
    """Give each category a place; two share one, at -1 and 1.

    Its layers are not called after the column: TensorFlow takes few letters in the name of a layer that is called.
    """
    table = _codes(rows, column)
    index = keras.layers.StringLookup(vocabulary=[*column.categories], num_oov_indices=1, name=f"index_of_{place}")(
        values
    )
    code = keras.layers.Embedding(*table.shape, trainable=False, name=f"code_of_{place}")
    found = code(index)
    code.set_weights([table])
    return keras.layers.Reshape((table.shape[1],), name=f"places_of_{place}")(found)


def _codes(rows: np.ndarray, column: Column) -> np.ndarray:
    """Make the table of codes: in row 0 for whatever is not listed, then for each category."""
    number = len(column.categories)
    frequencies = np.array([(rows == category).sum() for category in column.categories], float)
    if column.has_others:
        return np.eye(number + 1, dtype=np.float32)
    codes = np.eye(number)
    if number == 2 and "" not in column.categories:
        codes = np.array([[-1.0], [1.0]])
    average = frequencies @ codes / max(frequencies.sum(), 1.0)
    return np.vstack([average[None], codes]).astype(np.float32)
