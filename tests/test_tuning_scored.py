"""`best_model` is the model that was scored: on the validation rows it has the recorded score."""

import json
import os
import shutil
import textwrap

import keras
import keras_tuner
import numpy as np
import pytest
from conftest import refused
from processes import run_python
from searches import QUICK, X, Y

from recipes import tune
from recipes.grokking.equations import equations
from recipes.grokking.grok import PRESETS
from recipes.tuning.problem import seed_of
from recipes.tuning.record.journal import Journal
from recipes.tuning.work.scored import settle

# Of which the last epoch is seldom the best.
EIGHT = {
    **QUICK, "epochs": 8,
    "space": {"num_layers": [1], "units": [4, 8], "dropout": (0.1, 0.3), "learning_rate": (0.05, 0.5, "log")},
}  # fmt: skip


def score_of(model, search):
    """The objective of the search on its validation rows, as Keras measures it."""
    x, y = search.problem.validation
    model.run_eagerly = True  # of a few rows, which is sooner than compiling it
    found = model.evaluate(x, x if y is None else y, verbose=0, return_dict=True, batch_size=search.problem.batch_size)
    return found[search.problem.objective.removeprefix("val_")]


def assert_all_are_as_scored(search, trials=None):
    for trial in search.completed if trials is None else trials:
        sign = 1 if search.problem.direction == "min" else -1
        best = min(trial.executions, key=lambda e: sign * e.score)
        assert score_of(search.model(trial.number), search) == pytest.approx(best.score, abs=1e-6), trial
    return search


def build(hp):
    """A network of the user's own, unbuilt and with what has a state of its own."""
    model = keras.Sequential([keras.layers.Dense(hp.Int("units", 4, 12), activation="relu")])
    model.add(keras.layers.BatchNormalization())
    model.add(keras.layers.Dropout(0.3))
    model.add(keras.layers.Dense(1, activation="sigmoid"))
    model.compile(keras.optimizers.Adam(hp.Float("rate", 0.02, 0.5, sampling="log")), "binary_crossentropy")
    return model


class WithFit(keras_tuner.HyperModel):
    """As keras-tuner's guide has it: its own `fit` passes everything on."""

    def build(self, hp):
        return build(hp)

    def fit(self, hp, model, *args, **kwargs):
        return model.fit(*args, shuffle=hp.Boolean("shuffle"), **kwargs)


@pytest.mark.parametrize("executions", [1, 3])
@pytest.mark.slow_but("[1]")
def test_the_best_training_of_a_trial_at_its_best_epoch(tmp_path, executions):
    found = tune(X, Y, max_trials=4, executions_per_trial=executions, directory=tmp_path, **EIGHT)
    assert any(e.best_epoch < e.epochs for t in found.trials for e in t.executions)
    assert_all_are_as_scored(found)
    assert found.best_model is found.best_model
    best = min(found.best_trial.executions, key=lambda e: e.score)
    assert score_of(found.best_model, found) == pytest.approx(best.score, abs=1e-6)
    assert found.simplest_model.count_params() == found.simplest_trial.parameters


@pytest.mark.parametrize(
    "changes",
    [
        {"objective": "val_accuracy"},
        {"callbacks": [keras.callbacks.EarlyStopping(patience=2, restore_best_weights=True)]},
        {"callbacks": [keras.callbacks.EarlyStopping("loss", patience=1, restore_best_weights=True)]},
        {"callbacks": [keras.callbacks.ReduceLROnPlateau(patience=1)]},
        pytest.param({"batch_size": 1, "epochs": 60, "max_trials": 2}, marks=pytest.mark.slow),  # XLA pays
    ],
)
@pytest.mark.slow
def test_whatever_ends_and_compiles_it(tmp_path, changes):
    assert_all_are_as_scored(tune(X, Y, **{**EIGHT, "max_trials": 3, "directory": tmp_path, **changes}))


@pytest.mark.slow
def test_what_hyperband_promotes_has_gone_through_all_its_trials(tmp_path):
    x, y = np.tile(X, (3, 1)), np.tile(Y, 3)  # 9 epochs of them pay for XLA, 1 or 3 do not
    options = {**EIGHT, "epochs": 9, "batch_size": 1, "max_trials": 13}
    found = tune(x, y, tuner="hyperband", directory=tmp_path, **options)
    promoted = [trial for trial in found.trials if trial.promoted is not None]
    assert {trial.last_epoch(9) for trial in promoted} == {3, 9}
    assert_all_are_as_scored(found, promoted)


@pytest.mark.parametrize("tuner", ["random", pytest.param("hyperband", marks=pytest.mark.slow)])
@pytest.mark.slow
def test_the_user_s_own_build(tmp_path, tuner):
    options = {"max_trials": 3} if tuner == "random" else {}
    found = tune(X, Y, hypermodel=build, tuner=tuner, epochs=5, directory=tmp_path, verbose=0, **options)
    assert_all_are_as_scored(found)


@pytest.mark.slow
def test_the_user_s_own_fit_whose_order_of_batches_nobody_knows(tmp_path):
    options = {"epochs": 5, "executions_per_trial": 2, "directory": tmp_path, "verbose": 0}
    for max_trials in (1, 2):  # the same call goes on
        found = tune(X, Y, hypermodel=WithFit(), max_trials=max_trials, **options)
        best = found.best_trial
        execution = int(np.argmin([e.score for e in best.executions]))
        assert kept(tmp_path) == {f"trial_{best.id}/scored-{execution}.npz"}
        assert_all_are_as_scored(found, [best])


@pytest.mark.slow
def test_a_fit_that_gives_a_number_has_the_model_of_its_end(tmp_path):
    class Model(WithFit):
        def fit(self, hp, model, *args, **kwargs):
            history = model.fit(*args, **kwargs).history["val_loss"]
            return history[-1]

    found = tune(X, Y, hypermodel=Model(), max_trials=2, epochs=4, directory=tmp_path, verbose=0)
    assert_all_are_as_scored(found, [found.best_trial])


@pytest.mark.parametrize(
    "y", [pytest.param(Y, id="images", marks=pytest.mark.slow), pytest.param(None, id="autoencoder")]
)
@pytest.mark.slow
def test_images_and_autoencoders(tmp_path, y):
    images = np.repeat(1 / (1 + np.exp(-X)), 16, 1).reshape(80, 8, 8, 1)
    found = tune(images, y, body="cnn", max_trials=2, epochs=3, directory=tmp_path, verbose=0)
    assert_all_are_as_scored(found)


@pytest.mark.slow
def test_grokking(tmp_path):
    space = {"p": 11, "learning_rate": [0.01, 0.003], "weight_decay": 1.0}
    options = {"body": "grokking", "space": space, "tuner": "grid", "epochs": 40, "verbose": 0}
    found = tune(objective="val_accuracy", directory=tmp_path, **options)
    for trial in found.trials:
        best = trial.executions[0]
        step = best.history["step"][best.best_epoch - 1]
        assert best.score == max(best.history["val_accuracy"])
        model = found.model(trial.number)
        preset = PRESETS["lecture"]
        table = equations(preset.operation, 11, preset.train_fraction, seed_of(0, trial.number, 0))
        right = np.argmax(model(table.tokens(np.arange(len(table.x)))), axis=-1) == table.answer
        assert right[table.validation].mean() == pytest.approx(best.score, abs=1e-6), step


@pytest.mark.slow
def test_a_search_that_was_made_by_another_process(tmp_path):
    script = textwrap.dedent("""
        import sys
        sys.path.insert(0, sys.argv[2])
        from searches import X, Y
        from test_tuning_scored import EIGHT, tune
        tune(X, Y, max_trials=int(sys.argv[3]), directory=sys.argv[1], **EIGHT)
    """)
    done = run_python("-c", script, str(tmp_path / "s"), os.path.dirname(__file__), "2")
    assert done.returncode == 0, done.stderr[-2000:]
    assert_all_are_as_scored(tune(X, Y, max_trials=2, directory=tmp_path / "s", **EIGHT))
    for state in (tmp_path / "s").glob("trial_*/state-*"):
        shutil.rmtree(state)
    assert_all_are_as_scored(tune(X, Y, max_trials=3, directory=tmp_path / "s", **EIGHT))


def kept(folder):
    return {str(path.relative_to(folder)) for path in folder.glob("trial_*/scored-*")}


@pytest.mark.slow
def test_weights_that_workers_keep_are_of_the_best_trial_alone(tmp_path):
    found = tune(X, Y, max_trials=5, executions_per_trial=2, directory=tmp_path, **EIGHT)
    assert kept(tmp_path) <= {f"trial_{found.best_trial.id}/scored-{i}.npz" for i in range(2)}
    expected = [score_of(found.model(trial.number), found) for trial in found.trials]
    mine = tmp_path / "trial_0000" / "scored-by-hand.npz"
    mine.write_text("mine")
    journal = Journal(tmp_path)
    for trial in [*reversed(found.completed), *found.completed]:
        settle(trial.number, found.problem, journal, again=True)
    best = found.best_trial
    execution = int(np.argmin([e.score for e in best.executions]))
    assert kept(tmp_path) == {f"trial_{best.id}/scored-{execution}.npz", "trial_0000/scored-by-hand.npz"}
    assert score_of(found.model(best.number), found) == expected[best.number]
    lines = (tmp_path / f"trial_{best.id}" / "record.jsonl").read_text().count("\n")
    path = tmp_path / f"trial_{best.id}" / f"scored-{execution}.npz"
    with np.load(path) as held:
        changed = {name: held[name] * 0 for name in held.files}
    np.savez(path, **changed)
    assert not np.any(found.model(best.number).get_weights()[-1])  # it is read, not trained again
    assert lines == 4
    tune(X, Y, max_trials=1, directory=tmp_path, overwrite=True, **EIGHT)
    assert kept(tmp_path) == {"trial_0000/scored-by-hand.npz", "trial_0000/scored-0.npz"}  # its own


@pytest.mark.slow
def test_a_training_that_is_not_the_same_again_is_said_so(tmp_path):
    factor = [1.0]

    def build(hp):
        model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(1)])
        model.compile(keras.optimizers.SGD(hp.Float("rate", 0.01, 0.1) * factor[0]), "mean_squared_error")
        return model

    found = tune(X, Y, hypermodel=build, max_trials=1, epochs=3, directory=tmp_path, verbose=0)
    for weights in tmp_path.glob("trial_*/scored-*"):
        weights.unlink()
    factor[0] = 2.0
    with pytest.warns(UserWarning, match=r"^Trial 0, trained again, has another score than in the search: val_loss"):
        _ = found.best_model
    settle(0, found.problem, Journal(tmp_path), again=True)
    assert kept(tmp_path) == set()  # nor is it kept


def test_a_search_with_its_own_training_is_not_trained_again_on_all_rows(tmp_path):
    found = tune(X, Y, hypermodel=WithFit(), max_trials=1, epochs=1, directory=tmp_path, verbose=0)
    with refused("This search has its own way of training. Use best_model."):
        found.retrain()


@pytest.mark.slow
def test_the_record_says_nothing_of_it(tmp_path):
    """A folder without kept weights, as earlier versions wrote it, is as good."""
    found = tune(X, Y, max_trials=2, directory=tmp_path, **EIGHT)
    for weights in tmp_path.glob("trial_*/scored-*"):
        weights.unlink()
    files = {path.name for path in tmp_path.rglob("*") if path.is_file()}
    assert files <= {"search.json", "oracle.json", "record.jsonl", "trial.json", "lock", "state-0.npz", "state-1.npz"}
    assert json.loads((tmp_path / "search.json").read_text())["body"] == "mlp"
    assert_all_are_as_scored(found)
