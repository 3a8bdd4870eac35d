"""The networks of the grokking experiments, as plain Keras models from four tokens to the logits of the answer."""

import keras
import numpy as np
from keras import layers

from recipes.seeds import seeded

NUM_POSITIONS = 4  # x, operator, y, equals sign
POSITIONS = ("learned", "sinusoidal")


def require_transformer(width: int, num_heads: int, positions: str) -> None:
    """Require a width that the heads divide, and positions that there are.

    Args:
        width: As for `build_transformer`, like the others.
        num_heads: Likewise.
        positions: Likewise.

    Raises:
        ValueError: saying which it is not.
    """
    if width % num_heads:
        raise ValueError(
            f"width must be a multiple of num_heads, among which it is divided. "
            f"Received: width={width}, num_heads={num_heads}."
        )
    if positions not in POSITIONS:
        raise ValueError(f"Unknown positions. Received: positions={positions!r}. Expected one of {POSITIONS}.")


def build_transformer(
    num_tokens: int,
    *,
    num_layers: int = 2,
    width: int = 128,
    num_heads: int = 4,
    feed_forward: int = 512,
    normalised: bool = True,
    positions: str = "learned",
    seed: int | None = None,
    dtype: str = "float32",
) -> keras.Model:
    """Build a decoder-only transformer that reads an equation.

    The paper's (appendix A.1.2; the details from its code, openai/grok): two layers with the norm behind each part
    (post-norm), ReLU, no biases, an output apart from the embedding. With one layer and without norms, that of
    N. Nanda et al. (2023, arXiv 2301.05217).

    Args:
        num_tokens: Size of the vocabulary.
        num_layers: Blocks of attention and feed-forward.
        width: Values at each position.
        num_heads: Of the attention; divides `width`.
        feed_forward: Hidden values of each feed-forward part.
        normalised: Whether a layer norm follows each part.
        positions: `"learned"`, or `"sinusoidal"` as in A. Vaswani et al. (2017, arXiv 1706.03762).
        seed: Makes the initial weights repeatable.
        dtype: Of weights and arithmetic; `"float64"` for proofs.

    Returns:
        Model from tokens `(n, 4)` to the logits of the answer `(n, num_tokens)`, read at the equals sign.

    Raises:
        ValueError: for a width that the heads do not divide, and for unknown positions.
    """
    require_transformer(width, num_heads, positions)
    with seeded(seed):
        tokens = keras.Input((NUM_POSITIONS,), dtype="int32", name="tokens")
        spread = 1.0 if normalised else width**-0.5  # PyTorch's default, and Nanda's
        normal = keras.initializers.RandomNormal(stddev=spread)
        h = layers.Embedding(num_tokens, width, embeddings_initializer=normal, dtype=dtype, name="embedding")(tokens)
        h = Positions(positions == "learned", spread, dtype=dtype, name="positions")(h)  # (n, 4, width)
        for i in range(num_layers):
            attention = layers.MultiHeadAttention(
                num_heads, width // num_heads, use_bias=False, kernel_initializer=_uniform(width), dtype=dtype,
                name=f"attention_{i}",
            )  # fmt: skip
            h = layers.Add(dtype=dtype)([h, attention(h, h, use_causal_mask=True)])  # (n, 4, width)
            if normalised:
                h = layers.LayerNormalization(epsilon=1e-5, dtype=dtype, name=f"attention_norm_{i}")(h)
            hidden = _dense(feed_forward, width, f"hidden_{i}", dtype, activation="relu")(h)  # (n, 4, feed_forward)
            h = layers.Add(dtype=dtype)([h, _dense(width, feed_forward, f"output_{i}", dtype)(hidden)])
            if normalised:
                h = layers.LayerNormalization(epsilon=1e-5, dtype=dtype, name=f"output_norm_{i}")(h)
        h = layers.Cropping1D((NUM_POSITIONS - 1, 0), dtype=dtype)(h)  # (n, 1, width), at the equals sign
        logits = _dense(num_tokens, width, "head", dtype)(layers.Flatten(dtype=dtype)(h))  # (n, num_tokens)
        return keras.Model(tokens, logits, name="transformer")


def build_embedding_mlp(
    num_tokens: int,
    *,
    width: int = 128,
    units: int = 256,
    seed: int | None = None,
    dtype: str = "float32",
) -> keras.Model:
    """Build a network without attention that reads an equation.

    The two operands' embeddings side by side, one hidden layer, ReLU (as in scienceetonnante/grokking).

    Args:
        num_tokens: Size of the vocabulary; the operator's and the equals sign's tokens are not read.
        width: Values of an embedding.
        units: Width of the hidden layer.
        seed: Makes the initial weights repeatable.
        dtype: Of weights and arithmetic.

    Returns:
        Model from tokens `(n, 4)` to the logits of the answer `(n, num_tokens)`.
    """
    with seeded(seed):
        tokens = keras.Input((NUM_POSITIONS,), dtype="int32", name="tokens")
        normal = keras.initializers.RandomNormal(stddev=1.0)
        h = layers.Embedding(num_tokens, width, embeddings_initializer=normal, dtype=dtype, name="embedding")(tokens)
        x, y = (layers.Cropping1D((i, NUM_POSITIONS - 1 - i), dtype=dtype)(h) for i in (0, 2))  # (n, 1, width)
        h = layers.Flatten(dtype=dtype)(layers.Concatenate(dtype=dtype)([x, y]))  # (n, 2 width)
        h = layers.Dense(units, "relu", kernel_initializer=_uniform(2 * width), dtype=dtype, name="hidden")(h)
        logits = layers.Dense(num_tokens, kernel_initializer=_uniform(units), dtype=dtype, name="head")(h)
        return keras.Model(tokens, logits, name="embedding_mlp")


def build_one_hot_mlp(
    num_tokens: int,
    *,
    width: int = 200,
    units: int = 200,
    seed: int | None = None,
    dtype: str = "float32",
) -> keras.Model:
    """Build a network with two hidden layers that reads both operands as one-hot vectors, side by side.

    That of L. Prieto et al. 2025 (arXiv 2501.04697), but for two more logits, which no answer has.

    Args:
        num_tokens: Size of the vocabulary; the operator's and the equals sign's tokens are not read.
        width: Of the first hidden layer, whose kernel has a row for each number as x and another as y.
        units: Width of the second.
        seed: Makes the initial weights repeatable.
        dtype: Of weights and arithmetic.

    Returns:
        Model from tokens `(n, 4)` to the logits of the answer `(n, num_tokens)`.
    """
    num_symbols = num_tokens - 2
    with seeded(seed):
        tokens = keras.Input((NUM_POSITIONS,), dtype="int32", name="tokens")
        one_hot = layers.CategoryEncoding(num_symbols, output_mode="one_hot", dtype=dtype, name="one_hot")
        h = layers.Concatenate(dtype=dtype)([one_hot(tokens[:, i : i + 1]) for i in (0, 2)])  # (n, 2 num_symbols)
        sizes = (2 * num_symbols, width, units, num_tokens)
        for fan_in, size, name in zip(sizes, sizes[1:], ("hidden_0", "hidden_1", "head"), strict=False):
            uniform = _uniform(fan_in)  # of the biases, too
            activation = None if name == "head" else "relu"
            h = layers.Dense(
                size, activation, kernel_initializer=uniform, bias_initializer=uniform, dtype=dtype, name=name
            )(h)
        return keras.Model(tokens, h, name="one_hot_mlp")


@keras.saving.register_keras_serializable("recipes")
class Positions(layers.Layer):
    """Adds to each position a vector of its own, learned or of sines and cosines; `(n, 4, width)` to the same."""

    def __init__(self, learned: bool = True, spread: float = 1.0, **options: object) -> None:
        super().__init__(**options)
        self.learned = learned
        self.spread = spread

    def build(self, input_shape: tuple[int, ...]) -> None:
        """Create the vectors `(4, width)`."""
        start = keras.initializers.RandomNormal(stddev=self.spread)
        if not self.learned:
            start = keras.initializers.Constant(_sinusoids(*input_shape[1:]))
        self.vectors = self.add_weight(shape=input_shape[1:], initializer=start, trainable=self.learned, name="vectors")

    def call(self, inputs: object) -> object:
        """Add each position's vector."""
        return inputs + self.vectors

    def get_config(self) -> dict[str, object]:
        """Return what rebuilds the layer."""
        return {**super().get_config(), "learned": self.learned, "spread": self.spread}


def _dense(units: int, fan_in: int, name: str, dtype: str, activation: str | None = None) -> keras.Layer:
    return layers.Dense(units, activation, use_bias=False, kernel_initializer=_uniform(fan_in), dtype=dtype, name=name)


def _uniform(fan_in: int) -> keras.initializers.Initializer:
    """Make PyTorch's default initializer for linear layers."""
    return keras.initializers.RandomUniform(-(fan_in**-0.5), fan_in**-0.5)


def _sinusoids(num_positions: int, width: int) -> np.ndarray:
    """Make `(num_positions, width)`: sines in even columns, cosines in odd ones, wavelengths 2 pi to 20,000 pi."""
    angle = np.arange(num_positions)[:, None] / 10_000 ** (np.arange(0, width, 2) / width)
    return np.stack([np.sin(angle), np.cos(angle)], axis=2).reshape(num_positions, width)
