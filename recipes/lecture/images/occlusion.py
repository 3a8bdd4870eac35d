"""Which parts of an image a class rests on: its probability, with one part after another hidden."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from cheatsheet.common.arguments import is_whole, known_arguments_only, require_whole
from cheatsheet.common.words import count
from cheatsheet.modelgraph import read
from cheatsheet.modelspec import describe_model
from recipes.lecture.images.reach import BATCH, read_image, require_cnn, run
from recipes.running.show import as_html

PATCH_SHARE = 4  # of the shorter side: a patch hides a quarter of it, about as in the paper's figure 7
PROBABILITIES = ("softmax", "sigmoid")


@dataclass(frozen=True)
class Occlusion:
    """How far a class' probability falls when a part of the image is hidden.

    Attributes:
        image: As the model took it, `(height, width, channels)`.
        target: Number of the class.
        quantity: `"probability"`, or `"output"` where the model's last layer gives none.
        value: Of the whole image.
        falls: `(rows, columns)`, by how much it falls with each patch; negative where it rises.
        tops: Of each row, the first row of the image that the patch hides.
        lefts: Likewise of each column.
        patch: Side of the patch in pixels.
    """

    image: np.ndarray = field(repr=False)
    target: int
    quantity: str
    value: float
    falls: np.ndarray = field(repr=False)
    tops: np.ndarray = field(repr=False)
    lefts: np.ndarray = field(repr=False)
    patch: int

    @property
    def by_pixel(self) -> np.ndarray:
        """The mean fall of the patches that hide each pixel, `(height, width)`."""
        total, times = np.zeros(self.image.shape[:2]), np.zeros(self.image.shape[:2])
        for (row, column), fall in np.ndenumerate(self.falls):
            place = np.s_[
                self.tops[row] : self.tops[row] + self.patch, self.lefts[column] : self.lefts[column] + self.patch
            ]
            total[place] += fall
            times[place] += 1
        return total / np.maximum(times, 1)

    @property
    def worst(self) -> tuple[int, int]:
        """Top and left of the patch that costs most."""
        row, column = np.unravel_index(int(np.argmax(self.falls)), self.falls.shape)
        return int(self.tops[row]), int(self.lefts[column])

    def plot(self) -> Any:
        """Draw the image beside the fall that hiding each part brings; return the matplotlib Figure."""
        from recipes.plots import plot_occlusion

        return plot_occlusion(self)

    def __str__(self) -> str:
        top, left = self.worst
        return (
            f"class {self.target}: {self.quantity} {self.value:.4g}; without the {self.patch}×{self.patch} pixels from "
            f"row {top}, column {left} it falls by {self.falls.max():.4g}"
        )

    def _repr_html_(self) -> str:
        facts = {"class": self.target, self.quantity: f"{self.value:.4g}", "largest fall": f"{self.falls.max():.4g}"}
        return as_html("Occlusion", facts)


@known_arguments_only
def occlusion_map(
    model: Any,
    image: Any,
    target: int | None = None,
    *,
    patch: int | None = None,
    stride: int | None = None,
    fill: float | Sequence[float] | None = None,
) -> Occlusion:
    """Find which parts of an image a class' probability rests on, by hiding one after another.

    Args:
        model: Any built Keras model of images with one output of classes, `(n, classes)`; a single node is the
            probability of class 1.
        image: `(height, width, channels)` in the units that the model takes.
        target: Number of the class; that of the largest output by default.
        patch: Side of the square that is hidden, in pixels; a quarter of the shorter side by default.
        stride: How far it moves; a quarter of the patch by default. The last one ends at the image's edge.
        fill: What is put there, one number or one for each channel; the image's mean by default.

    Raises:
        TypeError: for what is no Keras model.
        ValueError: for an image of another shape than the model's, several outputs, and settings that cannot be.

    References:
        Zeiler and Fergus (2014), Visualizing and understanding convolutional networks, section 4.2 and figure 7.
    """
    model = require_cnn(model, "occlusion_map")
    pixels = read_image(model, image)
    height, width, channels = pixels.shape
    patch = max(1, min(height, width) // PATCH_SHARE) if patch is None else patch
    require_whole("patch", patch, 1)
    stride = max(1, patch // 4) if stride is None else stride
    require_whole("stride", stride, 1)
    if patch > min(height, width):
        raise ValueError(f"A patch of {patch}×{patch} is larger than the image, {height}×{width}. Pass a smaller one.")
    ground = pixels.mean(axis=(0, 1)) if fill is None else np.asarray(fill, np.float32)
    if ground.shape not in ((), (channels,)) or not np.isfinite(ground).all():
        raise ValueError(
            f"fill must be one number, or one for each of {count(channels, 'channel')}. Received: {fill!r}."
        )
    whole = _scores(model, pixels[None])[0]
    target = int(np.argmax(whole)) if target is None else target
    if not is_whole(target, 0) or target >= len(whole):
        raise ValueError(f"The model has {len(whole)} classes, from 0. Received: target={target!r}.")
    tops, lefts = (np.unique([*range(0, side - patch, stride), side - patch]) for side in (height, width))
    places = [(top, left) for top in tops for left in lefts]
    falls = []
    for start in range(0, len(places), BATCH):
        some = places[start : start + BATCH]
        hidden = np.repeat(pixels[None], len(some), axis=0)
        for one, (top, left) in zip(hidden, some, strict=True):
            one[top : top + patch, left : left + patch] = ground
        falls.append(whole[target] - _scores(model, hidden)[:, target])
    return Occlusion(
        pixels, int(target), _quantity(model, whole), float(whole[target]),
        np.concatenate(falls).reshape(len(tops), len(lefts)), tops, lefts, int(patch),
    )  # fmt: skip


def _scores(model: Any, images: np.ndarray) -> np.ndarray:
    """Compute a score of each class for each image; a single node becomes two classes."""
    outputs, _ = run(model, images)
    shape = read(outputs, "shape")
    if shape is None or len(shape) != 2:
        given = f"shape {tuple(shape)}" if shape is not None else f"{len(outputs)} outputs"
        raise ValueError(
            f"The model {model.name!r} gives {given}. Expected one output of classes, (n, classes). "
            "Pass keras.Model(model.input, the output that is meant)."
        )
    scores = np.asarray(outputs, np.float64)
    if scores.shape[1] > 1:
        return scores
    other = 1 - scores if _quantity(model, scores[0]) == "probability" else -scores
    return np.concatenate([other, scores], axis=1)


def _quantity(model: Any, scores: np.ndarray) -> str:
    """Say whether a model's outputs are probabilities: by its last activation, or else by their sum."""
    activation = describe_model(model).outputs[0].activation
    if activation is not None:
        return "probability" if activation in PROBABILITIES else "output"
    in_range = bool((scores >= 0).all() and (scores <= 1).all())
    return "probability" if in_range and (len(scores) == 1 or abs(scores.sum() - 1) < 1e-3) else "output"
