"""Does each way to compile pay? `python benchmarks/ways.py [--repeats 5]`: seconds of a first call, way by way.

A run is forced through one way, in a process of its own, in turn with the others. The middle way is worth its code
where its column is the smallest; from these follow the numbers of steps in
`recipes/training/engines/tensorflow/program.py`.
"""

import argparse
import json
import statistics
import subprocess
import sys
import time
from pathlib import Path

# Network, share of the rows that validates, epochs.
RUNS = [
    ("mlp", 0.0, 200), ("mlp", 0.0, 500), ("mlp", 0.0, 1_000), ("mlp", 0.2, 150), ("mlp", 0.2, 300), ("mlp", 0.2, 600),
    ("lstm", 0.2, 100),
]  # fmt: skip
BATCH_SIZE = 32


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--one", nargs=4, metavar=("NETWORK", "SHARE", "EPOCHS", "WAY"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.one:
        network, share, epochs, way = options.one
        print(json.dumps(measure(network, float(share), int(epochs), way)))
        return
    from recipes.training.engines.tensorflow.steps import MIXED, PLAIN, XLA

    ways = (PLAIN, MIXED, XLA)
    print(f"| network | steps | {' | '.join(ways)} |")
    print("|---|---|" + "---|" * len(ways))
    for network, share, epochs in RUNS:
        found: dict[str, list[tuple[float, int]]] = {way: [] for way in ways}
        for i in range(options.repeats):
            for way in ways if i % 2 == 0 else ways[::-1]:
                command = [sys.executable, str(Path(__file__)), "--one", network, str(share), str(epochs), way]
                done = subprocess.run(command, capture_output=True, text=True, check=True)
                found[way].append(json.loads(done.stdout.splitlines()[-1]))
        cells = [f"{statistics.median(seconds for seconds, _ in runs):.2f} s" for runs in found.values()]
        name = network + (", with validation" if share else "")
        print(f"| {name} | {found[PLAIN][0][1]:,} | {' | '.join(cells)} |", flush=True)


def measure(network: str, share: float, epochs: int, way: str) -> tuple[float, int]:
    """Seconds and steps of one call in this way."""
    import keras
    import numpy as np
    from training import breast_cancer, mlp_model

    from recipes import fit
    from recipes.training.engines.tensorflow.program import Program

    Program.choose = lambda self, model, num_steps, *, alone=False: way  # type: ignore[method-assign]
    x, y = breast_cancer()
    if network == "mlp":
        model = mlp_model()
    else:
        x = np.repeat(x[:, None, :4], 20, axis=1)  # (n, 20 steps, 4)
        model = keras.Sequential([keras.Input(x.shape[1:]), keras.layers.LSTM(16), keras.layers.Dense(1, "sigmoid")])
        model.compile("adam", "binary_crossentropy")
    start = time.perf_counter()
    run = fit(model, x, y, epochs=epochs, batch_size=BATCH_SIZE, validation_split=share, verbose=0)
    return time.perf_counter() - start, run.steps


if __name__ == "__main__":
    main()
