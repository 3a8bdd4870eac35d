"""The engine for data that fit in memory: whole epochs inside one compiled TensorFlow function.

The data lie on the device; one call runs a block of epochs, each with its own order of the rows, and gives back the
metrics of every epoch. What a step does is Keras' own `train_step`, so the mathematics are those of `model.fit`; what
falls away is everything around it. With `operations.py` the only home of `tensorflow` in this package;
`docs/engine.md` explains the numbers.
"""

import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from tensorflow.python.framework.func_graph import dismantle_func_graph

from recipes.build import seeded
from recipes.training.batches import epoch_order
from recipes.training.engine import Outcome, Plan
from recipes.training.inputs import TrainingData, take
from recipes.training.operations import cut, fused_adam, padded, philox_dropout, rearranged
from recipes.training.resume import merged
from recipes.training.sharing import lifted_constants, replaced, share_key, state_of, values_of
from recipes.training.widening import dropout_places, lent, wide_config, widened

# Three ways to run the same steps, by what they cost to compile and then by step; measured on small dense networks,
# docs/engine.md. Convolutions on a CPU are slower under XLA than in plain graph mode.
PLAIN, MIXED, XLA = "plain graph", "XLA for the full batches", "XLA"
MIXED_PAYS_AFTER_STEPS = 2_500  # some 0.6 s more to compile, 0.2 ms less a step
XLA_PAYS_AFTER_STEPS = 30_000  # some 0.5 s more, for the last batch and the validation, 0.02 ms less a step
# Of one run in a program that is shared by networks of all widths, and so, by a guess, by four runs: 1.5 s more to
# compile against 0.25 ms less a step.
XLA_PAYS_AFTER_STEPS_EACH = 1_500
_NOT_FOR_XLA_ON_CPU = ("Conv", "Pool", "UpSampling", "RNN", "LSTM", "GRU", "Bidirectional")

BLOCK_SECONDS = 0.25  # a block is short enough to be shown and interrupted, long enough to hide the cost of a call
MOST_BLOCK_EPOCHS = 256
MOST_ORDERS = 4_000_000  # row numbers handed over with one block
MOST_PROGRAMS = 16
MOST_BYTES_TO_PERMUTE = 16_000_000  # below, each epoch copies its rows in order; above, each batch gathers its own

Logs = dict[str, np.ndarray]


def train(model: keras.Model, data: TrainingData, plan: Plan) -> Outcome:
    """Train on the device; see `engine.py` for what goes in and comes out."""
    _build(model, data)
    arrays = _on_device(data)
    with_callbacks = bool(plan.callbacks)
    steps_per_epoch = -(-data.num_rows // plan.batch_size)
    to_widen = (data, plan.epochs * steps_per_epoch) if plan.widen else None
    program, is_new = _program(model, arrays, plan.batch_size, with_callbacks, to_widen)
    callbacks = keras.callbacks.CallbackList(
        plan.callbacks, add_history=True, model=model, epochs=plan.epochs, steps=steps_per_epoch
    )
    model.stop_training = False
    callbacks.on_train_begin()
    if plan.progress is not None:
        plan.progress.on_train_begin()
    first_epoch = getattr(model, "_initial_epoch", None) or 0  # set by BackupAndRestore
    way, history = None, model.history.history
    if plan.resume is not None:
        plan.resume.restore(model, plan.callbacks)
        model.stop_training = plan.resume.stopped
        first_epoch, way = plan.resume.epoch, plan.resume.way
    alone = plan.resume is not None  # its bits must not depend on what else this process has trained
    how = way or program.choose(model, (plan.epochs - first_epoch) * steps_per_epoch, alone=alone)
    with program.lock:
        last_epoch = _run(program, how, model, arrays, plan, callbacks, first_epoch)
    if plan.resume is not None:
        plan.resume.offer(model, plan.callbacks, last_epoch, history, how, finished=True)
        history = merged(plan.resume.history, history)
    if history:
        model.optimizer.finalize_variable_values(model.trainable_variables)
    callbacks.on_train_end({name: values[-1] for name, values in history.items() if values})
    compiled = "compiled for this run" if is_new else "compiled before"
    return Outcome(history, f"resident: {how}, {compiled}")


def evaluate(model: keras.Model, data: TrainingData, batch_size: int) -> dict[str, Any]:
    """The compiled loss and metrics on these rows, as Keras' `evaluate` gives them."""
    _build(model, data)
    arrays = _Arrays((), _moved((data.x, data.y, data.sample_weight)), num_rows=1)
    program, _ = _program(model, arrays, batch_size, with_callbacks=True)
    with program.lock:
        logs = program.call("validate", PLAIN, model, arrays, np.zeros((1, 1), dtype=np.int32), 1, batch_size)
    return {name: _plain(values[0]) for name, values in logs.items()}


def predict(model: keras.Model, x: np.ndarray, batch_size: int) -> np.ndarray:
    """The one output of a built model on these rows, as Keras' `predict` gives it."""
    arrays = _Arrays(_moved((x,)), None, num_rows=len(x))
    program, _ = _program(model, arrays, batch_size, with_callbacks=True)
    with program.lock:
        return program.predict(model, arrays)


def _run(
    program: "_Program",
    how: str,
    model: keras.Model,
    arrays: "_Arrays",
    plan: Plan,
    callbacks: keras.callbacks.CallbackList,
    first_epoch: int,
) -> int:
    """The loop over blocks of epochs; a block is one epoch where callbacks must be called in between.

    Gives the number of epochs that the model has been trained for.
    """
    epoch, count, blocks = first_epoch, program.usual_count, 0
    while epoch < plan.epochs and not model.stop_training and not plan.interrupt.requested:
        count = min(count, plan.epochs - epoch)
        if plan.resume is not None:
            count = plan.resume.block(epoch, count)
        start = time.perf_counter()
        orders = np.zeros((program.block_epochs, arrays.num_rows), dtype=np.int32)
        for i in range(count):
            orders[i] = epoch_order(plan.seed, epoch + i, arrays.num_rows) if plan.shuffle else range(arrays.num_rows)
        if plan.callbacks:
            callbacks.on_epoch_begin(epoch)
            logs = program.call("train", how, model, arrays, orders, count, plan.batch_size)
            _show_last_loss(plan.callbacks, logs)
            if arrays.validation is not None:
                callbacks.on_test_begin()
                validation = program.call("validate", how, model, arrays, orders, count, plan.batch_size)
                callbacks.on_test_end({name: values[0] for name, values in validation.items()})
                logs |= {f"val_{name}": values for name, values in validation.items()}
        else:
            logs = program.call("both", how, model, arrays, orders, count, plan.batch_size)
        for i in range(count):
            if not plan.callbacks:
                callbacks.on_epoch_begin(epoch + i)
            epoch_logs = {name: _plain(values[i]) for name, values in logs.items()}
            callbacks.on_epoch_end(epoch + i, epoch_logs)
            if plan.progress is not None:
                plan.progress.on_epoch_end(epoch + i, epoch_logs)
        epoch, blocks = epoch + count, blocks + 1
        if blocks > 1:  # the first one may have been compiled on the way
            seconds = (time.perf_counter() - start) / count
            count = max(1, min(program.block_epochs, int(BLOCK_SECONDS / seconds)))
            program.usual_count = count
        if plan.resume is not None:
            plan.resume.offer(model, plan.callbacks, epoch, model.history.history, how)
    return epoch


def _plain(value: np.ndarray) -> Any:
    return float(value) if value.ndim == 0 else value


def _show_last_loss(callbacks: list[keras.callbacks.Callback], logs: Logs) -> None:
    """TerminateOnNaN looks at batches; a NaN in any of them makes the epoch's mean NaN."""
    for callback in callbacks:
        if isinstance(callback, keras.callbacks.TerminateOnNaN):
            callback.on_batch_end(0, {"loss": float(logs["loss"][0])})


def _build(model: keras.Model, data: TrainingData) -> None:
    """Create every variable by a look at one row, without a step: weights, metrics, optimizer."""
    first = np.zeros(1, dtype=np.int32)
    x, y, weight = (take(part, first) for part in (data.x, data.y, data.sample_weight))
    if isinstance(model, keras.Sequential) and not model.built:
        model.build((None, *x.shape[1:]))  # else the model would be built for one row
    y_pred = model(keras.tree.map_structure(keras.ops.convert_to_tensor, x))
    model.compute_loss(x, y, y_pred, weight)
    model.compute_metrics(x, y, y_pred, weight)
    model.reset_metrics()
    if not model.optimizer.built:
        model.optimizer.build(model.trainable_variables)


class _Arrays:
    """The training and validation data as tensors; an array that stands in two places is held once."""

    def __init__(self, training: Any, validation: Any, num_rows: int) -> None:
        self.training = training  # (x, y) or (x, y, sample_weight); x and y may be trees
        self.validation = validation  # likewise, or None
        self.num_rows = num_rows

    def shapes(self) -> str:
        """Everything about the arrays that a program is compiled for."""
        parts = (self.training, self.validation or ())
        return str(tf.nest.map_structure(lambda t: (t.shape.as_list(), t.dtype.name), parts))


def _on_device(data: TrainingData) -> _Arrays:
    training = _moved((data.x, data.y, data.sample_weight))
    validation = None if data.validation is None else _moved(data.validation)
    return _Arrays(training, validation, data.num_rows)


def _moved(parts: tuple[Any, ...]) -> tuple[Any, ...]:
    """Trees of arrays as trees of tensors, without the parts that are `None`."""
    held: dict[int, tf.Tensor] = {}

    def move(array: Any) -> tf.Tensor:
        if id(array) not in held:
            held[id(array)] = tf.convert_to_tensor(array)
        return held[id(array)]

    return tuple(keras.tree.map_structure(move, part) for part in parts if part is not None)


class _Program:
    """The compiled functions of one architecture and one shape of data, over the variables of the first such model.

    Args:
        model: Whose variables they are.
        batch_size: Rows a step; `None` takes any, which only the plain graph can.
        block_epochs: Epochs a call, at most.
        wide_way: For a program that is shared by networks of all widths the one way in which it runs; the model is
            nobody's but the program's then.
    """

    def __init__(
        self, model: keras.Model, batch_size: int | None, block_epochs: int, *, wide_way: str | None = None
    ) -> None:
        self.model = model
        self.batch_size = batch_size
        self.block_epochs = block_epochs
        self.wide_way, is_wide = wide_way, wide_way is not None
        self.is_wide = is_wide
        self.usual_count = 1  # epochs of a block
        self.state = state_of(model)
        self.places = lifted_constants(model)
        if is_wide:
            self.places += [(layer, "rate") for layer in dropout_places(model)]
        self.shapes = {name: tuple(value.shape) for name, value in model.get_metrics_result().items()}
        self.steps_seen = 0
        self.lock = threading.Lock()
        self.functions: dict[tuple[str, str], Any] = {}
        self.steps: dict[tuple[str, bool], Any] = {}

    def is_sound(self, shared: str | None) -> bool:
        """Is its model still what it was compiled for? Its owner may have compiled it anew, or frozen a layer.

        What is traced would go on to work, but a part or a way that is traced later would follow the new settings.
        """
        if shared is None or self.is_wide:  # found by the identity of all that matters; or nobody has the model
            return True
        same = [id(variable) for variable in state_of(self.model)] == [id(variable) for variable in self.state]
        return same and share_key(self.model) == shared

    def release(self) -> None:
        """Free the graphs, of which TensorFlow by itself never lets go; the program is not usable afterwards."""
        with self.lock:
            self.functions.clear()
            for step in self.steps.values():
                dismantle_func_graph(step.graph)
            self.steps.clear()

    def choose(self, model: keras.Model, num_steps: int, *, alone: bool = False) -> str:
        """Which way? By the kind of layers, and by whether the steps so far and to come pay for compiling."""
        self.steps_seen += num_steps
        on_cpu = not tf.config.list_logical_devices("GPU")
        names = [type(layer).__name__ for layer in model._flatten_layers(include_self=False)]
        if on_cpu and any(part in name for name in names for part in _NOT_FOR_XLA_ON_CPU):
            return PLAIN
        if self.wide_way is not None:
            return self.wide_way
        ways = set() if alone else {way for _, way in self.functions}
        steps = num_steps if alone else self.steps_seen
        if XLA in ways or steps >= XLA_PAYS_AFTER_STEPS:
            return XLA
        return MIXED if MIXED in ways or steps >= MIXED_PAYS_AFTER_STEPS else PLAIN

    def call(
        self, part: str, how: str, model: keras.Model, arrays: _Arrays, orders: np.ndarray, count: int, batch_size: int
    ) -> Logs:
        """Run a block for this model: `"train"`, `"validate"` or `"both"`; metrics by epoch, `(block_epochs, ...)`."""
        if (part, how) not in self.functions:
            block = self._block(part, how)
            self.functions[part, how] = tf.function(block, autograph=False, jit_compile=how == XLA)
        block = self.functions[part, how]
        with self._numbers_of(model) as constants:
            size = tf.constant(batch_size)
            logs = block(constants, arrays.training, arrays.validation, tf.constant(orders), tf.constant(count), size)
            return {name: value.numpy() for name, value in logs.items()}

    def predict(self, model: keras.Model, arrays: _Arrays) -> np.ndarray:
        """The outputs for all rows of `arrays.training`."""
        if ("predict", PLAIN) not in self.functions:
            self.functions["predict", PLAIN] = tf.function(self._outputs, autograph=False)
        with self._numbers_of(model) as constants:
            return self.functions["predict", PLAIN](constants, *arrays.training).numpy()

    @contextmanager
    def _numbers_of(self, model: keras.Model) -> Iterator[list[tf.Tensor]]:
        """Within it, the program's variables hold this model's numbers; gives the model's constants.

        Afterwards the model has what has become of them, and the program its own again. Where the program was
        compiled for this very model nothing is copied.
        """
        state, values = self.state, values_of(lifted_constants(model))
        if self.is_wide:
            state, rates = lent(model, self.model, self.state)
            values += [np.asarray(rate, dtype=np.float32) for rate in rates]
        own = zip(state_of(model), state, strict=True)
        pairs = [(mine.value, theirs.value) for mine, theirs in own if mine is not theirs]
        before = [] if self.is_wide else [theirs.read_value() for _, theirs in pairs]
        for mine, theirs in pairs:
            theirs.assign(mine if mine.shape == theirs.shape else padded(mine, theirs.shape))
        try:
            yield [tf.constant(value) for value in values]
        finally:
            for mine, theirs in pairs:
                mine.assign(theirs if mine.shape == theirs.shape else cut(theirs, mine.shape))
            for (_, theirs), value in zip(pairs, before, strict=False):
                theirs.assign(value)

    def _outputs(self, constants: Any, x: tf.Tensor) -> tf.Tensor:
        assert self.batch_size is not None, "programs for all widths do not predict"
        full, rest = divmod(x.shape[0], self.batch_size)
        parts = []

        def outputs(rows: tf.Tensor) -> tf.Tensor:
            with replaced(self.places, constants):
                return self.model.predict_step((rows,))

        if full:
            batches = tf.reshape(x[: full * self.batch_size], (full, self.batch_size, *x.shape[1:]))
            some = tf.map_fn(outputs, batches, fn_output_signature=self.model.outputs[0].dtype)
            parts.append(tf.reshape(some, (full * self.batch_size, *some.shape[2:])))
        if rest:
            parts.append(outputs(x[full * self.batch_size :]))
        return tf.concat(parts, axis=0)

    def _block(self, part: str, how: str) -> Callable[..., dict[str, tf.Tensor]]:
        """A function that runs `count` epochs, each in its own order."""

        def block(
            constants: Any, training: Any, validation: Any, orders: tf.Tensor, count: tf.Tensor, size: tf.Tensor
        ) -> Any:
            def passes(order: tf.Tensor) -> dict[str, Any]:
                logs: dict[str, Any] = {}
                if part != "validate":
                    logs |= self._pass("train_step", how, constants, training, order, size)
                if part != "train" and validation is not None:
                    way = PLAIN if how == MIXED else how
                    values = self._pass("test_step", way, constants, validation, None, size)
                    logs |= {("val_" if part == "both" else "") + name: value for name, value in values.items()}
                return logs

            names = [*self.shapes] if part != "validate" else []
            if part != "train" and validation is not None:
                names += [("val_" if part == "both" else "") + name for name in self.shapes]
            shapes = {name: self.shapes.get(name, self.shapes.get(name.removeprefix("val_"))) for name in names}
            logs = {
                name: tf.TensorArray(tf.float32, self.block_epochs, element_shape=shape)
                for name, shape in shapes.items()
            }

            def epoch(number: tf.Tensor, logs: dict[str, tf.TensorArray]) -> Any:
                values = passes(orders[number])
                written = {name: array.write(number, tf.cast(values[name], tf.float32)) for name, array in logs.items()}
                return number + 1, written

            _, logs = tf.while_loop(lambda number, _: number < count, epoch, (tf.constant(0), logs))
            return {name: array.stack() for name, array in logs.items()}

        return block

    def _pass(
        self, name: str, how: str, constants: Any, arrays: Any, order: tf.Tensor | None, size: tf.Tensor
    ) -> dict[str, Any]:
        """One pass over the rows in batches, the last one smaller; the metrics at its end."""
        tensors = tf.nest.flatten(arrays)
        num_rows = tensors[0].shape[0]
        self.model.reset_metrics()
        if order is not None and sum(t.dtype.size * t.shape.num_elements() for t in tensors) <= MOST_BYTES_TO_PERMUTE:
            arrays = tf.nest.map_structure(lambda t: tf.gather(t, order), arrays)
            order = None

        def batch(constants: Any, arrays: Any, order: Any, start: tf.Tensor, size: Any) -> None:
            if order is None:
                rows = tf.nest.map_structure(
                    lambda t: tf.slice(t, [start] + [0] * (len(t.shape) - 1), [size, *t.shape[1:]]), arrays
                )
            else:
                which = tf.slice(order, [start], [size])
                rows = tf.nest.map_structure(lambda t: tf.gather(t, which), arrays)
            self._step(name, how != PLAIN, constants, rows)

        if self.batch_size is None:

            def any_batch(start: tf.Tensor) -> tf.Tensor:
                batch(constants, arrays, order, start, tf.minimum(size, num_rows - start))
                return start + size

            tf.while_loop(lambda start: start < num_rows, any_batch, [tf.constant(0)])
            return self.model.get_metrics_result()
        full, rest = divmod(num_rows, self.batch_size)

        def full_batches(constants: Any, arrays: Any, order: Any) -> None:
            def body(i: tf.Tensor) -> tf.Tensor:
                batch(constants, arrays, order, i * self.batch_size, self.batch_size)
                return i + 1

            tf.while_loop(lambda i: i < full, body, [tf.constant(0)])

        if full:
            run = tf.function(full_batches, autograph=False, jit_compile=True) if how == MIXED else full_batches
            run(constants, arrays, order)
        if rest:
            batch(constants, arrays, order, tf.constant(full * self.batch_size), rest)
        return self.model.get_metrics_result()

    def _step(self, name: str, fused: bool, constants: Any, rows: Any) -> None:
        """Keras' own step on one batch. Traced once for any number of rows, then specialised by XLA for each."""
        if (name, fused) not in self.steps:
            model = self.model

            def step(constants: Any, rows: Any) -> None:
                faster_update = fused_adam(model) if fused else nullcontext()
                dropout = philox_dropout(model) if self.is_wide else nullcontext()
                with dropout, replaced(self.places, constants), rearranged(model), faster_update:
                    getattr(model, name)(tuple(rows))

            spec = tf.nest.map_structure(lambda t: tf.TensorSpec((None, *t.shape[1:]), t.dtype), rows)
            held = tf.nest.map_structure(lambda t: tf.TensorSpec(t.shape, t.dtype), constants)
            self.steps[name, fused] = tf.function(step, autograph=False).get_concrete_function(held, spec)
        self.steps[name, fused](*tf.nest.flatten((constants, rows)))


_PROGRAMS: OrderedDict[str, _Program] = OrderedDict()  # shared, the least recently used one first


def _program(
    model: keras.Model,
    arrays: _Arrays,
    batch_size: int,
    with_callbacks: bool,
    to_widen: tuple[TrainingData, int] | None = None,
) -> tuple[_Program, bool]:
    """The program for this model and these shapes, and whether it is new.

    With data and a number of steps to widen for, it is one for networks of all widths, where there can be one.
    """
    block_epochs = 1
    if not with_callbacks:
        block_epochs = max(1, min(MOST_BLOCK_EPOCHS, MOST_ORDERS // arrays.num_rows))
    wide = wide_config(model) if to_widen is not None else None
    shared = share_key(model, wide)
    if shared is None:  # kept with the model, and only until it is compiled or frozen anew
        programs = model.__dict__.setdefault("_recipes_programs", {})
        ids = [id(thing) for thing in (model.optimizer, *state_of(model), *model.trainable_variables)]
        key = f"{ids} {arrays.shapes()} {batch_size} {block_epochs}"
    else:
        programs = _PROGRAMS
        key = f"{shared} {arrays.shapes()} {batch_size} {block_epochs}"
    way = None
    if wide is not None and to_widen is not None and shared is not None:
        way = XLA if to_widen[1] >= XLA_PAYS_AFTER_STEPS_EACH else PLAIN
        key = f"{shared} {arrays.shapes()} {batch_size if way == XLA else 'any'} {block_epochs} {way}"
    if key in programs and programs[key].is_sound(shared):
        if shared is not None:
            _PROGRAMS.move_to_end(key)
        return programs[key], False
    if way is not None and wide is not None and to_widen is not None:
        with seeded(0):  # whose numbers mean nothing, and must take none from the user's
            own = widened(model, wide)
            _build(own, to_widen[0])
        programs[key] = _Program(own, batch_size if way == XLA else None, block_epochs, wide_way=way)
    else:
        programs[key] = _Program(model, batch_size, block_epochs)
    while len(_PROGRAMS) > MOST_PROGRAMS:
        _PROGRAMS.popitem(last=False)[1].release()
    return programs[key], True
