"""Mistakes inside the network: layers that add nothing, activations applied twice, weights that never move."""

from collections.abc import Iterator

from cheatsheet.common.words import count
from cheatsheet.dataspec import DataSpec
from cheatsheet.finding import Finding
from cheatsheet.modelgraph import PASS_ON
from cheatsheet.modelspec import PROBABILITIES, LayerSpec, ModelSpec
from cheatsheet.table import JUDGED, OF_THIS_PROJECT

MOVING = PASS_ON | {"RepeatVector"}
_DENSE = {"Dense", "EinsumDense"}
_CONVOLUTIONS = {f"{kind}{axes}D{way}" for kind in ("Conv", "DepthwiseConv", "SeparableConv") for axes in (1, 2, 3)
                 for way in ("", "Transpose")}  # fmt: skip
_RECURRENT = {"LSTM", "GRU", "SimpleRNN", "ConvLSTM1D", "ConvLSTM2D", "ConvLSTM3D", "RNN", "Bidirectional"}
_OTHERS = {"Embedding", "TimeDistributed", "MultiHeadAttention", "GroupQueryAttention", "LocallyConnected1D"}
_WEIGHTED = _DENSE | _CONVOLUTIONS | _RECURRENT | _OTHERS
# Layers that are linear in what they are given, at least once they are trained.
_LINEAR = MOVING | {
    "InputLayer", "Dropout", "SpatialDropout1D", "SpatialDropout2D", "SpatialDropout3D", "GaussianNoise",
    "GaussianDropout", "BatchNormalization", "Rescaling", "Normalization", "AveragePooling1D", "AveragePooling2D",
    "AveragePooling3D", "GlobalAveragePooling1D", "GlobalAveragePooling2D", "GlobalAveragePooling3D", "UpSampling1D",
    "UpSampling2D", "UpSampling3D", "ZeroPadding1D", "ZeroPadding2D", "ZeroPadding3D", "Add", "Subtract", "Average",
    "Concatenate", "Embedding", "Masking",
}  # fmt: skip
# Between a layer and the activation that is meant for it.
_BETWEEN = MOVING | {"Dropout", "SpatialDropout1D", "SpatialDropout2D", "SpatialDropout3D", "GaussianNoise"}
# Layers that are an activation and nothing else.
_PURE = {"Activation", "Softmax", "ReLU", "LeakyReLU", "PReLU", "ELU", "Sigmoid", "Tanh", "Relu"}
_CONSTANT = {"Zeros", "Ones", "Constant"}
_DROPOUTS = {"Dropout", "SpatialDropout1D", "SpatialDropout2D", "SpatialDropout3D", "GaussianDropout", "AlphaDropout"}
MOST_DROPPED = 0.8  # share; Srivastava et al. (2014) drop 0.2 of the inputs, 0.5 of hidden units
# Rates outside of which an optimizer of this kind leaps or stands, from Keras' defaults (0.001 and 0.01) two orders of
# magnitude up and four down; adadelta's own unit is 1 (Zeiler 2012, algorithm 1), Keras' default 0.001.
_RATES = {"SGD": (1e-6, 2.0), "Adadelta": (1e-2, 10.0), "Ftrl": (1e-5, 10.0), "Adagrad": (1e-5, 2.0)}
_RATES_OF_OTHERS = (1e-7, 0.2)


def weighted(layer: LayerSpec) -> bool:
    """Say whether a layer computes with weights of its own."""
    return layer.kind in _WEIGHTED


def no_nonlinearity(model: ModelSpec, data: DataSpec) -> list[Finding]:
    """Find networks that are one linear layer, however many they have, and layers that add nothing to the next one."""
    layers = [layer for layer in model.layers if layer.kind in _WEIGHTED - {"Embedding"}]
    if not layers or any(layer.after is None for layer in model.layers):
        return []
    head = _head_of(model)
    hidden = [layer for layer in model.layers if layer.name not in head]
    first = next((layer for layer in hidden if layer in layers), None)
    if first is not None and all(map(_is_linear, hidden)):
        message = (
            f"No layer has an activation before the last, so that {count(len(layers), 'layer')} together are one "
            "linear layer, and can learn no more than it."
        )
        fix = "give the hidden layers activation='relu'"
        severity = "info" if data.restores else "warning"  # a linear autoencoder is a principal component analysis
        return [Finding("no_nonlinearity", severity, message, fix, where=f"layer {first.name!r}")]
    found = []
    for layer in layers:
        idle = _idle_before(layer, model)
        if idle is not None:
            message = (
                f"Between layers {idle.name!r} and {layer.name!r} there is no activation, and {idle.name!r} narrows "
                "nothing, so that the two are one linear layer."
            )
            fix = f"give {idle.name!r} an activation='relu', or leave it out"
            found.append(Finding("no_nonlinearity", "warning", message, fix, where=f"layer {idle.name!r}"))
    return found


def _head_of(model: ModelSpec) -> set[str]:
    """Name the layers of the heads: the last ones with weights, and what stands behind them."""
    head: set[str] = set()
    ends = [output.made_by or output.layer for output in model.outputs]
    while ends:
        layer = model.layer(ends.pop())
        if layer is not None and layer.name not in head:
            head.add(layer.name)
            ends += [] if layer.kind in _WEIGHTED else [*(layer.after or ())]
    return head


def _is_linear(layer: LayerSpec) -> bool:
    if not layer.is_keras:
        return False
    if layer.kind in _DENSE | _CONVOLUTIONS or layer.kind in ("Activation", "TimeDistributed"):
        return layer.activation == "linear"
    return layer.kind in _LINEAR


def _idle_before(layer: LayerSpec, model: ModelSpec) -> LayerSpec | None:
    """Find a layer without activation straight before another of its kind that is at least as wide as what it joins."""
    if layer.kind not in ("Dense", "Conv1D", "Conv2D", "Conv3D"):
        return None
    idle = _sole_before(layer, model, _BETWEEN - {"Reshape", "Permute", "Transpose"})
    if idle is None or idle.kind != layer.kind or not _is_linear(idle):
        return None
    if sum(idle.name in (other.after or ()) for other in model.layers) > 1:
        return None
    width, given, taken = (
        idle.settings.get("units", idle.settings.get("filters")),
        layer.settings.get("units", layer.settings.get("filters")),
        idle.settings.get("input_width"),
    )
    if width is None or given is None:
        return None
    return idle if width >= given and (taken is None or width >= min(taken, given)) else None


def _sole_before(layer: LayerSpec, model: ModelSpec, passing: set[str]) -> LayerSpec | None:
    """Find the one layer that a layer reads from, behind those of the kinds that pass values on."""
    before = model.before(layer)
    while len(before) == 1 and before[0].kind in passing:
        before = model.before(before[0])
    return before[0] if len(before) == 1 else None


def doubled_activation(model: ModelSpec, data: DataSpec) -> list[Finding]:
    """Find an activation applied to the values of another one: a softmax of probabilities is nearly flat."""
    found = []
    for first, second, severity in doubled(model):
        applied = second.activation or second.kind
        message = f"Layer {second.name!r} applies {applied} to what the {first.activation} of {first.name!r} gives."
        if severity == "error":
            message += " The largest probability that comes of it is near that of a guess."
        fix = f"leave activation={first.activation!r} out of {first.name!r}"
        found.append(Finding("doubled_activation", severity, message, fix, where=f"layer {second.name!r}"))
    return found


def doubled(model: ModelSpec) -> Iterator[tuple[LayerSpec, LayerSpec, str]]:
    """Give each layer whose activation another one follows, that other one, and how severe it is."""
    for layer in model.layers:
        if layer.kind not in _PURE or (layer.kind == "Activation" and layer.activation in (None, "linear")):
            continue
        before = _sole_before(layer, model, _BETWEEN)
        if before is None or before.activation in (None, "linear"):
            continue
        if before.kind not in _DENSE | _CONVOLUTIONS | _PURE | {"TimeDistributed"}:
            continue
        first, second = before.activation, layer.activation or layer.kind
        if first == second and first in ("relu", "relu6"):
            continue  # twice is once
        if first in PROBABILITIES and second in ("relu", "leaky_relu", "ReLU"):
            continue  # probabilities pass it unchanged
        yield before, layer, "error" if {first, second} <= PROBABILITIES else "warning"


def constant_initializer(model: ModelSpec, data: DataSpec) -> list[Finding]:
    """Find hidden layers whose units all start alike, and so may stay alike."""
    kernels = [layer for layer in model.layers if "kernel_initializer" in layer.settings]
    alike = [layer for layer in kernels if layer.settings["kernel_initializer"] in _CONSTANT]
    head = _head_of(model)
    found = []
    for layer in alike:
        if layer.name in head or layer.settings.get("units", layer.settings.get("filters", 2)) == 1:
            continue
        kind = layer.settings["kernel_initializer"].lower()
        dead = kind == "zeros" and layer.activation == "relu"
        severity = "error" if dead or len(alike) == len(kernels) else "warning"
        message = f"Every weight of layer {layer.name!r} starts as {kind}, so that its units start as one"
        message += ": relu passes no gradient at 0, and nothing is ever learnt." if dead else " and may stay so."
        fix = "leave kernel_initializer out: Keras' glorot_uniform starts them apart"
        found.append(Finding("constant_initializer", severity, message, fix, where=f"layer {layer.name!r}"))
    return found


def nothing_trainable(model: ModelSpec, data: DataSpec) -> list[Finding]:
    """Find models of which training may move no weight."""
    layers = [layer for layer in model.layers if layer.kind not in ("InputLayer",)]
    may_move = [layer for layer in layers if layer.is_trainable and (weighted(layer) or not layer.is_keras)]
    others = [layer for layer in layers if layer.is_trainable and layer.kind.endswith("Normalization")]
    if may_move or others or not any(weighted(layer) for layer in layers):
        return []
    message = "No layer is trainable, so that fit changes nothing."
    fix = "set layer.trainable = True for at least the last layer, and compile again"
    return [Finding("nothing_trainable", "error", message, fix)]


def dropout_rate(model: ModelSpec, data: DataSpec) -> list[Finding]:
    """Find dropout that leaves next to nothing."""
    found = []
    for layer in model.layers:
        rate = layer.settings.get("rate")
        if layer.kind not in _DROPOUTS or rate is None or rate <= MOST_DROPPED:
            continue
        severity = "error" if rate >= 1 else "warning"
        message = f"Layer {layer.name!r} drops {rate:.0%} of its inputs; usual are 10 % to 50 %."
        fix = "use a rate of 0.5 or less: it is the share that is dropped, not kept"
        found.append(Finding("dropout_rate", severity, message, fix, where=f"layer {layer.name!r}"))
    return found


def learning_rate(model: ModelSpec, data: DataSpec) -> list[Finding]:
    """Find a learning rate with which this optimizer leaps or stands."""
    rate, name = model.learning_rate, model.optimizer
    if rate is None or name is None:
        return []
    low, high = _RATES.get(name, _RATES_OF_OTHERS)
    if low <= rate <= high:
        return []
    if rate <= 0:
        message = f"learning_rate is {rate:g}, so that nothing is learnt."
        return [Finding("learning_rate", "error", message, "use 0.001")]
    if name == "Adadelta" and rate < low:
        message = f"learning_rate is {rate:g}; Adadelta's paper (Zeiler 2012) has none, which is 1, and Keras 0.001."
        return [Finding("learning_rate", "info", message, "use learning_rate=1.0, or adam")]
    way = "leaps over every minimum" if rate > high else "hardly moves"
    message = f"learning_rate is {rate:g}, with which {name} mostly {way}."
    return [Finding("learning_rate", "warning", message, f"use {'0.01' if name == 'SGD' else '0.001'}")]


def not_judged(model: ModelSpec, data: DataSpec) -> list[Finding]:
    """Say once what nobody can judge from outside: losses, layers and steps of the user's own."""
    own = [
        f"layer {layer.name!r} ({layer.kind})"
        for layer in model.layers
        if not layer.is_keras and layer.home != "recipes"
    ]
    losses = [
        f"loss {output.loss!r}"
        for output in model.outputs
        if output.loss is not None and (output.is_own_loss or output.loss not in JUDGED | OF_THIS_PROJECT)
    ]
    is_own_class = model.kind not in ("Sequential", "Functional", "Model")
    steps = ["its own train_step or compute_loss"] if model.has_own_step else []
    if is_own_class and not any(output.made_by for output in model.outputs):
        steps = [f"class {model.kind}"]
    things = [*dict.fromkeys([*steps, *losses, *own])]
    if not things:
        return []
    more = f" and {len(things) - 3} more" if len(things) > 3 else ""
    return [Finding("not_judged", "info", f"Not judged: {', '.join(things[:3])}{more}; nobody knows what they do.")]
