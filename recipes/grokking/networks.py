"""Which network, in numbers: enough to build the plain Keras model, and to compute the same function faster."""

from dataclasses import dataclass

import keras

from cheatsheet.common.arguments import require_whole
from recipes.grokking.transformer import build_embedding_mlp, build_one_hot_mlp, build_transformer, require_transformer

KINDS = ("transformer", "mlp", "one_hot")


@dataclass(frozen=True)
class Network:
    """A network of the grokking experiments.

    Attributes:
        kind: `"transformer"`; `"mlp"`, which embeds both operands in one table; or `"one_hot"`, an MLP with two hidden
            layers, whose first has a table for each operand.
        num_layers: Blocks of the transformer.
        width: Values at each position; of an embedding; of the first hidden layer after one-hot operands.
        num_heads: Of the attention.
        hidden: Width of the feed-forward part, or of the MLP's last hidden layer.
        normalised: Whether layer norms follow each part.
        positions: `"learned"` or `"sinusoidal"`.
    """

    kind: str = "transformer"
    num_layers: int = 2
    width: int = 128
    num_heads: int = 4
    hidden: int = 512
    normalised: bool = True
    positions: str = "learned"

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise ValueError(f"Unknown network. Received: kind={self.kind!r}. Expected one of {KINDS}.")
        for name in ("num_layers", "width", "num_heads", "hidden"):
            require_whole(name, getattr(self, name), 1)
        heads = self.num_heads if self.kind == "transformer" else 1
        require_transformer(self.width, heads, self.positions)

    def build(self, num_tokens: int, seed: int | None = None, dtype: str = "float32") -> keras.Model:
        """Build the plain Keras model, from tokens `(n, 4)` to logits `(n, num_tokens)`."""
        if self.kind != "transformer":
            build = build_embedding_mlp if self.kind == "mlp" else build_one_hot_mlp
            return build(num_tokens, width=self.width, units=self.hidden, seed=seed, dtype=dtype)
        return build_transformer(
            num_tokens,
            num_layers=self.num_layers,
            width=self.width,
            num_heads=self.num_heads,
            feed_forward=self.hidden,
            normalised=self.normalised,
            positions=self.positions,
            seed=seed,
            dtype=dtype,
        )


PAPER = Network()
ONE_LAYER = Network(num_layers=1, normalised=False)
MLP = Network("mlp", width=128, hidden=256)
ONE_HOT = Network("one_hot", width=200, hidden=200)  # of L. Prieto et al. 2025, arXiv 2501.04697


def flops_per_example(network: Network, num_symbols: int, batch_size: int, *, shared: bool) -> float:
    """Count the floating-point operations of a training step's matrix products, for each of its examples.

    Two for each product of two weights' worth, three times over for the forward and the two backward passes. `shared`
    counts what `step/fast_forward.py` computes, else what the plain model does.
    """
    p, d, f, v = num_symbols, network.width, network.hidden, num_symbols + 2
    if network.kind == "mlp":
        hidden = 2 * d * f * (p / batch_size if shared else 1.0)
        return 3 * 2 * (hidden + f * v)
    if network.kind == "one_hot":
        first = 0 if shared else 2 * p * d  # shared, the columns of the kernel are looked up
        return 3 * 2.0 * (first + d * f + f * v)
    alone = p / batch_size  # rows, for each example, of a position that depends on one operand alone
    one = 1 / batch_size
    rows = [alone, one, alone, one] if shared else [1.0] * 4
    products = 0.0
    for layer in range(network.num_layers):
        last = layer == network.num_layers - 1
        after = [rows[0], max(rows[0], rows[1]), 1.0, 1.0] if shared else rows
        asked = after[-1:] if shared and last else after
        queries = rows[-1:] if shared and last else rows
        products += d * d * (2 * sum(rows) + sum(queries))  # keys and values, queries
        products += sum(asked) * (d * d + 2 * d * f)  # attention's output, feed-forward
        rows = after
    return 3 * 2 * (products + d * v)
