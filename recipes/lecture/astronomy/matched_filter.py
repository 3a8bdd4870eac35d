"""The baseline: a matched filter, which is the best linear way to find a known shape in white noise.

A bank of short arcs, straight and bent, each with a Gaussian across, is laid over every place of a clipped image; where
one answers most, its box is drawn. What it cannot know is what else is long and thin.
Reference: G. L. Turin (1960), An introduction to matched filters.
"""

from dataclasses import dataclass
from itertools import product

import numpy as np
from scipy import fft, ndimage

from recipes.lecture.astronomy.boxes import Detections, precision_recall, suppress
from recipes.lecture.astronomy.echoes import EDGE, Scenes, as_scenes
from recipes.lecture.astronomy.inputs import as_images

ANGLES = 12  # of half a turn
HALF = 47  # pixels, of a template's side
MOST_FOUND = 40  # places an image that are looked at
APART = 7  # pixels, between two of them
# What `tune_filter` tries: every clip, width and bank of lengths with every stretch and overlap.
CLIPS, WIDTHS = (0.3, 0.5, 0.7, 1.0, 2.0), (3.5, 4.5, 5.5)
LENGTHS = ((28.0, 45.0, 65.0), (20.0, 30.0, 40.0, 55.0, 75.0))
STRETCHES, OVERLAPS = (0.6, 0.7, 0.8, 0.9, 1.0), (0.0, 0.05, 0.15)


@dataclass(frozen=True)
class MatchedFilter:
    """A matched filter with its settings, those that `tune_filter` chooses.

    Attributes:
        clip: Pixels beyond so many standard deviations are cut off: stars' residuals then weigh little.
        width: One sigma across a template, pixels.
        lengths: Of the templates, pixels.
        stretch: How much larger a box is than its template.
        most: Overlap from which the weaker of two detections is left out.
        bends: Curvature of the templates, 1 / pixels; 0 is straight.
    """

    clip: float
    width: float
    lengths: tuple[float, ...]
    stretch: float = 1.0
    most: float = 0.15
    bends: tuple[float, ...] = (-0.015, 0.0, 0.015)

    def find(self, images: np.ndarray) -> list[Detections]:
        """Find the places of each image that answer most, and the boxes of what answers there.

        Args:
            images: `(n, height, width)`, of any unit: the noise is measured on each.

        Returns:
            For each image its detections, whose scores are answers in standard deviations of white noise.

        Raises:
            ValueError: for NaN or infinity, and an image whose noise cannot be measured, as half of it is one value.
        """
        return [self.boxes_of(answer) for answer in self.answers(images)]

    def answers(self, images: np.ndarray) -> list["Answers"]:
        """Lay the bank over every place of each image, and keep where it answers more than all around.

        Raises:
            ValueError: as `find`.
        """
        images = as_images(images)
        levels = [_level_and_noise(image, row) for row, image in enumerate(images)]
        made = [_template(self.width, length, bend, np.pi * k / ANGLES)
                for length, bend, k in product(self.lengths, self.bends, range(ANGLES))]  # fmt: skip
        size = [fft.next_fast_len(side + 2 * HALF, real=True) for side in images.shape[1:]]
        kernels = fft.rfft2(np.stack([kernel[::-1, ::-1] for kernel, _ in made]).astype(np.float32), size)
        boxes = np.stack([box for _, box in made])
        return [
            _strongest(_correlate(_clipped(image, *level, self.clip), kernels, size), boxes)
            for image, level in zip(images, levels, strict=True)
        ]

    def boxes_of(self, answers: "Answers") -> Detections:
        """Draw the boxes of what answers, stretched, without those that overlap a stronger one."""
        around = np.tile(answers.places, 2)
        return suppress(Detections(around + self.stretch * answers.boxes, answers.strengths), self.most)


@dataclass(frozen=True)
class Answers:
    """Where a bank answers: places `(k, 2)` as x and y, strengths in sigmas, and the templates' boxes around 0."""

    places: np.ndarray
    strengths: np.ndarray
    boxes: np.ndarray


def tune_filter(scenes: Scenes) -> MatchedFilter:
    """Choose the settings with the best AP50 on these scenes, which must not be those that the filter is judged on.

    Raises:
        ValueError: for images that `MatchedFilter.find` refuses, and boxes that `as_scenes` does.
    """
    scenes = as_scenes(scenes, square=False)
    best, chosen = -1.0, MatchedFilter(CLIPS[0], WIDTHS[0], LENGTHS[0])
    for clip, width, lengths in product(CLIPS, WIDTHS, LENGTHS):
        answers = MatchedFilter(clip, width, lengths).answers(scenes.images)
        for stretch, most in product(STRETCHES, OVERLAPS):
            tried = MatchedFilter(clip, width, lengths, stretch, most)
            found = [tried.boxes_of(each) for each in answers]
            precision = precision_recall(found, scenes.boxes).average_precision
            if precision > best:
                best, chosen = precision, tried
    return chosen


def _template(width: float, length: float, bend: float, angle: float) -> tuple[np.ndarray, np.ndarray]:
    """Make an arc, of mean 0 and norm 1, and the box of what is bright in it, both around the middle."""
    y, x = np.mgrid[-HALF : HALF + 1, -HALF : HALF + 1].astype(float)
    along, across = x * np.cos(angle) + y * np.sin(angle), y * np.cos(angle) - x * np.sin(angle)
    across = across - 0.5 * bend * (along**2 - length**2 / 24)  # half of its way from end to middle is the place
    light = np.exp(-0.5 * (across / width) ** 2 - (np.abs(along) / (0.5 * length)) ** 6)
    bright = light > EDGE
    rows, columns = np.flatnonzero(bright.any(axis=1)), np.flatnonzero(bright.any(axis=0))
    box = np.array([columns[0], rows[0], columns[-1] + 1, rows[-1] + 1]) - HALF - 0.5
    around = np.exp(-0.5 * (across / (3 * width)) ** 2 - (np.abs(along) / (0.5 * length + 2 * width)) ** 6)
    light -= around * light.sum() / around.sum()  # blind to a sky that is not 0
    return light / np.linalg.norm(light), box


def _level_and_noise(image: np.ndarray, row: int) -> tuple[np.floating, np.floating]:
    """Measure an image's median and the standard deviation of its noise, which a few bright stars do not change."""
    level = np.median(image)
    sigma = 1.4826 * np.median(np.abs(image - level))  # of a Gaussian
    if not sigma > 0:
        raise ValueError(
            f"images must have noise that can be measured. Received: image {row}, half or more of whose pixels are "
            f"{level:g}. Pass images that are not rounded to less than their noise, and leave out those of which the "
            "greater part is masked."
        )
    return level, sigma


def _clipped(image: np.ndarray, level: np.floating, sigma: np.floating, clip: float) -> np.ndarray:
    """Give an image in standard deviations of its noise, and cut it off."""
    return np.clip((image - level) / sigma, -clip, clip).astype(np.float32)


def _correlate(image: np.ndarray, kernels: np.ndarray, size: list[int]) -> np.ndarray:
    """Lay every kernel, as its transform, over every place of an image: `(kernels, height, width)`."""
    answers = fft.irfft2(fft.rfft2(image, size) * kernels, size)
    return answers[:, HALF : HALF + image.shape[0], HALF : HALF + image.shape[1]]


def _strongest(answers: np.ndarray, boxes: np.ndarray) -> Answers:
    """Find where the strongest answer is larger than all around it."""
    strongest = answers.max(axis=0)
    rows, columns = np.nonzero(strongest == ndimage.maximum_filter(strongest, APART))
    order = np.argsort(-strongest[rows, columns], kind="stable")[:MOST_FOUND]
    rows, columns = rows[order], columns[order]
    which = answers[:, rows, columns].argmax(axis=0)
    return Answers(np.stack([columns, rows], axis=1) + 0.5, strongest[rows, columns].astype(float), boxes[which])
