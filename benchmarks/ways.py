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

EPOCHS = (100, 200, 500, 1_000, 2_000)  # of 18 steps
NETWORKS = ("mlp", "lstm")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--one", nargs=3, metavar=("NETWORK", "WAY", "EPOCHS"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.one:
        network, way, epochs = options.one
        print(json.dumps(measure(network, way, int(epochs))))
        return
    from recipes.training.engines.tensorflow.steps import MIXED, PLAIN, XLA

    ways = (PLAIN, MIXED, XLA)
    print(f"| network, steps | {' | '.join(ways)} |")
    print("|---|" + "---|" * len(ways))
    for network in NETWORKS:
        for epochs in EPOCHS if network == "mlp" else EPOCHS[:3]:
            seconds: dict[str, list[float]] = {way: [] for way in ways}
            for i in range(options.repeats):
                for way in ways if i % 2 == 0 else ways[::-1]:
                    command = [sys.executable, str(Path(__file__)), "--one", network, way, str(epochs)]
                    done = subprocess.run(command, capture_output=True, text=True, check=True)
                    seconds[way].append(json.loads(done.stdout.splitlines()[-1]))
            cells = [f"{statistics.median(values):.2f} s" for values in seconds.values()]
            print(f"| {network}, {18 * epochs:,} | {' | '.join(cells)} |", flush=True)


def measure(network: str, way: str, epochs: int) -> float:
    """Seconds of one call in this way."""
    import keras
    import numpy as np
    from jobs import breast_cancer, mlp_model

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
    fit(model, x, y, epochs=epochs, batch_size=32, verbose=0)
    return time.perf_counter() - start


if __name__ == "__main__":
    main()
