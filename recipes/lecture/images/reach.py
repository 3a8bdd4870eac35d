"""The layers of any Keras CNN, nested ones too, and what each gives for an image, without a trace left in the model."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np

from cheatsheet.common.arrays import as_array, require_finite
from cheatsheet.common.words import count, did_you_mean
from cheatsheet.modelgraph import read
from recipes.lecture.networks.layers import require_model

BATCH = 64  # images that go through a model at once: 40 MB of photographs of 224×224
OVERSHOOT = 0.01  # of a range, by which resizing takes an image beyond it
MOST_NAMES = 8  # that an error lists


def require_cnn(model: Any, function: str) -> Any:
    """Refuse what is no Keras model that takes one image; give the model, also of a `Run`.

    Args:
        model: What was given.
        function: What to call the function that was given it.

    Raises:
        TypeError: for what is no Keras model.
        ValueError: for one that is not built, takes several inputs, or something else than images.
    """
    model = require_model(model, function)
    if not read(model, "built"):
        raise ValueError(
            f"The model {model.name!r} has no weights yet, as it does not know its input. "
            "Train it, or call it on some images."
        )
    inputs = read(model, "inputs") or ()
    if len(inputs) > 1:
        raise ValueError(
            f"The model {model.name!r} takes {len(inputs)} inputs. Expected one image. "
            "Pass the part of it that reads the image."
        )
    shape = input_shape(model)
    if len(shape) != 3:
        raise ValueError(
            f"The model {model.name!r} takes {tuple(shape)} for each row. Expected images, (height, width, channels)."
        )
    first = next((path for path, layer in named_layers(model) if read(layer, "data_format") == "channels_first"), None)
    if first is not None:
        raise ValueError(
            f"Layer {first!r} reads channels first. Expected the channels last, (height, width, channels). "
            "Build the model with data_format='channels_last'."
        )
    return model


def input_shape(model: Any) -> tuple[int | None, ...]:
    """Give the shape of what a built model takes, without the rows; sides that may be any are `None`.

    Of a class of one's own it is that of the images that it was first called on.
    """
    inputs = read(model, "inputs")
    shape = inputs[0].shape if inputs else (read(model, "get_build_config")() or {}).get("input_shape")
    return tuple(shape[1:]) if isinstance(shape, list | tuple) else ()


def has_any_size(model: Any) -> bool:
    """Say whether a model takes images of any height and width."""
    return None in input_shape(model)[:2]


# --- images -------------------------------------------------------------------------------------------------------


def read_images(model: Any, images: Any, name: str = "images") -> np.ndarray:
    """Read images as a model takes them: float32 `(n, height, width, channels)`, in the units that came.

    Args:
        model: What `require_cnn` returns.
        images: `(n, height, width, channels)`; without the last axis where the model takes one channel.
        name: What to call them.

    Raises:
        DataError: for what holds no finite numbers.
        ValueError: for another shape than the model's.
    """
    height, width, channels = input_shape(model)
    array = as_array(images, name)
    if array.ndim == 3 and channels == 1:
        array = array[..., None]
    sizes = array.shape[1:]
    fits = array.ndim == 4 and all(want in (None, have) for want, have in zip((height, width, channels), sizes))  # noqa: B905
    if array.dtype.kind not in "biuf" or (read(model, "inputs") and not fits) or array.ndim != 4:
        wanted = "×".join("any" if side is None else str(side) for side in (height, width, channels))
        mend = "Resize them by keras.ops.image.resize, or cut them." if array.ndim == 4 else "Mind the number of axes."
        if array.ndim == 4 and channels not in (None, sizes[2]):
            mend = f"They have {count(sizes[2], 'channel')}, and the model reads {channels}."
        raise ValueError(
            f"{name} has shape {array.shape} and holds {array.dtype}. Expected numbers for the model's {wanted}, "
            f"(n, height, width, channels). {mend}"
        )
    require_finite(array, name)
    return array.astype(np.float32)


def read_image(model: Any, image: Any, name: str = "image") -> np.ndarray:
    """Read one image as a model takes it: float32 `(height, width, channels)`. See `read_images`."""
    array = as_array(image, name)
    is_one = array.ndim == 2 or (array.ndim == 3 and not (array.shape[0] == 1 and input_shape(model)[2] == 1))
    images = read_images(model, array[None] if is_one else array, name)
    if len(images) != 1:
        raise ValueError(f"{name} holds {len(images)} images. Expected one. Pass {name}[0].")
    return images[0]


def range_of(values: np.ndarray) -> tuple[float, float]:
    """Guess the range of an image's units: 0 to 1, -1 to 1, 0 to 255, or from its lowest to its highest value."""
    low, high = float(values.min()), float(values.max())
    for least, most in ((0.0, 1.0), (-1.0, 1.0), (0.0, 255.0)):
        if least - OVERSHOOT * most <= low and high <= most + OVERSHOOT * most:
            return least, most
    return low, high


# --- layers -------------------------------------------------------------------------------------------------------


def named_layers(model: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """Give every layer, with its name behind those of the models and layers that it is in; outer ones after theirs."""
    for layer in model._flatten_layers(include_self=False, recursive=False):
        yield from named_layers(layer, f"{path}{layer.name}/")
        yield f"{path}{layer.name}", layer


def find_layers(model: Any, names: Any) -> dict[str, Any]:
    """Find layers by name, by the end of their path where only one has it, or by themselves.

    Args:
        model: What `require_cnn` returns.
        names: One, or several of them.

    Returns:
        Each layer by its path, `"encoder/conv"`, in the order asked.

    Raises:
        ValueError: for a name that no layer has, or several have.
    """
    asked = names if isinstance(names, list | tuple) else [names]
    known = list(named_layers(model))
    found: dict[str, Any] = {}
    for name in asked:
        matches = [
            (path, layer)
            for path, layer in known
            if layer is name or (isinstance(name, str) and f"/{path}".endswith(f"/{name}"))
        ]
        exact = [match for match in matches if match[0] == name]
        if len(matches := exact or matches) != 1:
            raise ValueError(_not_one(model, name, [path for path, _ in matches], [path for path, _ in known]))
        found.update(matches)
    return found


def _not_one(model: Any, name: Any, matches: Sequence[str], known: Sequence[str]) -> str:
    shown = repr(name) if isinstance(name, str) else f"{type(name).__name__} {read(name, 'name')!r}"
    if matches:
        return f"{shown} is the name of {len(matches)} layers. Expected one of {', '.join(matches[:MOST_NAMES])}."
    listed = ", ".join(known[:MOST_NAMES]) + (", ..." if len(known) > MOST_NAMES else ".")
    return f"The model {model.name!r} has no layer {shown}. It has {listed}{did_you_mean(name, known)}"


# --- running ------------------------------------------------------------------------------------------------------


@contextmanager
def replaced(calls: Mapping[Any, Callable[..., Any]]) -> Iterator[None]:
    """Have layers call these functions in the place of their own `call` within the block."""
    before = [(layer, layer.__dict__.get("call")) for layer in calls]
    for layer, function in calls.items():
        object.__setattr__(layer, "call", function)  # past Keras' tracking of attributes
    try:
        yield
    finally:
        for layer, own in before:
            if own is None:
                object.__delattr__(layer, "call")
            else:
                object.__setattr__(layer, "call", own)


def run(
    model: Any, images: Any, layers: Mapping[str, Any] | None = None, values: Sequence[tuple[Any, Any]] = ()
) -> tuple[Any, dict[str, Any]]:
    """Run a model as `predict` does, and see what its layers give on the way.

    No state changes: what batch normalisation, random numbers, metrics and losses would leave behind is dropped.

    Args:
        model: A built Keras model.
        images: `(n, height, width, channels)`, an array or a tensor.
        layers: By name, as `find_layers` gives them.
        values: Variables, each with what it holds during this run.

    Returns:
        What the model gives, and what each layer gives, a tensor, in the order in which they were called. Of a layer
        that is called again the further names end in `#2`, `#3`, ...; one that is not called is missing.
    """
    import keras

    seen: dict[str, Any] = {}

    def watched(name: str, own: Callable[..., Any]) -> Callable[..., Any]:
        def call(*args: Any, **options: Any) -> Any:
            outputs = own(*args, **options)
            tensors = keras.tree.flatten(outputs)
            number = 1 + sum(key == name or key.startswith(f"{name}#") for key in seen)
            seen[name if number == 1 else f"{name}#{number}"] = tensors[0] if len(tensors) == 1 else tensors
            return outputs

        return call

    calls = {layer: watched(name, layer.call) for name, layer in (layers or {}).items()}
    structure = read(model, "input")  # a list or a dict of the one input, where it was made of one
    given = keras.tree.map_structure(lambda _: images, structure) if isinstance(structure, list | dict) else images
    with keras.StatelessScope(values), replaced(calls):
        outputs = model(given, training=False)
    return outputs, seen


def maps_of(model: Any, images: np.ndarray, name: str, layer: Any) -> Iterator[np.ndarray]:
    """Give what a layer makes of each batch of images, `(n, rows, columns, units)`; of nodes without places 1×1.

    Raises:
        ValueError: for a layer that is not called, or gives something else.
    """
    for start in range(0, len(images), BATCH):
        _, seen = run(model, images[start : start + BATCH], {name: layer})
        yield as_maps(seen, name)


def as_maps(seen: Mapping[str, Any], name: str) -> np.ndarray:
    """Read what a layer gave as `(n, rows, columns, units)` of float32.

    Raises:
        ValueError: as `maps_of` does.
    """
    return np.asarray(places_of(seen, name), np.float32)


def places_of(seen: Mapping[str, Any], name: str) -> Any:
    """Give the tensor that a layer gave, nodes without places as maps of 1×1.

    Raises:
        ValueError: as `maps_of` does.
    """
    values = seen.get(name)
    if values is None:
        raise ValueError(f"Layer {name!r} was not called on the image. Pass another layer.")
    shape = None if isinstance(values, list) else tuple(values.shape)
    if shape is None or len(shape) not in (2, 4):
        given = f"{len(values)} arrays" if shape is None else f"an array of shape {shape}"
        raise ValueError(
            f"Layer {name!r} gives {given}. Expected maps, (n, rows, columns, units), or nodes, (n, units). "
            "Pass another layer."
        )
    return values[:, None, None, :] if len(shape) == 2 else values
