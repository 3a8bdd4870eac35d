"""The parts of keras-tuner that it does not promise are there, and are what this package takes them for."""

import ast
import inspect
import re
from pathlib import Path

import keras_tuner
import pytest

from recipes.tuning.oracles import _keras_tuner as inside

HOME = Path(inside.__file__)
ORACLES = {
    "random": keras_tuner.oracles.RandomSearchOracle,
    "bayesian": keras_tuner.oracles.BayesianOptimizationOracle,
    "grid": keras_tuner.oracles.GridSearchOracle,
    "hyperband": keras_tuner.oracles.HyperbandOracle,
}


@pytest.fixture
def oracle(request, tmp_path):
    """A real one, with a space of two hyperparameters."""
    options = {"max_epochs": 9, "factor": 3} if request.param == "hyperband" else {"max_trials": 9}
    oracle = ORACLES[request.param](objective=keras_tuner.Objective("val_loss", "min"), seed=1, **options)
    hp = keras_tuner.HyperParameters()
    hp.Int("a", 1, 3)
    hp.Fixed("b", 1)
    oracle.update_space(hp)
    oracle._set_project_dir(str(tmp_path), "s")
    return oracle


def ended(oracle, score):
    trial = oracle.create_trial("tuner0")
    trial.metrics.register("val_loss", direction="min")
    trial.metrics.update("val_loss", score, step=0)
    trial.status = "COMPLETED"
    oracle.end_trial(trial)
    return trial


def test_no_other_module_knows_its_insides():
    pattern = re.compile(r"^keras_tuner\.(src|engine)\b|^keras_tuner\..*\._")
    for path in HOME.parents[1].rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            names = [node.module] if isinstance(node, ast.ImportFrom) else []
            names += [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            if isinstance(node, ast.Attribute):
                names.append(ast.unparse(node))
            assert path == HOME or not any(pattern.match(name or "") for name in names), path


def test_what_is_overridden_is_there_and_is_called():
    for kind, names in inside.OVERRIDDEN.items():
        for name in names:
            assert inspect.isfunction(getattr(kind, name)), (kind, name)
    source = inspect.getsource(keras_tuner.Oracle)
    for name in ("_save_trial", "score_trial", "save"):
        assert f"self.{name}(" in source
    assert "self._populate_initial_space()" in inspect.getsource(inside.BaseTuner.__init__)
    assert "self.oracle" in inspect.getsource(inside.OracleServicer.EndTrial)


def test_functions_and_classes():
    assert inside.infer_metric_direction("val_accuracy") == "max"
    assert inside.infer_metric_direction("val_loss") == "min"
    assert inside.infer_metric_direction("val_happiness") is None
    for parameter in (inside.Int("a", 1, 3, step=2), inside.Float("a", 0.5, 1.5), inside.Boolean("a"),
                      inside.Fixed("a", 3)):  # fmt: skip
        again = inside.deserialize(inside.serialize(parameter))
        assert (type(again), again.get_config()) == (type(parameter), parameter.get_config())
    assert inside.Trial(keras_tuner.HyperParameters(), "0007", "FAILED", "why").message == "why"
    assert hasattr(inside.protos.get_service_grpc(), "add_OracleServicer_to_server")


def test_roles(monkeypatch):
    assert not inside.has_chief_oracle()
    for name, value in (("ORACLE_IP", "127.0.0.1"), ("ORACLE_PORT", "1"), ("TUNER_ID", "chief")):
        monkeypatch.setenv(f"KERASTUNER_{name}", value)
    assert inside.has_chief_oracle()
    assert inside.is_chief_oracle()
    monkeypatch.setenv("KERASTUNER_TUNER_ID", "a")
    assert not inside.is_chief_oracle()


@pytest.mark.parametrize("oracle", inside.STATE, indirect=True)
def test_the_state_of_an_oracle(oracle, request):
    name = request.node.callspec.params["oracle"]
    inside.set_seed(oracle, 5)
    before = {part: getattr(oracle, part) for part in inside.STATE[name]}
    assert before["_seed_state"] == oracle.seed == 5
    oracle.create_trial("tuner0")
    assert oracle._seed_state > 5  # choosing changes it, and nothing else counts the choices


@pytest.mark.parametrize("oracle", ["random"], indirect=True)
def test_a_trial_that_is_given_back_is_the_next_to_be_chosen(oracle):
    trials = [oracle.create_trial(f"tuner{i}") for i in range(3)]
    oracle.ongoing_trials.clear()  # as if the three workers had gone
    oracle.tuner_ids.clear()
    inside.try_again(oracle, trials[1].trial_id)
    inside.try_again(oracle, trials[2].trial_id, last=True)
    inside.try_again(oracle, trials[0].trial_id)
    assert [oracle.create_trial(f"tuner{i}").trial_id for i in range(3)] == [trials[i].trial_id for i in (0, 1, 2)]


@pytest.mark.parametrize("oracle", ORACLES, indirect=True)
def test_trials_that_are_taken_up(oracle):
    hp = keras_tuner.HyperParameters()
    hp.values = {"a": 2, "b": 1}
    inside.take_up(oracle, inside.Trial(hp, "0000", "COMPLETED"))
    inside.take_up_end(oracle, "0000")
    assert (oracle.start_order, oracle.end_order, [*oracle.trials]) == (["0000"], ["0000"], ["0000"])
    assert inside.was_tried(oracle, hp.values)
    assert not inside.was_tried(oracle, {"a": 3, "b": 1})


@pytest.mark.parametrize("oracle", ["bayesian"], indirect=True)
def test_the_gaussian_process(oracle):
    for score in (0.3, 0.2, 0.1):
        ended(oracle, score)
    assert inside.num_searched(oracle) == 1
    points, scores = inside.as_vectors(oracle)
    assert points.shape == (3, 1)
    assert list(scores) == [0.3, 0.2, 0.1]
    assert [tuple(side) for side in inside.bounds(oracle)] == [(0, 1)]
    mean, deviation = inside.gaussian_process(oracle).fit(points, scores).predict(points, return_std=True)
    assert mean.shape == deviation.shape == (3,)
    assert inside.values_at(oracle, points[0]) == oracle.trials[oracle.end_order[0]].hyperparameters.values
    assert set(inside.random_values(oracle)) == {"status", "values"}


@pytest.mark.parametrize("oracle", ["grid"], indirect=True)
def test_the_order_of_a_grid(oracle, tmp_path):
    for score in (0.3, 0.2):
        ended(oracle, score)
    order = inside.grid_order(oracle)
    assert order == oracle.end_order
    waiting = inside.populate_next(oracle)
    oracle._ordered_ids = type(oracle._ordered_ids)()
    inside.set_grid_order(oracle, order, waiting)
    assert (inside.grid_order(oracle), inside.populate_next(oracle)) == (order, waiting)


@pytest.mark.parametrize("oracle", ["hyperband"], indirect=True)
def test_brackets(oracle):
    assert inside.brackets(oracle) == [[(9, 1), (3, 3), (1, 9)], [(5, 3), (2, 9)], [(3, 9)]]
    assert inside.promotable(oracle) == set()
    trial = ended(oracle, 0.1)
    assert inside.promotable(oracle) == {trial.trial_id}


@pytest.mark.parametrize("oracle", ["random"], indirect=True)
def test_files(oracle, tmp_path):
    ended(oracle, 0.1)
    oracle.save()
    assert inside.oracle_file(oracle) == tmp_path / "s" / "oracle.json"
    assert inside.trial_file(oracle, oracle.end_order[0]).is_file()
    assert inside.promotable(oracle) == set()
