"""What is compiled for K networks: blocks of epochs, each of steps and a validation, and who has come to an end.

Everything is an argument and a result; no variable is read or written. So a program belongs to no model, and one for
equal `Plan`s of networks is the same program, whatever it was made for.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import tensorflow as tf

from recipes.training.engines.many.stacked.common import called, where
from recipes.training.engines.many.stacked.layers import Held
from recipes.training.engines.many.stacked.network import Measured, Network
from recipes.training.engines.many.stacked.optimizers import OPTIMIZERS, clipped
from recipes.training.engines.many.stacked.stack import num_moments, shapes_of
from recipes.training.engines.tensorflow.steps import Compiled

MOST_ROWS_AT_ONCE = 1_024  # of a validation, for each network


@dataclass(frozen=True)
class Shape:
    """All that decides which operations a program has, so that programs of equal ones are equal.

    Attributes:
        network: What the networks have in common.
        num_networks: K; `None` for any, which only the plain graph can.
        batch_size: Rows a step; with `in_parts`, rows a part of a step, which divides all batch sizes.
        num_steps: Steps, or parts, an epoch of the network with most.
        num_held: Validation rows of the network with most; 0 for no validation.
        ragged: Whether some batches are not full.
        uneven: Whether some networks have fewer steps an epoch.
        filled: Whether some networks are narrower.
        weighted: Whether the rows of the training have weights, and those of the validation.
        keeps: Whether networks keep the weights of another epoch than their last.
        ends: Whether networks end before the last epoch, each of its own accord; then they keep weights, too.
        schedules: Whether the rate is another in each step.
        in_parts: Whether the batch sizes differ, so that some networks take several parts a step.
    """

    network: Network
    num_networks: int | None
    batch_size: int
    num_steps: int
    num_held: int
    ragged: bool
    uneven: bool
    filled: bool
    weighted: tuple[bool, bool]
    keeps: bool
    ends: bool
    schedules: bool
    in_parts: bool = False


# Of the arguments: those that belong to no network, and those that have an axis of steps or epochs before that of the
# networks.
SHARED = ("x", "y", "weight", "held_x", "held_y", "held_weight", "epoch", "count")
BY_STEP = ("order", "rates")


def specs_of(shape: Shape, arguments: dict[str, Any]) -> list[Any]:
    """List the shapes that a program is for; without `num_networks`, for any number of them."""

    def of(name: str, tensor: Any) -> Any:
        sizes = tensor.shape.as_list()
        if shape.num_networks is None and name not in SHARED:
            sizes[1 if name in BY_STEP else 0] = None
        return tf.TensorSpec(sizes, tensor.dtype)

    return [of(name, tensor) for name in sorted(arguments) for tensor in tf.nest.flatten(arguments[name])]


def compiled(shape: Shape, arguments: Any, specs: list[Any], *, jit_compile: bool) -> Compiled:
    """Compile a program for arguments like these: see `Block.__call__`."""
    block = Block(shape)

    def run(*tensors: Any) -> list[Any]:
        return tf.nest.flatten(block(tf.nest.pack_sequence_as(arguments, tensors)))

    return Compiled(run, specs, (), jit_compile=jit_compile)


class Block:
    """A function that runs some epochs for all networks."""

    def __init__(self, shape: Shape) -> None:
        self.shape, self.network = shape, shape.network
        self.sizes = [int(np.prod(one)) for one in shapes_of(self.network)]
        self.rules = [(OPTIMIZERS[kind], dict(flags)) for kind, flags in self.network.optimizers]
        self.penalized = [flag for part in self.network.parts for flag in part.penalized]
        self.decayed = [flag for part in self.network.parts for flag in part.decayed]

    def __call__(self, a: dict[str, Any]) -> dict[str, Any]:
        """Run `a["count"]` epochs from the epoch `a["epoch"]` on.

        Args:
            a: `now` and, with `keeps`, `best`, with `ends`, `final`: weights, moments, statistics, words, steps of each
                network;
                `x`, `y`, `weight` of all rows there are, and `held_x`, ... of those of the validation;
                `order`: `(epochs, K, steps * batch)` of training; `held`: `(K, rows)` of validation;
                `num_rows`, `num_held`, `batch_sizes`: `(K,)`; `rates`: `(epochs * steps, K)` or `(1, K)`;
                `numbers`: of the optimizers; `constants`, `dropout`, `penalties`, `own`, `choices`: see `stack.py`;
                with `keeps`, `lowest`, `kept`; with `ends`, `epochs`, `patience`, `waited`, `ended`, `length`: `(K,)`.

        Returns:
            What of this has changed, and `logs` `(epochs, K, quantities)`.
        """
        state = {name: a[name] for name in ("now", "best", "final", "lowest", "waited", "ended", "length", "kept")
                 if name in a}  # fmt: skip
        epochs = a["order"].shape[0]
        quantities = len(self.network.names) * (2 if self.shape.num_held else 1)
        logs = tf.TensorArray(self.network.precision, epochs, element_shape=(self.shape.num_networks, quantities))
        structure = state

        def epoch(i: Any, flat: list[Any], logs: Any) -> Any:
            state = tf.nest.pack_sequence_as(structure, flat)
            now, values = self._train(a, state["now"], i)
            if self.shape.num_held:
                values = tf.concat([values, self._validate(a, now)], axis=1)
            state = {**state, "now": now}
            if self.shape.keeps:
                state = self._keep(state, a["epoch"] + i, values)
            if self.shape.ends:
                state = self._end(a, state, a["epoch"] + i)
            return i + 1, tf.nest.flatten(state), logs.write(i, values)

        _, flat, logs = tf.while_loop(
            lambda i, *_: i < a["count"], epoch, (tf.constant(0), tf.nest.flatten(state), logs)
        )
        return {**tf.nest.pack_sequence_as(structure, flat), "logs": logs.stack()}

    # --- an epoch -------------------------------------------------------------------------------------------------

    def _train(self, a: dict[str, Any], now: dict[str, Any], epoch: Any) -> tuple[dict[str, Any], Any]:
        order, size = a["order"][epoch], self.shape.batch_size
        totals = tf.zeros((tf.shape(order)[0], 1 + self._num_sums), self.network.precision)
        begin = {**now, "summed": tf.zeros_like(now["weights"])} if self.shape.in_parts else now

        def step(i: Any, flat: list[Any], totals: Any) -> Any:
            now_then = tf.nest.pack_sequence_as(begin, flat)
            rows = tf.slice(order, [0, i * size], [-1, size])
            rows.set_shape((self.shape.num_networks, size))
            live = None
            if self.shape.ragged:
                live = i * size + tf.range(size)[None, :] < a["num_rows"][:, None]
            rate = a["rates"][epoch * self.shape.num_steps + i] if self.shape.schedules else a["rates"][0]
            changed, sums = self._step(a, now_then, rows, live, rate[:, None], i)
            return i + 1, tf.nest.flatten(changed), totals + sums

        steps = tf.constant(self.shape.num_steps)
        _, flat, totals = tf.while_loop(lambda i, *_: i < steps, step, (tf.constant(0), tf.nest.flatten(begin), totals))
        after = tf.nest.pack_sequence_as(begin, flat)
        return {name: after[name] for name in now}, self._means(totals)

    def _step(
        self, a: dict[str, Any], now: dict[str, Any], rows: Any, live: Any, rate: Any, i: Any
    ) -> tuple[dict[str, Any], Any]:
        """Take one step of each network on its own rows `(K, B)`, or the `i`-th part of it."""
        x, y = tf.gather(a["x"], rows), tf.gather(a["y"], rows)
        weight = tf.gather(a["weight"], rows) if self.shape.weighted[0] else None
        share = first_row = is_last = None
        if self.shape.in_parts:
            share, first_row, is_last = self._part_of_batch(a, i)
        with tf.GradientTape() as tape:
            tape.watch(now["weights"])
            prediction, statistics = self._forward(a, now, x, live, training=True, first_row=first_row)
            loss, sums = self._measure(a, now["weights"], y, prediction, weight, live)
            total = tf.reduce_sum(loss if share is None else loss * share)
        gradient = tape.gradient(total, now["weights"])
        if self.shape.filled:
            gradient = self._own(a, gradient)
        if self.shape.in_parts:
            gradient += now["summed"]
        weights, moments = self._updated(a, now, gradient, rate)
        words = now["words"] + tf.constant([0, 1], now["words"].dtype) if now["words"].shape[1] else now["words"]
        after = {"weights": weights, "moments": moments, "statistics": statistics, "words": words,
                 "steps": now["steps"] + 1}  # fmt: skip
        if self.shape.in_parts:
            after["summed"] = tf.zeros_like(gradient)
            after = where(is_last, after, {**now, "summed": gradient})
        if self.shape.uneven:  # a network whose epoch is over stays as it is
            assert live is not None
            after = where(live[:, 0], after, now)
        return after, sums

    def _part_of_batch(self, a: dict[str, Any], i: Any) -> tuple[Any, Any, Any]:
        """Say of the `i`-th part which share of its batch it is, where it begins in it, and whether it is the last.

        Each `(K,)`. A mean over the batch is the sum of the means over its parts, each times its share.
        """
        size, number, part = a["batch_sizes"], a["num_rows"], self.shape.batch_size
        start, end = i * part, (i + 1) * part
        begin = start // size * size
        of_batch = tf.minimum(size, number - begin)
        mine = tf.clip_by_value(number - start, 0, part)
        precision = self.network.precision
        share = tf.math.divide_no_nan(tf.cast(mine, precision), tf.cast(of_batch, precision))
        return share, start - begin, tf.logical_or(end % size == 0, end >= number)

    def _updated(self, a: dict[str, Any], now: dict[str, Any], gradient: Any, rate: Any) -> tuple[Any, list[Any]]:
        """Give weights and moments after an update by each network's own rule."""
        numbers = {**a["numbers"], "rate": rate, "step": tf.cast(now["steps"] + 1, self.network.precision)[:, None]}
        weights = now["weights"]
        if any(self.decayed):
            weights -= weights * numbers["weight_decay"] * rate * self._by_variable(self.decayed)
        empty = [tf.zeros_like(gradient)] * num_moments(self.network)
        found: list[Any] = []
        for i, (rule, flags) in enumerate(self.rules):
            clip = flags["clip"]
            own = clipped(gradient, clip, numbers.get(clip), self.sizes)
            kept = len(rule.kept(flags))
            change, moments = rule.update(own, now["moments"][:kept], numbers, flags)
            mine = [change, *moments, *empty[kept:]]
            found = where(a["choices"]["optimizer"] == i, mine, found) if found else mine
        if self.shape.filled:  # 0 / (sqrt(0) + epsilon) is not 0 for every epsilon
            found = [self._own(a, part) for part in found]
        return weights + found[0], found[1:]

    def _own(self, a: dict[str, Any], values: Any) -> Any:
        """Leave 0 in the places that only fill a width up, whatever was computed there."""
        return tf.where(a["own"], values, tf.zeros((), values.dtype))

    def _validate(self, a: dict[str, Any], now: dict[str, Any]) -> Any:
        held = a["held"]
        size = min(self.shape.num_held, MOST_ROWS_AT_ONCE)
        totals = tf.zeros((tf.shape(held)[0], 1 + self._num_sums), self.network.precision)

        def some(start: Any, totals: Any) -> Any:
            first = tf.minimum(start, self.shape.num_held - size)  # the last part overlaps the one before
            rows = tf.slice(held, [0, first], [-1, size])
            rows.set_shape((self.shape.num_networks, size))
            place = first + tf.range(size)[None, :]
            live = tf.logical_and(place >= start, place < a["num_held"][:, None])
            x, y = tf.gather(a["held_x"], rows), tf.gather(a["held_y"], rows)
            weight = tf.gather(a["held_weight"], rows) if self.shape.weighted[1] else None
            prediction, _ = self._forward(a, now, x, None, training=False)
            _, sums = self._measure(a, now["weights"], y, prediction, weight, live)
            return start + size, totals + sums

        end = tf.constant(self.shape.num_held)
        return self._means(tf.while_loop(lambda start, _: start < end, some, (tf.constant(0), totals))[1])

    def _keep(self, state: dict[str, Any], epoch: Any, values: Any) -> dict[str, Any]:
        """Note which networks had their best epoch now, as `patience.py` would."""
        watched = values[:, len(self.network.names)] if self.shape.num_held else values[:, 0]
        better = tf.logical_or(epoch == 0, watched < state["lowest"])
        if self.shape.ends:
            better = tf.logical_and(tf.logical_not(state["ended"]), better)
        return {
            **state,
            "lowest": tf.where(better, watched, state["lowest"]),
            "kept": tf.where(better, epoch + 1, state["kept"]),
            "best": where(better, {name: state["now"][name] for name in state["best"]}, state["best"]),
        }

    def _end(self, a: dict[str, Any], state: dict[str, Any], epoch: Any) -> dict[str, Any]:
        """Note which networks this epoch was the last of."""
        running = tf.logical_not(state["ended"])
        waited = tf.where(running, epoch + 1 - state["kept"], state["waited"])  # since the best
        over = tf.logical_and(running, tf.logical_or(waited >= a["patience"], epoch + 1 >= a["epochs"]))
        return {
            **state,
            "waited": waited,
            "ended": tf.logical_or(state["ended"], over),
            "length": tf.where(over, epoch + 1, state["length"]),
            "final": where(over, state["now"], state["final"]),
        }

    # --- a network ------------------------------------------------------------------------------------------------

    def _variables(self, weights: Any) -> list[Any]:
        parts = tf.split(weights, self.sizes, axis=1)
        return [
            tf.reshape(part, (-1 if self.shape.num_networks is None else self.shape.num_networks, *shape))
            for part, shape in zip(parts, shapes_of(self.network), strict=True)
        ]

    def _forward(
        self, a: dict[str, Any], now: dict[str, Any], x: Any, live: Any, *, training: bool, first_row: Any = None
    ) -> tuple[Any, list[Any]]:
        variables, constants = iter(self._variables(now["weights"])), iter(a["constants"])
        own = iter(self._variables(a["own"]) if self.shape.filled else ())
        x = tf.cast(x, self.network.takes)  # as Keras does with what a model is given, and then each layer
        x = tf.cast(x, self.network.precision) if x.dtype.is_floating else x
        statistics, after, drawn = iter(now["statistics"]), [], 0
        present, activations = (_columns(a["choices"][name]) for name in ("present", "activation"))
        for part in self.network.parts:
            held = Held(
                [next(variables) for _ in part.shapes],
                [next(statistics) for _ in part.statistics],
                [next(constants) for _ in part.constants],
                live=live,
                training=training,
                first_row=first_row,
            )
            if self.shape.filled:
                masks = [next(own) for _ in part.shapes]
                held.own = masks[0][:, 0] if part.kind == "Dense" else None
            if part.draws:
                held.rate, held.scale = a["dropout"][:, drawn, 0], a["dropout"][:, drawn, 1]
                held.words = tf.unstack(now["words"][:, drawn], axis=1)
                drawn += 1
            x = called(part, x, held, activations, next(present) if part.is_optional else None)
            after += held.statistics
        return x, after

    def _measure(
        self, a: dict[str, Any], weights: Any, y: Any, prediction: Any, weight: Any, live: Any
    ) -> tuple[Any, Any]:
        """Compute each network's loss `(K,)`, and what its means are made from `(K, 1 + sums)`: the rows first."""
        precision = self.network.precision
        sizes = tf.shape(prediction)[:2]
        y, prediction = _as_rows(y), _as_rows(prediction)
        real = tf.ones(sizes, precision) if live is None else tf.cast(live, precision)
        number = tf.reduce_sum(real, axis=1)
        weight = None if weight is None else tf.cast(weight, precision)
        losses = self._by_row(self.network.loss, y, prediction, sizes)  # in Keras' precision, as is their mean
        if weight is not None:
            losses *= tf.cast(weight, losses.dtype)
        loss = tf.math.divide_no_nan(_sum(losses, real), tf.cast(number, losses.dtype))
        loss = tf.cast(loss, precision) + self._penalty(a, weights)
        sums = [number, tf.where(number > 0, loss * number, tf.zeros((), precision))]
        for metric in self.network.metrics:
            values = tf.cast(self._by_row(metric, y, prediction, sizes), precision)
            if metric.weighted and weight is not None:
                sums += [_sum(values * weight, real), _sum(weight, real)]
            else:
                sums += [_sum(values, real), number]
        return loss, tf.stack(sums, axis=1)

    def _by_row(self, measured: Measured, y: Any, prediction: Any, sizes: Any) -> Any:
        """Give a number for each row, `(K, B)`, of truth and prediction `(K * B, ...)`."""
        values = measured.values(y, prediction)
        by_row = tf.reshape(values, tf.concat([sizes, tf.shape(values)[1:]], axis=0))
        axes = [*range(2, len(values.shape) + 1)]
        return tf.reduce_mean(by_row, axis=axes) if axes else by_row

    def _penalty(self, a: dict[str, Any], weights: Any) -> Any:
        total = 0.0
        if any(self.penalized):
            for i, variable in enumerate(tf.split(weights, self.sizes, axis=1)):
                if self.penalized[i]:
                    for factor, power in ((a["penalties"][:, i, 0], tf.abs), (a["penalties"][:, i, 1], tf.square)):
                        # Without a factor nothing is computed, which might overflow.
                        counted = tf.where(factor[:, None] != 0, variable, tf.zeros((), variable.dtype))
                        total += factor * tf.reduce_sum(power(counted), axis=1)
        return total

    def _by_variable(self, flags: Sequence[bool]) -> Any:
        return tf.constant(np.repeat(np.array(flags, self.network.precision), self.sizes)[None])

    @property
    def _num_sums(self) -> int:
        return 1 + 2 * len(self.network.metrics)

    def _means(self, totals: Any) -> Any:
        """Turn sums over the rows into the numbers of a history, `(K, quantities)`."""
        number, loss, *rest = tf.unstack(totals, axis=1)
        means = [tf.math.divide_no_nan(loss, number)]
        for metric, top, bottom in zip(self.network.metrics, rest[::2], rest[1::2], strict=True):
            mean = tf.math.divide_no_nan(top, bottom)
            means.append(tf.sqrt(mean) if metric.root else mean)
        return tf.stack(means, axis=1)


def _columns(matrix: Any) -> Iterator[Any]:
    return iter(tf.unstack(matrix, axis=1) if matrix.shape[1] else ())


def _as_rows(values: Any) -> Any:
    """Lay the rows of all networks behind each other, as a loss of Keras expects them; its logits come along."""
    rows = tf.reshape(values, tf.concat([[-1], tf.shape(values)[2:]], axis=0))
    rows.set_shape((None, *values.shape[2:]))
    if hasattr(values, "_keras_logits"):
        rows._keras_logits = _as_rows(values._keras_logits)
    return rows


def _sum(values: Any, real: Any) -> Any:
    """Sum over the real rows; what stands in the others, be it infinite, counts nothing."""
    return tf.reduce_sum(tf.where(real > 0, values, tf.zeros((), values.dtype)), axis=1)
