"""Which clusters are best? Those whose points lie close together, and whose centres lie far apart."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from cheatsheet.common.arguments import known_arguments_only, require_whole
from cheatsheet.common.words import count
from recipes.features import as_features
from recipes.running.show import as_html

STARTS = 10  # of k-means, each from other centres; the best is kept


@dataclass(frozen=True)
class Clusters:
    """What k-means makes of the same points with 1, 2, 3, ... clusters.

    Variances are mean squared distances. Those within the clusters and between them add up to `total`, so that the
    least of the one is the most of the other.

    Attributes:
        x: `(n, d)`.
        num_clusters: In `labels` and `centres`.
        labels: `(n,)`, the cluster of each row, 0 having the smallest first coordinate of its centre.
        centres: `(num_clusters, d)`.
        intra: `(most,)`, of each row from its own centre, with 1, 2, ... clusters.
        inter: `(most,)`, of each row's centre from the mean of all rows.
    """

    x: np.ndarray = field(repr=False)
    num_clusters: int
    labels: np.ndarray = field(repr=False)
    centres: np.ndarray = field(repr=False)
    intra: np.ndarray
    inter: np.ndarray

    @property
    def total(self) -> float:
        """Mean squared distance of all rows from their mean; `intra + inter` for any number of clusters."""
        return float(((self.x - self.x.mean(axis=0)) ** 2).sum(axis=1).mean())

    def plot(self) -> Any:
        """Draw the clusters and the variances; return the matplotlib Figure.

        `recipes.plots.plot_clusters` (of two columns) and `plot_variances` draw on an Axes that is there.
        """
        from recipes.plots import plot_clustering

        return plot_clustering(self)

    def __str__(self) -> str:
        lines = [f"{count(len(self.x), 'row')}, variance {self.total:.4g}", "clusters  within  between"]
        for number, (intra, inter) in enumerate(zip(self.intra, self.inter, strict=True), 1):
            lines.append(f"{number:8}  {intra:6.4g}  {inter:7.4g}{'  <- shown' * (number == self.num_clusters)}")
        return "\n".join(lines)

    def _repr_html_(self) -> str:
        i = self.num_clusters - 1
        facts = {"within": f"{self.intra[i]:.4g}", "between": f"{self.inter[i]:.4g}", "total": f"{self.total:.4g}"}
        return as_html(count(self.num_clusters, "cluster"), facts)


@known_arguments_only
def cluster(x: Any, *, num_clusters: int = 3, most: int = 6, seed: int = 0) -> Clusters:
    """Cluster rows by k-means, which minimises the variance within the clusters, for 1 to `most` clusters.

    Args:
        x: Numbers `(n, d)`, in units that may be compared: a column of large numbers decides alone.
        num_clusters: Whose labels and centres are kept.
        most: How many clusters the curves go to.
        seed: Of the starts.

    Raises:
        DataError: for what holds no finite numbers.
        ValueError: for fewer different rows than clusters, and numbers that cannot be.

    References:
        Lloyd (1982), Least squares quantization in PCM; Arthur and Vassilvitskii (2007), k-means++.
    """
    from sklearn.cluster import KMeans  # a second, so only where it is wanted

    require_whole("num_clusters", num_clusters, 1)
    require_whole("most", most, 1)
    points = as_features(x).astype(np.float64)
    if points.ndim != 2:
        raise ValueError(f"x has shape {points.shape}. Expected one row of numbers for each point, (n, d). Flatten it.")
    different = len(np.unique(points, axis=0))
    most = max(most, num_clusters)
    if different < most:
        raise ValueError(
            f"x has {count(different, 'different row')}, too few for {count(most, 'cluster')}. "
            f"Expected at least {most}. Say num_clusters and most of at most {different}."
        )
    intra = np.empty(most)
    inter = np.empty(most)
    for number in range(1, most + 1):
        means = KMeans(number, n_init=STARTS, random_state=seed).fit(points)
        sizes = np.bincount(means.labels_, minlength=number)
        centres = np.stack([points[means.labels_ == i].mean(axis=0) for i in range(number)])
        intra[number - 1] = ((points - centres[means.labels_]) ** 2).sum(axis=1).mean()
        inter[number - 1] = sizes @ ((centres - points.mean(axis=0)) ** 2).sum(axis=1) / len(points)
        if number == num_clusters:
            order = np.lexsort(centres.T[::-1])
            kept = np.argsort(order)[means.labels_], centres[order]
    return Clusters(points, num_clusters, *kept, intra, inter)
