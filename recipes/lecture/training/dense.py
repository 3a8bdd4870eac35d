"""A small dense network, read into NumPy for the chain rule: its weights, its loss, and rows that fit it."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np

from cheatsheet.modelgraph import activation_of, is_of_the_frameworks, read
from cheatsheet.modelspec import describe_ends
from cheatsheet.rules.data import require_same_rows
from recipes.features import as_features
from recipes.lecture.training.chain import ACTIVATIONS, FORMULAS, SOFTMAX, SQUASHING, LayerPass, Loss, Scale

# Layers that pass everything on when the network is not trained.
PASSING = {"InputLayer", "Flatten", "Dropout", "GaussianNoise", "GaussianDropout", "AlphaDropout", "Identity"}
SCALING = {"Normalization", "Rescaling"}


def read_layers(model: Any) -> tuple[list[LayerPass], Callable[[np.ndarray], np.ndarray], Scale | None]:
    """Read the weights, what is done with x before the first layer, and with what comes from the last.

    Raises:
        ValueError: for layers that are not computed by hand.
    """
    if type(model).__name__ != "Sequential" or not read(model, "built"):
        raise ValueError(
            f"backpropagate takes a built keras.Sequential of Dense layers. Received: {type(model).__name__} "
            f"{model.name!r}. For a network of another form ask Keras; this one is to be followed by hand."
        )
    layers: list[LayerPass] = []
    first: list[Any] = []
    scale: Scale | None = None
    for layer in model.layers:
        kind, activation = type(layer).__name__, activation_of(layer)
        known = is_of_the_frameworks(type(layer))
        if known and kind == "Dense" and scale is None and (activation in ACTIVATIONS or activation == SOFTMAX):
            _require_no_penalty(layer)
            kernel = np.asarray(layer.kernel, float)
            bias = None if layer.bias is None else np.asarray(layer.bias, float)
            none = np.zeros((0, 0))
            layers.append(
                LayerPass(layer.name, str(activation), kernel, bias, none, none, none, none, none, none, bias)
            )
        elif (
            known
            and layers
            and scale is None
            and _is_activation(kind)
            and layers[-1].activation == "linear"
            and (activation in ACTIVATIONS or activation == SOFTMAX)
        ):
            layers[-1] = replace(layers[-1], activation=str(activation))
        elif known and kind in SCALING and not layers:
            first.append(layer)
        elif known and kind == "Rescaling" and scale is None:
            scale = Scale(np.asarray(layer.scale, float), np.asarray(layer.offset, float))
        elif not known or kind not in PASSING:
            what = f" with the activation {activation!r}" if kind == "Dense" and activation else ""
            raise ValueError(
                f"The layer {layer.name!r} ({kind}{what}) is not computed by hand here. Expected Dense layers, each "
                f"with one of {', '.join([*ACTIVATIONS, SOFTMAX])}."
            )
    if not layers:
        raise ValueError(f"The model {model.name!r} has no Dense layer, so there is no gradient to be followed.")

    def before(rows: np.ndarray) -> np.ndarray:
        for layer in first:
            rows = np.asarray(layer(rows), float)
        return rows.reshape(len(rows), -1)

    return layers, before, scale


def _is_activation(kind: str) -> bool:
    return kind in ("Activation", "ReLU", "Softmax", "ELU")


def _require_no_penalty(layer: Any) -> None:
    found = [what for what in ("kernel", "bias", "activity") if read(layer, f"{what}_regularizer") is not None]
    if found:
        raise ValueError(
            f"The layer {layer.name!r} has a {found[0]} regulariser, whose part of the gradient is not computed by "
            "hand here. Build it without one."
        )


def read_loss(model: Any, activation: str, scale: Scale | None) -> Loss:
    """Read the loss that the model is compiled with.

    Raises:
        ValueError: for one that is not computed by hand, or is not the plain mean.
    """
    from keras import config

    spec = describe_ends(model)
    output = spec.outputs[0]
    name = output.loss or ""
    if name not in FORMULAS or output.is_own_loss or spec.has_own_step:
        raise ValueError(
            f"The loss {output.loss!r} is not computed by hand here. Expected the model to be compiled with one of "
            f"{', '.join(FORMULAS)}."
        )
    changed = {key: value for key, value in output.loss_options.items() if value not in (0, -1, None, False)}
    weights = (read(read(model, "_compile_config"), "config") or {}).get("loss_weights")
    if changed or weights is not None or getattr(model.loss, "reduction", None) not in (None, "sum_over_batch_size"):
        raise ValueError(
            f"The loss {name!r} is compiled with settings of its own "
            f"({', '.join(map(str, changed)) or 'loss_weights or reduction'}), which are not computed by hand here. "
            "Expected the plain mean over rows."
        )
    # Keras marks what comes from a sigmoid or softmax with its pre-activations; a cast or a rescaling loses the mark.
    is_marked = activation in SQUASHING and scale is None and model.layers[-1].compute_dtype == _dtype_of(model.loss)
    reads_logits = "crossentropy" in name and (bool(output.from_logits) or is_marked)
    return Loss(name, reads_logits, float(config.epsilon()))


def _dtype_of(loss: Any) -> str:
    """Tell in which precision a loss computes: of one given by name Keras' default."""
    from keras import config

    return str(read(loss, "dtype") or config.floatx())


def read_rows(model: Any, x: Any) -> np.ndarray:
    """Read one row, or several, as `(n, ...)` of the shape that the model takes."""
    shape = tuple(model.input_shape)[1:]
    array = as_features(x)  # refuses what holds no numbers
    array = np.asarray(x, float) if np.ndim(x) else array.astype(float)  # in its own precision
    if array.shape == shape:
        array = array[None]
    elif array.ndim == 1 and shape == (1,):
        array = array[:, None]
    if array.shape[1:] != shape:
        raise ValueError(
            f"x has shape {array.shape}. Expected one row of shape {shape}, or several of shape {('n', *shape)}."
        )
    return array


def read_targets(y: Any, rows: int, width: int, loss: str) -> np.ndarray:
    """Read the target of each row as `(n, width)`."""
    array = np.asarray(y)
    if array.dtype.kind not in "biuf" or not np.isfinite(array).all():
        raise ValueError(f"y must hold finite numbers. Received: y={y!r}. Pass the numbers that the loss takes.")
    if loss.startswith("sparse") or (loss.startswith("categorical") and array.shape == (rows,) and width > 1):
        array = array.reshape(-1)
        if (array != array.astype(int)).any() or array.min() < 0 or array.max() >= width:
            raise ValueError(f"y must hold classes from 0 to {width - 1}. Received: y={y!r}.")
        array = np.eye(width)[array.astype(int)]
    elif array.ndim < 2:
        array = array.reshape(-1, width) if array.size % width == 0 else array.reshape(-1, 1)
    require_same_rows(np.empty(rows), array)
    if array.shape != (rows, width):
        raise ValueError(f"y has shape {array.shape}. Expected {(rows, width)}: a number for each output of each row.")
    return array.astype(float)
