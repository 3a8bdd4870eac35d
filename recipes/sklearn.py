"""This package's networks as scikit-learn's estimators, for its pipelines, its searches and its scores.

`RecipeClassifier` and `RecipeRegressor` stand on `build_model` and `fit`. Where to start reading: `_fit_network`.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin
from sklearn.utils import check_array, check_random_state, column_or_1d, compute_sample_weight
from sklearn.utils.metaestimators import available_if
from sklearn.utils.multiclass import check_classification_targets, type_of_target
from sklearn.utils.validation import _check_sample_weight, check_is_fitted, validate_data

from cheatsheet.common.columns import is_missing, numbers_in_text
from cheatsheet.common.tables import column_at, is_table, names_in, select
from cheatsheet.common.words import count, show_values
from cheatsheet.finding import unfit_target, unreadable
from cheatsheet.table import canonical_loss
from recipes.build import build_model
from recipes.features import as_features
from recipes.training.fit import fit
from recipes.training.run import Run

FEWEST_NAMES = 20  # texts of a column, from which on it is no category where each row has one of its own
LARGEST_SEED = 2**31 - 1
ROWS_OF_A_BLOCK = 32  # that are predicted together, so that a row's numbers do not depend on its place
# Arguments of build_model that are passed on where they are not None, so that each body has its own defaults.
_OF_BODY = ("units", "filters", "kernel_size", "hidden_activation", "dropout")


@dataclass(frozen=True)
class Encoding:
    """How a table becomes numbers: its columns of numbers, then one 0 or 1 for each value of the others.

    Attributes:
        numbers: Places of the columns of numbers.
        categories: Values of every other column, by its place; `None` among them is a value that is missing.
    """

    numbers: tuple[int, ...]
    categories: dict[int, tuple[str | None, ...]]

    def encode(self, table: Any) -> np.ndarray:
        """Return the numbers of a table, `(n, columns)`; a value that is not known is all zeros.

        Raises:
            DataError: for columns of numbers that hold something else, or nothing somewhere.
        """
        names, parts = names_in(table), []
        if self.numbers:
            parts.append(as_features(select(table, [names[i] for i in self.numbers]), "X").astype(np.float32))
        for i, values in self.categories.items():
            place = {value: k for k, value in enumerate(values)}
            found = [place.get(word, -1) for word in _words(table, i)]
            parts.append((np.array(found)[:, None] == np.arange(len(values))).astype(np.float32))
        return np.concatenate(parts, axis=1)


def encoding_of(table: Any) -> Encoding:
    """Find how a table becomes numbers: columns of numbers and booleans as they are, others by their values.

    Raises:
        DataError: for a column of which every row has another text, such as a name.
    """
    numbers, categories = [], {}
    for i, name in enumerate(names_in(table)):
        dtype = str(column_at(table, i).dtype).lower()
        words = None if _is_numeric(dtype) else _words(table, i)
        if words is None or (not dtype.startswith(("cat", "enum", "dict")) and _are_numbers(table, i, words)):
            numbers.append(i)
            continue
        known = sorted({word for word in words if word is not None})
        if len(known) == len(words) > FEWEST_NAMES:
            raise unreadable(
                f"Column {name!r} of X holds {len(words):,} texts, all different ({show_values(known)}): names, of "
                "which nothing can be learnt. Leave it out."
            )
        categories[i] = (*known, *([None] if None in words else []))
    return Encoding(tuple(numbers), categories)


def _is_numeric(dtype: str) -> bool:
    return dtype.startswith(("int", "uint", "float", "bool", "double", "decimal", "date", "time", "duration", "period"))


def _are_numbers(table: Any, i: int, words: list[str | None]) -> bool:
    """Are these objects numbers, or texts that all are numbers? Dates and kin are for `as_features` to refuse."""
    texts = [value for value in _values(table, i) if not is_missing(value)]
    if not any(isinstance(value, str) for value in texts):
        return bool(texts)
    present = np.array([word for word in words if word is not None])
    return numbers_in_text(present) is not None


def _values(table: Any, i: int) -> list[Any]:
    return np.asarray(column_at(table, i), dtype=object).tolist()


def _words(table: Any, i: int) -> list[str | None]:
    """Write the values of a column as text, 2.0 as 2; `None` where one is missing."""
    return [None if is_missing(value) else _word(value) for value in _values(table, i)]


def _word(value: Any) -> str:
    is_whole = isinstance(value, float | np.floating) and float(value).is_integer()
    return str(int(value)) if is_whole else str(value)


class _Recipe(BaseEstimator):
    """What both estimators do: read X, train, and keep the run."""

    def __init__(
        self,
        *,
        body: str | Callable[..., list[keras.Layer]] = "mlp",
        units: Sequence[int] | None = None,
        filters: Sequence[int] | None = None,
        kernel_size: int | None = None,
        hidden_activation: str | None = None,
        dropout: float | None = None,
        loss: str | keras.losses.Loss | None = None,
        optimizer: str | keras.optimizers.Optimizer = "adam",
        learning_rate: Any = None,
        epochs: int = 50,
        batch_size: int = 32,
        validation_split: float = 0.0,
        patience: int | None = None,
        random_state: int | np.random.RandomState | None = 0,
        verbose: str | int = 0,
    ) -> None:
        self.body = body
        self.units = units
        self.filters = filters
        self.kernel_size = kernel_size
        self.hidden_activation = hidden_activation
        self.dropout = dropout
        self.loss = loss
        self.optimizer = optimizer
        self.learning_rate = learning_rate
        self.epochs = epochs
        self.batch_size = batch_size
        self.validation_split = validation_split
        self.patience = patience
        self.random_state = random_state
        self.verbose = verbose

    @property
    def model_(self) -> keras.Model:
        """The trained Keras model; it takes the columns of a table as `encoding_` makes them numbers."""
        check_is_fitted(self, "run_")
        return self.run_.model

    def _read(self, X: Any, *, reset: bool) -> Any:
        """Read inputs as scikit-learn does: names and number of the columns, then numbers."""
        if not is_table(X):
            flat = self.body == "mlp"
            return validate_data(self, X, reset=reset, dtype="numeric", allow_nd=not flat)
        validate_data(self, X, reset=reset, skip_check_array=True)
        if reset:
            self.encoding_ = encoding_of(X)
        elif not hasattr(self, "encoding_"):
            return validate_data(self, X, reset=False, dtype="numeric")
        return self.encoding_.encode(X)

    def _fit_network(self, task: str, x: Any, y: np.ndarray, sample_weight: Any, num_classes: int | None) -> None:
        """Build the network for this task and train it; `run_` is what came of it."""
        given = {name: getattr(self, name) for name in _OF_BODY if getattr(self, name) is not None}
        seed = _seed(self.random_state)
        optimizer = self.optimizer
        if isinstance(optimizer, keras.optimizers.Optimizer):  # one trains one model
            optimizer = type(optimizer).from_config(optimizer.get_config())
        model = build_model(
            task, x=x, y=y, num_classes=num_classes, body=self.body, loss=self.loss, optimizer=optimizer,
            learning_rate=self.learning_rate, seed=seed, **given,
        )  # fmt: skip
        self.run_: Run = fit(
            model, x, y, epochs=self.epochs, batch_size=self.batch_size, validation_split=self.validation_split,
            patience=self.patience, sample_weight=sample_weight, seed=seed, verbose=self.verbose,
        )  # fmt: skip

    def _outputs(self, X: Any) -> np.ndarray:
        """Return what the network gives for these rows, `(n, units)`, float64."""
        check_is_fitted(self, "run_")
        x = self._read(X, reset=False)
        # In whole blocks: what is left over goes through other kernels, whose last bit is another one.
        padded = np.concatenate([x, np.repeat(x[-1:], -len(x) % ROWS_OF_A_BLOCK, axis=0)])
        return np.asarray(self.run_.predict(padded), dtype=np.float64)[: len(x)]


class RecipeClassifier(ClassifierMixin, _Recipe):
    """A network for classes, or for several labels a row, as a scikit-learn estimator.

    Columns of text, and those of a type of categories, are one-hot inside; a value that was not met in `fit` is none
    of them, and one that is missing is a value of its own where `fit` met one. Columns of numbers must be complete.

    Args:
        body: As for `build_model`: `"mlp"`, or a function that returns a list of Keras layers; `"cnn"`, `"lenet"` and
            `"sequence"` take an X of more axes.
        units, filters, kernel_size, hidden_activation, dropout: Of the body; its own defaults where they are `None`.
        loss: Name of another loss of the task's, or a Keras loss. With `"hinge"` there are no probabilities.
        optimizer: Name of a Keras optimizer, or one, of which each fit uses a copy.
        learning_rate: For an optimizer given by name; Keras' default when missing.
        epochs, batch_size, validation_split, patience: As for `fit`.
        class_weight: Weight of each class by its label, or `"balanced"`.
        random_state: Seed of the weights, the split and the order of the rows; `None` draws another one each time. The
            global generators are neither seeded nor asked.
        verbose: 0 is silent; anything else shows one line.

    Attributes:
        classes_: The labels, ascending; for several a row their numbers.
        run_: The `Run`: history, findings, engine, `plot()`.
        model_: The trained Keras model.
        n_features_in_, feature_names_in_: As everywhere in scikit-learn.
    """

    def __init__(
        self,
        *,
        body: str | Callable[..., list[keras.Layer]] = "mlp",
        units: Sequence[int] | None = None,
        filters: Sequence[int] | None = None,
        kernel_size: int | None = None,
        hidden_activation: str | None = None,
        dropout: float | None = None,
        loss: str | keras.losses.Loss | None = None,
        optimizer: str | keras.optimizers.Optimizer = "adam",
        learning_rate: Any = None,
        epochs: int = 50,
        batch_size: int = 32,
        validation_split: float = 0.0,
        patience: int | None = None,
        class_weight: Mapping[Any, float] | str | None = None,
        random_state: int | np.random.RandomState | None = 0,
        verbose: str | int = 0,
    ) -> None:
        super().__init__(
            body=body, units=units, filters=filters, kernel_size=kernel_size, hidden_activation=hidden_activation,
            dropout=dropout, loss=loss, optimizer=optimizer, learning_rate=learning_rate, epochs=epochs,
            batch_size=batch_size, validation_split=validation_split, patience=patience, random_state=random_state,
            verbose=verbose,
        )  # fmt: skip
        self.class_weight = class_weight

    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> "RecipeClassifier":
        """Train on these rows.

        Args:
            X: `(n, features)`: an array, or a table of pandas' or polars'.
            y: Labels `(n,)`, or `(n, labels)` of 0 and 1.
            sample_weight: Weight of each row `(n,)`.

        Raises:
            ValueError: for data that do not fit, with what came, what was expected and the mend.
        """
        x = self._read(X, reset=True)
        _require_target(self, y)
        y = check_array(y, ensure_2d=False, dtype=None, accept_sparse="csr", input_name="y", estimator=self)
        check_classification_targets(y)
        kind = type_of_target(y, input_name="y")
        weights = None if sample_weight is None else _check_sample_weight(sample_weight, x)
        if kind == "multilabel-indicator":
            if self.class_weight is not None:
                raise ValueError("class_weight is for one label a row. Weight the rows by sample_weight.")
            y = _rows_of_labels(y)
            self.classes_ = np.arange(y.shape[1])
            _require_same_rows(x, y)
            self._fit_network("multilabel", x, y, weights, y.shape[1])
            return self
        if kind == "multiclass-multioutput":
            raise ValueError(f"y has {np.shape(y)[1]} columns of classes. Train one RecipeClassifier for each of them.")
        y = column_or_1d(y, warn=True)
        _require_same_rows(x, y)
        self.classes_, index = np.unique(y, return_inverse=True)
        if len(self.classes_) < 2:
            raise unfit_target(
                f"y holds 1 class, {self.classes_.tolist()[0]!r}, in {count(len(y), 'row')}. Expected at least 2."
            )
        if self.class_weight is not None:
            of_class = compute_sample_weight(self.class_weight, y)
            weights = of_class if weights is None else weights * of_class
        task = "binary" if len(self.classes_) == 2 else "multiclass"
        self._fit_network(task, x, index, weights, len(self.classes_))
        return self

    def predict(self, X: Any) -> np.ndarray:
        """Return the most probable class of each row `(n,)`, or its labels `(n, labels)`, 0 or 1."""
        outputs = self._outputs(X)
        if self._has_labels:
            return (outputs > 0.5).astype(int)
        if outputs.shape[1] == 1:
            return self.classes_[(outputs[:, 0] > (0.5 if _gives_probabilities(self) else 0.0)).astype(int)]
        return self.classes_[outputs.argmax(axis=1)]

    @available_if(lambda self: _gives_probabilities(self))
    def predict_proba(self, X: Any) -> np.ndarray:
        """Return the probability of each class `(n, classes)` in the order of `classes_`, or of each label."""
        outputs = self._outputs(X)
        if not self._has_labels and outputs.shape[1] == 1:
            return np.concatenate([1 - outputs, outputs], axis=1)
        return outputs if self._has_labels else outputs / outputs.sum(axis=1, keepdims=True)

    @available_if(lambda self: not _gives_probabilities(self))
    def decision_function(self, X: Any) -> np.ndarray:
        """Return what a hinge loss was trained on: above 0 for the second of two classes `(n,)`, or `(n, classes)`."""
        outputs = self._outputs(X)
        return outputs[:, 0] if outputs.shape[1] == 1 else outputs

    @property
    def _has_labels(self) -> bool:
        signature = self.run_.signature
        return signature is not None and signature.classes is None

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.classifier_tags.multi_label = True
        return tags


class RecipeRegressor(RegressorMixin, _Recipe):
    """A network for numbers, one or several a row, as a scikit-learn estimator.

    X as for `RecipeClassifier`. `loss` names another one of the regressions: `"mean_absolute_error"`, `"huber"`,
    `"poisson"` for counts, `"mean_squared_logarithmic_error"`. Inputs and outputs are scaled inside.

    Args:
        body, units, filters, kernel_size, hidden_activation, dropout, loss, optimizer, learning_rate, epochs,
            batch_size, validation_split, patience, random_state, verbose: As for `RecipeClassifier`.

    Attributes:
        run_, model_, n_features_in_, feature_names_in_: As for `RecipeClassifier`.
    """

    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> "RecipeRegressor":
        """Train on these rows.

        Args:
            X: `(n, features)`: an array, or a table of pandas' or polars'.
            y: Numbers `(n,)` or `(n, k)`.
            sample_weight: Weight of each row `(n,)`.

        Raises:
            ValueError: for data that do not fit, with what came, what was expected and the mend.
        """
        x = self._read(X, reset=True)
        _require_target(self, y)
        y = check_array(y, ensure_2d=False, dtype="numeric", input_name="y", estimator=self)
        if y.ndim == 2 and y.shape[1] == 1:
            y = column_or_1d(y, warn=True)
        _require_same_rows(x, y)
        weights = None if sample_weight is None else _check_sample_weight(sample_weight, x)
        self._fit_network("regression", x, y, weights, None)
        return self

    def predict(self, X: Any) -> np.ndarray:
        """Return the number of each row `(n,)`, or its numbers `(n, k)`."""
        outputs = self._outputs(X)
        return outputs[:, 0] if outputs.shape[1] == 1 else outputs

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.target_tags.multi_output = True
        return tags


def _gives_probabilities(estimator: Any) -> bool:
    name = getattr(estimator.loss, "name", estimator.loss)
    return name is None or "hinge" not in canonical_loss(name)


def _seed(random_state: Any) -> int:
    """Take the seed that is meant, without a number from the global generators."""
    if random_state is None:
        return int(np.random.default_rng().integers(LARGEST_SEED))
    if isinstance(random_state, int | np.integer):
        return int(random_state)
    return int(check_random_state(random_state).randint(LARGEST_SEED))


def _require_target(estimator: Any, y: Any) -> None:
    if y is None:
        raise ValueError(
            f"This {type(estimator).__name__} estimator requires y to be passed, but the target y is None."
        )


def _require_same_rows(x: Any, y: Any) -> None:
    if len(x) != len(y):
        raise ValueError(f"X has {count(len(x), 'row')} and y {count(len(y), 'row')}. Expected as many.")


def _rows_of_labels(y: Any) -> np.ndarray:
    return np.asarray(y.toarray() if hasattr(y, "toarray") else y).astype(int)
