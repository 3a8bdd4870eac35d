"""A Keras model as a plain value: all that a stacked program is made from, so that equal values make equal programs."""

import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import keras
import numpy as np

from recipes._keras import squeeze_or_expand_to_same_rank
from recipes.losses import sign_accuracy
from recipes.training.engines.many.stacked.layers import LAYERS
from recipes.training.engines.many.stacked.optimizers import OPTIMIZERS

PRECISIONS = ("float32", "float64")
WIDTH_STEP = 16  # to multiples of which different widths are filled up, so that few programs serve all of them
# Keras' losses and metrics that give each row numbers of its own, whatever else is in the batch. Dice, Tversky, circle
# and kin look at all rows at once, which would be those of all networks.
BY_ROW = (
    "mean_squared_error", "mean_absolute_error", "mean_absolute_percentage_error", "mean_squared_logarithmic_error",
    "huber", "log_cosh", "cosine_similarity", "poisson", "kl_divergence", "hinge", "squared_hinge", "categorical_hinge",
    "binary_crossentropy", "binary_focal_crossentropy", "categorical_crossentropy", "categorical_focal_crossentropy",
    "sparse_categorical_crossentropy", "categorical_generalized_cross_entropy", "accuracy", "binary_accuracy",
    "categorical_accuracy", "sparse_categorical_accuracy", "top_k_categorical_accuracy",
    "sparse_top_k_categorical_accuracy",
)  # fmt: skip
OF_MARGINS = ("hinge", "squared_hinge")  # which ask of a whole batch whether its labels are 0 and 1
_OF_NUMBERS = ("Dense", "Embedding", "Rescaling", "Normalization")  # layers that take whole numbers for what they are
_NOT_READ = ("name", "dtype", "seed", "trainable")  # of a layer's configuration, by a step
_REGULARIZERS = ("L1", "L2", "L1L2")


class Unsuited(Exception):
    """What keeps a model from being stacked, in words."""


@dataclass(frozen=True)
class Part:
    """One layer of a network.

    Attributes:
        kind: Its class, a key of `LAYERS`.
        settings: What a step reads of its configuration, by name.
        shapes: Of its trainable variables, in their order.
        statistics: Shapes of the others, which training changes too.
        constants: Shapes of its constants, such as the mean of a `Normalization`.
        penalized: Which of the trainable variables have a regularizer.
        decayed: Which of them the optimizer's decay reaches.
        draws: Whether it draws random numbers.
        is_optional: Whether some networks lack it, and hand their values through.
    """

    kind: str
    settings: tuple[tuple[str, Any], ...] = ()
    shapes: tuple[tuple[int, ...], ...] = ()
    statistics: tuple[tuple[int, ...], ...] = ()
    constants: tuple[tuple[int, ...], ...] = ()
    penalized: tuple[bool, ...] = ()
    decayed: tuple[bool, ...] = ()
    draws: bool = False
    is_optional: bool = False


@dataclass(frozen=True)
class Measured:
    """A loss or a metric: a function of truth and prediction that gives numbers for each row.

    Attributes:
        name: In the history.
        function: Of Keras or this package.
        options: Its keyword arguments.
        weighted: Whether sample weights count.
        root: Whether the square root of the mean is shown.
        precision: In which Keras computes a loss; `None` for a metric, which gets what there is.
    """

    name: str
    function: Callable[..., Any]
    options: tuple[tuple[str, Any], ...] = ()
    weighted: bool = False
    root: bool = False
    precision: str | None = None

    def values(self, truth: Any, prediction: Any) -> Any:
        """Give the values of each row, of arrays with the rows in front, as Keras' loss or metric would call it."""
        if self.precision is not None:
            # For a tensor of that precision, Keras still remembers its logits.
            prediction = keras.ops.convert_to_tensor(prediction, self.precision)
            truth = keras.ops.convert_to_tensor(truth, self.precision)
            truth, prediction = squeeze_or_expand_to_same_rank(truth, prediction)
        return self.function(truth, prediction, **dict(self.options))


@dataclass(frozen=True)
class Network:
    """One network as a plain value, or what K of them have in common.

    Attributes:
        parts: Its layers, in order.
        takes: The type of its inputs.
        precision: `"float32"` or `"float64"`.
        loss: What is minimised.
        metrics: What is watched besides.
        optimizers: Keys of `OPTIMIZERS`, each with what of the optimizer decides which operations there are.
    """

    parts: tuple[Part, ...]
    takes: str
    precision: str
    loss: Measured
    metrics: tuple[Measured, ...]
    optimizers: tuple[tuple[str, tuple[tuple[str, Any], ...]], ...]

    @property
    def names(self) -> list[str]:
        """The quantities that a program gives for each epoch, without those of the validation."""
        return ["loss", *(metric.name for metric in self.metrics)]

    @property
    def reads_margins(self) -> bool:
        """Whether its loss or a metric asks which labels there are."""
        return any(measured.function.__name__ in OF_MARGINS for measured in (self.loss, *self.metrics))


def read(model: keras.Model) -> Network:
    """Read a built and compiled model.

    Raises:
        Unsuited: for anything that a stacked program does not compute as Keras does.
    """
    layers = chain_of(model)
    policies = {layer.dtype_policy.name for layer in layers}
    if len(policies) > 1 or not policies <= {*PRECISIONS}:
        raise Unsuited(f"its layers compute in {' and '.join(sorted(policies))}")
    precision = policies.pop()
    decayed = _decayed(model)
    parts = tuple(_part(layer, decayed) for layer in layers)
    if not any(part.shapes for part in parts):
        raise Unsuited("it has nothing to train")
    loss, metrics = _measures(model)
    kind = type(model.optimizer).__name__
    if kind not in OPTIMIZERS or type(model.optimizer).__module__.split(".")[0] != "keras":
        raise Unsuited(f"its optimizer is {kind}, and {', '.join(OPTIMIZERS)} are stacked")
    optimizer = optimizer_of(model)
    _require_known_embeddings(parts, kind, dict(optimizer[1])["clip"])
    return Network(parts, _taken(model, parts, precision), precision, loss, metrics, (optimizer,))


def chain_of(model: keras.Model) -> list[keras.Layer]:
    """List the layers of a model in which each gets what the one before it gives, and nothing else.

    Raises:
        Unsuited: for any other model.
    """
    if type(model) is keras.Sequential:
        return model.layers
    if type(model).__name__ != "Functional" or not type(model).__module__.startswith("keras.src."):
        raise Unsuited(f"it is a {type(model).__name__}, and Sequential models alone are stacked, and chains of layers")
    first, *layers = model.layers
    value = first.output if type(first) is keras.layers.InputLayer else None
    if model.input is not value:
        raise Unsuited("its inputs are several, or in a container")
    for layer in layers:
        # One call alone, of one value: else a layer is used twice, or the values branch.
        calls = layer._inbound_nodes
        if [[*map(id, call.input_tensors)] for call in calls] != [[id(value)]] or len(calls[0].output_tensors) != 1:
            raise Unsuited("its layers are no chain, each called once")
        node = calls[0]
        # Over `training` Keras lays what the whole model is called with.
        given = {name: value for name, value in node.arguments.kwargs.items() if name != "training"}
        if len(node.arguments.args) != 1 or any(value is not None for value in given.values()):
            raise Unsuited(f"the layer {layer.name!r} is called with arguments of its own")
        value = node.output_tensors[0]
    if model.output is not value:
        raise Unsuited("its outputs are not those of its last layer alone")
    return layers


def optimizer_of(model: keras.Model) -> tuple[str, tuple[tuple[str, Any], ...]]:
    """Name a model's optimizer, with what of it decides which operations there are."""
    return type(model.optimizer).__name__, _flags(model.optimizer)


def _taken(model: keras.Model, parts: Sequence[Part], precision: str) -> str:
    """Find the type of the inputs that the layers see."""
    takes = keras.backend.standardize_dtype(model.inputs[0].dtype)
    first = next((part.kind for part in parts if part.kind not in ("Flatten", "Reshape")), "")
    if takes != precision and first not in _OF_NUMBERS and not (takes.startswith("float") and LAYERS[first].casts):
        raise Unsuited(f"its first layer, {first}, gets {takes}")
    return takes


def _require_known_embeddings(parts: Sequence[Part], optimizer: str, clip: str | None) -> None:
    """Refuse what Keras does in another way to the gradient of an embedding, which lists the words of a batch."""
    places = [i for i, part in enumerate(parts) if part.kind == "Embedding"]
    if not places:
        return
    if optimizer != "SGD":
        raise Unsuited(
            f"Keras' {optimizer} squares an embedding's gradient before it adds up what one word has in a batch"
        )
    if clip is not None:
        raise Unsuited(f"Keras' {clip} looks at an embedding's gradient before it adds up what one word has in a batch")
    if any(part.shapes for part in parts[: places[-1]]):
        raise Unsuited("a layer in front of its embedding gets no gradient")


def wide_shape(shapes: Sequence[tuple[int, ...]]) -> tuple[int, ...]:
    """Find the shape that holds all of these; where they differ, one that other lists of networks share too."""
    sizes = []
    for along in zip(*shapes, strict=True):
        sizes.append(along[0] if len({*along}) == 1 else -(-max(along) // WIDTH_STEP) * WIDTH_STEP)
    return tuple(sizes)


def _part(layer: keras.Layer, decayed: Mapping[int, bool]) -> Part:
    kind = LAYERS.get(type(layer).__name__)
    if kind is None or not type(layer).__module__.startswith("keras.src."):
        raise Unsuited(f"it has a layer of class {type(layer).__name__}")
    settings = _settings(layer, kind.reads)
    variables = layer.trainable_variables
    asked = [name for name in kind.switches if name is None or dict(settings)[name]]
    if len(variables) != len(asked) or (kind.statistics and not layer.trainable):
        raise Unsuited(f"the layer {layer.name!r} is frozen")
    for variable in variables:
        if variable.constraint is not None:
            raise Unsuited(f"the weights of {layer.name!r} have a constraint")
    return Part(
        type(layer).__name__,
        settings,
        shapes=tuple(tuple(variable.shape) for variable in variables),
        statistics=tuple(tuple(variable.shape) for variable in statistics_of(layer)),
        constants=tuple(np.shape(getattr(layer, name)) for name in kind.constants),
        penalized=tuple(_is_penalized(variable, layer) for variable in variables),
        decayed=tuple(decayed[id(variable)] for variable in variables),
        draws=bool(seeds_of(layer)),
    )


def statistics_of(layer: keras.Layer) -> list[keras.Variable]:
    """List the variables of a layer that training changes without a gradient."""
    return layer.non_trainable_variables if LAYERS[type(layer).__name__].statistics else []


def seeds_of(layer: keras.Layer) -> list[keras.Variable]:
    """List the states of a layer's random numbers; none where its rate is 0."""
    return layer.non_trainable_variables if LAYERS[type(layer).__name__].draws else []


@cache
def _usual(kind: Any) -> dict[str, Any]:
    """List what a layer of this class is made with by default."""
    return {
        name: parameter.default
        for base in reversed(kind.__mro__[:-1])
        if "__init__" in vars(base)
        for name, parameter in inspect.signature(vars(base)["__init__"]).parameters.items()
    }


def _settings(layer: keras.Layer, reads: tuple[str, ...]) -> tuple[tuple[str, Any], ...]:
    """Take from a layer's configuration what its step reads; what no step reads must be as it is by default."""
    kind: Any = type(layer)
    usual = _usual(kind)
    found: list[tuple[str, Any]] = []
    for name, value in layer.get_config().items():
        if name == "data_format" and value != "channels_last":
            raise Unsuited(f"the layer {layer.name!r} has data_format={value!r}")
        if name == "axis" and value not in (-1, [-1], (-1,)):
            raise Unsuited(f"the layer {layer.name!r} has axis={value!r}")
        if name == "activation" and name in reads:
            if not inspect.isfunction(layer.activation) or not layer.activation.__module__.startswith("keras.src."):
                raise Unsuited(f"the layer {layer.name!r} has activation={value!r}")
            found.append((name, layer.activation))
        elif name in reads:
            if not isinstance(value, str | int | float | bool | type(None) | list | tuple):
                raise Unsuited(f"the layer {layer.name!r} has {name}={value!r}")
            found.append((name, tuple(value) if isinstance(value, list) else value))
        elif name in _NOT_READ or name.endswith("_initializer") or name in LAYERS[type(layer).__name__].numbers:
            continue
        elif name.endswith("_regularizer") and name != "activity_regularizer":
            continue  # read off the variable
        elif value is not None and value != usual.get(name, False):  # a switch of an older version is off
            raise Unsuited(f"the layer {layer.name!r} has {name}={value!r}")
    return tuple(found)


def _is_penalized(variable: keras.Variable, layer: keras.Layer) -> bool:
    regularizer = variable.regularizer
    if regularizer is None:
        return False
    if type(regularizer).__name__ not in _REGULARIZERS or not type(regularizer).__module__.startswith("keras.src."):
        raise Unsuited(f"{layer.name!r} has a regularizer of class {type(regularizer).__name__}")
    return True


def _decayed(model: keras.Model) -> dict[int, bool]:
    optimizer = model.optimizer
    has_decay = getattr(optimizer, "weight_decay", None) is not None
    return {id(v): has_decay and bool(optimizer._use_weight_decay(v)) for v in model.trainable_variables}


def _measures(model: keras.Model) -> tuple[Measured, tuple[Measured, ...]]:
    losses: Sequence[Any] = model._compile_loss._flat_losses if model._compile_loss is not None else ()
    if len(losses) != 1:
        raise Unsuited("it has no loss, or several")
    loss = losses[0].loss
    if losses[0].loss_weights is not None:
        raise Unsuited("its loss has a weight")
    function = getattr(loss, "fn", None)
    if function is None or loss.reduction not in ("sum_over_batch_size", "mean"):
        raise Unsuited(f"its loss is a {type(loss).__name__} with the reduction {loss.reduction!r}")
    _require_by_row(function, "loss", loss.dtype)
    measured = Measured("loss", function, _options(loss._fn_kwargs), weighted=True, precision=loss.dtype)
    compiled = model._compile_metrics
    metrics: list[Measured] = []
    if compiled is not None and compiled.built:
        for held, weighted in ((compiled._flat_metrics, False), (compiled._flat_weighted_metrics, True)):
            for metric in (
                metric for group in held if group is not None for metric in getattr(group, "metrics", [group])
            ):
                metrics.append(_metric(metric, weighted))
    if len({"loss", *(metric.name for metric in metrics)}) <= len(metrics):
        raise Unsuited("two of its metrics have one name")
    return measured, tuple(metrics)


def _metric(metric: keras.metrics.Metric, weighted: bool) -> Measured:
    root = type(metric) is keras.metrics.RootMeanSquaredError
    if root:
        _require_by_row(keras.losses.mean_squared_error, metric.name, metric.dtype)
        return Measured(metric.name, keras.losses.mean_squared_error, (), weighted, root=True)
    function = getattr(metric, "_fn", None)
    if not isinstance(metric, keras.metrics.MeanMetricWrapper) or function is None:
        raise Unsuited(f"the metric {metric.name!r} is no mean over the rows")
    update = type(metric).update_state
    if update is not keras.metrics.MeanMetricWrapper.update_state:
        raise Unsuited(f"the metric {metric.name!r} has its own way to be updated")
    _require_by_row(function, metric.name, metric.dtype)
    return Measured(metric.name, function, _options(metric._fn_kwargs), weighted)


def _require_by_row(function: Any, name: str, precision: str) -> None:
    """Refuse a loss or metric that looks at several rows at once, or of which that is not known."""
    home, own = getattr(function, "__module__", ""), getattr(function, "__name__", type(function).__name__)
    known = home.startswith(("keras.src.losses.", "keras.src.metrics.")) and own in BY_ROW
    if not known and function is not sign_accuracy:
        raise Unsuited(f"its {name} is {own}, of which it is not known that it looks at each row by itself")
    if precision not in PRECISIONS:
        raise Unsuited(f"its {name} is computed in {precision}")


def _options(options: Mapping[str, Any]) -> tuple[tuple[str, Any], ...]:
    if not all(isinstance(value, str | int | float | bool | type(None)) for value in options.values()):
        raise Unsuited(f"its loss or a metric has the options {dict(options)}")
    if options.get("axis", -1) != -1:
        raise Unsuited(f"its loss or a metric has axis={options['axis']}")
    if options.get("ignore_class") is not None:
        raise Unsuited(f"its loss or a metric has ignore_class={options['ignore_class']}")
    return tuple(sorted(options.items()))


def _flags(optimizer: Any) -> tuple[tuple[str, Any], ...]:
    for name in ("use_ema", "gradient_accumulation_steps", "loss_scale_factor", "amsgrad"):
        if getattr(optimizer, name, None):
            raise Unsuited(f"its optimizer has {name}={getattr(optimizer, name)!r}")
    names = ("clipnorm", "global_clipnorm", "clipvalue")  # the first of which counts, where it is above 0
    clips = [name for name in names if (getattr(optimizer, name, None) or 0) > 0]
    flags: dict[str, Any] = {"clip": clips[0] if clips else None}
    flags |= {name: bool(getattr(optimizer, name)) for name in OPTIMIZERS[type(optimizer).__name__].flags}
    return tuple(flags.items())
