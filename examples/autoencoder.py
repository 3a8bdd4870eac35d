"""Can eight numbers hold a digit? A convolutional autoencoder on the 8x8 digits, offline.

Squeezes each image (64 values) into 8 numbers and restores it. Expected: the reconstructions are legible, the mean
squared error on held-out images is about a fifth of the variance around the mean image, and the verdict says whether
it could have learnt on. Writes one figure: originals, codes and reconstructions beside the loss curve.
Reference: G. Hinton and R. Salakhutdinov (2006), doi:10.1126/science.1127647; the lecture's worked example.
"""

import argparse
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np

from recipes import build_autoencoder, fit, load_data
from recipes.plots import plot_history, plot_reconstructions

LATENT = 8
NUM_TEST = 360  # a fifth of the 1,797 images


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a few epochs only")
    parser.add_argument("--out", type=Path, default=Path("figures"), help="folder for the figure")
    options = parser.parse_args()

    x, y = load_data("digits")
    order = np.random.default_rng(0).permutation(len(x))
    x_test, y_test, x_train = x[order[:NUM_TEST]], y[order[:NUM_TEST]], x[order[NUM_TEST:]]
    print(f"{len(x_train):,} digits of 8x8 pixels to learn from, {NUM_TEST} held out; {LATENT} numbers each")

    model = build_autoencoder("conv", x=x_train, latent=LATENT, seed=0)
    run = fit(model, x_train, epochs=3 if options.quick else 60, validation_data=x_test)
    print(run)

    codes = model.get_layer("encoder").predict(x_test, verbose=0)  # (360, 8)
    restored = model.get_layer("decoder").predict(codes, verbose=0)  # (360, 8, 8, 1)
    error = np.mean((restored - x_test) ** 2)
    spread = np.mean((x_test - x_train.mean(axis=0)) ** 2)
    print(f"mean squared error on held-out digits {error:.4f}; always giving the mean image {spread:.4f}")

    options.out.mkdir(parents=True, exist_ok=True)
    path = options.out / "autoencoder.png"
    figure = draw(run, x_test, codes, restored, y_test)
    figure.savefig(path, dpi=150)
    print(f"figure: {path.resolve()}")


def draw(run, x_test, codes, restored, y_test):
    """One held-out example of each digit beside the loss curve."""
    examples = [int(np.flatnonzero(y_test == digit)[0]) for digit in range(10)]
    figure, (left, right) = plt.subplots(1, 2, figsize=(12, 3.8), width_ratios=(2, 1), layout="constrained")
    plot_reconstructions(x_test[examples], codes[examples], restored[examples], left)
    left.set_title(
        f"64 pixels -> {codes.shape[1]} numbers -> 64 pixels, digits it has never seen", loc="left", fontsize=9
    )
    plot_history(run, right)
    return figure


if __name__ == "__main__":
    main()
