"""How good are detections? Overlap of boxes, non-maximum suppression, precision against recall, average precision.

Boxes are rows of left, top, right and bottom, of one unit throughout.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from cheatsheet.common.arguments import known_arguments_only
from cheatsheet.common.words import count
from recipes.lecture.astronomy.inputs import as_floats, is_empty, require_finite

SIDES = "left, top, right, bottom"


@dataclass(frozen=True)
class Detections:
    """What a detector found in one image, of any order.

    Attributes:
        boxes: `(k, 4)`: left, top, right, bottom.
        scores: `(k,)`, larger where it is surer.
    """

    boxes: np.ndarray
    scores: np.ndarray


@dataclass(frozen=True)
class PrecisionRecall:
    """Precision and recall as ever less sure detections count, and the area below.

    Attributes:
        precision: `(m,)`, true ones among those that count.
        recall: `(m,)`, found ones among all true boxes.
        scores: `(m,)`, falling; that of the last detection that counts.
        average_precision: The area under the all-point envelope; AP50 where the overlap is 0.5.
        num_true: All true boxes.
    """

    precision: np.ndarray
    recall: np.ndarray
    scores: np.ndarray
    average_precision: float
    num_true: int

    def precision_at(self, recall: float) -> float:
        """Give the best precision with which at least this part is found; 0 where it never is.

        >>> PrecisionRecall(np.array([1.0, 0.5]), np.array([0.5, 1.0]), np.array([2, 1]), 0.75, 2).precision_at(0.7)
        0.5
        """
        reached = self.precision[self.recall >= recall]
        return float(reached.max()) if len(reached) else 0.0


def as_boxes(boxes: Any, name: str = "boxes", *, size: tuple[int, int] | None = None, area: bool = True) -> np.ndarray:
    """Read the boxes of one image, an array or a list, as finite floats `(k, 4)`; an empty list is no box.

    Args:
        boxes: Left, top, right, bottom of each.
        name: What to call them in errors.
        size: Width and height of the image, of which a box must have a part; `None` for any place.
        area: Whether a box must have some, its right side right of its left one and its bottom below its top.

    Raises:
        ValueError: for another number of columns, NaN or infinity, and boxes without area or outside of the image.
    """
    if is_empty(boxes):
        return np.zeros((0, 4))
    array = as_floats(boxes, name).astype(float)
    if array.ndim != 2 or array.shape[1] != 4:
        mend = f" Of one box pass [{name}]." if array.shape == (4,) else ""
        if array.ndim == 2 and array.shape[1] > 4:
            mend = f" Leave scores and classes out: {name}[:, :4], where the sides come first."
        raise ValueError(f"{name} must be of shape (k, 4): {SIDES}. Received: shape {array.shape}.{mend}")
    require_finite(array, name, ("box", "side"), "Mend the box, or leave it out.")
    if area:
        must = f"{name} must be {SIDES}, with right > left and bottom > top."
        mend = "Of x, y, width and height, as COCO has them, pass x, y, x + width, y + height."
        _require_all(array, (array[:, 2:] > array[:, :2]).all(axis=1), must, "without such an area", mend)
    if size is not None:
        inside = ((array[:, :2] < size) & (array[:, 2:] > 0)).all(axis=1)
        must = f"{name} must lie in the image of {size[0]} x {size[1]} pixels, at least in part."
        mend = "Give pixels from the image's upper left corner; leave out what is not in the image."
        _require_all(array, inside, must, "outside of it", mend)
    return array


def as_boxes_of_images(boxes: Any, name: str = "boxes", *, size: tuple[int, int] | None = None) -> list[np.ndarray]:
    """Read the true boxes of several images, each as `as_boxes` does.

    Args:
        boxes: Of each image `(k, 4)`, an array or a list.
        name: What to call all of them.
        size: Width and height of the images in pixels, where it is known.

    Raises:
        ValueError: as `as_boxes`; for boxes that all lie between 0 and 1, which are parts of an image and no pixels.
    """
    if not isinstance(boxes, Iterable) or isinstance(boxes, str | bytes):
        raise ValueError(f"{name} must hold the boxes (k, 4) of each image. Received: {boxes!r}.")
    items = list(boxes)
    if items and all(_is_row(each) for each in items):
        raise ValueError(
            f"{name} must hold the boxes (k, 4) of each image. Received: those of one, {count(len(items), 'row')}. "
            f"Of one image pass [{name}]."
        )
    found = [as_boxes(each, f"{name}[{row}]", size=size) for row, each in enumerate(items)]
    if size is not None and min(size) > 1 and are_parts(found):
        raise ValueError(
            f"{name} must be in pixels of the image, {size[0]} x {size[1]}. Received: {SIDES} between 0 and 1 alone. "
            "Multiply left and right by the width, top and bottom by the height."
        )
    return found


def are_parts(boxes: Sequence[np.ndarray]) -> bool:
    """Say whether there are boxes, all of them between 0 and 1: parts of an image's sides in place of pixels."""
    together = np.concatenate([np.zeros((0, 4)), *boxes])
    return len(together) > 0 and bool(together.min() >= 0 and together.max() <= 1)


def _is_row(values: Any) -> bool:
    """Say whether these are plain numbers side by side, as one box is."""
    if isinstance(values, list | tuple):
        return len(values) > 0 and all(np.isscalar(value) for value in values)
    return getattr(values, "ndim", None) == 1 and len(values) > 0


def _require_all(boxes: np.ndarray, good: Any, must: str, otherwise: str, mend: str) -> None:
    """Refuse boxes of which some are not as they must be; show the first."""
    if good.all():
        return
    first = ", ".join(f"{value:g}" for value in boxes[good.argmin()])
    raise ValueError(
        f"{must} Received: {int((~good).sum())} of {len(boxes)} boxes {otherwise}, the first [{first}]. {mend}"
    )


def overlap(boxes: np.ndarray, others: np.ndarray) -> np.ndarray:
    """Divide the area that two boxes share by the area of their union (IoU), for each of one with each of the other.

    Args:
        boxes: `(a, 4)`.
        others: `(b, 4)`.

    Returns:
        `(a, b)`, from 0 to 1; 0 also for boxes without area.

    Raises:
        ValueError: for what is not four finite sides a box.

    >>> overlap(np.array([[0, 0, 2, 2]]), np.array([[1, 0, 3, 2], [5, 5, 6, 6]])).round(3).tolist()
    [[0.333, 0.0]]
    """
    one, other = (each if is_empty(each) else np.atleast_2d(as_floats(each, "boxes")) for each in (boxes, others))
    return _overlaps(as_boxes(one, area=False), as_boxes(other, "others", area=False))


def _overlaps(boxes: np.ndarray, others: np.ndarray) -> np.ndarray:
    """Do what `overlap` does, of boxes that are known to be such."""
    boxes, others = boxes[:, None], others[None]
    sides = np.minimum(boxes[..., 2:], others[..., 2:]) - np.maximum(boxes[..., :2], others[..., :2])
    shared = np.clip(sides, 0, None).prod(axis=2)
    union = _area(boxes) + _area(others) - shared
    return np.divide(shared, union, out=np.zeros_like(shared), where=union > 0)


def _area(boxes: np.ndarray) -> np.ndarray:
    return np.clip(boxes[..., 2:] - boxes[..., :2], 0, None).prod(axis=-1)


def suppress(found: Detections, most: float = 0.45) -> Detections:
    """Keep of detections that overlap the surest alone (non-maximum suppression).

    Args:
        found: In one image.
        most: A detection that overlaps a surer one that is kept by more is left out.

    Returns:
        Those that stay, the surest first.

    Raises:
        ValueError: for boxes or scores that are not finite, or not as many.
    """
    found = _known(found, "found")
    order = np.argsort(-found.scores, kind="stable")
    boxes, scores, kept = found.boxes[order], found.scores[order], []
    free = np.ones(len(boxes), bool)
    for i in range(len(boxes)):
        if free[i]:
            kept.append(i)
            free &= _overlaps(boxes[i : i + 1], boxes)[0] <= most
    return Detections(boxes[kept].reshape(-1, 4), scores[kept])


@known_arguments_only
def precision_recall(found: Sequence[Detections], boxes: Sequence[np.ndarray], least: float = 0.5) -> PrecisionRecall:
    """Compare detections with the true boxes, by the all-point definition of average precision.

    From the surest to the least sure of all images, a detection is true where the true box that it overlaps most does
    so by `least` or more and has not been found before; a second detection of one box is false, also where it overlaps
    another box by `least` that none has found. The precision at a recall is the largest at that recall or any larger,
    and its area over the recall from 0 to 1 is the average.

    Args:
        found: Detections of each image.
        boxes: True boxes `(k, 4)` of each image.
        least: Overlap (IoU) that counts; 0.5 for AP50.

    Returns:
        The curve and its area.

    Raises:
        ValueError: where the images do not match, or there is no true box at all; for boxes and scores that are not
            finite, true boxes without area, and those between 0 and 1 where what was found is in pixels.

    Reference: M. Everingham et al. (2010), The PASCAL Visual Object Classes challenge; all points as since 2010.
    """
    if len(found) != len(boxes):
        raise ValueError(f"One item of found and one of boxes for each image. Received: {len(found)} and {len(boxes)}.")
    truths = as_boxes_of_images(boxes)
    num_true = sum(len(each) for each in truths)
    if not num_true:
        raise ValueError("Recall needs a box to find. Received: boxes without any.")
    found = [_known(each, f"found[{row}]") for row, each in enumerate(found)]
    if are_parts(truths) and any(len(each.boxes) for each in found) and not any(_lie_in_1(each) for each in found):
        raise ValueError(
            "found and boxes must have one unit. Received: boxes between 0 and 1 alone, and none such in found. "
            "Give both in pixels."
        )
    image = np.repeat(np.arange(len(found)), [len(each.scores) for each in found])
    scores = np.concatenate([each.scores for each in found])
    true = np.concatenate([_true_ones(each, truth, least) for each, truth in zip(found, truths, strict=True)])
    order = np.lexsort((image, -scores))
    hits = np.cumsum(true[order])
    precision, recall = hits / np.arange(1, len(hits) + 1), hits / num_true
    envelope = np.maximum.accumulate(precision[::-1])[::-1]
    area = float(np.sum(np.diff(recall, prepend=0.0) * envelope))
    return PrecisionRecall(precision, recall, scores[order], area, num_true)


def _known(found: Any, name: str) -> Detections:
    """Refuse what is no detections of one image with finite sides and a finite score each."""
    if not (hasattr(found, "boxes") and hasattr(found, "scores")):
        raise ValueError(
            f"{name} must be the Detections of one image. Received: {type(found).__name__}. "
            "Expected Detections(boxes, scores), with boxes (k, 4) and scores (k,)."
        )
    boxes = as_boxes(found.boxes, f"{name}.boxes", area=False)
    scores = np.zeros(0) if is_empty(found.scores) else as_floats(found.scores, f"{name}.scores")
    if scores.shape != (len(boxes),):
        raise ValueError(
            f"{name} must have one score for each box. Received: boxes of shape {boxes.shape}, scores of shape "
            f"{scores.shape}."
        )
    require_finite(scores, f"{name}.scores", ("box",), "Leave such detections out.")
    return Detections(boxes, scores)


def _lie_in_1(found: Detections) -> bool:
    """Say whether any detection lies between 0 and 1."""
    return bool(((found.boxes >= 0) & (found.boxes <= 1)).all(axis=1).any())


def _true_ones(found: Detections, boxes: np.ndarray, least: float) -> np.ndarray:
    """Say of each detection in an image whether it is true, in the order of `found`."""
    true, taken = np.zeros(len(found.scores), bool), np.zeros(len(boxes), bool)
    if not len(boxes):
        return true
    overlaps = _overlaps(found.boxes, boxes)
    for i in np.argsort(-found.scores, kind="stable"):
        best = overlaps[i].argmax()
        if overlaps[i, best] >= least and not taken[best]:
            true[i] = taken[best] = True
    return true
