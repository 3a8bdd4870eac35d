"""Columns that say whose rows these are: patients, customers, places, of which each has several rows."""

import re
from collections.abc import Iterable

import numpy as np
import pandas as pd

from cheatsheet.common.words import count
from cheatsheet.finding import Finding
from recipes.tables.columns.column import Columns
from recipes.tables.columns.values import as_texts

MORE_THAN_CATEGORIES = 50  # distinct values
FEWEST_DISTINCT = 0.1  # of the rows: categories have tens of rows each
FEWEST_OWNERS = 20  # distinct values of a column whose name says so, whatever the number of rows of each
FEWEST_SHARED = 0.5  # of the rows, whose value stands in another one too
MOSTLY_CODES = 0.9  # of the values, as long as each other and with digits: P0012
# Whole numbers and names of no form are somebody's by the name of the column alone; a plural would count them.
_OWNER_NAME = re.compile(
    r"(?i:(.*[_\W\d])?(id|uuid|guid)([_\W\d].*)?)|.*[a-z](ID|Id)|"
    r"(?i:(patient|subject|subjekt|participant|proband|teilnehmer|person|customer|client|kunde|user|household|haushalt|"
    r"family|student|employee|animal|firm|firma|company|pat|subj|kd)(i?n|en)?[_\W]*(id|no|nr|num|number|nummer|code|key|name)?\W*)"
)


def repeated_ids(table: pd.DataFrame, columns: Columns) -> list[Finding]:
    """Find columns of ids that stand in several rows each, where nothing keeps such rows on one side of the split.

    Args:
        table: All rows that have a target.
        columns: The decisions; columns with a part in the split, and dropped ones, are left aside.
    """
    found = []
    for column in columns:
        if column.kind not in ("category", "text", "number") or not column.num_distinct:  # collections are not counted
            continue
        is_named = _OWNER_NAME.fullmatch(column.name) is not None
        if column.kind == "number" and not is_named:
            continue  # before every number of a large table is written out
        texts = as_texts(table[column.name], column.marks)
        values, times = np.unique(texts[texts != ""].astype(str), return_counts=True)
        there, shared = int(times.sum()), int(times[times > 1].sum())
        fewest = FEWEST_OWNERS if is_named else max(MORE_THAN_CATEGORIES, FEWEST_DISTINCT * there)
        if len(values) <= fewest or shared < FEWEST_SHARED * there:
            continue
        if column.kind == "number" and not all(re.fullmatch(r"\d+", value) for value in values):
            continue
        if not is_named and not _have_one_form(values):
            continue
        message = (
            f"{column.name!r} has {count(len(values), 'value')} in {count(there, 'row')}, of which {shared:,} share "
            "theirs with another: rows of one may stand on both sides of the split, and the scores be too good."
        )
        fix = (
            f"group={column.name!r} if what is to be predicted are other patients, customers or places; "
            f"drop={column.name!r} if it is none of these"
        )
        found.append(Finding("repeated_ids", "warning", message, fix, where=column.name))
    return found


def _have_one_form(values: Iterable[str]) -> bool:
    """Say whether these are codes: letters and digits at the same places."""
    forms = pd.Series([re.sub(r"[^\W\d_]", "a", re.sub(r"\d", "0", value)) for value in values]).value_counts()
    common = str(forms.index[0])
    return "0" in common and " " not in common and forms.iloc[0] >= MOSTLY_CODES * forms.sum()
