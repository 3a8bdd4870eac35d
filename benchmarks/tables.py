"""How long does a table take to read as `x`, and how much memory on the way? `python benchmarks/tables.py [--rows N]`.

Half of the columns are bool and half float64, side by side, which pandas and NumPy together turn into an array of
objects. Printed are the best of some seconds, and the peak of what was allocated over the size of the array that is
returned: 1 would be no copy but the result.
"""

import argparse
import time
import tracemalloc
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd

from recipes.features import as_features

REPEATS = 7


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=100_000)
    parser.add_argument("--columns", type=int, default=50)
    options = parser.parse_args()
    print("| table | seconds | peak / result |")
    print("|---|---|---|")
    for name, make in TABLES.items():
        try:
            table = make(mixed(options.rows, options.columns))
        except ImportError as error:
            print(f"| {name} | {error} | |")
            continue
        seconds, peak = measure(table)
        print(f"| {name} | {seconds:.3f} | {peak:.3f} |")


def mixed(rows: int, columns: int) -> pd.DataFrame:
    """Make a table whose columns are in turn bool and float64."""
    rng = np.random.default_rng(0)
    return pd.DataFrame(
        {f"column {i}": rng.normal(size=rows) if i % 2 else rng.random(rows) > 0.5 for i in range(columns)}
    )


def to_polars(table: pd.DataFrame) -> Any:
    import polars

    return polars.DataFrame({name: table[name].to_numpy() for name in table})


TABLES: dict[str, Callable[[pd.DataFrame], Any]] = {
    "pandas, NumPy's types": lambda table: table,
    "pandas, nullable types": lambda table: table.convert_dtypes(),
    "pandas, Arrow's types": lambda table: table.convert_dtypes(dtype_backend="pyarrow"),
    "polars": to_polars,
}


def measure(table: Any) -> tuple[float, float]:
    """Measure seconds, and the peak of the memory allocated while reading over the size of the result."""
    seconds = []
    for _ in range(REPEATS):
        start = time.perf_counter()
        array = as_features(table)
        seconds.append(time.perf_counter() - start)
    del array
    tracemalloc.start()
    array = as_features(table)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return min(seconds), peak / array.nbytes


if __name__ == "__main__":
    main()
