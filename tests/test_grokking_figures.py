"""What the figure of a run shows: the curves, four moments with their names, the embedding from one side."""

from itertools import combinations

import numpy as np
import pytest
from conftest import refused
from grokking import QUICK, history

from recipes import grok
from recipes.grokking.fourier import circle_plane
from recipes.grokking.networks import Network
from recipes.plots import plot_embedding, plot_grokking
from recipes.plots.grokking import FEW, four_moments, moment_name


class TestMoments:
    """Which four evaluations the figure shows, and what it calls them."""

    @staticmethod
    def shown(*rows):
        of = history(*rows)
        return [(of["step"][at], moment_name(of, at)) for at in four_moments(of)]

    def test_grokking(self):
        rows = [(0, 0, 0), (100, 1, 0), (200, 1, 0), (300, 1, 0), *((k, 1, 1) for k in range(400, 501, 25))]
        assert self.shown(*rows) == [
            (0, "start"), (100, "memorised"), (200, "not generalised yet"), (400, "generalised")
        ]  # fmt: skip

    def test_comprehension(self):
        learnt = [(k, 1, 1) for k in range(400, 501, 25)]
        together = [(0, 0, 0), (200, 0, 0), *learnt]
        assert self.shown(*together) == [(0, "start"), *[(400, "memorised, generalised")] * 3]
        backwards = [(0, 0, 0), *((k, 0, 1) for k in range(100, 201, 25)), (400, 1, 1)]
        assert self.shown(*backwards) == [
            (0, "start"), (100, "generalised"), (200, "not memorised yet"), (400, "memorised, end")
        ]  # fmt: skip
        never = [(0, 0, 0), *((k, 0.5, 1) for k in range(100, 201, 25)), (400, 0.5, 1)]
        assert self.shown(*never) == [
            (0, "start"), (100, "generalised"), (200, "not memorised"), (400, "end, not memorised")
        ]  # fmt: skip

    def test_memorisation(self):
        rows = [(0, 0, 0), (50, 0.5, 0), (100, 1, 0), (200, 1, 0), (400, 1, 0)]
        assert self.shown(*rows) == [
            (0, "start"), (100, "memorised"), (200, "not generalised"), (400, "end, not generalised")
        ]  # fmt: skip

    def test_on_the_way(self):
        rows = [(0, 0, 0), (50, 0.5, 0), (100, 1, 0), (200, 1, 0.2), (400, 1, 0.98)]
        assert self.shown(*rows)[-1] == (400, "end, generalising")

    def test_confusion(self):
        rows = [(0, 0, 0), (10, 0, 0), (20, 0.1, 0), (30, 0.1, 0)]
        assert self.shown(*rows) == [
            (0, "start"), (10, "not memorised"), (20, "not memorised"), (30, "end, not memorised")
        ]  # fmt: skip

    @pytest.mark.parametrize(
        ("accuracies", "names"),
        [
            ((0, 0), ["start", "start", "start", "end, not memorised"]),
            ((0, 1), ["start", "memorised, end", "memorised, end", "memorised, end"]),
            ((1, 1), ["start, memorised", "start, memorised", "end, not generalised", "end, not generalised"]),
            ((0,), ["start"] * 4),
        ],
    )
    def test_the_shortest_runs(self, accuracies, names):
        shown = self.shown(*((step, accuracy, 0.0) for step, accuracy in enumerate(accuracies)))
        assert [name for _, name in shown] == names

    def test_the_titles_of_the_figure(self):
        run = grok(**QUICK, max_steps=60)
        assert run.kind == "confusion"
        titles = [ax.get_title().split("\n")[0] for ax in plot_grokking(run)[1:]]
        assert titles == [
            "start: step 0", "not memorised: step 20", "not memorised: step 40", "end, not memorised: step 60"
        ]  # fmt: skip


@pytest.mark.parametrize(("p", "dpi"), [(11, 100), (35, 100), (35, 200)])
@pytest.mark.slow_but("11-100")
def test_no_two_numbers_lie_over_each_other(p, dpi):
    """Those of an embedding that has learnt nothing lie anywhere."""
    run = grok(**{**QUICK, "operation": "x^2 + 3*y", "p": p}, max_steps=40)
    figure = run.plot()
    panels = [ax for ax in figure.axes if ax.texts and ax.collections]
    panels.append(plot_embedding(run, 0))
    for ax in panels:
        figure = ax.get_figure(root=True)
        figure.set_dpi(dpi)
        figure.draw_without_rendering()
        boxes = [text.get_window_extent() for text in ax.texts]
        assert len(boxes) >= 5
        assert not any(one.overlaps(other) for one, other in combinations(boxes, 2))
    assert len(panels) == 5


def test_the_title_names_an_operation_of_ones_own():
    def sum_of_squares(x, y):
        return x * x + y * y

    named = {
        "x^2 + 3*y modulo 11: confusion": "x^2 + 3*y",
        "sum_of_squares modulo 11: confusion": sum_of_squares,
        "a function of yours modulo 11: confusion": lambda x, y: x * x + y,
    }
    for title, operation in named.items():
        run = grok(**{**QUICK, "operation": operation}, max_steps=1)
        assert plot_grokking(run)[0].get_title(loc="left") == title
    assert "Gini: how unequally" in run.plot().subfigs[1].get_supxlabel()


def test_a_run_that_diverged_is_drawn_as_far_as_there_are_numbers():
    run = grok(**QUICK, max_steps=30)
    run.embeddings[2:] = np.nan
    run.history["weight_norm"][2:] = [np.nan] * (len(run.embeddings) - 2)
    axes = plot_grokking(run)
    assert axes[0].get_title(loc="left").endswith(f"no numbers from step {run.history['step'][2]} on")
    drawn = [ax.get_title().split("\n")[0] for ax in axes[1:]]
    assert drawn[0] == "start: step 0"
    assert drawn[-1] == f"not memorised: step {run.history['step'][1]}"
    for ax in axes[1:]:
        assert np.isfinite(np.asarray(ax.collections[0].get_offsets())).all()
    run.plot().canvas.draw()


def test_a_ring_of_few_numbers_in_many_dimensions_is_called_none():
    """Before training too it looks like one, which at 53 numbers in as many dimensions it does not."""
    wide = Network("mlp", width=128, hidden=12)
    few = grok(**{**QUICK, "network": wide}, max_steps=1)
    assert "the Gini tells, not the ring" in few.plot().subfigs[1].get_supxlabel()
    points = np.asarray(plot_embedding(few, 0).collections[0].get_offsets())
    radius = np.linalg.norm(points - points.mean(axis=0), axis=1)
    assert few.embeddings.shape[2] > FEW * 11
    assert radius.std() / radius.mean() < 0.5
    many = grok(**{**QUICK, "network": wide, "p": 47}, max_steps=1)
    assert "the Gini tells" not in many.plot().subfigs[1].get_supxlabel()


def test_the_figure():
    run = grok(**QUICK, max_steps=60)
    axes = plot_grokking(run)
    assert len(axes) == 5
    np.testing.assert_array_equal(axes[0].lines[0].get_ydata(), run.history["accuracy"])
    points = np.asarray(axes[4].collections[0].get_offsets())
    plane, _ = circle_plane(run.embeddings[-1], np.arange(11))
    np.testing.assert_allclose(points, run.embeddings[-1][:11] @ plane)
    assert len(run.plot().axes) == 6  # the norm of the weights has an axis of its own
    run = grok(**{**QUICK, "operation": "S5: xy"}, max_steps=1)
    assert len(run.plot().axes) == 2
    with refused("S5: xy has no circle to draw. Expected an operation modulo p."):
        plot_embedding(run, 0)
