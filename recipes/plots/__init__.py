"""Figures, and the only home of matplotlib. Each takes an Axes and returns it; nothing is shown or saved here."""

from recipes.plots.autoencoder import plot_anomaly, plot_class_errors, plot_latent, plot_reconstructions, plot_walk
from recipes.plots.grokking import plot_embedding, plot_grokking, plot_timeline
from recipes.plots.history import plot_history, plot_runs

__all__ = [
    "plot_anomaly",
    "plot_class_errors",
    "plot_embedding",
    "plot_grokking",
    "plot_history",
    "plot_latent",
    "plot_reconstructions",
    "plot_runs",
    "plot_timeline",
    "plot_walk",
]
