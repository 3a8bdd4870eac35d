"""Does a line part two classes? The one with the widest margin, or the proof that there is none."""

from dataclasses import dataclass, field
from itertools import product

import numpy as np

from recipes.features import moments

# A margin below, in columns of mean 0 and deviation 1, is a rounding error of float64 and of the solver.
LEAST_MARGIN = 1e-9
MOST_STEPS = 1_000  # each takes in the point that is furthest on the wrong side; a handful is usual


@dataclass(frozen=True)
class Separation:
    """What parts two classes, or why nothing straight does.

    Points are taken with a 1 appended, z = (x, 1), so that the bias is a weight like any other and every line passes
    through the origin; `radius` and `margin` are measured there, as in the perceptron's convergence theorem.

    Attributes:
        weights: Of the inputs `(m,)`, of length 1 together with `bias`; zeros where there is no such line.
        bias: The second class lies where weights · x + bias > 0.
        margin: γ, the least distance of a point z from the plane; 0 where no line parts the classes.
        radius: R, the length of the longest z.
        shares: `(n,)`, at least 0; 1/2 in each class where no line parts them. The points of each class, weighted
            with them, have the same mean: `common_point`. Where a line does, those that touch the margin.
        common_point: `(m,)`, in the convex hulls of both classes; `None` where a line parts them.
    """

    weights: np.ndarray = field(repr=False)
    bias: float
    margin: float
    radius: float
    shares: np.ndarray = field(repr=False)
    common_point: np.ndarray | None = None

    @property
    def is_separable(self) -> bool:
        """Whether some line (plane, in more dimensions) parts the classes."""
        return self.common_point is None

    @property
    def bound(self) -> float:
        """(R/γ)², the most mistakes that Rosenblatt's rule makes from weights 0; infinite without a line."""
        return (self.radius / self.margin) ** 2 if self.is_separable else float("inf")


def boolean_inputs(num_inputs: int) -> np.ndarray:
    """List all rows of a truth table, `(2**num_inputs, num_inputs)` of 0 and 1, counting upwards."""
    return np.array([*product((0, 1), repeat=num_inputs)], np.float32)


def separate(x: np.ndarray, is_second: np.ndarray) -> Separation:
    """Find the line of the widest margin between two classes, or a point that lies among both.

    Turned so that all should lie on one side, the points z of the first class are negated. The shortest vector in their
    convex hull is the normal of the widest margin, and its length is the margin. Length 0 means that
    Σ share·z is the same in both classes: then weights · x + bias, averaged with these shares, would have to be above
    and below 0 at the same point (Gordan's theorem).

    Args:
        x: Points `(n, m)`, finite.
        is_second: `(n,)`, true for the points of the second class. One class alone is parted from nothing.

    References:
        Novikoff (1962), On convergence proofs for perceptrons; Wolfe (1976), Finding the nearest point in a polytope.
    """
    x, sign = np.asarray(x, np.float64), np.where(np.asarray(is_second, bool), 1.0, -1.0)
    points = np.column_stack([x, np.ones(len(x))])  # (n, m + 1)
    radius = float(np.linalg.norm(points, axis=1).max())
    # Shifting and scaling parts and joins nothing, and columns far from 0 are told apart only when they are centred.
    middle, spread = moments(x, 1)
    centred = np.column_stack([(x - middle) / spread, np.ones(len(x))])
    shares, normal = _nearest(sign[:, None] * centred)
    if _margin(sign[:, None] * centred, normal) <= LEAST_MARGIN:
        second = shares * (sign > 0)
        return Separation(np.zeros(x.shape[1]), 0.0, 0.0, radius, shares, second @ x / second.sum())
    slopes = normal[:-1] / spread
    found = [(shares, np.append(slopes, normal[-1] - slopes @ middle)), _nearest(sign[:, None] * points)]
    margins = [_margin(sign[:, None] * points, normal) for _, normal in found]
    best = int(np.argmax(margins))  # the second one, but where the columns lie so far from 0 that rounding hides it
    shares, normal = found[best]
    normal = normal / np.linalg.norm(normal)
    return Separation(normal[:-1], float(normal[-1]), margins[best], radius, shares)


def _margin(turned: np.ndarray, normal: np.ndarray) -> float:
    """Compute how far the lowest point lies above the plane of this normal; 0 where there is no normal."""
    length = float(np.linalg.norm(normal))
    return float((turned @ normal).min()) / length if length > 0 else 0.0


def _nearest(turned: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Find the point of the convex hull of `(n, d)` points that is nearest to the origin: its shares, and itself."""
    size = np.linalg.norm(turned, axis=1).max()
    turned = turned / size
    chosen, shares = [0], np.ones(1)
    for _ in range(MOST_STEPS):
        nearest = shares @ turned[chosen]
        heights = turned @ nearest
        lowest = int(np.argmin(heights))
        if lowest in chosen or heights[lowest] >= nearest @ nearest:
            break
        chosen = [*np.array(chosen)[shares > 0].tolist(), lowest]
        shares = _shares_of_nearest(turned[chosen])
    spread = np.zeros(len(turned))
    spread[chosen] = shares
    return spread, size * (shares @ turned[chosen])


def _shares_of_nearest(points: np.ndarray) -> np.ndarray:
    """Find the weights, at least 0 and of sum 1, of the point nearest to the origin in the hull of `(k, d)` points.

    Minimising |Σ s p|² + (1 - Σ s)² over s >= 0 leaves, whatever Σ s, the shortest direction.
    """
    from scipy.optimize import nnls  # a third of a second, so only where it is wanted

    system = np.vstack([points.T, np.ones(len(points))])
    shares, _ = nnls(system, np.append(np.zeros(points.shape[1]), 1.0))
    return shares / shares.sum()
