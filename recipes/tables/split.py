"""Which rows train, which stop the training, and which are opened once, for the scores."""

from dataclasses import dataclass

import numpy as np

from cheatsheet.common.words import count

FEWEST_TO_TRAIN = 8  # rows that are not tested on
NUM_PARTS = 8  # of the rows that are not tested on, one of which stops a network
BLOCK = 20  # rows next to each other by target, of which each part gets its share


@dataclass(frozen=True)
class Split:
    """The rows of a table by what they are for.

    Attributes:
        test: For the scores alone, numbers of the rows, ascending.
        rest: All others, ascending.
        held: For each network the places within `rest` of the rows that stop its training.
        how: In words.
    """

    test: np.ndarray
    rest: np.ndarray
    held: tuple[np.ndarray, ...]
    how: str


def split_rows(
    y: np.ndarray,
    *,
    is_classes: bool,
    test_split: float,
    num_networks: int,
    seed: int,
    groups: np.ndarray | None = None,
    times: np.ndarray | None = None,
) -> Split:
    """Split rows into test and rest, and the rest, for each network anew, into those that train and those that stop it.

    Without groups or times all parts have the same share of each class, or of small and large numbers.

    Args:
        y: Encoded targets `(n,)`.
        is_classes: Whether these are places of classes.
        test_split: Share of the rows.
        num_networks: For each of which a part of the rest is held out.
        seed: Of the split.
        groups: Of each row: rows of a group stay together.
        times: Of each row: the latest are tested on, and the latest of the rest stop all networks.

    Raises:
        ValueError: for fewer groups than parts.
    """
    rng = np.random.default_rng([seed, 71])
    number = len(y)
    num_parts = max(2, min(NUM_PARTS, number // 5))
    if times is not None:
        order = np.argsort(times, kind="stable")
        num_test = _latest(times[order], max(1, round(number * test_split)))
        rest = np.sort(order[:-num_test])
        _require_enough(len(rest), number, test_split)
        by_time = np.argsort(times[rest], kind="stable")
        latest = by_time[-_latest(times[rest][by_time], max(1, len(rest) // NUM_PARTS)) :]
        how = f"the latest {count(num_test, 'row')} test; of the others the latest {len(latest):,} stop the training"
        return Split(np.sort(order[-num_test:]), rest, (np.sort(latest),) * num_networks, how)
    if groups is not None:
        return _by_group(groups, test_split, num_parts, num_networks, rng)
    block = np.zeros(BLOCK, int)
    block[: max(1, round(BLOCK * test_split))] = 1
    is_test = _dealt(y, block, rng) == 1
    if not is_test.any():
        is_test[rng.integers(number)] = True
    _require_enough(int((~is_test).sum()), number, test_split)
    if is_classes:  # a class that is only in the test could not be learnt
        is_test[~np.isin(y, y[~is_test])] = False
    rest = np.flatnonzero(~is_test)
    part = _dealt(y[rest], np.arange(num_parts), rng)
    held = []
    for i in range(num_networks):
        mine = part == i % num_parts
        if is_classes:
            mine &= np.isin(y[rest], y[rest][~mine])
        held.append(np.flatnonzero(mine))
    what = "of the classes" if is_classes else "of small and large values"
    alike = f"with about the same shares {what}"
    how = (
        f"{count(int(is_test.sum()), 'row')} test, {alike}; of the others each network leaves one in {num_parts} out, "
        "to stop by"
    )
    return Split(np.flatnonzero(is_test), rest, tuple(held), how)


def _require_enough(rest: int, number: int, test_split: float) -> None:
    if rest < FEWEST_TO_TRAIN:
        raise ValueError(
            f"test_split={test_split:g} leaves {count(rest, 'row')} of {number:,} to train on. "
            f"Expected at least {FEWEST_TO_TRAIN}."
        )


def _latest(times: np.ndarray, wanted: int) -> int:
    """Count the latest of rows in the order of time, about so many, that have no time in common with those before.

    The numbers of rows that do so are tried from `wanted` on; where all rows have one time it stays as it is.
    """
    cuts = len(times) - 1 - np.flatnonzero(np.diff(times))  # rows behind each change of the time
    return int(cuts[np.argmin(np.abs(cuts - wanted))]) if len(cuts) else wanted


def _dealt(y: np.ndarray, block: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Deal rows that are next to each other by target out to parts, as the numbers in a block say."""
    order = np.lexsort((rng.random(len(y)), y))
    num_blocks = -(-len(y) // len(block))
    dealt = rng.permuted(np.tile(block, (num_blocks, 1)), axis=1).ravel()[: len(y)]
    part = np.empty(len(y), int)
    part[order] = dealt
    return part


def _by_group(
    groups: np.ndarray, test_split: float, num_parts: int, num_networks: int, rng: np.random.Generator
) -> Split:
    names, codes, sizes = np.unique(groups, return_inverse=True, return_counts=True)
    if len(names) < 3:
        raise ValueError(
            f"group= keeps the rows of a group together, and there are {count(len(names), 'group')}. Expected at least "
            "3: one to train, one to stop by, one to test."
        )
    order = rng.permutation(len(names))
    reached = np.cumsum(sizes[order]) - sizes[order] / 2
    of_test = reached < test_split * len(groups)
    of_test[0], of_test[-2:] = True, False
    is_test = np.isin(codes, order[of_test])
    rest = np.flatnonzero(~is_test)
    others = order[~of_test]
    num_parts = min(num_parts, len(others))
    part_of = np.zeros(len(names), int)
    filled = np.zeros(num_parts)
    for name in others[np.argsort(-sizes[others], kind="stable")]:
        part_of[name] = int(filled.argmin())
        filled[part_of[name]] += sizes[name]
    part = part_of[codes[rest]]
    held = tuple(np.flatnonzero(part == i % num_parts) for i in range(num_networks))
    how = (
        f"{count(int(is_test.sum()), 'row')} of {count(int(of_test.sum()), 'group')} test; of the others each network "
        f"leaves whole groups out, to stop by"
    )
    return Split(np.flatnonzero(is_test), rest, held, how)
