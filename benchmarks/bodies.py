"""Does `body="sequence"` pay against flattening? `python benchmarks/bodies.py` prints the table of docs/bodies.md.

Five small kinds of sequences, 70 % to train on; the score on the rest (accuracy or R2), mean over seeds 0, 1, 2, of
`build_model(x=x, y=y, body=...)` trained with `patience=8`.
"""

import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

from collections.abc import Iterator

import keras
import numpy as np

from recipes import build_model, fit, load_data

NUM_ROWS, NUM_STEPS, SEEDS = 1_500, 50, (0, 1, 2)


def recurrent() -> list[keras.Layer]:
    """A GRU of 32 units, the other usual choice."""
    return [keras.layers.GRU(32)]


BODIES = {"flattened": "mlp", "sequence": "sequence", "GRU, 32 units": recurrent}


def sequences() -> Iterator[tuple[str, np.ndarray, np.ndarray]]:
    """What is asked, the sequences `(n, steps, features)`, and the answers."""
    rng = np.random.default_rng(0)
    steps = np.arange(NUM_STEPS)

    y = rng.integers(0, 2, NUM_ROWS)
    x = rng.normal(size=(NUM_ROWS, NUM_STEPS, 3))
    for row, sign, start in zip(x, 2 * y - 1, rng.integers(0, NUM_STEPS - 8, NUM_ROWS), strict=True):
        row[start : start + 8, 0] += 2 * sign * np.sin(np.linspace(0, 2 * np.pi, 8))
    yield "sign of a wave somewhere (accuracy)", x, y

    y = rng.integers(0, 4, NUM_ROWS)
    angle = 2 * np.pi * (y[:, None] + 3) * steps / NUM_STEPS + rng.uniform(0, 2 * np.pi, (NUM_ROWS, 1))
    wave = np.sin(angle) + rng.normal(size=angle.shape)
    yield "frequency of a noisy sine (accuracy)", np.stack([wave, rng.normal(size=wave.shape)], axis=2), y

    x = rng.normal(size=(NUM_ROWS, NUM_STEPS, 3)).cumsum(axis=1)
    yield "last five steps of a walk (R2)", x, x[:, -1, 0] - x[:, -6, 0] + 0.5 * rng.normal(size=NUM_ROWS)

    digits = load_data("digits")
    yield "digits, row after row (accuracy)", digits.x.reshape(-1, 8, 8), digits.y

    x = (rng.random((NUM_ROWS, NUM_STEPS, 2)) < 0.1).astype(float)
    yield "events of one kind less those of another (R2)", x, x[:, :, 0].sum(axis=1) - x[:, :, 1].sum(axis=1)


def score(body: object, x: np.ndarray, y: np.ndarray, seed: int) -> float:
    """Accuracy or R2 on the last 30 % of the rows."""
    cut = int(0.7 * len(x))
    is_number = len(np.unique(y)) > 10 or y.min() < 0
    model = build_model("regression" if is_number else None, x=x[:cut], y=y[:cut], body=body, seed=seed)
    validation = (x[cut:], y[cut:])
    run = fit(model, x[:cut], y[:cut], epochs=30, validation_data=validation, patience=8, seed=seed, verbose=0)
    return run.evaluate(*validation)["r2" if is_number else "accuracy"]


def main() -> None:
    print("| what is asked |", " | ".join(BODIES), "|")
    print("|---" * (len(BODIES) + 1) + "|")
    for name, x, y in sequences():
        means = [np.mean([score(body, x.astype("float32"), y, seed) for seed in SEEDS]) for body in BODIES.values()]
        print(f"| {name} |", " | ".join(f"{mean:.3f}" for mean in means), "|", flush=True)


if __name__ == "__main__":
    main()
