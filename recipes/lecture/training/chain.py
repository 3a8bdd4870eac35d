"""The links of the chain rule in NumPy, each with its slope: activations, losses as Keras computes them, and layers."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from scipy.special import expit, log_softmax, softmax

Function = Callable[[np.ndarray], np.ndarray]


@dataclass(frozen=True)
class Activation:
    """An activation a = f(z) of each node by itself.

    Attributes:
        value: f, of the pre-activation z.
        slope: f', of z and of a = f(z).
        formula: f' in words.
    """

    value: Function
    slope: Callable[[np.ndarray, np.ndarray], np.ndarray]
    formula: str


ACTIVATIONS = {
    "linear": Activation(lambda z: z, lambda z, a: np.ones_like(z), "1"),
    "relu": Activation(lambda z: np.maximum(z, 0), lambda z, a: (z > 0).astype(float), "1 where z > 0, else 0"),
    "sigmoid": Activation(expit, lambda z, a: a * (1 - a), "a·(1 - a)"),
    "tanh": Activation(np.tanh, lambda z, a: 1 - a**2, "1 - a²"),
    "softplus": Activation(lambda z: np.logaddexp(0, z), lambda z, a: expit(z), "sigmoid(z)"),
    "silu": Activation(
        lambda z: z * expit(z), lambda z, a: expit(z) + a * (1 - expit(z)), "s + a·(1 - s), s = sigmoid(z)"
    ),
    "elu": Activation(
        lambda z: np.where(z > 0, z, np.expm1(np.minimum(z, 0))),
        lambda z, a: np.where(z > 0, 1.0, a + 1),
        "1 where z > 0, else a + 1",
    ),
}
SOFTMAX = "softmax"  # which reads all nodes of its layer at once
SQUASHING = ("sigmoid", SOFTMAX)  # behind which Keras' crossentropies read the pre-activations


def activate(name: str, z: np.ndarray) -> np.ndarray:
    """Compute a = f(z) of a layer, `(n, units)`."""
    return softmax(z, axis=-1) if name == SOFTMAX else ACTIVATIONS[name].value(z)


def through_activation(name: str, z: np.ndarray, a: np.ndarray, slopes: np.ndarray) -> np.ndarray:
    """Take slopes dL/da back through an activation: dL/dz.

    Of a node by itself dL/dz = dL/da · f'(z). A softmax gives every node a part of every other's:
    dL/dz_i = a_i · (dL/da_i - Σ_j a_j · dL/da_j).
    """
    if name == SOFTMAX:
        return a * (slopes - (a * slopes).sum(axis=-1, keepdims=True))
    return slopes * ACTIVATIONS[name].slope(z, a)


@dataclass(frozen=True)
class Loss:
    """A loss that is the mean over rows (and over nodes, where its formula says so).

    Attributes:
        name: Keras' name.
        reads_logits: Whether it takes what comes before a sigmoid or softmax; Keras' crossentropies do so behind one,
            also where they are given what comes behind.
        epsilon: How far from 0 and 1 Keras keeps probabilities.
    """

    name: str
    reads_logits: bool
    epsilon: float

    def value(self, outputs: np.ndarray, y: np.ndarray) -> float:
        """Compute the loss of these outputs (or logits), `(n, units)`."""
        with np.errstate(divide="ignore", invalid="ignore"):  # of outputs that are no probabilities
            return float(self._each(outputs, y).mean())

    def _each(self, outputs: np.ndarray, y: np.ndarray) -> np.ndarray:
        """Compute the loss of each row; of each row and node, where it is a mean over nodes too."""
        if self.name == "mean_squared_error":
            return (outputs - y) ** 2
        if self.name == "mean_absolute_error":
            return np.abs(outputs - y)
        if self.name == "binary_crossentropy":
            if self.reads_logits:
                return np.logaddexp(0, outputs) - y * outputs
            p = self._kept_off(outputs)
            return -(y * np.log(p) + (1 - y) * np.log(1 - p))
        if self.reads_logits:
            return -(y * log_softmax(outputs, axis=-1)).sum(axis=-1)
        return -(y * np.log(self._kept_off(outputs / outputs.sum(axis=-1, keepdims=True)))).sum(axis=-1)

    def slopes(self, outputs: np.ndarray, y: np.ndarray) -> np.ndarray:
        """Compute dL/d(outputs), `(n, units)`."""
        rows, size = len(outputs), outputs.size
        if self.name == "mean_squared_error":
            return 2 * (outputs - y) / size
        if self.name == "mean_absolute_error":
            return np.sign(outputs - y) / size
        if self.name == "binary_crossentropy":
            if self.reads_logits:
                return (expit(outputs) - y) / size
            p = self._kept_off(outputs)
            return (p - y) / (p * (1 - p)) * (p == outputs) / size
        if self.reads_logits:
            return (softmax(outputs, axis=-1) * y.sum(axis=-1, keepdims=True) - y) / rows
        total = outputs.sum(axis=-1, keepdims=True)
        shares = outputs / total
        p = self._kept_off(shares)
        inner = -y / p * (p == shares) / rows
        return (inner - (inner * shares).sum(axis=-1, keepdims=True)) / total

    def _kept_off(self, p: np.ndarray) -> np.ndarray:
        return np.clip(p, self.epsilon, 1 - self.epsilon)


FORMULAS = {
    "mean_squared_error": "2·(a - y) / (rows · outputs)",
    "mean_absolute_error": "sign(a - y) / (rows · outputs)",
    "binary_crossentropy": "(a - y) / (a·(1 - a)) / (rows · outputs)",
    "categorical_crossentropy": "-y / a / rows",
    "sparse_categorical_crossentropy": "-y / a / rows, with y as a row of 0 and a 1",
}
LOGIT_FORMULAS = {  # of what comes before a sigmoid or softmax
    "binary_crossentropy": "(sigmoid(z) - y) / (rows · outputs)",
    "categorical_crossentropy": "(softmax(z) - y) / rows",
    "sparse_categorical_crossentropy": "(softmax(z) - y) / rows, with y as a row of 0 and a 1",
}


# --- layers -------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class LayerPass:
    """What goes through one layer, forward and back. Rows are the given ones, `n` of them.

    Attributes:
        name: Its name.
        activation: Keras' name of f.
        kernel: W, `(inputs, units)`.
        bias: b, `(units,)`; `None` where it has none.
        inputs: `(n, inputs)`, the activations of the layer before.
        z: `(n, units)`, the pre-activations, inputs · W + b.
        a: `(n, units)`, f(z).
        slopes: `(n, units)`, dL/da; NaN where the loss reads z itself, and dL/da is not what it goes by.
        delta: `(n, units)`, dL/dz.
        kernel_gradient: dL/dW = Σ over rows of inputs · delta.
        bias_gradient: dL/db = Σ over rows of delta; `None` without a bias.
    """

    name: str
    activation: str
    kernel: np.ndarray = field(repr=False)
    bias: np.ndarray | None = field(repr=False)
    inputs: np.ndarray = field(repr=False)
    z: np.ndarray = field(repr=False)
    a: np.ndarray = field(repr=False)
    slopes: np.ndarray = field(repr=False)
    delta: np.ndarray = field(repr=False)
    kernel_gradient: np.ndarray = field(repr=False)
    bias_gradient: np.ndarray | None = field(repr=False)


@dataclass(frozen=True)
class Scale:
    """A fixed change of what comes out, outputs = factor · a + offset, as a `Rescaling` at the end does."""

    factor: np.ndarray
    offset: np.ndarray


def forward(layers: Sequence[LayerPass], x: np.ndarray) -> list[LayerPass]:
    """Go through the layers: z = a(before) · W + b, a = f(z)."""
    passed = []
    for layer in layers:
        z = x @ layer.kernel + (0 if layer.bias is None else layer.bias)
        a = activate(layer.activation, z)
        passed.append(replace(layer, inputs=x, z=z, a=a))
        x = a
    return passed


def _outputs(last: LayerPass, loss: Loss, scale: Scale | None) -> np.ndarray:
    """Give what the loss reads: the outputs, or the last pre-activations."""
    if loss.reads_logits and last.activation in SQUASHING:
        return last.z
    return last.a if scale is None else scale.factor * last.a + scale.offset


def value_of(layers: Sequence[LayerPass], loss: Loss, scale: Scale | None, y: np.ndarray) -> float:
    """Compute the loss behind a forward pass."""
    return loss.value(_outputs(layers[-1], loss, scale), y)


def backward(layers: Sequence[LayerPass], loss: Loss, scale: Scale | None, y: np.ndarray) -> list[LayerPass]:
    """Go back from the loss: δ = dL/da · f'(z), dL/dW = a(before)ᵀ · δ, dL/db = Σ δ, dL/da(before) = δ · Wᵀ."""
    last = layers[-1]
    slopes = loss.slopes(_outputs(last, loss, scale), y)
    if loss.reads_logits and last.activation in SQUASHING:
        delta = slopes
        slopes = _slopes_behind(last, loss, y)
    else:
        slopes = slopes if scale is None else slopes * scale.factor
        delta = through_activation(last.activation, last.z, last.a, slopes)
    done = []
    for layer in reversed(layers):
        if layer is not last:
            delta = through_activation(layer.activation, layer.z, layer.a, slopes)
        bias = None if layer.bias is None else delta.sum(axis=0)
        done.append(
            replace(layer, slopes=slopes, delta=delta, kernel_gradient=layer.inputs.T @ delta, bias_gradient=bias)
        )
        slopes = delta @ layer.kernel.T
    return done[::-1]


def _slopes_behind(last: LayerPass, loss: Loss, y: np.ndarray) -> np.ndarray:
    """Give dL/da where the loss reads z: that of its own activation, which the chain rule takes to the same δ."""
    own = "sigmoid" if loss.name == "binary_crossentropy" else SOFTMAX
    slopes = replace(loss, reads_logits=False, epsilon=0.0).slopes
    with np.errstate(divide="ignore", invalid="ignore"):  # of a that has run to 0 or 1
        found = slopes(last.a, y) if last.activation == own else np.full_like(last.a, np.nan)
    return found if np.isfinite(found).all() else np.full_like(last.a, np.nan)
