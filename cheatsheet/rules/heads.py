"""Mistakes in the last layer: its activation and its width against the loss and the target that it shall reach."""

import math

from cheatsheet.common.words import count
from cheatsheet.dataspec import DataSpec, Part, pair
from cheatsheet.finding import Finding
from cheatsheet.modelspec import PROBABILITIES, ModelSpec, OutputSpec
from cheatsheet.rules.outputs import MARKS, at_output, judged_outputs, mend_for_classes, rows_of
from cheatsheet.table import OF_MARGINS, OF_NUMBERS, OF_ONE_CLASS, OF_YES_OR_NO, unfit_metrics
from cheatsheet.targets import MOST_CLASSES_WITH_GAPS

# What a last activation can give: the ends of its range, the lower one found where it has a minimum.
RANGES = {"sigmoid": (0, 1), "hard_sigmoid": (0, 1), "softmax": (0, 1), "tanh": (-1, 1), "softsign": (-1, 1),
          "hard_tanh": (-1, 1), "relu": (0, math.inf), "relu6": (0, 6), "softplus": (0, math.inf),
          "exponential": (0, math.inf), "elu": (-1, math.inf), "selu": (-1.7582, math.inf),
          "silu": (-0.2785, math.inf), "gelu": (-0.17, math.inf), "mish": (-0.3089, math.inf)}  # fmt: skip
_SIGMOIDS = {"sigmoid", "hard_sigmoid"}
# Activations whose values are all positive, as a rate must be; relu's 0 Keras keeps off the logarithm.
_RATES = {"softplus", "exponential", "relu", "relu6", *PROBABILITIES}
_OF_PROBABILITIES = OF_ONE_CLASS | OF_YES_OR_NO
_OTHERS = {"leaky_relu", "linear", "log_softmax", "log_sigmoid", "celu", "squareplus", "hard_silu", "glu",
           "tanh_shrink", "soft_shrink", "hard_shrink", "threshold", "sparse_plus", "sparse_sigmoid"}  # fmt: skip


def softmax_over_one(model: ModelSpec, data: DataSpec) -> list[Finding]:
    """Find a softmax over one node, which is always 1, while the loss falls: Keras looks behind it (keras #18909)."""
    found = []
    for output, part in judged_outputs(model, data):
        if output.activation != "softmax" or output.width != 1 or output.loss_options.get("axis", -1) != -1:
            continue
        message = "A softmax over one node is always 1, so every prediction is 1.0, whatever the loss shows."
        if output.loss in OF_NUMBERS:
            fix = "use Dense(1) without activation for a number"
        elif part is not None and part.is_number and part.is_one_per_row and len(part.labels[0]) > 2:
            fix = (
                f"use Dense({len(part.labels[0])}, activation='softmax') with "
                "loss='sparse_categorical_crossentropy': one node a class"
            )
        else:
            fix = "use Dense(1, activation='sigmoid') with loss='binary_crossentropy'"
        found.append(at_output("softmax_over_one", "error", message, fix, model, output, data))
    return found


def fewer_outputs_than_classes(model: ModelSpec, data: DataSpec) -> list[Finding]:
    """Find more classes in y than the last layer can tell apart."""
    found = []
    for output, part in judged_outputs(model, data):
        if part is None or not part.is_number or output.width is None or output.loss in OF_NUMBERS:
            continue
        if not _has_single_labels(output, part) or not part.is_whole:
            continue
        ignored = output.loss_options.get("ignore_class")
        classes = [label for label in part.labels[0].tolist() if label != ignored]
        outside = [label for label in classes if not 0 <= label < output.width]
        if len(classes) - 1 == output.width and len(outside) == 1 and outside[0] in MARKS:
            continue  # label_range
        two = output.loss in OF_YES_OR_NO | OF_MARGINS and output.loss != "categorical_hinge"
        told = 2 if two and output.width == 1 else output.width
        if len(classes) <= told or (two and output.width != 1):
            continue
        low, high = int(classes[0]), int(classes[-1])
        message = (
            f"y holds {len(classes)} classes ({low} .. {high}), but {count(output.width, 'output')} with "
            f"{output.loss} {'tells' if output.width == 1 else 'tell'} {told} apart."
        )
        width = max(len(classes), high + 1 if low >= 0 else 0)
        fix = (
            f"use Dense({width if width <= 2 * len(classes) else len(classes)}, activation='softmax') with "
            "loss='sparse_categorical_crossentropy'"
        )
        if len(classes) == 2:  # under one softmax node
            fix = "use Dense(1, activation='sigmoid') with loss='binary_crossentropy'"
        found.append(at_output("fewer_outputs_than_classes", "error", message, fix, model, output, data))
    return found


def _has_single_labels(output: OutputSpec, part: Part) -> bool:
    """Say whether y has one label where the output has a distribution, or one node."""
    if part.array.ndim == 1 or part.array.shape[1:] == (1,):
        return True
    shape = output.shape
    if shape is None:  # not built yet: a row of whole numbers that are no one-hot row is a label for each step
        return output.loss == "sparse_categorical_crossentropy" and part.rows_of is None
    return len(shape) > 2 and (
        part.array.ndim == len(shape) - 1 or (part.array.ndim == len(shape) and part.array.shape[-1] == 1)
    )  # fmt: skip


def softmax_with_binary_crossentropy(model: ModelSpec, data: DataSpec) -> list[Finding]:
    """Find K softmax nodes under binary crossentropy: Keras trains K sigmoids and predicts a softmax (keras #3396)."""
    found = []
    for output, part in judged_outputs(model, data):
        if output.loss not in OF_YES_OR_NO or output.activation != "softmax" or (output.width or 1) < 2:
            continue
        rows = None if part is None else rows_of(output, part)
        if rows == "several":
            continue  # softmax_for_several_labels
        message = (
            "binary_crossentropy judges every node as a yes or no of its own, so Keras trains "
            f"{output.width} sigmoids, and predict() gives the softmax of what they have learnt."
        )
        numbered = part is not None and part.is_number and part.is_one_per_row
        one_class = "sparse_categorical_crossentropy" if numbered else "categorical_crossentropy"
        fix = f"use loss='{one_class}' for one class a row, or activation='sigmoid' for several"
        fix = mend_for_classes(output, part) or fix
        severity = "error" if part is not None else "warning"
        found.append(at_output("softmax_with_binary_crossentropy", severity, message, fix, model, output, data))
    return found


def sigmoid_with_categorical_crossentropy(model: ModelSpec, data: DataSpec) -> list[Finding]:
    """Find K sigmoids under a categorical crossentropy: Keras trains a softmax, and predict() is no distribution."""
    found = []
    for output, part in judged_outputs(model, data):
        if output.loss not in OF_ONE_CLASS or output.activation not in _SIGMOIDS or output.from_logits:
            continue
        if output.width == 1 and part is not None:
            continue  # fewer_outputs_than_classes
        if output.width == 1:
            message = f"{output.loss} compares the nodes with each other, but there is one alone."
            fix = "use loss='binary_crossentropy' for yes or no, or one softmax node a class"
        elif part is not None and rows_of(output, part) == "several":
            message = f"Rows of y hold several ones or none, but {output.loss} expects one class a row."
            fix = "use loss='binary_crossentropy', which goes with the sigmoids"
        else:
            message = (
                f"{output.loss} trains the softmax of these nodes, but predict() gives their sigmoids, which do not "
                "sum to 1. The largest is the right class all the same."
            )
            fix = "use activation='softmax'"
        severity = "error" if part is not None or output.width == 1 else "warning"
        found.append(at_output("sigmoid_with_categorical_crossentropy", severity, message, fix, model, output, data))
    return found


def sigmoid_with_kl_divergence(model: ModelSpec, data: DataSpec) -> list[Finding]:
    """Find K sigmoids under KL divergence, as the slide has them: every output may run to 1 and the loss to 0."""
    found = []
    for output, part in judged_outputs(model, data):
        if output.loss != "kl_divergence" or output.activation not in _SIGMOIDS:
            continue
        message = (
            "kl_divergence compares distributions, but sigmoids do not sum to 1: every one may run to 1, and the loss "
            "to 0, without the right answer."
        )
        fix = mend_for_classes(output, part) or "use activation='softmax'"
        found.append(at_output("sigmoid_with_kl_divergence", "error", message, fix, model, output, data))
    return found


def softmax_for_several_labels(model: ModelSpec, data: DataSpec) -> list[Finding]:
    """Find rows with several labels, or none, before a softmax, whose nodes compete for one."""
    found = []
    for output, part in judged_outputs(model, data):
        competes = output.activation == "softmax" or (output.loss in OF_ONE_CLASS and bool(output.from_logits))
        if not competes or output.loss in OF_NUMBERS or part is None or rows_of(output, part) != "several":
            continue
        sums = part.array.sum(axis=-1)
        message = (
            f"Rows of y hold {int(sums.min())} to {int(sums.max())} ones, but the nodes of a softmax compete for one "
            "class a row."
        )
        fix = "use activation='sigmoid' with loss='binary_crossentropy': each label is its own yes or no"
        found.append(at_output("softmax_for_several_labels", "error", message, fix, model, output, data))
    return found


def logits_taken_for_probabilities(model: ModelSpec, data: DataSpec) -> list[Finding]:
    """Find a last layer without activation under a crossentropy that expects probabilities."""
    found = []
    for output, part in judged_outputs(model, data):
        if output.loss not in _OF_PROBABILITIES or output.activation != "linear" or output.from_logits:
            continue
        message = f"The last layer has no activation, but {output.loss} expects probabilities and cuts off the rest."
        own = _activation_for(output, part)
        fix = mend_for_classes(output, part) or f"use activation='{own}', or the loss with from_logits=True"
        found.append(at_output("logits_taken_for_probabilities", "error", message, fix, model, output, data))
    return found


def _activation_for(output: OutputSpec, part: Part | None) -> str:
    one_class = output.loss in OF_ONE_CLASS or (
        (output.width or 1) > 1 and part is not None and rows_of(output, part) == "one_hot"
    )
    return "softmax" if one_class else "sigmoid"


def probabilities_taken_for_logits(model: ModelSpec, data: DataSpec) -> list[Finding]:
    """Find a sigmoid or softmax under a loss that applies another one (keras #15271)."""
    found = []
    for output, _ in judged_outputs(model, data):
        if not output.from_logits or output.gives_logits:
            continue
        message = (
            f"The loss expects logits (from_logits=True), but the last layer gives a {output.activation}. Keras takes "
            "back the one where it can see it, with a warning; elsewhere it is applied twice."
        )
        fix = "leave out from_logits=True, or the last activation"
        found.append(at_output("probabilities_taken_for_logits", "warning", message, fix, model, output, data))
    return found


def activation_outside_loss(model: ModelSpec, data: DataSpec) -> list[Finding]:
    """Find a last activation whose values the loss is not defined for."""
    found = []
    for output, part in judged_outputs(model, data):
        name, loss = output.activation, output.loss or ""
        if name is None or (name not in RANGES and name not in _OTHERS):
            continue
        severity, message, fix = "error", "", ""
        own = _activation_for(output, part)
        if loss in _OF_PROBABILITIES and name not in {*PROBABILITIES, "linear"}:
            if not output.from_logits:
                message = f"{loss} expects probabilities, but {name} gives values {_span(name)}."
                fix = f"use activation='{own}'"
            elif name != "log_softmax":
                severity = "error" if RANGES.get(name, (-1, 1))[0] == 0 and own == "sigmoid" else "warning"
                message = f"{loss} expects logits of either sign and any size, but {name} gives {_span(name)}."
                fix = "leave the last activation out"
        elif loss == "kl_divergence" and name != "softmax" and name not in _SIGMOIDS:
            message = (
                f"kl_divergence compares distributions, but the nodes' {name} do not sum to 1, so that the loss can "
                "fall without the right answer."
            )
            fix = "use activation='softmax'"
        elif loss == "poisson" and name not in _RATES:
            message = f"poisson expects a rate above 0, but {name} gives values {_span(name)}: its logarithm is NaN."
            fix = "use activation='softplus' (or 'exponential')"
        elif loss in OF_MARGINS and name in _RATES and loss != "categorical_hinge":
            message = f"{loss} pushes past -1 and +1, but {name} gives values {_span(name)}: every sign is +."
            fix = "use activation='tanh', or none"
        if message:
            fix = mend_for_classes(output, part) or fix
            found.append(at_output("activation_outside_loss", severity, message, fix, model, output, data))
    return found


def _span(name: str) -> str:
    low, high = RANGES.get(name, (-math.inf, math.inf))
    if low == -math.inf:
        return "of either sign and any size"
    return f"from {low:g} up" if high == math.inf else f"from {low:g} to {high:g}"


def unfit_metric(model: ModelSpec, data: DataSpec) -> list[Finding]:
    """Find metrics that read one-hot rows beside a loss that takes numbered classes, and the other way round.

    Keras fails on the one kind within its graph, and makes nonsense of the other.
    """
    findings = []
    for output, part in pair(model.outputs, data.y):
        if model.has_own_step or (output.width or 0) < 2:
            continue
        if output.loss == "sparse_categorical_crossentropy":
            reads, takes = "one-hot rows", "the number of one class a row"
            fix = (
                "compile with loss='categorical_crossentropy', for which fit makes rows of labels, or leave the metric "
                "out: run.evaluate gives recall and precision by class, and AUC"
            )
        else:
            reads, takes = "the number of one class a row", "one-hot rows"
            fix = "leave 'sparse' out of its name: both kinds of accuracy are the same number"
        for name in sorted(unfit_metrics(output.loss).intersection(output.metrics)):
            message = f"The metric {name!r} reads {reads}, but {output.loss} takes {takes} (y: {part.array.shape})."
            findings.append(at_output("unfit_metric", "error", message, fix, model, output, data))
    return findings


def unreachable_target(model: ModelSpec, data: DataSpec) -> list[Finding]:
    """Find numbers that the last activation cannot give: a sigmoid trained on 0..255 runs into its end and stays."""
    found = []
    for output, part in judged_outputs(model, data):
        name = output.activation or ""
        if output.loss not in OF_NUMBERS or name not in RANGES or part is None or not part.is_number:
            continue
        (low, high), least, largest = RANGES[name], part.low, part.high
        margin = 1e-6 * max(1.0, abs(least), abs(largest))
        if (low - margin <= least and largest <= high + margin) or not part.is_finite:
            continue
        ends = "0 .. 1" if high == math.inf else f"{low:g} .. {high:g}"
        by_ends = f"bring y to {ends} by its least and largest value"
        scale = f"scale y (divide by {largest:g})" if least >= 0 else by_ends
        message = f"The last layer's {name} gives values {_span(name)}, but y runs from {least:g} to {largest:g}."
        fix = mend_for_classes(output, part) or f"{scale}, or build the model with activation='linear'"
        found.append(at_output("unreachable_target", "error", message, fix, model, output, data))
    return found


def loss_for_numbers(model: ModelSpec, data: DataSpec) -> list[Finding]:
    """Say of classes under a loss of differences that crossentropy is theirs (SO 38648195, 34673164)."""
    found = []
    for output, part in judged_outputs(model, data):
        if output.loss not in OF_NUMBERS - {"pinball"} or part is None or not part.is_number or data.restores:
            continue
        severity, why = "warning", "a sure mistake costs it no more than 1"
        if part.is_one_per_row and (output.values_per_row or 1) == 1:
            if not part.is_whole:
                continue
            labels, by_accuracy = part.labels[0], {"accuracy", "acc"} & {name.lower() for name in output.metrics}
            if labels.tolist() == [0, 1]:
                what, fix = "y holds 0 and 1", "activation='sigmoid' with loss='binary_crossentropy'"
                if output.activation in _SIGMOIDS:
                    severity = "info"  # the Brier score: proper, if slower
            elif by_accuracy and len(labels) <= MOST_CLASSES_WITH_GAPS:
                what = f"y holds {len(labels)} different whole numbers, and accuracy is asked for"
                why = "as if one class lay between two others"
                fix = f"Dense({len(labels)}, activation='softmax') with loss='sparse_categorical_crossentropy'"
                fix = (mend_for_classes(output, part) or "").removeprefix("use ") or fix
            else:
                continue
        elif part.array.ndim == 2 and rows_of(output, part) == "one_hot":
            what, fix = "y holds one-hot rows", "activation='softmax' with loss='categorical_crossentropy'"
        else:
            continue
        message = f"{what}: classes, which {output.loss} takes for quantities; {why}."
        found.append(at_output("loss_for_numbers", severity, message, f"use {fix}", model, output, data))
    return found
