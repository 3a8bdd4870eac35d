"""Train K models that were read as one network: blocks of epochs, until each has come to its end."""

import time
from collections.abc import Hashable, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from recipes.running.checkpoint import Checkpoint
from recipes.running.programs import PROGRAMS
from recipes.training.engines.engine import Job, Outcome
from recipes.training.engines.many.cost import PLAIN_STEP, XLA_SECONDS, step_seconds
from recipes.training.engines.many.parts import Part, Parts
from recipes.training.engines.many.program import Shape, compiled, specs_of
from recipes.training.engines.many.rows import Pool, in_parts, orders_of, schedules_of
from recipes.training.engines.many.stacked.layers import LAYERS
from recipes.training.engines.many.stacked.network import Network
from recipes.training.engines.many.stacked.optimizers import OPTIMIZERS
from recipes.training.engines.many.stacked.stack import (
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
from recipes.training.engines.many.threads import num_cores, num_threads, threads_beside
from recipes.training.engines.tensorflow.loop import BLOCK_SECONDS, Speed
from recipes.training.engines.tensorflow.program import MOST_BLOCK_EPOCHS, MOST_ORDERS
from recipes.training.engines.tensorflow.steps import PLAIN, XLA
from recipes.training.engines.tensorflow.walk import settings_of_process

# Some 0.8 s more to compile, against 1 ms less a step of small networks, and 5e-9 s less a step, network and weight of
# larger ones; measured on two cores, `benchmarks/many.py`.
XLA_PAYS_AFTER_STEPS, XLA_PAYS_AFTER_UPDATES = 1_500, 100_000_000
NEVER = np.int32(2**31 - 1)


class Training:
    """The training of these models in place, all at once; they differ in what `engine.py` allows.

    Args:
        jobs: Whose models are trained.
        network: What they have in common.
        kept: Where the state of all is written at the ends of blocks, and gone on from.
        every: After how many epochs; `None` for whenever it costs next to nothing.
        first: Epochs that the models have behind them, all alike, of those that are planned.
    """

    def __init__(
        self,
        jobs: Sequence[Job],
        network: Network,
        kept: Checkpoint | None = None,
        every: int | None = None,
        first: int = 0,
    ) -> None:
        self.jobs, self.network, self.kept, self.every, self.first = jobs, network, kept, every, first
        self.models = [job.model for job in jobs]
        self.plans = [job.plan for job in jobs]
        self.rows, self.held = Pool(), Pool()
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
        self.schedules = schedules_of(self.models, network.precision)
        total = (int(self.epochs.max()) - first) * int(steps.max())
        updates = total * len(jobs) * sum(int(np.prod(shape)) for shape in shapes_of(network))
        pays = total >= XLA_PAYS_AFTER_STEPS or updates >= XLA_PAYS_AFTER_UPDATES
        self.way = XLA if pays and not tf.config.list_logical_devices("GPU") else PLAIN
        keeps = bool((self.patience < NEVER).any())
        ends = bool((self.patience < self.epochs).any() or len({*self.epochs}) > 1)
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
            keeps=keeps or ends,
            ends=ends or (keeps and kept is not None),  # whose files hold all of it
            schedules=any(schedule is not None for schedule in self.schedules),
            in_parts=bool((self.batch_sizes != size).any()),
        )
        width = len(jobs) * self.shape.num_steps * size
        self.block_epochs = max(1, min(MOST_BLOCK_EPOCHS, int(self.epochs.max()), MOST_ORDERS // width))
        self.seconds_each = int(steps.max()) * step_seconds(updates // total // len(jobs), size)  # network and epoch
        # Who is taken out must not depend on the clock, or a run that goes on would end with other bits: it is decided
        # every so many epochs.
        of_epoch = len(jobs) * self.seconds_each + int(steps.max()) * (PLAIN_STEP if self.way == PLAIN else 0.0)
        self.stride = max(1, min(int(BLOCK_SECONDS / of_epoch), self.block_epochs, int(self.epochs.max()) // 16))
        self.first_steps = [int(model.optimizer.iterations) for model in self.models]
        self.here = np.arange(len(jobs))  # the networks that are computed, by their places
        self.cores = num_cores()
        self.numbers = [len(jobs)]  # how many those were, as ever more were taken out
        self.idle = 0  # epochs of networks that had stopped, and were computed all the same

    def begin(self) -> None:
        """Take the state of all networks, and write the program of their first blocks down: it reads the process."""
        self.home, self.logs, self.epoch = self._begin()
        self.parts = self._shared_out()
        self.written, self.speed, self.given_up = self.epoch, Speed(), False
        self.program: Any = None
        self.tracing = 0.0
        if self.epoch < int(self.epochs.max()) and not self._all_ended():
            self.program, self.tracing = self._program(self._arguments(next(iter(self.parts)), self.epoch, 0))

    def compile_beside(self) -> None:
        """Have the program of the first blocks compiled in another thread, by a block of no epoch, after `begin`.

        Without XLA there is next to nothing to compile.
        """
        if self.tracing and self.way == XLA:
            arguments = self._arguments(next(iter(self.parts)), self.epoch, 0)
            self.program.compile_beside(tf.nest.flatten(arguments))

    def train(self) -> None:
        """Run blocks until all networks have ended."""
        plan, end = self.plans[0], int(self.epochs.max())
        count, blocks = 1, 0
        if self.program is not None:
            self.program.wait()
        with threads_beside(len(self.parts)) as at_once:
            while self.epoch < end and not (plan.interrupt.requested or self.given_up or self._all_ended()):
                epoch, count = self.epoch, min(count, end - self.epoch, self.block_epochs)
                if self.shape.ends:
                    count = min(count, self.stride - epoch % self.stride)
                if self.every is not None:
                    count = min(count, self.every - epoch % self.every)
                start = time.perf_counter() - self.tracing
                arguments = [self._arguments(part, epoch, count) for part in self.parts]
                if self.program is None:  # every block has the same shapes
                    self.program, self.tracing = self._program(arguments[0])
                self.logs.append(self._block(at_once, arguments, count))
                seconds = time.perf_counter() - start
                self.speed.add(count * self.shape.num_steps, seconds, self.tracing)
                if plan.progress is not None:
                    for i in range(count):
                        plan.progress.on_epoch_end(epoch + i, self._median(self.logs[-1][i]))
                self.epoch, blocks = epoch + count, blocks + 1
                if not self.tracing:
                    count = max(1, int(BLOCK_SECONDS / (seconds / count)))
                elif blocks == 1:
                    count = min(4, end)
                self.tracing = 0.0
                self._between(len(self.logs[-1]))

    def _block(self, at_once: Any, arguments: Sequence[Any], count: int) -> np.ndarray:
        """Run a block of so many epochs, each part in its thread; give the logs `(count, networks, quantities)`."""
        calls = [partial(self.program, tf.nest.flatten(of_part), ()) for of_part in arguments]
        logs = np.full((count, len(self.jobs), len(self._names())), np.nan, self.network.precision)
        for part, flat in zip(self.parts, at_once(calls), strict=True):
            found = tf.nest.pack_sequence_as({**part.state, "logs": 0}, flat)
            logs[:, part.places] = found.pop("logs").numpy()[:count]
            part.state = found
        return logs

    def _between(self, count: int) -> None:
        """Do after a block of `count` epochs what is to be done: take out who has stopped, write to the disk."""
        if self.shape.ends and self._takes_out(self.epoch, count):
            self.parts.put_home()
            self.here = self._left()
            self.numbers.append(len(self.here))
            self.parts = self._shared_out()
            self.program = None
        if self.kept is not None and (self.epoch % self.every == 0 if self.every else self.kept.is_due()):
            self.parts.put_home()
            self.written = self.epoch
            self._keep(self.home, self.logs, self.epoch)

    def finish(self, *, keeps: bool = True) -> list[Outcome]:
        """Put what has become of the networks into the models; without `keeps`, as the last epoch left it."""
        if not self.logs:  # interrupted before the first step
            return [Outcome({}, self._how()) for _ in self.jobs]
        self.parts.put_home()
        if self.kept is not None and self.written != self.epoch:
            self._keep(self.home, self.logs, self.epoch)
        return self._finish(self.home, np.concatenate(self.logs), keeps and self.shape.keeps)

    def _arguments(self, part: Part, epoch: int, count: int) -> dict[str, Any]:
        """List all that a block of so many epochs is given for a part of the networks."""
        of_block = {"order": self._orders(part.places, epoch, count), "rates": self._rates(part.places, epoch, count),
                    "epoch": np.int32(epoch), "count": np.int32(count)}  # fmt: skip
        return {**part.state, **part.fixed, **tf.nest.map_structure(tf.constant, of_block)}

    def _begin(self) -> tuple[dict[str, Any], list[np.ndarray], int]:
        """Give the state of all networks, their logs and epochs so far: anew, or as the checkpoint has them."""
        stack = stacked(self.models, self.network)
        home: dict[str, Any] = {"now": vars(stack)}
        number = len(self.jobs)
        if self.shape.keeps:
            home |= {
                "best": {"weights": stack.weights, "statistics": stack.statistics},
                "lowest": np.full(number, np.inf, self.network.precision),
                "kept": np.zeros(number, np.int32),
            }
        if self.shape.ends:
            home |= {
                "final": vars(stack),
                "waited": np.zeros(number, np.int32),
                "ended": np.zeros(number, bool),
                "length": np.zeros(number, np.int32),
            }
        home = tf.nest.map_structure(np.array, home)
        saved = None if self.kept is None else self.kept.load()
        if saved is None:
            return home, [], self.first
        number = len(tf.nest.flatten(home))
        home = tf.nest.pack_sequence_as(home, [saved.arrays[f"state {i}"] for i in range(number)])
        self.here = saved.arrays["here"]
        self.numbers, self.idle, self.first_steps = (saved.state[name] for name in ("numbers", "idle", "first_steps"))
        self.cores = saved.state.get("cores", 1)  # the last digits may hang on how the networks were shared out
        return home, [saved.arrays["logs"]], saved.state["epoch"]

    def _keep(self, home: dict[str, Any], logs: list[np.ndarray], epoch: int) -> None:
        """Write the state of all networks to the disk."""
        assert self.kept is not None
        arrays = {f"state {i}": array for i, array in enumerate(tf.nest.flatten(home))}
        arrays |= {"logs": np.concatenate(logs), "here": self.here}
        self.kept.save(arrays, {"epoch": epoch, "numbers": self.numbers, "idle": self.idle,
                                "first_steps": self.first_steps, "cores": self.cores})  # fmt: skip

    # --- who is computed ------------------------------------------------------------------------------------------

    def _shared_out(self) -> Parts:
        """Share the networks that are computed out to threads."""
        threads = num_threads(len(self.here), self.cores)
        return Parts(self.home, self.here, self._fixed(), threads, equal=self.way == XLA)

    def _all_ended(self) -> bool:
        return self.shape.ends and bool(self.parts.of_here("ended").all())

    def _takes_out(self, epoch: int, count: int) -> bool:
        """Say whether those that have stopped are taken out now, after a block of `count` epochs.

        Half of them are at least. Where that compiles a program, it waits until so much has been computed in vain as a
        program costs, so that it never costs more than twice what knowing the future would; and it asks whether there
        is still as much to save.
        """
        ended, length = self.parts.of_here("ended"), self.parts.of_here("length")
        self.idle += int((ended * (epoch - np.maximum(length, epoch - count))).sum())
        number = len(self.here)
        left = _power_of_two(int((~ended).sum()))
        if epoch % self.stride or ended.all() or 2 * left > number:
            return False
        if self.way == XLA:
            to_save = (int(self.epochs.max()) - epoch) * (number - left)
            if min(self.idle, to_save) * self.seconds_each < XLA_SECONDS:
                return False
        self.idle = 0
        return True

    def _left(self) -> np.ndarray:
        """List those that go on, and of the others so many that their number is a power of two."""
        ended = self.parts.of_here("ended")
        number = _power_of_two(int((~ended).sum()))
        return np.sort(np.concatenate([self.here[~ended], self.here[ended]])[:number])

    def _program(self, arguments: Any) -> tuple[Any, float]:
        shape = replace(self.shape, num_networks=self.parts.size) if self.way == XLA else self.shape
        specs = specs_of(shape, arguments)
        shapes = tuple((spec.shape, spec.dtype.name) for spec in specs)
        key = ("many", shape, shapes, self.way, self._read_by_tracing())
        program = PROGRAMS.get(key)
        if program is not None:
            return program, 0.0
        start = time.perf_counter()
        program = compiled(shape, arguments, specs, jit_compile=self.way == XLA)
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
        return fixed

    def _orders(self, networks: np.ndarray, epoch: int, count: int) -> np.ndarray:
        """Order the rows of each network for each epoch of a block, `(block_epochs, K, steps * batch)`."""
        orders = orders_of(
            [self.plans[k] for k in networks], self.num_rows[networks], self.shape.batch_size,
            (self.block_epochs, self.shape.num_steps * self.shape.batch_size), range(epoch, epoch + count),
        )  # fmt: skip
        return orders + self.starts[None, networks, None].astype(np.int32)

    def _rates(self, networks: np.ndarray, epoch: int, count: int) -> np.ndarray:
        """List the learning rates, of each step of a block `(steps, K)` where one is a schedule, or `(1, K)`."""
        steps = self.shape.num_steps
        if not self.shape.schedules:
            rates = [[float(self.models[k].optimizer.learning_rate) for k in networks]]
            return np.array(rates, self.network.precision)
        found = np.zeros((self.block_epochs * steps, len(networks)), self.network.precision)
        for place, k in enumerate(networks):
            schedule = self.schedules[k]
            if schedule is None:
                found[:, place] = float(self.models[k].optimizer.learning_rate)
                continue
            own_steps = -(-int(self.num_rows[k]) // int(self.batch_sizes[k]))
            first = self.first_steps[k] + (epoch - self.first) * own_steps
            within = np.arange(steps) * self.shape.batch_size // int(self.batch_sizes[k])
            places = np.arange(count)[:, None] * own_steps + np.minimum(within, own_steps - 1)
            found[: count * steps, place] = schedule(tf.constant(first + places.ravel(), tf.int64)).numpy()
        return found

    def _how(self) -> str:
        threads = num_threads(self.numbers[0], self.cores)
        said = f" in {threads} threads" if threads > 1 else ""
        return f"{self.way}, {', then '.join(map(str, self.numbers))} networks at once{said}"

    def _median(self, values: np.ndarray) -> dict[str, float]:
        return dict(zip(self._names(), np.median(values[self.here], axis=0).tolist(), strict=True))

    def _names(self) -> list[str]:
        names = self.network.names
        return names + [f"val_{name}" for name in names] if self.shape.num_held else names

    def _finish(self, state: dict[str, Any], logs: np.ndarray, keeps: bool) -> list[Outcome]:
        number, epoch = len(self.jobs), self.epoch
        now = _as_arrays(state["now"])
        lengths, kept = np.full(number, epoch), np.zeros(number, int)
        last = now
        if self.shape.ends:
            ended = np.asarray(state["ended"])
            lengths = np.where(ended, np.asarray(state["length"]), epoch)
            last = _chosen(ended, _as_arrays(state["final"]), now)
        if keeps:
            patient = (self.patience < NEVER) & (np.asarray(state["kept"]) > 0)
            kept = np.where(patient & (np.asarray(state["kept"]) < lengths), np.asarray(state["kept"]), 0)
            best = {name: tf.nest.map_structure(np.asarray, state["best"][name]) for name in state["best"]}
            last = _chosen(patient, {**last, **best}, last)
        put_back(Stack(**last), self.models, self.network)
        outcomes = []
        how = self._how()
        for k, model in enumerate(self.models):
            values = logs[: int(lengths[k]) - self.first, k]
            found = {name: values[:, i].tolist() for i, name in enumerate(self._names())}
            history = dict(sorted(found.items()))  # as Keras has them
            _tell(model, history)
            outcomes.append(Outcome(history, how, self.speed.steps_per_second(self.way), int(kept[k]) or None,
                                    self.first_steps[k]))  # fmt: skip
        return outcomes


def _power_of_two(number: int) -> int:
    """Find the smallest power of two that is no less."""
    return 1 << max(number - 1, 0).bit_length()


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
