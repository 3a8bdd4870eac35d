"""Training steps and evaluations, many to a call, as pure functions of the state.

The weights, and the optimizer's two moments, are one flat vector each, so that the update is one pass over memory.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from recipes.grokking.equations import Equations
from recipes.grokking.networks import Network
from recipes.grokking.step.fast_forward import Batch, Weights, crossentropy, logits, stable_crossentropy
from recipes.grokking.step.optimizer import Matrix, Optimizer, State, matrices_of
from recipes.running.programs import PROGRAMS
from recipes.training.data.batches import epoch_order

CHUNK_STEPS = 128  # so many steps' order is handed over at once, in whole epochs


class Trainer:
    """Compiled functions for one table, network and optimizer.

    Args:
        table: The equations.
        network: Which network.
        optimizer: How it learns.
        batch_size: Examples a step; the last of an epoch has what is left over.
        seed: Of the order of the examples, which depends on it and on the epoch alone.
        model: The plain model whose weights are trained.
        jit_compile: Whether the steps go through XLA.
    """

    def __init__(
        self,
        table: Equations,
        network: Network,
        optimizer: Optimizer,
        *,
        batch_size: int,
        seed: int,
        model: keras.Model,
        jit_compile: bool = True,
    ) -> None:
        self.table, self.network, self.optimizer = table, network, optimizer
        self.batch_size, self.seed, self.model = batch_size, seed, model
        self.variables = model.trainable_weights
        self.constants = {v.path: tf.constant(np.asarray(v)) for v in model.non_trainable_weights}
        self.dtype = tf.as_dtype(self.variables[0].dtype)
        self.num_train = len(table.train)
        self.steps_per_epoch = -(-self.num_train // batch_size)
        self.chunk_epochs = max(1, CHUNK_STEPS // self.steps_per_epoch)
        self._train = [tf.constant(column[table.train]) for column in (table.x, table.y, table.answer)]
        self._rates = optimizer.rates(self.dtype)
        self.is_compiled = False
        self._orders: tuple[int, tf.Tensor | None] = (-1, None)
        self._program = self._program_for(jit_compile)

    def _program_for(self, jit_compile: bool) -> "Program":
        """Find the compiled functions; those of another run serve one with other split, seed, rate or decay."""
        alike = replace(self.optimizer, learning_rate=0.0, weight_decay=0.0)
        shapes = tuple((variable.path, tuple(variable.shape)) for variable in self.variables)
        matrices = tuple(matrices_of(self.variables)) if self.optimizer.muon else ()
        symbols, sizes = self.table.num_symbols, (self.num_train, self.batch_size)
        key = (self.network, alike, shapes, matrices, symbols, sizes, self.dtype, jit_compile)
        program = PROGRAMS.get(key)
        if program is None:
            program = Program(self.network, alike, shapes, matrices, symbols, *sizes, jit_compile)
            PROGRAMS.put(key, program)
        return program

    # The state.

    def start(self) -> State:
        """Make the state before the first step, from the model's present weights."""
        flat = np.concatenate([np.asarray(variable).ravel() for variable in self.variables])
        names = ("momentum", "velocity", *self.optimizer.extra_state)
        return {"weights": tf.constant(flat), **{name: tf.zeros_like(flat) for name in names}}

    def restored(self, arrays: Mapping[str, np.ndarray]) -> State:
        """Make a state of one that was saved."""
        return {name: tf.constant(arrays[name]) for name in self.start()}

    def embedding(self, state: State) -> np.ndarray:
        """Return the vectors of the tokens `(tokens, width)`; of the numbers as x, where they are read one-hot."""
        weights = self._program.split(state["weights"])
        if self.network.kind == "one_hot":
            return weights["hidden_0/kernel"][: self.table.num_symbols].numpy()
        return weights["embedding/embeddings"].numpy()

    def finish(self, state: State) -> keras.Model:
        """Return the plain model, with the weights of this state."""
        for variable, value in zip(self.variables, self._program.split(state["weights"]).values(), strict=False):
            variable.assign(value)
        return self.model

    # The steps.

    def steps(self, state: State, first: int, last: int) -> State:
        """Take the steps `first` to `last - 1`; return the state after them."""
        chunk_steps = self.chunk_epochs * self.steps_per_epoch
        while first < last:
            chunk = first // chunk_steps
            before = chunk * chunk_steps  # steps of the run before this chunk
            end = min(last, before + chunk_steps)
            numbers = map(tf.constant, (first - before, end - before, before))
            orders = self._chunk_order(chunk)
            state = self._program.several(state, self._train, self.constants, self._rates, orders, *numbers)
            self.is_compiled = True
            first = end
        return state

    def _chunk_order(self, chunk: int) -> tf.Tensor:
        """Order the rows for each epoch of a chunk, `(chunk_epochs, num_train)`."""
        if self._orders[0] != chunk:
            epochs = range(chunk * self.chunk_epochs, (chunk + 1) * self.chunk_epochs)
            self._orders = (
                chunk,
                tf.constant(np.stack([epoch_order(self.seed, epoch, self.num_train) for epoch in epochs])),
            )
        return self._orders[1]

    def gradient(self, state: State, rows: np.ndarray) -> dict[str, tf.Tensor]:
        """Compute the gradient of the mean loss over these training rows, by the path of the weight."""
        rows = tf.constant(rows, tf.int32)
        return self._program.split(self._program.gradient(state["weights"], self._train, self.constants, rows))

    # The evaluation.

    def outputs(self, state: State, rows: np.ndarray) -> np.ndarray:
        """Compute the logits `(rows, num_tokens)` of equations by their row in the table."""
        x, y = (tf.constant(column[rows]) for column in (self.table.x, self.table.y))
        return self._program.outputs(state["weights"], self.constants, x, y).numpy()


@dataclass(frozen=True)
class Program:
    """The compiled functions of one network, optimizer and size. It holds no model, table or weights.

    Attributes:
        optimizer: Its rate and decay are arguments.
        shapes: Path and shape of each trained variable, in the order of the flat vector.
        matrices: What Muon moves.
        num_symbols: Of the table.
        num_train: Training rows.
        batch_size: Examples a step.
        jit_compile: Whether the steps go through XLA.
        several: Several steps.
        outputs: The logits of equations.
    """

    network: Network
    optimizer: Optimizer
    shapes: tuple[tuple[str, tuple[int, ...]], ...]
    matrices: tuple[Matrix, ...]
    num_symbols: int
    num_train: int
    batch_size: int
    jit_compile: bool
    several: Any = field(init=False, repr=False)
    outputs: Any = field(init=False, repr=False)

    def __post_init__(self) -> None:
        compiled = tf.function(self._several_steps, autograph=False, jit_compile=self.jit_compile)
        object.__setattr__(self, "several", compiled)
        object.__setattr__(self, "outputs", tf.function(self._logits, autograph=False, reduce_retracing=True))

    def split(self, flat: tf.Tensor) -> dict[str, tf.Tensor]:
        """Split the flat vector into the variables that it is made of, by path."""
        parts = tf.split(flat, [math.prod(shape) for _, shape in self.shapes])
        return {path: tf.reshape(part, shape) for (path, shape), part in zip(self.shapes, parts, strict=True)}

    def _several_steps(
        self,
        state: State,
        train: list[tf.Tensor],
        constants: Weights,
        rates: tuple[tf.Tensor, tf.Tensor],
        orders: tf.Tensor,
        start: tf.Tensor,
        end: tf.Tensor,
        before: tf.Tensor,
    ) -> State:
        """Take the steps `start` to `end - 1` of a chunk, before which the run had `before` steps."""
        full, rest = divmod(self.num_train, self.batch_size)
        steps_per_epoch = full + bool(rest)
        sizes = [math.prod(shape) for _, shape in self.shapes]

        def body(i: tf.Tensor, state: State) -> tuple[tf.Tensor, State]:
            order, within = orders[i // steps_per_epoch], i % steps_per_epoch

            def step(size: int) -> State:
                rows = tf.slice(order, [within * self.batch_size], [size])
                gradient = self.gradient(state["weights"], train, constants, rows)
                return self.optimizer.update(state, gradient, before + i, rates, self.matrices, sizes)

            if not rest:
                return i + 1, step(self.batch_size)
            return i + 1, tf.cond(within < full, lambda: step(self.batch_size), lambda: step(rest))

        return tf.while_loop(lambda i, _: i < end, body, (start, state))[1]

    def gradient(self, flat: tf.Tensor, train: list[tf.Tensor], constants: Weights, rows: tf.Tensor) -> tf.Tensor:
        """Compute the gradient of the mean loss over these rows, flat."""
        loss_of = stable_crossentropy if self.optimizer.stablemax else crossentropy
        x, y, answer = (tf.gather(column, rows) for column in train)
        parts = self.split(flat)
        with tf.GradientTape() as tape:
            tape.watch(parts)
            batch = Batch(x, y, self.num_symbols)
            loss = loss_of(logits(self.network, {**parts, **constants}, batch), answer)
        found = tape.gradient(loss, parts, unconnected_gradients=tf.UnconnectedGradients.ZERO)
        return tf.concat([tf.reshape(found[path], (-1,)) for path, _ in self.shapes], axis=0)

    def _logits(self, flat: tf.Tensor, constants: Weights, x: tf.Tensor, y: tf.Tensor) -> tf.Tensor:
        return tf.transpose(logits(self.network, {**self.split(flat), **constants}, Batch(x, y, self.num_symbols)))
