"""AdamW as in the paper, and switches that change the optimisation; pure functions of flat vectors.

Each of the switches is said to make networks generalise in fewer steps: another experiment, not a faster engine.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import keras
import tensorflow as tf

State = dict[str, tf.Tensor]  # "weights", "momentum", "velocity", those of `extra_state`; each flat
TINY = 1e-30  # as in the authors' code: a variable of zeros has no direction
Matrix = tuple[int, int, int]  # place of a weight matrix in the flat vector: start, rows, columns

MUON_MOMENTUM = 0.95  # K. Jordan et al. (2024), "Muon: an optimizer for hidden layers in neural networks"
MUON_POLYNOMIAL = (3.4445, -4.7750, 2.0315)  # likewise: pulls every singular value to about 1 in five steps
MUON_STEPS = 5
MUON_SCALE = (
    0.2  # brings the update's size to AdamW's, so that one rate serves both (J. Liu et al. 2025, arXiv 2502.16982)
)


@dataclass(frozen=True)
class Optimizer:
    """AdamW as in the paper: decoupled decay on every weight, before the step.

    Attributes:
        learning_rate: After the warm-up.
        weight_decay: Each step takes `learning_rate * weight_decay` of every weight away.
        beta_1: Of the first moment.
        beta_2: Of the second.
        epsilon: Added to the root of the second moment.
        warm_up: Steps over which the rate rises linearly from 0.
        grokfast: Factor of the slow part of the gradient that is added to it (J. Lee et al. 2024, arXiv 2405.20233);
            0 for none, as in the paper.
        grokfast_decay: Of the moving average that is the slow part.
        muon: Whether the matrices between embedding and head move by orthogonalised momentum (K. Jordan et al. 2024).
        orthograd: Whether of each variable's gradient the part along the variable is left out and the rest brought to
            the length of the whole: "⊥Grad", algorithm 1 of L. Prieto et al. 2025, arXiv 2501.04697.
        stablemax: Whether the loss is the logarithm of StableMax in float64, not of softmax (likewise, equation 5).
    """

    learning_rate: float = 1e-3
    weight_decay: float = 1.0
    beta_1: float = 0.9
    beta_2: float = 0.98
    epsilon: float = 1e-8
    warm_up: int = 10
    grokfast: float = 0.0
    grokfast_decay: float = 0.98
    muon: bool = False
    orthograd: bool = False
    stablemax: bool = False

    @property
    def extra_state(self) -> tuple[str, ...]:
        """Names of the flat vectors that a switch needs beside the two moments."""
        return (*(["slow"] if self.grokfast else []), *(["matrix_momentum"] if self.muon else []))

    def rates(self, dtype: tf.DType) -> tuple[tf.Tensor, tf.Tensor]:
        """Return learning rate and decay as numbers that a compiled step is given: it is the same for others."""
        return tf.constant(self.learning_rate, dtype), tf.constant(self.weight_decay, dtype)

    def update(
        self,
        state: State,
        gradient: tf.Tensor,
        step: tf.Tensor,
        rates: tuple[tf.Tensor, tf.Tensor] | None = None,
        matrices: Sequence[Matrix] = (),
        sizes: Sequence[int] = (),
    ) -> State:
        """Return the state after a step.

        Args:
            state: Before it.
            gradient: Flat.
            step: Its number, from 0.
            rates: Learning rate and decay instead of its own.
            matrices: What Muon moves.
            sizes: Of the variables in the flat vector, in their order; ⊥Grad takes each by itself.
        """
        if self.orthograd:
            gradient = across(state["weights"], gradient, sizes)
        dtype = gradient.dtype
        rate, decay = rates or self.rates(dtype)
        new: State = {}
        if self.grokfast:
            slow = self.grokfast_decay * state["slow"] + (1 - self.grokfast_decay) * gradient
            gradient += self.grokfast * slow
            new["slow"] = slow
        number = tf.cast(step, dtype)
        if self.warm_up:
            rate *= tf.minimum(number / self.warm_up, tf.ones([], dtype))
        beta_1, beta_2 = (tf.constant(beta, dtype) for beta in (self.beta_1, self.beta_2))
        momentum = state["momentum"] + (gradient - state["momentum"]) * (1 - beta_1)
        velocity = state["velocity"] + (tf.square(gradient) - state["velocity"]) * (1 - beta_2)
        unbiased = rate * tf.sqrt(1 - tf.pow(beta_2, number + 1)) / (1 - tf.pow(beta_1, number + 1))
        weights = state["weights"] * (1 - rate * decay)
        move = unbiased * momentum / (tf.sqrt(velocity) + self.epsilon)
        if self.muon:
            new["matrix_momentum"] = MUON_MOMENTUM * state["matrix_momentum"] + gradient
            ahead = gradient + MUON_MOMENTUM * new["matrix_momentum"]  # Nesterov's
            move = _with_matrices(move, ahead, rate, matrices)
        return {**new, "weights": weights - move, "momentum": momentum, "velocity": velocity}


def matrices_of(variables: Sequence[keras.Variable]) -> list[Matrix]:
    """Find where the matrices between embedding and head lie in these weights' flat vector; heads side by side."""
    found, start = [], 0
    for variable in variables:
        size = math.prod(variable.shape)
        if variable.path.endswith("kernel") and not variable.path.startswith("head"):
            rows = math.prod(variable.shape[:-1]) if "attention_output" in variable.path else variable.shape[0]
            found.append((start, rows, size // rows))
        start += size
    return found


def across(weights: tf.Tensor, gradient: tf.Tensor, sizes: Sequence[int]) -> tf.Tensor:
    """Leave out of each variable's gradient what points along the variable; the length stays. Flat, as both are."""
    turned = []
    for w, g in zip(tf.split(weights, sizes), tf.split(gradient, sizes), strict=True):
        rest = g - tf.reduce_sum(w * g) / (tf.reduce_sum(w * w) + TINY) * w
        turned.append(rest * tf.norm(g) / (tf.norm(rest) + TINY))
    return tf.concat(turned, axis=0)


def orthogonalised(matrix: tf.Tensor) -> tf.Tensor:
    """Find the nearest matrix with singular values of about 1: by five steps of a polynomial, not a decomposition."""
    a, b, c = MUON_POLYNOMIAL
    is_tall = matrix.shape[0] > matrix.shape[1]
    x = tf.transpose(matrix) if is_tall else matrix
    x /= tf.norm(x) + 1e-7
    for _ in range(MUON_STEPS):
        square = tf.matmul(x, x, transpose_b=True)
        x = a * x + tf.matmul(b * square + c * tf.matmul(square, square), x)
    return tf.transpose(x) if is_tall else x


def _with_matrices(move: tf.Tensor, ahead: tf.Tensor, rate: tf.Tensor, matrices: Sequence[Matrix]) -> tf.Tensor:
    """Take AdamW's move of all weights, but Muon's of these matrices; flat."""
    parts, end = [], 0
    for start, rows, columns in matrices:
        parts.append(move[end:start])
        end = start + rows * columns
        turned = orthogonalised(tf.reshape(ahead[start:end], (rows, columns)))
        parts.append(tf.reshape(rate * MUON_SCALE * math.sqrt(max(rows, columns)) * turned, (-1,)))
    return tf.concat([*parts, move[end:]], axis=0)
