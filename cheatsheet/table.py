"""The cheatsheet itself: for each kind of target, the loss, the last activation and the last layer's width."""

from dataclasses import dataclass

from cheatsheet.common.arguments import known_arguments_only
from cheatsheet.common.words import did_you_mean


@dataclass(frozen=True)
class Row:
    """What the last layer and the loss must be for one kind of target.

    Attributes:
        task: `"regression"`, `"binary"`, `"multiclass"`, `"multilabel"`, `"quantile"`, `"reconstruction"` or
            `"detection"`.
        loss: Keras' name of the loss (`"pinball"` and `"detection"` are this project's own; Keras has none).
        activation: The last activation that is built; of a detection head the two, of what lies between 0 and 1 and of
            sizes.
        lecture_activation: The one printed on the lecture's slide; `None` for rows that the slide lacks.
        units: Width of the last layer: `"one"` node, one per `"classes"`, per `"columns"` of `y`, or per
            `"quantiles"`, or five numbers for each of the `"cells"` of an image.
        target: What `y` must look like.
        likelihood: The distribution of `y` whose negative log-likelihood the loss is (up to constants).
        chance: The loss of the best constant guess, in words; `cheatsheet.chance_loss` gives the number.
        why: Why this activation and this loss belong together.
        metrics: What to watch beside the loss; Keras' names, and `"sign_accuracy"`.
    """

    task: str
    loss: str
    activation: str
    lecture_activation: str | None
    units: str
    target: str
    likelihood: str
    chance: str
    why: str
    metrics: tuple[str, ...]


# F. Bianco, lecture on deep neural networks, University of Delaware, 2023: the slide's table, row by row.
LECTURE: tuple[Row, ...] = (
    Row(
        task="regression",
        loss="mean_squared_error",
        activation="linear",
        lecture_activation="linear",
        units="one",
        target="(n,) numbers",
        likelihood="Gaussian of constant width",
        chance="variance of y",
        why="The mean of y given x minimises it. Errors count squared, so outliers pull hard.",
        metrics=("mean_absolute_error",),
    ),
    Row(
        task="regression",
        loss="mean_absolute_error",
        activation="linear",
        lecture_activation="linear",
        units="one",
        target="(n,) numbers, outliers allowed",
        likelihood="Laplace of constant width",
        chance="mean distance to the median of y",
        why="The median of y given x minimises it, so a few outliers hardly matter.",
        metrics=("root_mean_squared_error",),
    ),
    Row(
        task="regression",
        loss="mean_squared_logarithmic_error",
        activation="linear",
        lecture_activation="linear",
        units="one",
        target="(n,) numbers >= 0 over orders of magnitude",
        likelihood="Gaussian of ln(1 + y)",
        chance="variance of ln(1 + y)",
        why="Ratios count, not differences. Keras takes a negative output for 0, where nothing is learnt, "
        "so build_model(x=x, y=y) works in ln(1 + y) inside.",
        metrics=("mean_absolute_error",),
    ),
    Row(
        task="binary",
        loss="binary_crossentropy",
        activation="sigmoid",
        lecture_activation="sigmoid",
        units="one",
        target="(n,) of 0 and 1",
        likelihood="Bernoulli",
        chance="H(p); ln 2 if balanced",
        why="One node says P(1); P(0) is the rest. A softmax over one node would always be 1.",
        metrics=("accuracy",),
    ),
    Row(
        task="multiclass",
        loss="categorical_crossentropy",
        activation="softmax",
        lecture_activation="sigmoid",
        units="classes",
        target="(n, K) one-hot rows",
        likelihood="categorical",
        chance="H(p); ln K if balanced",
        why="Exactly one class is true, so the K outputs must sum to 1: softmax. With the slide's sigmoid Keras "
        "trains the softmax all the same, and predict() is not a distribution.",
        metrics=("accuracy",),
    ),
    Row(
        task="multiclass",
        loss="kl_divergence",
        activation="softmax",
        lecture_activation="sigmoid",
        units="classes",
        target="(n, K) rows of probabilities",
        likelihood="categorical, soft labels",
        chance="H(mean row) - mean H(row)",
        why="Distance between two distributions, so both must sum to 1: softmax. With the slide's sigmoid every "
        "output may run to 1 and the loss to 0.",
        metrics=("accuracy",),
    ),
)

EXTENDED: tuple[Row, ...] = (
    Row(
        task="multiclass",
        loss="sparse_categorical_crossentropy",
        activation="softmax",
        lecture_activation=None,
        units="classes",
        target="(n,) integers 0 .. K-1",
        likelihood="categorical",
        chance="H(p); ln K if balanced",
        why="The integer twin of categorical_crossentropy: the same number without the one-hot rows.",
        metrics=("accuracy",),
    ),
    Row(
        task="binary",
        loss="hinge",
        activation="tanh",
        lecture_activation=None,
        units="one",
        target="(n,) of -1 and +1",
        likelihood="none: a margin, not a probability",
        chance="2 min(p, 1-p)",
        why="Pushes the right side past a margin, as a support vector machine does. The output is no probability.",
        metrics=("sign_accuracy",),
    ),
    Row(
        task="multilabel",
        loss="binary_crossentropy",
        activation="sigmoid",
        lecture_activation=None,
        units="columns",
        target="(n, K) of 0 and 1, any number of ones a row",
        likelihood="K independent Bernoullis",
        chance="mean H(p) of the columns",
        why="Each label is its own yes or no, so the outputs must not compete: K sigmoids.",
        metrics=("binary_accuracy",),
    ),
    Row(
        task="regression",
        loss="huber",
        activation="linear",
        lecture_activation=None,
        units="one",
        target="(n,) numbers of order 1",
        likelihood="Gaussian core, Laplace tails",
        chance="Huber loss of the best constant",
        why="Squared below an error of 1 (in y's units), absolute beyond: smooth, and outliers hardly matter.",
        metrics=("mean_absolute_error",),
    ),
    Row(
        task="regression",
        loss="poisson",
        activation="softplus",
        lecture_activation=None,
        units="one",
        target="(n,) counts 0, 1, 2, ...",
        likelihood="Poisson (ln y! left out)",
        chance="m - m ln m, m the mean of y",
        why="The output is a rate and must stay positive: softplus. The loss may be negative.",
        metrics=("mean_absolute_error",),
    ),
    Row(
        task="quantile",
        loss="pinball",
        activation="linear",
        lecture_activation=None,
        units="quantiles",
        target="(n,) numbers",
        likelihood="asymmetric Laplace",
        chance="pinball loss of y's own quantiles",
        why="Over- and underestimates cost differently, so the q-quantile of y given x minimises it "
        "(Koenker and Bassett 1978).",
        metrics=(),
    ),
    Row(
        task="reconstruction",
        loss="binary_crossentropy",
        activation="sigmoid",
        lecture_activation=None,
        units="columns",
        target="x itself, values in [0, 1]",
        likelihood="Bernoulli per value",
        chance="H of the mean example; not 0 at best, unless x is 0 or 1",
        why="Outputs stay in the range of the values, and a sure mistake costs much.",
        metrics=("mean_squared_error",),
    ),
    Row(
        task="reconstruction",
        loss="mean_squared_error",
        activation="linear",
        lecture_activation=None,
        units="columns",
        target="x itself, any range (sigmoid if in [0, 1])",
        likelihood="Gaussian per value",
        chance="variance around the mean example",
        why="An unbounded value needs an unbounded output; for values in [0, 1] a sigmoid keeps them there.",
        metrics=("mean_absolute_error",),
    ),
    Row(
        task="detection",
        loss="detection",
        activation="sigmoid, exp",
        lecture_activation=None,
        units="cells",
        target="(n, rows, columns, 5): for each cell 1, 0 or -1, and a box",
        likelihood="none: 1 - IoU of boxes where there is an object, and a focal crossentropy of all confidences",
        chance="no one number: a constant box is right nowhere",
        why="A confidence and the middle of a box lie between bounds: sigmoid. Width and height are positive and "
        "differ by factors: exp. The confidence is to be the overlap (IoU) that the box reaches, 0 without an object. "
        "Most cells are empty: they have no box to compare, and the focal factor keeps the many that are rightly quiet "
        "from drowning the others. Cells at -1, in an object's box but far from its middle, are not asked.",
        metrics=(),
    ),
)

TABLE: tuple[Row, ...] = LECTURE + EXTENDED
TASKS: tuple[str, ...] = tuple(dict.fromkeys(row.task for row in TABLE))

# What else people type. Keras' own short names, then words that mean one of the tasks.
_SHORT_LOSSES = {
    "mse": "mean_squared_error",
    "mae": "mean_absolute_error",
    "msle": "mean_squared_logarithmic_error",
    "bce": "binary_crossentropy",
    "cce": "categorical_crossentropy",
    "kld": "kl_divergence",
    "mape": "mean_absolute_percentage_error",
    "kullbackleiblerdivergence": "kl_divergence",
    "huberloss": "huber",
    "pinballloss": "pinball",
}
_OTHER_WORDS = {
    "classification": "'binary' or 'multiclass'",
    "classifier": "'binary' or 'multiclass'",
    "categorical": "'multiclass'",
    "autoencoder": "'reconstruction'",
    "counts": "'regression' with loss='poisson'",
    "yolo": "'detection'",
    "objects": "'detection'",
    "boxes": "'detection'",
}


# Losses that compare numbers value by value, so that y must have the shape of the output.
OF_NUMBERS = {row.loss for row in TABLE if row.task in ("regression", "quantile")} | {
    "log_cosh",
    "mean_absolute_percentage_error",
}
# Losses of one class a row, which take a distribution over the last axis; and losses of a yes or no for each value.
OF_ONE_CLASS = {"categorical_crossentropy", "sparse_categorical_crossentropy", "categorical_focal_crossentropy"}
OF_YES_OR_NO = {"binary_crossentropy", "binary_focal_crossentropy"}
OF_MARGINS = {"hinge", "squared_hinge", "categorical_hinge"}
# Losses that Keras lacks, of `recipes.losses`; others may have losses of these names.
OF_THIS_PROJECT = {"pinball", "detection"}
# Every loss that the rules can judge by the values of y and the width of the head.
JUDGED = OF_NUMBERS | OF_ONE_CLASS | OF_YES_OR_NO | OF_MARGINS | {"kl_divergence"}
# Those whose target and output must have one shape once the labels are encoded.
COMPARES_SHAPES = (JUDGED | {"cosine_similarity"}) - {"pinball", "sparse_categorical_crossentropy"}
# Those that give one value for each step or pixel: they take the last axis of the output together, and no other.
BY_LAST_AXIS = JUDGED - {"pinball"}
# Metrics of Keras that compare y with the outputs value by value or by the largest of each row: they read one-hot rows,
# and of numbered classes make an error or nonsense.
OF_ROWS = {
    "precision", "recall", "auc", "true_positives", "true_negatives", "false_positives", "false_negatives", "f1_score",
    "fbeta_score", "precision_at_recall", "recall_at_precision", "sensitivity_at_specificity",
    "specificity_at_sensitivity", "binary_accuracy", "categorical_accuracy", "top_k_categorical_accuracy",
    "binary_crossentropy", "categorical_crossentropy", "kl_divergence", "categorical_hinge", "cosine_similarity",
    "mean_squared_error", "mean_absolute_error", "root_mean_squared_error", "one_hot_io_u", "one_hot_mean_io_u",
}  # fmt: skip
# Those that read the number of one class.
OF_NUMBERED = {"sparse_categorical_accuracy", "sparse_top_k_categorical_accuracy", "sparse_categorical_crossentropy"}
_OTHER_METRICS = {"binary_io_u"}


def unfit_metrics(loss: str | None) -> set[str]:
    """Name the metrics that read another kind of labels than this loss takes: rows for numbers, or numbers for rows."""
    if loss == "sparse_categorical_crossentropy":
        return OF_ROWS
    return OF_NUMBERED if loss in ("categorical_crossentropy", "kl_divergence") else set()


def canonical_metric(name: str) -> str:
    """Give the name of one of the metrics above, from its class's name or a short one; others come back unchanged.

    >>> canonical_metric("AUC"), canonical_metric("F1Score"), canonical_metric("mse"), canonical_metric("mine")
    ('auc', 'f1_score', 'mean_squared_error', 'mine')
    """
    squeezed = canonical_loss(name).lower().replace("_", "")
    return {known.replace("_", ""): known for known in OF_ROWS | OF_NUMBERED | _OTHER_METRICS}.get(squeezed, name)


def canonical_loss(name: str) -> str:
    """Give Keras' full name of a loss, from its short, class or function name; unknown names come back unchanged.

    >>> canonical_loss("mse"), canonical_loss("KLDivergence"), canonical_loss("my_loss")
    ('mean_squared_error', 'kl_divergence', 'my_loss')
    """
    squeezed = name.lower().replace("_", "")
    full = {known.replace("_", ""): known for known in JUDGED} | _SHORT_LOSSES
    return full.get(squeezed, name)


@known_arguments_only
def lookup(task: str, loss: str | None = None) -> Row:
    """Look up the row of the cheatsheet for this task (and this loss).

    Args:
        task: One of `cheatsheet.TASKS`.
        loss: Keras' name of a loss, short names included. Without it, the task's first row: the slide's.

    Returns:
        The row; its fields say activation, width, target, chance and why.

    Raises:
        ValueError: for a task or a loss that the table does not have, naming those that it has.

    >>> lookup("binary").activation
    'sigmoid'
    >>> lookup("multiclass", loss="kld").lecture_activation
    'sigmoid'
    """
    rows = [row for row in TABLE if row.task == task]
    if not rows:
        raise ValueError(
            f"Unknown task. Received: task={task!r}. Expected one of {', '.join(TASKS)}." + _hint_for_task(task)
        )
    if loss is None:
        return rows[0]
    if not isinstance(loss, str):
        raise TypeError(f"loss must be the name of a loss. Received: loss={loss!r}.")
    for row in rows:
        if row.loss == canonical_loss(loss):
            return row
    losses = [row.loss for row in rows]
    raise ValueError(
        f"The cheatsheet has no row for this loss. Received: task={task!r}, loss={loss!r}. "
        f"Expected one of {', '.join(losses)}." + _hint_for_loss(loss, losses)
    )


def _hint_for_task(task: object) -> str:
    word = str(task).lower().replace("-", "").replace("_", "").replace(" ", "")
    if word in _OTHER_WORDS:
        return f" For {task!r} say {_OTHER_WORDS[word]}."
    for row in TABLE:
        if canonical_loss(str(task)) == row.loss:
            return f" {task!r} is a loss: say task={row.task!r}, loss={row.loss!r}."
    return did_you_mean(word, TASKS)


def _hint_for_loss(loss: str, losses: list[str]) -> str:
    others = [row.task for row in TABLE if row.loss == canonical_loss(loss)]
    if others:
        return f" That loss goes with task={others[0]!r}."
    return did_you_mean(loss, losses)
