"""What several networks are worth on the same rows: together, each by itself, and how far they lie apart."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from cheatsheet.common.words import count, digits
from recipes.training.scoring.evaluation import Evaluation

COLUMNS = ("metric", "ensemble", "mean", "std", "median", "min", "max")


class Evaluations(Evaluation):
    """The ensemble's numbers by name, as an `Evaluation` has them, and beside them those of each network.

    `table()` has mean, median and spread over the networks; `print` shows it.

    Attributes:
        networks: The `Evaluation` of each network, in order; none for a stream, which is read but once.
    """

    def __init__(
        self, ensemble: Evaluation, networks: Sequence[Evaluation], names: Sequence[Mapping[str, str]] = ()
    ) -> None:
        super().__init__(dict(ensemble), ensemble.reports, ensemble.num_rows, ensemble.unweighted)
        self.networks = tuple(networks)
        self._names = names or [{}] * len(self.networks)  # of each network, where they are not the ensemble's

    @property
    def each(self) -> dict[str, np.ndarray]:
        """Each number that all networks have, by name `(networks,)`."""
        found = {}
        for name in (name for name in self if np.ndim(self[name]) == 0):
            values = [one.get(called.get(name, name)) for one, called in zip(self.networks, self._names, strict=False)]
            if None not in values:
                found[name] = np.array(values, np.float64)
        return found

    def table(self) -> list[dict[str, Any]]:
        """List one row a number: the ensemble's, then mean, standard deviation, median and range over the networks.

        The standard deviation is that of a sample, NaN for a single network. Networks whose number is not finite are
        left out of all but the ensemble. `pandas.DataFrame(found.table())` makes a table of it.
        """
        rows = []
        for name, values in self.each.items():
            finite = values[np.isfinite(values)]
            found = [np.nan] * 5
            if len(finite):
                spread = finite.std(ddof=1) if len(finite) > 1 else np.nan
                found = [finite.mean(), spread, np.median(finite), finite.min(), finite.max()]
            rows.append(dict(zip(COLUMNS, (name, *map(float, (self[name], *found))), strict=True)))
        return rows

    def __repr__(self) -> str:
        return f"<Evaluations of {count(len(self.networks), 'network')}: {self._line()}>"

    def __str__(self) -> str:
        return "\n".join(["ensemble " + super().__str__(), *self._lines()])

    def _repr_html_(self) -> str:
        from html import escape

        return f"{super()._repr_html_()}<pre>{escape(chr(10).join(self._lines()))}</pre>"

    def _lines(self) -> list[str]:
        if not self.networks:
            return []
        rows = [[row["metric"], *(digits(row[column]) for column in COLUMNS[1:])] for row in self.table()]
        head = [f"over {count(len(self.networks), 'network')}", *COLUMNS[1:]]
        widths = [max(len(row[i]) for row in (head, *rows)) for i in range(len(head))]
        return ["  ".join(cell.ljust(width) if i == 0 else cell.rjust(width)
                          for i, (cell, width) in enumerate(zip(row, widths, strict=True)))
                for row in (head, *rows)]  # fmt: skip
