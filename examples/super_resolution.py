"""Can a small network enlarge photographs better than bicubic interpolation?

Learns to make 64x64 grey tiles of scikit-learn's two photographs from their 16x16 versions (bicubic, as the field
does it). Whole columns of tiles are held out, and no training tile touches them. Expected: on average more than 1 dB
above bicubic upsampling on the held-out tiles, 2 to 5 dB on petals and roofs; foliage, whose detail no one can guess,
and flat background gain next to nothing. Writes one figure.
References: C. Dong et al. (2014), arXiv 1501.00092, for the protocol; W. Shi et al. (2016), arXiv 1609.05158, and
J. Kim et al. (2016), arXiv 1511.04587, for the network; Z. Wang et al. (2004), doi:10.1109/TIP.2003.819861, for SSIM.
"""

import argparse
from itertools import pairwise
from pathlib import Path

import keras
import matplotlib.pyplot as plt
import numpy as np
import tensorflow as tf

from recipes import build_autoencoder, fit, load_data
from recipes.datasets import cut_tiles

LARGE, SCALE, BATCH_SIZE = 64, 4, 32
HELD_OUT = (2, 6)  # columns of tiles, of ten
GREY = np.array([0.299, 0.587, 0.114], np.float32)  # luma of ITU-R BT.601


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="one epoch only")
    parser.add_argument("--out", type=Path, default=Path("figures"), help="folder for the figure; replaces an old one")
    options = parser.parse_args()

    photographs = (load_data("photographs").x @ GREY)[..., None]  # (2, 427, 640, 1)
    train, test = split(photographs, step=64 if options.quick else 8)
    print(f"{len(train):,} tiles to learn from, {len(test)} held out")
    small, small_test = shrink(train), shrink(test)

    epochs = 1 if options.quick else 2
    steps = epochs * -(-len(train) // BATCH_SIZE)
    rate = keras.optimizers.schedules.CosineDecay(2e-3, steps)
    model = build_autoencoder("super_resolution", x=small, scale=SCALE, seed=0)
    # The mean absolute error: squared, the few sharp edges would be all that counts, and flat tiles would suffer.
    model.compile(keras.optimizers.Adam(rate), "mean_absolute_error", metrics=["mean_squared_error"])
    run = fit(model, small, train, validation_data=(small_test, test), epochs=epochs, batch_size=BATCH_SIZE)
    print(run)

    bicubic = np.clip(tf.image.resize(small_test, (LARGE, LARGE), method="bicubic"), 0, 1)
    network = np.clip(run.predict(small_test), 0, 1)
    for name, images in (("bicubic", bicubic), ("network", network)):
        of_tiles = psnr(test, images)
        print(
            f"{name}: mean of the tiles {of_tiles.mean():.2f} dB, all pixels together "
            f"{psnr(test[None], images[None])[0]:.2f} dB, SSIM {ssim(test, images):.3f}"
        )
    gain = psnr(test, network) - psnr(test, bicubic)
    print(f"gain of a tile: {gain.mean():+.2f} dB on average, from {gain.min():+.2f} to {gain.max():+.2f} dB")

    options.out.mkdir(parents=True, exist_ok=True)
    path = options.out / "super_resolution.png"
    draw(small_test, bicubic, network, test).savefig(path, dpi=150)
    print(f"figure: {path.resolve()}")


def split(photographs: np.ndarray, step: int) -> tuple[np.ndarray, np.ndarray]:
    """Overlapping tiles from between the held-out columns, and the tiles of these columns."""
    edges = [0, *(edge for column in HELD_OUT for edge in (column * LARGE, (column + 1) * LARGE)), 640]
    bands = [photographs[:, :, left:right] for left, right in pairwise(edges)]
    train = np.concatenate([cut_tiles(band, LARGE, step) for band in bands[::2]])
    train = np.concatenate([train, train[:, :, ::-1]])  # and their mirror images and quarter turns
    train = np.concatenate([np.rot90(train, turns, axes=(1, 2)) for turns in range(4)])
    test = np.concatenate([cut_tiles(band, LARGE) for band in bands[1::2]])
    return train, test


def shrink(tiles: np.ndarray) -> np.ndarray:
    side = LARGE // SCALE
    return tf.image.resize(tiles, (side, side), method="bicubic", antialias=True).numpy()


def psnr(truth: np.ndarray, images: np.ndarray) -> np.ndarray:
    """Peak signal-to-noise ratio of each tile, dB."""
    return -10 * np.log10(np.mean((truth - images) ** 2, axis=tuple(range(1, truth.ndim))))


def ssim(truth: np.ndarray, images: np.ndarray) -> float:
    return float(np.mean(tf.image.ssim(tf.constant(truth), tf.constant(images, tf.float32), max_val=1.0)))


def draw(small, bicubic, network, truth):
    """The eight held-out tiles with the most structure."""
    chosen = np.argsort(truth.std(axis=(1, 2, 3)))[-8:]
    rows = {"16x16 input": small, "bicubic": bicubic, "network": network, "64x64 truth": truth}
    figure, axes = plt.subplots(len(rows), len(chosen), figsize=(10, 5.4), layout="constrained")
    for row, (name, images) in zip(axes, rows.items(), strict=True):
        row[0].set_ylabel(name)
        for ax, image in zip(row, images[chosen], strict=True):
            ax.imshow(image[..., 0], cmap="gray", vmin=0, vmax=1)
            ax.set(xticks=[], yticks=[])
    figure.suptitle(
        f"mean of all held-out tiles: bicubic {psnr(truth, bicubic).mean():.2f} dB, "
        f"network {psnr(truth, network).mean():.2f} dB",
        fontsize=11,
    )
    return figure


if __name__ == "__main__":
    main()
