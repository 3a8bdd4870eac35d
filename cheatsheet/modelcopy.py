"""A corrected copy of a live model: its configuration changed, its weights kept, compiled anew."""

import sys
from collections.abc import Mapping
from copy import deepcopy
from typing import Any

from cheatsheet.modelgraph import flat_layers, read
from cheatsheet.modelspec import ModelSpec, OutputSpec, metric_names, metrics_with_options
from cheatsheet.rules.metrics import EXACT, misread
from cheatsheet.table import unfit_metrics

# Arguments without which Keras' metrics cannot be made.
_REQUIRED = {"BinaryIoU": {"target_class_ids": (0, 1)}}


def copied(
    model: Any, spec: ModelSpec, changes: Mapping[str, tuple[OutputSpec, OutputSpec]], activations: dict[str, str]
) -> tuple[Any, list[str]]:
    """Copy a model with other heads.

    Args:
        model: A live, compiled model, which is not changed.
        spec: What it is.
        changes: By the layer that makes an output: that output as it is, and as it shall be.
        activations: Other layers whose activation shall be another.

    Returns:
        The copy, and what was changed, in words.

    Raises:
        ValueError: for a model that cannot be copied.
    """
    units: dict[str, int] = {}
    words = [f"layer {name!r}: activation linear, for another one follows" for name in activations]
    losses = {}
    for name, (old, new) in changes.items():
        where = f"output {old.name!r}: " if len(spec.outputs) > 1 else ""
        if new.activation != old.activation:
            activations = {**activations, name: str(new.activation)}
            words.append(f"{where}last activation {old.activation} -> {new.activation}")
        if new.width != old.width:
            units[_with_units(spec, name)] = int(new.width or 1)
            words.append(f"{where}{old.width} -> {new.width} outputs")
        if (new.loss, new.from_logits) != (old.loss, old.from_logits):
            losses[old.name] = new
            flag = " (no longer from_logits)" if old.from_logits and not new.from_logits else ""
            words.append(f"{where}loss {old.loss} -> {new.loss}{flag}")
    try:
        config = deepcopy(model.get_config())
        for name in {*activations, *units}:
            _set(config, name.split("/"), activations.get(name), units.get(name))
        copy = type(model).from_config(config)
    except Exception as error:
        raise ValueError(
            f"The model cannot be copied: {type(error).__name__}: {str(error).splitlines()[0] if str(error) else ''}. "
            f"Give {spec.kind} a get_config and from_config, or mend it by hand: {'; '.join(words)}."
        ) from error
    for old_layer, new_layer in zip(flat_layers(model), flat_layers(copy), strict=True):
        theirs, ours = old_layer.get_weights(), new_layer.get_weights()
        if theirs and [array.shape for array in theirs] == [array.shape for array in ours]:
            new_layer.set_weights(theirs)
            if hasattr(new_layer, "finalize_state"):  # Normalization: its constants are made from what it has just got
                new_layer.finalize_state()
        new_layer.trainable = old_layer.trainable
    return copy, words + _compile(copy, model, spec, losses, {new.name: new for _, new in changes.values()})


def _with_units(spec: ModelSpec, name: str) -> str:
    """Name the layer whose units are the width of this output: itself, or the one before an activation."""
    layer = spec.layer(name)
    while layer is not None and "units" not in layer.settings:
        before = spec.before(layer)
        layer = before[0] if len(before) == 1 else None
    if layer is None:
        raise ValueError(f"Layer {name!r} has no units that could be changed. Mend the width by hand.")
    return layer.name


def _set(config: dict[str, Any], path: list[str], activation: str | None, units: int | None) -> None:
    """Change a layer's activation and units in the configuration of a model."""
    for saved in config.get("layers", ()):
        inner = saved.get("config", {})
        if (inner.get("name") or saved.get("name")) != path[0]:
            continue
        if len(path) > 1:
            _set(inner, path[1:], activation, units)
            return
        if units is not None:
            inner["units"] = units
        if activation is not None and "activation" in inner:
            inner["activation"] = activation
        elif activation is not None:  # Softmax, Sigmoid, ReLU and kin
            saved.update(class_name="Activation", module="keras.layers", registered_name=None)
            saved["config"] = {key: inner[key] for key in ("name", "trainable", "dtype") if key in inner}
            saved["config"]["activation"] = activation
        return
    raise ValueError(f"its configuration has no layer {path[0]!r}")


def _compile(
    copy: Any,
    model: Any,
    spec: ModelSpec,
    losses: Mapping[str | None, OutputSpec],
    heads: Mapping[str | None, OutputSpec],
) -> list[str]:
    """Compile the copy as the model is, but for these losses and for the metrics that do not go with them.

    Args:
        copy: The copy.
        model: What it is a copy of.
        spec: What that is.
        losses: The outputs whose loss is another one, as they shall be.
        heads: All outputs with a loss, as they shall be.

    Returns:
        What became of metrics, in words.
    """
    asked = dict(read(read(model, "_compile_config"), "config") or {})
    optimizer = type(model.optimizer).from_config(model.optimizer.get_config())
    given = asked.get("loss")
    if isinstance(given, Mapping):
        loss: Any = {key: _loss(value, losses.get(_key_of(spec, str(key)))) for key, value in given.items()}
    elif isinstance(given, list | tuple):
        names = [output.name for output in spec.outputs]
        loss = [_loss(value, losses.get(name)) for value, name in zip(given, names, strict=True)]
    else:
        loss = _loss(given, next(iter(losses.values()), None))
    unfit = set().union(*(unfit_metrics(output.loss) for output in losses.values()))
    metrics = {key: _fit_metrics(asked[key], unfit) for key in ("metrics", "weighted_metrics") if asked.get(key)}
    others = {
        key: asked[key] for key in ("loss_weights", "run_eagerly", "steps_per_execution", "jit_compile") if key in asked
    }
    left_out = [name for key in metrics for name in metric_names(asked[key]) if name in unfit]
    words = [f"metric {name!r} left out: it reads other labels" for name in left_out]
    metrics = {key: _reading(_own(value), spec, heads, words) for key, value in metrics.items()}
    copy.compile(optimizer=optimizer, loss=loss, **metrics, **others)
    return words


def _reading(given: Any, spec: ModelSpec, heads: Mapping[str | None, OutputSpec], words: list[str]) -> Any:
    """Give the same metrics, those that misread their output with the settings under which they read it."""
    if len(spec.outputs) == 1:
        return _reading_one(given, heads.get(spec.outputs[0].name), words)
    if isinstance(given, Mapping):
        return {key: _reading_one(value, heads.get(_key_of(spec, str(key))), words) for key, value in given.items()}
    if isinstance(given, list | tuple) and len(given) == len(spec.outputs):
        return [
            _reading_one(value, heads.get(output.name), words)
            for value, output in zip(given, spec.outputs, strict=True)
        ]
    return given


def _reading_one(given: Any, output: OutputSpec | None, words: list[str]) -> Any:
    if isinstance(given, Mapping):
        return {key: _reading_one(value, output, words) for key, value in given.items()}
    if isinstance(given, list | tuple):
        return [_reading_one(value, output, words) for value in given]
    named = metrics_with_options(given)
    if output is None or len(named) != 1:
        return given
    name, options = named[0]
    told = misread(output, name, options)
    if told is None or not told.kind:
        return given
    kind = getattr(sys.modules["keras"].metrics, told.kind)  # Keras is there where a live model is
    settings = ", ".join(f"{key}={value!r}" for key, value in told.settings.items())
    is_same = type(given) is kind
    words.append(f"metric {name!r}: {settings if settings and name != EXACT else f'{told.kind}({settings})'}")
    if is_same:
        return kind.from_config({**options, **told.settings})
    return kind(
        name=given if isinstance(given, str) else options.get("name", name),
        **_REQUIRED.get(told.kind, {}),
        **told.settings,
    )


def _key_of(spec: ModelSpec, key: str) -> str | None:
    return next((output.name for output in spec.outputs if key in (output.name, output.layer)), key)


def _loss(given: Any, changed: OutputSpec | None) -> Any:
    """Give the loss that the copy is compiled with: the same, the same with other flags, or another one by its name."""
    if changed is None:
        return _own(given)
    is_same = hasattr(given, "get_config") and getattr(given, "name", None) == changed.loss
    if is_same and not isinstance(given, str):
        return type(given).from_config({**given.get_config(), "from_logits": bool(changed.from_logits)})
    return changed.loss


def _fit_metrics(given: Any, unfit: set[str]) -> Any:
    if isinstance(given, Mapping):
        return {key: _fit_metrics(value, unfit) for key, value in given.items()}
    if isinstance(given, list | tuple):
        return [_fit_metrics(value, unfit) for value in given if not unfit & set(metric_names([value]))
                or isinstance(value, list | tuple)]  # fmt: skip
    return given


def _own(given: Any) -> Any:
    """Copy losses and metrics, which have state and belong to one model."""
    if isinstance(given, Mapping):
        return {key: _own(value) for key, value in given.items()}
    if isinstance(given, list | tuple):
        return [_own(value) for value in given]
    if hasattr(given, "get_config") and not isinstance(given, str):
        return type(given).from_config(given.get_config())
    return given
