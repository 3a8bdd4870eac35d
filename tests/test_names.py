"""Names that Keras counts up in a process, `auc` and then `auc_1`, part nothing that belongs together."""

import keras
import numpy as np
import pytest

from recipes import clear_programs, cross_validate, fit, fit_many, load, tune
from recipes.running.checkpoint import OtherRunError
from recipes.training.names import named_anew, numbered_anew, plain_names, renamed

rng = np.random.default_rng(0)
X = rng.normal(size=(80, 4)).astype("float32")
Y = (X[:, 0] + 0.5 * rng.normal(size=80) > 0).astype("float32")
QUIET = {"verbose": 0, "epochs": 2, "batch_size": 16}


class Own(keras.metrics.Mean):
    def update_state(self, y_true, y_pred, sample_weight=None):
        return super().update_state(keras.ops.abs(y_true - y_pred))


def watched(units=3, metrics=None, optimizer="adam"):
    """A network whose metrics are objects, as a user writes them; Keras names them anew in every call."""
    model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(units, "relu"), keras.layers.Dense(1, "sigmoid")])
    given = metrics() if metrics else [keras.metrics.AUC(), keras.metrics.Precision(), "accuracy"]
    model.compile(optimizer, "binary_crossentropy", metrics=given)
    return model


def of_two_outputs():
    inputs = keras.Input((4,))
    outputs = {"sick": keras.layers.Dense(1, "sigmoid", name="sick")(inputs),
               "dose": keras.layers.Dense(1, name="dose")(inputs)}  # fmt: skip
    model = keras.Model(inputs, outputs)
    model.compile("adam", {"sick": "binary_crossentropy", "dose": "mse"},
                  metrics={"sick": [keras.metrics.AUC()], "dose": [keras.metrics.RootMeanSquaredError()]})  # fmt: skip
    return model


@pytest.mark.parametrize("patience", [None, pytest.param(1, marks=pytest.mark.slow)])
def test_scores_of_folds_have_one_name_each(patience):
    keras.metrics.AUC()  # as in a notebook, where a cell ran before
    options = {"validation_split": 0.3, "patience": patience} if patience else {}
    found = cross_validate(watched, X, Y, cv=3, **options, **QUIET)
    assert {*found.scores} == {"loss", "accuracy", "auc", "precision"}
    for (_, held), run, auc in zip(found.folds, found.runs, found.scores["auc"], strict=True):
        (own,) = (name for name in run.history if name.startswith("auc"))
        assert run.evaluate(X[held], Y[held])[own] == pytest.approx(auc, abs=1e-6)
    assert {*found.runs.scores} >= {"auc", "precision"}


@pytest.mark.slow
def test_scores_and_curves_of_a_list_of_models_have_one_name_each(tmp_path):
    runs = fit_many([watched() for _ in range(3)], X, Y, validation_split=0.25, **QUIET)
    assert [name for name in runs.scores if "auc" in name] == ["auc", "val_auc"]
    own = [next(values for name, values in run.history.items() if name.startswith("val_auc")) for run in runs]
    np.testing.assert_array_equal(runs.history["val_auc"], own)
    assert "val_auc: " in str(runs)
    found = runs.evaluate(X, Y)
    each = next(values for name, values in found.each.items() if name.startswith("auc_"))
    np.testing.assert_allclose(each, found.each["auc"], atol=0.02)
    runs.save(tmp_path / "runs")
    again = load(tmp_path / "runs")
    np.testing.assert_array_equal(again.scores["val_auc"], runs.scores["val_auc"])
    assert again.evaluate(X, Y).each.keys() == found.each.keys()


def test_of_several_outputs_too():
    runs = fit_many([of_two_outputs(), of_two_outputs()], X, {"sick": Y, "dose": X[:, 1]}, **QUIET)
    assert {*runs.scores} >= {"sick_auc", "dose_root_mean_squared_error", "sick_loss"}


@pytest.mark.parametrize("engine", ["resident", pytest.param("keras", marks=pytest.mark.slow)])
def test_a_run_goes_on_with_a_model_built_anew(engine, tmp_path):
    fit(watched(), X, Y, checkpoint=tmp_path, engine=engine, validation_split=0.25, **QUIET)
    model = watched()
    run = fit(model, X, Y, checkpoint=tmp_path, engine=engine, validation_split=0.25, **{**QUIET, "epochs": 3})
    auc, precision = (metric.name for metric in model._compile_metrics._user_metrics[:2])
    assert {*run.history} == {part + name for part in ("", "val_") for name in ("loss", "accuracy", auc, precision)}
    assert {len(values) for values in run.history.values()} == {3}


def test_what_is_asked_for_is_still_what_must_be_equal(tmp_path):
    fit(watched(), X, Y, checkpoint=tmp_path, **QUIET)
    other = watched(metrics=lambda: [keras.metrics.AUC(num_thresholds=50), keras.metrics.Precision(), "accuracy"])
    with pytest.raises(OtherRunError, match=r"metrics was \.\.\..*num_thresholds.*, now \.\.\..*num_thresholds\": 50"):
        fit(other, X, Y, checkpoint=tmp_path, **QUIET)


@pytest.mark.slow_but("a rate")
@pytest.mark.parametrize("many", [False, True])
@pytest.mark.parametrize(
    "optimizer",
    [
        lambda: keras.optimizers.LossScaleOptimizer(keras.optimizers.Adam(0.02)),  # as under mixed_float16
        lambda: keras.optimizers.LossScaleOptimizer(
            keras.optimizers.SGD(keras.optimizers.schedules.CosineDecay(0.1, 20))
        ),
    ],
    ids=["a rate", "a schedule"],
)
def test_a_scaled_optimizer_is_no_other_for_its_name(optimizer, many, tmp_path):
    def go_on(epochs):
        made = [watched(optimizer=optimizer()) for _ in range(2)]
        options = {**QUIET, "epochs": epochs, "checkpoint": tmp_path}
        return (fit_many(made, X, Y, **options) if many else [fit(made[0], X, Y, **options)])[0]

    go_on(2)
    assert go_on(2 if many else 3).epochs == (2 if many else 3)


def test_another_rate_within_a_scaled_optimizer_is_another_run(tmp_path):
    def scaled(rate):
        return watched(optimizer=keras.optimizers.LossScaleOptimizer(keras.optimizers.Adam(rate)))

    fit(scaled(0.02), X, Y, checkpoint=tmp_path, **QUIET)
    with pytest.raises(ValueError, match=r"learning_rate was 0\.0199.*, now 0\.0099"):
        fit(scaled(0.01), X, Y, checkpoint=tmp_path, **QUIET)


@pytest.mark.slow
def test_a_search_goes_on_with_metrics_made_anew(tmp_path):
    for trials in (1, 2):
        found = tune(X, Y, metrics=[keras.metrics.AUC()], directory=tmp_path, max_trials=trials, epochs=1, verbose=0)
        assert len(found.table()) == trials


class TestNames:
    def test_those_that_keras_made_alone_are_numbered_anew(self):
        auc = keras.metrics.AUC
        model = watched(metrics=lambda: [auc(), auc(name="roc"), auc(curve="PR"), Own(), "accuracy"])
        first, _, second, own = (metric.name for metric in model._compile_metrics._user_metrics[:4])
        names = plain_names(model)
        assert (names[first], names["roc"], names[second], names[own]) == ("auc", "roc", "auc_1", "mean")
        assert names[f"val_{second}"] == "val_auc_1"
        assert renamed({"loss": 1, first: 2}, names) == {"loss": 1, "auc": 2}

    def test_a_configuration_is(self):
        made = [[keras.saving.serialize_keras_object(keras.metrics.Recall()) for _ in range(2)] for _ in range(2)]
        assert made[0] != made[1]
        assert numbered_anew(made[0]) == numbered_anew(made[1])
        assert [one["config"]["name"] for one in numbered_anew(made[1])] == ["recall", "recall_1"]
        named = [keras.saving.serialize_keras_object(keras.metrics.Recall(name="hits_7"))]
        assert numbered_anew(named) == named

    def test_models_are_named_alike_and_later_names_are_new(self):
        first, second = ([layer.name for layer in named_anew(watched).layers] for _ in range(2))
        assert first == second == ["dense", "dense_1"]
        assert not {*first} & {layer.name for layer in watched().layers}
        with pytest.raises(ValueError, match="no model"):
            named_anew(self.no_model)
        assert not {*first} & {layer.name for layer in watched().layers}

    @staticmethod
    def no_model():
        raise ValueError("no model")

    def test_a_layer_that_was_made_before_keeps_its_name(self):
        shared = named_anew(lambda: keras.layers.Dense(3))
        model = named_anew(lambda: keras.Sequential([keras.Input((2,)), keras.layers.Dense(4), shared]))
        assert model.layers[1] is shared


def test_what_was_loaded_is_copied_as_what_was_built(tmp_path):
    """Loading sets flags on layers, which are absent where nothing was loaded and mean the same."""
    model = watched()
    fit(model, X, Y, **QUIET)
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    clear_programs()
    assert "3 networks at once" in fit_many(watched_plainly(loaded), X, Y, seeds=3, **QUIET).how


def watched_plainly(model):
    model.compile("adam", "binary_crossentropy", metrics=["accuracy"])
    return model
