"""What makes its own batches is passed on to Keras unread: only whether it ends, and what it says it holds, is asked.

Reading a batch beforehand would change the next ones: orders are drawn anew for each pass.
"""

import dis
from collections.abc import Mapping
from types import GeneratorType
from typing import Any

import keras
import numpy as np

from cheatsheet.finding import Finding
from recipes.training.data.prepare import TrainingData, has_own_train_step, require_compiled

INFINITE = -1  # tf.data's cardinality of what never ends


def is_stream(x: Any) -> bool:
    """Say whether this makes its own batches: a `tf.data.Dataset`, `PyDataset`, PyTorch `DataLoader` or generator."""
    return (
        isinstance(x, keras.utils.PyDataset)
        or hasattr(x, "element_spec")
        or hasattr(x, "__next__")
        or type(x).__module__.startswith("torch.utils.data")
    )


def is_endless(x: Any) -> bool:
    """Say whether a stream is known to have no end: by its cardinality, its number of batches, or its code.

    A generator whose code has no way to return, as `while True` without a `break`, can only be left by an error.
    """
    if isinstance(x, GeneratorType):
        return not any(step.opname.startswith("RETURN_") and step.opname != "RETURN_GENERATOR"
                       for step in dis.get_instructions(x.gi_code))  # fmt: skip
    if isinstance(x, keras.utils.PyDataset):
        return x.num_batches is None
    return hasattr(x, "cardinality") and int(x.cardinality()) == INFINITE


def require_batches(model: keras.Model, x: Any, name: str = "x", *, targets: bool = True) -> None:
    """Require of a `tf.data.Dataset` batches, and targets where the model has a loss, by what it says that it holds.

    Raises:
        ValueError: for a Dataset of single rows, and for one without targets.
    """
    held = getattr(x, "element_spec", None)
    if held is None or has_own_train_step(model):
        return
    first: Any = next(iter(held), None) if isinstance(held, tuple) else held
    taken: Any = getattr(model, "inputs", None) or ()
    if len(taken) == 1 and hasattr(first, "shape") and first.shape.rank is not None:
        one = tuple(taken[0].shape[1:])
        if tuple(first.shape) == one and None not in one:
            raise ValueError(
                f"{name} is a Dataset of single rows of shape {one}, and the model takes batches of them. "
                f"Pass {name}.batch(32)."
            )
    if targets and model.loss is not None and not (isinstance(held, tuple) and len(held) > 1):
        raise ValueError(
            f"{name} is a Dataset of inputs alone, and the model's loss needs targets. Have it give (x, y), as "
            "tf.data.Dataset.from_tensor_slices((x, y)) does."
        )


def not_judged(x: Any) -> Finding:
    """Say of a stream that nothing of it was judged."""
    message = (
        f"x is a {type(x).__name__}, which makes its own batches: labels, shapes and missing values were not judged."
    )
    return Finding("not_judged", "info", message, "pass some of its rows to cheatsheet.check(model, x, y)")


def pass_on(
    model: keras.Model, x: Any, validation_data: Any, options: Mapping[str, Any], steps: Mapping[str, int | None]
) -> TrainingData:
    """Pass a stream on for Keras to read.

    Args:
        model: A compiled model.
        x: The stream.
        validation_data: Another one, or arrays.
        options: Arguments of `fit` that need arrays, and so must be unset.
        steps: `steps_per_epoch` and `validation_steps`, which say where an endless one is cut.

    Raises:
        ValueError: naming those that are not; for a stream that is known to have no end, to have no batches or no
            targets.
    """
    require_compiled(model)
    for name, stream, cut in (("x", x, "steps_per_epoch"), ("validation_data", validation_data, "validation_steps")):
        if steps[cut] is None and is_stream(stream) and is_endless(stream):
            raise ValueError(
                f"{name} is a {type(stream).__name__} that never ends, and so would the first epoch. "
                f"Say {cut}=N, the number of batches that count as one pass."
            )
        require_batches(model, stream, name)
    unread = [name for name, value in options.items() if value is not None and not (np.isscalar(value) and value == 0)]
    if unread:
        raise ValueError(
            f"{', '.join(unread)} cannot be used with a {type(x).__name__}, which makes its own batches. "
            "Put targets and weights into it, and pass validation_data."
        )
    if hasattr(x, "__next__") and not isinstance(x, GeneratorType) and not hasattr(x, "element_spec"):
        x = (batch for batch in x)  # of iterators, Keras knows generators alone
    return TrainingData(x, None, None, validation_data, None, None, 0.0, is_stream=True, findings=(not_judged(x),))
