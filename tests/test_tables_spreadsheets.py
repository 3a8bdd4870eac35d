"""Tables as spreadsheets and laboratories leave them: titles, units, months, codes; read right, or said."""

import numpy as np
import pandas as pd
import pytest
from conftest import refused
from test_tables_reading import ROWS, column_of, table, written

from recipes.tables.columns.kinds import decide_columns
from recipes.tables.columns.others import read_as_written
from recipes.tables.columns.values import values_of
from recipes.tables.prepare import prepare_table
from recipes.tables.reading.frames import read_frame


def lines(header, row, separator=","):
    """A file of 40 rows, of which `row(i)` gives the fields."""
    return "\n".join([header, *(separator.join(map(str, row(i))) for i in range(ROWS))]) + "\n"


def ready(tmp_path, content, target="y", **options):
    return prepare_table(written(tmp_path, content), target, **options)


def rules_of(found):
    return {one.rule: one for one in found.findings}


PLAIN = lines("dose,ward,y", lambda i: (i / 8, "uv"[i % 2], i % 3 + i / 10))


@pytest.mark.parametrize(
    "content",
    [
        PLAIN.replace("dose,ward,y\n", "dose,ward,y\nmg/l,-,cm\n"),
        PLAIN.replace("dose,ward,y\n", "\ndose,ward,y\n\n[mg],,[cm]\n"),
        "sep=,\n" + PLAIN,
        "\ufeffsep=;\r\n" + PLAIN.replace(",", ";").replace("\n", "\r\n"),
        PLAIN.replace("y\n", "y,,\n").replace("\n", ",,\n").replace("y,,,,\n", "y,,\n") + ",,,,\n,,,,\n",
        PLAIN.replace("\n", ",\n").replace("y,\n", "y\n"),  # each line ends in a comma, the header does not
        PLAIN.replace(",", " "),
        PLAIN.replace(",", "   "),
        PLAIN.replace("\n", "\n\n"),
        PLAIN.replace("\n", "\r"),
    ],
)
def test_what_stands_around_a_table_is_no_part_of_it(tmp_path, content):
    found, plain = ready(tmp_path, content), ready(tmp_path, PLAIN)
    assert [(one.name, one.kind) for one in found.columns] == [("dose", "number"), ("ward", "category")]
    for name, values in plain.rows.items():
        np.testing.assert_array_equal(found.rows[name], values)
    np.testing.assert_array_equal(found.y, plain.y)
    assert ("units_row" in rules_of(found)) == ("[mg]" in content or "mg/l" in content)


def test_a_row_of_units_is_said_and_words_for_missing_are_none(tmp_path):
    found = ready(tmp_path, PLAIN.replace("dose,ward,y\n", "dose,ward,y\nmg/l,-,cm\n"))
    assert str(rules_of(found)["units_row"]) == (
        "info units_row: the row below the names holds units ('mg/l', '-', 'cm') and was left out."
    )
    few = written(tmp_path, "ward,y,dose\n-,cm,mg/l\nu,1,2\n", "new.csv")
    frame, reading = read_frame(few, found.reading)  # a single row tells nothing, the training does
    assert frame.to_dict("list") == {"ward": ["u"], "y": [1], "dose": [2]}
    assert reading.units == ("-", "cm", "mg/l")
    first = PLAIN.replace("0.0,u,0.0\n", "n/a,u,0.0\n")
    assert ready(tmp_path, first).columns["dose"].num_missing + np.isnan(ready(tmp_path, first).rows["dose"]).sum() > 0


@pytest.mark.parametrize(
    ("above", "message"),
    [
        ("Export of 3 May\n\n", "data.csv begins with 1 field in a line, and from line 3 on has 3. Line 3 seems to "
         "name the columns: delete the lines above it."),
        ("made by hand\n", "data.csv begins with 1 field in a line, and from line 2 on has 3. Line 2 seems to name "
         "the columns: delete the lines above it."),
        ("Export of 3 May,,\n", "data.csv has a first line with 'Export of 3 May' alone, and line 2 seems to name the "
         "columns: delete the lines above it."),
    ],
)  # fmt: skip
def test_a_title_above_the_names_is_no_header(tmp_path, above, message):
    with refused(message):
        ready(tmp_path, above + PLAIN)


def test_codes_with_zeros_are_seen_far_below(tmp_path):
    content = "code,y\n" + "2000,1\n3000,2\n" * 700 + "00999,1\n"
    frame, reading = read_frame(written(tmp_path, content))
    assert (reading.as_text, frame["code"].iloc[-1]) == (("code",), "00999")


@pytest.mark.parametrize(
    ("header", "row", "separator", "rule", "says"),
    [
        ("a,y", lambda i: (f"{i + 5}%" if i % 2 else i / 50, i), ",", "mixed_signs", "some with '%'"),
        ("a,y", lambda i: (-999 if i % 5 == 0 else i / 7, i), ",", "missing_code", "are -999, and the others"),
        ("a,y", lambda i: (9999 if i % 5 == 0 else i / 7, i), ",", "missing_code", "are 9999, and the others"),
        ("a,b,y", lambda i: (i % 7, ["Male", "male", "female"][i % 3], i), ",", "similar_categories",
         "('Male', 'male')"),
        ("a,b,y", lambda i: (i % 7, "1/2" if i % 9 == 0 else i / 3, i), ",", "text_column",
         "numbers, and 1 text among them that is none ('1/2'), left out"),
        ("a;b;y", lambda i: (f"{i % 9 + 1}.{100 + 7 * i}", "uv"[i % 2], i), ";", "ambiguous_numbers",
         "nothing in the file says whether thousands are meant"),
        ("a,y", lambda i: (i / 7, "abc"[i % 3] if i else "once"), ",", "rare_class",
         "1 class of 'y' with few rows to learn from: 'once' (1)."),
        ("a,y", lambda i: (i / 7, ["Yes", "yes", "no"][i % 3]), ",", "similar_categories",
         "classes of the target 'y' differ in capitals or blanks alone ('Yes', 'yes'), and count as different."),
    ],
)  # fmt: skip
def test_what_may_mean_something_else_is_said(tmp_path, header, row, separator, rule, says):
    finding = rules_of(ready(tmp_path, lines(header, row, separator)))[rule]
    assert finding.severity == "warning"
    assert says in finding.message
    assert finding.fix


def test_classes_that_differ_in_capitals_are_said_first(tmp_path):
    found = ready(tmp_path, lines("a,b,y", lambda i: (i / 7, "Uuv"[i % 3], ["Yes", "yes", "no"][i % 3])))
    assert [one.where for one in found.findings if one.rule == "similar_categories"] == ["y", "b"]
    assert found.findings[0].where == "y"


@pytest.mark.parametrize(
    ("values", "rule"),
    [
        ([-1, 0, 1] * 13 + [0], "missing_code"),  # a scale
        ([*range(99, 139)], "missing_code"),
        ([1.25, 2.5] * 20, "ambiguous_numbers"),
        (["5%", "7%"] * 20, "mixed_signs"),
    ],
)
def test_what_is_plain_is_not_remarked_on(values, rule):
    assert rule not in {one.rule for one in prepare_table(table(c=values), "y").findings}


def test_thousands_are_those_of_the_training(tmp_path):
    first = written(tmp_path, lines("a;b;y", lambda i: (f"{i % 9 + 1}.{100 + i}", f"{i},5", i), ";"))
    frame, reading = read_frame(first)
    assert (reading.decimal, reading.unsure) == (",", ())
    other, again = read_frame(written(tmp_path, "a;b;y\n1.100;2;3\n2.250;4;5\n7.300;1;1\n", "new.csv"), reading)
    assert again.decimal == ","
    column = decide_columns(frame[["a"]], decimal=",")[0]
    assert values_of(other["a"], column).tolist() == [1100, 2250, 7300]


@pytest.mark.parametrize(
    "months",
    [
        "Januar Februar März April Mai Juni Juli August September Oktober November Dezember",
        "Jan. Feb. Mrz. Apr. Mai Jun. Jul. Aug. Sept. Okt. Nov. Dez.",
        "janvier février mars avril mai juin juillet août septembre octobre novembre décembre",
        "enero febrero marzo abril mayo junio julio agosto septiembre octubre noviembre diciembre",
    ],
)
@pytest.mark.parametrize("form", ["{day}. {month} {year}", "{day} {month} {year}", "{day:02d}-{month}-{year}"])
def test_months_in_other_languages(months, form):
    stamps = pd.date_range("2020-01-20", periods=ROWS, freq="13D")
    names = months.split()
    texts = [form.format(day=day.day, month=names[day.month - 1], year=day.year) for day in stamps]
    column, values = column_of(texts)
    assert column.kind == "date"
    np.testing.assert_array_equal(values, (stamps - pd.Timestamp(0)) / pd.Timedelta(days=1))


def test_times_of_day_and_dates_with_gaps():
    column, values = column_of([f"{i % 24:02d}:{i:02d}" for i in range(ROWS)])
    assert (column.kind, column.date_format) == ("date", "%H:%M")
    np.testing.assert_allclose(np.diff(values[:20]), 61 / 1440)
    column, values = column_of(["2024-01-05", "n/a", "2024-03-01", "2024-04-09"] * 10)
    assert (column.kind, column.marks, np.isnan(values).sum()) == ("date", ("n/a",), 10)


def test_infinity_is_missing_and_said():
    column, values = column_of([np.inf, 1.5, 2.5, -np.inf] * 10)
    assert column.kind == "number"
    assert "infinite, which count as missing" in column.reason
    assert np.isnan(values).sum() == 20


def test_long_texts_do_not_fill_the_screen():
    column, _ = column_of(["x" * 20_000, "y" * 20_000] * 20)
    assert len(column.reason) < 200
    assert column.categories == ("x" * 20_000, "y" * 20_000)


def test_a_class_called_none_is_no_gap_in_a_file(tmp_path):
    content = lines("a,y", lambda i: (i / 7, ["None", "mild", "bad", ""][i % 4]))
    found = ready(tmp_path, content).target
    assert (found.classes, found.num_missing) == (("None", "bad", "mild"), 10)


# --- values beyond a limit of detection ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("texts", "values"),
    [
        (["<0.5", "0.7", "1.2", "> 9", "3.4", "5.6", "7"], [0.5, 0.7, 1.2, 9, 3.4, 5.6, 7]),
        (["<0,5", "0,7", "1,2", "≤ 0,2", "3,4", "5", "8", "n/a"], [0.5, 0.7, 1.2, 0.2, 3.4, 5, 8, np.nan]),
        (["<1,000 mg", "700 mg", "1,200 mg", "900 mg", "950 mg", "1,300 mg"], [1000, 700, 1200, 900, 950, 1300]),
    ],
)
def test_entries_beyond_a_limit_are_read_as_the_limit(texts, values):
    series = pd.Series(texts * 6)
    (column,) = decide_columns(pd.DataFrame({"nitrate": series}))
    assert column.kind == "number"
    assert column.num_limits == 6 * sum(text[0] in "<>≤" for text in texts)
    assert f"{column.num_limits} entries such as {min(t for t in texts if t[0] in '<>≤')!r}" in column.reason
    np.testing.assert_array_equal(values_of(series, column), values * 6)


def test_the_range_of_numbers_stands_apart_from_what_else_was_seen():
    (column,) = decide_columns(
        pd.DataFrame({"price": ["771,8", "15370,25", *[f"{i}000,5" for i in range(1, 9)]] * 3 + ["n.b."]})
    )
    assert column.reason == "numbers in text 771.8 to 15,370; with a decimal comma; 'n.b.' for missing, 1 missing"


@pytest.mark.parametrize("texts", [["<18", "18-65", ">65"], ["<5", "5", ">5"], ["<b>", "1", "2", "3", "4", "5"]])
def test_classes_that_look_like_limits_stay_classes(texts):
    (column,) = decide_columns(pd.DataFrame({"age": texts * 10}))
    assert (column.kind, column.num_limits) == ("category", 0)


def test_limits_are_said_kept_and_read_in_another_table_and_in_the_target(tmp_path):
    content = lines("nitrate;y", lambda i: ("<0,5" if i % 4 == 0 else f"{i},25", "<2" if i % 5 == 0 else f"{i + 2},5"),
                    ";")  # fmt: skip
    found = ready(tmp_path, content)
    limits = [one for one in found.findings if one.rule == "beyond_limit"]
    assert [one.where for one in limits] == ["y", "nitrate"]
    assert "8 entries such as '<2' read as their limit" in limits[0].message
    assert found.target.num_limits == 8
    assert limits[1].message == (
        "values of 'nitrate' that lie beyond a limit were taken for the limit: numbers in text 0.5 to 39.25; with a "
        "decimal comma; 7 entries such as '<0,5' read as their limit, in the rows that are not tested on."
    )
    assert found.y[0] == 2.0  # the first line of data is no row of units
    other, _ = read_frame(written(tmp_path, "nitrate\n< 0.25\n7.5\n", "new.csv"), found.reading)
    read = read_as_written(other, found.columns, ".")
    assert read.table["nitrate"].tolist() == [0.25, 7.5]
    assert not read.unreadable


def test_how_a_file_was_read_is_known(tmp_path):
    content = "sep=;\nplz;y;;\n;mg;;\n" + "".join(f"0{1000 + i};{i},5;;\n" for i in range(9)) + ";;;\n"
    path = tmp_path / "data.csv"
    path.write_bytes(content.replace("plz", "plz für").encode("cp1252"))
    _, reading = read_frame(path)
    assert reading.facts == {
        "form": "text, a row in each line", "fields parted by": "semicolons", "decimal mark": "comma",
        "encoding": "cp1252", "rows": "9",
        "left out": "line 1, which names the separator (sep=;); line 3, of units ('mg'); 2 columns without a name and "
                    "values; 1 row of separators alone at the end",
        "whole numbers kept as text, for their leading zeros": "plz für",
    }  # fmt: skip


# --- other things that real files hold --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "above",
    [
        "# instrument: HARPS\n# date, 2023-01-04\ndose,ward,y\n",
        "# instrument: HARPS\n#dose,ward,y\n",
        "#dose,ward,y\n",
    ],
)
def test_comments_above_the_names_are_left_out_and_may_hold_the_names(tmp_path, above):
    found, plain = ready(tmp_path, PLAIN.replace("dose,ward,y\n", above)), ready(tmp_path, PLAIN)
    assert [one.name for one in found.columns] == ["dose", "ward"]
    np.testing.assert_array_equal(found.y, plain.y)
    number = above.count("\n") - 1
    assert (f"{number} line" in found.reading.facts.get("left out", "")) == (number > 0)


@pytest.mark.parametrize(
    ("texts", "values"),
    [
        (["($1,200.50)", "$80", "$3,000"], [-1200.5, 80, 3000]),  # as accountants write what is negative
        (["1.200,50-", "80,00", "3.000,00"], [-1200.5, 80, 3000]),  # as SAP does
    ],
)
def test_negative_numbers_without_a_sign_in_front(texts, values):
    series = pd.Series(texts * 8)
    (column,) = decide_columns(pd.DataFrame({"profit": series}))
    assert column.kind == "number"
    np.testing.assert_array_equal(values_of(series, column), values * 8)


def test_times_as_forms_stamp_them():
    series = pd.Series([f"2024/03/{day:02d} 9:30:1{day % 10} PM GMT+1" for day in range(1, 29)])
    (column,) = decide_columns(pd.DataFrame({"Timestamp": series}))
    assert (column.kind, column.date_format) == ("date", "%Y/%m/%d %I:%M:%S %p")
    assert values_of(series, column)[0] == (np.datetime64("2024-03-01T21:30:11") - np.datetime64("1970")) / (
        np.timedelta64(1, "D")
    )


def test_a_word_among_dates_is_said(tmp_path):
    content = lines(
        "day,dose,y", lambda i: ("Mean" if i == 9 else f"2024-{1 + i // 28:02d}-{1 + i % 28:02d}", i / 8, i)
    )
    found = rules_of(ready(tmp_path, content))["text_column"]
    assert str(found) == (
        "warning text_column (day): the column 'day' is not learnt from: dates, and 1 text among them that is none "
        "('Mean'), left out. Mend: write dates, leave the fields empty, or delete such rows."
    )


def test_rows_on_both_sides_of_the_split_are_said():
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({"dose": rng.normal(size=60), "ward": rng.choice(["a", "b"], 60), "y": rng.normal(size=60)})
    twice = prepare_table(pd.concat([frame, frame], ignore_index=True), "y")
    assert rules_of(twice)["repeated_rows"].message.startswith("2")
    assert "repeated_rows" not in rules_of(prepare_table(frame, "y"))
    few = pd.DataFrame({"ward": rng.choice(["a", "b"], 400), "sex": rng.choice(["f", "m"], 400),
                        "y": rng.choice(["ill", "well"], 400)})  # fmt: skip
    assert "repeated_rows" not in rules_of(prepare_table(few, "y"))  # which chance brings together


@pytest.mark.parametrize(
    ("name", "values", "flagged"),
    [
        ("case", [f"P{i:04d}" for i in range(100)], True),  # by their form
        ("Kunden-Nr.", [*range(7_000, 7_100)], True),  # by its name
        ("User-ID", [f"{'x' * (i % 7)}{i}" for i in range(180)], True),  # too many to be learnt from
        ("patient", [f"{'x' * (i % 7)}{i}" for i in range(25)], True),  # a panel: twelve rows of each
        ("subject_id", [*range(1, 26)], True),
        ("StoreID", [*range(1, 8)], False),  # the same stores, as ever
        ("user", [i / 4 for i in range(100)], False),  # no whole numbers
        ("city", [f"{'x' * (i % 7)}{i}" for i in range(100)], False),
        ("age", [*range(100)], False),
        ("num_patients", [*range(100)], False),
        ("model", [f"P{i:04d}" for i in range(20)], False),  # with 15 rows each
    ],
)
def test_ids_that_stand_in_several_rows_are_said(name, values, flagged):
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({"dose": rng.normal(size=300), "y": rng.normal(size=300), name: rng.choice(values, 300)})
    found = rules_of(prepare_table(frame, "y"))
    assert ("repeated_ids" in found) == flagged
    if flagged:
        assert found["repeated_ids"].message.startswith(f"{name!r} has {frame[name].nunique()} values in 300 rows, of ")
        assert "repeated_ids" not in rules_of(prepare_table(frame, "y", group=name))
        assert "repeated_ids" not in rules_of(prepare_table(frame, "y", drop=[name]))
