"""Copies of a compiled model with weights of their own, which are it in everything else, or are refused.

Keras makes a model again from its configuration, and that leaves things out: what was set on a layer afterwards, the
scale that a `Normalization` was adapted to, the delta of a Huber loss, who is left out of the optimizer's decay. What
can be taken over is; for the rest, a copy is compared with its model, object by object.
"""

from typing import Any

import keras

from recipes.training.engines.tensorflow.walk import Walk
from recipes.training.names import metrics_given

# Of an optimizer: how it keeps its variables, its name, and who is left out of the decay, which is asked by variable.
_OF_VARIABLES = ("_tracker", "_tracked", "_lock", "_exclude", "_distribution", "built", "name")


class Untold(ValueError):
    """What of a model its configuration does not tell, in words."""


def made_again(model: keras.Model, config: dict[str, Any], shape: Any) -> keras.Model:
    """Make the layers of a model again, with weights of their own and uncompiled.

    Args:
        model: A model.
        config: Its configuration, or as much of it as is to be kept: names and seeds may differ.
        shape: Of its inputs, `(None, ...)`, where it must still be built.

    Raises:
        Untold: naming the layer of which something is lost.
    """
    copy = type(model).from_config(config)
    if not copy.built:
        copy.build(shape)
    mine, theirs = (list(one._flatten_layers(include_self=False)) for one in (model, copy))
    if [type(layer) for layer in mine] != [type(layer) for layer in theirs]:
        raise Untold("its layers are others than in its configuration")
    for layer, other in zip(mine, theirs, strict=True):
        if isinstance(layer, keras.layers.Normalization) and layer.input_mean is None and layer.built:
            other.set_weights(layer.get_weights())  # a scale is no weight that is drawn from a seed
            other.finalize_state()
    if model.built:
        for layer, other in zip(mine, theirs, strict=True):
            if _written(layer) != _written(other):
                raise Untold(f"its layer {layer.name!r} holds something that its configuration does not tell")
    return copy


def compile_like(copy: keras.Model, model: keras.Model) -> None:
    """Compile a copy as this model is: the very loss, and an optimizer and metrics of its own.

    Raises:
        Untold: for an optimizer or a metric of which something is lost.
    """
    config = dict(model.get_compile_config() or {})
    if type(model).compile is not keras.Model.compile:  # which knows what it needs
        copy.compile_from_config(config)
        return
    if _is_without_state(model.loss):
        config.pop("loss", None)
        settings = {**keras.saving.deserialize_keras_object(config), "loss": model.loss}
    else:
        settings = keras.saving.deserialize_keras_object(config)
    copy.compile(**settings)
    _leave_out_alike(copy, model)
    if copy.built and copy.optimizer is not None:  # as Keras' `compile_from_config` does
        copy.optimizer.build(copy.trainable_variables)
    if _written(_settings(model.optimizer)) != _written(_settings(copy.optimizer)):
        raise Untold("its optimizer holds something that its configuration does not tell")
    watched = [[getattr(metric, "_fn_kwargs", None) for metric in metrics_given(one)] for one in (model, copy)]
    if _written(watched[0]) != _written(watched[1]):
        raise Untold("a metric holds something that its configuration does not tell")


def _written(thing: Any) -> list[str]:
    """Write down everything that is reached from here, but for numbers in variables, seeds and names."""
    walk = Walk(names=False, met=[])
    walk.value(thing)
    return walk.tokens


def _settings(optimizer: Any) -> dict[str, Any]:
    """List what is set on an optimizer, without its variables."""
    if optimizer is None:
        return {}
    held = {name: value for name, value in vars(optimizer).items() if not name.startswith(_OF_VARIABLES)}
    return {name: value for name, value in sorted(held.items()) if not _holds_variables(value)}


def _holds_variables(value: Any) -> bool:
    return isinstance(value, keras.Variable | list | tuple | dict)


def _leave_out_alike(copy: keras.Model, model: keras.Model) -> None:
    """Leave the same variables out of the decay; an ensemble of several models is not trained on."""
    own, other = model.trainable_variables, copy.trainable_variables
    if len(own) != len(other) or getattr(model.optimizer, "weight_decay", None) is None:
        return
    out = [theirs for mine, theirs in zip(own, other, strict=True) if not model.optimizer._use_weight_decay(mine)]
    if out:
        copy.optimizer.exclude_from_weight_decay(var_list=out)


def _is_without_state(loss: Any) -> bool:
    """Say whether models can share this loss: a name, a function, or one of Keras' or this package's."""
    own = [part for part in keras.tree.flatten(loss) if isinstance(part, keras.Loss)]
    return all(type(part).__module__.startswith(("keras.src.", "recipes.")) for part in own)
