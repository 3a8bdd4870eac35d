"""Does a step cost the same from 10^3 to 10^6 rows? `python benchmarks/flat.py [--repeats N]` prints the table.

One network 64-32 by `fit` and sixteen by `fit_many`, 30 columns, batches of 256. Each size runs once to compile and
then, the sizes in turn, as many times as asked; medians of the whole call, over its steps.
"""

import argparse
import os
import statistics
import time

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np

ROWS, COLUMNS, BATCH, STEPS, NETWORKS = (1_000, 10_000, 100_000, 1_000_000), 30, 256, 4_000, 16


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=3)
    repeats = parser.parse_args().repeats
    from recipes import build_model, fit, fit_many

    rng = np.random.default_rng(0)
    x = rng.normal(size=(ROWS[-1], COLUMNS)).astype("float32")
    y = (x[:, 0] + rng.normal(size=len(x)) > 0).astype("float32")

    def seconds(rows: int, number: int) -> float:
        """Give the seconds a step of one call, `number` networks at once."""
        epochs = max(1, STEPS * BATCH // rows)
        models = [build_model("binary", x=x[:rows], units=(64, 32), seed=k) for k in range(number)]
        start = time.perf_counter()
        if number == 1:
            fit(models[0], x[:rows], y[:rows], epochs=epochs, batch_size=BATCH, verbose=0)
        else:
            fit_many(models, x[:rows], y[:rows], epochs=epochs, batch_size=BATCH, verbose=0)
        return (time.perf_counter() - start) / (epochs * -(-rows // BATCH))

    print("| rows | one network, µs a step | against 10,000 rows | sixteen, µs a step | against 10,000 rows |")
    print("|---|---|---|---|---|")
    found: dict[tuple[int, int], list[float]] = {}
    for turn in range(repeats + 1):
        for rows in ROWS:
            for number in (1, NETWORKS):
                took = seconds(rows, number)
                if turn:  # the first compiles
                    found.setdefault((rows, number), []).append(took)
    middle = {key: 1e6 * statistics.median(values) for key, values in found.items()}
    for rows in ROWS:
        cells = [f"{middle[rows, n]:,.0f} | {middle[rows, n] / middle[10_000, n]:.2f}×" for n in (1, NETWORKS)]
        print(f"| {rows:,} | {' | '.join(cells)} |")


if __name__ == "__main__":
    main()
