"""A function of trees of tensors, traced once: for whoever asks the same of a model many times over."""

from collections.abc import Callable, Sequence
from typing import Any

import keras
import tensorflow as tf

from recipes.training.engines.tensorflow.steps import Compiled


def traced(
    function: Callable[..., Any], numbers: Any, rows: Any, state: Sequence[keras.Variable]
) -> Callable[[Any, Any], Any]:
    """Trace a function of two trees of tensors; its graph is freed with what is returned.

    Args:
        function: Of `numbers` and `rows`. It may read the variables, and should write to none.
        numbers: A tree of tensors whose shapes stay.
        rows: A tree of tensors, arrays or None, the number of whose rows may change.
        state: The variables that it may read.

    Returns:
        The same function, of trees of the same structure.
    """
    flat = [tf.convert_to_tensor(tensor) for tensor in keras.tree.flatten(numbers)]
    some = [tf.convert_to_tensor(tensor) for tensor in keras.tree.flatten(rows) if tensor is not None]
    specs = [tf.TensorSpec(tensor.shape, tensor.dtype) for tensor in flat]
    specs += [tf.TensorSpec((None, *tensor.shape[1:]), tensor.dtype) for tensor in some]

    def of_tensors(*tensors: tf.Tensor) -> tf.Tensor:
        left = iter(tensors[len(flat) :])
        filled = [None if tensor is None else next(left) for tensor in keras.tree.flatten(rows)]
        return function(
            keras.tree.pack_sequence_as(numbers, [*tensors[: len(flat)]]), keras.tree.pack_sequence_as(rows, filled)
        )

    compiled = Compiled(of_tensors, specs, state)

    def call(numbers: Any, rows: Any) -> Any:
        given = [*keras.tree.flatten(numbers), *(part for part in keras.tree.flatten(rows) if part is not None)]
        return compiled([tf.convert_to_tensor(tensor) for tensor in given], state)

    return call
