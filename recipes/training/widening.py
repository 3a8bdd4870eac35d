"""A narrow network inside a wider one: what is zero in the additional places stays zero, so one program serves many.

Where a hidden layer's activation maps 0 to 0, a unit without weights gives nothing to the next layer and gets no
gradient back: the wider network computes the narrow one's function, and every step of the optimizers below keeps the
additional weights at exactly 0. So networks that differ in the widths of their hidden layers, and in their dropout
rates, train in one program, which is compiled once. A search then pays for compiling once a depth, not once a trial.
"""

import math
import warnings
from typing import Any

import keras

LEAST_WIDTH = 128  # of the program's hidden layers; wider ones are rounded up to powers of two
KEEPS_ZERO = ("relu", "relu6", "leaky_relu", "elu", "selu", "celu", "gelu", "silu", "tanh", "softsign", "linear")
# Updates of which a weight with gradient 0 and value 0 keeps it, whatever the shape of its array.
OPTIMIZERS = ("SGD", "RMSprop", "Adam", "AdamW", "Nadam", "Adamax", "Adagrad", "Adadelta")
_REGULARIZERS = ("L1", "L2", "L1L2")


def wide_config(model: keras.Model) -> dict[str, Any] | None:
    """The configuration of the wider network in which this one can train; `None` if it must train as it is.

    Only for a `Sequential` whose layers from the first to the last `Dense` are `Dense` and `Dropout`.
    """
    if type(model) is not keras.Sequential or type(model.optimizer).__name__ not in OPTIMIZERS:
        return None
    with warnings.catch_warnings(action="ignore"):  # of lambdas, that they are unsafe to save
        config = model.get_config()
    dense = [i for i, layer in enumerate(config["layers"]) if layer["class_name"] == "Dense"]
    if len(dense) < 2:  # no hidden layer
        return None
    for layer in config["layers"][dense[0] :]:
        layer.pop("build_config", None)  # the shapes that this model's layers were built for
    for layer in config["layers"][dense[0] : dense[-1]]:
        options = layer["config"]
        if layer["class_name"] == "Dense" and _keeps_zero(options):
            options["units"] = max(LEAST_WIDTH, 2 ** math.ceil(math.log2(options["units"])))
        elif layer["class_name"] == "Dropout" and options["noise_shape"] is None:
            options["rate"] = 0.5 if options["rate"] > 0 else 0.0  # a place for it; 0 has no random numbers
        else:
            return None
    return config


def widened(model: keras.Model, config: dict[str, Any]) -> keras.Sequential:
    """The wider network, compiled as this one is; its own numbers mean nothing."""
    wide = keras.Sequential.from_config(config)
    wide.compile_from_config(model.get_compile_config())
    return wide


def _keeps_zero(options: dict[str, Any]) -> bool:
    regularized = all(
        options[f"{what}_regularizer"] is None or options[f"{what}_regularizer"]["class_name"] in _REGULARIZERS
        for what in ("kernel", "bias")
    )
    free = all(options.get(name) is None for name in ("kernel_constraint", "bias_constraint", "activity_regularizer"))
    return options["activation"] in KEEPS_ZERO and regularized and free and not options.get("lora_rank")
