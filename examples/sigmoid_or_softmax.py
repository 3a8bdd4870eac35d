"""The slide prints sigmoid for several classes; what does it do, against softmax? Measured on wine and digits.

For both multiclass losses of the slide, the same network is trained with either last activation. Expected: with
categorical crossentropy the accuracy is the same, since Keras computes the softmax's loss from the logits either way,
but the sigmoid's outputs do not sum to 1 and are worthless as probabilities. With KL divergence on one-hot targets
the sigmoid collapses: every output runs to 1 and the loss to 0.

Calibration is the expected calibration error over 10 bins of the normalised top probability (C. Guo et al. 2017,
arXiv 1706.04599, eq. 3). --markdown prints the table that docs/sigmoid-or-softmax.md holds. Half a minute.
"""

import argparse

import numpy as np

from recipes import build_model, fit, load_data

SEEDS = (0, 1, 2)
EPOCHS = {"wine": 60, "digits": 30}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="one data set, one seed, few epochs")
    parser.add_argument("--markdown", action="store_true", help="print the table as Markdown")
    options = parser.parse_args()
    left, right = ("| ", " |") if options.markdown else ("", "")
    header = ("data", "loss", "last activation", "accuracy", "sum of a row", "calibration error", "loss reported")
    print(left + " | ".join(header) + right)
    if options.markdown:
        print("|---" * len(header) + "|")
    for name, epochs in [*EPOCHS.items()][: 1 if options.quick else None]:
        for loss in ("categorical_crossentropy", "kl_divergence"):
            for activation in ("sigmoid", "softmax"):
                seeds = SEEDS[:1] if options.quick else SEEDS
                rows = [measure(name, loss, activation, 2 if options.quick else epochs, seed) for seed in seeds]
                accuracy, low, high, error, reported = np.median(rows, axis=0)
                cells = (name, loss, activation, f"{accuracy:.3f}", f"{low:.2f} to {high:.2f}", f"{error:.3f}",
                         f"{reported:.4f}")  # fmt: skip
                print(left + " | ".join(cells) + right)


def measure(name: str, loss: str, activation: str, epochs: int, seed: int) -> tuple[float, ...]:
    """Accuracy, 5th and 95th percentile of the row sums, calibration error and training loss; held-out fifth."""
    data = load_data(name)
    order = np.random.default_rng(seed).permutation(len(data.y))
    test, train = order[: len(order) // 5], order[len(order) // 5 :]
    one_hot = np.eye(len(data.class_names))[data.y]
    head = {"loss": loss, "activation": activation}
    model = build_model("multiclass", x=data.x[train], y=one_hot[train], body="mlp", seed=seed, **head)
    run = fit(model, data.x[train], one_hot[train], epochs=epochs, seed=seed, verbose=0)
    y_pred = model.predict(data.x[test], verbose=0)  # (n, K)
    sums = y_pred.sum(axis=1)
    right = y_pred.argmax(axis=1) == data.y[test]
    confidence = y_pred.max(axis=1) / sums
    return (
        float(right.mean()),
        *np.percentile(sums, (5, 95)),
        calibration_error(confidence, right),
        run.history["loss"][-1],
    )


def calibration_error(confidence: np.ndarray, right: np.ndarray, bins: int = 10) -> float:
    """sum over bins of (rows in bin / all rows) * |accuracy - mean confidence|."""
    bin_of = np.minimum((confidence * bins).astype(int), bins - 1)
    return float(
        sum(
            np.mean(bin_of == b) * abs(right[bin_of == b].mean() - confidence[bin_of == b].mean())
            for b in np.unique(bin_of)
        )
    )


if __name__ == "__main__":
    main()
