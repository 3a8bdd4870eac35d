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

import numpy as np

from recipes import build_autoencoder, fit, load_data
from recipes.datasets import cut_tiles
from recipes.plots import plot_autoencoder

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

    restored = run.predict(x_test)
    spread = np.mean((x_test - x_train.mean(axis=0)) ** 2)
    print(
        f"mean squared error on held-out digits {np.mean((x_test - restored) ** 2):.4f}; "
        f"always giving the mean image {spread:.4f}"
    )

    photograph = (load_data("photographs").x[:1] @ GREY)[..., None]  # the temple; the flower's ground is black
    tiles = cut_tiles(photograph, side)
    figure = plot_autoencoder(run, x_test, y_test, strange=tiles, names=("digits", "tiles of a photograph"))
    options.out.mkdir(parents=True, exist_ok=True)
    path = options.out / ("autoencoder.png" if options.data == "digits" else f"autoencoder_{options.data}.png")
    figure.savefig(path, dpi=150)
    print(f"figure: {path.resolve()}")


def load(name: str) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Training images, held-out images and the labels of the latter, which only the figure needs."""
    data = load_data(name)
    if data.x_test is not None:
        return data.x, data.x_test, data.y_test
    order = np.random.default_rng(0).permutation(len(data.x))
    return data.x[order[NUM_TEST:]], data.x[order[:NUM_TEST]], data.y[order[:NUM_TEST]]


if __name__ == "__main__":
    main()
