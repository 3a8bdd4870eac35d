"""How single entries are read: findings of a laboratory, ids with gaps, times and durations, codes, amounts."""

import json
from datetime import time

import numpy as np
import pandas as pd
import polars as pl
import pytest
from conftest import refused

from recipes import DataError, fit_table
from recipes.cli.json_text import json_text
from recipes.tables.columns.column import Column, Columns
from recipes.tables.columns.others import differences, read_as_written
from recipes.tables.columns.values import values_of
from recipes.tables.prepare import prepare_table
from recipes.tables.reading.texts import date_format_in, to_dates, unit_of

ROWS = 300
RNG = np.random.default_rng(0)
X = RNG.normal(size=ROWS)
NOISY = X + RNG.normal(size=ROWS)
FAST = {"num_networks": 2, "epochs": 10, "verbose": 0}


def table(y=NOISY, **columns):
    return pd.DataFrame({"x": X, **columns, "y": y})


def rules(ready):
    return [finding.rule for finding in ready.findings]


# --- words for what is missing that are classes of a target -----------------------------------------------------------


@pytest.mark.parametrize(
    ("labels", "classes"),
    [
        (("+", "-"), ("-", "+")),
        (("++", "+", "-"), ("+", "++", "-")),
        (("(+)", "+", "--"), ("(+)", "+", "--")),
    ],
)
def test_a_minus_beside_a_plus_is_a_class(labels, classes, tmp_path):
    y = np.array(labels)[np.digitize(NOISY, [-0.4, 0.5][: len(labels) - 1])]
    table(y).to_csv(tmp_path / "data.csv", index=False)
    for source in (table(y), tmp_path / "data.csv"):
        ready = prepare_table(source, "y")
        assert ready.target.classes == classes
        assert len(ready.y) == ROWS
        assert "missing_target" not in rules(ready)


def test_a_word_for_missing_that_stands_in_many_rows_is_warned_of():
    y = np.array(["a", "b", "?"])[np.digitize(NOISY, [-0.4, 0.5])]
    (found,) = [one for one in prepare_table(table(y), "y").findings if one.rule == "missing_target"]
    number = int((y == "?").sum())
    assert found.severity == "warning"
    assert f"{number} of them hold '?', which may be a class" in found.message
    few = np.where(np.arange(ROWS) < 9, "?", np.where(NOISY > 0, "a", "b"))
    (found,) = [one for one in prepare_table(table(few), "y").findings if one.rule == "missing_target"]
    assert (found.severity, found.message) == ("info", "9 rows without a value of 'y' ('?' among them) were left out.")


def test_where_but_one_class_is_left_the_word_is_named():
    y = np.where(NOISY > 0, "present", "missing")
    gone = int((y == "missing").sum())
    said = (
        f"The target 'y' holds a single value ('present') in {ROWS - gone} rows, so there is nothing to learn; {gone} "
        "rows with 'missing' were read as missing. Write that class as another word."
    )
    with refused(said):
        prepare_table(table(y), "y")


# --- ids --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "ids",
    [
        np.arange(1000, 1000 + ROWS),
        np.r_[1000, np.arange(1000, 999 + ROWS)],
        np.r_[np.nan, np.arange(1001, 1000 + ROWS)],
        np.array([f"P{max(i, 1)}" for i in range(ROWS)]),
        np.array([None, *(f"P{i}" for i in range(1, ROWS))], object),
    ],
    ids=["whole", "one twice", "one gap", "text, one twice", "text, one gap"],
)
def test_an_id_with_a_gap_or_a_double_is_an_id(ids):
    for seed in range(3):  # whichever rows are tested on
        ready = prepare_table(table(patient_id=ids), "y", seed=seed)
        assert ready.columns["patient_id"].kind == "id"
        assert "id_column" in rules(ready)


def test_numbers_that_repeat_are_no_ids_whatever_their_name():
    ready = prepare_table(table(patient_id=np.arange(ROWS) % 200, weight=np.arange(ROWS) * 3 % 299), "y")
    assert [ready.columns[name].kind for name in ("patient_id", "weight")] == ["number", "number"]


def test_an_id_that_is_called_as_an_output_stays():
    frame = table(np.where(NOISY > 0, "yes", "no"), **{"p(yes)": [f"A{i}" for i in range(ROWS)]})
    found = fit_table(frame, "y", **FAST).predict_table(frame)
    assert list(found.columns) == ["p(yes) (column)", "y", "p(no)", "p(yes)"]
    assert found["p(yes) (column)"].tolist() == frame["p(yes)"].tolist()
    np.testing.assert_allclose(found["p(no)"] + found["p(yes)"], 1.0, rtol=1e-6)


# --- times, durations and short dates ---------------------------------------------------------------------------------


MINUTES = RNG.integers(0, 1440, ROWS)
AS_TEXT = [f"{k // 60:02d}:{k % 60:02d}" for k in MINUTES]
AS_TIMES = [time(int(k) // 60, int(k) % 60) for k in MINUTES]


def read_again(trained, other):
    """What a column of the first table makes of the second's."""
    ready = prepare_table(table(t=trained), "y")
    column = ready.columns["t"]
    other_table = read_as_written(table(t=other), ready.columns, ".")
    return column, values_of(other_table.table["t"], column), other_table.findings


def test_a_time_of_day_is_a_share_of_the_day_however_it_is_written():
    for trained in (AS_TEXT, AS_TIMES):
        for other in (AS_TEXT, AS_TIMES, [f"{text}:00" for text in AS_TEXT]):
            column, values, findings = read_again(trained, other)
            assert column.days == "days since midnight"
            np.testing.assert_allclose(values, MINUTES / 1440, atol=1e-12)
            assert findings == ()
            assert not differences(pd.Series(other), values, column, [])


def test_a_run_that_was_saved_with_times_from_1900_reads_them_as_it_did():
    start = (np.datetime64("1900-01-01") - np.datetime64("1970-01-01")).astype(float)
    old = Column("t", "date", "dates in text, read as %H:%M", input="t", date_format="%H:%M", low=start, high=start + 1)
    np.testing.assert_allclose(values_of(pd.Series(AS_TEXT), old), start + MINUTES / 1440)
    assert old.days == "days since 1970-01-01"


def test_durations_come_back_from_a_file():
    stay = pd.to_timedelta(RNG.integers(60, 9_000, ROWS), unit="min")
    days = stay / pd.Timedelta(days=1)
    hours = [f"{int(one.total_seconds()) // 3600}:{int(one.total_seconds()) // 60 % 60:02d}:00" for one in stay]
    for trained in (stay, stay.astype(str), hours, [one.isoformat() for one in stay]):
        for other in (stay, stay.astype(str), hours):
            column, values, findings = read_again(trained, other)
            assert (column.kind, column.days) == ("date", "days")
            np.testing.assert_allclose(values, days, atol=1e-9)
            assert findings == ()
    for y in (stay, stay.astype(str)):
        with refused("The target 'y' holds durations. Turn them into numbers first, such as days."):
            prepare_table(table(y), "y")


@pytest.mark.parametrize(
    ("texts", "form", "first"),
    [
        (["01.02.52", "31.12.40"], ("%d.%m.%y", ""), "2052-02-01"),
        (["40-01-31", "99-12-01"], ("%y-%m-%d", ""), "2040-01-31"),
        (["01-02-03", "04-05-06"], ("%d-%m-%y", "%m-%d-%y"), "2003-02-01"),
        (["12:30", "23:59"], ("%H:%M", ""), None),
        (["1.2.14", "1.10.12"], None, None),  # versions
        (["P12", "P13"], None, None),
    ],
)
def test_forms_of_dates(texts, form, first):
    assert date_format_in(texts) == form
    if first is not None:
        assert to_dates(pd.Series(texts, dtype=object), form[0])[0] == np.datetime64(first)


def test_years_of_two_digits_that_come_out_in_the_future_are_warned_of():
    born = [f"{i % 28 + 1:02d}.{i % 12 + 1:02d}.{i % 30 + 40:02d}" for i in range(ROWS)]
    ready = prepare_table(table(born=born), "y")
    assert ready.columns["born"].kind == "date"
    (found,) = [one for one in ready.findings if one.rule == "future_dates"]
    assert "years of two digits are read as 1969 to 2068" in found.message
    assert "future_dates" not in rules(prepare_table(table(born=[one[:-2] + "99" for one in born]), "y"))


# --- numbers ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("code", [-999, -9_999_999, -1e10, 1e30])
def test_a_code_for_what_is_missing_whatever_it_is(code):
    lab = RNG.gamma(2, 10, ROWS)
    assert "missing_code" not in rules(prepare_table(table(lab=lab), "y"))
    lab[::25] = code
    assert "missing_code" in rules(prepare_table(table(lab=lab), "y"))


@pytest.mark.parametrize("endless", [-3.4028235e38, 3.4028235e38, 1.797e308, -np.inf])
def test_what_float32_cannot_hold_is_missing_and_said(endless):
    lab = RNG.gamma(2, 10, ROWS)
    lab[::25] = endless
    ready = prepare_table(table(lab=lab), "y")
    number = int((np.abs(lab[ready.split.rest]) > 1e30).sum())
    assert f"{number} infinite, which count as missing" in ready.columns["lab"].reason
    assert np.isnan(ready.rows["lab"][::25]).all()


@pytest.mark.parametrize("value", [1e300, -3.4028235e38])
def test_a_target_beyond_what_a_network_computes_with(value):
    with pytest.raises(DataError, match=r"holds numbers as large as .*, beyond what a network computes with"):
        prepare_table(table(np.where(np.arange(ROWS) % 25 == 0, value, NOISY)), "y")


@pytest.mark.parametrize(
    ("write", "unit"),
    [("CHF {:.2f}", "CHF"), ("US$ {:.2f}", "US$"), ("EUR {:.2f}", "EUR"), ("Rs. {:.0f}", "Rs."), ("{:.2f} EUR", "EUR")],
)
def test_a_currency_stands_before_or_behind(write, unit):
    amounts = RNG.gamma(2, 1000, ROWS).round(0)
    column = prepare_table(table(amount=[write.format(one) for one in amounts]), "y").columns["amount"]
    assert (column.kind, column.unit) == ("number", unit)
    np.testing.assert_allclose(values_of(pd.Series([write.format(one) for one in amounts]), column), amounts)
    assert unit_of(["P0012", "P0013"]) == ""


def test_two_decimal_marks_in_one_column_are_named():
    mixed = [f"{one:.2f}".replace(".", "," if i % 2 else ".") for i, one in enumerate(X)]
    ready = prepare_table(table(v=mixed), "y")
    (found,) = [one for one in ready.findings if one.where == "v"]
    assert found.severity == "warning"
    assert "numbers with two decimal marks" in found.message
    assert found.fix == "write all of them with one decimal mark"


def test_of_two_readings_the_one_that_the_training_had():
    """`2,345` is 2345 or 2.345; numbers from 1 to 5 were trained on."""
    points = [f"{one:.3f}" for one in RNG.uniform(1, 5, ROWS)]
    ready = prepare_table(table(v=points), "y")
    commas = pd.Series([one.replace(".", ",") for one in points])
    found = read_as_written(pd.DataFrame({"v": commas}), Columns([ready.columns["v"]]), ".")
    np.testing.assert_allclose(found.table["v"], np.array(points, float))
    large = prepare_table(table(v=[f"{one:,.0f}" for one in RNG.uniform(1_000, 5_000, ROWS)]), "y").columns["v"]
    found = read_as_written(pd.DataFrame({"v": ["2,345", "1,234"]}), Columns([large]), ".")
    assert found.table["v"].tolist() == [2345.0, 1234.0]


def test_yes_and_no_for_true_and_false():
    flag = RNG.random(ROWS) > 0.5
    column = prepare_table(table(flag=flag), "y").columns["flag"]
    for yes, no in (("yes", "no"), ("Ja", "nein"), ("True", "FALSE"), ("1", "0")):
        np.testing.assert_array_equal(values_of(pd.Series(np.where(flag, yes, no)), column), flag.astype(float))


def test_a_target_far_from_0_keeps_its_digits():
    """Float32 has 64 between two numbers near 1e9."""
    y = 1e9 + 3 * X + RNG.normal(size=ROWS) * 0.3
    run = fit_table(table(y), "y", **FAST)
    assert run.scores["network"]["r2"] > 0.9
    assert len(np.unique(run.predict(table(y)))) > ROWS / 2
    assert run.model.output.dtype == "float64"
    assert fit_table(table(), "y", **FAST).model.output.dtype == "float32"


# --- the split --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("share", [0.98, 0.99])
@pytest.mark.parametrize("y", [NOISY, NOISY > 0], ids=["numbers", "classes"])
def test_too_few_rows_are_left_to_train(share, y):
    with pytest.raises(ValueError, match=r"leaves 0 rows of 190 to train on\. Expected at least 8\."):
        prepare_table(table(y).iloc[:190], "y", test_split=share)


def test_no_time_stands_on_both_sides():
    year = 2018 + np.arange(ROWS) % 4
    ready = prepare_table(table(year=year), "y", time="year")
    rest = ready.split.rest
    for late, early in ((ready.split.test, rest), (rest[ready.split.held[0]], np.delete(rest, ready.split.held[0]))):
        assert year[early].max() < year[late].min()
    single = prepare_table(table(day=np.arange(ROWS)), "y", time="day")  # where each row has a time, as many as asked
    assert len(single.split.test) == round(ROWS * 0.2)


def test_rows_without_a_group_are_told():
    group = np.where(np.arange(ROWS) % 3 == 0, None, (np.arange(ROWS) % 20).astype(str))
    (found,) = [one for one in prepare_table(table(g=group), "y", group="g").findings if one.rule == "missing_group"]
    assert found.message == "100 rows without a value of 'g' are one group."


# --- containers and what is printed -----------------------------------------------------------------------------------


def test_collections_of_polars_are_left_out():
    frame = pl.DataFrame({"x": X, "y": NOISY, "s": [{"a": 1}] * ROWS, "l": [[1, 2]] * ROWS})
    ready = prepare_table(frame, "y")
    assert [ready.columns[name].reason for name in "sl"] == ["each value is a collection, which is left out"] * 2
    assert prepare_table(frame, "y", drop=["s"]).columns["s"].kind == "dropped"


def test_what_is_printed_as_json_is_json():
    text = json_text({"a": np.float64("nan"), "b": [1.5, np.inf], "c": np.array([1, 2]), "d": None, "e": "NaN"})
    assert json.loads(text) == {"a": None, "b": [1.5, None], "c": [1, 2], "d": None, "e": "NaN"}
    assert "NaN" not in text.replace('"NaN"', "")
