"""The loss around the weights of any trained model, in a plane of two directions; the model itself is left alone."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from cheatsheet.common.arguments import known_arguments_only, require_whole
from cheatsheet.common.words import count
from cheatsheet.modelgraph import read
from cheatsheet.modelspec import describe_ends
from recipes.lecture.networks.layers import require_model
from recipes.lecture.training.directions import Direction, path_directions, random_directions
from recipes.running.show import as_html

BATCH = 1024  # rows at once: enough to keep two cores busy, and small enough for pictures
ROOM = 0.25  # around a path, of how far it reaches


@dataclass(frozen=True)
class Landscape:
    """The loss L(w + α · first + β · second) around the weights w of a model.

    Attributes:
        first: `(points,)`, the places α along the first direction; 0 is the model.
        second: `(points,)`, the places β along the second one.
        losses: `(points, points)`, with a row for each β and a column for each α.
        value: The loss of the model itself, as `model.evaluate` gives it.
        loss: What it is called.
        num_rows: Of the data.
        num_moved: How many weights the plane moves; biases and batch normalisations stay as they are.
        seed: Of random directions; `None` for those of a path.
        path: `(epochs, 2)`, where each epoch's weights are in the plane; `None` without a path.
        shares: How much of the path, of its length squared, runs along each of the two directions.
    """

    first: np.ndarray = field(repr=False)
    second: np.ndarray = field(repr=False)
    losses: np.ndarray = field(repr=False)
    value: float
    loss: str
    num_rows: int
    num_moved: int
    seed: int | None = None
    path: np.ndarray | None = field(repr=False, default=None)
    shares: tuple[float, float] | None = None

    @property
    def lowest(self) -> tuple[float, float, float]:
        """The plane's lowest place and the loss there, `(α, β, loss)`; the model's own where none is lower."""
        losses = np.where(np.isfinite(self.losses), self.losses, np.inf)
        row, column = np.unravel_index(np.argmin(losses), losses.shape)
        if not losses[row, column] < self.value:
            return 0.0, 0.0, self.value
        return float(self.first[column]), float(self.second[row]), float(losses[row, column])

    @property
    def rise(self) -> float:
        """How much higher the loss is at the plane's rim, on average, than at the model; the steeper, the sharper."""
        rim = np.concatenate([self.losses[[0, -1]].ravel(), self.losses[1:-1, [0, -1]].ravel()])
        return float(rim.mean() - self.value)

    def plot(self) -> Any:
        """Draw the contours; return the matplotlib Figure. `recipes.plots.plot_landscape` takes an Axes."""
        from recipes.plots import plot_landscape

        return plot_landscape(self).figure

    def __repr__(self) -> str:
        size = f"{len(self.first)}×{len(self.second)}"
        return f"<Landscape: {size} losses, {self.value:.4g} at the model, {self.lowest[2]:.4g} at the lowest>"

    def __str__(self) -> str:
        return "\n".join(self._lines())

    def _lines(self) -> Iterator[str]:
        plane = (
            "two random directions, scaled filter by filter"
            if self.path is None
            else "the two main directions of its path"
        )
        moved = f"which move {count(self.num_moved, 'weight')}"
        yield f"{self.loss} of {count(self.num_rows, 'row')} along {plane}, {moved}"
        a, b, low = self.lowest
        where = "which is the lowest place" if (a, b) == (0, 0) else f"lowest {low:.4g} at ({a:.3g}, {b:.3g})"
        yield f"{self.value:.4g} at the model, {where}"
        finite = self.losses[np.isfinite(self.losses)]
        lost = self.losses.size - finite.size
        yield (
            f"{self.rise:+.4g} at the rim on average, {finite.max() if finite.size else float('nan'):.4g} at most"
            + (f"; {count(lost, 'place')} without a finite loss" if lost else "")
        )
        if self.path is not None and self.shares is not None:
            yield (
                f"the path of {count(len(self.path), 'place')} runs to {self.shares[0]:.0%} along the first direction "
                f"and to {self.shares[1]:.0%} along the second"
            )

    def _repr_html_(self) -> str:
        a, b, low = self.lowest
        facts = {
            "loss": self.loss,
            "at the model": f"{self.value:.4g}",
            "lowest": f"{low:.4g} at ({a:.3g}, {b:.3g})",
            "rise at the rim": f"{self.rise:+.4g}",
        }
        return as_html("Loss landscape", facts)


@known_arguments_only
def loss_landscape(
    model: Any,
    x: Any,
    y: Any = None,
    *,
    span: float = 1.0,
    points: int = 25,
    seed: int = 0,
    path: Sequence[Any] | None = None,
    loss: Any = None,
    batch_size: int = BATCH,
) -> Landscape:
    """Compute the loss on a plane through a trained model's weights.

    The plane is spanned by two random directions, each scaled so that every filter of it is as long as the model's own:
    a step of 1 changes each filter by its own length, whatever the scale of the weights, so that planes of different
    networks can be compared. Biases and batch normalisations do not move. With `path` it is the plane in which the
    training's path mostly runs, in the unit of the weights. The network predicts (no dropout, the averages of a batch
    normalisation), and regularisation counts as it does in `model.evaluate`.

    Each place is computed with weights of its own, in a scope in which Keras reads these instead of the model's: the
    model, its optimizer and its metrics are never written to.

    Args:
        model: Any compiled Keras model that is built, by whomever; or a `Run`.
        x: Inputs as for `fit`, several too. A few hundred to a few thousand rows are enough.
        y: Targets as for `fit`; `None` for an autoencoder.
        span: How far the plane reaches: to both sides, in filter lengths; with a path, times its extent.
        points: Places along each direction; an odd number has the model itself among them.
        seed: Of the random directions. Python's and NumPy's generators are left alone.
        path: For each epoch the weights, as `model.get_weights()` gave them. A callback that keeps them:
            `keras.callbacks.LambdaCallback(on_epoch_end=lambda epoch, logs: path.append(model.get_weights()))`.
        loss: Another loss in place of the compiled one: a name, a Keras loss, or a function of (y, outputs).
        batch_size: Rows at once; it changes the time and the memory.

    Returns:
        A `Landscape`.

    Raises:
        TypeError: for what is no Keras model.
        DataError: for data that do not fit the model.
        ValueError: for a model that is not built or compiled, or has nothing that training moves.

    References:
        Li, Xu, Taylor, Studer and Goldstein (2018), Visualizing the Loss Landscape of Neural Nets, arXiv 1712.09913.
    """
    from recipes.training.data.prepare import examples
    from recipes.training.signature import expected_of

    require_whole("points", points, 3)
    require_whole("batch_size", batch_size, 1)
    require_whole("seed", seed, 0)
    if not 0 < span < float("inf"):
        raise ValueError(f"span must be above 0. Received: span={span!r}. Leave it out.")
    model = require_model(model, "loss_landscape")
    _require_trained(model, loss)
    data = examples(model, x, y, expected_of(model))
    variables = model.trainable_variables
    weights = [np.asarray(variable, float) for variable in variables]
    way, shares = None, None
    if path is None:
        directions = random_directions(model, seed)
        first = second = np.linspace(-span, span, points)
    else:
        number = {id(variable): i for i, variable in enumerate(model.weights)}
        places = [number[id(variable)] for variable in variables]
        directions, way, shares = path_directions(weights, places, path)
        first, second = (_extent(way[:, axis], span, points) for axis in range(2))
    measure = _Measure(model, data, directions, loss, batch_size)
    value = measure.loss_at(0.0, 0.0)
    losses = np.array([[measure.loss_at(a, b) for a in first] for b in second])
    moved = sum(int(((a != 0) | (b != 0)).sum()) for a, b in zip(*directions, strict=True))
    return Landscape(
        first,
        second,
        losses,
        value,
        measure.name,
        data.num_rows,
        moved,
        None if path is not None else seed,
        way,
        shares,
    )


def _require_trained(model: Any, loss: Any) -> None:
    if not read(model, "built"):
        raise ValueError(
            f"The model {model.name!r} has no weights yet, so there is nothing to look around. Train it first."
        )
    if not model.trainable_variables:
        raise ValueError(
            f"The model {model.name!r} has nothing that training moves. Set trainable = True where the plane should "
            "move."
        )
    if loss is not None:
        return
    if not read(model, "compiled"):
        raise ValueError(
            f"The model {model.name!r} is not compiled. Call model.compile(loss=...) first, or pass loss=, such as "
            "'mean_squared_error'."
        )
    if model.loss is None and not _computes_its_loss(model):
        raise ValueError(
            f"The model {model.name!r} is compiled without a loss: what its train_step compares is not known. "
            "Pass loss=, a function of (y, outputs)."
        )


def _computes_its_loss(model: Any) -> bool:
    """Does its class say what the loss is?"""
    import keras

    return type(model).compute_loss is not keras.Model.compute_loss


def _extent(way: np.ndarray, span: float, points: int) -> np.ndarray:
    """Choose places that cover a path and the model, with some room."""
    low, high = min(way.min(), 0.0), max(way.max(), 0.0)
    middle, half = (low + high) / 2, (high - low) * (0.5 + ROOM) * span
    return np.linspace(middle - half, middle + half, points)


class _Measure:
    """The loss of a model on some rows, with other weights than its own."""

    def __init__(
        self, model: Any, data: Any, directions: tuple[Direction, Direction], loss: Any, batch_size: int
    ) -> None:
        from keras import ops

        self.model = model
        self.variables = model.trainable_variables
        self.compare, self.name = _loss_of(model, loss)
        self.batches = [*_batches(data, batch_size)]
        self.rows = data.num_rows
        self.plane = [
            [ops.convert_to_tensor(variable)] + [ops.convert_to_tensor(part, dtype=variable.dtype) for part in parts]
            for variable, *parts in zip(self.variables, *directions, strict=True)
        ]
        self.loss_of_batch = self._traced() or self._loss_of_batch

    def loss_at(self, a: float, b: float) -> float:
        """Compute the mean loss with the weights w + a · first + b · second."""
        place = np.array([a, b], "float32")
        return (
            sum(number * float(self.loss_of_batch((place, self.plane), rows)) for rows, number in self.batches)
            / self.rows
        )

    def _loss_of_batch(self, numbers: Any, rows: Any) -> Any:
        from keras import StatelessScope, ops

        place, plane = numbers
        there = [w + ops.cast(place[0], w.dtype) * one + ops.cast(place[1], w.dtype) * other for w, one, other in plane]
        x, y, weight = rows
        with StatelessScope(state_mapping=[*zip(self.variables, there, strict=True)], collect_losses=True):
            return self.compare(x, y, self.model(x, training=False), weight)

    def _traced(self) -> Any:
        """Give the same, traced once; `None` where that is not wanted, or cannot be done."""
        import keras

        if keras.config.backend() != "tensorflow" or read(self.model, "run_eagerly"):
            return None
        from recipes.training.engines.tensorflow.traced import traced

        try:
            place = np.zeros(2, "float32")
            return traced(self._loss_of_batch, (place, self.plane), self.batches[0][0], self.model.variables)
        except Exception:  # a user's own layers may do what no graph can; what is wrong with them is told when they run
            return None


def _loss_of(model: Any, loss: Any) -> tuple[Callable[..., Any], str]:
    """Give the function of (x, y, outputs, weights) that is measured, and its name."""
    import keras

    if loss is None and _computes_its_loss(model):
        return lambda x, y, outputs, weight: model.compute_loss(
            x=x, y=y, y_pred=outputs, sample_weight=weight, training=False
        ), f"the loss of {type(model).__name__}"
    if loss is None:
        compiled = model._compile_loss
        # One of its own: the model's is built when it first compares, and should be so by the model's own data.
        compare = type(compiled)(compiled._user_loss, compiled._user_loss_weights, output_names=compiled.output_names)
        names = dict.fromkeys(str(output.loss) for output in describe_ends(model).outputs if output.loss)
        name = " + ".join(names) or "loss"
    else:
        compare = keras.losses.get(loss) if isinstance(loss, str) else loss
        name = str(loss if isinstance(loss, str) else getattr(loss, "name", None) or getattr(loss, "__name__", "loss"))

    def measured(x: Any, y: Any, outputs: Any, weight: Any) -> Any:
        value = compare(y, outputs) if weight is None else compare(y, outputs, weight)
        value = keras.ops.mean(value)  # of a function that gives one for each row
        for more in model.losses:  # regularisation
            value = value + keras.ops.sum(more)
        return value

    return measured, name


def _batches(data: Any, batch_size: int) -> Iterator[tuple[tuple[Any, Any, Any], int]]:
    """Give x, y and their weights in tensors, batch by batch, and how many rows there are in each."""
    import keras

    from recipes.training.data.trees import take

    for start in range(0, data.num_rows, batch_size):
        rows = np.arange(start, min(start + batch_size, data.num_rows))
        parts = (take(part, rows) for part in (data.x, data.y, data.sample_weight))
        x, y, weight = (
            None if part is None else keras.tree.map_structure(keras.ops.convert_to_tensor, part) for part in parts
        )
        yield (x, y, weight), len(rows)
