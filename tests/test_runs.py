"""What many runs say together, as one model, on disk and on a figure."""

import keras
import numpy as np
import pandas as pd
import pytest

import recipes
from recipes import Runs, build_model, diagnose, fit_many, load
from recipes.training.several.runs import trained_on

ROWS = 80
rng = np.random.default_rng(0)
X = rng.normal(size=(ROWS, 4)).astype("float32")
Y = np.where(X[:, 0] > 0, "ill", "well")


@pytest.fixture(scope="module")
def runs():
    return fit_many(build_model("binary", x=X, units=(6,)), X, Y, seeds=4, epochs=5, validation_split=0.25, verbose=0)


def test_curves_scores_and_the_best(runs):
    assert runs.history["val_loss"].shape == (4, 5)
    last = [run.history["val_loss"][-1] for run in runs]
    np.testing.assert_array_equal(runs.scores["val_loss"], last)
    assert runs.best is runs[int(np.argmin(last))]
    np.testing.assert_allclose(runs.median["val_loss"], np.median(runs.history["val_loss"], axis=0))
    assert "4 networks" in str(runs)
    assert "val_loss" in repr(runs)
    assert runs.findings[0].rule in str(runs)


def test_of_networks_that_stopped_the_kept_epoch_counts():
    models = [build_model("binary", x=X, units=(6,), seed=k, learning_rate=0.2) for k in range(3)]
    runs = fit_many(models, X, Y, epochs=40, patience=[2, 3, None], validation_split=0.25, verbose=0)
    assert np.isnan(runs.history["loss"][0, -1])
    for k, run in enumerate(runs):
        best = (run.kept or run.epochs) - 1
        assert runs.scores["val_loss"][k] == run.history["val_loss"][best]


def test_a_median_is_of_all_networks_also_where_some_have_stopped():
    """A stopped network counts on with what it had, in both curves, and the median ends where most have stopped."""
    models = [build_model("binary", x=X, units=(6,), seed=k, learning_rate=0.3) for k in range(3)]
    runs = fit_many(models, X, Y, epochs=40, patience=[1, 6, None], validation_split=0.25, verbose=0)
    first, second, longest = (run.epochs for run in runs)
    assert first < second < longest
    history, curves = runs.history, runs.curves
    for name in ("loss", "val_loss"):
        assert curves[name].shape == (3, second)  # then one of three trains
        np.testing.assert_array_equal(curves[name][0], [*history[name][0, :first], *[history[name][0, first - 1]] * (
            second - first)])  # fmt: skip
        np.testing.assert_array_equal(curves[name][1:], history[name][1:, :second])
        np.testing.assert_array_equal(runs.median[name], np.median(curves[name], axis=0))


def test_no_median_rises_because_a_network_stopped():
    """Networks that fall until they stop, at levels of their own: the good ones first, or the bad ones."""
    falling = np.linspace(1, 0.9, 30)
    for levels in ([1, 1, 3, 3, 2], [3, 3, 1, 1, 2], [2, 2, 2, 1, 3]):
        loss = np.outer(levels, falling)
        epochs = np.array([5, 9, 20, 25, 30])
        for row, end in zip(loss, epochs, strict=True):
            row[end:] = np.nan
        (curve,) = trained_on({"loss": loss}, epochs).values()
        assert curve.shape == (5, 20)
        assert (np.diff(np.median(curve, axis=0)) <= 0).all()


def test_the_figure_draws_that_median_and_where_weights_were_kept():
    models = [build_model("binary", x=X, units=(6,), seed=k, learning_rate=0.3) for k in range(3)]
    runs = fit_many(models, X, Y, epochs=40, patience=[1, 6, None], validation_split=0.25, verbose=0)
    (ax,) = runs.plot().axes
    lines = {line.get_label(): line.get_xydata() for line in ax.lines}
    for name, label in (("loss", "training"), ("val_loss", "validation")):
        x, y = lines[f"{label}, median of 3 (while half train)"].T
        np.testing.assert_array_equal(x, np.arange(1, runs[1].epochs + 1))
        np.testing.assert_array_equal(y, runs.median[name])
    kept = [(run.kept, run.history["val_loss"][run.kept - 1]) for run in runs if run.kept]
    np.testing.assert_array_equal(lines["weights that were kept"], kept)
    assert len(kept) == 2


def test_epochs_that_all_threw_away_are_not_judged():
    models = [build_model("binary", x=X, units=(32,), seed=k, learning_rate=0.1) for k in range(3)]
    noise = np.random.default_rng(1).permutation(Y)
    mixed = np.where(np.arange(ROWS) % 4 == 0, noise, Y)
    runs = fit_many(models, X, mixed, epochs=200, patience=20, validation_split=0.25, verbose=0)
    (last,) = {run.kept for run in runs}
    assert diagnose(runs.median, chance=runs[0].chance)[0].rule == "overfitting"  # as if the last weights were left
    assert runs.findings[0].rule == "converged"
    loss = np.median(runs.scores["val_loss"])
    assert runs.verdict.startswith(
        f"info converged (epochs {last}-{len(runs.median['val_loss'])}): val_loss is {loss:.4g} as the median of 3 "
        f"networks, each with the weights of its best epoch ({last}); in up to "
    )


@pytest.mark.slow
def test_labels_and_what_they_are_worth_together(runs):
    table = pd.DataFrame(X, columns=list("abcd"))
    mine = fit_many(build_model("binary", x=table, units=(6,)), table, Y, seeds=3, epochs=20, verbose=0)
    turned = table[["d", "b", "a", "c"]]
    labels = mine.predict_labels(turned)
    np.testing.assert_array_equal(labels == "well", mine.predict(table).mean(axis=0)[:, 0] > 0.5)
    assert mine.evaluate(turned, Y)["accuracy"] == pytest.approx(np.mean(labels == Y))


def test_an_evaluation_of_many_has_the_spread_over_the_networks(runs):
    found = runs.evaluate(X, Y)
    losses = [run.evaluate(X, Y)["loss"] for run in runs]
    row = next(row for row in found.table() if row["metric"] == "loss")
    assert row == {"metric": "loss", "ensemble": found["loss"], "mean": pytest.approx(np.mean(losses)),
                   "std": pytest.approx(np.std(losses, ddof=1)), "median": pytest.approx(np.median(losses)),
                   "min": min(losses), "max": max(losses)}  # fmt: skip
    assert found["loss"] < np.mean(losses)  # the mean of probabilities loses less than the networks do: Jensen
    assert [*map(len, found.each.values())] == [4] * len(found.each)
    head, *rows = str(found).splitlines()[-1 - len(found.each) :]
    assert head.split() == ["over", "4", "networks", "ensemble", "mean", "std", "median", "min", "max"]
    assert [line.split()[0] for line in rows] == [*found.each]


def test_what_was_said_of_the_data_is_said_of_the_runs():
    y = np.append(Y[:-1], "il")
    runs = fit_many(build_model("multiclass", x=X, y=y), X, y, seeds=2, validation_split=0.25, verbose=0)
    assert "single_row_class" in [finding.rule for finding in runs.findings]
    assert "single_row_class" in str(runs)


def test_metrics_with_several_values_are_kept():
    model = build_model("binary", x=X, metrics=["f1_score"])
    runs = fit_many(model, X, Y, seeds=2, epochs=2, verbose=0)
    assert runs.history["f1_score"].shape == (2, 2, 1)
    assert "f1_score:" not in str(runs)


class TestEnsemble:
    def test_averages_probabilities_and_lives_by_itself(self, runs, tmp_path):
        ensemble = runs.ensemble()
        mean = runs.predict(X).mean(axis=0)
        np.testing.assert_allclose(ensemble.predict(X, verbose=0), mean, atol=1e-6)
        before = [w.copy() for w in runs[0].model.get_weights()]
        ensemble.set_weights([w * 0 for w in ensemble.get_weights()])
        assert all(np.array_equal(a, b) for a, b in zip(before, runs[0].model.get_weights(), strict=True))
        ensemble = runs.ensemble()
        ensemble.save(tmp_path / "e.keras")
        np.testing.assert_array_equal(
            keras.saving.load_model(tmp_path / "e.keras").predict(X, verbose=0), ensemble.predict(X, verbose=0)
        )
        np.testing.assert_array_equal(load(tmp_path / "e.keras").predict(X, verbose=0), ensemble.predict(X, verbose=0))

    @pytest.mark.parametrize(
        ("width", "loss"),
        [
            (1, keras.losses.BinaryCrossentropy(from_logits=True)),
            (3, keras.losses.SparseCategoricalCrossentropy(from_logits=True)),
        ],
    )
    @pytest.mark.slow_but("3-loss1")
    def test_averages_probabilities_behind_logits(self, width, loss):
        y = np.digitize(X[:, 0], [0] if width == 1 else [-0.5, 0.5])
        models = []
        for k in range(3):
            keras.utils.set_random_seed(k)
            models.append(keras.Sequential([keras.Input((4,)), keras.layers.Dense(width)]))
            models[-1].compile("adam", loss)
        runs = fit_many(models, X, y, verbose=0)
        chance = (
            (lambda z: 1 / (1 + np.exp(-z))) if width == 1 else lambda z: np.exp(z) / np.exp(z).sum(-1, keepdims=True)
        )
        mean = chance(runs.predict(X)).mean(axis=0)
        np.testing.assert_allclose(chance(runs.ensemble().predict(X, verbose=0)), mean, atol=1e-6)


def test_saved_and_read_in_any_process(runs, tmp_path):
    runs.save(tmp_path / "seeds")
    again = load(tmp_path / "seeds")
    assert isinstance(again, Runs)
    assert again.history["loss"].tolist() == runs.history["loss"].tolist()
    np.testing.assert_array_equal(again.predict(X), runs.predict(X))
    assert list(again[0].predict_labels(X)) == list(runs[0].predict_labels(X))
    with pytest.raises(FileExistsError, match="overwrite=True"):
        runs.save(tmp_path / "seeds")
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "mine.txt").write_text("mine")
    with pytest.raises(FileExistsError, match="other files"):
        runs.save(tmp_path / "other")
    (tmp_path / "seeds" / "runs.json").write_text("[]")
    with pytest.raises(recipes.training.files.judge.UntrustedFileError, match="lists no runs"):
        load(tmp_path / "seeds")


def test_the_figure_shows_the_median_and_the_band_of_half(runs):
    (ax,) = runs.plot().axes
    medians = [line for line in ax.lines if "median of 4" in str(line.get_label())]
    np.testing.assert_allclose(medians[1].get_ydata(), np.median(runs.history["val_loss"], axis=0))
    assert len(ax.lines) == 2 * (4 + 1)
    low, high = np.percentile(runs.history["loss"], [25, 75], axis=0)
    band = ax.collections[0].get_paths()[0].vertices[:, 1]
    assert band.min() == pytest.approx(low.min())
    assert band.max() == pytest.approx(high.max())
    assert runs.findings[0].rule.replace("_", " ") in ax.get_title(loc="left")


def test_of_networks_that_all_diverged_it_is_said_without_a_warning():
    models = []
    for k in range(2):
        keras.utils.set_random_seed(k)
        models.append(keras.Sequential([keras.Input((4,)), keras.layers.Dense(3, "relu"), keras.layers.Dense(1)]))
        models[-1].compile(keras.optimizers.SGD(1e30), "mse")
    runs = fit_many(models, X, X[:, 0], epochs=5, validation_split=0.2, verbose=0)
    assert "not finite in any" in str(runs)
    assert runs.findings[0].rule == "nan"
    assert np.isnan(runs.median["loss"][-1])


def test_overwriting_that_was_cut_off_leaves_no_mixture(runs, tmp_path, monkeypatch):
    """Half of the runs are new when the disk is full: nothing is loaded, and the next attempt succeeds."""
    from recipes.training.several import save_many

    runs.save(tmp_path / "seeds")
    written = []

    def save(run, folder, **options):
        if len(written) == 2:
            raise OSError("disk full")
        written.append(folder)

    with monkeypatch.context() as patched:
        patched.setattr(save_many, "save", save)
        with pytest.raises(OSError, match="disk full"):
            runs.save(tmp_path / "seeds", overwrite=True)
    with pytest.raises((FileNotFoundError, ValueError)):
        load(tmp_path / "seeds")
    runs.save(tmp_path / "seeds", overwrite=True)
    assert len(load(tmp_path / "seeds")) == len(runs)
