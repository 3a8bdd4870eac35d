"""Figures, and the only home of matplotlib. Each takes an Axes and returns it; nothing is shown or saved here.

Without an Axes there is a new figure, `ax.figure`, that pyplot does not know: hundreds of them do not pile up, a
notebook shows one, once, where it is the last value of a cell, and `plt.show()` shows none. For a window, bring the
Axes: `plot_history(run, plt.subplots()[1]); plt.show()`. `style.py` holds what all figures have in common.
"""

from recipes.plots.autoencoder import (
    plot_anomaly,
    plot_autoencoder,
    plot_class_errors,
    plot_latent,
    plot_reconstructions,
    plot_walk,
)
from recipes.plots.evaluation import (
    plot_calibration,
    plot_confusion,
    plot_evaluation,
    plot_predictions,
    plot_recall,
)
from recipes.plots.folds import plot_fold_scores, plot_folds
from recipes.plots.grokking import plot_embedding, plot_grokking, plot_timeline
from recipes.plots.history import plot_history, plot_runs, plot_spread
from recipes.plots.lecture.descent import plot_descent, plot_descent_lines, plot_descent_losses, plot_surface
from recipes.plots.lecture.echoes import plot_detections, plot_precision_recall, plot_scene
from recipes.plots.lecture.fits import plot_clustering, plot_clusters, plot_lines, plot_variances
from recipes.plots.lecture.images.convolution import plot_cells, plot_convolution
from recipes.plots.lecture.images.dream import plot_dream, plot_dream_activations
from recipes.plots.lecture.images.inside import plot_feature_maps, plot_kernels, plot_occlusion, plot_patches
from recipes.plots.lecture.images.misread import plot_misread
from recipes.plots.lecture.landscape import plot_landscape
from recipes.plots.lecture.networks.backpropagation import plot_backpropagation, plot_backward, plot_forward
from recipes.plots.lecture.networks.choices import plot_choices, plot_hyperparameters, plot_parameters
from recipes.plots.lecture.networks.drawing import plot_network
from recipes.plots.lecture.separation import plot_errors, plot_mistakes, plot_path, plot_perceptron, plot_truth_table
from recipes.plots.lecture.sizes import plot_batch_sizes, plot_occam
from recipes.plots.lecture.streaks import plot_accuracies, plot_light_curve, plot_readout
from recipes.plots.page import save_page
from recipes.plots.search import plot_curves, plot_hyperparameter, plot_search, plot_trials

__all__ = [
    "plot_accuracies",
    "plot_anomaly",
    "plot_autoencoder",
    "plot_backpropagation",
    "plot_backward",
    "plot_batch_sizes",
    "plot_calibration",
    "plot_cells",
    "plot_choices",
    "plot_class_errors",
    "plot_clustering",
    "plot_clusters",
    "plot_confusion",
    "plot_convolution",
    "plot_curves",
    "plot_descent",
    "plot_descent_lines",
    "plot_descent_losses",
    "plot_detections",
    "plot_dream",
    "plot_dream_activations",
    "plot_embedding",
    "plot_errors",
    "plot_evaluation",
    "plot_feature_maps",
    "plot_fold_scores",
    "plot_folds",
    "plot_forward",
    "plot_grokking",
    "plot_history",
    "plot_hyperparameter",
    "plot_hyperparameters",
    "plot_kernels",
    "plot_landscape",
    "plot_latent",
    "plot_light_curve",
    "plot_lines",
    "plot_misread",
    "plot_mistakes",
    "plot_network",
    "plot_occam",
    "plot_occlusion",
    "plot_parameters",
    "plot_patches",
    "plot_path",
    "plot_perceptron",
    "plot_precision_recall",
    "plot_predictions",
    "plot_readout",
    "plot_recall",
    "plot_reconstructions",
    "plot_runs",
    "plot_scene",
    "plot_search",
    "plot_spread",
    "plot_surface",
    "plot_timeline",
    "plot_trials",
    "plot_truth_table",
    "plot_variances",
    "plot_walk",
    "save_page",
]
