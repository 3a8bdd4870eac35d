"""The corpus as it is stored: every curve that was kept, with what followed, in one file of less than a megabyte."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

STORED = Path(__file__).parents[2] / "tests" / "data" / "verdicts.npz"
_CURVES = ("loss", "val_loss", "later_loss", "later_val_loss")
_WORDS = ("source", "architecture", "optimizer", "truth")


@dataclass(frozen=True)
class Case:
    """One training: what is shown, what followed (thinned), and what came true."""

    half: str
    source: str
    architecture: str
    optimizer: str
    learning_rate: float
    seed: int
    truth: str
    chance: float
    least: float
    given: bool  # whether `fit` would name the loss of a constant guess: not beside penalties
    loss: np.ndarray
    val_loss: np.ndarray
    later_loss: np.ndarray
    later_val_loss: np.ndarray

    @property
    def epochs(self) -> int:
        """How many are shown."""
        return len(self.loss)

    @property
    def history(self) -> dict[str, np.ndarray]:
        """What `diagnose` is shown."""
        return {"loss": self.loss, "val_loss": self.val_loss}

    @property
    def yardsticks(self) -> dict[str, float | None]:
        """What `fit` would say beside it."""
        return {"chance": self.chance, "least": self.least} if self.given else {"chance": None}


def pack(raw: Path, out: Path = STORED) -> None:
    """Write the trainings that were kept into the file."""
    records = [json.loads(line) for line in raw.read_text().splitlines()]
    kept = [record for record in records if record["kept"]]
    arrays: dict[str, np.ndarray] = {}
    for name in _CURVES:
        arrays[name] = np.concatenate([np.asarray(r[name], np.float32) for r in kept])
        arrays[f"{name}_lengths"] = np.array([len(r[name]) for r in kept], np.int16)
    for name in ("half", *_WORDS):
        values = sorted({record[name] for record in kept})
        arrays[f"{name}_names"] = np.array(values)
        arrays[name] = np.array([values.index(record[name]) for record in kept], np.int8)
    for name in ("learning_rate", "chance", "least"):
        arrays[name] = np.array([record[name] for record in kept], np.float32)
    arrays["seed"] = np.array([record["seed"] for record in kept], np.int16)
    arrays["given"] = np.array([record["given"] for record in kept])
    out.parent.mkdir(parents=True, exist_ok=True)
    np.savez_compressed(out, **arrays)


def cases(path: Path = STORED, half: str | None = None) -> list[Case]:
    """Read the cases of a half, or of both."""
    return [case for case in _all(path) if half is None or case.half == half]


def _all(path: Path) -> Iterator[Case]:
    with np.load(path, allow_pickle=False) as file:
        arrays = {name: file[name] for name in file.files}
    parts = {name: np.split(arrays[name], np.cumsum(arrays[f"{name}_lengths"])[:-1]) for name in _CURVES}
    for i in range(len(arrays["seed"])):
        words = {name: str(arrays[f"{name}_names"][arrays[name][i]]) for name in ("half", *_WORDS)}
        numbers = {name: float(arrays[name][i]) for name in ("learning_rate", "chance", "least")}
        yield Case(**words, **numbers, seed=int(arrays["seed"][i]), given=bool(arrays["given"][i]),
                   **{name: parts[name][i].astype(np.float64) for name in _CURVES})  # fmt: skip
