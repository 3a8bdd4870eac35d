"""What the figure of a run shows: the curves, four moments with their names, the embedding from one side."""

import numpy as np
import pytest
from conftest import refused
from grokking import QUICK, history

from recipes import grok
from recipes.grokking.fourier import circle_plane
from recipes.plots import plot_embedding, plot_grokking
from recipes.plots.grokking import four_moments, moment_name


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
