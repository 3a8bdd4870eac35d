"""One Keras model that averages several."""

from collections.abc import Sequence
from typing import Any

import keras

from recipes.seeds import seeded
from recipes.training.signature import Signature, remember

SMALLEST = 1e-7  # probability, as in Keras' crossentropies


def ensemble_of(models: Sequence[keras.Model], signature: Signature | None = None) -> keras.Model:
    """Average the outputs of these models in one, compiled as the first of them is.

    Args:
        models: Built models of one output, equal in shape.
        signature: What they were trained on.

    Returns:
        A functional model with copies of their weights; none of them is changed.

    Raises:
        ValueError: for models that cannot be averaged.
    """
    shapes = {(tuple(model.input_shape[1:]), tuple(model.output_shape[1:])) for model in models if _is_single(model)}
    if len(shapes) != 1 or not all(map(_is_single, models)):
        raise ValueError(
            f"An ensemble averages models of one input and one output, of equal shapes. Received: {sorted(shapes)}."
        )
    members = []
    with seeded(0):  # what the copies draw is overwritten
        inputs = keras.Input(models[0].input_shape[1:], dtype=models[0].inputs[0].dtype)
        for i, model in enumerate(models):
            copy = type(model).from_config({**model.get_config(), "name": f"member_{i}"})
            copy.build(model.input_shape)
            copy.set_weights(model.get_weights())
            members.append(copy(inputs))
        ensemble = keras.Model(inputs, _average(members, _from_logits(models[0])), name="ensemble")
    if models[0].compiled:
        ensemble.compile_from_config(models[0].get_compile_config())
    if signature is not None:
        remember(ensemble, signature)
    return ensemble


def _is_single(model: keras.Model) -> bool:
    return len(model.inputs) == len(model.outputs) == 1


def _from_logits(model: keras.Model) -> bool:
    loss = getattr(model, "loss", None)
    return bool(getattr(loss, "_fn_kwargs", {}).get("from_logits", False))


def _average(members: Sequence[Any], from_logits: bool) -> Any:
    if len(members) == 1:
        return keras.layers.Identity(name="mean")(members[0])
    if not from_logits:
        return keras.layers.Average(name="mean")(list(members))
    one_node = members[0].shape[-1] == 1
    name = "sigmoid" if one_node else "softmax"
    chances = [keras.layers.Activation(name, name=f"{name}_{i}")(member) for i, member in enumerate(members)]
    mean = keras.ops.clip(keras.layers.Average(name="mean")(chances), SMALLEST, 1 - SMALLEST)
    return keras.ops.log(mean) - keras.ops.log(1 - mean) if one_node else keras.ops.log(mean)
