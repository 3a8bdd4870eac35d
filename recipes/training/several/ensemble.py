"""One Keras model that averages several."""

from collections.abc import Sequence
from typing import Any

import keras

from cheatsheet.common.words import count
from cheatsheet.modelspec import describe_ends
from recipes.seeds import seeded
from recipes.training.several.copies import compile_like, made_again
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
        ValueError: for models that cannot be averaged, since their shapes differ or their outputs do not mean the same,
            and for those that their configuration does not make again.
    """
    shapes = {(tuple(model.input_shape[1:]), tuple(model.output_shape[1:])) for model in models if _is_single(model)}
    if len(shapes) != 1 or not all(map(_is_single, models)):
        several = next((model for model in models if not _is_single(model)), None)
        received = f"{sorted(shapes)}"
        if several is not None:
            received = f"a model of {count(len(several.inputs), 'input')} and {count(len(several.outputs), 'output')}"
        raise ValueError(
            f"An ensemble averages models of one input and one output, of equal shapes. Received: {received}."
        )
    kinds = {_behind(model) for model in models}
    if len(kinds) > 1:
        raise ValueError(
            "An ensemble averages outputs that mean the same. Received: models of which some give logits "
            f"({' and '.join(sorted(kind or 'none' for kind in kinds))} behind them). Make one ensemble of each kind."
        )
    kind = kinds.pop()
    members = []
    with seeded(0):  # what the copies draw is overwritten
        inputs = keras.Input(models[0].input_shape[1:], dtype=models[0].inputs[0].dtype)
        for i, model in enumerate(models):
            copy = made_again(model, {**model.get_config(), "name": f"member_{i}"}, model.input_shape)
            copy.set_weights(model.get_weights())
            members.append(copy(inputs))
        precision = models[0].outputs[0].dtype
        ensemble = keras.Model(inputs, _average(members, kind, precision), name="ensemble")
    if models[0].compiled:
        compile_like(ensemble, models[0])
    if signature is not None:
        remember(ensemble, signature)
    return ensemble


def _is_single(model: keras.Model) -> bool:
    return len(model.inputs) == len(model.outputs) == 1


def _behind(model: keras.Model) -> str | None:
    """Name the activation that turns a model's logits into probabilities; `None` where its outputs are no logits.

    Raises:
        ValueError: for probabilities under a loss that takes logits: Keras looks behind the activation for these, but
            not behind an average.
    """
    output = describe_ends(model).outputs[0]
    if not output.from_logits:
        return None
    if not output.gives_logits:
        raise ValueError(
            f"These models give a {output.activation} to a loss with from_logits=True, which the loss of their average "
            "would apply twice. Compile them without from_logits=True, or leave out the last activation."
        )
    return "softmax" if "categorical" in (output.loss or "") else "sigmoid"


def _average(members: Sequence[Any], behind: str | None, precision: str) -> Any:
    if len(members) == 1:
        return keras.layers.Identity(name="mean", dtype=precision)(members[0])
    average = keras.layers.Average(name="mean", dtype=precision)
    if behind is None:
        return average(list(members))
    layers = [keras.layers.Activation(behind, name=f"{behind}_{i}", dtype=precision) for i in range(len(members))]
    chances = average([layer(member) for layer, member in zip(layers, members, strict=True)])
    mean = keras.ops.clip(chances, SMALLEST, 1 - SMALLEST)
    return keras.ops.log(mean) if behind == "softmax" else keras.ops.log(mean) - keras.ops.log(1 - mean)
