"""One measurement in a process of its own: `python benchmarks/jobs.py JOB WAY` prints a line of JSON.

Every way trains the same architecture from its own usual initial weights, on the same data with the same batch size,
shuffled anew each epoch. Timed is from the call to its return; imports, data and building the model are not.
"""

import json
import os
import resource
import sys
import time

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

from grokking import grok_113, grok_paper, grok_run
from many import folds, sixty_four
from networks import conv_autoencoder, dense_autoencoder, lenet, memory, mlp
from searches import tune_memory, tune_more, tune_search
from training import Result


def main() -> None:
    job, way = sys.argv[1:3]
    if way.startswith("torch"):
        os.environ["KERAS_BACKEND"] = "torch"  # TensorFlow and PyTorch do not always bear each other in one process
    if way == "keras-jax":
        os.environ["KERAS_BACKEND"] = "jax"
    result = JOBS[job](way)
    result["peak_mb"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(json.dumps(result))


def roof(way: str) -> Result:
    """float32 matrix products of 2048 x 2048 through TensorFlow: the rate that nothing here can pass."""
    import tensorflow as tf

    a = tf.random.normal((2048, 2048))
    (a @ a).numpy()
    best = 0.0
    for _ in range(5):
        start = time.perf_counter()
        for _ in range(4):
            b = a @ a
        b.numpy()
        best = max(best, 4 * 2 * 2048**3 / (time.perf_counter() - start))
    return {"gflops": best / 1e9}


def importing(way: str) -> Result:
    """Seconds that `import recipes` takes."""
    start = time.perf_counter()
    import recipes  # noqa: F401

    return {"first_s": time.perf_counter() - start}


JOBS = {
    "mlp-200": lambda way: mlp(way, 200),
    "mlp-3": lambda way: mlp(way, 3),
    "dense-autoencoder": dense_autoencoder,
    "conv-autoencoder": conv_autoencoder,
    "lenet": lenet,
    "many-64": sixty_four,
    "folds": folds,
    "grok-paper": grok_paper,
    "grok-paper-seeds": lambda way: grok_run("paper", way),
    "grok-lecture-seeds": lambda way: grok_run("lecture", way),
    "grok-lecture-stays": lambda way: grok_run("lecture", way, goes_on=True),
    "grok-113-stays": grok_113,
    "tune": tune_search,
    "tune-memory": tune_memory,
    "tune-more": tune_more,
    "memory": memory,
    "roof": roof,
    "import": importing,
}

if __name__ == "__main__":
    main()
