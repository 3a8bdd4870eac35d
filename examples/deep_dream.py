"""What has a CNN learnt to see? Deep Dream: an image is changed until the network's units fire, and the image shows it.

Expected: a small CNN learns 32x32 tiles of two photographs, then sees dark branches on blue all over the flower: a unit
of its last layer, 3.08 on the photograph, ends at 10.65, and noise of the same energy leaves it at 0. (A unit of
`conv_3`: 0.32, 1.75 and 0.08.) About 25 s, 8 of them the dream.
Your own: `--model FILE.keras --image FILE.png` (or .npy), `--layers NAME ...`, `--units 3 7`; .npy is taken as it is,
any other from 0 to 1, from 0 to 255 with `--bytes`. `--imagenet InceptionV3` takes the network of the first dreams,
where its weights are on this machine or can be downloaded.
Reference: A. Mordvintsev, C. Olah, M. Tyka (2015), Inceptionism: going deeper into neural networks.
"""

import argparse
from pathlib import Path

import keras
import numpy as np

from recipes import fit, load_data
from recipes.datasets import cut_tiles
from recipes.lecture.images.dream import deep_dream, imagenet_cnn
from recipes.lecture.images.reach import input_shape
from recipes.lecture.own import read_picture
from recipes.seeds import seeded

TILE, STEP = 32, 8  # pixels
BANDS = 3  # of each photograph's height: what is above looks different from what is below


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a tenth of the training, and a small image")
    parser.add_argument("--model", type=Path, help="a CNN of one's own, a .keras file from somebody trusted")
    parser.add_argument("--imagenet", metavar="NAME", help="InceptionV3 or Xception instead")
    parser.add_argument("--image", type=Path, help="an image, .npy or a picture")
    parser.add_argument("--bytes", action="store_true", help="the model takes 0 to 255")
    parser.add_argument("--layers", nargs="+", help="whose units are to be excited")
    parser.add_argument("--units", nargs="+", type=int, help="which; the one best told from noise without it")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, default=Path("figures"), help="folder for the figure; replaces an old one")
    options = parser.parse_args()

    photographs = small_photographs(4 if options.quick else 2)
    layers = options.layers
    if options.model:
        model = keras.saving.load_model(options.model, compile=False)
    elif options.imagenet:
        model, layers = imagenet_cnn(options.imagenet), layers or ["mixed3"]
    else:
        model, layers = train(photographs, options.quick), layers or ["conv_4"]
    image = photographs[1]
    if options.image:
        shape = (None, None, input_shape(model)[2])  # a dream may be larger than what the network takes
        image = read_picture(options.image, shape, white=255 if options.bytes else 1)
    dream = deep_dream(model, image, layers, units=options.units, seed=options.seed)
    print(dream)

    options.out.mkdir(parents=True, exist_ok=True)
    path = options.out / "deep_dream.png"
    dream.plot().savefig(path, dpi=150)
    print(f"figure: {path}")


def small_photographs(times: int) -> np.ndarray:
    """Take the two photographs of scikit-learn, so many times smaller."""
    x = load_data("photographs").x
    size = (x.shape[1] // times, x.shape[2] // times)
    return np.clip(np.asarray(keras.ops.image.resize(x, size, antialias=True)), 0, 1)


def train(photographs: np.ndarray, quick: bool) -> keras.Model:
    """Train a small CNN to say from which third of which photograph a tile is, or that it has been disturbed by noise.

    The latter so that its units look for patterns: without it many answer noise as strongly as anything.
    """
    third = photographs.shape[1] // BANDS
    bands = [photographs[i : i + 1, k * third : (k + 1) * third] for i in range(2) for k in range(BANDS)]
    parts = [cut_tiles(band, TILE, STEP) for band in bands]
    x, y = np.concatenate(parts), np.repeat(np.arange(len(parts)), [len(part) for part in parts])
    rng = np.random.default_rng(0)
    some = x[rng.permutation(len(x))[: len(x) // BANDS]]
    strength = rng.uniform(0.05, 0.5, (len(some), 1, 1, 1))  # of the range, from hardly seen to nothing else
    noisy = np.clip(some + strength * rng.choice([-1, 1], some.shape), 0, 1)
    x = np.concatenate([x, x[:, :, ::-1], noisy, noisy[:, :, ::-1]]).astype(np.float32)
    y = np.concatenate([y, y, np.full(2 * len(noisy), len(parts))])

    layers = [keras.Input((None, None, 3))]
    with seeded(0):
        for number, (filters, side) in enumerate(((16, 5), (32, 3), (48, 3), (64, 3)), 1):
            layers += [keras.layers.Conv2D(filters, side, padding="same", activation="relu", name=f"conv_{number}"),
                       keras.layers.MaxPooling2D(name=f"pool_{number}")]  # fmt: skip
        layers[-1] = keras.layers.GlobalAveragePooling2D()
        model = keras.Sequential([*layers, keras.layers.Dense(len(parts) + 1, "softmax")])
    model.compile(keras.optimizers.Adam(2e-3), "sparse_categorical_crossentropy", metrics=["accuracy"])
    run = fit(model, x, y, epochs=1 if quick else 8, batch_size=64, seed=0, verbose=0)
    print(f"{len(x):,} tiles, {len(parts) + 1} classes, accuracy {run.history['accuracy'][-1]:.2f}", end="\n\n")
    return model


if __name__ == "__main__":
    main()
