"""Which networks that could share a program do: those that cost less together, filled up, than a program more.

This is the one place that decides it. The seconds are those of two cores of an AMD EPYC, on which `benchmarks/many.py`
was measured; what counts is their ratios, and of these the size.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from recipes.training.engines.engine import Job
from recipes.training.engines.many.stacked.common import is_soft
from recipes.training.engines.many.stacked.network import Network, wide_shape

# To trace and to compile, and for each step, network and weight: the update, and the gradient of a row.
XLA_SECONDS, UPDATE, ROW = 1.6, 2.5e-9, 5e-11
PLAIN_SECONDS, PLAIN_STEP, PLAIN_UPDATE = 0.5, 1e-3, 7.5e-9  # each of a plain graph's steps starts some 300 operations
MORE = 1e-9  # for each rule of an optimizer beyond the first, and to add up gradients where batch sizes differ


@dataclass(frozen=True)
class Size:
    """What a program for some networks costs.

    Attributes:
        members: Their places in a list.
        widths: What the first layer gets, each hidden width, the outputs; of the widest, and as deep as the deepest.
        rows: Of the longest epoch.
        epochs: Of the network with most.
        batch_sizes: All that occur.
        optimizers: All that occur.
    """

    members: tuple[int, ...]
    widths: tuple[int, ...]
    rows: int
    epochs: int
    batch_sizes: frozenset[int]
    optimizers: frozenset[Any]

    @property
    def num_weights(self) -> int:
        """Weights of the matrices of one network."""
        return sum(first * second for first, second in zip(self.widths, self.widths[1:], strict=False))

    @property
    def seconds(self) -> float:
        """Seconds of a first call, the way that is faster."""
        part = part_of(self.batch_sizes, self.rows)
        steps = self.epochs * -(-self.rows // part)
        rules = len(self.optimizers) - 1 + (len(self.batch_sizes) > 1)
        each = steps * len(self.members) * self.num_weights
        xla = XLA_SECONDS + each * (UPDATE + MORE * rules + ROW * part)
        return min(xla, PLAIN_SECONDS + steps * PLAIN_STEP + each * (PLAIN_UPDATE + 2 * MORE * rules + ROW * part))

    def __add__(self, other: "Size") -> "Size":
        """Give what a program for both costs: a network that lacks a layer hands its width on."""
        depth = max(len(self.widths), len(other.widths))
        along = zip(_as_deep(self.widths, depth), _as_deep(other.widths, depth), strict=True)
        return Size(
            self.members + other.members, tuple(wide_shape([(a,), (b,)])[0] for a, b in along),
            max(self.rows, other.rows), max(self.epochs, other.epochs), self.batch_sizes | other.batch_sizes,
            self.optimizers | other.optimizers,
        )  # fmt: skip


def step_seconds(num_weights: int, rows: int) -> float:
    """Give the seconds that a step of one network takes, once compiled by XLA."""
    return num_weights * (UPDATE + ROW * rows)


def apart(jobs: Sequence[Job], networks: Sequence[Network]) -> list[tuple[int, ...]]:
    """Split networks that could share a program into those that had better, by their places.

    Begins with those of one depth, batch size, optimizer and size, and joins the two that gain most, as long as any do.
    """
    if not is_soft(networks[0]):
        return [tuple(range(len(jobs)))]
    by_kind: dict[Any, Size] = {}
    for i, (job, network) in enumerate(zip(jobs, networks, strict=True)):
        size = _size_of(i, job, network)
        kind = (len(size.widths), math.frexp(max(size.widths[1:-1], default=1))[1], size.batch_sizes, size.optimizers)
        by_kind[kind] = by_kind[kind] + size if kind in by_kind else size
    found = [*by_kind.values()]
    gains = {(a, b): _gain(a, b) for i, a in enumerate(found) for b in found[i + 1 :]}
    while gains:
        (first, second), gain = max(gains.items(), key=lambda item: item[1])
        if gain <= 0:
            break
        both = first + second
        found = [one for one in found if one not in (first, second)]
        gains = {pair: value for pair, value in gains.items() if first not in pair and second not in pair}
        gains |= {(both, one): _gain(both, one) for one in found}
        found.append(both)
    return sorted(tuple(sorted(size.members)) for size in found)


def part_of(batch_sizes: Any, num_rows: int) -> int:
    """Find the rows of a part that all batch sizes are whole numbers of; those of all rows are as many as it takes."""
    inside = [size for size in batch_sizes if size < num_rows]
    if len({*batch_sizes}) == 1 or not inside:
        return min(batch_sizes)
    return math.gcd(*inside)


def _gain(first: Size, second: Size) -> float:
    return first.seconds + second.seconds - (first + second).seconds


def _size_of(i: int, job: Job, network: Network) -> Size:
    kernels = [part.shapes[0] for part in network.parts if part.kind == "Dense"]
    return Size(
        (i,), (kernels[0][0], *(kernel[1] for kernel in kernels)), job.data.num_rows, job.plan.epochs,
        frozenset([job.plan.batch_size]), frozenset(network.optimizers),
    )  # fmt: skip


def _as_deep(widths: tuple[int, ...], depth: int) -> tuple[int, ...]:
    return (*widths[:-1], *[widths[-2]] * (depth - len(widths)), widths[-1])
