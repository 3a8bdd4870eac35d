"""What a fitted table says of itself: the positive class, intervals, too few rows, an end by Ctrl-C."""

import inspect
import re
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from conftest import refused

import recipes
from recipes import Interrupted, TableRun, fit_table
from recipes.plots.tables import plot_table_curves
from recipes.tables.curves import _MENDS, verdict_on
from recipes.tables.prepare import prepare_table
from recipes.tables.ready import ready_table
from recipes.tables.scoring.comparison import compare
from recipes.tables.scoring.intervals import Interval, too_few_held
from recipes.tables.scoring.scores import losses, written
from recipes.training.engines.many import train

FAST = {"num_networks": 2, "epochs": 3, "verbose": 0}


def doses(num_rows=120, labels=("no", "yes"), seed=0):
    rng = np.random.default_rng(seed)
    dose = rng.normal(size=num_rows)
    cured = np.array(labels, object)[(dose + 0.5 * rng.normal(size=num_rows) > 0).astype(int)]
    return pd.DataFrame({"dose": dose, "age": rng.normal(50, 9, num_rows), "cured": cured})


def test_arguments_are_judged_with_the_defaults_that_they_are_explained_with():
    """`ready_table` is the part of `fit_table` that needs no Keras."""
    explained = {**inspect.signature(fit_table).parameters}
    del explained["verbose"]
    assert {**inspect.signature(ready_table).parameters} == explained


# --- the curves -----------------------------------------------------------------------------------------------------


def test_verdicts_advise_what_a_table_can_be_fitted_with():
    """Of a network's arguments `fit_table` takes the epochs alone, and the command line too."""
    epoch = np.arange(30)
    falling = {
        "loss": [(1 - 0.02 * epoch).tolist()] * 3,
        "val_loss": [(1 - 0.02 * epoch + 0.01 * i).tolist() for i in range(3)],
    }
    (found,) = verdict_on(falling, 1.1)
    assert (found.rule, found.fix) == ("still_learning", "fit again with epochs=120")
    flat = {**falling, "val_loss": [(1.2 + 0.01 * np.sin(epoch + i)).tolist() for i in range(3)]}
    found = verdict_on(flat, 1.1)[0]
    assert (found.rule, found.fix.partition(";")[0]) == (
        "worse_than_chance",
        "look whether the target belongs to these rows",
    )
    arguments = inspect.signature(fit_table).parameters
    for fix in (*_MENDS.values(), ""):
        assert {*re.findall(r"(\w+)=", fix)} <= {*arguments}


def test_the_figure_of_a_table_is_that_of_runs():
    """Three networks, of which two stopped: the median of all three as far as two train, and a dot on each."""
    gone = np.nan
    history = {
        "loss": [[0.9, 0.7, 0.6, gone, gone], [0.8, 0.6, 0.5, 0.4, gone], [0.7, 0.5, 0.4, 0.3, 0.2]],
        "val_loss": [[0.8, 0.9, 1.0, gone, gone], [0.8, 0.7, 0.75, 0.8, gone], [0.9, 0.8, 0.7, 0.6, 0.7]],
    }
    run = SimpleNamespace(history=history, of_curves=verdict_on(history, 1.1))
    lines = {line.get_label(): line.get_xydata().tolist() for line in plot_table_curves(run).lines}
    assert lines["training, median of 3 (while half train)"] == [[1, 0.8], [2, 0.6], [3, 0.5], [4, 0.4]]
    assert lines["validation, median of 3 (while half train)"] == [[1, 0.8], [2, 0.8], [3, 0.75], [4, 0.8]]
    assert lines["weights that were kept"] == [[1, 0.8], [2, 0.7], [4, 0.6]]
    (found,) = run.of_curves
    assert (found.rule, found.epochs) == ("converged", (2, 5))
    assert found.message.startswith("val_loss is 0.7 as the median of 3 networks, each with the weights of its best")


# --- the positive class --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("labels", "asked", "classes"),
    [
        (("no", "yes"), None, ("no", "yes")),
        (("ja", "nein"), None, ("nein", "ja")),
        (("oui", "non"), None, ("non", "oui")),
        (("positive", "negative"), None, ("negative", "positive")),
        (("ill", "well"), None, ("ill", "well")),
        (("ill", "well"), "ill", ("well", "ill")),
        ((0, 1), 0, (1, 0)),
        ((0, 1), "0", (1, 0)),  # as the command line has it
        ((True, False), "False", (True, False)),
    ],
)
def test_which_class_is_the_positive_one(labels, asked, classes):
    found = prepare_table(doses(labels=labels), "cured", positive=asked)
    assert found.target.classes == classes
    assert found.target.positive == classes[1]
    truth = doses(labels=labels)["cured"].to_numpy()
    assert [classes[int(code)] for code in found.y] == truth.tolist()


def test_values_in_place_of_the_name_of_a_column_are_refused():
    frame = doses()
    with refused(
        "target= is the name of a column of the table. Received: values, as Series. Make them a column: "
        "frame.assign(y=values), and say target='y'."
    ):
        fit_table(frame.drop(columns="cured"), frame["cured"], **FAST)
    with refused("group= is the name of a column of the table. Received: values, as ndarray."):
        fit_table(frame, "cured", group=frame["age"].to_numpy(), **FAST)
    with refused("drop= holds names of columns of the table. Received: values, as list."):
        fit_table(frame, "cured", drop=[["age", "dose"]], **FAST)


def test_a_positive_class_that_is_not_there_is_refused():
    with refused(
        "positive= names one of the classes of 'cured', 'no', 'yes'. Received: positive='yess'. Did you mean 'yes'?"
    ):
        prepare_table(doses(), "cured", positive="yess")
    with refused("positive= names one of two classes. Received: positive='yes' for 'dose', regression."):
        prepare_table(doses(), "dose", positive="yes")
    three = doses().assign(cured=["a", "b", "c"] * 40)
    with refused("positive= names one of two classes. Received: positive='a' for 'cured', multiclass."):
        prepare_table(three, "cured", positive="a")


@pytest.mark.slow
def test_it_is_said_and_the_model_gives_its_probability(tmp_path):
    frame = doses(labels=("ill", "well"))
    frame.to_csv(tmp_path / "doses.csv", index=False)
    other = fit_table(tmp_path / "doses.csv", "cured", positive="ill", **FAST)
    assert (other.positive, other.classes) == ("ill", ("well", "ill"))
    said = "the model gives the probability of 'ill', the positive class; the other is 'well'"
    assert said in str(other).splitlines()
    assert "positive class 'ill', predicted where its probability is above 0.5; negative 'well'" in str(
        other.evaluation
    )
    np.testing.assert_allclose(other.predict(frame)[:, 1], other.model.predict(other.inputs_of(frame), verbose=0)[:, 0],
                               rtol=1e-5)  # fmt: skip
    high, low = (frame["dose"].nlargest(20).index, frame["dose"].nsmallest(20).index)
    assert other.predict(frame)[low, 1].mean() > other.predict(frame)[high, 1].mean()
    page = other.report(tmp_path / "page.html").read_text()
    assert "<td class=name>positive class</td><td class=words>ill: its probability is what the model gives" in page
    assert "--positive ill" in page


@pytest.mark.slow
def test_costs_move_the_threshold_and_the_mistakes(tmp_path):
    """A false negative that costs four times as much: from 1 / (1 + 4) on the positive class is said (Elkan 2001)."""
    frame = doses(400)
    run = fit_table(frame, "cured", cost_false_negative=4, num_networks=2, epochs=8, verbose=0)
    assert (run.target.costs, run.target.threshold) == ((1.0, 4.0), 0.2)
    chance = run.predict(frame)[:, 1]
    said = run.predict_labels(frame)
    assert (said == np.where(chance > 0.2, "yes", "no")).all()
    assert (said != np.where(chance > 0.5, "yes", "no")).any()
    assert (run.predict_table(frame)["cured"] == said).all()
    found, true = run.evaluate(frame), frame["cured"].to_numpy()
    false_positives, false_negatives = ((said == one) & (true != one) for one in ("yes", "no"))
    assert found["mean_cost"] == pytest.approx((false_positives.sum() + 4 * false_negatives.sum()) / 400)
    assert found["mean_cost_of_one_answer"] == pytest.approx(min((true == "no").mean(), 4 * (true == "yes").mean()))
    assert found["accuracy"] == pytest.approx((said == true).mean())
    assert found.calibration is not None
    assert "'yes' is said from 0.2 on, by the costs of mistakes" in str(run)
    run.save(tmp_path / "run")
    assert (recipes.load(tmp_path / "run").predict_labels(frame) == said).all()
    page = run.report(tmp_path / "page.html").read_text()
    assert "0.2 on: a false positive costs 1, a false negative 4" in page


def test_costs_that_cannot_be_are_refused():
    with refused("cost_false_negative is a positive number. Received: cost_false_negative=-1."):
        fit_table(doses(), "cured", cost_false_negative=-1, **FAST)
    with refused("Costs of false positives and negatives are for two classes. Received: 'age', regression."):
        fit_table(doses(), "age", cost_false_positive=2, **FAST)


# --- too few rows --------------------------------------------------------------------------------------------------


def coverage(draw, truth, num_rows, repeats=300):
    """How often the interval of a difference of R² holds the true one, for squared errors whose difference is drawn."""
    held = 0
    for i in range(repeats):
        rng = np.random.default_rng(i)
        better, worse = draw(rng, num_rows)
        rival = compare("r2", np.zeros(num_rows), np.sqrt(better), {"linear": np.sqrt(worse)}, seed=i).rivals[0]
        held += rival.low <= truth <= rival.high
    return held / repeats


def test_the_interval_holds_as_often_as_it_says():
    """For normal differences 95 %; plain percentiles would in 2 T(1.96 sqrt((n - 1) / n)) - 1 = 93.6 % at n = 30."""

    def draw(rng, number):
        difference = rng.normal(size=number)
        return 10 + np.zeros(number), 10 + difference

    assert coverage(draw, 0.0, 30) == pytest.approx(0.95, abs=3 * (0.05 * 0.95 / 300) ** 0.5)


@pytest.mark.slow
def test_on_fewer_rows_it_would_not(monkeypatch):
    """Two models' log losses where one row in 15 is of the rarer class: on 30 rows the interval holds in some 78 %."""
    from recipes.tables.scoring import comparison

    monkeypatch.setattr(comparison, "_too_few", lambda metric, true: "")

    def drawn(rng, number):
        x = rng.normal(size=number)
        true = (rng.random(number) < 1 / (1 + np.exp(3.5 - 1.5 * x))).astype(int)
        return true, *(np.stack([1 - p, p], 1) for p in (1 / (1 + np.exp(-of(x))) for of in
                       (lambda x: 1.5 * x - 3.5, lambda x: 0.9 * x - 3.2)))  # fmt: skip

    rng = np.random.default_rng(0)
    true, better, worse = drawn(rng, 10**6)
    truth = (losses("log_loss", true, worse) - losses("log_loss", true, better)).mean()

    def held(number, times):
        tables = (drawn(rng, number) for _ in range(times))
        rivals = (compare("log_loss", true, better, {"linear": worse}).rivals[0] for true, better, worse in tables)
        return np.mean([rival.low <= truth <= rival.high for rival in rivals])

    assert held(30, 300) < 0.88
    assert held(200, 150) > 0.89


@pytest.mark.parametrize(
    ("true", "said"),
    [
        (np.arange(20) % 2, "20 test rows are too few (at least 30)"),
        (np.arange(100) < 4, "4 test rows of 100 are not of the commonest class, too few (at least 10)"),
        (np.arange(100) < 1, "1 test row of 100 is not of the commonest class, too few (at least 10)"),
        (np.arange(100) < 10, ""),
    ],
)
def test_few_rows_are_no_ground_to_compare_on(true, said):
    true = true.astype(int)
    good, bad = (np.stack([1 - p, p], 1) for p in (0.2 + 0.6 * true, 0.4 + 0.2 * true))
    found = compare("log_loss", true, good, {"constant": bad, "linear": bad, "boosting": bad})
    assert found.too_few == said
    assert {rival.verdict for rival in found.rivals} == ({"unknown"} if said else {"better"})
    assert found.is_justified == (not said)
    if said:
        why = f"{said}; by the scores alone the network is first"
        assert found.sentence == f"Whether the network is better than the others cannot be told: {why}."
        assert found.rivals[0].low is None
        assert "(" not in str(found).splitlines()[2]


@pytest.mark.slow
def test_a_small_table_says_so_and_is_saved_and_drawn(tmp_path):
    run = fit_table(doses(60), "cured", **FAST)
    (finding,) = [one for one in run.findings if one.rule in ("few_test_rows", "not_justified")]
    assert finding.message == run.verdict
    assert finding.message.startswith(
        "Whether the network is better than the others cannot be told: 12 test rows are too few (at least 30); by the "
        "scores alone "
    )
    assert finding.fix == "bring more rows, or test on more of them (test_split)"
    run.save(tmp_path / "run")
    assert recipes.load(tmp_path / "run").comparison == run.comparison
    assert "<td class=number>too few rows</td><td>unknown</td>" in run.report(tmp_path / "page.html").read_text()


def test_an_r2_next_to_nothing_is_written_as_nothing():
    true = np.arange(40.0)
    others = {"constant": np.full(40, true.mean() + 0.01), "linear": true + 1.0}
    found = compare("r2", true, true + 0.5, others)
    assert -1e-5 < found.rivals[0].score < 0
    first, network, constant, *_ = str(found).splitlines()
    assert (first, network.split()) == ("R² (higher is better)", ["network", "0.9981"])
    assert constant.startswith("  constant       0.000   network better, by 0.9981 (95 % interval 0.")
    assert [written("r2", score) for score in (-4e-4, 0.0006, -0.25)] == ["0.000", "0.0006", "-0.25"]
    assert written("log_loss", 3e-7) == "3e-07"


# --- intervals -----------------------------------------------------------------------------------------------------


def test_an_interval_is_added_or_multiplied():
    plain = Interval(0.9, 2.0, False, 1.0, None, 100, 0.9, 20)
    assert plain.around(np.array([1.0, 5.0])).tolist() == [[-1, 3], [3, 7]]
    counts = Interval(0.9, 2.0, False, 1.0, 0.0, 100, 0.9, 20)
    assert counts.around(np.array([1.0, 5.0])).tolist() == [[0, 3], [3, 7]]
    factor = Interval(0.9, np.log(2), True, 1.25, None, 100)  # a mean of 5 is a median of 4
    np.testing.assert_allclose(factor.around(np.array([5.0])), [[2, 8]])
    assert str(plain).startswith("90% intervals: ±2, by ")
    assert str(counts).startswith("90% intervals: ±2, none below 0, by ")


def test_an_interval_that_is_cut_holds_the_same_true_numbers(rng):
    """Whoever is not below 0 lies above the cut-off part: the share that lies within is the same, row by row."""
    true, predicted = rng.exponential(size=5_000), np.maximum(rng.normal(1, 1, 5_000), 0)
    cut, whole = (Interval(0.9, 1.5, False, 1.0, lowest, 100).around(predicted).T for lowest in (0.0, None))
    assert (whole[0] < 0).mean() > 0.3
    assert (cut[0] >= 0).all()
    within = [(low <= true) & (true <= high) for low, high in (cut, whole)]
    np.testing.assert_array_equal(*within)
    assert 0.7 < within[0].mean() < 0.95


def biomass(num_rows=120, seed=0):
    """Positive and skewed, but for a logarithm that is skewed more: learnt as it is."""
    rng = np.random.default_rng(seed)
    rain = rng.gamma(2.0, 1.0, num_rows)
    mass = np.where(np.arange(num_rows) % 10, 20 * rain * rng.uniform(0, 1, num_rows), 1e-3)
    return pd.DataFrame({"rain": rain, "mass": mass})


@pytest.mark.slow
def test_nothing_is_below_0_where_no_number_of_the_training_is(tmp_path):
    run = fit_table(biomass(), "mass", intervals=0.9, quantiles=[0.05, 0.95], **FAST)
    assert (run.target.scale, run.target.lowest) == ("identity", 0.0)
    new = pd.DataFrame({"rain": np.linspace(-8, 8, 60)})  # outside too
    low, high = run.predict_intervals(new).T
    predicted = run.predict(new)
    assert (low == np.maximum(predicted - run.interval.margin, 0)).all()
    assert ((low == 0) & (low <= predicted) & (predicted <= high)).any()
    assert min(predicted.min(), low.min(), run.predict_quantiles(new).min()) == 0
    assert "none below 0, by" in str(run)
    run.save(tmp_path / "run")
    np.testing.assert_array_equal(recipes.load(tmp_path / "run").predict_intervals(new), np.stack([low, high], 1))
    other = fit_table(biomass().assign(mass=biomass()["mass"] - 1), "mass", intervals=0.9, **FAST)  # some are below
    assert other.target.lowest is None
    np.testing.assert_allclose(np.ptp(other.predict_intervals(new), axis=1), 2 * other.interval.margin)


@pytest.mark.slow
def test_intervals_hold_the_true_numbers_as_often_as_was_asked(tmp_path):
    """Noise of one width: 90 % of it lies within 1.645 standard deviations, which no better model undercuts."""
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({"id": [f"P{i}" for i in range(900)], "a": rng.normal(size=900)})
    frame["y"] = 3 * frame["a"] + 0.5 * rng.normal(size=900)
    run = fit_table(frame, "y", intervals=0.9, num_networks=2, epochs=15, verbose=0)
    assert run.interval.margin == pytest.approx(1.645 * 0.5, rel=0.25)
    assert run.interval.num_test == 180
    assert run.interval.held == pytest.approx(0.9, abs=3 * (0.09 / 180) ** 0.5)
    new = pd.DataFrame({"id": ["x", "y"], "a": [0.0, 1.0]})
    ends = run.predict_intervals(new)
    np.testing.assert_allclose(ends.mean(axis=1), run.predict(new))
    told = run.predict_table(new)
    assert [*told.columns] == ["id", "y", "y low", "y high"]
    np.testing.assert_array_equal(told[["y low", "y high"]], ends)
    assert str(run.interval) in str(run)
    run.save(tmp_path / "run")
    np.testing.assert_array_equal(recipes.load(tmp_path / "run").predict_intervals(new), ends)
    assert "90% intervals: ±" in run.report(tmp_path / "page.html").read_text()


@pytest.mark.slow
def test_intervals_of_what_was_learnt_as_a_logarithm_are_factors():
    rng = np.random.default_rng(1)
    frame = pd.DataFrame({"a": rng.normal(size=600)})
    frame["price"] = np.exp(5 + frame["a"] + 0.3 * rng.normal(size=600))
    run = fit_table(frame, "price", intervals=0.8, num_networks=2, epochs=15, verbose=0)
    assert run.interval.is_factor
    assert "say loss=" not in run.target.evidence  # fit_table takes the logarithm by itself
    assert run.interval.margin == pytest.approx(1.282 * 0.3, rel=0.3)
    assert run.interval.held == pytest.approx(0.8, abs=3 * (0.16 / 120) ** 0.5)
    low, high = run.predict_intervals(frame).T
    np.testing.assert_allclose(high / low, np.exp(2 * run.interval.margin))


@pytest.mark.parametrize(
    ("held", "said"),
    [
        (97, "80.8% of 120 test rows lie within the intervals, and 90.0% were to: 3.3 standard errors of 2.7% below."),
        (101, "84.2% of 120 test rows lie within the intervals, and 90.0% were to: 2.1 standard errors of 2.7% below."),
        (102, None),  # 1.8 standard errors
        (120, None),
    ],
)
def test_intervals_that_hold_too_seldom_are_said(held, said):
    found = too_few_held(Interval(0.9, 2.0, False, 1.0, None, 480, held / 120, 120))
    assert [(one.rule, one.severity, one.message) for one in found] == (
        [("intervals_too_narrow", "warning", said)] if said else []
    )


@pytest.mark.slow
def test_intervals_hold_nearly_as_often_as_asked_on_average():
    """Of 4,000 new rows, over 20 tables of 600; a table whose test rows say otherwise is warned of."""

    def rows_of(rng, number):
        x = rng.normal(size=(number, 4))
        y = x[:, 0] + np.sin(2 * x[:, 1]) + x[:, 2] * x[:, 3] + 0.5 * rng.normal(size=number)
        return {**{f"x{i}": x[:, i] for i in range(4)}, "y": y}

    within, warned = [], []
    for seed in range(20):
        rng = np.random.default_rng(seed)
        run = fit_table(rows_of(rng, 600), "y", intervals=0.9, seed=seed, verbose=0)
        new = rows_of(rng, 4_000)
        low, high = run.predict_intervals(new).T
        within.append(((low <= new["y"]) & (new["y"] <= high)).mean())
        warned.append("intervals_too_narrow" in {one.rule for one in run.findings})
        assert warned[-1] == (run.interval.held < 0.9 - 2 * (0.09 / 120) ** 0.5)
    print(f"{np.mean(within):.3f} on average, {min(within):.3f} to {max(within):.3f}; {sum(warned)} warned of")
    assert np.mean(within) == pytest.approx(0.89, abs=0.015)
    assert any(warned)


def test_intervals_that_cannot_be_are_refused():
    with refused("intervals= is the share that shall lie in them, 0 < intervals < 1. Received: intervals=90."):
        fit_table(doses(), "age", intervals=90, **FAST)
    with refused(
        "intervals= are for numbers. Received: intervals=0.9 for 'cured', which holds 2 classes; what is predicted of "
        "it are probabilities."
    ):
        fit_table(doses(), "cured", intervals=0.9, **FAST)
    with refused(
        "intervals=0.99 needs at least 99 rows that are held out of the training. Received: 24. Bring more rows, or "
        "ask for a smaller share."
    ):
        fit_table(doses(), "age", intervals=0.99, **FAST)
    with refused("This run has no intervals. Fit it with intervals=0.9."):
        fit_table(doses(60), "cured", num_networks=1, epochs=1, verbose=0).predict_intervals(doses())


# --- Ctrl-C --------------------------------------------------------------------------------------------------------


class TestCtrlC:
    def stops(self, monkeypatch, after):
        """Ctrl-C as it arrives while a block is computed."""
        own, calls = train.Training._block, []

        def block(run, *arguments):
            calls.append(run.epoch)
            run.plans[0].interrupt.requested = len(calls) > after
            return own(run, *arguments)

        monkeypatch.setattr(train.Training, "_block", block)

    def test_a_script_ends_with_what_there_is(self, monkeypatch):
        self.stops(monkeypatch, 0)
        with pytest.raises(Interrupted) as caught:
            fit_table(doses(), "cured", num_networks=2, epochs=50, verbose=0)
        run = caught.value.result
        assert isinstance(run, TableRun)
        done = max(map(len, run.history["loss"]))
        assert 0 < done < 50
        assert str(caught.value) == (
            f"Ctrl-C ended the training after {done} of at most 50 epochs; the networks keep what they have learnt, "
            "and are compared as they are. The same call begins anew."
        )
        assert "cut_short" in {one.rule for one in run.findings}
        assert run.predict(doses()).shape == (120, 2)

    def test_a_notebook_is_given_the_run(self, monkeypatch, capsys):
        from recipes.running import interrupt

        monkeypatch.setattr(interrupt, "is_interactive", lambda: True)
        self.stops(monkeypatch, 0)
        run = fit_table(doses(), "cured", num_networks=2, epochs=50, verbose=0)
        assert isinstance(run, TableRun)
        assert "checkpoint" not in capsys.readouterr().err

    def test_before_the_first_epoch_there_is_no_run(self, monkeypatch):
        monkeypatch.setattr(train.Training, "_all_ended", lambda self: setattr(
            self.plans[0].interrupt, "requested", True) or True)  # fmt: skip
        with pytest.raises(KeyboardInterrupt) as caught:
            fit_table(doses(), "cured", **FAST)
        assert not isinstance(caught.value, Interrupted)
        assert str(caught.value) == ("Ctrl-C ended the training before its first epoch was over: there is no result.")
