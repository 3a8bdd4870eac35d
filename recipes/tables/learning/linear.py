"""The linear part of a model of numbers: a ridge regression on the features, beside which networks learn the rest."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

PENALTIES = 10.0 ** np.arange(-2, 6)
# Beyond these the networks learn alone. Directions are as many as the features, or the rows where these are fewer; the
# work is that of all parts, in multiplications, and takes some ten seconds on two cores.
MOST_DIRECTIONS, MOST_WORK = 1_500, 1e11
NUMBERS_AT_ONCE = 2**22
LEAST_SPREAD = 1e-6  # of standardised targets: where the regression explains them there is nothing else to learn
LEAST_REST = 1e-9  # of a row that the regression follows altogether


@dataclass(frozen=True)
class Linear:
    """Ridge regressions, each without the rows that one network holds out, and what they leave to these networks.

    A network learns `(y − what the regression says, fitted without this row) / spread`. The regression's own residuals
    would not do: the more features, the closer it follows the very rows it was fitted to, and the less it leaves there.

    Attributes:
        kernel: `(features, outputs)`, mean of all regressions.
        bias: `(outputs,)`.
        spread: Root of the mean square of what is left, over all rows and outputs.
        left: For each network what it learns, `(n, outputs)` float32; of the rows it holds out, what it is to say.
        said: For each network what its regression says of the rows held out, `(rows, outputs)`.
        loss: Mean square of what is left on the rows held out; the median over the networks.
        chance: The same of the mean of each network's rows in place of a regression.
    """

    kernel: np.ndarray
    bias: np.ndarray
    spread: float
    left: Sequence[np.ndarray]
    said: Sequence[np.ndarray]
    loss: float
    chance: float


def linear_of(features: np.ndarray, y: np.ndarray, held: Sequence[np.ndarray]) -> Linear | None:
    """Fit a ridge regression without each part that is held out, under the penalty that is best on these parts.

    Args:
        features: `(n, features)` float32.
        y: Standardised targets `(n, outputs)`.
        held: For each network the places of the rows that it does not train on.

    Returns:
        `None` where there are more features and more rows than an exact solution is quick for, or a network without
        rows on either side.
    """
    apart = {out.tobytes(): out for out in held}
    work = len(apart) * features.size * min(features.shape)
    if min(features.shape) > MOST_DIRECTIONS or work > MOST_WORK or any(len(out) in (0, len(y)) for out in held):
        return None
    y = np.asarray(y, np.float64)
    parts = {key: _Part(features, y, out) for key, out in apart.items()}
    errors = np.sum([part.squared_errors() for part in parts.values()], axis=0)  # (penalties, outputs)
    penalties = PENALTIES[np.argmin(errors, axis=0)]
    solved = {key: part.solved(penalties) for key, part in parts.items()}
    said = {key: part.without_each_row(penalties) for key, part in parts.items()}
    spread = max(float(np.sqrt(np.mean([np.mean((y - one) ** 2) for one in said.values()]))), LEAST_SPREAD)
    left = {key: ((y - one) / spread).astype(np.float32) for key, one in said.items()}
    keys = [out.tobytes() for out in held]
    kernels, biases = zip(*(solved[key] for key in keys), strict=True)
    of_held = [said[key][out] for key, out in zip(keys, held, strict=True)]
    return Linear(
        np.mean(kernels, axis=0),
        np.mean(biases, axis=0),
        spread,
        [left[key] for key in keys],
        of_held,
        float(np.median([np.mean((y[out] - one) ** 2) for out, one in zip(held, of_held, strict=True)])),
        float(np.median([np.mean((y[out] - parts[key].middle) ** 2) for key, out in zip(keys, held, strict=True)])),
    )


class _Part:
    """The rows beside a part that is held out, along directions in which any penalty is solved at once."""

    def __init__(self, features: np.ndarray, y: np.ndarray, out: np.ndarray) -> None:
        self.features, self.y, self.out = features, y, out
        self.is_in = np.ones(len(y), bool)
        self.is_in[out] = False
        rows = np.flatnonzero(self.is_in)
        self.num_rows = len(rows)
        self.center = np.zeros(features.shape[1])
        self.center = np.sum([part.sum(axis=0) for _, part in self._centered(rows)], axis=0) / len(rows)
        self.middle = y[self.is_in].mean(axis=0)
        shared = sum(part.T @ (y[places] - self.middle) for places, part in self._centered(rows))  # (features, outputs)
        if features.shape[1] <= len(rows):
            gram = sum(part.T @ part for _, part in self._centered(rows))
            self.squares, self.directions = np.linalg.eigh(gram)
        else:  # the directions are as many as the rows
            ((_, part),) = self._centered(rows, at_once=len(rows))
            squares, along = np.linalg.eigh(part @ part.T)
            real = squares > squares[-1] * 1e-12
            self.squares, self.directions = squares[real], part.T @ (along[:, real] / np.sqrt(squares[real]))
            del part  # as large as all features twice
        self.squares = np.maximum(self.squares, 0.0)
        self.shared = self.directions.T @ shared  # (directions, outputs)
        self.of_held = np.concatenate([part @ self.directions for _, part in self._centered(out)])

    def _centered(self, rows: np.ndarray, at_once: int = 0) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """Give places of rows and their centred features in float64, a part at once for the memory's sake."""
        at_once = at_once or max(1, NUMBERS_AT_ONCE // self.features.shape[1])
        for start in range(0, len(rows), at_once):
            places = rows[start : start + at_once]
            yield places, self.features[places] - self.center

    def _slopes(self, penalties: np.ndarray) -> np.ndarray:
        """Give the slopes along the directions, `(directions, outputs)`, of one penalty for each output."""
        return self.shared / (self.squares[:, None] + penalties)

    def said_of_held(self, penalties: np.ndarray) -> np.ndarray:
        return self.of_held @ self._slopes(penalties) + self.middle

    def squared_errors(self) -> np.ndarray:
        """Sum the squared errors on the rows held out, `(penalties, outputs)`."""
        true = self.y[self.out]
        return np.stack(
            [np.sum((true - self.said_of_held(np.full(true.shape[1], one))) ** 2, axis=0) for one in PENALTIES]
        )

    def solved(self, penalties: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Give kernel `(features, outputs)` and bias `(outputs,)`."""
        kernel = self.directions @ self._slopes(penalties)
        return kernel, self.middle - self.center @ kernel

    def without_each_row(self, penalties: np.ndarray) -> np.ndarray:
        """Say what a regression without the row itself says of each row, `(n, outputs)`.

        The residual without the row is that with it over 1 − h, where h is the row's own part in what is said of it
        (D. M. Allen 1974, doi:10.1080/00401706.1974.10489157). That is exact, also where features outnumber rows.
        """
        found = np.empty(self.y.shape)
        slopes, weights = self._slopes(penalties), 1 / (self.squares[:, None] + penalties)
        for places, part in self._centered(np.arange(len(self.y))):
            along = part @ self.directions
            said = along @ slopes + self.middle
            own = np.where(self.is_in[places, None], 1 / self.num_rows + along**2 @ weights, 0.0)
            found[places] = self.y[places] - (self.y[places] - said) / np.maximum(1 - own, LEAST_REST)
        return found
