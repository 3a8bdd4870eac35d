"""Who won: each model's score on the same test rows, and how sure the difference to the network is."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from cheatsheet.common.words import digits
from recipes.tables.scoring.scores import METRICS, losses, score

REPEATS = 2_000  # of the bootstrap
LEVEL = 0.95
NETWORK = "network"
_WORDS = {"constant": "the best constant", "linear": "the linear model", "boosting": "gradient boosting"}


@dataclass(frozen=True)
class Rival:
    """How another model did beside the network.

    Attributes:
        name: `"constant"`, `"linear"` or `"boosting"`.
        score: In the metric of the comparison.
        difference: By how much the network is better, in the metric's unit; negative where it is worse.
        low: Lower end of the 95 % bootstrap interval of the difference.
        high: Its upper end.
    """

    name: str
    score: float
    difference: float
    low: float
    high: float

    @property
    def verdict(self) -> str:
        """`"better"`, `"worse"` or `"level"`: what the network is, as far as the test rows tell."""
        return "better" if self.low > 0 else "worse" if self.high < 0 else "level"


@dataclass(frozen=True)
class Comparison:
    """The network beside the baselines on the same test rows.

    Attributes:
        metric: `"log_loss"`, `"poisson_deviance"` or `"r2"`.
        network: The network's score.
        rivals: The others.
        num_rows: That were tested on.
    """

    metric: str
    network: float
    rivals: tuple[Rival, ...]
    num_rows: int

    @property
    def winner(self) -> str:
        """Name of the model with the best score; by chance, where the intervals say so."""
        scores = {NETWORK: self.network, **{rival.name: rival.score for rival in self.rivals}}
        return (max if METRICS[self.metric].better == "higher" else min)(scores, key=scores.__getitem__)

    @property
    def is_justified(self) -> bool:
        """Whether the network is better than the constant and the linear model, beyond chance."""
        simple = [rival for rival in self.rivals if rival.name in ("constant", "linear")]
        return all(rival.verdict == "better" for rival in simple)

    @property
    def sentence(self) -> str:
        """Who won, and whether a network is justified here."""
        told = {"better": [], "level": [], "worse": []}  # type: dict[str, list[str]]
        for rival in self.rivals:
            told[rival.verdict].append(_WORDS.get(rival.name, rival.name))
        parts = [f"{verdict} {'than' if verdict != 'level' else 'with'} {_and(names)}"
                 for verdict, names in told.items() if names]  # fmt: skip
        said = f"The network is {', '.join(parts)} on {self.num_rows:,} test rows."
        worse = [rival.name for rival in self.rivals if rival.verdict == "worse"]
        if not self.is_justified:
            simpler = "constant" if _verdict(self, "constant") != "better" else "linear"
            more = "better" if _verdict(self, simpler) == "worse" else "not shown to be worse"
            return f"{said} It is not justified here: {_WORDS[simpler]} is simpler and {more}."
        if worse:
            return f"{said} It is not justified here: {_and([_WORDS[name] for name in worse])} does better."
        return said

    def __str__(self) -> str:
        metric = METRICS[self.metric]
        unit = "nats, " if self.metric == "log_loss" else ""
        lines = [f"{metric.title} ({unit}{metric.better} is better)", f"  {NETWORK:<10} {digits(self.network):>9}"]
        lines += [
            f"  {rival.name:<10} {digits(rival.score):>9}   network {rival.verdict}, by {digits(rival.difference)} "
            f"({digits(rival.low)} to {digits(rival.high)})"
            for rival in self.rivals
        ]
        return "\n".join([*lines, self.sentence])


def compare(
    metric: str, true: np.ndarray, network: np.ndarray, others: Mapping[str, np.ndarray], *, seed: int = 0
) -> Comparison:
    """Compare predictions on the same rows.

    The interval is the bootstrap's, over the rows: each of 2,000 times as many rows are drawn with replacement, and the
    mean difference of the losses is taken (for R², over the variance of all).

    Args:
        metric: `"log_loss"`, `"poisson_deviance"` or `"r2"`.
        true: Encoded targets `(n,)`.
        network: The network's predictions.
        others: Those of the baselines, by name.
        seed: Of the bootstrap.
    """
    own = losses(metric, true, network)
    unit = float(true.var()) if metric == "r2" else 1.0
    unit = unit if unit > 0 else 1.0
    rng = np.random.default_rng([seed, 97])
    apart = {name: (losses(metric, true, predicted) - own) / unit for name, predicted in others.items()}
    stacked = np.stack([*apart.values()], axis=1)  # (n, rivals)
    means = np.empty((REPEATS, stacked.shape[1]))
    for i in range(REPEATS):
        weights = (
            rng.multinomial(len(true), np.full(len(true), 1 / len(true)))
            if len(true) < 2_000
            else rng.poisson(1.0, len(true))
        )
        means[i] = weights @ stacked / max(weights.sum(), 1)
    low, high = np.percentile(means, [50 * (1 - LEVEL), 50 * (1 + LEVEL)], axis=0)
    rivals = tuple(
        Rival(name, score(metric, true, losses(metric, true, others[name])), float(difference.mean()), float(low[i]),
              float(high[i]))
        for i, (name, difference) in enumerate(apart.items())
    )  # fmt: skip
    return Comparison(metric, score(metric, true, own), rivals, len(true))


def _verdict(comparison: Comparison, name: str) -> str:
    return next((rival.verdict for rival in comparison.rivals if rival.name == name), "better")


def _and(names: list[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
