"""The circles in an embedding: its Fourier transform over the group that the numbers form. NumPy alone."""

import numpy as np

from recipes.grokking.crossentropy import crossentropies
from recipes.grokking.equations import Equations, is_prime

MULTIPLICATIVE = ("x/y", "x*y", "x/y if y odd else x-y")


def circle_order(table: Equations) -> np.ndarray | None:
    """Give the order in which the numbers lie on the group's circle.

    0, 1, ..., p - 1 for sums and differences; for products and quotients the powers of a generator, so that the place
    of a number is its discrete logarithm (A. Power et al. 2022, section 3.2), and 0 lies on no circle. `None` for S5,
    and for products modulo what is no prime, whose groups are no circles.
    """
    p = table.num_symbols
    if table.operation.startswith("S5"):
        return None
    if table.rule not in MULTIPLICATIVE:
        return np.arange(p)
    if not is_prime(p):
        return None
    powers = np.array([pow(_generator(p), k, p) for k in range(p - 1)])
    return powers


def fourier_power(embedding: np.ndarray, order: np.ndarray) -> np.ndarray:
    """Compute how much of the embedding varies at each frequency.

    Args:
        embedding: `(tokens, width)`.
        order: Numbers in the order of the circle `(n,)`.

    Returns:
        Share of the variance at the frequencies 1 .. n // 2, which add up to 1.
    """
    spectrum = np.fft.rfft(embedding[order].astype(np.float64), axis=0)  # (n // 2 + 1, width)
    power = np.sum(np.abs(spectrum[1:]) ** 2, axis=1)
    return power / power.sum()


def gini(shares: np.ndarray) -> float:
    """Measure how unequal these shares are: 0 if all are equal, towards 1 if one has everything (C. Gini 1912)."""
    ordered = np.sort(shares)
    places = np.arange(1, len(ordered) + 1)
    return float(2 * np.sum(places * ordered) / (len(ordered) * ordered.sum()) - (len(ordered) + 1) / len(ordered))


def circle_plane(embedding: np.ndarray, order: np.ndarray, frequency: int | None = None) -> tuple[np.ndarray, int]:
    """Find the plane on which the numbers lie on a circle.

    Args:
        embedding: `(tokens, width)`.
        order: As `circle_order` gives it.
        frequency: Turns of the circle; that with most power when missing.

    Returns:
        Two orthonormal directions `(width, 2)`, and the frequency.
    """
    frequency = frequency or 1 + int(np.argmax(fourier_power(embedding, order)))
    angle = 2 * np.pi * frequency * np.arange(len(order)) / len(order)
    waves = np.stack([np.cos(angle), np.sin(angle)], axis=1)  # (n, 2)
    directions, _ = np.linalg.qr(embedding[order].T.astype(np.float64) @ waves)  # (width, 2)
    return directions, frequency


def joining_order(order: np.ndarray, frequency: int) -> np.ndarray:
    """Put the numbers in the order in which this frequency's circle meets them, so that lines follow its rim."""
    n = len(order)
    turns = frequency * np.arange(n) % n  # place of each number on the circle, in n-ths of a turn
    return order[np.argsort(turns, kind="stable")]


def restricted_and_excluded_loss(
    table: Equations, logits: np.ndarray, num_frequencies: int = 5
) -> tuple[float, float] | None:
    """Measure by two losses whether the network computes with waves (N. Nanda et al. 2023, arXiv 2301.05217).

    Of the logits only what depends on the answer's place on the circle is looked at: their mean over all equations with
    the same answer, which is the part of their Fourier transform that waves of `x + y` can have. The *restricted* loss
    keeps the few frequencies with most power, over all equations; the *excluded* loss takes them away, over the
    training equations. A network that has memorised has a high restricted loss. One that computes with these waves
    alone loses its answers without them, and its excluded loss rises; one that has more waves than these keeps them,
    and its excluded loss falls too, as in the lecture's preset (docs/grokking.md).

    Args:
        table: The equations.
        logits: `(equations, num_tokens)`, in the order of the table.
        num_frequencies: How many are kept, or taken away.

    Returns:
        Both mean crossentropies, without the equations whose numbers lie on no circle (0, for products and quotients);
        `None` for operations that are no sum, difference, product or quotient.
    """
    order = circle_order(table)
    if table.rule not in ("x+y", "x-y", "x*y", "x/y") or order is None:
        return None
    n = len(order)
    place = np.full(table.num_symbols, -1)
    place[order] = np.arange(n)
    rows = np.flatnonzero((place[table.x] >= 0) & (place[table.y] >= 0))  # n * n of them
    answers = place[table.answer[rows]]
    by_answer = rows[np.argsort(answers, kind="stable")].reshape(n, n)  # the n equations of each answer
    means = logits[by_answer].mean(axis=1, dtype=np.float64)[:, order]  # (answer's place, n)
    waves = np.fft.rfft(means, axis=0)  # (n // 2 + 1, n)
    power = np.sum(np.abs(waves[1:]) ** 2, axis=1)
    kept = np.zeros_like(waves)
    strongest = 1 + np.argsort(power)[-num_frequencies:]
    kept[strongest] = waves[strongest]
    key_waves = np.fft.irfft(kept, n, axis=0)  # (answer's place, n)
    restricted = crossentropies(key_waves + means.mean(axis=0), np.arange(n))  # each answer has as many equations
    train = np.isin(rows, table.train)
    excluded = crossentropies(logits[rows[train]][:, order] - key_waves[answers[train]], answers[train])
    return float(restricted.mean()), float(excluded.mean())


def _generator(p: int) -> int:
    """Find the smallest number whose powers are all of 1 .. p - 1."""
    factors = [f for f in range(2, p) if (p - 1) % f == 0 and all(f % d for d in range(2, int(f**0.5) + 1))]
    return next(g for g in range(2, p) if all(pow(g, (p - 1) // f, p) != 1 for f in factors))
