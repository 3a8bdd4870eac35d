"""Outputs of a model as probabilities and classes, and what they are worth in the words of the task."""

import numpy as np

from recipes.tables.scoring.scores import losses, score
from recipes.tables.target import Target
from recipes.training.scoring.evaluation import Evaluation
from recipes.training.scoring.scores import of_classes, of_numbers


def probabilities(target: Target, outputs: np.ndarray) -> np.ndarray:
    """Make of the model's outputs `(n, units)` probabilities `(n, classes)`, or numbers `(n,)`."""
    outputs = np.asarray(outputs, np.float64)
    if target.classes is None:
        return outputs[:, 0]
    return np.concatenate([1 - outputs, outputs], axis=1) if target.task == "binary" else outputs


def guesses(target: Target, predicted: np.ndarray) -> np.ndarray:
    """Give the place of the class that is said of each row `(n,)`, from probabilities `(n, classes)`.

    Of two classes the second is said where its probability is above `Target.threshold`.
    """
    if target.task == "binary":
        return (predicted[:, 1] > target.threshold).astype(int)
    return predicted.argmax(axis=1)


def evaluation_of(target: Target, true: np.ndarray, predicted: np.ndarray) -> Evaluation:
    """Judge predictions in the words of the task.

    Where mistakes have costs, `mean_cost` is what a row's cost on average, and `mean_cost_of_one_answer` what they
    would if the same class were said of all rows, the cheaper one.
    """
    numbers = {target.metric: score(target.metric, true, losses(target.metric, true, predicted))}
    if target.classes is None:
        more, report = of_numbers(true[:, None], predicted[:, None], None)
        return Evaluation({**numbers, **more}, {None: report}, len(true))
    guess = guesses(target, predicted)
    numbers["accuracy"] = float((guess == true).mean())
    is_binary = target.task == "binary"
    scores = predicted[:, 1] if is_binary else predicted
    more, report = of_classes(
        true.astype(int), scores, target.classes, None, target.threshold if is_binary else None, are_chances=True
    )
    if target.costs is not None:
        of_positive, of_negative = target.costs
        wrong = np.where(guess == 1, of_positive, of_negative) * (guess != true)
        more["mean_cost"] = float(wrong.mean())
        more["mean_cost_of_one_answer"] = float(min(of_positive * (true == 0).mean(), of_negative * (true == 1).mean()))
    return Evaluation({**numbers, **more}, {None: report}, len(true))
