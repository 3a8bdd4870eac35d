"""The state of K networks: of all of them at home, and of those that are computed, a part for each thread."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import tensorflow as tf

from recipes.training.engines.many.program import SHARED
from recipes.training.engines.many.threads import shares


@dataclass
class Part:
    """The networks that one thread computes.

    Attributes:
        places: Of them, among all.
        state: Of theirs, which every block changes.
        fixed: What every block is given alike.
    """

    places: np.ndarray
    state: dict[str, Any]
    fixed: dict[str, Any]


class Parts:
    """The networks that are computed, shared out to threads.

    Args:
        home: The state of all networks, arrays with their axis first; `put_home` changes it in place.
        here: Places of the networks that are computed.
        fixed: What every block is given alike, of all networks but for what is `SHARED`.
        threads: Among how many.
        equal: Whether each computes as many.
    """

    def __init__(self, home: dict[str, Any], here: np.ndarray, fixed: dict[str, Any], threads: int, *, equal: bool):
        self.home, self.here = home, here
        shared = {name: tf.nest.map_structure(tf.constant, fixed[name]) for name in SHARED if name in fixed}
        own = {name: value for name, value in fixed.items() if name not in shared}

        def of(tree: Any, places: np.ndarray) -> Any:
            return tf.nest.map_structure(lambda array: tf.constant(array[places]), tree)

        self._parts = [
            Part(places, of(home, places), {**shared, **of(own, places)})
            for places in shares(here, threads, equal=equal)
        ]

    def __iter__(self) -> Iterator[Part]:
        return iter(self._parts)

    def __len__(self) -> int:
        return len(self._parts)

    @property
    def size(self) -> int:
        """Networks of the first part."""
        return len(self._parts[0].places)

    def put_home(self) -> None:
        """Put the state of those that are computed back beside that of the others."""
        for part in self:
            for place, value in zip(tf.nest.flatten(self.home), tf.nest.flatten(part.state), strict=True):
                place[part.places] = np.asarray(value)

    def of_here(self, name: str) -> np.ndarray:
        """Read a number of the state of each network that is computed."""
        values = np.array(self.home[name])
        for part in self:
            values[part.places] = np.asarray(part.state[name])
        return values[self.here]
