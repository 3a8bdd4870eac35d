"""Can an autoencoder take noise away that it has never seen?

Trains on clean digits alone: the model adds fresh Gaussian noise to every batch and learns to give the clean image
back. The 8x8 digits that ship with scikit-learn, or MNIST. Expected: on held-out digits 2 dB more than the better of
two filters, Gaussian and median, whose width is chosen on the training digits; 5 dB on MNIST. Writes one figure.
Reference: P. Vincent et al. (2008), doi:10.1145/1390156.1390294.
"""

import argparse
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from scipy import ndimage

from recipes import build_autoencoder, fit, load_data

NOISE = 0.3  # standard deviation; ink runs from 0 to 1
NUM_TRAIN, NUM_TEST = 20_000, 2_000  # of MNIST; a fifth of the 8x8 digits


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", choices=("digits", "mnist"), default="digits")
    parser.add_argument("--quick", action="store_true", help="two epochs only")
    parser.add_argument("--out", type=Path, default=Path("figures"), help="folder for the figure; replaces an old one")
    options = parser.parse_args()

    x, x_test = load(options.data)
    noisy = x_test + np.random.default_rng(0).normal(0, NOISE, x_test.shape).astype(np.float32)
    noisy_train = x[:1000] + np.random.default_rng(1).normal(0, NOISE, x[:1000].shape).astype(np.float32)
    print(f"{len(x):,} digits of {x.shape[1]}x{x.shape[2]} pixels to learn from, {len(x_test):,} held out")

    model = build_autoencoder("denoising", x=x, noise=NOISE, filters=(32,), seed=0)
    epochs = 2 if options.quick else 60 if options.data == "digits" else 5
    run = fit(model, x, validation_data=(noisy, x_test), epochs=epochs)
    print(run)

    cleaned = {"noisy": noisy, **filtered(x[:1000], noisy_train, noisy), "network": run.predict(noisy)}
    for name, images in cleaned.items():
        print(f"{name}: {psnr(x_test, images):.2f} dB")

    options.out.mkdir(parents=True, exist_ok=True)
    path = options.out / "denoising.png"
    draw({"clean": x_test, **cleaned}, x_test).savefig(path, dpi=150)
    print(f"figure: {path.resolve()}")


def load(name: str) -> tuple[np.ndarray, np.ndarray]:
    data = load_data(name)
    if name == "mnist":
        return data.x[:NUM_TRAIN], data.x_test[:NUM_TEST]
    order = np.random.default_rng(0).permutation(len(data.x))
    return data.x[order[360:]], data.x[order[:360]]


def filtered(clean: np.ndarray, noisy_train: np.ndarray, noisy: np.ndarray) -> dict[str, np.ndarray]:
    """What the two classical filters make of the noisy images, each at its best width on the training digits."""
    filters = {
        "Gaussian filter": (ndimage.gaussian_filter, "sigma", (0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 1.0, 1.2)),
        "median filter": (ndimage.median_filter, "size", (2, 3, 4, 5)),
    }
    results = {}
    for name, (apply, width, choices) in filters.items():
        best = max(choices, key=lambda choice: psnr(clean, smooth(apply, noisy_train, width, choice)))
        results[f"{name}, {width} {best}"] = smooth(apply, noisy, width, best)
    return results


def smooth(apply, images: np.ndarray, width: str, choice: float) -> np.ndarray:
    return apply(images, **{width: choice}, axes=(1, 2))


def psnr(truth: np.ndarray, images: np.ndarray) -> float:
    """Peak signal-to-noise ratio over all images together, dB; clipped to the range of ink."""
    return float(-10 * np.log10(np.mean((truth - np.clip(images, 0, 1)) ** 2)))


def draw(images: dict[str, np.ndarray], truth: np.ndarray):
    figure, axes = plt.subplots(len(images), 10, figsize=(10, 1.05 * len(images)), layout="constrained")
    for row, (name, of_name) in zip(axes, images.items(), strict=True):
        title = name if name == "clean" else f"{name}\n{psnr(truth, of_name):.1f} dB"
        row[0].set_ylabel(title, rotation=0, ha="right", va="center", fontsize=9)
        for ax, image in zip(row, of_name, strict=False):
            ax.imshow(image[..., 0], cmap="gray_r", vmin=0, vmax=1)
            ax.set(xticks=[], yticks=[])
            ax.spines[:].set_visible(False)
    return figure


if __name__ == "__main__":
    main()
