"""Can eight numbers hold a digit? A convolutional autoencoder on the 8x8 digits, offline.

Squeezes each image (64 values) into 8 numbers and restores it. Expected: the reconstructions are legible, the mean
squared error on held-out images is about a fifth of the variance around the mean image, codes of one class lie together
though no label was shown, and tiles of photographs stand out by their error. Writes one figure.
`--data mnist` does the same for 28x28 images and 16 numbers; `--reproduce` trains the course notebook's nine rows on
MNIST and compares (see autoencoder_rows.py, whose options it takes).
Reference: G. Hinton and R. Salakhutdinov (2006), doi:10.1126/science.1127647; the lecture's worked example.
"""

import argparse
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np

from recipes import build_autoencoder, fit, load_data
from recipes.datasets import cut_tiles
from recipes.plots import (
    plot_anomaly,
    plot_class_errors,
    plot_history,
    plot_latent,
    plot_reconstructions,
    plot_walk,
)

LATENT = {"digits": 8, "mnist": 16}
NUM_TEST = 360  # a fifth of the 1,797 images
GREY = np.array([0.299, 0.587, 0.114], np.float32)  # luma of ITU-R BT.601


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", choices=LATENT, default="digits")
    parser.add_argument("--reproduce", action="store_true", help="the notebook's table; takes --rows, --seeds, ...")
    parser.add_argument("--quick", action="store_true", help="a few epochs only")
    parser.add_argument("--out", type=Path, default=Path("figures"), help="folder for the figure; replaces an old one")
    options, others = parser.parse_known_args()
    if options.reproduce:
        import autoencoder_rows

        autoencoder_rows.main([*others, "--out", str(options.out), *(["--quick"] if options.quick else [])])
        return
    if others:
        parser.error(f"unknown arguments: {' '.join(others)}")

    x_train, x_test, y_test = load(options.data)
    latent, side = LATENT[options.data], x_train.shape[1]
    print(f"{len(x_train):,} digits of {side}x{side} pixels to learn from, {len(x_test):,} held out")

    model = build_autoencoder("conv", x=x_train, latent=latent, seed=0)
    epochs = 3 if options.quick else 60 if options.data == "digits" else 8
    run = fit(model, x_train, epochs=epochs, validation_data=x_test)
    print(run)

    codes = model.get_layer("encoder").predict(x_test, verbose=0)  # (tests, latent)
    restored = model.get_layer("decoder").predict(codes, verbose=0)  # (tests, side, side, 1)
    spread = np.mean((x_test - x_train.mean(axis=0)) ** 2)
    print(
        f"mean squared error on held-out digits {errors(x_test, restored).mean():.4f}; "
        f"always giving the mean image {spread:.4f}"
    )

    options.out.mkdir(parents=True, exist_ok=True)
    path = options.out / ("autoencoder.png" if options.data == "digits" else f"autoencoder_{options.data}.png")
    figure = draw(run, x_test, codes, restored, y_test)
    figure.savefig(path, dpi=150)
    print(f"figure: {path.resolve()}")


def load(name: str) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Training images, held-out images and the labels of the latter, which only the figure needs."""
    data = load_data(name)
    if data.x_test is not None:
        return data.x, data.x_test, data.y_test
    order = np.random.default_rng(0).permutation(len(data.x))
    return data.x[order[NUM_TEST:]], data.x[order[:NUM_TEST]], data.y[order[:NUM_TEST]]


def errors(x: np.ndarray, restored: np.ndarray) -> np.ndarray:
    """Mean squared error of each image."""
    return np.mean((x - restored) ** 2, axis=(1, 2, 3))


def draw(run, x_test, codes, restored, y_test):
    """What it keeps, how it learnt, how its codes lie, what lies between two, where it fails, and what it never saw."""
    examples = [int(np.flatnonzero(y_test == digit)[0]) for digit in range(10)]
    side, decoder = x_test.shape[1], run.model.get_layer("decoder")
    figure = plt.figure(figsize=(13, 8.2), layout="constrained")
    above, below = figure.subfigures(2, 1, height_ratios=(1, 1))
    left, right = above.subplots(1, 2, width_ratios=(1.7, 1))
    plot_reconstructions(x_test[examples], codes[examples], restored[examples], left)
    left.set_title(
        f"{side * side} pixels -> {codes.shape[1]} numbers -> {side * side} pixels, digits it has never seen"
    )
    plot_history(run, right)

    latent, middle, worst, anomaly = below.subplots(1, 4, width_ratios=(1, 0.5, 1.05, 1))
    plot_latent(codes, y_test, latent).set_title("codes, where they vary most", fontsize=10)
    middle.remove()
    walks = below.add_subfigure(middle.get_subplotspec()).subplots(5, 1)
    for ax, (start, end) in zip(walks, ((0, 6), (1, 7), (3, 8), (4, 9), (2, 3)), strict=True):
        plot_walk(decoder, codes[examples[start]], codes[examples[end]], ax, steps=6)
    walks[0].set_title("between two codes", fontsize=10)
    plot_class_errors(x_test, restored, y_test, worst).set_title("error of each digit, and its worst case", fontsize=10)

    photograph = (load_data("photographs").x[:1] @ GREY)[..., None]  # the temple; the flower's ground is black
    tiles = cut_tiles(photograph, side)
    strange = errors(tiles, run.predict(tiles))
    plot_anomaly(errors(x_test, restored), strange, anomaly, names=("digits", "tiles of a photograph"))
    return figure


if __name__ == "__main__":
    main()
