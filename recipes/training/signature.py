"""What a model's outputs mean since it was first trained: kept beside the model, and only for as long as it lives."""

from weakref import WeakKeyDictionary

import keras

from recipes.training.data.targets import Classes

_CLASSES: WeakKeyDictionary[keras.Model, Classes] = WeakKeyDictionary()


def classes_of(model: keras.Model) -> Classes | None:
    """Return the label of each class, in the order of the outputs, that an earlier `fit` found; `None` for no such."""
    return _CLASSES.get(model) if isinstance(model, keras.Model) else None


def remember_classes(model: keras.Model, classes: Classes | None) -> None:
    """Keep what a `fit` found; `None` forgets."""
    if classes is None:
        _CLASSES.pop(model, None)
    else:
        _CLASSES[model] = classes
