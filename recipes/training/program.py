"""One compiled program: the functions of an architecture and a shape of data, lent to every model that is alike.

What a step computes is Keras' own `train_step` on the compiled model. The data lie on the device; a call runs a block
of epochs, each with its own order of the rows, and gives back the metrics of every epoch.
"""

import threading
from collections import OrderedDict
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from tensorflow.python.framework.func_graph import dismantle_func_graph

from recipes.build import seeded
from recipes.training.inputs import TrainingData, take
from recipes.training.operations import cut, fused_adam, padded, philox_dropout, rearranged
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

MOST_BLOCK_EPOCHS = 256
MOST_ORDERS = 4_000_000  # row numbers handed over with one block
MOST_PROGRAMS = 16
MOST_BYTES_TO_PERMUTE = 16_000_000  # below, each epoch copies its rows in order; above, each batch gathers its own

Logs = dict[str, np.ndarray]


class Arrays:
    """The training and validation data as tensors; an array that stands in two places is held once."""

    def __init__(self, training: Any, validation: Any, num_rows: int) -> None:
        self.training = training  # (x, y) or (x, y, sample_weight); x and y may be trees
        self.validation = validation  # likewise, or None
        self.num_rows = num_rows

    def shapes(self) -> str:
        """Everything about the arrays that a program is compiled for."""
        parts = (self.training, self.validation or ())
        return str(tf.nest.map_structure(lambda t: (t.shape.as_list(), t.dtype.name), parts))


def build_variables(model: keras.Model, data: TrainingData) -> None:
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


class Program:
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
        self.wide_way = wide_way
        self.is_wide = wide_way is not None
        self.usual_count = 1  # epochs of a block
        self.state = state_of(model)
        self.places = lifted_constants(model)
        if self.is_wide:
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
        self, part: str, how: str, model: keras.Model, arrays: Arrays, orders: np.ndarray, count: int, batch_size: int
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

    def predict(self, model: keras.Model, arrays: Arrays) -> np.ndarray:
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


PROGRAMS: OrderedDict[str, Program] = OrderedDict()  # shared, the least recently used one first


def program_for(
    model: keras.Model,
    arrays: Arrays,
    batch_size: int,
    with_callbacks: bool,
    to_widen: tuple[TrainingData, int] | None = None,
) -> tuple[Program, bool]:
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
        programs = PROGRAMS
        key = f"{shared} {arrays.shapes()} {batch_size} {block_epochs}"
    way = None
    if wide is not None and to_widen is not None and shared is not None:
        way = XLA if to_widen[1] >= XLA_PAYS_AFTER_STEPS_EACH else PLAIN
        key = f"{shared} {arrays.shapes()} {batch_size if way == XLA else 'any'} {block_epochs} {way}"
    if key in programs and programs[key].is_sound(shared):
        if shared is not None:
            PROGRAMS.move_to_end(key)
        return programs[key], False
    if way is not None and wide is not None and to_widen is not None:
        with seeded(0):  # whose numbers mean nothing, and must take none from the user's
            own = widened(model, wide)
            build_variables(own, to_widen[0])
        programs[key] = Program(own, batch_size if way == XLA else None, block_epochs, wide_way=way)
    else:
        programs[key] = Program(model, batch_size, block_epochs)
    while len(PROGRAMS) > MOST_PROGRAMS:
        PROGRAMS.popitem(last=False)[1].release()
    return programs[key], True
