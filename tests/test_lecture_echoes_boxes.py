"""Overlap, suppression and average precision, against numbers worked out by hand."""

import numpy as np
import pytest
from conftest import refused

from recipes.lecture.astronomy.boxes import Detections, overlap, precision_recall, suppress


def found(*rows):
    """Detections of one image, each as left, top, right, bottom and score."""
    rows = np.array(rows, float).reshape(-1, 5)
    return Detections(rows[:, :4], rows[:, 4])


SQUARE = np.array([[0, 0, 10, 10]])


@pytest.mark.parametrize(
    ("box", "by_hand"),
    [
        ([0, 0, 10, 10], 1),
        ([5, 0, 15, 10], 50 / 150),
        ([5, 5, 15, 15], 25 / 175),
        ([2, 3, 6, 8], 20 / 100),  # inside
        ([10, 0, 20, 10], 0),  # an edge in common
        ([20, 20, 30, 30], 0),
        ([4, 4, 4, 9], 0),  # without area
        ([8, 8, 3, 3], 0),  # turned inside out
    ],
)
def test_overlap_by_hand(box, by_hand):
    assert overlap(SQUARE, np.array([box])) == pytest.approx(np.array([[by_hand]]))
    assert overlap(np.array([box]), SQUARE) == pytest.approx(np.array([[by_hand]]))


def test_overlap_counts_pixels():
    rng = np.random.default_rng(0)
    corners = rng.integers(0, 12, (2, 30, 2))
    boxes = np.concatenate([corners.min(axis=0), corners.max(axis=0) + 1], axis=1)
    y, x = np.indices((13, 13))
    masks = np.array([(x >= left) & (x < right) & (y >= top) & (y < bottom) for left, top, right, bottom in boxes])
    counted = [[(a & b).sum() / (a | b).sum() for b in masks] for a in masks]
    np.testing.assert_allclose(overlap(boxes, boxes), counted)
    assert overlap(np.zeros((0, 4)), boxes).shape == (0, 30)


def test_of_overlapping_boxes_the_surest_stays():
    detections = found([1, 0, 11, 10, 0.6], [0, 0, 10, 10, 0.9], [6, 0, 16, 10, 0.7], [40, 0, 50, 10, 0.1])
    kept = suppress(detections, most=0.45)  # 0.82 is too much, 0.25 is not; the third overlaps the first by 1/3
    assert kept.scores.tolist() == [0.9, 0.7, 0.1]
    assert kept.boxes[0].tolist() == [0, 0, 10, 10]
    assert suppress(detections, most=0.2).scores.tolist() == [0.9, 0.1]
    assert suppress(found(), 0.5).boxes.shape == (0, 4)


def test_what_a_suppressed_box_overlaps_is_not_suppressed_by_it():
    chain = found([0, 0, 10, 10, 0.9], [4, 0, 14, 10, 0.8], [8, 0, 18, 10, 0.7])  # neighbours overlap by 3/7
    assert suppress(chain, most=0.4).scores.tolist() == [0.9, 0.7]


def far(k):
    """A box of its own place."""
    return [20 * k, 0, 20 * k + 10, 10]


class TestAveragePrecision:
    def test_by_hand(self):
        """True, false, true, false, true, of four boxes: 1/4 x (1 + 2/3 + 3/5)."""
        boxes = [np.array([far(0), far(1), far(2), far(3)])]
        curve = precision_recall(
            [found([*far(0), 0.9], [*far(7), 0.8], [*far(1), 0.7], [*far(8), 0.6], [*far(2), 0.5])], boxes
        )
        np.testing.assert_allclose(curve.precision, [1, 1 / 2, 2 / 3, 2 / 4, 3 / 5])
        np.testing.assert_allclose(curve.recall, [1 / 4, 1 / 4, 2 / 4, 2 / 4, 3 / 4])
        assert curve.average_precision == pytest.approx((1 + 2 / 3 + 3 / 5) / 4)
        assert (curve.num_true, curve.scores.tolist()) == (4, [0.9, 0.8, 0.7, 0.6, 0.5])

    def test_a_later_rise_lifts_what_is_before(self):
        """False, true, true, of two boxes: precision 0, 1/2, 2/3; the envelope is 2/3 all the way."""
        curve = precision_recall([found([*far(5), 3], [*far(0), 2], [*far(1), 1])], [np.array([far(0), far(1)])])
        assert curve.average_precision == pytest.approx(2 / 3)
        assert [curve.precision_at(recall) for recall in (0.3, 1.0, 1.1)] == pytest.approx([2 / 3, 2 / 3, 0])

    def test_a_box_is_found_once(self):
        curve = precision_recall([found([*far(0), 0.9], [*far(0), 0.8])], [np.array([far(0)])])
        assert curve.precision.tolist() == [1, 0.5]
        assert curve.average_precision == 1

    def test_a_surer_one_takes_the_box_though_another_fits_better(self):
        curve = precision_recall([found([0, 0, 10, 8, 0.9], [0, 0, 10, 10, 0.8])], [SQUARE])
        assert curve.precision.tolist() == [1, 0.5]

    @pytest.mark.parametrize(("right", "true"), [(20, True), (20.1, False)])
    def test_half_the_union_counts(self, right, true):
        assert precision_recall([found([0, 0, right, 10, 1])], [SQUARE]).average_precision == true

    def test_scores_are_compared_across_images_and_boxes_are_not(self):
        boxes = [SQUARE, np.array([far(3)])]
        curve = precision_recall([found([*far(3), 0.9]), found([*far(3), 0.8])], boxes)
        assert curve.recall.tolist() == [0, 0.5]
        assert curve.average_precision == pytest.approx(0.25)

    def test_nothing_found_is_worth_nothing(self):
        curve = precision_recall([found()], [SQUARE])
        assert (curve.average_precision, curve.precision_at(0)) == (0, 0)

    def test_an_image_without_a_box_has_false_ones_alone(self):
        curve = precision_recall([found([*far(0), 0.9]), found([*far(0), 0.8])], [np.zeros((0, 4)), SQUARE])
        assert curve.average_precision == 0.5

    def test_scores_alone_decide_the_order(self, rng):
        boxes = [np.array([far(k) for k in range(6)])]
        rows = np.array([[*far(k), score] for k, score in zip(range(3, 12), rng.permutation(9), strict=True)])
        turned = precision_recall([found(*rng.permutation(rows))], boxes)
        assert turned.average_precision == precision_recall([found(*rows)], boxes).average_precision > 0

    def test_refusals(self):
        with refused("One item of found and one of boxes for each image. Received: 1 and 2."):
            precision_recall([found()], [SQUARE, SQUARE])
        with refused("Recall needs a box to find. Received: boxes without any."):
            precision_recall([found([*far(0), 1])], [np.zeros((0, 4))])
