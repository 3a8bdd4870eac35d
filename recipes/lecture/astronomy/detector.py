"""A detector of one class in the manner of YOLO: a grid of cells, each with a confidence and a box, from one network.

The network sees the whole image once, and each cell of 8 x 8 pixels says whether the middle of an object is near, and
where the object ends. Where AILE has anchors for three sizes on three grids, there is one of each: echoes are alike.
Reference: J. Redmon and A. Farhadi (2018), YOLOv3; X. Li et al. (2022), AJ 164, 250 (AILE, which finds light echoes).
"""

from typing import Any

import keras
import numpy as np
from keras import ops

from cheatsheet.common.arguments import known_arguments_only, require_whole
from recipes.build import full_precision
from recipes.lecture.astronomy.boxes import Detections, as_boxes_of_images, suppress
from recipes.lecture.astronomy.echoes import SIDE, Scenes, as_scenes
from recipes.lecture.astronomy.inputs import as_images
from recipes.lecture.images.reach import input_shape, require_cnn
from recipes.losses import Detection
from recipes.seeds import seeded

STRIDE = 8  # pixels, the side of a cell
REACH = 1  # cells around that of the middle, which answer for an object too: with 19 scenes one cell learns little
ANCHOR = 32.0  # pixels, the side of a box whose logarithm is 0
FILTERS = (16, 32, 64, 96)  # of the stages, each of half the resolution of the one before
COARSEST = 2 ** len(FILTERS)  # pixels, the side of a cell of the last stage
CLIP = 2.5  # standard deviations: pixels beyond are cut off, as AILE does; stars are then no signs to know a scene by
NOISE = 1.0  # standard deviations that each step adds to the pixels, so that their own noise is no such sign either
DECAY = 1e-3  # of the weights
MOST_CLIPPED = 0.5  # of an image's pixels: with more beyond the clip they are no standard deviations of its noise
RARE = -2.0  # the first confidence is sigmoid(-2), 0.12: most cells are empty
LEAST_SCORE, MOST_OVERLAP = 0.02, 0.3  # what counts as found at all, and is not the same as a surer one
LEAST_LEFT = 0.4  # of a box's area: what an edge leaves of an echo is still one


@keras.saving.register_keras_serializable(package="recipes")
class CellBoxes(keras.layers.Layer):
    """Turn five numbers a cell, (n, rows, columns, 5), into its confidence and its box in pixels.

    confidence = sigmoid(a); middle = corner of the cell + stride ((1 + 2 r) sigmoid(b) - r), r `reach`, and the same
    with c downwards; width = anchor exp(d), height = anchor exp(e). Gives confidence, left, top, right, bottom.

    Args:
        stride: Pixels of a cell's side.
        anchor: Pixels of a box's side where d or e is 0.
        reach: Cells by which the middle may lie outside.

    Reference: Redmon and Farhadi (2018), figure 2.
    """

    def __init__(self, stride: int = STRIDE, anchor: float = ANCHOR, reach: float = REACH, **options: Any) -> None:
        super().__init__(**options)
        self.stride, self.anchor, self.reach = int(stride), float(anchor), float(reach)

    def call(self, inputs: Any) -> Any:
        rows, columns = inputs.shape[1:3]
        across, down = (ops.arange(size, dtype=inputs.dtype) for size in (columns, rows))
        corners = ops.stack(ops.meshgrid(across, down), axis=-1)  # (rows, columns, 2): x, y
        inside = (1 + 2 * self.reach) * ops.sigmoid(inputs[..., 1:3]) - self.reach
        middle = self.stride * (corners + inside)
        half = 0.5 * self.anchor * ops.exp(ops.clip(inputs[..., 3:], -4, 4))  # e^4 anchors are more than an image
        return ops.concatenate([ops.sigmoid(inputs[..., :1]), middle - half, middle + half], axis=-1)

    def compute_output_shape(self, input_shape: Any) -> Any:
        return input_shape

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "stride": self.stride, "anchor": self.anchor, "reach": self.reach}


@known_arguments_only
def build_detector(
    *, side: int = SIDE, attention: bool = False, learning_rate: Any = 1e-3, dropout: float = 0.2, seed: int | None = 0
) -> keras.Model:
    """Build and compile a detector of one class.

    Four stages of two convolutions, each of half the resolution; what the last has seen goes back to the cells of the
    third, whose last convolution gives five numbers each.

    Args:
        side: Pixels of an image's side, a multiple of 16.
        attention: Whether each place of the last stage also asks all others what they have seen.
        learning_rate: A number or one of Keras' schedules.
        dropout: Part of the last features that each step leaves out.
        seed: Of weights, dropout and noise.

    Returns:
        A compiled Keras model from `(n, side, side, 1)` in standard deviations of the noise to `(n, side / 8, side / 8,
        5)`: confidence, left, top, right, bottom in pixels.

    Raises:
        ValueError: for a side that is no multiple of 16.
    """
    require_side(side)
    layers = keras.layers
    with seeded(seed):
        image = keras.Input((side, side, 1), name="image")
        x = layers.Rescaling(1, offset=CLIP, name="above_the_clip")(image)
        x = layers.ReLU(max_value=2 * CLIP, name="clipped")(x)
        x = layers.Rescaling(1, offset=-CLIP, name="sigmas")(x)
        x = fine = layers.GaussianNoise(NOISE, name="noise")(x)
        for stage, filters in enumerate(FILTERS, 1):
            fine, x = x, _convolve(x, filters, f"down_{stage}", strides=2)
            if stage > 1:
                x = layers.Add(name=f"stage_{stage}")([x, _convolve(x, filters, f"more_{stage}")])
        if attention:
            x = _attend(x)
        x = layers.Concatenate(name="coarse_and_fine")([layers.UpSampling2D(name="up")(x), fine])
        x = layers.SpatialDropout2D(dropout, name="dropout")(_convolve(x, FILTERS[-2], "wide"))
        rare = keras.initializers.Constant([RARE, 0, 0, 0, 0])
        x = layers.Conv2D(5, 1, bias_initializer=rare, name="head", dtype=full_precision())(x)
        model = keras.Model(image, CellBoxes(name="boxes", dtype=full_precision())(x), name="detector")
    model.compile(keras.optimizers.AdamW(learning_rate, weight_decay=DECAY), Detection())
    return model


def require_side(side: int, least: int = COARSEST, divides: str = "the network") -> None:
    """Refuse an image's side that is no multiple of what the network, or its cells, divide it by.

    Args:
        side: Pixels.
        least: What it must be a multiple of.
        divides: What divides it.

    Raises:
        ValueError: saying so.
    """
    require_whole("side", side, least)
    if side % least:
        raise ValueError(f"side must be a multiple of {least}, by which {divides} divides it. Received: side={side}.")


def _convolve(x: Any, filters: int, name: str, **options: Any) -> Any:
    """Add a convolution, normalised, and a ReLU."""
    x = keras.layers.Conv2D(filters, 3, padding="same", use_bias=False, name=f"{name}_convolved", **options)(x)
    x = keras.layers.BatchNormalization(momentum=0.9, name=f"{name}_normalised")(x)  # 0.99 lags in some hundred steps
    return keras.layers.ReLU(name=name)(x)


def _attend(x: Any) -> Any:
    """Let each place take from all others what it asks for, and add it to what it has seen itself."""
    rows, columns, width = x.shape[1:]
    flat = keras.layers.Reshape((rows * columns, width), name="places")(x)
    normed = keras.layers.LayerNormalization(name="places_normalised")(flat)
    taken = keras.layers.MultiHeadAttention(4, width // 4, name="attention")(normed, normed)
    flat = keras.layers.Add(name="attended")([flat, taken])
    return keras.layers.Reshape((rows, columns, width), name="attended_places")(flat)


def cell_targets(boxes: Any, side: int = SIDE) -> np.ndarray:
    """Write boxes into the cells that answer for them, those within one cell of a box's middle.

    Args:
        boxes: Of each image, `(k, 4)`, an array or a list: left, top, right, bottom in pixels. COCO's x, y, width and
            height are x, y, x + width, y + height here.
        side: Of the images, pixels.

    Returns:
        `(n, side / 8, side / 8, 5)` of float32: 1 and the box of the nearest middle, 0 where there is no object, and -1
        for other cells within a box, which are not asked.

    Raises:
        ValueError: for boxes with NaN, without area, with more than four columns, outside of the image, or between 0
            and 1, and for a side that is no multiple of 8.
    """
    require_side(side, STRIDE, "the grid of cells")
    boxes = as_boxes_of_images(boxes, size=(side, side))
    cells = side // STRIDE
    middles = STRIDE * (np.stack(np.meshgrid(np.arange(cells), np.arange(cells)), axis=-1) + 0.5)  # (row, column): x, y
    targets = np.zeros((len(boxes), cells, cells, 5), np.float32)
    for target, each in zip(targets, boxes, strict=True):
        if not len(each):
            continue
        within = (middles[:, :, None] > each[:, :2]) & (middles[:, :, None] < each[:, 2:])  # (row, column, box, x or y)
        target[within.all(axis=-1).any(axis=-1), 0] = -1
        away = np.abs(middles[:, :, None] - (each[:, :2] + each[:, 2:]) / 2).max(axis=-1)  # (row, column, box)
        here = away.min(axis=-1) < STRIDE * (REACH + 0.5)
        target[here, 0] = 1
        target[here, 1:] = each[away.argmin(axis=-1)[here]]
    return targets


def turned(scenes: Scenes) -> Scenes:
    """Give every scene in its eight orientations: four quarter turns, and those of its mirror image.

    Returns:
        Eight times as many, those of a scene one after the other, itself first.

    Raises:
        ValueError: as `as_scenes`.
    """
    scenes = as_scenes(scenes)
    side = scenes.images.shape[1]
    images, boxes = [], []
    for image, each in zip(scenes.images, scenes.boxes, strict=True):
        left, top, right, bottom = each.T
        for now, edges in ((image, (left, top, right, bottom)),
                           (image[:, ::-1], (side - right, top, side - left, bottom))):  # fmt: skip
            for _ in range(4):
                images.append(now)
                boxes.append(np.stack(edges, axis=1))
                left, top, right, bottom = edges
                now, edges = np.rot90(now), (top, side - right, bottom, side - left)
    return Scenes(np.stack(images), tuple(boxes))


def shifted(scenes: Scenes, times: int, seed: int = 0) -> Scenes:
    """Give every scene so many times, first as it is, then shifted; what leaves at an edge comes in at the other.

    A box that is cut at an edge leaves its two parts, of which those stay that hold 0.4 of it or more.

    Returns:
        So many times as many, those of a scene one after the other.

    Raises:
        ValueError: as `as_scenes`; for no times.
    """
    require_whole("times", times, 1)
    require_whole("seed", seed, 0)
    scenes = as_scenes(scenes)
    rng = np.random.default_rng(seed)
    side = scenes.images.shape[1]
    images, boxes = [], []
    for image, each in zip(scenes.images, scenes.boxes, strict=True):
        for number in range(times):
            right, down = rng.integers(0, side, 2) if number else (0, 0)
            images.append(np.roll(image, (down, right), (0, 1)))
            moved = np.concatenate([each + np.tile([right - i, down - j], 2) for i in (0, side) for j in (0, side)])
            cut = np.clip(moved, 0, side)
            left = (cut[:, 2:] - cut[:, :2]).prod(axis=1) / (moved[:, 2:] - moved[:, :2]).prod(axis=1)
            boxes.append(cut[left >= LEAST_LEFT])
    return Scenes(np.stack(images), tuple(boxes))


def find(model: Any, images: np.ndarray, *, least_score: float = LEAST_SCORE) -> list[Detections]:
    """Run a detector on images; of boxes that overlap the surest stays.

    Args:
        model: As `build_detector` makes it, trained; or the `Run` of its training.
        images: `(n, side, side)`, with or without a last axis of one channel, or a list of images; of no image nothing
            is found. In standard deviations of the noise around 0: the network clips them at 2.5, and of raw counts,
            which all lie beyond, it would see nothing.
        least_score: Confidence from which a cell counts.

    Returns:
        For each image what was found, the surest first.

    Raises:
        TypeError: for what is no model.
        ValueError: for a model that is no detector, images of another size than its own, NaN or infinity, and images
            with more than half of the pixels beyond the clip.
    """
    model = _require_detector(model)
    images = as_images(images)
    if not len(images):
        return []
    sizes, wanted = images.shape[1:], input_shape(model)
    if any(want not in (None, have) for want, have in zip(wanted, (*sizes, 1), strict=True)):
        height, width = wanted[:2]
        raise ValueError(
            f"images must be of the size that the model takes, {height} x {width} pixels. Received: {sizes[0]} x "
            f"{sizes[1]}. Cut them to tiles of that size, or train a model with build_detector(side=...) of theirs."
        )
    require_sigmas(images)
    cells = np.asarray(model.predict(images[..., None], batch_size=32, verbose=0)).reshape(len(images), -1, 5)
    counted = [each[each[:, 0] >= least_score].astype(float) for each in cells]
    return [suppress(Detections(each[:, 1:], each[:, 0]), MOST_OVERLAP) for each in counted]


def require_sigmas(images: np.ndarray) -> None:
    """Refuse images most of whose pixels lie beyond the clip, of which a network sees the clip and nothing else.

    Args:
        images: `(n, height, width)`.

    Raises:
        ValueError: saying how many there are, and of the first how many pixels and what median.
    """
    beyond = (np.abs(images) > CLIP).mean(axis=(1, 2))
    bad = np.flatnonzero(beyond > MOST_CLIPPED)
    if len(bad):
        raise ValueError(
            f"images must be in standard deviations of the noise around 0, which the network clips at {CLIP}. "
            f"Received: {len(bad)} of {len(images)} images with more than half of the pixels beyond; of image {bad[0]} "
            f"it is {beyond[bad[0]]:.0%}, and the median {np.median(images[bad[0]]):.4g}. Subtract each image's "
            "median, and divide by 1.4826 times the median distance from it."
        )


def _require_detector(model: Any) -> keras.Model:
    """Refuse what is no model, nor a run of one, that gives a confidence and a box for each cell."""
    model = require_cnn(model, "find")
    shape = getattr(model, "output_shape", None)
    if not isinstance(shape, tuple) or len(shape) != 4 or shape[-1] != 5:
        raise ValueError(
            f"The model {model.name!r} gives {shape}. Expected a detector, which gives (n, rows, columns, 5): a "
            "confidence and a box for each cell. Build it by build_detector, and train it."
        )
    return model
