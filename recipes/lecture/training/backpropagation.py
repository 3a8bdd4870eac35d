"""Backpropagation by hand: a small network's forward pass, and the chain rule from the loss back to every weight."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import numpy as np

from cheatsheet.common.arguments import known_arguments_only
from cheatsheet.common.words import count
from recipes.lecture.networks.layers import require_model
from recipes.lecture.training.chain import (
    ACTIVATIONS,
    FORMULAS,
    LOGIT_FORMULAS,
    SQUASHING,
    LayerPass,
    Loss,
    Scale,
    backward,
    forward,
    value_of,
)
from recipes.lecture.training.dense import read_layers, read_loss, read_rows, read_targets
from recipes.running.show import as_html

MOVE = 1e-5  # of a weight, to measure a slope: a central difference then errs by some 1e-10, of which half is rounding
MOST_MOVED = 500  # parameters; each takes two forward passes
MOST_ROWS, MOST_NUMBERS = 3, 12  # that are written out
ROW_X, ROW_Y = (1.0, 0.5, -1.0), 1.0  # of the slide's network, where none is given


@dataclass(frozen=True)
class Backpropagation:
    """The chain rule's numbers, from the loss back to every weight.

    Attributes:
        x: `(n, inputs)`, as the first layer with weights gets them.
        y: `(n, outputs)`; of numbered classes a row of 0 and a 1.
        layers: The layers with weights, in their order.
        scale: What is done with the last activations; `None` where they are the outputs.
        loss: Which loss.
        learning_rate: Length of the step.
        value: The loss now.
        after: The loss behind one step of gradient descent, w - learning_rate · dL/dw.
    """

    x: np.ndarray = field(repr=False)
    y: np.ndarray = field(repr=False)
    layers: tuple[LayerPass, ...]
    scale: Scale | None = field(repr=False)
    loss: Loss
    learning_rate: float
    value: float
    after: float

    @property
    def gradients(self) -> list[np.ndarray]:
        """The gradients, of each layer the kernel's, then the bias', as `model.trainable_weights` has them."""
        return [
            array
            for layer in self.layers
            for array in (layer.kernel_gradient, layer.bias_gradient)
            if array is not None
        ]

    @property
    def weights(self) -> list[np.ndarray]:
        """The weights themselves, in the same order."""
        return [array for layer in self.layers for array in (layer.kernel, layer.bias) if array is not None]

    @property
    def stepped(self) -> list[np.ndarray]:
        """The weights behind the step, w - learning_rate · dL/dw, for `model.set_weights`."""
        return [w - self.learning_rate * slope for w, slope in zip(self.weights, self.gradients, strict=True)]

    @property
    def num_parameters(self) -> int:
        """How many weights and biases there are."""
        return sum(array.size for array in self.weights)

    @property
    def foretold(self) -> float:
        """The loss behind the step if it were a plane: value - learning_rate · Σ (dL/dw)²."""
        return self.value - self.learning_rate * sum(float((array**2).sum()) for array in self.gradients)

    @cached_property
    def measured(self) -> list[np.ndarray] | None:
        """The slopes that are found by moving each weight a little to both sides; `None` for large networks.

        They know nothing of the chain rule: (L(w + 1e-5) - L(w - 1e-5)) / 2e-5.
        """
        if self.num_parameters > MOST_MOVED:
            return None
        weights = [array.copy() for array in self.weights]
        slopes = []
        for array in weights:
            slope = np.zeros_like(array)
            for place in np.ndindex(array.shape):
                value = array[place]
                sides = []
                for move in (MOVE, -MOVE):
                    array[place] = value + move
                    sides.append(self.loss_with(weights))
                array[place] = value
                slope[place] = (sides[0] - sides[1]) / (2 * MOVE)
            slopes.append(slope)
        return slopes

    def loss_with(self, weights: Sequence[np.ndarray]) -> float:
        """Compute the loss of the same rows with other weights, in the order of `weights`."""
        arrays = iter(weights)
        layers = [replace(layer, kernel=next(arrays), bias=None if layer.bias is None else next(arrays))
                  for layer in self.layers]  # fmt: skip
        return value_of(forward(layers, self.x), self.loss, self.scale, self.y)

    def plot(self) -> Any:
        """Draw the forward pass and the way back, with all numbers on the network; return the matplotlib Figure.

        `recipes.plots.plot_forward` and `plot_backward` draw each on an Axes that is there.
        """
        from recipes.plots import plot_backpropagation

        return plot_backpropagation(self)

    def __repr__(self) -> str:
        return f"<Backpropagation: {self._size()}, {self.loss.name} {self.value:.4g} -> {self.after:.4g} in one step>"

    def __str__(self) -> str:
        return "\n".join([f"{self.loss.name} L = {self.value:.6g}, of {self._size()}", "", *self._forward_lines(), "",
                          *self._backward_lines(), "", *self._gradient_lines(), "", *self._step_lines()])  # fmt: skip

    def _repr_html_(self) -> str:
        gradients = {
            f"dL/dw of {layer.name}": f"{count(layer.kernel_gradient.size, 'weight')}, largest "
            f"{np.abs(layer.kernel_gradient).max():.4g}"
            for layer in self.layers
        }
        facts = {"loss": f"{self.loss.name} {self.value:.6g}", **gradients, "loss after a step": f"{self.after:.6g}"}
        return as_html("Backpropagation", facts)

    def _size(self) -> str:
        return f"{count(len(self.x), 'row')} and {count(self.num_parameters, 'parameter')}"

    def _forward_lines(self) -> Iterator[str]:
        yield "forward: z = a(before) · W + b, a = f(z)"
        yield f"  input: x = {_rows(self.x)}"
        for layer in self.layers:
            yield f"  {layer.name} ({layer.activation}): z = {_rows(layer.z)}"
            yield f"  {'':{len(layer.name) + len(layer.activation) + 3}}  a = {_rows(layer.a)}"
        if self.scale is not None:
            yield f"  outputs = {_numbers(self.scale.factor)} · a + {_numbers(self.scale.offset)}"
        yield f"  wanted: y = {_rows(self.y)}"

    def _backward_lines(self) -> Iterator[str]:
        yield "backward: δ = dL/dz = dL/da · f'(z), and dL/da(before) = δ · Wᵀ"
        for place, layer in reversed([*enumerate(self.layers)]):
            if np.isnan(layer.slopes).any():
                yield f"  {layer.name}: the loss reads z itself, so that δ = {LOGIT_FORMULAS[self.loss.name]}"
            else:
                last = place == len(self.layers) - 1
                source = self._last_formula() if last else f"δ({self.layers[place + 1].name}) · Wᵀ"
                if last and self.scale is not None:
                    source = f"factor · {source}"
                yield f"  {layer.name}: dL/da = {source} = {_rows(layer.slopes)}"
                slope = ACTIVATIONS.get(layer.activation)
                if slope is None:
                    yield "    δ = a · (dL/da - Σ a · dL/da)"
                else:
                    yield f"    f'(z) = {slope.formula} = {_rows(slope.slope(layer.z, layer.a))}"
            yield f"    δ = {_rows(layer.delta)}"

    def _last_formula(self) -> str:
        is_logit = self.loss.reads_logits and self.layers[-1].activation not in SQUASHING
        return (LOGIT_FORMULAS if is_logit else FORMULAS)[self.loss.name]

    def _gradient_lines(self) -> Iterator[str]:
        yield "gradients: dL/dW = a(before)ᵀ · δ, dL/db = Σ δ"
        for layer in self.layers:
            for i, row in enumerate(layer.kernel_gradient[:MOST_NUMBERS], 1):
                yield f"  {layer.name}, from node {i}: {_numbers(row)}"
            if (left := len(layer.kernel_gradient) - MOST_NUMBERS) > 0:
                yield f"  {layer.name}: and from {count(left, 'node')} more"
            if layer.bias_gradient is not None:
                yield f"  {layer.name}, bias: {_numbers(layer.bias_gradient)}"

    def _step_lines(self) -> Iterator[str]:
        yield (
            f"a step of w - {self.learning_rate:g} · dL/dw: L = {self.value:.6g} -> {self.after:.6g} "
            f"(a plane would give {self.foretold:.6g})"
        )
        if self.measured is not None:
            pairs = zip(self.measured, self.gradients, strict=True)
            apart = max(float(np.abs(a - b).max()) for a, b in pairs)
            yield f"slopes measured by moving each weight by {MOVE:g} are within {apart:.1g} of these"


@known_arguments_only
def backpropagate(
    model: Any = None, x: Any = None, y: Any = None, *, learning_rate: float = 0.1, seed: int = 0
) -> Backpropagation:
    """Compute a network's forward pass and gradients by hand, layer by layer, for one row or a few.

    With z = a(before) · W + b and a = f(z), the chain rule goes back from the loss L: δ = dL/dz = dL/da · f'(z),
    dL/dW = a(before)ᵀ · δ, dL/db = Σ δ, and dL/da(before) = δ · Wᵀ, where the next layer's turn begins. All of it is
    NumPy in double precision; Keras is asked for nothing but the weights, which are left as they are. Dropout and noise
    do nothing here, as when predicting.

    Args:
        model: A compiled `keras.Sequential` of `Dense` layers (with `Flatten`, `Dropout`, `Activation`, a
            `Normalization` or `Rescaling` at its ends), or a `Run`. By default the slide's network of 3, 4, 3 and 1
            nodes with 35 parameters, tanh inside and a sigmoid at the end.
        x: One row `(inputs,)` or several `(n, inputs)`; by default a row for the slide's network.
        y: Target of the row, or of each, as the loss takes them; classes may also be numbered from 0.
        learning_rate: Length of the step of plain gradient descent that is tried at the end.
        seed: Of the weights of the slide's network.

    Returns:
        A `Backpropagation`: `str` shows the chain rule step by step, `plot()` its numbers on the network.

    Raises:
        TypeError: for what is no Keras model.
        ValueError: for layers, activations and losses that are not computed by hand here, and rows that do not fit.

    References:
        Rumelhart, Hinton and Williams (1986), Learning representations by back-propagating errors, Nature 323,
        equations 4 to 7; the lecture's slide on training.
    """
    if not 0 < learning_rate < float("inf"):
        raise ValueError(f"learning_rate must be above 0. Received: learning_rate={learning_rate!r}. Leave it out.")
    if model is None:
        if x is None and y is None:
            x, y = ROW_X, ROW_Y
        model = _network_of_the_slide(seed)
    model = require_model(model, "backpropagate")
    layers, before, scale = read_layers(model)
    loss = read_loss(model, layers[-1].activation, scale)
    if x is None or y is None:
        raise ValueError("Which row? Pass x and y: one row of inputs with its target, or a few.")
    rows = read_rows(model, x)
    targets = read_targets(y, len(rows), layers[-1].kernel.shape[1], loss.name)
    inputs = before(rows)
    passed = forward(layers, inputs)
    value = value_of(passed, loss, scale, targets)
    if not np.isfinite(value):
        raise ValueError(
            f"The loss is {value}: {loss.name} cannot read what {layers[-1].activation!r} gives on these rows. "
            "Expected another last activation; cheatsheet.check(model, x, y) says which."
        )
    passed = backward(passed, loss, scale, targets)
    found = Backpropagation(inputs, targets, tuple(passed), scale, loss, float(learning_rate), value, value)
    return replace(found, after=found.loss_with(found.stepped))


# --- words --------------------------------------------------------------------------------------------------------


def _numbers(row: np.ndarray) -> str:
    """Write some numbers side by side."""
    values = np.asarray(row, float).ravel()
    shown = ", ".join(f"{value + 0:.4g}" for value in values[:MOST_NUMBERS])  # + 0, or -0 is written
    return f"{shown}, ... {len(values)} numbers" if len(values) > MOST_NUMBERS else shown


def _rows(array: np.ndarray) -> str:
    """Write the numbers of each row, of long ones those of the first."""
    most = MOST_ROWS if array.shape[1] <= MOST_NUMBERS // MOST_ROWS else 1
    shown = " | ".join(_numbers(row) for row in array[:most])
    return f"{shown} | ... {len(array)} rows" if len(array) > most else shown


def _network_of_the_slide(seed: int) -> Any:
    from recipes.build import build_model

    return build_model("binary", input_shape=(3,), units=(4, 3), hidden_activation="tanh", seed=seed)
