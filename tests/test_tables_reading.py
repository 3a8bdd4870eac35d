"""Broken tables: one clear sentence each, or the right result. Nothing is trained here."""

from datetime import date, time

import numpy as np
import pandas as pd
import polars as pl
import pytest
from conftest import refused

from recipes import DataError
from recipes.tables.columns.values import values_of
from recipes.tables.prepare import prepare_table
from recipes.tables.reading.frames import read_frame

ROWS = 40


def table(**columns):
    """A frame of 40 rows: `a` rises, `y` follows it, and what else is given."""
    rng = np.random.default_rng(0)
    return pd.DataFrame({"a": rng.normal(size=ROWS).round(3), **columns, "y": rng.normal(size=ROWS).round(3)})


def text_of(frame, **options):
    return frame.to_csv(index=False, **options)


def written(tmp_path, content, name="data.csv", encoding="utf-8"):
    path = tmp_path / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode(encoding))
    return path


JSON = "data.csv is JSON. Read it with pandas.read_json or json_normalize, and pass the frame."
HEADER_ALONE = "a,b\n"
ONE_WORD = "a,b,y\n" + "1,x,2\n" * 12


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "data.csv is empty. Expected a first line with the names of the columns, and rows below."),
        (b"\n \n\n", "data.csv is empty. Expected a first line with the names of the columns, and rows below."),
        (HEADER_ALONE, "data.csv has a header ('a', 'b') and no rows."),
        ("a,b,y\n1,2,3\n1,2,3,4\n1,2,3\n", "data.csv, line 3 has 4 fields where the header has 3. Put text that holds "
         "the separator in quotation marks, and mend the lines."),
        ("a,b,y\n1,2,3\n1,2\n1\n", "data.csv, line 3 has 2 fields where the header has 3, as has 1 other line. Put "
         "text that holds the separator in quotation marks, and mend the lines."),
        ("a,b,a,y\n1,2,3,4\n", "data.csv names 1 column more than once: 'a'. Give each column a name of its own."),
        ('a,b,y\n1,"2,3\n4,5,6\n', "data.csv, line 2 has 2 fields where the header has 3. Put text that holds the "
         "separator in quotation marks, and mend the lines."),
        (b"PK\x03\x04rest", "data.csv is an Excel workbook or another zip archive, not text. Save the sheet as CSV."),
        (b"\x1f\x8b\x08rest", "data.csv is compressed (gzip), not text. Unpack it first."),
        (b"a,b\n\0\0\0\0\0\0", "data.csv holds zero bytes: it is no text file. Export the table as CSV or Parquet."),
        ("<html><table><tr><td>1</td></tr></table></html>", "data.csv is an HTML or XML page, not a table in text. "
         "Export the table as CSV."),
        ('[{"a": 1, "y": 2}]', JSON),
        ('{"a": 1, "y": 2}\n', JSON),
        ("a,y\n1,2\na,y\n3,4\n", "data.csv, line 3 repeats the names of the columns: these are tables one below the "
         "other. Delete such lines, if the columns mean the same."),
        (b"PAR1rest", "data.csv is no Parquet file, or is damaged (ArrowInvalid)."),
        (ONE_WORD, "The target 'y' holds a single value (2) in 12 rows, so there is nothing to learn. Look where the "
         "rows were filtered."),
        ("a,y\n1,2\n", "The table has 1 row with a target, of 1 row. Expected at least 10, to train, validate and test "
         "on. Collect more."),
        ("a,y\n" + "1,\n" * 12, "The target 'y' is missing in all 12 rows. Name the column to predict."),
        ("a,Y\n" + "1,2\n" * 12, "There is no column 'y' for target=. The table has 'a', 'Y'. Did you mean 'Y'?"),
        ("1,2\n" * 12, "There is no column 'y' for target=. The table has '1', '2'. The first line of the file seems "
         "to hold values, not names."),
        ("a,y\n" + "".join(f"{i},name {i}\n" for i in range(30)), "y holds 30 texts, all different ('name 0', "
         "'name 1', 'name 10', 'name 11', 'name 12', ...): names, not classes. Expected labels that repeat. Pass the "
         "column that holds the classes."),
        ("a,y\n" + "7,1\n7,0\n" * 10, "No column is left to learn from:\na  constant  always 7"),
    ],
)  # fmt: skip
def test_what_cannot_be_used_is_said_in_a_sentence(tmp_path, content, message):
    with refused(message):
        prepare_table(written(tmp_path, content), "y")


def test_paths_that_hold_no_file(tmp_path):
    written(tmp_path, "a,y\n1,2\n", "patients.csv")
    with refused(f"There is no file {tmp_path / 'patient.csv'}. Did you mean 'patients.csv'?", FileNotFoundError):
        prepare_table(tmp_path / "patient.csv", "y")
    with refused(f"{tmp_path} is a folder. Name a CSV or Parquet file."):
        prepare_table(tmp_path, "y")


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ({"a": [1, 2], "y": [1]}, "The columns have different numbers of rows: 'a' 2, 'y' 1. Expected one value of "
         "each for each row."),
        ({"a": [[1, 2], [3, 4]], "y": [1, 2]}, "The column 'a' has shape (2, 2). Expected one value for each row."),
        (pd.DataFrame([[1, 2, 3]], columns=["a", "a", "y"]), "The table names 1 column more than once: 'a'. Give each "
         "column a name of its own."),
        (pd.DataFrame({("a", "b"): [1], ("a", "y"): [2]}), "The frame has columns on several levels. Flatten them, "
         "such as by joining their names."),
        (pd.DataFrame({"a": [], "y": []}), "The table has 0 rows and 2 columns."),
        (pl.DataFrame({"a": [1]}).lazy(), "A LazyFrame has no rows yet. Pass frame.collect()."),
    ],
)  # fmt: skip
def test_containers_that_are_no_table(source, message):
    with refused(message):
        prepare_table(source, "y")


def test_an_array_has_no_names():
    with refused(
        "A table is the path of a CSV or Parquet file, a DataFrame, or a dict of columns. Received: ndarray. For an "
        "array say pandas.DataFrame(array, columns=[...]).",
        TypeError,
    ):
        prepare_table(np.zeros((3, 2)), "y")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"task": "binari"}, "Tables are fitted for the tasks regression, binary, multiclass. Received: task='binari'. "
         "Did you mean 'binary'?"),
        ({"drop": ["b"]}, "There is no column 'b' for drop=. The table has 'a', 'g', 'y'."),
        ({"group": "g"}, "group= keeps the rows of a group together, and there are 2 groups. Expected at least 3: one "
         "to train, one to stop by, one to test."),
        ({"time": "g"}, "time= orders the rows by dates or numbers. Received: the column 'g' of kind 'category' "
         "(2 categories ('u', 'v'))."),
        ({"drop": "y"}, "The target 'y' cannot be the column of 'dropped', too."),
        ({"test_split": 1.5}, "test_split is a share of the rows, 0 < test_split < 1. Received: test_split=1.5."),
    ],
)  # fmt: skip
def test_arguments_that_cannot_be(options, message):
    with refused(message):
        prepare_table(table(g=["u", "v"] * 20), "y", **options)


def test_dates_are_no_target():
    frame = table(when=pd.date_range("2024-01-01", periods=ROWS))
    with refused("The target 'when' holds dates. Turn them into numbers first, such as days since a start."):
        prepare_table(frame, "when")


# --- the right result ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "encoding"),
    [
        ({}, "utf-8"),
        ({"sep": ";"}, "utf-8"),
        ({"sep": "\t"}, "utf-8"),
        ({"sep": "|"}, "utf-8"),
        ({"sep": ";", "decimal": ","}, "utf-8"),
        ({"sep": "\t", "decimal": ","}, "cp1252"),
        ({"decimal": ","}, "utf-8"),  # numbers in quotation marks
        ({}, "utf-8-sig"),
        ({}, "utf-16"),
        ({}, "utf-16-le"),
        ({}, "latin-1"),
        ({"lineterminator": "\r\n"}, "utf-8"),
        ({"quoting": 1}, "utf-8"),
    ],
)
def test_the_same_table_however_it_is_written(tmp_path, options, encoding):
    frame = table(Größe=["klein", "groß, sehr", 'mit "Zitat"', "zwei\nZeilen"] * 10, whole=[*range(0, 80, 2)])
    path = written(tmp_path, text_of(frame, **options), encoding=encoding)
    ready, other = (prepare_table(source, "y", drop=["whole"]) for source in (path, frame))
    assert [(one.name, one.kind) for one in ready.columns] == [
        ("a", "number"), ("Größe", "category"), ("whole", "dropped"),
    ]  # fmt: skip
    for name, values in other.rows.items():
        np.testing.assert_array_equal(ready.rows[name], values)
    np.testing.assert_array_equal(ready.y, other.y)


def test_a_new_file_is_read_as_the_first_was(tmp_path):
    first = written(tmp_path, "a;y\n1,5;2\n2,25;3\n")
    _, reading = read_frame(first)
    assert (reading.separator, reading.decimal) == (";", ",")
    frame, again = read_frame(written(tmp_path, "a;y\n1.234,5;2\n2;3\n", "new.csv"), reading)
    assert again == reading
    column = prepare_table(table(), "y").columns[0]
    from dataclasses import replace

    assert values_of(frame["a"], replace(column, decimal=",")).tolist() == [1234.5, 2.0]


def test_row_names_without_a_header_as_r_writes_them(tmp_path):
    frame, _ = read_frame(written(tmp_path, '"a" "y"\n'.replace(" ", "\t") + '"1"\t5\t6\n"2"\t7\t8\n'))
    assert frame.to_dict("list") == {"row names": [1, 2], "a": [5, 7], "y": [6, 8]}


def test_a_name_that_is_missing_gets_one(tmp_path):
    frame, _ = read_frame(written(tmp_path, ",a,\n1,2,\n3,4,5\n"))
    assert list(frame.columns) == ["column 1", "a", "column 3"]


def test_postal_codes_keep_their_zeros(tmp_path):
    frame, reading = read_frame(written(tmp_path, "code,y\n01234,1\n98765,2\n"))
    assert frame["code"].tolist() == ["01234", "98765"]
    assert reading.as_text == ("code",)


def column_of(values, **options):
    ready = prepare_table(table(c=values), "y", **options)
    return ready.columns["c"], ready.rows.get("c")


@pytest.mark.parametrize(
    ("texts", "numbers"),
    [
        (["$1,200", "$80.5"], [1200, 80.5]),
        (["1.234,5", "2,25"], [1234.5, 2.25]),
        (["12 %", "7 %"], [12, 7]),
        (["1e3", "-2.5"], [1000, -2.5]),
        (["1 200", "15"], [1200, 15]),
        (["1\xa0200,5", "15"], [1200.5, 15]),
        (["1\u202f200", "12 345 678"], [1200, 12345678]),
        (["1'200.5", "15"], [1200.5, 15]),
        (["1’200", "15"], [1200, 15]),
        (["\u22122.5", "3"], [-2.5, 3]),
        (["51.5 kg", "7 kg"], [51.5, 7]),
        (["5,5mg/l", "7,25mg/l"], [5.5, 7.25]),
        (["5", "k.A."], [5, np.nan]),
        (["5", "#DIV/0!"], [5, np.nan]),
        (["5", "?"], [5, np.nan]),
        (["5", "n/a"], [5, np.nan]),
        (["+3", ".5"], [3, 0.5]),
    ],
)
def test_numbers_in_text(texts, numbers):
    column, values = column_of(texts * 20)
    assert column.kind == "number"
    np.testing.assert_array_equal(values, numbers * 20)


@pytest.mark.parametrize(
    ("form", "reads"),
    [("%Y-%m-%d", "ISO8601"), ("%d.%m.%Y", "%d.%m.%Y"), ("%m/%d/%Y", "%m/%d/%Y"), ("%d %b %Y %H:%M", "%d %b %Y %H:%M"),
     ("%Y-%m-%dT%H:%M:%S+00:00", "ISO8601"), ("%B %d, %Y", "%b %d, %Y"), ("%Y%m%d", "%Y%m%d")],
)  # fmt: skip
def test_dates_in_text(form, reads):
    stamps = pd.date_range("2020-01-20 06:00", periods=ROWS, freq="36h" if "H" in form else "3D")
    column, values = column_of(stamps.strftime(form))
    assert (column.kind, column.date_format) == ("date", reads)
    whole = stamps if "H" in form else stamps.normalize()
    np.testing.assert_allclose(values, (whole - pd.Timestamp(0)) / pd.Timedelta(days=1))


def test_dates_that_can_be_read_in_two_ways_are_a_finding():
    days = [f"{day:02d}/{month:02d}/2020" for month in (1, 2, 3, 4) for day in range(1, 11)]
    ready = prepare_table(table(c=days), "y")
    assert ready.columns["c"].date_format == "%d/%m/%Y"
    assert [one.rule for one in ready.findings] == ["ambiguous_dates"]


@pytest.mark.parametrize(
    ("values", "kind", "reason"),
    [
        ([*range(1, ROWS + 1)], "id", "numbers the rows: not to be learnt from"),
        ([f"P{i:04d}" for i in range(ROWS)], "id", "another text in every row ('P0000', 'P0001', ...): names"),
        ([f"the patient said {i} long words" for i in range(ROWS)], "text", None),
        ([7] * ROWS, "constant", "always 7"),
        (["x"] * ROWS, "constant", "always 'x'"),
        ([None] * ROWS, "constant", "all values are missing"),
        ([True, False] * 20, "boolean", "true or false"),
        ([True, None] * 20, "boolean", "true or false, 17 missing"),
        (["True", "False"] * 20, "boolean", "true or false, as text"),
        ([0, 1] * 20, "boolean", "0 or 1"),
        (["u", "v", "w", None] * 10, "category", None),
        (pd.Categorical(["lo", "hi"] * 20), "category", "2 categories ('hi', 'lo')"),
        (pd.to_timedelta(range(ROWS), unit="h"), "date", "came as durations"),
        ([time(i % 24) for i in range(ROWS)], "date", "came as times of day"),
        ([date(2024, 1, 1 + i % 9) for i in range(ROWS)], "date", "came as dates"),
        ([*np.linspace(-1, 1, ROWS)], "number", None),
        ([1.5, np.inf] * 20, "number", None),
        ([1j] * ROWS, "text", "complex numbers, which are left out: make columns of their parts"),
        (["2024-03-01", "02/03/2024"] + [f"2024-{m:02d}-{d:02d}" for m in (1, 2) for d in range(1, 20)], "text", None),
        ([[1, 2]] * ROWS, "text", "each value is a collection, which is left out"),
    ],
)
def test_the_kind_of_a_column(values, kind, reason):
    column = column_of(values)[0]
    assert column.kind == kind
    if reason is not None and "missing" not in reason[-8:]:
        assert sorted(column.reason) == sorted(reason)  # of two that are as frequent, either may come first


def test_an_id_that_orders_the_target_is_not_learnt_from_and_a_copy_of_the_target_is_a_finding():
    frame = table(id=[*range(ROWS)])
    frame["y"] = ["no"] * 20 + ["yes"] * 20
    frame["result"] = np.where(frame["y"] == "yes", "positive", "negative")
    ready = prepare_table(frame, "y")
    assert ready.columns["id"].kind == "id"
    assert [(one.rule, one.where) for one in ready.findings if one.severity == "warning"] == [("leak", "result")]
    frame["y"] = np.linspace(3, 5, ROWS) ** 2
    frame["in cents"] = frame["y"] * 100
    assert [one.where for one in prepare_table(frame, "y").findings if one.rule == "leak"] == ["in cents"]


def test_a_rare_value_that_has_one_class_only_does_not_tell_the_class():
    y = np.repeat(["bad", "good"], [60, 940])
    late = np.zeros(1000)
    late[-50:] = np.repeat([1, 2], [45, 5])  # rows of these values are good, but so are most of the others
    frame = pd.DataFrame({"late": late, "score": np.where(y == "good", 2.0, 1.0), "y": y})
    assert [one.where for one in prepare_table(frame, "y").findings if one.rule == "leak"] == ["score"]


def test_a_target_alone():
    with refused("The table has no column but the target 'y': there is nothing to learn it from.", DataError):
        prepare_table(pd.DataFrame({"y": np.arange(40.0)}), "y")


def test_rows_without_a_target_are_dropped_and_said():
    frame = table()
    frame.loc[[3, 5], "y"] = np.nan
    ready = prepare_table(frame, "y")
    assert (len(ready.y), ready.target.num_missing) == (ROWS - 2, 2)
    assert str(ready.findings[0]) == "info missing_target: 2 rows without a value of 'y' were left out."


def test_an_index_with_a_name_is_a_column(tmp_path):
    frame = table(patient=[f"P{i}" for i in range(ROWS)]).set_index("patient")
    frame.to_parquet(tmp_path / "t.parquet")
    for source in (frame, tmp_path / "t.parquet"):
        assert [(one.name, one.kind) for one in prepare_table(source, "y").columns] == [
            ("patient", "id"), ("a", "number"),
        ]  # fmt: skip


def test_dates_in_several_forms_are_left_out_and_said():
    days = [f"2024-03-{i + 1:02d}" if i % 2 else f"{i + 1:02d}/04/2024" for i in range(28)] + ["2024-05-01"] * 12
    found = prepare_table(table(c=days), "y")
    (finding,) = [one for one in found.findings if one.where == "c"]
    assert finding.severity == "warning"
    assert finding.message.startswith(
        "the column 'c' is not learnt from: dates in more than one form, or days that are none ('"
    )
    assert finding.fix == "write them as 2024-12-31"


def test_polars_and_parquet_are_read_as_pandas(tmp_path):
    frame = table(
        word=["u", "v", None, "w"] * 10, when=pd.date_range("2024-01-01", periods=ROWS), flag=[True, False] * 20
    )
    frame.to_parquet(tmp_path / "t.parquet")
    first = prepare_table(frame, "y")
    for source in (tmp_path / "t.parquet", pl.from_pandas(frame), {name: frame[name].to_numpy() for name in frame}):
        ready = prepare_table(source, "y")
        assert [one.kind for one in ready.columns] == ["number", "category", "date", "boolean"]
        for name, values in first.rows.items():
            np.testing.assert_array_equal(ready.rows[name], values)


# --- the target ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("values", "task", "loss", "classes", "scale"),
    [
        (["no", "yes"] * 20, "binary", "binary_crossentropy", ("no", "yes"), "identity"),
        ([True, False] * 20, "binary", "binary_crossentropy", (False, True), "identity"),
        ([1.0, 2.0, np.nan, 2.0] * 10, "binary", "binary_crossentropy", (1, 2), "identity"),
        (["a", "b", "c", "a"] * 10, "multiclass", "sparse_categorical_crossentropy", ("a", "b", "c"), "identity"),
        ([*np.linspace(-1, 1, ROWS)], "regression", "mean_squared_error", None, "identity"),
        ([*np.exp(np.linspace(0, 4, ROWS) ** 1.2)], "regression", "mean_squared_error", None, "log"),
        ([f"{i / 7:.3f}".replace(".", ",") for i in range(ROWS)], "regression", "mean_squared_error", None, "identity"),
        (["1,5", "2,5", "4", "-"] * 10, "regression", "mean_squared_error", None, "identity"),
        (["no", "yes", "?", "n/a"] * 10, "binary", "binary_crossentropy", ("no", "yes"), "identity"),
        (
            ["None", "mild", "bad"] * 13 + ["mild"],
            "multiclass",
            "sparse_categorical_crossentropy",
            ("None", "bad", "mild"),
            "identity",
        ),
        (np.array([0, 1] * 20, object), "binary", "binary_crossentropy", (0, 1), "identity"),
    ],
)
def test_the_task_of_a_target(values, task, loss, classes, scale):
    frame = table()
    frame["y"] = values
    found = prepare_table(frame, "y").target
    assert (found.task, found.loss, found.classes, found.scale) == (task, loss, classes, scale)


def test_counts_are_told_by_their_tail(rng):
    counts = np.minimum(rng.negative_binomial(1, 0.2, 600), 40)
    found = prepare_table({"a": rng.normal(size=600), "y": counts}, "y").target
    assert (found.loss, found.activation, found.metric) == ("poisson", "softplus", "poisson_deviance")


# --- the split -----------------------------------------------------------------------------------------------------


def test_parts_have_the_same_shares_and_no_row_in_common(rng):
    y = (rng.random(1000) < 0.1).astype(int)
    split = prepare_table({"a": rng.normal(size=1000), "y": y}, "y").split
    assert sorted([*split.test, *split.rest]) == [*range(1000)]
    assert abs(y[split.test].mean() - y.mean()) < 0.01
    assert sorted(np.concatenate(split.held)) == [*range(len(split.rest))]
    assert all(abs(y[split.rest][out].mean() - y.mean()) < 0.02 for out in split.held)


def test_groups_stay_together_and_time_goes_forward(rng):
    frame = pd.DataFrame({"a": rng.normal(size=300), "who": rng.integers(0, 25, 300), "y": rng.normal(size=300),
                          "when": rng.permutation(300)})  # fmt: skip
    split = prepare_table(frame, "y", group="who", drop=["when"]).split
    who = frame["who"].to_numpy()
    assert not {*who[split.test]} & {*who[split.rest]}
    for out in split.held:
        assert not {*who[split.rest[out]]} & {*np.delete(who[split.rest], out)}
    ready = prepare_table(frame, "y", time="when", drop=["who"])
    when = frame["when"].to_numpy()
    assert when[ready.split.test].min() > when[ready.split.rest].max()
    assert ready.columns["when"].kind == "time"


def test_a_class_of_one_row_is_never_only_held_out(rng):
    y = np.array(["a", "b"] * 50 + ["rare"])
    split = prepare_table({"a": rng.normal(size=101), "y": y}, "y").split
    assert 100 in split.rest
    assert all(100 not in split.rest[out] for out in split.held)
