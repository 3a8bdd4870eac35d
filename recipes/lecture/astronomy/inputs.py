"""Checks of what a user brings, images and light curves: floats that are finite, else an error that says where not.

Whole numbers become floats, as unsigned ones wrap around where they are subtracted; floats stay what they are.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np

from cheatsheet.common.arrays import as_array
from cheatsheet.common.words import count

PIXELS = ("image", "row", "column")  # what the axes of images are called in an error
GAPS_OF_IMAGES = (
    "Put the median of its neighbours in the place of each; where much is missing, noise around the image's median."
)
GAPS_OF_CURVES = "Put the median of its neighbours in time in the place of each, or leave the curve out."


def as_floats(values: Any, name: str) -> np.ndarray:
    """Read anything array-like with at least one row as an array of floats in this machine's order of bytes.

    Args:
        values: Numbers or booleans.
        name: What to call them in errors.

    Returns:
        The array itself where it is of float32 or float64.

    Raises:
        ValueError: for what holds no numbers, or no row.
    """
    array = as_array(values, name)
    if array.dtype.kind not in "biuf":
        raise ValueError(f"{name} must hold numbers. Received: text, of shape {array.shape}. Convert it to floats.")
    if array.dtype.kind != "f":
        return array.astype(np.float64)
    if array.dtype.itemsize not in (4, 8):  # half precision overflows in sums, and SciPy does not take it
        return array.astype(np.float32 if array.dtype.itemsize < 4 else np.float64)
    return array if array.dtype.isnative else array.astype(array.dtype.newbyteorder("="))


def require_finite(values: np.ndarray, name: str, axes: Sequence[str], mend: str) -> None:
    """Refuse NaN and infinity, which vanish in medians and comparisons, and what was found with them.

    Args:
        values: Floats.
        name: What to call them.
        axes: What a place on each axis is called, such as `("image", "row", "column")`.
        mend: What to do.

    Raises:
        ValueError: saying how many there are, in how many of the first axis, and where the first one is.
    """
    known = np.isfinite(values)
    if known.all():
        return
    bad = np.argwhere(~known)
    first = "NaN" if np.isnan(values[tuple(bad[0])]) else "infinity"
    where = ", ".join(f"{axis} {place}" for axis, place in zip(axes, bad[0], strict=True))
    several = f"{axes[0]}{'es' if axes[0].endswith('x') else 's'}"
    among = f", in {len(np.unique(bad[:, 0]))} of {len(values)} {several}" if len(axes) > 1 else ""
    raise ValueError(
        f"{name} must hold finite numbers. Received: {count(len(bad), 'value')} NaN or infinite{among}; the first is "
        f"{first} in {where}. {mend}"
    )


def as_images(images: Any, name: str = "images") -> np.ndarray:
    """Read images as finite floats `(n, height, width)`; of none the shape is `(0, 0, 0)`.

    Args:
        images: `(n, height, width)`, with or without a last axis of one channel; or a list of images.
        name: What to call them.

    Raises:
        ValueError: for another shape, images of several sizes, what holds no numbers, and NaN or infinity.
    """
    if is_empty(images):
        return np.zeros((0, 0, 0))
    if isinstance(images, list | tuple):
        sizes = dict.fromkeys(np.shape(image)[:2] for image in images if hasattr(image, "shape"))
        if len(sizes) > 1 and all(len(size) == 2 for size in sizes):
            shown = ", ".join(f"{height} x {width}" for height, width in sizes)
            raise ValueError(
                f"{name} must be of one size. Received: {shown} pixels. Cut them to one size, or pass one at a time."
            )
    array = as_floats(images, name)
    if array.ndim == 4 and array.shape[-1] == 1:
        array = array[..., 0]
    if array.ndim != 3:
        mend = {2: f"Of one image pass {name}[None].", 4: f"Choose a channel, such as {name}[..., 0]."}
        raise ValueError(
            f"{name} must be of shape (n, height, width). Received: shape {array.shape}. "
            f"{mend.get(array.ndim, 'Mind the number of axes.')}"
        )
    require_finite(array, name, PIXELS, GAPS_OF_IMAGES)
    return array


def as_pixels(pixels: Any, name: str = "pixels") -> np.ndarray:
    """Read one image of streaks as finite floats `(times, columns)`.

    Args:
        pixels: `(times, columns)`, electrons.
        name: What to call them.

    Raises:
        ValueError: for another shape, what holds no numbers, and NaN or infinity.
    """
    array = as_floats(pixels, name)
    if array.ndim != 2:
        mend = " Pass one image at a time." if array.ndim == 3 else ""
        raise ValueError(f"{name} must be of shape (times, columns). Received: shape {array.shape}.{mend}")
    require_finite(array, name, PIXELS[1:], GAPS_OF_IMAGES)
    return array


def as_curves(curves: Any, name: str = "curves", *, least: int = 1) -> np.ndarray:
    """Read light curves as finite floats `(n, times)`; of an empty list the shape is `(0, least)`.

    Args:
        curves: `(n, times)`, with or without a last axis of one channel.
        name: What to call them.
        least: Samples that a curve must have.

    Raises:
        ValueError: for another shape, fewer samples, what holds no numbers, and NaN or infinity.
    """
    if is_empty(curves):
        return np.zeros((0, max(least, *np.shape(curves)[1:2], 0)))
    array = as_floats(curves, name)
    if array.ndim == 3 and array.shape[-1] == 1:
        array = array[..., 0]
    if array.ndim != 2:
        mend = {1: f"Of one light curve pass {name}[None].", 3: "Of strips take the light curves, Streaks.curves."}
        raise ValueError(
            f"{name} must be of shape (n, times). Received: shape {array.shape}. "
            f"{mend.get(array.ndim, 'Mind the number of axes.')}"
        )
    if array.shape[1] < least:
        raise ValueError(
            f"{name} must have {count(least, 'sample')} or more each. Received: shape {array.shape}. "
            "Pass longer light curves."
        )
    require_finite(array, name, ("curve", "sample"), GAPS_OF_CURVES)
    return array


def is_empty(values: Any) -> bool:
    """Say whether this is a sequence, or an array, of no rows."""
    return hasattr(values, "__len__") and len(values) == 0
