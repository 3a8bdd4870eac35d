"""Mistakes in the metrics: cuts at 0.5, and integrals over 0 .. 1, of outputs that are no probabilities."""

from collections.abc import Mapping
from typing import Any, NamedTuple

from cheatsheet.dataspec import DataSpec
from cheatsheet.finding import Finding
from cheatsheet.modelspec import PROBABILITIES, ModelSpec, OutputSpec
from cheatsheet.rules.outputs import at_output, judged_outputs
from cheatsheet.table import OF_MARGINS, OF_ONE_CLASS, OF_YES_OR_NO, unfit_metrics

# Keras' metrics by how they read an output, each with the name of its class and of the setting that says so. Measured
# against NumPy on known logits, Keras 3.15.1: those of `_CUT` count an output above 0.5 as a yes ...
_CUT = {
    "accuracy": ("BinaryAccuracy", "threshold"), "acc": ("BinaryAccuracy", "threshold"),
    "binary_accuracy": ("BinaryAccuracy", "threshold"), "binary_io_u": ("BinaryIoU", "threshold"),
    "precision": ("Precision", "thresholds"), "recall": ("Recall", "thresholds"),
    "true_positives": ("TruePositives", "thresholds"), "true_negatives": ("TrueNegatives", "thresholds"),
    "false_positives": ("FalsePositives", "thresholds"), "false_negatives": ("FalseNegatives", "thresholds"),
}  # fmt: skip
# ... these do so where they are told 0.5, take no threshold of 0, and else the largest of a row, which of one is always
# itself; ...
_OF_F = {"f1_score": "F1Score", "fbeta_score": "FBetaScore"}
# ... these try thresholds from 0 to 1 alone; ...
_AT = {"precision_at_recall", "recall_at_precision", "sensitivity_at_specificity", "specificity_at_sensitivity"}
# ... and these take probabilities where from_logits does not say otherwise.
_CROSSENTROPIES = {
    "binary_crossentropy": "BinaryCrossentropy",
    "categorical_crossentropy": "CategoricalCrossentropy",
    "sparse_categorical_crossentropy": "SparseCategoricalCrossentropy",
}
_MARGINS = {"hinge", "squared_hinge"}
EXACT = "Accuracy"  # the class; "accuracy" has Keras choose one by the loss


class Misread(NamedTuple):
    """How a metric misreads an output, and what mends it.

    Attributes:
        why: The rest of a sentence that begins with the metric.
        fix: What to do, as an instruction.
        kind: Name of the class of Keras' metric that reads the output rightly; empty where there is none.
        settings: With which settings.
    """

    why: str
    fix: str
    kind: str = ""
    settings: Mapping[str, Any] = {}


def metric_threshold(model: ModelSpec, data: DataSpec) -> list[Finding]:
    """Find metrics that cut logits or margins at 0.5, as if they were probabilities, or probabilities at 0.

    And `keras.metrics.Accuracy`, which counts outputs that equal the label to the last digit.
    """
    found = []
    for output, _ in judged_outputs(model, data):
        for name, options in zip(output.metrics, output.metric_options, strict=False):
            told = misread(output, name, options)
            if told is not None:
                message = f"The metric {name!r} {told.why}."
                found.append(at_output("metric_threshold", "warning", message, told.fix, model, output, data))
    return found


def misread(output: OutputSpec, name: str, options: Mapping[str, Any]) -> Misread | None:
    """Say how a metric misreads what an output gives; `None` where it reads it rightly, or where that is not known.

    Args:
        output: What is watched.
        name: The metric's, as `OutputSpec.metrics` has it.
        options: Its settings, as `OutputSpec.metric_options` has them; none for a metric given by its name alone.
    """
    if output.activation is None or output.width is None or output.is_own_loss:
        return None
    if name in unfit_metrics(output.loss) or (name in ("accuracy", "acc") and output.width > 1):
        return None  # `unfit_metric`; of several outputs Keras takes the largest
    if name == EXACT:
        return _exact(output)
    if output.gives_logits:
        return _of_logits(output, name, options)
    if output.loss in _MARGINS and name in _CUT and _CUT[name][0] == "BinaryAccuracy" and _is_at(name, options, 0.5):
        why = f"cuts the outputs at 0.5, but {output.loss} parts them at 0, and labels of -1 are never right"
        return Misread(why, "use recipes.losses.sign_accuracy")
    if output.activation in PROBABILITIES and name in _CUT and _is_at(name, options, 0.0):
        kind, setting = _CUT[name]
        why = "cuts the outputs at 0, but they are probabilities, and every row counts as a yes"
        return Misread(why, f"use keras.metrics.{kind}({setting}=0.5)", kind, {setting: 0.5})
    if name in _OF_F and output.width == 1 and output.loss in OF_YES_OR_NO and options.get("threshold") is None:
        why = "has no threshold and takes the largest of each row, which of one output is always itself: every row "
        why += "counts as a yes"
        return Misread(why, f"use keras.metrics.{_OF_F[name]}(threshold=0.5)", _OF_F[name], {"threshold": 0.5})
    return None


def _exact(output: OutputSpec) -> Misread | None:
    why = "counts outputs that equal the label to the last digit, which next to none does"
    if output.loss in OF_MARGINS:
        return Misread(why, "use recipes.losses.sign_accuracy")
    if output.loss in OF_YES_OR_NO:
        cut = 0.0 if output.gives_logits else 0.5
        return Misread(why, f"use keras.metrics.BinaryAccuracy(threshold={cut})", "BinaryAccuracy", {"threshold": cut})
    if output.loss in OF_ONE_CLASS:
        kind = "SparseCategoricalAccuracy" if output.loss.startswith("sparse") else "CategoricalAccuracy"
        return Misread(why, f"use metrics=['accuracy'], or keras.metrics.{kind}()", kind)
    return None


def _of_logits(output: OutputSpec, name: str, options: Mapping[str, Any]) -> Misread | None:
    of_yes = output.loss in OF_YES_OR_NO
    if not of_yes and output.loss not in OF_ONE_CLASS:
        return None
    activation = "sigmoid" if of_yes else "softmax"
    instead = f"activation='{activation}' without from_logits=True"
    if name in _CROSSENTROPIES or name == "auc":
        if options.get("from_logits"):
            return None
        why = "takes the outputs for probabilities, but they are logits"
        if name == "auc" and not of_yes:  # whose from_logits means a sigmoid
            return Misread(why, f"use {instead}")
        kind = _CROSSENTROPIES.get(name, "AUC")
        fix = f"use keras.metrics.{kind}(from_logits=True), or {instead}"
        return Misread(why, fix, kind, {"from_logits": True})
    if name in _AT:
        return Misread("tries thresholds from 0 to 1, but the outputs are logits of any size", f"use {instead}")
    is_blind = name in _OF_F and output.width == 1 and options.get("threshold") is None
    if is_blind or (name in _OF_F and options.get("threshold") == 0.5):
        how = "takes every row for a yes without a threshold" if is_blind else "cuts the outputs at 0.5"
        return Misread(f"{how}, but they are logits, and it takes no threshold of 0", f"use {instead}")
    if name not in _CUT or not _is_at(name, options, 0.5):
        return None
    kind, setting = _CUT[name]
    if not of_yes:
        return Misread("cuts the outputs at 0.5, but they are logits of a softmax", f"use {instead}")
    why = "cuts the outputs at 0.5, but they are logits, and above 0 where the probability is above 0.5"
    given = "target_class_ids=[0, 1], " if kind == "BinaryIoU" else ""
    fix = f"use keras.metrics.{kind}({given}{setting}=0.0), or {instead}"
    return Misread(why, fix, kind, {setting: 0.0})


def _is_at(name: str, options: Mapping[str, Any], place: float) -> bool:
    """Say whether a metric cuts here alone; without a threshold Keras cuts at 0.5, and under top_k nowhere."""
    if options.get("top_k") is not None:
        return False
    given = options.get(_CUT[name][1])
    given = [*given] if isinstance(given, list | tuple) else [0.5 if given is None else given]
    return len(given) == 1 and isinstance(given[0], int | float) and float(given[0]) == place
