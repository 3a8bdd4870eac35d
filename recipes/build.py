"""From a task, or from data, to a compiled Keras model whose last layer and loss are right.

The one place that compiles from a `Head`.
"""

import inspect
from collections.abc import Callable, Sequence
from typing import Any

import keras
import numpy as np

import cheatsheet
from cheatsheet.common.arguments import as_widths, hint_for, require_whole
from cheatsheet.common.arrays import as_array
from cheatsheet.common.warn import warn_user
from cheatsheet.common.words import count, did_you_mean
from cheatsheet.finding import unfit_target
from cheatsheet.head import QUANTILES, Head, decided
from cheatsheet.modelspec import OutputSpec
from cheatsheet.rules.data import require_same_rows
from cheatsheet.rules.metrics import misread
from cheatsheet.table import canonical_loss
from recipes.bodies import BODIES, OF_IMAGES
from recipes.features import (
    as_features,
    in_order,
    input_shape_of,
    moments,
    remember_columns,
    require_float32_spread,
    require_image,
)
from recipes.losses import Pinball, require_metrics, sign_accuracy, with_loss_for
from recipes.optimizers import Rate, in_short, optimizer_of
from recipes.seeds import seeded

SMALLEST_SPREAD = 1e-4  # squared, it meets the 1e-7 to 1e-8 that optimizers add to a gradient's size
MOST_FEATURES = 4  # of a step; narrower than any picture
UNEQUAL_COLUMNS = 10.0  # a hundredfold share of a squared loss

Body = str | Callable[..., list[keras.Layer]]


def build_model(
    task: str | None = None,
    *,
    x: Any = None,
    y: Any = None,
    input_shape: Sequence[int] | None = None,
    num_classes: int | None = None,
    body: Body | None = None,
    loss: str | keras.losses.Loss | None = None,
    activation: str | None = None,
    quantiles: Sequence[float] = QUANTILES,
    optimizer: str | keras.optimizers.Optimizer = "adam",
    learning_rate: Rate | None = None,
    weight_decay: float | None = None,
    metrics: Sequence[Any] = (),
    seed: int | None = None,
    **body_options: Any,
) -> keras.Sequential:
    """Build a compiled model that fits this task, or this data.

    With `task` alone the model takes its input shape from the first data that it sees. With `x` it standardises
    its input inside (`Normalization`), and with `y` for regression it scales its output inside (`Rescaling`), so
    that the model takes and gives raw units either way.

    Args:
        task: `"regression"`, `"binary"`, `"multiclass"`, `"multilabel"` or `"quantile"`; from `y` when missing, with a
            line that says so where `y` allows another reading, such as counts and numbered classes.
        x: Training inputs `(n, ...)`, for shape and scale; a table's columns keep their names, so that `fit` puts those
            of another one in this order.
        y: Training target, for task, width, loss and scale; likewise.
        input_shape: Shape of one example, such as `(28, 28, 1)`, where there is no `x`.
        num_classes: Number of classes or labels, where there is no `y`.
        body: `"mlp"`, `"cnn"` or `"lenet"` for images, `"sequence"` for `(n, steps, features)`, or a function that
            returns a list of Keras layers. Without it an MLP, before which images and sequences are flattened, and a
            line says so.
        loss: Name of another loss of the task's, or a Keras loss.
        activation: Another last activation; `"lecture"` is the slide's, to the letter.
        quantiles: The quantiles of `task="quantile"`.
        optimizer: Name of a Keras optimizer, or one.
        learning_rate: For an optimizer given by name: a number, or one of `keras.optimizers.schedules`; Keras' default
            when missing. With an output scale, that of
            `"sgd"` is meant for standardised y: the raw gradient grows with y's unit, which adaptive optimizers
            undo and plain descent does not.
        weight_decay: Share of each weight that is taken away in a step, times the learning rate, as Keras' optimizers
            have it; none when missing.
        metrics: Keras metrics or their names, to watch beside the task's own. For several classes precision, recall,
            AUC and kin read one-hot rows, which `fit` makes of labels; the loss is then the one of rows.
        seed: Makes the initial weights and dropout repeatable: of all layers that are constructed here without a seed
            of their own, also by a `body` function, nested models and built layers included. Python's and NumPy's
            generators are left alone, so what a `body` function draws from them itself, and an initializer object
            that was made before, are not seeded by it.
        **body_options: What the body takes, such as `units=(64, 32)`, `hidden_activation="relu"`, `dropout=0.2`,
            `filters=(32, 64)`, `kernel_size=3`.

    Returns:
        A compiled `keras.Sequential`.

    Raises:
        DataError: for an x or a y that holds what no network can take, or that does not fit the task, as `fit` does.
        ValueError: where the arguments do not fit each other, before anything is built.
    """
    if seed is not None:
        require_whole("seed", seed, 0)
    if task is not None and not isinstance(task, str):
        raise TypeError(
            f"The first argument of build_model is a task such as 'binary'. Received: {type(task).__name__}. "
            "For data say build_model(x=x, y=y)."
        )
    if task is None and y is None:
        raise ValueError("Which model? Received: task=None, y=None. Pass a task such as 'binary', or x and y.")
    x, y = in_order(x, None, "x"), in_order(y, None, "y")  # counted columns, as `fit` will
    read = cheatsheet.infer_task(y) if task is None else task
    if isinstance(read, cheatsheet.Inference) and loss is None and activation is None and num_classes is None:
        say_what_was_read(read)
    head = _head_for(read, num_classes, y, loss, activation, quantiles)
    if head.task == "reconstruction":
        raise ValueError("build_model has no decoder. For task='reconstruction' use recipes.build_autoencoder.")
    features = None if x is None else as_features(x)
    shape = input_shape_of(features, input_shape)
    target = None if y is None else as_array(y, "y")
    if features is not None and target is not None:
        require_same_rows(features, target)
    _require_list(metrics)
    rows = target is not None and target.ndim > 1 and target.shape[1] > 1
    head = with_loss_for(head, metrics, free=loss is None, rows=rows)
    if body is None:
        body = "mlp"
        say_what_is_flattened(shape)
    make_body = _body_maker(body, body_options, shape)
    with seeded(seed):
        layers = make_body(**body_options)
        if shape is not None:
            layers = [keras.Input(shape), *_input_layers(shape, features, body), *layers]
        layers.append(keras.layers.Dense(head.units, activation=head.activation, name="head", dtype=full_precision()))
        scale = [] if target is None else _output_scale(head, target)
        layers += scale
        model = keras.Sequential(layers, name=f"{body if isinstance(body, str) else 'custom'}_{head.task}")
        compile_head(model, head, optimizer=optimizer, learning_rate=learning_rate,
                     weight_decay=weight_decay, loss=loss, metrics=metrics)  # fmt: skip
    if activation not in (None, "lecture", _on_the_slide(head)):
        _require_fitting(model, activation)
    inner = getattr(model.optimizer, "inner_optimizer", model.optimizer)  # within a scaled loss, under mixed_float16
    if scale and isinstance(optimizer, str) and isinstance(inner, keras.optimizers.SGD):
        power = 2 if head.loss.startswith("mean_squared") else 1  # how the loss grows with the scale
        _divide_learning_rate(inner, float(np.max(scale[0].scale)) ** power)
    remember_columns(model, x, y)
    return model


def _on_the_slide(head: Head) -> str | None:
    """Name the activation that the lecture's slide prints for this row, if it has it."""
    printed = (row.lecture_activation for row in cheatsheet.TABLE if (row.task, row.loss) == (head.task, head.loss))
    return next(printed, None)


def _require_fitting(model: keras.Model, activation: str) -> None:
    """Refuse a last activation with which the loss cannot be right."""
    wrong = next((one for one in cheatsheet.check(model) if one.severity == "error"), None)
    if wrong is not None:
        raise ValueError(
            f"activation={activation!r} is the last layer's: {wrong.message} To mend it: {wrong.fix}. The hidden "
            "layers' is hidden_activation=."
        )


def full_precision() -> str | None:
    """Name the type of the layers that scale x and y, and of the head: under a mixed policy that of its variables.

    16 bits end at 65,504, which a price passes, and resolve a thousandth. `None` is the policy itself.
    """
    policy = keras.config.dtype_policy()
    return None if policy.compute_dtype == policy.variable_dtype else policy.variable_dtype


def compile_head(
    model: keras.Model,
    head: Head,
    *,
    optimizer: str | keras.optimizers.Optimizer = "adam",
    learning_rate: Rate | None = None,
    weight_decay: float | None = None,
    loss: str | keras.losses.Loss | None = None,
    metrics: Sequence[Any] = (),
) -> None:
    """Compile a model with the loss and the metrics of its head; a Keras loss object given as `loss` wins.

    Raises:
        TypeError: for `metrics` that are no list.
    """
    _require_list(metrics)
    require_metrics(metrics)
    model.compile(
        optimizer=optimizer_of(optimizer, learning_rate, weight_decay),
        loss=_loss(head) if loss is None or isinstance(loss, str) else loss,
        metrics=[*(_metric(name, head, loss) for name in head.metrics), *metrics],
    )


def _metric(name: str, head: Head, loss: Any) -> Any:
    """Give one of the head's own metrics, which Keras would cut at 0.5 also where the loss makes the outputs logits."""
    if name == "sign_accuracy":
        return sign_accuracy
    output = OutputSpec(
        width=head.units, activation=head.activation, loss=head.loss, from_logits=getattr(loss, "from_logits", False)
    )
    told = misread(output, name, {})
    return getattr(keras.metrics, told.kind)(name=name, **told.settings) if told is not None and told.kind else name


def _require_list(metrics: Any) -> None:
    if isinstance(metrics, str) or not isinstance(metrics, list | tuple):
        raise TypeError(f"metrics is a list of Keras metrics or their names. Received: metrics={in_short(metrics)}.")


def _head_for(
    task: str | cheatsheet.Inference,
    num_classes: int | None,
    y: Any,
    loss: str | keras.losses.Loss | None,
    activation: str | None,
    quantiles: Sequence[float],
) -> Head:
    name = loss if isinstance(loss, str) else None
    if isinstance(loss, keras.losses.Loss) and loss.name in {row.loss for row in cheatsheet.TABLE}:
        name = canonical_loss(loss.name)
    if getattr(loss, "from_logits", False) and activation is None:
        activation = "linear"  # the loss applies the activation itself
    if isinstance(task, cheatsheet.Inference):
        task, name = decided(task, num_classes, name, activation)
    return cheatsheet.head(task, num_classes, y, name, activation, quantiles=quantiles)


def _body_maker(body: Body, options: dict[str, Any], shape: tuple[int, ...] | None) -> Callable[..., list[keras.Layer]]:
    """Find the body's function; check its name, its options, which become plain numbers, and the image's size."""
    if callable(body):
        return body
    if body not in BODIES:
        raise ValueError(
            f"Unknown body. Received: body={body!r}. Expected one of {', '.join(BODIES)}.{did_you_mean(body, BODIES)}"
        )
    make = BODIES[body]
    known = inspect.signature(make).parameters
    for name in options:
        if name not in known:
            names = [*known, *inspect.signature(build_model).parameters]
            hint = hint_for("build_model", name, names)
            raise TypeError(
                f"build_model has no argument {name!r} with body={body!r}, which takes {', '.join(known)}.{hint}"
            )
    for name in ("units", "filters"):
        if name in options:
            options[name] = as_widths(name, options[name])
    if "kernel_size" in options:
        size = options["kernel_size"]  # of a square, or (height, width)
        sides = size if isinstance(size, tuple | list) and len(size) == 2 else (size,)
        for side in sides:
            require_whole("kernel_size", side, 1)
        options["kernel_size"] = tuple(int(side) for side in sides) if len(sides) > 1 else int(size)
    dropout = options.get("dropout", 0.0)
    if isinstance(dropout, bool) or not isinstance(dropout, int | float) or not 0 <= dropout < 1:
        raise ValueError(f"dropout is a fraction, 0 <= dropout < 1. Received: dropout={options['dropout']!r}.")
    if body in OF_IMAGES and shape is not None:
        if len(shape) == 2 and shape[1] <= MOST_FEATURES:
            raise ValueError(
                f"body={body!r} expects images, but examples of shape {shape} look like {shape[0]} steps of "
                f"{count(shape[1], 'feature')}. Use body='sequence'; for images say x[..., None]."
            )
        image = shape if len(shape) != 2 else (*shape, 1)  # grey ones get their channel axis in the model
        require_image(image, f"body={body!r}", "use body='mlp', or reshape x")
        if body == "cnn":
            _require_halvable(shape, len(options.get("filters", known["filters"].default)))
        elif min(shape[:2]) < (least := 16 if options.get("padding") == "valid" else 12):
            raise ValueError(  # smaller ones leave nothing for S4 to pool
                f"body='lenet' expects images of {least}x{least} pixels at least. Received: {shape[0]}x{shape[1]}. "
                f"Use body='cnn', or enlarge x: np.kron(x, np.ones((1, {-(-least // min(shape[:2]))}, "
                f"{-(-least // min(shape[:2]))}, 1)))."
            )
    if body == "sequence" and shape is not None and len(shape) != 2:
        fix = "For images use body='cnn'" if len(shape) == 3 else "Use x[..., None] for one feature, or body='mlp'"
        raise ValueError(f"body='sequence' expects (n, steps, features), but one example has shape {shape}. {fix}.")
    return make


def say_what_was_read(inferred: cheatsheet.Inference) -> None:
    """Say which task `y` was taken for, where it allows another reading."""
    if inferred.is_choice:
        warn_user(f"The task was read off y: {inferred}.")


def say_what_is_flattened(shape: tuple[int, ...] | None) -> None:
    """Say that an MLP takes images and sequences apart, where nobody asked for one."""
    if shape is not None and len([size for size in shape if size > 1]) > 1:
        others = "body='cnn' for images" if len(shape) > 2 else "body='sequence' for steps, body='cnn' for images"
        warn_user(
            f"One example has shape {shape}; the MLP flattens it to {int(np.prod(shape)):,} numbers, whose order it "
            f"does not know. Say {others}, or body='mlp' for this."
        )


def _require_halvable(shape: tuple[int, ...], num_blocks: int) -> None:
    if min(shape[:2]) < 2**num_blocks:
        raise ValueError(
            f"{num_blocks} blocks halve the image {num_blocks} times, too often for {shape[0]}x{shape[1]} pixels. "
            f"Pass filters= with at most {count(int(np.log2(min(shape[:2]))), 'value')}."
        )


def _input_layers(shape: tuple[int, ...], features: np.ndarray | None, body: Body) -> list[keras.Layer]:
    """Make what comes before the body: the channel axis of grey images, and the scale of the data."""
    layers: list[keras.Layer] = []
    if body in OF_IMAGES and len(shape) == 2:
        layers.append(keras.layers.Reshape((*shape, 1), name="add_channel", dtype=full_precision()))
        features = None if features is None else features[..., None]
    if features is not None:  # one scale for each index of the last axis: a table's column, an image's channel
        mean, std = moments(features, keep=1)
        numbers = {"mean": mean.tolist(), "variance": (std**2).tolist()}
        layers.append(keras.layers.Normalization(**numbers, name="input_scale", dtype=full_precision()))
    return layers


def _output_scale(head: Head, y: np.ndarray) -> list[keras.Layer]:
    """Make the last layers of a regression: from a network's natural range, about -1 to 1, to the units of y."""
    if head.task not in ("regression", "quantile") or head.activation not in ("linear", "softplus"):
        return []
    target = y.reshape(len(y), -1).astype(np.float64)  # (n, columns)
    require_float32_spread(target, "y")
    if head.loss == "mean_squared_logarithmic_error":  # linear in ln(1 + y), so never negative and never stuck
        mean, std = moments(np.log1p(target), keep=1)
        return [
            _rescaling(std, mean, "output_scale"),
            keras.layers.Activation("exponential", name="output_exponential", dtype=full_precision()),
            keras.layers.Rescaling(1.0, -1.0, name="output_minus_one", dtype=full_precision()),
        ]
    mean, std = moments(target, keep=1)
    _require_scale(std)
    if head.activation == "softplus":  # positive stays positive
        return [_rescaling(np.where(mean > 0, mean, 1.0), np.zeros_like(mean), "output_scale")]
    return [_rescaling(std, mean, "output_scale")]


def _rescaling(scale: np.ndarray, offset: np.ndarray, name: str) -> keras.layers.Rescaling:
    if len(scale) == 1:
        return keras.layers.Rescaling(float(scale[0]), float(offset[0]), name=name, dtype=full_precision())
    return keras.layers.Rescaling(scale.tolist(), offset.tolist(), name=name, dtype=full_precision())


def _require_scale(std: np.ndarray) -> None:
    """Refuse columns of y that are tiny, and warn of very unequal ones: their raw losses cannot be trained on."""
    if std.min() < SMALLEST_SPREAD:
        raise unfit_target(
            f"y varies by only {std.min():.3g} in its units, so that the gradients of its loss vanish in float32.",
            "multiply y by a scale, so that it varies by about 1",
        )
    if std.max() / std.min() > UNEQUAL_COLUMNS:
        warn_user(
            f"The columns of y vary by {std.min():.3g} to {std.max():.3g}; their losses add up, so the largest will "
            "be learnt and the smallest not. Divide each column by its standard deviation.",
        )


def _loss(head: Head) -> str | keras.losses.Loss:
    return Pinball(head.quantiles) if head.loss == "pinball" else head.loss


@keras.saving.register_keras_serializable("recipes")
class DividedSchedule(keras.optimizers.schedules.LearningRateSchedule):
    """A schedule with every rate divided by the same number."""

    def __init__(self, schedule: Any, divisor: float) -> None:
        super().__init__()
        self.schedule = keras.saving.deserialize_keras_object(schedule) if isinstance(schedule, dict) else schedule
        self.divisor = float(divisor)

    def __call__(self, step: Any) -> Any:
        """The rate of this step."""
        return self.schedule(step) / self.divisor

    def get_config(self) -> dict[str, Any]:
        """Return what a saved model keeps of the schedule."""
        return {"schedule": keras.saving.serialize_keras_object(self.schedule), "divisor": self.divisor}


def _divide_learning_rate(optimizer: keras.optimizers.Optimizer, divisor: float) -> None:
    """Have every step of this optimizer smaller by this factor, also where a schedule gives the rate."""
    rate = optimizer._learning_rate
    if isinstance(rate, keras.optimizers.schedules.LearningRateSchedule):
        optimizer.learning_rate = DividedSchedule(rate, divisor)
    else:
        optimizer.learning_rate = float(rate) / divisor
