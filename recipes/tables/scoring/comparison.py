"""Who won: each model's score on the same test rows, and how sure the difference to the network is."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from cheatsheet.common.words import count, digits
from recipes.tables.scoring.scores import METRICS, losses, score, written

REPEATS = 2_000  # of the bootstrap
LEVEL = 0.95
NETWORK = "network"
# With fewer test rows, or fewer that are not of the commonest class, a 95 % interval of the bootstrap holds the true
# difference of two log losses in 70 to 90 % of the cases: `tests/test_tables_told.py` counts it.
FEWEST_ROWS, FEWEST_OF_OTHER_CLASSES = 30, 10
_WORDS = {"constant": "the best constant", "linear": "the linear model", "boosting": "gradient boosting"}


@dataclass(frozen=True)
class Rival:
    """How another model did beside the network.

    Attributes:
        name: `"constant"`, `"linear"` or `"boosting"`.
        score: In the metric of the comparison.
        difference: By how much the network is better, in the metric's unit; negative where it is worse.
        low: Lower end of the 95 % bootstrap interval of the difference; `None` where the test rows are too few for one.
        high: Its upper end.
    """

    name: str
    score: float
    difference: float
    low: float | None
    high: float | None

    @property
    def verdict(self) -> str:
        """`"better"`, `"worse"`, `"level"` or `"unknown"`: what the network is, as far as the test rows tell."""
        if self.low is None or self.high is None:
            return "unknown"
        return "better" if self.low > 0 else "worse" if self.high < 0 else "level"


@dataclass(frozen=True)
class Comparison:
    """The network beside the baselines on the same test rows.

    Attributes:
        metric: `"log_loss"`, `"poisson_deviance"` or `"r2"`.
        network: The network's score.
        rivals: The others.
        num_rows: That were tested on.
        too_few: Which rows are too few to compare on, in words; empty where there are enough.
    """

    metric: str
    network: float
    rivals: tuple[Rival, ...]
    num_rows: int
    too_few: str = ""

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
        if self.too_few:
            first = _WORDS.get(self.winner, "the network")
            why = f"{self.too_few}; by the scores alone {first} is first"
            return f"Whether the network is better than the others cannot be told: {why}."
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
        lines = [
            f"{metric.title} ({unit}{metric.better} is better)",
            f"  {NETWORK:<10} {written(self.metric, self.network):>9}",
        ]
        for rival in self.rivals:
            line = f"  {rival.name:<10} {written(self.metric, rival.score):>9}"
            if not self.too_few:
                line += f"   network {rival.verdict}, by {digits(rival.difference)} "
                line += f"(95 % interval {digits(rival.low)} to {digits(rival.high)})"
            lines.append(line)
        return "\n".join([*lines, self.sentence])


def compare(
    metric: str, true: np.ndarray, network: np.ndarray, others: Mapping[str, np.ndarray], *, seed: int = 0
) -> Comparison:
    """Compare predictions on the same rows.

    The interval is the bootstrap's, over the rows: each of 2,000 times as many rows are drawn with replacement, and the
    mean difference of the losses is taken (for R², over the variance of all). Its percentiles are a little further out
    than 2.5 and 97.5, so that it is as wide as Student's for few rows: the expanded percentile interval of T. C.
    Hesterberg (2015), What Teachers Should Know About the Bootstrap, The American Statistician 69:371. On fewer than 30
    rows, or fewer than 10 that are not of the commonest class, there is none, since it would hold less often than it
    says.

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
    if len(true) < 2_000:
        means = rng.multinomial(len(true), np.full(len(true), 1 / len(true)), size=REPEATS) @ stacked / len(true)
    else:
        means = np.empty((REPEATS, stacked.shape[1]))
        for i in range(REPEATS):
            weights = rng.poisson(1.0, len(true))
            means[i] = weights @ stacked / max(weights.sum(), 1)
    ends = np.percentile(means, _percentiles(len(true)), axis=0)
    too_few = _too_few(metric, true)
    rivals = tuple(
        Rival(name, score(metric, true, losses(metric, true, others[name])), float(difference.mean()),
              *((None, None) if too_few else (float(ends[0, i]), float(ends[1, i]))))
        for i, (name, difference) in enumerate(apart.items())
    )  # fmt: skip
    return Comparison(metric, score(metric, true, own), rivals, len(true), too_few)


def _percentiles(num_rows: int) -> tuple[float, float]:
    """Give the percentiles of the means that are as far apart, for a normal distribution, as Student's t says."""
    from scipy import stats

    if num_rows < 2:
        return 0.0, 100.0
    t = stats.t.ppf((1 + LEVEL) / 2, num_rows - 1)
    outside = 100 * float(stats.norm.cdf(-t * np.sqrt(num_rows / (num_rows - 1))))
    return outside, 100 - outside


def _too_few(metric: str, true: np.ndarray) -> str:
    if len(true) < FEWEST_ROWS:
        return f"{count(len(true), 'test row')} {_are(len(true))} too few (at least {FEWEST_ROWS})"
    if metric == "log_loss":
        others = len(true) - int(np.bincount(true.astype(int)).max())
        if others < FEWEST_OF_OTHER_CLASSES:
            rows = f"{count(others, 'test row')} of {len(true):,} {_are(others)} not of the commonest class"
            return f"{rows}, too few (at least {FEWEST_OF_OTHER_CLASSES})"
    return ""


def _are(number: int) -> str:
    return "is" if number == 1 else "are"


def _verdict(comparison: Comparison, name: str) -> str:
    return next((rival.verdict for rival in comparison.rivals if rival.name == name), "better")


def _and(names: list[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
