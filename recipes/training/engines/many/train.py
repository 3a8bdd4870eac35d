"""Train K models that were read as one network: blocks of epochs, until each has come to its end."""

import time
from collections.abc import Hashable, Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from recipes.running.programs import PROGRAMS
from recipes.training.data.batches import epoch_order
from recipes.training.engines.engine import Job, Outcome
from recipes.training.engines.many.cost import part_of
from recipes.training.engines.many.layers import LAYERS
from recipes.training.engines.many.network import Network
from recipes.training.engines.many.optimizers import OPTIMIZERS
from recipes.training.engines.many.program import Shape, compiled
from recipes.training.engines.many.stack import (
    Stack,
    choices,
    constants_of,
    dropout_rates,
    is_filled,
    optimizer_numbers,
    penalties,
    put_back,
    shapes_of,
    stacked,
)
from recipes.training.engines.tensorflow.loop import BLOCK_SECONDS, Speed
from recipes.training.engines.tensorflow.program import MOST_BLOCK_EPOCHS, MOST_ORDERS
from recipes.training.engines.tensorflow.steps import PLAIN, XLA
from recipes.training.engines.tensorflow.walk import settings_of_process

# Some 0.8 s more to compile, against 1 ms less a step of small networks, and 5e-9 s less a step, network and weight of
# larger ones; measured on two cores, `benchmarks/many.py`.
XLA_PAYS_AFTER_STEPS, XLA_PAYS_AFTER_UPDATES = 1_500, 100_000_000
NEVER = np.int32(2**31 - 1)


def train(jobs: Sequence[Job], network: Network) -> list[Outcome]:
    """Train the models of these jobs in place, all at once; they differ in what `engine.py` allows."""
    return _Run(jobs, network).train()


class _Run:
    def __init__(self, jobs: Sequence[Job], network: Network) -> None:
        self.jobs, self.network = jobs, network
        self.models = [job.model for job in jobs]
        self.plans = [job.plan for job in jobs]
        self.rows, self.held = _Pool(), _Pool()
        self.starts = np.array([self.rows.put(job.data.x, job.data.y, job.data.sample_weight) for job in jobs])
        self.num_rows = np.array([job.data.num_rows for job in jobs], np.int32)
        held_starts, held_sizes = [0] * len(jobs), [0] * len(jobs)
        for k, job in enumerate(jobs):
            if job.data.validation is not None:
                x, y, weight = job.data.validation
                held_starts[k], held_sizes[k] = self.held.put(x, y, weight), len(y)
        self.num_held = np.array(held_sizes, np.int32)
        most = int(self.num_held.max())
        self.held_rows = np.array(held_starts, np.int32)[:, None] + np.minimum(
            np.arange(max(most, 1)), np.maximum(self.num_held[:, None] - 1, 0)
        ).astype(np.int32)
        self.epochs = np.array([plan.epochs for plan in self.plans], np.int32)
        self.patience = np.array([NEVER if p.patience is None else p.patience for p in self.plans], np.int32)
        self.own = is_filled(self.models, network)
        self.batch_sizes, size = in_parts([p.batch_size for p in self.plans], self.num_rows)
        steps = -(-self.num_rows // size)
        self.schedules = _schedules(self.models, network.precision)
        total = int(self.epochs.max()) * int(steps.max())
        updates = total * len(jobs) * sum(int(np.prod(shape)) for shape in shapes_of(network))
        pays = total >= XLA_PAYS_AFTER_STEPS or updates >= XLA_PAYS_AFTER_UPDATES
        self.way = XLA if pays and not tf.config.list_logical_devices("GPU") else PLAIN
        self.shape = Shape(
            network,
            len(jobs) if self.way == XLA else None,
            size,
            int(steps.max()),
            most,
            ragged=bool((self.num_rows % size).any() or len({*steps}) > 1),
            uneven=len({*steps}) > 1,
            filled=self.own is not None,
            weighted=(self.rows.is_weighted, self.held.is_weighted),
            ends=bool((self.patience < NEVER).any() or len({*self.epochs}) > 1),
            schedules=any(schedule is not None for schedule in self.schedules),
            in_parts=bool((self.batch_sizes != size).any()),
        )
        width = len(jobs) * self.shape.num_steps * size
        self.block_epochs = max(1, min(MOST_BLOCK_EPOCHS, int(self.epochs.max()), MOST_ORDERS // width))

    def train(self) -> list[Outcome]:
        """Run blocks until all networks have ended, and put what has become of them into the models."""
        stack = stacked(self.models, self.network)
        state: dict[str, Any] = {"now": vars(stack)}
        number = len(self.jobs)
        if self.shape.ends:
            state |= {
                "best": {"weights": stack.weights, "statistics": stack.statistics},
                "final": vars(stack),
                "lowest": np.full(number, np.inf, self.network.precision),
                "waited": np.zeros(number, np.int32),
                "ended": np.zeros(number, bool),
                "length": np.zeros(number, np.int32),
                "kept": np.zeros(number, np.int32),
            }
        state, fixed = tf.nest.map_structure(tf.constant, state), self._fixed()
        epoch, logs, count, speed = 0, [], 1, Speed()
        program: Any = None
        end = int(self.epochs.max())
        plan = self.plans[0]
        while epoch < end and not plan.interrupt.requested:
            count = min(count, end - epoch, self.block_epochs)
            start = time.perf_counter()
            of_block = {"order": self._orders(epoch, count), "rates": self._rates(epoch, count),
                        "epoch": np.int32(epoch), "count": np.int32(count)}  # fmt: skip
            arguments = {**state, **fixed, **tf.nest.map_structure(tf.constant, of_block)}
            tracing = 0.0
            if program is None:  # every block has the same shapes
                program, tracing = self._program(arguments)
            found = tf.nest.pack_sequence_as({**state, "logs": 0}, program(tf.nest.flatten(arguments), ()))
            block = found.pop("logs").numpy()[:count]
            state = found
            logs.append(block)
            seconds = time.perf_counter() - start
            speed.add(count * self.shape.num_steps, seconds, tracing)
            if plan.progress is not None:
                for i in range(count):
                    plan.progress.on_epoch_end(epoch + i, self._median(block[i]))
            epoch += count
            if self.shape.ends and bool(np.asarray(state["ended"]).all()):
                break
            if not tracing:
                count = max(1, int(BLOCK_SECONDS / (seconds / count)))
            elif len(logs) == 1:
                count = min(4, end)
        if not logs:  # interrupted before the first step
            return [Outcome({}, self._how()) for _ in self.jobs]
        return self._finish(state, np.concatenate(logs), epoch, speed)

    def _program(self, arguments: Any) -> tuple[Any, float]:
        shapes = tuple((tuple(t.shape), t.dtype.name) for t in tf.nest.flatten(arguments))
        key = ("many", self.shape, shapes, self.way, self._read_by_tracing())
        program = PROGRAMS.get(key)
        if program is not None:
            return program, 0.0
        start = time.perf_counter()
        program = compiled(self.shape, arguments, jit_compile=self.way == XLA)
        PROGRAMS.put(key, program)
        return program, time.perf_counter() - start

    def _read_by_tracing(self) -> Hashable:
        """List what decides about a program and is in no network: the tables, and what is set for the process."""
        kinds = tuple(LAYERS[part.kind] for part in self.network.parts)
        rules = tuple(OPTIMIZERS[kind] for kind, _ in self.network.optimizers)
        return kinds, rules, settings_of_process()

    def _fixed(self) -> dict[str, Any]:
        """List what every block is given alike."""
        fixed = {
            "x": self.rows.x, "y": self.rows.y, "num_rows": self.num_rows,
            "numbers": optimizer_numbers(self.models, self.network),
            "constants": constants_of(self.models, self.network),
            "dropout": dropout_rates(self.models, self.network),
            "penalties": penalties(self.models, self.network), "choices": choices(self.models, self.network),
        }  # fmt: skip
        if self.shape.weighted[0]:
            fixed["weight"] = self.rows.weight
        if self.shape.filled:
            fixed["own"] = self.own
        if self.shape.num_held:
            fixed |= {"held": self.held_rows, "num_held": self.num_held, "held_x": self.held.x, "held_y": self.held.y}
            if self.shape.weighted[1]:
                fixed["held_weight"] = self.held.weight
        if self.shape.in_parts:
            fixed["batch_sizes"] = self.batch_sizes
        if self.shape.ends:
            fixed |= {"epochs": self.epochs, "patience": self.patience}
        return tf.nest.map_structure(tf.constant, fixed)

    def _orders(self, epoch: int, count: int) -> np.ndarray:
        """Order the rows of each network for each epoch of a block, `(block_epochs, K, steps * batch)`."""
        width = self.shape.num_steps * self.shape.batch_size
        orders = np.zeros((self.block_epochs, len(self.jobs), width), np.int32)
        for i in range(count):
            known: dict[tuple[int, int, bool], np.ndarray] = {}
            for k, plan in enumerate(self.plans):
                rows = int(self.num_rows[k])
                like = (plan.seed, rows, plan.shuffle)
                if like not in known:
                    known[like] = (
                        epoch_order(plan.seed, epoch + i, rows) if plan.shuffle else np.arange(rows, dtype=np.int32)
                    )
                orders[i, k, :rows] = known[like]
                # What fills the last batch up is a row of it, so that nothing overflows that would not alone.
                orders[i, k, rows:] = known[like][(rows - 1) // self.shape.batch_size * self.shape.batch_size]
        return orders + self.starts[None, :, None].astype(np.int32)

    def _rates(self, epoch: int, count: int) -> np.ndarray:
        """List the learning rates, of each step of a block `(steps, K)` where one is a schedule, or `(1, K)`."""
        steps = self.shape.num_steps
        if not self.shape.schedules:
            rates = [[float(model.optimizer.learning_rate) for model in self.models]]
            return np.array(rates, self.network.precision)
        found = np.zeros((self.block_epochs * steps, len(self.models)), self.network.precision)
        for k, (model, schedule) in enumerate(zip(self.models, self.schedules, strict=True)):
            if schedule is None:
                found[:, k] = float(model.optimizer.learning_rate)
                continue
            own_steps = -(-int(self.num_rows[k]) // int(self.batch_sizes[k]))
            first = int(model.optimizer.iterations) + epoch * own_steps
            within = np.arange(steps) * self.shape.batch_size // int(self.batch_sizes[k])
            places = np.arange(count)[:, None] * own_steps + np.minimum(within, own_steps - 1)
            found[: count * steps, k] = schedule(tf.constant(first + places.ravel(), tf.int64)).numpy()
        return found

    def _how(self) -> str:
        return f"{self.way}, {len(self.jobs)} networks at once"

    def _median(self, values: np.ndarray) -> dict[str, float]:
        return dict(zip(self._names(), np.median(values, axis=0).tolist(), strict=True))

    def _names(self) -> list[str]:
        names = self.network.names
        return names + [f"val_{name}" for name in names] if self.shape.num_held else names

    def _finish(self, state: dict[str, Any], logs: np.ndarray, epoch: int, speed: Speed) -> list[Outcome]:
        number = len(self.jobs)
        now = _as_arrays(state["now"])
        lengths, kept = np.full(number, epoch), np.zeros(number, int)
        last = now
        if self.shape.ends:
            ended = np.asarray(state["ended"])
            lengths = np.where(ended, np.asarray(state["length"]), epoch)
            last = _chosen(ended, _as_arrays(state["final"]), now)
            patient = (self.patience < NEVER) & (np.asarray(state["kept"]) > 0)
            kept = np.where(patient & (np.asarray(state["kept"]) < lengths), np.asarray(state["kept"]), 0)
            best = {name: tf.nest.map_structure(np.asarray, state["best"][name]) for name in state["best"]}
            last = _chosen(patient, {**last, **best}, last)
        put_back(Stack(**last), self.models, self.network)
        outcomes = []
        how = self._how()
        for k, model in enumerate(self.models):
            values = logs[: int(lengths[k]), k]
            found = {name: values[:, i].tolist() for i, name in enumerate(self._names())}
            history = dict(sorted(found.items()))  # as Keras has them
            _tell(model, history)
            outcomes.append(Outcome(history, how, speed.steps_per_second(self.way), int(kept[k]) or None))
        return outcomes


def _as_arrays(tree: Any) -> dict[str, Any]:
    return tf.nest.map_structure(np.asarray, tree)


def _chosen(which: np.ndarray, first: Any, second: Any) -> Any:
    def choose(one: np.ndarray, other: np.ndarray) -> np.ndarray:
        return np.where(which.reshape(-1, *[1] * (one.ndim - 1)), one, other)

    return tf.nest.map_structure(choose, first, second)


def _tell(model: keras.Model, history: dict[str, list[float]]) -> None:
    """Leave with the model what Keras' own `fit` leaves."""
    told = keras.callbacks.History()
    told.set_model(model)
    told.on_train_begin()
    for i in range(len(next(iter(history.values())))):
        told.on_epoch_end(i, {name: values[i] for name, values in history.items()})
    model.history = told


def _schedules(models: Sequence[keras.Model], precision: str) -> list[Any]:
    """Compile the schedule of each model's rate for many steps at once; `None` for a rate that is a number.

    Called one by one, a step takes a millisecond.
    """
    known: dict[str, Any] = {}
    found: list[Any] = []
    for model in models:
        schedule = model.optimizer._learning_rate
        if not isinstance(schedule, keras.optimizers.schedules.LearningRateSchedule):
            found.append(None)
            continue
        key = repr(keras.saving.serialize_keras_object(schedule))
        if key not in known:
            known[key] = _compiled(schedule, precision)
        found.append(known[key])
    return found


def _compiled(schedule: Any, precision: str) -> Any:
    def rates(steps: Any) -> Any:
        return tf.map_fn(lambda step: tf.cast(schedule(step), precision), steps, fn_output_signature=precision)

    return tf.function(rates, autograph=False, input_signature=[tf.TensorSpec([None], tf.int64)])


def in_parts(batch_sizes: Sequence[int], num_rows: np.ndarray) -> tuple[np.ndarray, int]:
    """Find the rows a step that all can take: the batch size, or where they differ parts that divide each of them.

    Returns:
        The batch size of each network, where a batch of all its rows is as many whole parts as it takes; and that of a
        part.
    """
    if len({*batch_sizes}) == 1:
        return np.array(batch_sizes, np.int32), batch_sizes[0]
    part = part_of(batch_sizes, int(num_rows.min()))
    whole = -(-num_rows // part) * part
    return np.where(np.array(batch_sizes) < num_rows, batch_sizes, whole).astype(np.int32), part


class _Pool:
    """The rows of all jobs, each array once, one behind the other."""

    def __init__(self) -> None:
        self.parts: list[tuple[Any, Any, Any]] = []
        self.places: dict[tuple[int, int, int], int] = {}
        self.size = 0

    def put(self, x: Any, y: Any, weight: Any) -> int:
        """Put these rows in; return where they begin."""
        key = (id(x), id(y), id(weight))
        if key not in self.places:
            self.places[key] = self.size
            self.parts.append((x, y, weight))
            self.size += len(y)
        return self.places[key]

    def _joined(self, i: int) -> Any:
        arrays = [part[i] for part in self.parts]
        return arrays[0] if len(arrays) == 1 else np.concatenate(arrays)

    @property
    def x(self) -> Any:
        return self._joined(0)

    @property
    def y(self) -> Any:
        return self._joined(1)

    @property
    def weight(self) -> Any:
        return self._joined(2) if self.is_weighted else None

    @property
    def is_weighted(self) -> bool:
        """Whether rows have weights: those of all jobs, or of none."""
        return bool(self.parts) and self.parts[0][2] is not None
