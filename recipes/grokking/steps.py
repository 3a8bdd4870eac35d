"""Training steps and evaluations on the shared network, many to a call, as pure functions of the state.

The weights, and the optimizer's two moments, are one flat vector each, so that the update is one pass over memory.
"""

from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from recipes.grokking.equations import Equations
from recipes.grokking.network import Network
from recipes.grokking.optimizer import Optimizer, State, matrices_of
from recipes.grokking.shared import Batch, crossentropy, logits
from recipes.training.batches import epoch_order

MOST_PROGRAMS = 4  # compiled functions that are kept for further runs
_PROGRAMS: OrderedDict[Any, tuple[Any, Any]] = OrderedDict()  # the least recently used one first

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
        self.full, self.rest = divmod(self.num_train, batch_size)
        self.steps_per_epoch = self.full + bool(self.rest)
        self.chunk_epochs = max(1, CHUNK_STEPS // self.steps_per_epoch)
        self._train = [tf.constant(column[table.train]) for column in (table.x, table.y, table.answer)]
        self._rates = optimizer.rates(self.dtype)
        self._matrices = matrices_of(self.variables) if optimizer.muon else []
        self.is_compiled = False
        self._orders: tuple[int, tf.Tensor | None] = (-1, None)
        self._several, self._outputs = self._programs(jit_compile)

    def _programs(self, jit_compile: bool) -> tuple[Any, Any]:
        """The compiled functions; those of another run serve one with other split, seed, rate or decay."""
        alike = replace(self.optimizer, learning_rate=0.0, weight_decay=0.0)
        key = (self.network, self.table.num_symbols, self.num_train, self.batch_size, alike, self.dtype, jit_compile)
        if key not in _PROGRAMS:
            several = tf.function(self._several_steps, autograph=False, jit_compile=jit_compile)
            _PROGRAMS[key] = several, tf.function(self._logits, autograph=False, reduce_retracing=True)
        _PROGRAMS.move_to_end(key)
        while len(_PROGRAMS) > MOST_PROGRAMS:
            _PROGRAMS.popitem(last=False)
        return _PROGRAMS[key]

    # The state.

    def start(self) -> State:
        """The state before the first step, from the model's present weights."""
        flat = np.concatenate([np.asarray(variable).ravel() for variable in self.variables])
        names = ("momentum", "velocity", *self.optimizer.extra_state)
        return {"weights": tf.constant(flat), **{name: tf.zeros_like(flat) for name in names}}

    def restored(self, arrays: Mapping[str, np.ndarray]) -> State:
        """A state that was saved."""
        return {name: tf.constant(arrays[name]) for name in self.start()}

    def embedding(self, state: State) -> np.ndarray:
        """The vectors of the tokens `(tokens, width)`."""
        return self._split(state["weights"])["embedding/embeddings"].numpy()

    def finish(self, state: State) -> keras.Model:
        """The plain model with these weights."""
        for variable, value in zip(self.variables, self._split(state["weights"]).values(), strict=False):
            variable.assign(value)
        return self.model

    def _split(self, flat: tf.Tensor) -> dict[str, tf.Tensor]:
        sizes = [int(np.prod(variable.shape)) for variable in self.variables]
        parts = tf.split(flat, sizes)
        return {v.path: tf.reshape(part, v.shape) for v, part in zip(self.variables, parts, strict=True)}

    # The steps.

    def steps(self, state: State, first: int, last: int) -> State:
        """The state after the steps `first` to `last - 1`."""
        while first < last:
            chunk, start = divmod(first, self.steps_per_epoch * self.chunk_epochs)
            count = min(self.steps_per_epoch * self.chunk_epochs - start, last - first)
            orders = self._chunk_order(chunk)
            numbers = map(tf.constant, (start, start + count, first))
            state = self._several(state, self._train, self._rates, orders, *numbers)
            self.is_compiled = True
            first += count
        return state

    def _order(self, epoch: int) -> np.ndarray:
        return epoch_order(self.seed, epoch, self.num_train)

    def _chunk_order(self, chunk: int) -> tf.Tensor:
        """Row numbers `(chunk_epochs, num_train)`."""
        if self._orders[0] != chunk:
            epochs = range(chunk * self.chunk_epochs, (chunk + 1) * self.chunk_epochs)
            self._orders = (chunk, tf.constant(np.stack([self._order(epoch) for epoch in epochs])))
        return self._orders[1]

    def _several_steps(
        self,
        state: State,
        train: list[tf.Tensor],
        rates: tuple[tf.Tensor, tf.Tensor],
        orders: tf.Tensor,
        start: tf.Tensor,
        end: tf.Tensor,
        first: tf.Tensor,
    ) -> State:
        """The state after the steps `start` to `end - 1` of a chunk, of which the first is `first` of the run."""

        def body(i: tf.Tensor, state: State) -> tuple[tf.Tensor, State]:
            order, within = orders[i // self.steps_per_epoch], i % self.steps_per_epoch

            def step(size: int) -> State:
                rows = tf.slice(order, [within * self.batch_size], [size])
                gradient = self._gradient(state["weights"], train, rows)
                return self.optimizer.update(state, gradient, first + i - start, rates, self._matrices)

            if not self.rest:
                return i + 1, step(self.batch_size)
            return i + 1, tf.cond(within < self.full, lambda: step(self.batch_size), lambda: step(self.rest))

        return tf.while_loop(lambda i, _: i < end, body, (start, state))[1]

    def gradient(self, flat: tf.Tensor, rows: tf.Tensor) -> tf.Tensor:
        """Of the mean crossentropy over these training rows, flat."""
        return self._gradient(flat, self._train, rows)

    def _gradient(self, flat: tf.Tensor, train: list[tf.Tensor], rows: tf.Tensor) -> tf.Tensor:
        x, y, answer = (tf.gather(column, rows) for column in train)
        parts = self._split(flat)
        with tf.GradientTape() as tape:
            tape.watch(parts)
            batch = Batch(x, y, self.table.num_symbols)
            loss = crossentropy(logits(self.network, {**parts, **self.constants}, batch), answer)
        found = tape.gradient(loss, parts, unconnected_gradients=tf.UnconnectedGradients.ZERO)
        return tf.concat([tf.reshape(found[variable.path], (-1,)) for variable in self.variables], axis=0)

    # The evaluation.

    def outputs(self, state: State, rows: np.ndarray) -> np.ndarray:
        """Logits `(rows, num_tokens)` of equations by their row in the table."""
        return self._outputs(state["weights"], tf.constant(self.table.x[rows]), tf.constant(self.table.y[rows])).numpy()

    def _logits(self, flat: tf.Tensor, x: tf.Tensor, y: tf.Tensor) -> tf.Tensor:
        weights: dict[str, Any] = {**self._split(flat), **self.constants}
        return tf.transpose(logits(self.network, weights, Batch(x, y, self.table.num_symbols)))
