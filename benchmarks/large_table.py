"""How long a large table takes, and how much memory: `python benchmarks/large_table.py [--rows 1000000]`.

Writes a CSV of 30 columns (24 numbers, four categories, a whole number, the target) into a temporary folder, and runs
`recipes fit` on it in a process of its own, from typing to the report.
"""

import argparse
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pandas as pd


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=1_000_000)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        path = Path(name) / "large.csv"
        table(options.rows).to_csv(path, index=False)
        start = time.perf_counter()
        command = [
            sys.executable,
            "-m",
            "recipes",
            "fit",
            str(path),
            "--target",
            "y",
            "--report",
            f"{name}/report.html",
        ]
        print(subprocess.run(command, check=True, capture_output=True, text=True, timeout=3_600).stdout)
        seconds = time.perf_counter() - start
    most = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1e6  # kilobytes, on Linux
    print(f"{options.rows:,} rows: {seconds:.0f} s from typing to report, at most {most:.2f} GB")


def table(num_rows: int) -> pd.DataFrame:
    """Make a table whose target hangs on two numbers, one of them on a wave, and on a category."""
    rng = np.random.default_rng(0)
    columns = {f"x{i}": rng.normal(size=num_rows).round(3) for i in range(24)}
    columns |= {f"c{i}": rng.choice([*"abcdefgh"], num_rows) for i in range(4)}
    columns["n"] = rng.integers(0, 100, num_rows)
    y = 2 * columns["x0"] + np.sin(2 * columns["x1"]) + 1.5 * (columns["c0"] == "a")
    return pd.DataFrame({**columns, "y": (y + 0.5 * rng.normal(size=num_rows)).round(4)})


if __name__ == "__main__":
    main()
