"""Figures, and the only home of matplotlib. Each takes an Axes and returns it; nothing is shown or saved here."""

from recipes.plots.autoencoder import plot_anomaly, plot_class_errors, plot_latent, plot_reconstructions, plot_walk
from recipes.plots.grokking import plot_embedding, plot_grokking, plot_timeline
from recipes.plots.history import plot_history, plot_runs
from recipes.plots.search import plot_curves, plot_hyperparameter, plot_search, plot_trials

__all__ = [
    "plot_anomaly",
    "plot_class_errors",
    "plot_curves",
    "plot_embedding",
    "plot_grokking",
    "plot_history",
    "plot_hyperparameter",
    "plot_latent",
    "plot_reconstructions",
    "plot_runs",
    "plot_search",
    "plot_timeline",
    "plot_trials",
    "plot_walk",
]
