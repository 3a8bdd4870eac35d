"""How good are detections? Overlap of boxes, non-maximum suppression, precision against recall, average precision.

Boxes are rows of left, top, right and bottom, of one unit throughout.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from cheatsheet.common.arguments import known_arguments_only


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


def overlap(boxes: np.ndarray, others: np.ndarray) -> np.ndarray:
    """Divide the area that two boxes share by the area of their union (IoU), for each of one with each of the other.

    Args:
        boxes: `(a, 4)`.
        others: `(b, 4)`.

    Returns:
        `(a, b)`, from 0 to 1; 0 also for boxes without area.

    >>> overlap(np.array([[0, 0, 2, 2]]), np.array([[1, 0, 3, 2], [5, 5, 6, 6]])).round(3).tolist()
    [[0.333, 0.0]]
    """
    boxes, others = np.reshape(boxes, (-1, 1, 4)).astype(float), np.reshape(others, (1, -1, 4)).astype(float)
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
    """
    order = np.argsort(-found.scores, kind="stable")
    boxes, scores, kept = found.boxes[order], found.scores[order], []
    free = np.ones(len(boxes), bool)
    for i in range(len(boxes)):
        if free[i]:
            kept.append(i)
            free &= overlap(boxes[i], boxes)[0] <= most
    return Detections(boxes[kept].reshape(-1, 4), scores[kept])


@known_arguments_only
def precision_recall(found: Sequence[Detections], boxes: Sequence[np.ndarray], least: float = 0.5) -> PrecisionRecall:
    """Compare detections with the true boxes, by the all-point definition of average precision.

    From the surest to the least sure of all images, a detection is true where the true box that it overlaps most does
    so by `least` or more and has not been found before; a second detection of one box is false. The precision at a
    recall is the largest at that recall or any larger, and its area over the recall from 0 to 1 is the average.

    Args:
        found: Detections of each image.
        boxes: True boxes `(k, 4)` of each image.
        least: Overlap (IoU) that counts; 0.5 for AP50.

    Returns:
        The curve and its area.

    Raises:
        ValueError: where the images do not match, or there is no true box at all.

    Reference: M. Everingham et al. (2010), The PASCAL Visual Object Classes challenge; all points as since 2010.
    """
    if len(found) != len(boxes):
        raise ValueError(f"One item of found and one of boxes for each image. Received: {len(found)} and {len(boxes)}.")
    num_true = sum(len(each) for each in boxes)
    if not num_true:
        raise ValueError("Recall needs a box to find. Received: boxes without any.")
    image = np.repeat(np.arange(len(found)), [len(each.scores) for each in found])
    scores = np.concatenate([each.scores for each in found])
    true = np.concatenate([_true_ones(each, truth, least) for each, truth in zip(found, boxes, strict=True)])
    order = np.lexsort((image, -scores))
    hits = np.cumsum(true[order])
    precision, recall = hits / np.arange(1, len(hits) + 1), hits / num_true
    envelope = np.maximum.accumulate(precision[::-1])[::-1]
    area = float(np.sum(np.diff(recall, prepend=0.0) * envelope))
    return PrecisionRecall(precision, recall, scores[order], area, num_true)


def _true_ones(found: Detections, boxes: np.ndarray, least: float) -> np.ndarray:
    """Say of each detection in an image whether it is true, in the order of `found`."""
    true, taken = np.zeros(len(found.scores), bool), np.zeros(len(boxes), bool)
    if not len(boxes):
        return true
    overlaps = overlap(found.boxes, boxes)
    for i in np.argsort(-found.scores, kind="stable"):
        best = overlaps[i].argmax()
        if overlaps[i, best] >= least and not taken[best]:
            true[i] = taken[best] = True
    return true
