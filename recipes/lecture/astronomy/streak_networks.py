"""Two networks that say what a streak's star does: a small transformer over the time, and a 1-D CNN.

Both take light curves `(n, times, 1)` or strips `(n, times, WIDTH)` in standard deviations of the noise, compress what
stands far out, and end alike: what is seen on average and what is seen at most anywhere, then one probability a class.
References: A. Vaswani et al. (2017, arXiv 1706.03762); R. Xiong et al. (2020, arXiv 2002.04745), norms before
each part; A. Dosovitskiy et al. (2020, arXiv 2010.11929), patches as tokens.
"""

from typing import Any

import keras
from keras import layers

import cheatsheet
from cheatsheet.common.arguments import known_arguments_only, require_whole
from recipes.build import full_precision
from recipes.grokking.transformer import Positions
from recipes.lecture.astronomy.readout import CLASSES, TIMES
from recipes.seeds import seeded

HALFWAY = 4.0  # standard deviations that become a half, as infinity becomes 1: x / (4 + |x|)
PATCH = 8  # samples of a token: 27 ms, so that an image is 64 tokens
TOKEN, HEADS, BLOCKS, WIDER = 64, 4, 2, 2  # values of a token; heads; blocks; hidden values of a block per value
FILTERS, KERNEL = (24, 32, 48, 64), 7  # of the CNN's stages, each of half the samples of the one before
DECAY = 1e-2  # of the weights


@known_arguments_only
def build_transformer(
    channels: int = 1,
    *,
    times: int = TIMES,
    num_classes: int = len(CLASSES),
    learning_rate: Any = 1e-3,
    dropout: float = 0.1,
    seed: int | None = 0,
) -> keras.Model:
    """Build and compile a transformer that reads a streak as a sentence, of patches of eight samples.

    One convolution over seven samples comes first (T. Xiao et al. 2021, arXiv 2106.14881). Each patch then becomes a
    token by one matrix; a vector of its place, which is learnt and starts small, is added; in two blocks each token
    asks all others, and is then looked at alone.

    Args:
        channels: Values a sample: 1 for light curves, `WIDTH` for strips.
        times: Samples, a multiple of 8.
        num_classes: How many there are: `CLASSES`, or one's own.
        learning_rate: A number or one of Keras' schedules.
        dropout: Part that each step leaves out, of what blocks add and before the head.
        seed: Of weights and dropout.

    Returns:
        A compiled Keras model from `(n, times, channels)` to probabilities `(n, num_classes)`, by default in the
        order of `CLASSES`.

    Raises:
        ValueError: for samples that make no whole patches, and fewer than two classes.
    """
    require_whole("channels", channels, 1)
    require_whole("times", times, PATCH)
    require_whole("num_classes", num_classes, 2)
    if times % PATCH:
        raise ValueError(f"times must be a multiple of {PATCH}, the samples of a patch. Received: times={times}.")
    with seeded(seed):
        inputs, x = _compressed(times, channels)
        x = _convolved(x, FILTERS[0], "stem")
        x = layers.Conv1D(TOKEN, PATCH, strides=PATCH, name="tokens")(x)  # (n, times / 8, TOKEN)
        x = Positions(spread=0.02, name="positions")(x)
        for block in range(1, BLOCKS + 1):
            normed = layers.LayerNormalization(epsilon=1e-5, name=f"attention_norm_{block}")(x)
            asked = layers.MultiHeadAttention(HEADS, TOKEN // HEADS, name=f"attention_{block}")(normed, normed)
            x = layers.Add(name=f"asked_{block}")([x, layers.Dropout(dropout)(asked)])
            normed = layers.LayerNormalization(epsilon=1e-5, name=f"hidden_norm_{block}")(x)
            hidden = layers.Dense(WIDER * TOKEN, "gelu", name=f"hidden_{block}")(normed)
            thought = layers.Dense(TOKEN, name=f"output_{block}")(hidden)
            x = layers.Add(name=f"thought_{block}")([x, layers.Dropout(dropout)(thought)])
        x = layers.LayerNormalization(epsilon=1e-5, name="norm")(x)
        return _finished(inputs, x, num_classes, dropout, learning_rate, "transformer")


@known_arguments_only
def build_cnn(
    channels: int = 1,
    *,
    times: int = TIMES,
    num_classes: int = len(CLASSES),
    learning_rate: Any = 1e-3,
    dropout: float = 0.1,
    seed: int | None = 0,
) -> keras.Model:
    """Build and compile a 1-D CNN: four convolutions over seven samples, each normalised, with ReLU and max pooling.

    Args:
        channels: Values a sample: 1 for light curves, `WIDTH` for strips.
        times: Samples, 16 or more.
        num_classes: How many there are: `CLASSES`, or one's own.
        learning_rate: A number or one of Keras' schedules.
        dropout: Part that each step leaves out before the head.
        seed: Of weights and dropout.

    Returns:
        A compiled Keras model from `(n, times, channels)` to probabilities `(n, num_classes)`, by default in the
        order of `CLASSES`.

    Raises:
        ValueError: for fewer than 16 samples, and fewer than two classes.
    """
    require_whole("channels", channels, 1)
    require_whole("times", times, 2 ** len(FILTERS))
    require_whole("num_classes", num_classes, 2)
    with seeded(seed):
        inputs, x = _compressed(times, channels)
        for stage, filters in enumerate(FILTERS, 1):
            x = layers.MaxPooling1D(2, name=f"pool_{stage}")(_convolved(x, filters, f"conv_{stage}"))
        return _finished(inputs, x, num_classes, dropout, learning_rate, "cnn")


def _compressed(times: int, channels: int) -> tuple[Any, Any]:
    """Make the input, and what is left of it when flares and cosmic rays no longer drown the rest."""
    inputs = keras.Input((times, channels), name="streak")
    x = layers.Rescaling(1 / HALFWAY, name="in_halves", dtype=full_precision())(inputs)
    return inputs, layers.Activation("softsign", name="compressed")(x)


def _convolved(x: Any, filters: int, name: str) -> Any:
    """Add a convolution over the samples, normalised, and a ReLU."""
    x = layers.Conv1D(filters, KERNEL, padding="same", use_bias=False, name=f"{name}_convolved")(x)
    x = layers.BatchNormalization(momentum=0.9, name=f"{name}_normalised")(x)  # 0.99 lags in some hundred steps
    return layers.ReLU(name=name)(x)


def _finished(inputs: Any, x: Any, num_classes: int, dropout: float, learning_rate: Any, name: str) -> keras.Model:
    """Pool over the time by mean and maximum, add the cheatsheet's head for several classes, and compile."""
    pooled = [layers.GlobalAveragePooling1D(name="on_average")(x), layers.GlobalMaxPooling1D(name="at_most")(x)]
    x = layers.Dropout(dropout, name="dropout")(layers.Concatenate(name="seen")(pooled))
    head = cheatsheet.head("multiclass", int(num_classes), loss="sparse_categorical_crossentropy")
    x = layers.Dense(head.units, head.activation, name="head", dtype=full_precision())(x)
    model = keras.Model(inputs, x, name=name)
    model.compile(keras.optimizers.AdamW(learning_rate, weight_decay=DECAY), head.loss, metrics=list(head.metrics))
    return model
