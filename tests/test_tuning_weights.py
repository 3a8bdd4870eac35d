"""Weights, metrics and callbacks of a search: each trial, the scored model and the retrained one have them."""

from dataclasses import replace

import keras
import numpy as np
import pytest
from conftest import refused

from recipes import fit, tune
from recipes.training.evaluate import evaluate
from recipes.tuning.record.journal import Journal
from recipes.tuning.work.scored import trainings_of

RNG = np.random.default_rng(0)
X = RNG.normal(size=(120, 4)).astype("float32")
Y = (X[:, 0] + RNG.normal(size=120) > 0.8).astype(int)
WEIGHTS = RNG.random(120).astype("float32")
OPTIONS = {"max_trials": 2, "epochs": 3, "space": {"units": [4, 8]}, "verbose": 0}


def searched(tmp_path, **options):
    return tune(X, Y, directory=tmp_path / "search", **{**OPTIONS, **options})


@pytest.mark.parametrize("options", [
    {"class_weight": {0: 1.0, 1: 5.0}},
    pytest.param({"class_weight": "balanced"}, marks=pytest.mark.slow),
    pytest.param({"sample_weight": WEIGHTS}, marks=pytest.mark.slow),
], ids=["dict", "balanced", "rows"])  # fmt: skip
@pytest.mark.slow
def test_a_trial_is_weighted_as_fit_weighs(options, tmp_path):
    plain = searched(tmp_path / "plain")
    found = searched(tmp_path / "weighted", **options)
    assert found.best_trial.executions[0].history["loss"] != plain.best_trial.executions[0].history["loss"]
    run = found.retrain()
    trial = found.best_trial
    training = trainings_of(trial, 0, found.problem, Journal(found.folder))[-1]
    model = replace(found.problem, x=X, y=Y).build(training.hp, training.seed)
    alone = fit(model, X, Y, epochs=run.epochs, seed=training.seed, verbose=0, **options)
    np.testing.assert_allclose(run.history["loss"], alone.history["loss"], rtol=1e-4)
    said = next(finding for finding in run.findings if finding.rule == "retrained").message
    assert f"with {'sample_weight' if 'sample_weight' in options else 'class_weight'}" in said


@pytest.mark.slow
def test_weights_that_favour_a_class_are_obeyed(tmp_path):
    """Rows of weight 0 are as if they were not there: with the ones left out, only zeros are learnt."""
    weights = np.where(Y == 1, 0.0, 1.0)
    options = {"epochs": 30, "max_trials": 1, "space": {"units": [8], "learning_rate": [0.05]}}
    found, plain = searched(tmp_path / "a", sample_weight=weights, **options), searched(tmp_path / "b", **options)
    one, other = (
        search.problem.kind.retrain(search.problem, training)
        for search, training in (
            (search, replace(trainings_of(search.best_trial, 0, search.problem, Journal(search.folder))[-1], epochs=30))
            for search in (found, plain)
        )
    )
    assert (one.predict(X) < 0.05).mean() > 0.9
    assert (other.predict(X) < 0.05).mean() < 0.9


@pytest.mark.slow
def test_weighted_validation_data(tmp_path):
    few = np.zeros(20)
    few[:5] = 1.0
    found = searched(tmp_path, validation_data=(X[:20], Y[:20], few))
    scored = found.best_trial.score
    assert scored == pytest.approx(evaluate(found.best_model, X[:20], Y[:20], sample_weight=few)["loss"], rel=1e-5)


@pytest.mark.slow
def test_metrics_are_watched_and_can_be_the_objective(tmp_path):
    metrics = [keras.metrics.AUC(), "precision"]
    found = searched(tmp_path, metrics=metrics, objective="val_auc")
    histories = [execution.history for trial in found.trials for execution in trial.executions]
    assert all({"val_auc", "auc", "val_precision", "val_accuracy"} <= history.keys() for history in histories)
    assert found.best_trial.score == max(max(history["val_auc"]) for history in histories)
    assert "auc" in found.retrain().history


@pytest.mark.slow
def test_a_metric_with_a_value_for_each_class(tmp_path):
    def build(hp):
        model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(hp.Int("units", 2, 4)),
                                  keras.layers.Dense(2, "softmax")])  # fmt: skip
        model.compile("adam", "categorical_crossentropy", metrics=[keras.metrics.F1Score(average=None)])
        return model

    found = tune(X, np.eye(2)[Y], hypermodel=build, max_trials=2, epochs=2, directory=tmp_path / "a", verbose=0)
    assert len(found.completed) == 2
    assert np.shape(found.best_trial.executions[0].history["f1_score"]) == (2, 2)
    again = tune(X, np.eye(2)[Y], hypermodel=build, max_trials=2, epochs=2, directory=tmp_path / "a", verbose=0)
    assert again.table() == found.table()
    run = fit(found.best_model, X, np.eye(2)[Y], epochs=2, validation_split=0.2, verbose=0)
    for engine in ("keras", "resident"):
        run = fit(found.best_model, X, np.eye(2)[Y], epochs=2, validation_split=0.2, verbose=0, engine=engine)
        assert f"f1_score [{run.history['f1_score'][-1][0]:.4g}, " in str(run)
        assert "f1_score [" in str(run.evaluate(X, np.eye(2)[Y]))
        assert "f1_score" in run._repr_html_()
        run.save(tmp_path / engine)


@pytest.mark.slow
def test_a_schedule_given_as_a_callback_is_retrained_with(tmp_path):
    """With a rate of 0 from the first epoch on nothing moves: the retrained weights are the initial ones."""
    still = keras.callbacks.LearningRateScheduler(lambda epoch: 0.0)
    stopping = keras.callbacks.EarlyStopping(patience=2)
    found = searched(tmp_path, callbacks=[still, stopping], max_trials=1)
    run = found.retrain()
    assert np.ptp(run.history["loss"]) < 1e-6
    said = next(finding for finding in run.findings if finding.rule == "retrained").message
    epochs = found.best_trial.executions[0].best_epoch
    assert said == (
        f"Trained on all 120 rows for {epochs} epoch{'s' if epochs > 1 else ''}, the best of its trial, with its "
        "callbacks (LearningRateScheduler); without EarlyStopping, as nothing validates here."
    )


@pytest.mark.slow
def test_other_weights_and_metrics_are_another_search(tmp_path):
    searched(tmp_path)
    for options, name in (({"class_weight": "balanced"}, "class_weight"), ({"metrics": ["precision"]}, "metrics"),
                          ({"sample_weight": WEIGHTS}, "data")):  # fmt: skip
        with pytest.raises(ValueError, match=f"holds another search: .*{name}"):
            searched(tmp_path, **options)


@pytest.mark.parametrize(
    ("options", "message", "error"),
    [
        ({"sample_weight": WEIGHTS[:5]}, "sample_weight has 5 rows, but x has 120.", ValueError),
        ({"class_weight": "balanced", "sample_weight": WEIGHTS},
         "class_weight and sample_weight are both given. Expected one of them; multiply them yourself.", ValueError),
        ({"class_weight": {0: 1.0}},
         "class_weight has the keys 0. Expected one for each class: 0, 1.", ValueError),
        ({"metrics": "accuracy"}, "metrics is a list of Keras metrics or their names. Received: str.", TypeError),
        ({"metrics": ["precision"], "hypermodel": lambda hp: None},
         "metrics go with the models that this search builds. Name them in hypermodel's compile.", ValueError),
        ({"validation_data": (X, Y, WEIGHTS, 1)},
         "validation_data must be (x, y) or (x, y, sample_weight), or x alone for an autoencoder.", ValueError),
    ],
)  # fmt: skip
def test_what_does_not_fit_is_refused_before_any_work(options, message, error, tmp_path):
    options = {**OPTIONS, **options}
    if "hypermodel" in options:
        del options["space"]
    with refused(message, error):
        tune(X, Y, directory=tmp_path / "search", **options)
    assert not (tmp_path / "search").exists()
