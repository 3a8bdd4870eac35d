"""Small data for the programs: seeded, at most 300 rows, and such that there is something to learn."""

import numpy as np

ROWS = 240


def points(columns: int = 4, rows: int = ROWS) -> np.ndarray:
    """Standardised features, `(rows, columns)` of float32."""
    return np.random.default_rng(0).normal(size=(rows, columns)).astype("float32")


def two_classes() -> tuple[np.ndarray, np.ndarray]:
    """Features and labels 0 and 1, as many of each."""
    x = points()
    score = x[:, 0] + x[:, 1] ** 2
    return x, (score > np.median(score)).astype("int64")


def classes(num_classes: int = 3) -> tuple[np.ndarray, np.ndarray]:
    """Features and labels 0..K-1, as many of each."""
    x = points()
    score = x[:, 0] + 0.5 * x[:, 1] ** 2
    ranks = np.argsort(np.argsort(score))
    return x, (ranks * num_classes // len(x)).astype("int64")


def one_hot(labels: np.ndarray, num_classes: int = 3) -> np.ndarray:
    return np.eye(num_classes, dtype="float32")[labels]


def numbers(columns: int | None = None) -> tuple[np.ndarray, np.ndarray]:
    """Features and standardised numbers, half of them negative: `(n,)`, or `(n, columns)`."""
    x = points()
    noise = np.random.default_rng(1).normal(size=(len(x), columns or 1))
    y = np.sin(x[:, :1]) + 0.5 * x[:, 1:2] + 0.3 * noise
    y = ((y - y.mean(0)) / y.std(0)).astype("float32")
    return x, y if columns else y[:, 0]


def fractions() -> tuple[np.ndarray, np.ndarray]:
    """Features and shares between 0 and 1."""
    x, y = numbers()
    return x, 1 / (1 + np.exp(-y))


def counts() -> tuple[np.ndarray, np.ndarray]:
    """Features and counts 0, 1, 2, ... of events."""
    x = points(rows=300)
    rate = np.exp(0.3 + 0.9 * x[:, 0])
    return x, np.random.default_rng(2).poisson(rate).astype("float32")


def several_labels() -> tuple[np.ndarray, np.ndarray]:
    """Features and four labels, of which a row has any number."""
    x = points()
    return x, (x + 0.5 * np.roll(x, 1, axis=1) > 0).astype("float32")


def grey_images(size: int = 8, rows: int = ROWS) -> tuple[np.ndarray, np.ndarray]:
    """Images `(rows, size, size, 1)` of bytes 0..255, and which of three bands is bright."""
    rng = np.random.default_rng(3)
    labels = rng.permutation(np.arange(rows) % 3)
    images = rng.integers(0, 120, size=(rows, size, size, 1))
    for image, label in zip(images, labels, strict=True):
        image[label * size // 3 : (label + 1) * size // 3] += 130
    return images.astype("uint8"), labels


def series(steps: int = 12, columns: int = 2) -> tuple[np.ndarray, np.ndarray]:
    """Windows `(n, steps, columns)` of a noisy wave, and its next value."""
    rng = np.random.default_rng(4)
    phase = rng.uniform(0, 2 * np.pi, size=(ROWS, 1, 1))
    time = phase + 0.5 * np.arange(steps + 1)[:, None] + np.arange(columns)
    wave = 1.4 * np.sin(time) + 0.1 * rng.normal(size=time.shape)
    return wave[:, :-1].astype("float32"), wave[:, -1, 0].astype("float32")


def texts(words: int = 2000, length: int = 10) -> tuple[np.ndarray, np.ndarray]:
    """Word numbers `(n, length)`, and whether rare words prevail."""
    tokens = np.random.default_rng(5).integers(1, words, size=(ROWS, length))
    middle = tokens.mean(axis=1)
    return tokens, (middle > np.median(middle)).astype("int64")


def masks(size: int = 8, num_classes: int = 3, rows: int = 60) -> tuple[np.ndarray, np.ndarray]:
    """Images in [0, 1] and the class of every pixel, `(rows, size, size)`."""
    image = np.random.default_rng(6).uniform(size=(rows, size, size, 1)).astype("float32")
    return image, np.minimum(image[..., 0] * num_classes, num_classes - 1).astype("int64")
