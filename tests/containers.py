"""The same numbers in the containers that people keep them in."""

import pandas as pd
import polars as pl

ENCODE = (
    "Encode them first (sklearn.preprocessing.OneHotEncoder), or leave them out; recipes.fit_table(frame, target=...) "
    "takes text, dates and gaps as they are."
)
IMPUTE = "Drop those rows or impute the values."


def arrow(values, dtype):
    """An array of pandas' that Arrow holds."""
    return pd.array(list(values), dtype=pd.ArrowDtype(dtype))


def in_a_table(values):
    """A table of one column, of polars' for its own Series."""
    return pl.DataFrame({"a": values}) if isinstance(values, pl.Series) else pd.DataFrame({"a": values})
