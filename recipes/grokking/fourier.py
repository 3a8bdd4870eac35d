"""The circles in an embedding: its Fourier transform over the group that the numbers form. NumPy alone."""

import numpy as np

from recipes.grokking.equations import Equations

MULTIPLICATIVE = ("x/y", "x*y", "x/y if y odd else x-y")


def circle_order(table: Equations) -> np.ndarray | None:
    """In which order do the numbers lie on the group's circle?

    0, 1, ..., p - 1 for sums and differences; for products and quotients the powers of a generator, so that the place
    of a number is its discrete logarithm (A. Power et al. 2022, section 3.2), and 0 lies on no circle. `None` for S5,
    whose group is no circle.
    """
    p = table.num_symbols
    if table.operation.startswith("S5"):
        return None
    if table.operation not in MULTIPLICATIVE:
        return np.arange(p)
    powers = np.array([pow(_generator(p), k, p) for k in range(p - 1)])
    return powers


def fourier_power(embedding: np.ndarray, order: np.ndarray) -> np.ndarray:
    """How much of the embedding varies at each frequency?

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
    """How unequal are these shares? 0 if all are equal, towards 1 if one has everything (C. Gini 1912)."""
    ordered = np.sort(shares)
    places = np.arange(1, len(ordered) + 1)
    return float(2 * np.sum(places * ordered) / (len(ordered) * ordered.sum()) - (len(ordered) + 1) / len(ordered))


def circle_plane(embedding: np.ndarray, order: np.ndarray, frequency: int | None = None) -> tuple[np.ndarray, int]:
    """The plane on which the numbers lie on a circle.

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
    """The numbers in the order in which the circle of this frequency meets them, so that lines follow its rim."""
    n = len(order)
    turns = frequency * np.arange(n) % n  # place of each number on the circle, in n-ths of a turn
    return order[np.argsort(turns, kind="stable")]


def restricted_and_excluded_loss(
    table: Equations, logits: np.ndarray, num_frequencies: int = 5
) -> tuple[float, float] | None:
    """Does the network compute with waves (N. Nanda et al. 2023, arXiv 2301.05217)?

    The logits over the whole table are transformed over x and y; the *restricted* loss keeps the few frequencies with
    most power, over all equations, and the *excluded* loss takes them away, over the training equations. A network that
    has memorised has a high restricted loss; one that computes with waves loses its answers without them.

    Args:
        table: The equations, of `x + y` or `x - y` modulo p.
        logits: `(p * p, num_tokens)`, in the order of the table.
        num_frequencies: How many are kept, or taken away.

    Returns:
        Both mean crossentropies; `None` for other operations.
    """
    if table.operation not in ("x+y", "x-y"):
        return None
    p = table.num_symbols
    cube = logits[:, :p].reshape(p, p, p).astype(np.float64)
    waves = np.fft.fft2(cube, axes=(0, 1))
    k = np.arange(p)
    folded = np.minimum(k, p - k)  # frequency without its sign
    sign = 1 if table.operation == "x+y" else -1
    along = (k[:, None] - sign * k[None, :]) % p == 0  # waves of x + y (or x - y) alone
    power = np.array([np.sum(np.abs(waves[along & (folded[:, None] == f)]) ** 2) for f in range(1, p // 2 + 1)])
    keep = along & np.isin(folded[:, None], 1 + np.argsort(power)[-num_frequencies:])
    mean = np.zeros((p, p), bool)
    mean[0, 0] = True
    restricted = np.fft.ifft2(np.where((keep | mean)[..., None], waves, 0), axes=(0, 1)).real.reshape(p * p, p)
    excluded = np.fft.ifft2(np.where(keep[..., None], 0, waves), axes=(0, 1)).real.reshape(p * p, p)
    return _crossentropy(restricted, table.answer), _crossentropy(excluded[table.train], table.answer[table.train])


def _crossentropy(logits: np.ndarray, answers: np.ndarray) -> float:
    shifted = logits - logits.max(axis=1, keepdims=True)
    right = shifted[np.arange(len(answers)), answers]
    return float(np.mean(np.log(np.exp(shifted).sum(axis=1)) - right))


def _generator(p: int) -> int:
    """The smallest number whose powers are all of 1 .. p - 1."""
    factors = [f for f in range(2, p) if (p - 1) % f == 0 and all(f % d for d in range(2, int(f**0.5) + 1))]
    return next(g for g in range(2, p) if all(pow(g, (p - 1) // f, p) != 1 for f in factors))
