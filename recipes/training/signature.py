"""What a model was trained on: one small value, kept beside the model and only for as long as it lives."""

from dataclasses import dataclass
from typing import Any
from weakref import WeakKeyDictionary

import keras

from recipes.features import built_from

Classes = tuple[Any, ...]


@dataclass(frozen=True)
class InputPart:
    """What one input was given.

    Attributes:
        name: Its key among several that came as a dict.
        shape: Of one row.
        dtype: NumPy's name for the numbers.
        columns: Names of the columns, in their order; `None` where they had none.
    """

    name: str | None
    shape: tuple[int, ...]
    dtype: str
    columns: tuple[Any, ...] | None = None


@dataclass(frozen=True)
class OutputPart:
    """What one output was compared with.

    Attributes:
        name: Its key in a dict, or the layer's that gives it; `None` where it is the only one.
        shape: Of one row of the encoded target.
        classes: The label of each class, in the order of the outputs; `None` for numbers.
        columns: Names of the target's columns, of several numbers or labels a row; `None` where they had none.
    """

    name: str | None
    shape: tuple[int, ...]
    classes: Classes | None = None
    columns: tuple[Any, ...] | None = None


@dataclass(frozen=True)
class Signature:
    """What a model was trained on, and so what its outputs mean: one part for each input and output, in their order."""

    inputs: tuple[InputPart, ...] = ()
    outputs: tuple[OutputPart, ...] = ()
    has_gaps: bool = False  # NaN among them, which was allowed: the model knows what to do with it

    @property
    def classes(self) -> Any:
        """The label of each class of the only output; of several a dict, by name, of those that have classes."""
        if len(self.outputs) == 1:
            return self.outputs[0].classes
        return {part.name: part.classes for part in self.outputs if part.classes is not None} or None


_OF_MODEL: WeakKeyDictionary[keras.Model, Signature] = WeakKeyDictionary()


def signature_of(model: Any) -> Signature | None:
    """Return what an earlier `fit` trained this model on; `None` where none did, or none that could know."""
    return _OF_MODEL.get(model) if isinstance(model, keras.Model) else None


def expected_of(model: Any) -> Signature | None:
    """Return what data for this model should be like: as in an earlier `fit`, else as what it was built from.

    Of the latter the names of the tables' columns alone are known.
    """
    if (signature := signature_of(model)) is not None or not isinstance(model, keras.Model):
        return signature
    names = built_from(model)
    return named(names.x, names.y)


def named(x: tuple[Any, ...] | None, y: tuple[Any, ...] | None) -> Signature | None:
    """Make the signature of which these names of columns are all that is known; `None` where there are none."""
    if x is None and y is None:
        return None
    return Signature(
        () if x is None else (InputPart(None, (len(x),), "float32", x),),
        () if y is None or len(y) == 1 else (OutputPart(None, (len(y),), columns=y),),
    )


def remember(model: keras.Model, signature: Signature | None) -> None:
    """Keep what a `fit` found; `None` forgets."""
    if signature is None:
        _OF_MODEL.pop(model, None)
    else:
        _OF_MODEL[model] = signature
