"""What a compiled program does, written down while it is traced: epochs, passes over the rows, Keras' own step.

From the outside in: `block` runs epochs, each with its own order of the rows; `_pass` takes the rows in batches;
`_step` is the model's own `train_step` or `test_step` on one batch.
"""

from collections.abc import Callable, Sequence
from contextlib import ExitStack, nullcontext
from dataclasses import dataclass, field
from functools import partial
from typing import Any
from weakref import finalize

import keras
import tensorflow as tf

from recipes._keras import dismantle_func_graph
from recipes.running.thread import InThread
from recipes.training.engines.tensorflow.carried import InVariables
from recipes.training.engines.tensorflow.noise import hashed_noise, philox_dropout
from recipes.training.engines.tensorflow.rewrites import fused_adam, rearranged
from recipes.training.engines.tensorflow.state import replaced
from recipes.training.names import results_of

# Three ways to run the same steps, by what they cost to compile and then by step; measured on small dense networks,
# docs/engine.md.
PLAIN, MIXED, XLA = "plain graph", "XLA for the full batches", "XLA"
MOST_BYTES_TO_PERMUTE = 16_000_000  # below, each epoch copies its rows in order; above, each batch gathers its own


class Compiled:
    """A traced function of tensors, and of the variables of whichever model it is called for.

    Args:
        function: Of tensors alone, which may read and write variables.
        specs: Of these tensors.
        state: The variables of the model that it is traced with; every caller gives its own in this order.
        jit_compile: Whether it goes through XLA.
    """

    def __init__(
        self,
        function: Callable[..., Any],
        specs: Sequence[tf.TensorSpec],
        state: Sequence[keras.Variable],
        *,
        jit_compile: bool = False,
    ) -> None:
        traced = tf.function(function, autograph=False, jit_compile=jit_compile).get_concrete_function(*specs)
        places = {id(variable.value.handle): i for i, variable in enumerate(state)}
        captured = traced.captured_inputs
        self._takes = [places.get(id(tensor)) for tensor in captured]
        self._others = [None if i is not None else tensor for i, tensor in zip(self._takes, captured, strict=True)]
        self.reads_others = any(i is None for i in self._takes)  # what no caller can give: a table, a large constant
        self._traced = traced
        self._compiling: InThread | None = None
        # Let go of the variables that it was traced with, which are those of a model that may be long gone.
        traced.set_external_captures([])
        traced.graph._function_captures.clear()
        traced.graph.variables = []
        finalize(self, dismantle_func_graph, traced.graph).atexit = False  # TensorFlow itself never lets go of a graph

    def compile_beside(self, tensors: Sequence[tf.Tensor]) -> None:
        """Compile it in another thread, by a call with these tensors and no state, whose results nobody needs."""
        self._compiling = InThread(partial(self, tensors, ()), waits=False)

    def wait(self) -> None:
        """Wait until it is compiled, where another thread does that."""
        if (compiling := self._compiling) is not None:
            compiling.wait()
            self._compiling = None

    def __call__(self, tensors: Sequence[tf.Tensor], state: Sequence[keras.Variable]) -> Any:
        """Run it on these tensors with these variables."""
        handles = [
            other if i is None else state[i].value.handle for i, other in zip(self._takes, self._others, strict=True)
        ]
        return self._traced._call_flat(list(tensors), handles)


@dataclass(frozen=True)
class Tracing:
    """What is at hand while a program is being traced; nothing of it is kept.

    Attributes:
        home: Of the numbers of the model whose step is written down.
        places: The layers and attributes whose constants are arguments.
        batch_size: Rows a step; `None` for any.
        block_epochs: Epochs a call, at most.
        steps: Of the program: the steps that were traced before, by name and by whether for XLA.
        lifts_rates: Whether the rates of dropout are among these constants.
    """

    home: InVariables
    places: list[tuple[Any, str]]
    batch_size: int | None
    block_epochs: int
    steps: dict[tuple[str, bool], Compiled] = field(repr=False)
    lifts_rates: bool


def block(
    tracing: Tracing, part: str, how: str
) -> Callable[[list[tf.Tensor], list[tf.Tensor], Any, Any, tuple[tf.Tensor, tf.Tensor, tf.Tensor]], Any]:
    """Make a function that runs `count` epochs, each in its own order: training, validation or both, `part` says.

    It gives the state that is carried, and the metrics by epoch `(block_epochs, ...)`, those of the validation behind
    those of the training.
    """

    def run(
        constants: list[tf.Tensor],
        state: list[tf.Tensor],
        training: Any,
        validation: Any,
        numbers: tuple[tf.Tensor, tf.Tensor, tf.Tensor],
    ) -> tuple[list[tf.Tensor], list[tf.Tensor]]:
        orders, count, size = numbers
        is_given = bool(state)  # else the program itself takes it from the variables, and puts it back
        state = state or tracing.home.taken()
        trains, validates = part != "validate", part != "train" and len(validation) > 0
        kinds = [(v.shape, _shown(v)) for v in results_of(tracing.home.model).values()] * (trains + validates)

        def epoch(number: tf.Tensor, logs: list[tf.TensorArray], state: list[tf.Tensor]) -> Any:
            values: list[Any] = []
            if trains:
                state, found = _pass(tracing, "train_step", how, constants, training, orders[number], size, state)
                values += found
            if validates:
                way = PLAIN if how == MIXED else how
                state, found = _pass(tracing, "test_step", way, constants, validation, None, size, state)
                values += found
            written = [log.write(number, tf.cast(value, log.dtype)) for log, value in zip(logs, values, strict=True)]
            return number + 1, written, state

        logs = [tf.TensorArray(kind, tracing.block_epochs, element_shape=shape) for shape, kind in kinds]
        _, logs, state = tf.while_loop(lambda number, *_: number < count, epoch, (tf.constant(0), logs, state))
        if not is_given:
            tracing.home.put(state, weights=trains)
            state = []
        return state, [log.stack() for log in logs]

    return run


def _shown(value: Any) -> tf.DType:
    """Choose the precision of a metric in the history."""
    return tf.float64 if value.dtype == tf.float64 else tf.float32


def outputs(tracing: Tracing) -> Callable[[list[tf.Tensor], Any, Any, Any, Any], Any]:
    """Make a function that gives the model's outputs for all rows, however many."""
    assert tracing.batch_size is not None, "programs for all widths do not predict"

    def some(constants: list[tf.Tensor], rows: tf.Tensor) -> tf.Tensor:
        with replaced(tracing.places, constants):
            return tracing.home.model.predict_step((rows,))

    def run(
        constants: list[tf.Tensor], state: Any, training: tuple[tf.Tensor], validation: tuple[()], numbers: Any
    ) -> tuple[list[Any], tf.Tensor]:
        x, size = training[0], tracing.batch_size
        number = -(-tf.shape(x)[0] // size)
        found = tf.TensorArray(tracing.home.model.outputs[0].dtype, number, infer_shape=False)

        def batch(i: tf.Tensor, found: tf.TensorArray) -> tuple[tf.Tensor, tf.TensorArray]:
            return i + 1, found.write(i, some(constants, x[i * size : (i + 1) * size]))

        return [], tf.while_loop(lambda i, _: i < number, batch, (tf.constant(0), found))[1].concat()

    return run


def _pass(
    tracing: Tracing,
    name: str,
    how: str,
    constants: Any,
    arrays: Any,
    order: tf.Tensor | None,
    size: tf.Tensor,
    state: list[tf.Tensor],
) -> tuple[list[tf.Tensor], list[Any]]:
    """Pass over the rows once in batches, the last one smaller; return the state and the metrics at the end."""
    tensors = tf.nest.flatten(arrays)
    num_rows = tensors[0].shape[0]
    state = tracing.home.reset_metrics(state)
    if order is not None and sum(t.dtype.size * t.shape.num_elements() for t in tensors) <= MOST_BYTES_TO_PERMUTE:
        arrays = tf.nest.map_structure(lambda t: tf.gather(t, order), arrays)
        order = None

    def batch(constants: Any, arrays: Any, order: Any, start: tf.Tensor, size: Any, state: Any) -> list[tf.Tensor]:
        if order is None:
            rows = tf.nest.map_structure(
                lambda t: tf.slice(t, [start] + [0] * (len(t.shape) - 1), [size, *t.shape[1:]]), arrays
            )
        else:
            which = tf.slice(order, [start], [size])
            rows = tf.nest.map_structure(lambda t: tf.gather(t, which), arrays)
        return _step(tracing, name, how != PLAIN, constants, rows, state)

    if tracing.batch_size is None:

        def any_batch(start: tf.Tensor, state: list[tf.Tensor]) -> Any:
            return start + size, batch(constants, arrays, order, start, tf.minimum(size, num_rows - start), state)

        _, state = tf.while_loop(lambda start, _: start < num_rows, any_batch, (tf.constant(0), state))
        return state, tracing.home.metrics(state)
    full, rest = divmod(num_rows, tracing.batch_size)

    def full_batches(constants: Any, arrays: Any, order: Any, state: list[tf.Tensor]) -> list[tf.Tensor]:
        def body(i: tf.Tensor, state: list[tf.Tensor]) -> Any:
            return i + 1, batch(constants, arrays, order, i * tracing.batch_size, tracing.batch_size, state)

        return tf.while_loop(lambda i, _: i < full, body, (tf.constant(0), state))[1]

    if full:
        run = tf.function(full_batches, autograph=False, jit_compile=True) if how == MIXED else full_batches
        state = run(constants, arrays, order, state)
    if rest:
        state = batch(constants, arrays, order, tf.constant(full * tracing.batch_size), rest, state)
    return state, tracing.home.metrics(state)


def _step(
    tracing: Tracing, name: str, for_xla: bool, constants: Any, rows: Any, state: list[tf.Tensor]
) -> list[tf.Tensor]:
    """Take Keras' own step on one batch; traced once for any number of rows, then specialised by XLA for each."""
    tensors = tf.nest.flatten((constants, rows, state))
    if (name, for_xla) not in tracing.steps:

        def step(*tensors: tf.Tensor) -> list[tf.Tensor]:
            constants_now, rows_now, state_now = tf.nest.pack_sequence_as((constants, rows, state), tensors)
            with ExitStack() as within:
                within.enter_context(replaced(tracing.places, constants_now))
                within.enter_context(rearranged(tracing.home.model))
                if for_xla:
                    within.enter_context(hashed_noise(tracing.home.model))
                    within.enter_context(nullcontext() if state else fused_adam(tracing.home.model))
                elif tracing.lifts_rates:
                    within.enter_context(philox_dropout(tracing.home.model))
                return tracing.home.step(name, state_now, rows_now)

        held = [tf.TensorSpec(t.shape, t.dtype) for t in tf.nest.flatten(constants)]
        held += [tf.TensorSpec((None, *t.shape[1:]), t.dtype) for t in tf.nest.flatten(rows)]
        held += [tf.TensorSpec(t.shape, t.dtype) for t in state]
        tracing.steps[name, for_xla] = Compiled(step, held, tracing.home.variables)
    return [*tracing.steps[name, for_xla](tensors, tracing.home.variables)]
