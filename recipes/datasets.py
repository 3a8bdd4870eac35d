"""Real data sets: those that ship with scikit-learn need no download, MNIST comes from a file or from Keras."""

import os
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from cheatsheet.common.arguments import known_arguments_only, require_whole

FOLDER_VARIABLE = "RECIPES_DATA"
DIGIT_MAXIMUM = 16.0  # scikit-learn's digits count ink in 4x4 blocks
PIXEL_MAXIMUM = 255.0

_CLOTHES = (
    "T-shirt/top",
    "trouser",
    "pullover",
    "dress",
    "coat",
    "sandal",
    "shirt",
    "sneaker",
    "bag",
    "ankle boot",
)
_FROM_SKLEARN = {
    "breast_cancer": ("binary", "lengths of a cell nucleus in micrometres, and ratios"),
    "wine": ("multiclass", "chemical analysis; per cent, mg/l and ratios"),
    "iris": ("multiclass", "cm"),
    "diabetes": ("regression", "x: age, sex, mass index, pressure, serum values as measured; y: progression score"),
    "digits": ("multiclass", "ink, 0 to 1"),
}
_PHOTOGRAPHS = "photographs"
_FROM_KERAS = {
    "mnist": tuple(str(digit) for digit in range(10)),
    "fashion_mnist": _CLOTHES,
}
NAMES = (*_FROM_SKLEARN, _PHOTOGRAPHS, *_FROM_KERAS)


@dataclass(frozen=True)
class Data:
    """A data set as arrays; unpacks as `x, y = load_data(...)`.

    Attributes:
        x: Inputs `(n, features)` or images `(n, height, width, 1)`; float32.
        y: Targets `(n,)`: class numbers, or float32 for regression.
        task: The cheatsheet's task.
        units: What the numbers of x (and y) measure.
        feature_names: Of the columns of x; empty for images.
        class_names: Of the classes, in order; empty for regression.
        x_test: The set's own test part, `None` where it has none.
        y_test: Likewise.
    """

    name: str
    x: np.ndarray = field(repr=False)
    y: np.ndarray = field(repr=False)
    task: str
    units: str
    feature_names: tuple[str, ...] = field(default=(), repr=False)
    class_names: tuple[str, ...] = ()
    x_test: np.ndarray | None = field(default=None, repr=False)
    y_test: np.ndarray | None = field(default=None, repr=False)

    def __iter__(self) -> Iterator[np.ndarray]:
        return iter((self.x, self.y))


@known_arguments_only
def load_data(name: str, *, folder: str | os.PathLike[str] | None = None, scale: bool = True) -> Data:
    """Load the arrays that belong to this name.

    Args:
        name: `"breast_cancer"`, `"wine"`, `"iris"`, `"diabetes"`, `"digits"`, `"photographs"` (two, in colour, 427x640;
            these six are offline), `"mnist"` or `"fashion_mnist"`.
        folder: Where `mnist.npz` or `fashion_mnist.npz` lies (keys `x_train`, `y_train`, `x_test`, `y_test`);
            by default the folder that the environment variable RECIPES_DATA names, then Keras' own cache and
            download.
        scale: Whether MNIST's images come as float32 in [0, 1]; otherwise as the uint8 of the file.

    Raises:
        ValueError: for an unknown name or a damaged file.
        FileNotFoundError: where the set is not on this machine and cannot be downloaded; says where to put it.
    """
    if name in _FROM_SKLEARN:
        return _load_from_sklearn(name)
    if name == _PHOTOGRAPHS:
        return _load_photographs()
    if name in _FROM_KERAS:
        return _load_mnist(name, folder, scale)
    raise ValueError(f"Unknown data set. Received: name={name!r}. Expected one of {', '.join(NAMES)}.")


def _load_from_sklearn(name: str) -> Data:
    from sklearn import datasets  # about a second, so only where it is wanted

    options = {"scaled": False} if name == "diabetes" else {}
    bunch: Any = getattr(datasets, f"load_{name}")(**options)
    task, units = _FROM_SKLEARN[name]
    x = np.ascontiguousarray(bunch.data, dtype=np.float32)
    if name == "digits":
        x = (x / DIGIT_MAXIMUM).reshape(-1, 8, 8, 1)
    y = bunch.target.astype(np.float32 if task == "regression" else np.int32)
    return Data(
        name=name,
        x=x,
        y=y,
        task=task,
        units=units,
        feature_names=() if name == "digits" else tuple(map(str, bunch.feature_names)),
        class_names=() if task == "regression" else tuple(map(str, bunch.target_names)),
    )


def cut_tiles(images: np.ndarray, size: int, step: int | None = None) -> np.ndarray:
    """Cut images into all their square tiles, row by row from the top left corner.

    Args:
        images: `(n, height, width, channels)`.
        size: Side of a tile in pixels.
        step: Distance from one tile to the next; `size`, so that none overlap, when missing. What is left over at the
            right and at the bottom is left out.

    Returns:
        `(tiles, size, size, channels)`.

    Raises:
        ValueError: where no tile fits.
    """
    require_whole("size", size, 1)
    step = size if step is None else step
    require_whole("step", step, 1)
    if images.ndim != 4 or size > min(images.shape[1:3]):
        raise ValueError(
            f"images have shape {images.shape}. Expected (n, height, width, channels) with sides of at least "
            f"size={size}."
        )
    height, width = images.shape[1:3]
    corners = [(y, x) for y in range(0, height - size + 1, step) for x in range(0, width - size + 1, step)]
    tiles = [images[:, y : y + size, x : x + size] for y, x in corners]
    return np.stack(tiles, axis=1).reshape(-1, size, size, images.shape[3])


def _load_photographs() -> Data:
    from sklearn.datasets import load_sample_images

    bunch: Any = load_sample_images()
    x = np.stack(bunch.images).astype(np.float32) / np.float32(PIXEL_MAXIMUM)  # (2, 427, 640, 3)
    names = tuple(Path(name).stem for name in bunch.filenames)
    return Data(
        name=_PHOTOGRAPHS,
        x=x,
        y=np.arange(len(x), dtype=np.int32),
        task="reconstruction",
        units="light, 0 to 1; red, green, blue",
        class_names=names,
    )


def _load_mnist(name: str, folder: str | os.PathLike[str] | None, scale: bool) -> Data:
    place = folder or os.environ.get(FOLDER_VARIABLE)
    x, y, x_test, y_test = _read_npz(Path(place) / f"{name}.npz") if place else _download(name)
    images = []
    for part in (x, x_test):
        part = part[..., None]
        images.append(part.astype(np.float32) / np.float32(PIXEL_MAXIMUM) if scale else part)
    return Data(
        name=name,
        x=images[0],
        y=y.astype(np.int32),
        task="multiclass",
        units="ink, 0 to 1" if scale else "ink, 0 to 255",
        class_names=_FROM_KERAS[name],
        x_test=images[1],
        y_test=y_test.astype(np.int32),
    )


def _read_npz(path: Path) -> tuple[np.ndarray, ...]:
    if not path.is_file():
        raise FileNotFoundError(
            f"There is no {path}. Put {path.name} there (keys x_train, y_train, x_test, y_test, as in keras.datasets), "
            f"or unset {FOLDER_VARIABLE} to let Keras download it."
        )
    try:
        # Opened here, since np.load leaves the file open when it turns out to be damaged.
        with path.open("rb") as opened, np.load(opened, allow_pickle=False) as file:
            arrays = tuple(file[key] for key in ("x_train", "y_train", "x_test", "y_test"))
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile) as error:
        raise ValueError(
            f"{path} cannot be read as a data set: {error}. Expected the keys x_train, y_train, x_test, y_test. "
            "Copy the file anew."
        ) from error
    x, y, x_test, y_test = arrays
    if x.shape[1:] != (28, 28) or len(x) != len(y) or len(x_test) != len(y_test) or x.dtype != np.uint8:
        raise ValueError(
            f"{path} holds x_train {x.shape} {x.dtype} and y_train {y.shape}. Expected (n, 28, 28) uint8 and (n,)."
        )
    return arrays


def _download(name: str) -> tuple[np.ndarray, ...]:
    import keras

    try:
        (x, y), (x_test, y_test) = getattr(keras.datasets, name).load_data()
    except Exception as error:  # urllib, socket and Keras' own; all mean the same to the caller
        raise FileNotFoundError(
            f"{name} is not on this machine and could not be downloaded ({error}). Put {name}.npz into a folder and "
            f"name that folder in the environment variable {FOLDER_VARIABLE} or in folder=. "
            f"Sets that need no download: {', '.join([*_FROM_SKLEARN, _PHOTOGRAPHS])}."
        ) from error
    return x, y, x_test, y_test
