"""Other tables than the one that was trained on: read right or said, and rows that can be told apart."""

from dataclasses import replace
from datetime import time

import numpy as np
import pandas as pd
import pytest
from conftest import refused

import recipes
from recipes.tables.columns.column import Column, Columns
from recipes.tables.columns.kinds import decide_columns
from recipes.tables.columns.others import differences
from recipes.tables.columns.values import values_of

ROWS = 80
DAYS = pd.date_range("2023-01-20", periods=ROWS, freq="5D")


def visits(form="%d.%m.%Y", kind="numbers"):
    rng = np.random.default_rng(0)
    dose = rng.uniform(1, 90, ROWS).round(1)
    frame = pd.DataFrame({"patient": [f"P{i:03d}" for i in range(ROWS)], "dose": dose, "day": DAYS.strftime(form),
                          "share": [f"{value:.0f} %" for value in rng.uniform(5, 90, ROWS)]})  # fmt: skip
    frame["y"] = (dose * 2.5 + rng.normal(size=ROWS)).round(2) if kind == "numbers" else np.where(dose > 45, "b", "a")
    return frame


@pytest.fixture(scope="module")
def run():
    return recipes.fit_table(visits(), "y", num_networks=1, epochs=2, verbose=0)


@pytest.fixture(scope="module")
def classes():
    return recipes.fit_table(visits(kind="classes"), "y", num_networks=1, epochs=2, verbose=0)


class TestDates:
    """Whatever form the dates of a new table have, they are the same days, or it is said."""

    @pytest.mark.parametrize("form", ["%Y-%m-%d", "%d/%m/%Y", "%m/%d/%Y", "%d. %b %Y", "%Y-%m-%dT%H:%M:%S+00:00"])
    def test_another_form_is_read_by_itself(self, run, form):
        expected = run.predict(visits())
        np.testing.assert_array_equal(run.predict(visits(form)), expected)
        (found,) = [one for one in run.check(visits(form)) if one.rule == "other_dates"]
        assert found.severity == "info"
        assert found.message.startswith("the dates of 'day' are read as ")
        assert found.message.endswith(" here, and were written as %d.%m.%Y in the training.")

    def test_dates_that_came_as_dates_and_in_german(self, run):
        expected = run.predict(visits())
        names = "Januar Februar März April Mai Juni Juli August September Oktober November Dezember"
        months = dict(enumerate(names.split(" "), 1))
        german = [f"{day.day}. {months[day.month]} {day.year}" for day in DAYS]
        np.testing.assert_array_equal(run.predict(visits().assign(day=DAYS)), expected)
        np.testing.assert_array_equal(run.predict(visits().assign(day=german)), expected)

    def test_dates_that_may_be_read_in_two_ways_are_said(self, run):
        few = visits().head(3).assign(day=["01/02/2024", "03/04/2024", "05/06/2024"])
        with pytest.warns(UserWarning, match="would fit too") as caught:
            run.predict(few)
        assert str(caught[0].message) == (
            "The dates of 'day' are read as %d/%m/%Y here, and were written as %d.%m.%Y in the training; %m/%d/%Y "
            "would fit too."
        )

    def test_day_first_is_not_taken_for_month_first(self):
        run = recipes.fit_table(visits("%d/%m/%Y"), "y", num_networks=1, epochs=1, verbose=0)
        np.testing.assert_array_equal(run.predict(visits("%m/%d/%Y")), run.predict(visits("%d/%m/%Y")))
        alike = (
            visits().head(2).assign(day=["01/02/2024", "03/04/2024"])
        )  # the training's form fits: the first of February
        np.testing.assert_array_equal(
            run.predict(alike), run.predict(alike.assign(day=pd.to_datetime(["2024-02-01", "2024-04-03"])))
        )

    def test_dates_and_other_words_are_said(self, run):
        mixed = visits().assign(day=["soon", "n/a", *visits()["day"][2:]])
        with pytest.warns(UserWarning, match=r"'day' holds what is no date \('soon'\), which counts as missing"):
            run.predict(mixed)


class TestNumbers:
    @pytest.mark.parametrize(
        "written",
        [lambda x: f"{x:.2f}".replace(".", ","), lambda x: f"{x:.2f}", lambda x: f"{x:.2f} ", lambda x: x],
    )
    def test_the_target_is_read_as_it_is_written(self, run, written):
        frame = visits()
        assert run.evaluate(frame.assign(y=frame["y"].map(written)))["r2"] == run.evaluate(frame)["r2"]

    def test_a_file_with_a_decimal_comma(self, run, tmp_path):
        visits().to_csv(tmp_path / "new.csv", index=False, sep=";", decimal=",")
        assert run.evaluate(tmp_path / "new.csv")["r2"] == run.evaluate(visits())["r2"]

    def test_targets_that_are_none_are_said(self, run, classes):
        frame = visits().astype({"y": object})
        frame.loc[[1, 4], "y"] = "lost"
        with pytest.warns(UserWarning, match="left out") as caught:
            assert run.evaluate(frame).num_rows == ROWS - 2
        assert str(caught[0].message) == "2 rows are left out, where 'y' is no number ('lost')."
        frame = visits(kind="classes")
        frame.loc[3, "y"], frame.loc[5, "y"] = "c", None
        with pytest.warns(UserWarning, match="left out") as caught:
            assert classes.evaluate(frame).num_rows == ROWS - 2
        assert str(caught[0].message) == "1 row is left out, where 'y' is no class of the training ('c')."
        with refused("No row has a known value of the target 'y': 'c'. Expected 'a', 'b'."):
            classes.evaluate(frame.assign(y="c"))

    def test_shares_for_percent_and_other_signs_are_said(self, run):
        frame = visits()
        np.testing.assert_array_equal(
            run.predict(frame.assign(share=frame["share"].str.removesuffix(" %").astype(float))), run.predict(frame)
        )
        with pytest.warns(UserWarning, match="'share' was written with % in the training, and holds shares of 1 here"):
            run.predict(frame.assign(share=frame["share"].str.removesuffix(" %").astype(float) / 100))
        with pytest.warns(UserWarning, match=r"'share' is written with \$ here, and was with % in the training"):
            run.predict(frame.assign(share="$" + frame["share"].str.removesuffix(" %")))
        with pytest.warns(UserWarning, match="'dose' is written with % here, and was without a sign in the training"):
            run.predict(frame.assign(dose=frame["dose"].astype(str) + "%"))

    def test_units_are_those_of_the_training(self):
        frame = visits().assign(dose=[f"{dose} mg" for dose in visits()["dose"]])
        run = recipes.fit_table(frame, "y", num_networks=1, epochs=1, verbose=0)
        assert (run.columns["dose"].kind, run.columns["dose"].unit) == ("number", "mg")
        np.testing.assert_array_equal(run.predict(visits()), run.predict(frame))
        with refused(
            "No value of 'dose' can be read as a number ('0.5 g'). Pass it as in the training.",
            recipes.DataError,
        ):
            run.predict(frame.assign(dose="0.5 g"))

    @pytest.mark.parametrize("word", ["none", " n/a ", "?", "unknown"])
    def test_rows_whose_values_are_all_words_for_missing_are_missing(self, run, word):
        few = visits().head(1).astype(object)
        for name in ("dose", "day", "share"):
            with pytest.warns(UserWarning, match="and never was in the training"):
                found = run.predict(few.assign(**{name: word}))
            with pytest.warns(UserWarning, match="and never was in the training"):
                np.testing.assert_array_equal(found, run.predict(few.assign(**{name: None})))

    @pytest.mark.filterwarnings("ignore::UserWarning")
    def test_missing_values_are_the_same_in_whatever_holds_them(self, run):
        few = visits().head(2).drop(columns=["y", "patient"])
        columns = {name: few[name].tolist() for name in few}
        for name in few:
            expected = run.predict(few.assign(**{name: pd.Series([few[name][0], None], dtype=object)}))
            for missing in (None, float("nan"), ""):
                mixed = [columns[name][0], missing]
                np.testing.assert_array_equal(run.predict({**columns, name: mixed}), expected)
                np.testing.assert_array_equal(run.predict({**columns, name: tuple(mixed)}), expected)
                np.testing.assert_array_equal(run.predict(pd.DataFrame({**columns, name: mixed})), expected)
        with refused(
            "The column 'dose' is a single value. Expected a list, such as [3.5].",
            recipes.DataError,
        ):
            run.predict({"dose": 3.5, "day": "20.01.2023", "share": "5 %"})

    @pytest.mark.parametrize("number", [2, 1])
    def test_infinity_is_missing_in_one_row_as_in_several(self, run, number):
        few = visits().head(number)
        with pytest.warns(UserWarning, match="never was in the training"):
            found = run.predict(few.assign(dose=[np.inf, 3.0][:number]))
        with pytest.warns(UserWarning, match="never was in the training"):
            np.testing.assert_array_equal(found, run.predict(few.assign(dose=[np.nan, 3.0][:number])))

    def test_a_category_that_is_called_none_alone(self):
        frame = visits().assign(sex=["none", "male", "female", "male"] * (ROWS // 4))
        run = recipes.fit_table(frame, "y", num_networks=1, epochs=1, verbose=0)
        np.testing.assert_allclose(run.predict(frame.head(1)), run.predict(frame)[:1], rtol=1e-5)


class TestRowsCanBeMatched:
    def test_by_their_id(self, run, tmp_path):
        new = visits().sample(9, random_state=0)
        new.drop(columns="y").to_csv(tmp_path / "new.csv", index=False)
        told = run.predict_table(tmp_path / "new.csv")
        assert [*told.columns] == ["patient", "y"]
        assert told["patient"].tolist() == new["patient"].tolist()
        np.testing.assert_array_equal(told["y"], run.predict(new))

    def test_by_their_place_where_there_is_no_id(self, classes):
        told = classes.predict_table(visits().drop(columns="patient").head(4))
        assert [*told.columns] == ["row", "y", "p(a)", "p(b)"]
        assert told["row"].tolist() == [1, 2, 3, 4]
        np.testing.assert_allclose(told["p(a)"] + told["p(b)"], 1)

    def test_by_their_group_too(self, classes):
        columns = Columns([*classes.columns, Column("clinic", "group", "")])
        grouped = replace(classes, signature=replace(classes.signature, columns=columns))
        new = visits().drop(columns="patient").head(3)
        assert [*grouped.predict_table(new).columns] == ["row", "y", "p(a)", "p(b)"]
        told = grouped.predict_table(new.assign(clinic=[1.0, 1, 2]))
        assert [*told.columns] == ["row", "clinic", "y", "p(a)", "p(b)"]
        assert told["clinic"].tolist() == ["1", "1", "2"]

    def test_ids_keep_their_zeros_and_numbers_no_point(self, tmp_path):
        frame = visits().drop(columns="patient")
        frame.insert(0, "id", [f"{i:04d}" for i in range(ROWS)])
        frame.insert(1, "case", np.arange(ROWS) + 1.0)
        frame.to_csv(tmp_path / "t.csv", index=False)
        run = recipes.fit_table(tmp_path / "t.csv", "y", num_networks=1, epochs=1, verbose=0)
        told = run.predict_table(tmp_path / "t.csv")
        assert told[["id", "case"]].iloc[1].tolist() == ["0001", "2"]


# --- far from the training, and other capitals -----------------------------------------------------------------------


def found_in(trained, other):
    """What is found in another table's column, of rules that stand on what the training had."""
    (column,) = decide_columns(pd.DataFrame({"c": trained}))
    series = pd.Series(other)
    return differences(series, values_of(series, column), column, [])


DAYS_2024 = pd.date_range("2024-01-01", "2024-12-30", periods=40)


@pytest.mark.parametrize(
    ("trained", "other", "said"),
    [
        (np.linspace(0.5, 120, 40), [-999.0, 3.0, 11980.0, 700.0],
         "3 values of 'c' lie far outside what was trained on, 0.5 to 120 (1 below, down to -999; 2 above, up to "
         "11980)."),
        (np.linspace(0.5, 120, 40), [11980.0, 3.0],
         "1 value of 'c' lies far outside what was trained on, 0.5 to 120 (11980.0)."),
        (DAYS_2024, pd.to_datetime(["2031-05-02 13:00", "2024-03-01 09:00"]),
         "1 value of 'c' lies far outside what was trained on, 2024-01-01 to 2024-12-30 ('2031-05-02')."),
        (DAYS_2024.strftime("%d.%m.%Y"), ["01.02.2031", "01.02.1901", None],
         "2 values of 'c' lie far outside what was trained on, 2024-01-01 to 2024-12-30 (1 below, down to 1901-02-01; "
         "1 above, up to 2031-02-01)."),
        (DAYS_2024, pd.to_datetime(["2025-12-01", "2023-03-01"]), None),
        (pd.date_range("2024-01-01", periods=40), pd.to_datetime(["2024-12-01", "2025-01-31"]), None),
        (pd.to_timedelta(range(40), unit="D"), pd.to_timedelta([3, 400], unit="D"),
         "1 value of 'c' lies far outside what was trained on, 0 to 39 (400.0)."),
        ([time(i % 24) for i in range(40)], [time(0), time(23, 59)], None),
    ],
)  # fmt: skip
def test_what_lies_far_outside_is_said(trained, other, said):
    found = [one for one in found_in(trained, other) if one.rule == "far_outside"]
    assert [(one.severity, one.message) for one in found] == ([("warning", said)] if said else [])


@pytest.mark.parametrize(
    ("trained", "other", "said"),
    [
        (["m", "f"] * 20, ["M", "F", "m"],
         "'c' has categories that the training lacked ('F', 'M'), in 2 rows; capitals or blanks alone tell them from "
         "those that it had: 'F' for 'f', 'M' for 'm'."),
        (["m", "f"] * 20, ["x", "M"],
         "'c' has categories that the training lacked ('M', 'x'), in 2 rows; capitals or blanks alone tell them from "
         "those that it had: 'M' for 'm'."),
        (["m", "f"] * 20, ["x"], "'c' has categories that the training lacked ('x'), in 1 row."),
        (["m", "M"] * 20, ["M"], None),
        ([*"abcdefghijklmn"] * 5 + ["once"], ["once", "new"], None),  # there is a place for others
        ([*"abcdefghijklmn"] * 5 + ["once"], ["new", "A"],
         "'c' has categories that the training lacked ('A'), in 1 row; capitals or blanks alone tell them from those "
         "that it had: 'A' for 'a'."),
    ],
)  # fmt: skip
def test_new_categories_in_other_capitals_name_the_pair(trained, other, said):
    found = found_in(trained, other)
    assert [(one.rule, one.message) for one in found] == ([("new_categories", said)] if said else [])
