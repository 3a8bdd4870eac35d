"""Which program a model and its data run: compiled for them, or before for others of which it is known that it fits.

A program keeps nothing of the model that it was traced with, and is called with the variables of whichever model it
runs for. Only a program for networks of all widths has a model, its own.
"""

import contextlib
import threading
import time
from collections.abc import Hashable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from recipes._keras import FuncGraph, dismantle_func_graph
from recipes.running.programs import PROGRAMS
from recipes.training.data.prepare import TrainingData
from recipes.training.data.trees import take
from recipes.training.engines.tensorflow.alike import identity, is_known_throughout, looks
from recipes.training.engines.tensorflow.carried import Carried, InVariables, NotCarried, can_be_carried
from recipes.training.engines.tensorflow.state import lifted, state_of, values_of
from recipes.training.engines.tensorflow.steps import MIXED, PLAIN, XLA, Compiled, Tracing, block, outputs
from recipes.training.engines.tensorflow.wide import Wide, wide_config, wide_key, widened
from recipes.training.names import results_of

MIXED_PAYS_AFTER_STEPS = 2_500  # some 0.6 s more to compile, 0.2 ms less a step
XLA_PAYS_AFTER_STEPS = 30_000  # some 0.5 s more, for the last batch and the validation, 0.02 ms less a step
# Of one run in a program that is shared by networks of all widths, and so, by a guess, by four runs: 1.5 s more to
# compile against 0.25 ms less a step.
XLA_PAYS_AFTER_STEPS_EACH = 1_500
# A loop over time under XLA: some 2 s more to compile, 2 ms less a step for 16 units and 20 steps; nothing for 128.
RECURRENT_PAYS_AFTER_STEPS, MOST_RECURRENT_UNITS = 1_000, 64
_NOT_FOR_XLA_ON_CPU = ("Conv", "Pool", "UpSampling")  # slower there than in plain graph mode

MOST_BLOCK_EPOCHS = 256
MOST_ORDERS = 4_000_000  # row numbers handed over with one block

Logs = dict[str, np.ndarray]


class Arrays:
    """The training and validation data as tensors; an array that stands in two places is held once.

    A program is compiled for their numbers of rows; with `rows_vary` for any, as those that predict are.
    """

    def __init__(self, training: Any, validation: Any, num_rows: int, *, rows_vary: bool = False) -> None:
        self.training = training  # (x, y) or (x, y, sample_weight); x and y may be trees
        self.validation = validation  # likewise, or None
        self.num_rows = num_rows
        self.rows_vary = rows_vary

    def shapes(self) -> str:
        """Write down everything about the arrays that a program is compiled for."""
        parts = (self.training, self.validation or ())
        return str(tf.nest.map_structure(self.spec, parts))

    def spec(self, tensor: tf.Tensor) -> tf.TensorSpec:
        """Say what a program is compiled for where this array stands."""
        return tf.TensorSpec((None, *tensor.shape[1:]) if self.rows_vary else tensor.shape, tensor.dtype)


def build_variables(model: keras.Model, data: TrainingData) -> None:
    """Create every variable that is not there yet: weights, metrics, optimizer.

    No layer of the user's is run, so those that count their calls or keep averages stay as they are: what Keras has not
    built is built by a symbolic look at one row.
    """
    x, y, weight = (take(part, np.zeros(1, dtype=np.int32)) for part in (data.x, data.y, data.sample_weight))
    if isinstance(model, keras.Sequential) and not model.built:
        model.build((None, *x.shape[1:]))  # else the model would be built for one row
    parts = [part for part in (model._compile_loss, model._compile_metrics) if part is not None]
    layers_built = all(layer.built for layer in model._flatten_layers())
    if not layers_built or not all(part.built for part in parts):
        shape = model.outputs[0].shape[1:] if len(getattr(model, "outputs", None) or ()) == 1 else (None,)
        if layers_built and None not in shape and is_known_throughout(model):
            prediction = tf.zeros((1, *shape), model.outputs[0].dtype)
            for part in parts:
                if not part.built:
                    part.build(y, prediction)  # all that their first step does, but for metrics that then make more
            watched = model._compile_metrics.metrics if model._compile_metrics is not None else []
            if not all(isinstance(metric, keras.metrics.Mean) for metric in watched):
                _meet(model, x, y, prediction, weight)
        else:
            _look(model, x, y, weight)
    if not model.optimizer.built:
        model.optimizer.build(model.trainable_variables)


def _meet(model: keras.Model, x: Any, y: Any, y_pred: Any, weight: Any) -> None:
    """Let the loss and the metrics see the shapes that they are for."""
    model.compute_loss(x, y, y_pred, weight, training=False)
    model.compute_metrics(x, y, y_pred, weight)
    model.reset_metrics()


def _look(model: keras.Model, *arrays: Any) -> None:
    """Write the model, its loss and its metrics on one row into a graph that is never run."""

    def placeholder(array: np.ndarray) -> tf.Tensor:
        return tf.compat.v1.placeholder(array.dtype, array.shape)

    graph = FuncGraph("look")
    with graph.as_default():
        x, y, weight = (None if part is None else keras.tree.map_structure(placeholder, part) for part in arrays)
        _meet(model, x, y, model(x, training=False), weight)
    dismantle_func_graph(graph)


@dataclass(frozen=True)
class ToWiden:
    """One of many runs of networks that differ in widths and rates, so that a program for all of them pays.

    Attributes:
        data: For the look that creates variables.
        num_steps: Of this run.
        way: In which an earlier part of the run was compiled; it is kept, whatever the number of steps is now.
    """

    data: TrainingData
    num_steps: int
    way: str | None = None


class Program:
    """The compiled functions of one architecture and one shape of data.

    Args:
        batch_size: Rows a step; `None` takes any, which only the plain graph can.
        block_epochs: Epochs a call, at most.
        carries: Whether the numbers of its models are carried from step to step, rather than in variables.
        wide: The network of all widths that it is for.
        wide_way: The one way in which it runs then.
    """

    def __init__(
        self,
        batch_size: int | None,
        block_epochs: int,
        *,
        carries: bool = False,
        wide: Wide | None = None,
        wide_way: str | None = None,
    ) -> None:
        self.batch_size = batch_size
        self.block_epochs = block_epochs
        self.carries = carries
        self.wide, self.wide_way = wide, wide_way
        self.usual_count = 1  # epochs of a block
        self.steps_seen = 0
        self.tracing_seconds = 0.0
        self.functions: dict[tuple[str, str], Compiled] = {}
        self.steps: dict[tuple[str, bool], Compiled] = {}
        self._tracing = threading.Lock()
        self._running = threading.Lock() if wide is not None else nullcontext()  # which has one place for numbers

    @property
    def reads_others(self) -> bool:
        """Did tracing meet something besides the model's variables, which no other model could bring along?"""
        return any(part.reads_others for part in self.functions.values())

    def choose(self, model: keras.Model, num_steps: int, *, alone: bool = False) -> str:
        """Choose the way: by the kind of layers, and by whether the steps so far and to come pay for compiling."""
        self.steps_seen += num_steps
        on_cpu = not tf.config.list_logical_devices("GPU")
        layers = [*model._flatten_layers(include_self=False)]
        if on_cpu and any(part in type(layer).__name__ for layer in layers for part in _NOT_FOR_XLA_ON_CPU):
            return PLAIN
        units = [_recurrent_units(layer) for layer in layers if isinstance(layer, keras.layers.RNN)]
        if on_cpu and units and max(units) > MOST_RECURRENT_UNITS:
            return PLAIN
        if self.wide_way is not None:
            return self.wide_way
        ways = set() if alone else {way for _, way in self.functions}
        steps = num_steps if alone else self.steps_seen
        if XLA in ways or steps >= XLA_PAYS_AFTER_STEPS:
            return XLA
        pays = RECURRENT_PAYS_AFTER_STEPS if units else MIXED_PAYS_AFTER_STEPS
        return MIXED if MIXED in ways or steps >= pays else PLAIN

    def call(
        self, part: str, how: str, model: keras.Model, arrays: Arrays, orders: np.ndarray, count: int, batch_size: int
    ) -> Logs:
        """Run a block for this model: `"train"`, `"validate"` or `"both"`; metrics by epoch, `(block_epochs, ...)`."""
        values = self._run(part, how, model, arrays, tuple(map(tf.constant, (orders, count, batch_size))))
        names = [*results_of(model)]
        if part == "both" and arrays.validation is not None:
            names += [f"val_{name}" for name in names]
        return {name: value.numpy() for name, value in zip(names, values, strict=True)}

    def predict(self, model: keras.Model, arrays: Arrays) -> np.ndarray:
        """Return the outputs for all rows of `arrays.training`."""
        return self._run("predict", PLAIN, model, arrays, ()).numpy()

    def _run(self, part: str, how: str, model: keras.Model, arrays: Arrays, numbers: tuple[tf.Tensor, ...]) -> Any:
        """Call one of the functions for this model, traced if it has not been."""
        if self.wide is None:
            traced, variables, places = model, state_of(model), lifted(model)
            holding: AbstractContextManager[list[np.ndarray]] = nullcontext(values_of(places))
        else:
            traced, variables, places = self.wide.model, self.wide.state, self.wide.places
            holding = self.wide.numbers_of(model)
        with self._running, holding as values:
            constants = [tf.constant(value) for value in values]
            rows = (arrays.training, arrays.validation or ())
            if self.carries and part != "predict":
                with contextlib.suppress(NotCarried):
                    carried = Carried(traced, variables)
                    outside = self.block_epochs > 1  # there is less to trace then, but each call takes longer
                    state = carried.taken() if outside else []
                    state, found = self._call(part, how, carried, places, (constants, state, *rows, numbers), arrays)
                    if outside:
                        carried.put(state, weights=part != "validate")
                    return found
                self.carries, self.steps = False, {}
            home = InVariables(traced, variables)
            return self._call(part, how, home, places, (constants, [], *rows, numbers), arrays)[1]

    def _call(
        self, part: str, how: str, home: InVariables, places: list[tuple[Any, str]], arguments: Any, arrays: Arrays
    ) -> Any:
        """Call one of the functions with these trees of tensors; it gives what is carried and what is asked for.

        The arguments are constants, state, the arrays' training and validation, and numbers.
        """
        tensors = tf.nest.flatten(arguments)
        with self._tracing:
            if (part, how) not in self.functions:
                start = time.perf_counter()
                tracing = Tracing(
                    home,
                    places,
                    self.batch_size,
                    self.block_epochs,
                    self.steps,
                    lifts_rates=self.wide is not None,
                )
                body = outputs(tracing) if part == "predict" else block(tracing, part, how)
                rows = {id(tensor) for tensor in tf.nest.flatten((arrays.training, arrays.validation or ()))}
                self.functions[part, how] = Compiled(
                    lambda *tensors: body(*tf.nest.pack_sequence_as(arguments, tensors)),
                    [arrays.spec(t) if id(t) in rows else tf.TensorSpec(t.shape, t.dtype) for t in tensors],
                    home.variables,
                    jit_compile=how == XLA,
                )
                self.tracing_seconds += time.perf_counter() - start
        return self.functions[part, how](tensors, home.variables)


def _recurrent_units(layer: keras.layers.RNN) -> int:
    """Find the width of a recurrent layer's state; of stacked cells the largest."""
    return max(keras.tree.flatten(layer.state_size))


def program_for(
    model: keras.Model,
    arrays: Arrays,
    batch_size: int,
    with_callbacks: bool,
    to_widen: ToWiden | None = None,
) -> tuple[Program, bool]:
    """Find or make the program for this model and these shapes, and say whether it is new.

    With `to_widen` it is one for networks of all widths, where there can be one.
    """
    block_epochs = 1
    if not with_callbacks:
        block_epochs = max(1, min(MOST_BLOCK_EPOCHS, MOST_ORDERS // arrays.num_rows))
    shapes = f"{arrays.shapes()} {block_epochs}"
    if to_widen is not None:
        program, is_new = _for_all_widths(model, shapes, block_epochs, batch_size, to_widen)
        if program is not None:
            return program, is_new
    shared = identity(model)
    if shared is not None:
        key: Hashable = (shared, shapes, batch_size)
        program = PROGRAMS.get(key)
        if program is not None and not program.reads_others:
            return program, False
        if program is None:
            program = Program(batch_size, block_epochs, carries=can_be_carried(model))
            PROGRAMS.put(key, program)
            return program, True
    key = (looks(model), shapes, batch_size)
    program = PROGRAMS.get(key, owner=model)
    if program is not None:
        return program, False
    program = Program(batch_size, block_epochs, carries=can_be_carried(model))
    PROGRAMS.put(key, program, owner=model)
    return program, True


def _for_all_widths(
    model: keras.Model, shapes: str, block_epochs: int, batch_size: int, to_widen: ToWiden
) -> tuple[Program | None, bool]:
    """Find or make the program for networks of all widths, where there can be one, and say whether it is new."""
    config = wide_config(model)
    like = None if config is None else wide_key(model, config)
    if config is None or like is None:
        return None, False
    way = to_widen.way or (XLA if to_widen.num_steps >= XLA_PAYS_AFTER_STEPS_EACH else PLAIN)
    size = batch_size if way == XLA else None
    key = (like, shapes, size, way)
    program = PROGRAMS.get(key)
    if program is not None:
        return program, False
    own = widened(model, config)
    build_variables(own, to_widen.data)
    if wide_key(own, config) != like:  # the model has something that its configuration does not say
        return None, False
    program = Program(size, block_epochs, wide=Wide(own), wide_way=way)
    PROGRAMS.put(key, program)
    return program, True
