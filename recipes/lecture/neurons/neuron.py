"""The McCulloch-Pitts neuron: it fires where the sum of its inputs reaches a threshold."""

from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
from keras import ops

from cheatsheet.common.words import did_you_mean, show_values
from recipes.lecture.neurons.separate import boolean_inputs, separate

MOST_INPUTS = 12  # of a truth table, which has 4,096 rows then
# Signs of the inputs and the threshold; the lecture asks for those of AND and OR.
GATES: dict[str, tuple[tuple[int, ...], int]] = {
    "and": ((1, 1), 2),
    "or": ((1, 1), 1),
    "not": ((-1,), 0),
    "nand": ((-1, -1), -1),
    "nor": ((-1, -1), 0),
}
XOR = (False, True, True, False)  # of (0, 0), (0, 1), (1, 0), (1, 1): one or the other, but not both


@keras.saving.register_keras_serializable(package="recipes")
class ThresholdNeuron(keras.layers.Layer):
    """One neuron that fires (1) where weights · x reaches the threshold, and else does not (0): `(n, m)` to `(n, 1)`.

    Weight and threshold are variables of the layer that no gradient changes, as a step has none; change them by
    `neuron.threshold.assign(1)`. In the paper of 1943 an inhibitory input forbids firing whatever the others say; here,
    as in the lecture's sum, it counts -1.

    Args:
        input_weights: One for each input: +1 excites, -1 inhibits.
        threshold: What the sum has to reach.

    A model saved with it loads after `import recipes.lecture.neurons.neuron`, which registers it with Keras.

    References:
        McCulloch and Pitts (1943), A logical calculus of the ideas immanent in nervous activity.
    """

    def __init__(self, input_weights: Sequence[float], threshold: float, **options: Any) -> None:
        super().__init__(**options)
        values = np.asarray([*input_weights, threshold], np.float64)
        if len(values) < 2 or not np.isfinite(values).all():
            raise ValueError(
                f"A neuron needs a finite weight for each input, and a threshold. Received: "
                f"input_weights={input_weights!r}, threshold={threshold!r}. Expected something like (1, 1) and 2."
            )
        self.input_weights = tuple(map(float, values[:-1]))
        self.first_threshold = float(threshold)

    def build(self, input_shape: Sequence[int | None]) -> None:
        if input_shape[-1] != len(self.input_weights):
            raise ValueError(
                f"This neuron has {len(self.input_weights)} weights, and its input {input_shape[-1]} columns. "
                "Expected one weight for each column."
            )
        constant = keras.initializers.Constant
        kernel = np.array(self.input_weights)[:, None]
        self.kernel = self.add_weight(name="kernel", shape=kernel.shape, initializer=constant(kernel), trainable=False)
        self.threshold = self.add_weight(
            name="threshold", shape=(), initializer=constant(self.first_threshold), trainable=False
        )

    def call(self, x: Any) -> Any:
        total = ops.matmul(ops.cast(x, self.compute_dtype), self.kernel)  # (n, 1)
        return ops.cast(total >= self.threshold, self.compute_dtype)

    def now(self) -> tuple[np.ndarray, float]:
        """Give the weights `(m,)` and the threshold as they are now, which may have been changed."""
        if not self.built:
            return np.array(self.input_weights), self.first_threshold
        return np.asarray(self.kernel, np.float64)[:, 0], float(np.asarray(self.threshold))

    def compute_output_shape(self, input_shape: Sequence[int | None]) -> tuple[int | None, ...]:
        return (*input_shape[:-1], 1)

    def get_config(self) -> dict[str, Any]:
        own = {"input_weights": list(self.input_weights), "threshold": self.first_threshold}
        return {**super().get_config(), **own}


def gate(name: str) -> ThresholdNeuron:
    """Build the neuron that computes a logical function: `"and"`, `"or"`, `"not"`, `"nand"` or `"nor"`.

    Raises:
        ValueError: for `"xor"`, with the proof that no neuron computes it, and for an unknown name.
    """
    if name == "xor":
        return neuron_for(XOR)
    if name not in GATES:
        raise ValueError(
            f"Unknown gate. Received: name={name!r}. Expected one of {', '.join(GATES)}.{did_you_mean(name, GATES)}"
        )
    weights, threshold = GATES[name]
    return ThresholdNeuron(weights, threshold, name=name)


def fires(neuron: Any) -> np.ndarray:
    """Compute a neuron's truth table, `(2**m,)` of booleans for the rows of `boolean_inputs(m)`.

    Args:
        neuron: A `ThresholdNeuron`, or a model with one input of known width and one output.
    """
    width = len(neuron.input_weights) if isinstance(neuron, ThresholdNeuron) else neuron.input_shape[-1]
    return np.asarray(neuron(boolean_inputs(width))).reshape(-1) > 0.5


def neuron_for(truth: Sequence[bool]) -> ThresholdNeuron:
    """Build a neuron with this truth table, weights and threshold being those of the widest margin.

    Args:
        truth: For each row of `boolean_inputs(m)` whether it fires; 2, 4, 8, ... of them.

    Raises:
        ValueError: where there is none, with the proof: a point halfway between rows of both kinds.
    """
    table = _as_truth(truth)
    inputs = boolean_inputs(len(table).bit_length() - 1)
    found = separate(inputs, table)
    if found.common_point is not None:
        ones, zeros = (_mean_of(inputs, found.shares, kind) for kind in (table, ~table))
        raise ValueError(
            f"No neuron has the truth table {', '.join(str(int(value)) for value in table)}. Where it should fire, "
            f"{ones} average to {_point(found.common_point)}, and where it should not, so do {zeros}: a weighted sum "
            "would have to lie on both sides of its threshold there. Use two layers."
        )
    return ThresholdNeuron(found.weights.tolist(), -found.bias)


def _as_truth(truth: Sequence[bool]) -> np.ndarray:
    """Read a truth table of 2, 4, 8, ... values of 0 and 1."""
    values = np.asarray(truth)
    is_power = values.ndim == 1 and len(values) in {2**m for m in range(1, MOST_INPUTS + 1)}
    if not is_power or values.dtype.kind not in "biuf" or not np.isin(values, (0, 1)).all():
        raise ValueError(
            f"A truth table holds 0 or 1 for each of the 2, 4, 8, ... {2**MOST_INPUTS:,} rows of Boolean inputs. "
            f"Received: {show_values(values.ravel(), 8)} of shape {values.shape}. "
            "Expected something like [0, 0, 0, 1] for AND."
        )
    return values.astype(bool)


def _mean_of(inputs: np.ndarray, shares: np.ndarray, kind: np.ndarray) -> str:
    """Write the rows of one kind that have a share."""
    return " and ".join(_point(row) for row in inputs[kind & (shares > 1e-6)])  # smaller ones are rounding errors


def _point(values: np.ndarray) -> str:
    return f"({', '.join(f'{value:.3g}' for value in values)})"
