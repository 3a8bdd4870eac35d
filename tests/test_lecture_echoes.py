"""Simulated light echoes: the scenes, the filter on shapes that it knows, the detector's parts, and the comparison."""

import numpy as np
import pytest
from conftest import refused
from processes import run_python

from recipes import fit
from recipes.lecture.astronomy import echoes as simulator
from recipes.lecture.astronomy.boxes import Detections, overlap, precision_recall
from recipes.lecture.astronomy.detector import CellBoxes, build_detector, cell_targets, find, shifted, turned
from recipes.lecture.astronomy.echoes import BRIGHTEST, EDGE, FAINTEST, SIDE, Scenes, simulate_echoes
from recipes.lecture.astronomy.light_echoes import (
    ATTENTION,
    FILTER,
    TUNED,
    Judged,
    LightEchoes,
    compare_detectors,
    judge_without_streaks,
    split_scenes,
)
from recipes.losses import Detection
from recipes.plots import plot_detections, plot_precision_recall, plot_scene


def box_of(light):
    """Left, top, right, bottom of what is brighter than the edge of an echo."""
    rows, columns = (np.flatnonzero((light > EDGE * light.max()).any(axis=axis)) for axis in (1, 0))
    return [columns[0], rows[0], columns[-1] + 1, rows[-1] + 1]


class TestSimulator:
    def test_a_scene_depends_on_its_seed_and_number_alone(self):
        three, two, others = simulate_echoes(3, seed=7), simulate_echoes(2, seed=7), simulate_echoes(3, seed=8)
        np.testing.assert_array_equal(three.images[:2], two.images)
        np.testing.assert_array_equal(three.boxes[1], two.boxes[1])
        assert not (three.images == others.images).any()
        assert (three.images.dtype, three.images.shape) == (np.float32, (3, SIDE, SIDE))

    def test_the_noise_is_the_unit(self):
        images = simulate_echoes(6, seed=3).images
        steps = images[:, :, 1::2] - images[:, :, ::2]  # between neighbours, which share what is diffuse
        spread = 1.4826 * np.median(np.abs(steps), axis=(1, 2)) / np.sqrt(2)
        np.testing.assert_allclose(spread, 1, atol=0.05)  # stars are in some

    def test_an_echo_fills_its_box_and_is_as_bright_as_said(self):
        rng, made = np.random.default_rng(0), []
        while len(made) < 20:
            light, box = simulator.echo(rng)
            if box is not None:
                assert box.tolist() == box_of(light)
                assert (box[2:] - box[:2]).min() >= 6
                made.append(light.max())
        assert FAINTEST <= min(made) < max(made) <= BRIGHTEST

    def test_boxes_lie_in_the_image_and_apart(self):
        for boxes in simulate_echoes(10, seed=2).boxes:
            assert len(boxes) >= 1
            assert boxes.min() >= 0
            assert boxes.max() <= SIDE
            assert overlap(boxes, boxes)[~np.eye(len(boxes), dtype=bool)].sum() == 0

    def test_a_streak_is_straight_and_crosses_the_field(self):
        light = simulator.streak(np.random.default_rng(1))
        ridge = np.argwhere(light > 0.8 * light.max())
        _, (long, short), _ = np.linalg.svd(ridge - ridge.mean(axis=0), full_matrices=False)
        assert short < 0.05 * long

    def test_scenes_without_streaks_have_none(self):
        """Rows and columns are quiet on the whole: no line of pixels is bright from edge to edge."""
        with_some, without = (simulate_echoes(8, seed=2, most_streaks=most).images for most in (2, 0))
        bright = [np.mean(images > 3) for images in (with_some, without)]
        assert bright[1] < 0.7 * bright[0]

    def test_subtracted_stars_leave_both_signs(self):
        left = simulator.star_residuals(np.random.default_rng(0))
        assert left.min() < -3
        assert left.max() > 3
        assert np.median(np.abs(left)) < 0.01  # and nothing between the stars

    def test_smooth_noise_is_of_unit_variance_and_smooth(self):
        noise = simulator.smooth_noise(np.random.default_rng(0), (64, 64), 5)
        assert (noise.mean(), noise.std()) == pytest.approx((0, 1))
        assert np.diff(noise).std() < 0.3

    def test_refusals(self):
        with refused("num_scenes must be a whole number of at least 1. Received: num_scenes=0."):
            simulate_echoes(0)


def bar(angle, length=45.0, middle=(80.0, 110.0), width=3.5):
    """A straight, even arc of a known place, and its box."""
    y, x = np.indices((SIDE, SIDE)) + 0.5
    along = (x - middle[0]) * np.cos(angle) + (y - middle[1]) * np.sin(angle)
    across = (y - middle[1]) * np.cos(angle) - (x - middle[0]) * np.sin(angle)
    light = np.exp(-0.5 * (across / width) ** 2 - (np.abs(along) / (0.5 * length)) ** 6)
    return light, np.array(box_of(light), float)


class TestMatchedFilter:
    @pytest.mark.parametrize("angle", [0, np.pi / 6, np.pi / 2, 3 * np.pi / 4])
    def test_it_finds_its_own_shape_in_noise(self, angle, rng):
        light, box = bar(angle)
        (found,) = TUNED.find(rng.normal(size=(1, SIDE, SIDE)) + 2 * light)
        best = found.scores.argmax()
        assert overlap(found.boxes[best], box).item() > 0.6
        assert found.scores[best] > 2 * np.sort(found.scores)[-2]

    def test_it_is_blind_to_the_sky_and_to_the_unit(self, rng):
        light, _ = bar(0.3)
        image = rng.normal(size=(1, SIDE, SIDE)) + 2 * light
        (found,), (scaled,) = TUNED.find(image), TUNED.find(100 + 7 * image)
        np.testing.assert_allclose(scaled.scores, found.scores, rtol=1e-3)

    def test_noise_alone_answers_as_noise_does(self, rng):
        """Each template's norm is 1, so its answer to noise of deviation s has the deviation s."""
        noise = rng.normal(size=(1, SIDE, SIDE))
        (found,) = TUNED.find(noise)
        deviation = np.clip(noise, -TUNED.clip, TUNED.clip).std()
        assert 3 * deviation < found.scores.max() < 6 * deviation  # the largest of some thousand independent places


def sigmoid(value):
    return 1 / (1 + np.exp(-value))


class TestDetector:
    def test_five_numbers_become_a_confidence_and_a_box(self):
        raw = np.zeros((1, 4, 6, 5), np.float32)
        raw[0, 2, 3] = [1.0, 0.5, -2.0, np.log(2), -np.log(4)]
        out = np.asarray(CellBoxes(stride=8, anchor=32, reach=1)(raw))
        np.testing.assert_allclose(out[0, 0, 0], [0.5, 4 - 16, 4 - 16, 4 + 16, 4 + 16])
        x, y = 8 * (3 - 1 + 3 * sigmoid(0.5)), 8 * (2 - 1 + 3 * sigmoid(-2.0))
        np.testing.assert_allclose(out[0, 2, 3], [sigmoid(1.0), x - 32, y - 4, x + 32, y + 4], rtol=1e-5)

    def test_the_loss_by_hand(self):
        box, half = [0, 0, 10, 10], [0, 0, 10, 5]
        true = np.array([[[[1, *box], [0, 0, 0, 0, 0], [-1, 0, 0, 0, 0]]]], float)
        found = np.array([[[[0.7, *half], [0.2, *box], [0.9, *box]]]])
        sure, quiet = -0.5 * np.log(0.7) - 0.5 * np.log(0.3), -np.log(0.8)  # the box reaches an overlap of 0.5
        by_hand = 0.5 + (0.7 - 0.5) ** 2 * sure + 0.2**2 * quiet
        assert float(Detection()(true, found)) == pytest.approx(by_hand, rel=1e-5)
        assert float(Detection(focus=0)(true, found)) == pytest.approx(0.5 + sure + quiet, rel=1e-5)

    def test_the_loss_s_overlap_is_that_of_the_boxes(self, rng):
        corners = rng.uniform(0, 20, (2, 50, 2))
        boxes = np.concatenate([corners.min(axis=0), corners.max(axis=0)], axis=1)
        reached = overlap(boxes, np.roll(boxes, 1, axis=0)).diagonal()
        true = np.concatenate([np.ones((50, 1)), np.roll(boxes, 1, axis=0)], axis=1).reshape(50, 1, 1, 5)
        found = np.concatenate([reached[:, None], boxes], axis=1).reshape(50, 1, 1, 5)  # as sure as it is right
        np.testing.assert_allclose(np.asarray(Detection(reduction=None)(true, found)), 1 - reached, atol=1e-5)
        assert reached.min() == 0
        assert reached.max() > 0.2

    def test_a_confidence_is_worth_most_where_it_is_the_overlap(self):
        true = np.array([[[[1, 0, 0, 10, 10]]]], float)
        losses = [float(Detection()(true, np.array([[[[c, 0, 0, 10, 8]]]]))) for c in (0.6, 0.7, 0.8, 0.9)]
        assert np.argmin(losses) == 2

    def test_cells_answer_for_the_nearest_middle(self):
        boxes = [np.array([[16.0, 16, 56, 56], [60, 20, 76, 52]]), np.zeros((0, 4))]
        targets = cell_targets(boxes, 96)
        assert targets.shape == (2, 12, 12, 5)
        here = targets[0, ..., 0]
        assert not targets[1].any()
        assert targets[0, 4, 4].tolist() == [1, 16, 16, 56, 56]
        assert targets[0, 4, 8].tolist() == [1, 60, 20, 76, 52]
        assert here[2, 2] == -1  # in the box, two cells from its middle
        assert here[0, 0] == here[11, 11] == 0
        assert set(map(tuple, targets[0][here == 1][:, 1:].tolist())) == {tuple(box) for box in boxes[0].tolist()}

    @pytest.mark.parametrize("change", [turned, lambda scenes: shifted(scenes, 5, seed=1)], ids=["turned", "shifted"])
    def test_boxes_go_with_the_light(self, change):
        light, box = bar(0.4, middle=(70.0, 120.0))
        changed = change(Scenes(light[None], (box[None],)))
        assert len(changed) == len(changed.boxes) > 4
        assert len({boxes.tobytes() for boxes in changed.boxes}) == len(changed)
        for image, boxes in zip(changed.images, changed.boxes, strict=True):
            cut = boxes[(boxes[:, :2] > 0).all(axis=1) & (boxes[:, 2:] < SIDE).all(axis=1)]
            if len(cut):  # whole
                assert cut.tolist() == [box_of(image)]
            inside = np.zeros(image.shape, bool)
            for left, top, right, bottom in boxes.astype(int):
                inside[top:bottom, left:right] = True
            assert image[inside].sum() > 0.4 * light.sum() or not len(boxes)

    def test_each_scene_comes_first_as_it_is(self):
        scenes = simulate_echoes(2, seed=1)
        np.testing.assert_array_equal(turned(scenes).images[::8], scenes.images)
        np.testing.assert_array_equal(shifted(scenes, 3).images[::3], scenes.images)
        assert len({image.tobytes() for image in turned(scenes).images}) == 16

    @pytest.mark.parametrize("attention", [False, True])
    def test_it_has_at_most_a_million_parameters_and_a_box_for_each_cell(self, attention):
        model = build_detector(side=64, attention=attention)
        assert model.count_params() <= 1_000_000
        assert model.output_shape == (None, 8, 8, 5)
        assert isinstance(model.loss, Detection)
        out = np.asarray(model(np.zeros((2, 64, 64, 1))))
        assert ((out[..., 0] > 0) & (out[..., 0] < 1)).all()
        assert (out[..., 3:] > out[..., 1:3]).all()

    def test_attention_is_one_block_more(self):
        plain, attentive = (build_detector(side=64, attention=attention) for attention in (False, True))
        names = {layer.name for layer in attentive.layers} - {layer.name for layer in plain.layers}
        assert names == {"places", "places_normalised", "attention", "attended", "attended_places"}

    def test_a_side_that_it_cannot_divide_is_refused(self):
        with refused("side must be a multiple of 16, by which the network divides it. Received: side=100."):
            build_detector(side=100)

    def test_what_is_found_overlaps_no_more(self):
        model = build_detector(side=64)
        for found in find(model, np.random.default_rng(0).normal(size=(2, 64, 64)), least_score=0.0):
            overlaps = overlap(found.boxes, found.boxes)
            assert overlaps[~np.eye(len(overlaps), dtype=bool)].max() <= 0.4
            assert 1 < len(found.scores) < 64

    @pytest.mark.slow
    def test_it_learns_is_saved_and_loads(self, tmp_path):
        """Bright bars on little noise: a small task that one scene teaches."""
        rng = np.random.default_rng(0)
        light, box = bar(0.4, middle=(30.0, 36.0))
        scenes = turned(Scenes((rng.normal(size=(1, 64, 64)) + 4 * light[:64, :64]).astype(np.float32), (box[None],)))
        model = build_detector(side=64, learning_rate=3e-3)
        run = fit(model, scenes.images[..., None], cell_targets(scenes.boxes, 64), epochs=80, batch_size=8, verbose=0)
        assert run.engine.name == "resident"
        assert run.history["loss"][-1] < 0.4 * run.history["loss"][0]
        curve = precision_recall(find(run.model, scenes.images), scenes.boxes)
        assert curve.average_precision > 0.9
        run.save(tmp_path / "detector")
        np.save(tmp_path / "x.npy", scenes.images[..., None])
        np.save(tmp_path / "found.npy", run.predict(scenes.images[..., None]))
        script = (
            "import numpy as np, recipes; run = recipes.load('detector'); "
            "print(run.model.loss.focus, np.array_equal(run.predict(np.load('x.npy')), np.load('found.npy')))"
        )
        done = run_python("-c", script, cwd=tmp_path)  # which has not imported the detector's module
        assert done.stdout == "2.0 True\n", done.stderr[-2000:]


class TestComparison:
    def test_each_scene_trains_once_and_never_where_it_is_judged(self):
        parts = split_scenes(95, 5, seed=0)
        assert [(len(train), len(test)) for train, test in parts] == [(19, 76)] * 5
        assert sorted(np.concatenate([train for train, _ in parts])) == list(range(95))
        for train, test in parts:
            assert sorted([*train, *test]) == list(range(95))

    @pytest.mark.slow
    def test_a_small_one_to_its_end(self):
        said = []
        found = compare_detectors((FILTER, ATTENTION), splits=1, training_scenes=1, shifts=1, epochs=1, say=said.append)
        assert [line.split(":")[0] for line in said] == ["split 1, matched filter", "split 1, network with attention"]
        test = found.scenes.take(found.splits[0][1])
        again = precision_recall(TUNED.find(test.images), test.boxes)
        assert found.average_precisions(FILTER)[0] == again.average_precision
        run = found.judged[ATTENTION][0].run
        assert run.epochs == run.steps == 1  # eight orientations of one scene
        assert "attention" in {layer.name for layer in run.model.layers}
        clear = simulate_echoes(4, seed=5, most_streaks=0)
        again = precision_recall(TUNED.find(clear.images), clear.boxes).average_precision
        values = judge_without_streaks(found)
        assert values[FILTER].tolist() == [again]
        assert values[ATTENTION].shape == (1,)
        head, _, *rows = str(found).splitlines()
        assert head == "Simulated light echoes: 1 split, each with 1 scene to learn from and 4 to be judged on"
        assert [row.split()[-2:-1] for row in rows][1] == [f"{run.model.count_params():,}"]

    def test_the_table_by_hand(self, made):
        """All found, first or after three false boxes a scene."""
        values = made.average_precisions(FILTER)
        assert made.rows == [
            (FILTER, f"{values.mean():.3f} ± {values.std(ddof=1):.3f}",
             f"{np.median([one.curve.precision.max() for one in made.judged[FILTER]]):.2f}", "", "1"),
            (ATTENTION, "1.000 ± 0.000", "1.00", "", "1"),
        ]  # fmt: skip
        assert "<td>1.000 ± 0.000</td>" in made._repr_html_()

    def test_refusals(self):
        with refused(
            "Unknown method. Received: 'netwerk'. Expected some of matched filter, network, network with attention. "
            "Did you mean 'network'?"
        ):
            compare_detectors(("netwerk",))
        with refused("There are 5 splits. Received: splits=6."):
            compare_detectors(splits=6)
        with refused("splits must be a whole number of at least 1. Received: splits=0."):
            compare_detectors(splits=0)


@pytest.fixture
def made():
    """A comparison whose curves are known: all echoes found, after one false box in each scene."""
    scenes = simulate_echoes(5, seed=9)
    splits = split_scenes(5, 5, seed=0)[:2]

    def judged(test, false):
        boxes = [scenes.boxes[row] for row in test]
        found = [Detections(np.concatenate([np.tile([0, 0, 1, 1], (false, 1)), each]),
                            np.array([0.9] * false + [0.5] * len(each))) for each in boxes]  # fmt: skip
        return Judged(precision_recall(found, boxes), found, 1.0)

    return LightEchoes(scenes, splits, {FILTER: [judged(test, 3) for _, test in splits],
                                        ATTENTION: [judged(test, 0) for _, test in splits]})  # fmt: skip


class TestFigure:
    def test_the_curves_are_the_splits_and_the_lecture_s_point_is_there(self, made):
        ax = plot_precision_recall(made)
        for method in (FILTER, ATTENTION):
            lines = [line for line in ax.lines if line.get_gid() == method]
            for line, judged in zip(lines, made.judged[method], strict=True):
                np.testing.assert_array_equal(line.get_xdata(), judged.curve.recall)
                np.testing.assert_array_equal(line.get_ydata(), judged.curve.precision)
        (point,) = (line for line in ax.lines if line.get_gid() == "lecture")
        assert (point.get_xdata().tolist(), point.get_ydata().tolist()) == ([0.7], [0.8])
        labels = [text.get_text() for text in ax.get_legend().get_texts()]
        assert labels[1] == "network with attention: AP50 1.00 ± 0.00"
        assert labels[2] == "AILE on real fields (slide)"

    def test_boxes_are_drawn_where_they_are(self, made):
        ax = plot_detections(made, ATTENTION, row=1)
        true = made.scenes.boxes[made.splits[0][1][1]]
        for gid in ("true", "found"):
            drawn = [patch.get_bbox().extents.tolist() for patch in ax.patches if patch.get_gid() == gid]
            assert sorted(drawn) == sorted(true.tolist())

    def test_it_says_by_which_method_and_what_its_numbers_are(self, made):
        by_network = plot_detections(made, ATTENTION)
        assert by_network.get_title(loc="left") == (
            "dashed: true; solid: found by the network with attention,\nwith its confidence"
        )
        assert not by_network.get_xlabel()
        by_filter = plot_detections(made, FILTER)
        assert by_filter.get_title(loc="left").endswith("found by the matched filter,\nwith its answer in sigmas")

    def test_of_a_method_that_is_never_precise_the_surest_are_drawn(self, made):
        """As many as there are echoes; three false ones come first in every scene."""
        curve = made.judged[FILTER][0].curve
        assert curve.precision.max() < 0.8
        drawn = 0
        for row in range(4):
            ax = plot_detections(made, FILTER, row)
            drawn += sum(patch.get_gid() == "found" for patch in ax.patches)
            assert ax.get_xlabel() == (
                "precision never reaches 0.80: the surest are shown,\nas many as there are echoes"
            )
        least = curve.scores[curve.num_true - 1]
        assert drawn == (curve.scores >= least).sum() >= curve.num_true > 0

    def test_of_a_method_that_finds_nothing_nothing_is_drawn(self, made):
        nothing = [Detections(np.zeros((0, 4)), np.zeros(0))] * 4
        true = [made.scenes.boxes[row] for row in made.splits[0][1]]
        made.judged[FILTER][0] = Judged(precision_recall(nothing, true), nothing, 1.0)
        assert not [patch for patch in plot_detections(made, FILTER).patches if patch.get_gid() == "found"]

    def test_a_scene_alone(self, made):
        ax = plot_scene(made.scenes.images[0])
        np.testing.assert_array_equal(ax.images[0].get_array(), made.scenes.images[0])
        assert not ax.patches

    def test_all_of_it_on_one_figure(self, made):
        assert len(made.plot().axes) == 3
