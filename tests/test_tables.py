"""A table to a network that takes its rows: the parts against formulas, and the whole through files and processes."""

import json
import warnings
import zipfile
from dataclasses import replace
from html import escape

import keras
import numpy as np
import pandas as pd
import pytest
import tensorflow as tf
from conftest import refused
from processes import run_python

import recipes
from recipes.tables.columns.column import Column, Columns
from recipes.tables.columns.kinds import _OF_KERAS
from recipes.tables.learning.network import settings_for
from recipes.tables.learning.preprocessing import build_preprocessing, outputs_of
from recipes.tables.prepare import prepare_table
from recipes.tables.scoring.comparison import compare
from recipes.tables.scoring.scores import losses, score

FAST = {"num_networks": 2, "epochs": 4, "verbose": 0}


def ward(num_rows=160, seed=0):
    """A table with a column of every kind."""
    rng = np.random.default_rng(seed)
    age = rng.normal(60, 12, num_rows).round(1)
    ward = rng.choice(["north", "south", "west"], num_rows)
    ill = age / 12 + (ward == "west") * 2 + rng.normal(size=num_rows)
    frame = pd.DataFrame({
        "id": np.arange(num_rows) + 1, "age": age, "ward": ward,
        "admitted": pd.date_range("2023-01-01", periods=num_rows),
        "smoker": rng.random(num_rows) < 0.3,
        "dose": [f"{value:.1f}".replace(".", ",") for value in rng.random(num_rows) * 9],
        "note": [f"seen by doctor number {i} today" for i in range(num_rows)],
        "weeks/2": rng.integers(0, 9, num_rows),
        "outcome": np.where(ill > 6, "ill", "well"),
    })  # fmt: skip
    frame.loc[frame.index[::9], "age"] = np.nan
    frame.loc[frame.index[::11], "ward"] = None
    return frame


@pytest.fixture(scope="module")
def run():
    return recipes.fit_table(ward(), "outcome", **FAST)


@pytest.fixture(scope="module")
def folder(run, tmp_path_factory):
    path = tmp_path_factory.mktemp("tables") / "run"
    run.save(path)
    return path


# --- the preprocessing, against formulas -----------------------------------------------------------------------------


def features(values, column, other=None, num_bins=4):
    columns = Columns([column])
    model = build_preprocessing(columns, {column.name: values}, num_bins=num_bins)
    return outputs_of(model, columns, {column.name: values if other is None else other})


def test_a_number_is_scaled_by_its_quartiles_and_coded_in_bins():
    x = np.array([0.0, 1, 2, 3, 4, 5, 6, 7, 100])
    found = features(x, Column("x", "number", "", input="x"), num_bins=2)
    z = (x - 4) / (6 - 2)  # median 4, quartiles 2 and 6
    np.testing.assert_allclose(found[:, 0], z / np.sqrt(1 + (z / 3) ** 2), rtol=1e-6)
    np.testing.assert_allclose(found[:, 1], np.clip(x / 4, 0, 1), rtol=1e-6)
    np.testing.assert_allclose(found[:, 2], np.clip((x - 4) / 96, 0, 1), atol=1e-7)


def test_a_number_near_a_large_one_keeps_its_digits():
    x = 1e9 + np.arange(9.0)
    found = features(x, Column("x", "number", "", input="x"), num_bins=2)
    np.testing.assert_allclose(found[:, 1], np.clip(np.arange(9) / 4, 0, 1), atol=1e-6)


def test_what_is_missing_is_the_median_and_a_feature():
    x = np.array([1.0, 2, 3, np.nan, 5])
    found = features(x, Column("x", "number", "", input="x"))
    assert found[:, -1].tolist() == [0, 0, 0, 1, 0]
    middle = features(x, Column("x", "number", "", input="x"), other=np.array([2.5]))
    np.testing.assert_array_equal(found[3, :-1], middle[0, :-1])


def test_true_and_false_are_one_and_minus_one_and_missing_between():
    found = features(np.array([0.0, 1, np.nan]), Column("x", "boolean", "", input="x"))
    edge = np.float32(1 / np.sqrt(1 + 1 / 9))
    assert found.tolist() == [[-edge, 0], [edge, 0], [0, 1]]


def test_a_category_has_a_place_and_a_new_one_is_the_average():
    x = np.array(["a", "b", "c", "a"], dtype=object)
    column = Column("x", "category", "", input="x", categories=("a", "b", "c"))
    assert features(x, column, other=np.array(["c", "new", ""], dtype=object)).tolist() == [
        [0, 0, 1], [0.5, 0.25, 0.25], [0.5, 0.25, 0.25],
    ]  # fmt: skip
    with_others = replace(column, categories=("a",), has_others=True)
    assert features(x, with_others).tolist() == [[0, 1], [1, 0], [1, 0], [0, 1]]
    two = replace(column, categories=("a", "b"))
    assert features(x[:2], two, other=np.array(["b", "a", "?"], dtype=object)).tolist() == [[1], [-1], [0]]


def test_dates_turn_with_the_week():
    days = np.arange(0.0, 21)
    found = features(days, Column("x", "date", "", input="x"))
    np.testing.assert_allclose(
        found[:, -2:], np.stack([f(2 * np.pi * days / 7) for f in (np.sin, np.cos)], 1), atol=1e-6
    )


# --- the scores, against formulas --------------------------------------------------------------------------------


def test_losses_are_those_of_scikit_learn(rng):
    from sklearn.metrics import log_loss, mean_poisson_deviance, r2_score

    true = rng.integers(0, 3, 50)
    chances = rng.dirichlet(np.ones(3), 50)
    assert losses("log_loss", true, chances).mean() == pytest.approx(log_loss(true, chances))
    counts, rates = rng.poisson(2.0, 50).astype(float), rng.gamma(2.0, size=50)
    assert losses("poisson_deviance", counts, rates).mean() == pytest.approx(mean_poisson_deviance(counts, rates))
    assert score("r2", counts, losses("r2", counts, rates)) == pytest.approx(r2_score(counts, rates))


def test_a_comparison_says_who_is_better_and_who_is_level(rng):
    true = rng.normal(size=400)
    near, far = true + rng.normal(size=400) * 0.3, true + rng.normal(size=400) * 2
    found = compare("r2", true, near, {"constant": np.zeros(400), "linear": near[::1] + 1e-9, "boosting": far})
    assert [rival.verdict for rival in found.rivals] == ["better", "level", "better"]
    assert not found.is_justified
    assert "It is not justified here: the linear model is simpler and not shown to be worse." in found.sentence
    better = compare("r2", true, near, {"constant": np.zeros(400), "linear": far, "boosting": true})
    assert (better.is_justified, better.winner) == (True, "boosting")
    assert "gradient boosting does better" in better.sentence
    low, high = found.rivals[0].low, found.rivals[0].high
    spread = ((true**2 - (true - near) ** 2) / true.var()).std() / 20
    assert high - low == pytest.approx(2 * 1.96 * spread, rel=0.1)


# --- the whole -----------------------------------------------------------------------------------------------------


def test_what_is_said_of_a_table(run):
    assert {column.name: column.kind for column in run.columns} == {
        "id": "id", "age": "number", "ward": "category", "admitted": "date", "smoker": "boolean", "dose": "number",
        "note": "text", "weeks/2": "number",
    }  # fmt: skip
    assert (run.task, run.classes) == ("binary", ("ill", "well"))
    assert [one.name for one in run.comparison.rivals] == ["constant", "linear", "boosting"]
    assert run.scores["network"]["log_loss"] == pytest.approx(run.evaluation["log_loss"])
    assert {"id_column", "text_column"} <= {one.rule for one in run.findings}
    assert run.num_rows == {"rest": 128, "test": 32}
    assert repr(run) == f"<TableRun of 'outcome': binary, log_loss {run.comparison.network:.4g} on 32 test rows>"
    assert run.verdict in str(run)
    assert escape(run.columns["ward"].reason) in run._repr_html_()
    assert run.plot().axes


@pytest.mark.slow
def test_the_model_learns_what_is_there():
    found = recipes.fit_table(ward(600), "outcome", num_networks=2, epochs=30, verbose=0)
    assert found.comparison.rivals[0].verdict == "better"  # than the constant
    assert found.scores["network"]["log_loss"] < 1.3 * found.scores["linear"]["log_loss"]


def test_a_saved_run_predicts_to_the_bit_from_a_file(run, folder, tmp_path):
    loaded = recipes.load(folder)
    frame = ward(50, seed=1)
    path = tmp_path / "new.csv"
    frame.drop(columns="outcome").to_csv(path, index=False)
    expected = run.predict(frame)
    assert expected.shape == (50, 2)
    np.testing.assert_allclose(expected.sum(axis=1), 1)
    np.testing.assert_array_equal(loaded.predict(path), expected)
    np.testing.assert_array_equal(loaded.predict(frame[frame.columns[::-1]]), expected)
    assert loaded.predict_labels(path).tolist() == [run.classes[i] for i in expected.argmax(axis=1)]
    assert loaded.signature == run.signature
    assert loaded.comparison == run.comparison
    assert [*map(str, loaded.findings)] == [*map(str, run.findings)]
    np.testing.assert_equal(loaded.history, run.history)
    assert loaded.evaluate(frame)["log_loss"] == run.evaluate(frame)["log_loss"]
    assert str(loaded) == str(run)


def test_the_model_in_the_file_is_made_of_keras_alone(folder):
    with zipfile.ZipFile(folder / "model.keras") as archive:
        assert "recipes" not in archive.read("config.json").decode()
    model = keras.saving.load_model(folder / "model.keras")
    assert [(one.name, one.dtype) for one in model.inputs] == [
        ("age", "float64"), ("ward", "string"), ("admitted", "float64"), ("smoker", "float64"), ("dose", "float64"),
        ("weeks_2", "float64"),
    ]  # fmt: skip


@pytest.mark.slow
def test_another_process_without_this_package_predicts_from_raw_columns(run, folder, tmp_path):
    script = """
import json, sys
sys.modules["recipes"] = None
import keras
model = keras.saving.load_model(sys.argv[1])
row = {"age": 50.0, "ward": "west", "admitted": 19_400.0, "smoker": 1.0, "dose": float("nan"), "weeks_2": 3.0}
types = {"ward": "string"}
x = {name: keras.ops.convert_to_tensor([[value]], types.get(name, "float64")) for name, value in row.items()}
print(json.dumps(keras.ops.convert_to_numpy(model(x)).tolist()))
"""
    done = run_python("-c", script, folder / "model.keras")
    frame = pd.DataFrame({"age": [50.0], "ward": ["west"], "admitted": pd.to_datetime([19_400], unit="D"),
                          "smoker": [True], "dose": [None], "weeks/2": [3]})  # fmt: skip
    with warnings.catch_warnings(action="ignore"):  # that a dose is missing is new
        expected = run.predict(frame)[0, 1]
    assert json.loads(done.stdout)[0][0] == pytest.approx(expected, rel=1e-5), done.stderr[-2000:]


def test_columns_that_are_missing_or_renamed_are_refused(run):
    frame = ward(20, seed=2)
    with refused(
        "The table lacks the column 'age', which the model was trained on. Did you mean 'Age'? Pass a table with it."
    ):
        run.predict(frame.rename(columns={"age": "Age"}))
    assert [one.rule for one in run.check(frame.drop(columns=["age", "ward"]))] == ["other_columns"] * 2
    assert [str(one) for one in run.check(frame.assign(more=1))] == [
        "info new_columns: the model does not know 1 column: 'more'."
    ]


def test_tables_without_rows_or_without_what_is_evaluated_are_refused(run):
    with refused("The table has no rows to predict."):
        run.predict(ward().head(0))
    with refused("The table to evaluate needs the column 'outcome', the target. The table has 'age', 'ward'."):
        run.evaluate(ward(20)[["age", "ward"]])


def test_columns_in_another_type_are_read_or_refused(run):
    frame = ward(20, seed=2)
    expected = run.predict(frame)
    as_text = frame.assign(age=frame["age"].map(lambda value: None if value != value else str(value)),
                           smoker=frame["smoker"].astype(str), admitted=frame["admitted"].dt.strftime("%Y-%m-%d"),
                           ward=frame["ward"].astype("category"))  # fmt: skip
    np.testing.assert_array_equal(run.predict(as_text), expected)
    numbers = frame.assign(dose=frame["dose"].str.replace(",", ".").astype(float))
    np.testing.assert_array_equal(run.predict(numbers), expected)
    with refused("No value of 'age' can be read as a number ('old'). Pass it as in the training."):
        run.predict(frame.assign(age="old"))


def test_new_categories_and_new_gaps_are_said_and_predicted(run):
    frame = ward(20, seed=2)
    frame.loc[3, "ward"] = "east"
    frame["weeks/2"] = frame["weeks/2"].astype(float)
    frame.loc[4, "weeks/2"] = np.nan
    with pytest.warns(UserWarning, match="has categories") as caught:
        found = run.predict(frame)
    assert str(caught[0].message) == (
        "'ward' has categories that the training lacked ('east'), in 1 row. 'weeks/2' is missing in 1 row, and never "
        "was in the training: the median stands for it."
    )
    assert np.isfinite(found).all()
    assert len(caught) == 1


@pytest.mark.slow
def test_a_regression_is_given_in_its_own_units():
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({"a": rng.normal(size=400), "b": rng.normal(size=400)})
    frame["price"] = np.exp(8 + frame["a"] + 0.1 * rng.normal(size=400))
    found = recipes.fit_table(frame, "price", num_networks=2, epochs=40, verbose=0)
    assert found.target.scale == "log"
    predicted = found.predict(frame)
    assert predicted.shape == (400,)
    assert predicted.mean() == pytest.approx(frame["price"].mean(), rel=0.15)
    assert found.comparison.rivals[1].verdict == "better"  # than the linear model, which has no logarithm
    with refused("'price' has no classes: it is numbers. Use predict."):
        found.predict_labels(frame)


def test_counts_are_given_as_rates():
    rng = np.random.default_rng(0)
    a = rng.normal(size=300)
    frame = pd.DataFrame({"a": a, "visits": np.minimum(rng.poisson(np.exp(a)), 30)})
    found = recipes.fit_table(frame, "visits", loss="poisson", num_networks=2, epochs=6, verbose=0)
    assert found.target.is_counts
    assert (found.predict(frame) > 0).all()
    assert found.comparison.rivals[0].verdict == "better"


def test_the_test_rows_decide_nothing():
    """Other values in the test rows leave model and decisions as they are, to the bit: so a run repeats by its seed."""
    frame = ward(100)
    split = prepare_table(frame, "outcome", num_networks=2).split
    other = frame.copy()
    other.loc[split.test, "age"] = 1e6
    other.loc[split.test, "ward"] = "elsewhere"
    first, second = (recipes.fit_table(one, "outcome", **FAST) for one in (frame, other))
    assert first.signature == second.signature
    for one, two in zip(first.model.get_weights(), second.model.get_weights(), strict=True):
        np.testing.assert_array_equal(one, two)


@pytest.mark.slow
def test_names_that_keras_uses_itself():
    rng = np.random.default_rng(0)
    names = [
        "cast",
        "where_1",
        "features",
        "linear",
        "outputs",
        "member_0",
        "a/b",
        "a_b",
        "concatenate",
        "word",
        "word index",
    ]
    frame = pd.DataFrame({name: rng.normal(size=60) for name in names})
    frame["word"] = rng.choice(["u", "v"], 60)
    frame["y"] = rng.normal(size=60)
    found = recipes.fit_table(frame, "y", num_networks=1, epochs=1, verbose=0)
    assert len(found.columns.learnt) == len(names)


def test_no_part_of_the_model_can_be_called_as_a_column_is(run):
    """Of numbers that are learnt as logarithms too, gaps, dates, categories and quantiles, and of classes."""
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({"a": rng.normal(size=60), "b": rng.choice(["u", "v", "w"], 60)})
    frame["day"] = pd.date_range("2020-01-01", periods=60)
    frame.loc[3, "a"] = np.nan
    frame["y"] = np.exp(2 * rng.normal(size=60))
    both = recipes.fit_table(frame, "y", num_networks=2, epochs=1, quantiles=(0.1, 0.9), verbose=0)
    for model in (run.model, both.model, both.of_quantiles):
        given = {tensor.name for tensor in model.inputs}
        assert [part.name for part in model.operations if not _OF_KERAS.fullmatch(part.name)] == [
            part.name for part in model.operations if part.name in given
        ]


def test_more_rows_are_seen_fewer_times():
    few, many = (settings_for(rows, 100, loss="poisson") for rows in (1_000, 100_000))
    assert few.epochs > many.epochs
    assert few.batch_size < many.batch_size


def test_a_folder_that_was_changed_is_not_loaded(folder, tmp_path):
    import shutil

    other = tmp_path / "copy"
    shutil.copytree(folder, other)
    (other / "arrays.npz").write_bytes(b"other")
    with pytest.raises(ValueError, match="is not the file that was saved with"):
        recipes.load(other)
    (other / "table.json").write_text("{}")
    with pytest.raises(ValueError, match="describes no fitted table"):
        recipes.load(other)
    with pytest.raises(FileExistsError, match="holds a saved run"):
        recipes.load(folder).save(folder)


@pytest.fixture(scope="module")
def dosed():
    rng = np.random.default_rng(0)
    doses = rng.uniform(0.5, 120.0, 80).round(2)
    table = {"dose": doses, "ward": rng.choice(["a", "b"], 80), "cured": np.where(doses > 60, "yes", "no")}
    return recipes.fit_table(table, "cured", num_networks=2, epochs=3, verbose=0)


@pytest.fixture(scope="module")
def expected(dosed):
    return dosed.predict({"dose": [119.8, 0.5, 2.25], "ward": ["a", "b", "a"]})


class TestOtherTablesMayBeWrittenInAnotherWay:
    """What a new table holds is read by how it is written there, or said; nothing becomes another number silently."""

    @pytest.mark.parametrize(
        ("doses", "unreadable"),
        [
            (["119,80", "0,5", "2,25"], 0),
            (["119.80", "0.5", "2.25"], 0),
            (["119,80 €", "0,50 €", "2,25 €"], 0),
            (["119,8", 0.5, "n/a"], 2),  # one of each kind: which is meant cannot be known
        ],
    )
    def test_numbers_in_text(self, dosed, expected, doses, unreadable):
        table = {"dose": np.array(doses, dtype=object), "ward": ["a", "b", "a"]}
        assert {one.rule for one in dosed.check(table)} == (
            {"new_missing", "unreadable_values"} if unreadable else set()
        )
        if unreadable:
            with pytest.warns(UserWarning, match="'119,8'"):
                np.testing.assert_allclose(dosed.predict(table)[1], expected[1], rtol=1e-5)
        else:
            np.testing.assert_allclose(dosed.predict(table), expected, rtol=1e-5)

    def test_files(self, dosed, expected, tmp_path):
        (tmp_path / "new.csv").write_text("dose;ward\n119,80;a\n0,5;b\n2,25;a\n")
        np.testing.assert_allclose(dosed.predict(tmp_path / "new.csv"), expected, rtol=1e-5)

    def test_a_file_with_decimal_commas_and_thousands(self, tmp_path):
        rng = np.random.default_rng(0)
        doses = rng.uniform(1, 4000, 60).round(2)
        lines = [f"{str(dose).replace('.', ',')};{'yes' if dose > 2000 else 'no'}" for dose in doses]
        (tmp_path / "old.csv").write_text("\n".join(["dose;cured", *lines]))
        run = recipes.fit_table(tmp_path / "old.csv", "cured", num_networks=2, epochs=2, verbose=0)
        (tmp_path / "new.csv").write_text("dose;cured\n2.309,16;no\n1.002,50;no\n")
        expected = run.predict({"dose": [2309.16, 1002.5]})
        np.testing.assert_allclose(run.predict(tmp_path / "new.csv"), expected, rtol=1e-5)
        (tmp_path / "one.csv").write_text("dose;cured\n2309,16;no\n1002,50;no\nhigh;no\n")
        with pytest.warns(UserWarning, match="'high'"):
            np.testing.assert_allclose(run.predict(tmp_path / "one.csv")[:2], expected, rtol=1e-5)

    def test_values_far_outside_are_said(self, dosed):
        (found,) = dosed.check({"dose": [11980.0, 3.0], "ward": ["a", "b"]})
        assert found.rule == "far_outside"
        assert found.message.startswith("1 value of 'dose' lies far outside what was trained on")
        assert dosed.check({"dose": [130.0, 3.0], "ward": ["a", "b"]}) == []

    def test_words_for_missing_values_are_missing(self, dosed):
        table = {"dose": np.array(["n/a", "NA"], dtype=object), "ward": ["a", "b"]}
        with pytest.raises(recipes.DataError, match="can be read as a number") as caught:
            dosed.predict({"dose": np.array(["high", "low"], dtype=object), "ward": ["a", "b"]})
        assert "'high'" in str(caught.value)
        assert [one.rule for one in dosed.check(table)] == ["new_missing"]

    def test_the_model_predicts_in_plain_keras(self, dosed):
        inputs = {"dose": tf.constant([[119.8], [0.5]], tf.float64), "ward": tf.constant([["a"], ["b"]])}
        outputs = dosed.model.predict(inputs, verbose=0)
        ours = dosed.predict({"dose": [119.8, 0.5], "ward": ["a", "b"]})[:, 1]
        np.testing.assert_allclose(outputs[:, 0], ours, rtol=1e-5)

    def test_a_table_without_a_known_target_is_not_judged(self, dosed):
        with pytest.raises(recipes.DataError, match="No row has a known value of the target 'cured'"):
            dosed.evaluate({"dose": [1.0, 2.0], "ward": ["a", "b"], "cured": ["perhaps", "unknown"]})
