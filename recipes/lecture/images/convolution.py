"""Convolution, ReLU and max pooling step by step: the slide's 5×5 pixels, or an image and a kernel of one's own.

The values are those of Keras' own layers; what each window holds, its products and their sum stand beside them.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from cheatsheet.common.arguments import is_whole, known_arguments_only, require_whole
from cheatsheet.common.arrays import as_array, require_finite
from cheatsheet.common.words import did_you_mean
from recipes.running.show import as_html

# The slide's image, a cross, and the kernel that looks for its falling diagonal.
IMAGE = np.array(
    [[-1, -1, -1, -1, -1], [-1, 1, -1, 1, -1], [-1, -1, 1, -1, -1], [-1, 1, -1, 1, -1], [-1, -1, -1, -1, -1]]
)
KERNEL = np.array([[1, -1, -1], [-1, 1, -1], [-1, -1, 1]])
IMAGE.flags.writeable = KERNEL.flags.writeable = False

PADDINGS = ("valid", "same")
MOST_TERMS = 9  # of a sum that is written out: a kernel of 3×3
# Of a page: a minute to watch and 2 MB; fewer where they are photographs, of which each takes 40 kB.
MOST_FRAMES, MOST_PHOTOGRAPHS, LARGE = 150, 36, 32


@dataclass(frozen=True)
class Window:
    """One place of the kernel on the image.

    Attributes:
        row: Of the feature map, from 0.
        column: Likewise.
        top: The window's first row in the image; negative where it begins in the padding.
        left: Likewise.
        pixels: What the image has there, `(kernel height, kernel width)`; zeros in the padding.
        kernel: The weights, of the same shape.
    """

    row: int
    column: int
    top: int
    left: int
    pixels: np.ndarray
    kernel: np.ndarray

    @property
    def products(self) -> np.ndarray:
        """Pixels times weights, place by place."""
        return self.pixels * self.kernel

    @property
    def total(self) -> float:
        """The products' sum, which is the feature map's value."""
        return float(self.products.sum())

    @property
    def equation(self) -> str:
        """The sum, `(-1)·1 + 1·(-1) + ... = 7`, the pixel before the weight; short where it has many terms."""
        if self.products.size > MOST_TERMS:
            return f"sum of {self.products.size} products = {self.total:.4g}"
        pairs = zip(self.pixels.flat, self.kernel.flat, strict=True)
        return f"{' + '.join(f'{_factor(p)}·{_factor(k)}' for p, k in pairs)} = {self.total:.4g}"


def _factor(value: float) -> str:
    return f"({value:.3g})" if value < 0 else f"{value:.3g}"


@dataclass(frozen=True)
class Convolution:
    """An image on its way through convolution, ReLU and max pooling.

    Attributes:
        image: `(height, width)`.
        kernel: `(kernel height, kernel width)`.
        strides: How far the window moves down and to the right.
        padding: `"valid"`, or `"same"`: zeros around the image, so that windows begin at its edge.
        feature_map: What the convolution gives.
        relu: The same without what is negative.
        pooled: The largest value of each pool.
        pool_size: Side of a pool.
        pool_strides: How far a pool moves.
    """

    image: np.ndarray = field(repr=False)
    kernel: np.ndarray = field(repr=False)
    strides: tuple[int, int]
    padding: str
    feature_map: np.ndarray = field(repr=False)
    relu: np.ndarray = field(repr=False)
    pooled: np.ndarray = field(repr=False)
    pool_size: int
    pool_strides: int

    @cached_property
    def windows(self) -> tuple[Window, ...]:
        """Every place of the kernel, row by row from the top left."""
        (above, left), padded = _padded(self.image, self.kernel.shape, self.strides, self.padding)
        height, width = self.kernel.shape
        places = [(row, column) for row in range(len(self.feature_map)) for column in range(self.feature_map.shape[1])]
        found = []
        for row, column in places:
            y, x = row * self.strides[0], column * self.strides[1]
            pixels = padded[y : y + height, x : x + width]
            found.append(Window(row, column, y - above, x - left, pixels, self.kernel))
        return tuple(found)

    @property
    def num_steps(self) -> int:
        """How many steps there are to see: each window, the ReLU, each pool."""
        return self.feature_map.size + 1 + self.pooled.size

    def caption(self, step: int) -> str:
        """Say what happens in a step.

        Args:
            step: From 0; the windows come first, then the ReLU, then the pools.
        """
        kind, row, column = self.place(step)
        if kind == "window":
            return f"row {row + 1}, column {column + 1}: {self.windows[step].equation}"
        if kind == "relu":
            return "ReLU: what is negative becomes 0"
        pool = self.pool(row, column)
        shown = f"largest of {', '.join(f'{value:.3g}' for value in pool.flat)}"
        if pool.size > MOST_TERMS:
            shown = f"largest of {pool.size} values"
        return f"pool in row {row + 1}, column {column + 1}: {shown} = {self.pooled[row, column]:.4g}"

    def place(self, step: int) -> tuple[str, int, int]:
        """Tell what a step is, `"window"`, `"relu"` or `"pool"`, and in which row and column of its result.

        Raises:
            ValueError: where there is no such step.
        """
        if not is_whole(step, 0) or step >= self.num_steps:
            raise ValueError(f"There is no step {step!r}. Expected 0 to {self.num_steps - 1}.")
        if step < self.feature_map.size:
            return "window", *divmod(step, self.feature_map.shape[1])
        if step == self.feature_map.size:
            return "relu", 0, 0
        return "pool", *divmod(step - self.feature_map.size - 1, self.pooled.shape[1])

    def pool(self, row: int, column: int) -> np.ndarray:
        """Give the values of one pool, of which the largest is kept."""
        y, x = row * self.pool_strides, column * self.pool_strides
        return self.relu[y : y + self.pool_size, x : x + self.pool_size]

    def keras_model(self) -> Any:
        """Build the Keras model that computes it: `feature_map`, `relu` and `pool`, `(n, height, width, 1)`."""
        return _build(self.image.shape, self.kernel, self.strides, self.padding, (self.pool_size, self.pool_strides))

    def plot(self, step: int | None = None) -> Any:
        """Draw all of it with its numbers, or as far as one step; return the matplotlib Figure."""
        from recipes.plots import plot_convolution

        return plot_convolution(self, step)

    def save_page(self, path: Any) -> Path:
        """Write an HTML page whose slider moves the window, then takes the ReLU and the pools.

        Args:
            path: The file, which is replaced. Of more than 150 steps it shows 150, spread evenly; of an image of more
                than 32 pixels a side 36.

        Returns:
            The path.
        """
        from recipes.plots import save_page

        most = MOST_PHOTOGRAPHS if max(self.image.shape) > LARGE else MOST_FRAMES
        steps = np.unique(np.linspace(0, self.num_steps - 1, most).astype(int)).tolist()
        text = (
            f"The kernel moves over the image of {_size(self.image)}: each time its {self.kernel.size} weights are "
            "multiplied with the pixels below, and the products' sum is one value of the feature map."
        )
        if len(steps) < self.num_steps:
            text += f" Of its {self.num_steps:,} steps {len(steps)} are shown."
        frames = ((self.plot(step), self.caption(step)) for step in steps)
        return save_page(path, "Convolution, ReLU and max pooling", frames, text=text)

    def __repr__(self) -> str:
        return f"<Convolution {self._way()}>"

    def __str__(self) -> str:
        parts = {
            "image": self.image, "kernel": self.kernel, "feature map": self.feature_map, "ReLU": self.relu,
            f"{self.pool_size}×{self.pool_size} max pool": self.pooled,
        }  # fmt: skip
        blocks = [f"{name} ({_size(values)})\n{_as_text(values)}" for name, values in parts.items()]
        return "\n\n".join([self._way(), *blocks, self.caption(0)])

    def _repr_html_(self) -> str:
        facts = {
            "kernel": _size(self.kernel), "strides": _size_of(self.strides), "padding": self.padding,
            "feature map": _size(self.feature_map), "pooled": _size(self.pooled), "first window": self.caption(0),
        }  # fmt: skip
        return as_html(f"Convolution of {_size(self.image)}", facts)

    def _way(self) -> str:
        return (
            f"{_size(self.image)} image, {_size(self.kernel)} kernel, strides {_size_of(self.strides)}, "
            f"{self.padding}: {_size(self.feature_map)}, pooled {_size(self.pooled)}"
        )


def _size(values: np.ndarray) -> str:
    return _size_of(values.shape)


def _size_of(sides: Sequence[int]) -> str:
    return "×".join(map(str, sides))


def _as_text(values: np.ndarray) -> str:
    """Write the numbers in columns; of many the corner."""
    corner = values[:12, :12]  # what fits on a line
    texts = [[f"{value:.4g}" for value in row] for row in corner]
    width = max(len(text) for row in texts for text in row)
    rows = [" ".join(text.rjust(width) for text in row) for row in texts]
    left_out = [f"... the first {_size(corner)} of them"] if corner.size < values.size else []
    return "\n".join([*rows, *left_out])


@known_arguments_only
def convolve(
    image: Any = IMAGE,
    kernel: Any = KERNEL,
    *,
    strides: int | Sequence[int] = 1,
    padding: str = "valid",
    pool_size: int = 2,
    pool_strides: int = 1,
) -> Convolution:
    """Run an image through Keras' Conv2D, ReLU and MaxPooling2D, and keep every step; the slide's example by default.

    feature_map[i, j] = Σ_uv image[i·s + u, j·s + v] · kernel[u, v], with s the strides: as everywhere in deep learning
    the kernel is not turned round. Computed in float64, so that whole numbers stay whole.

    Args:
        image: `(height, width)` of numbers, in any units.
        kernel: `(kernel height, kernel width)`.
        strides: How far the window moves; two numbers are down and to the right.
        padding: `"valid"`: the kernel stays within the image; `"same"`: zeros around it.
        pool_size: Side of a pool; 1 leaves all as it is.
        pool_strides: How far a pool moves. The slide's is 1; Keras' own default is the pool's size.

    Raises:
        DataError: for what holds no finite numbers.
        ValueError: for other than two axes, a kernel that does not fit, and settings that cannot be.

    References:
        LeCun, Bottou, Bengio and Haffner (1998), Gradient-based learning applied to document recognition, section II.
    """
    steps = (strides, strides) if isinstance(strides, int | np.integer) else strides
    is_pair = isinstance(steps, list | tuple) and len(steps) == 2
    if not is_pair or not all(is_whole(step, 1) for step in steps):
        raise ValueError(
            f"strides must be a whole number of at least 1, or two of them. Received: strides={strides!r}. "
            "Expected like 1 or (2, 1)."
        )
    if padding not in PADDINGS:
        raise ValueError(
            f"Unknown padding. Received: padding={padding!r}. Expected one of {', '.join(PADDINGS)}."
            f"{did_you_mean(padding, PADDINGS)}"
        )
    require_whole("pool_size", pool_size, 1)
    require_whole("pool_strides", pool_strides, 1)
    pixels, weights = _as_grid(image, "image"), _as_grid(kernel, "kernel")
    if padding == "valid" and (np.array(weights.shape) > pixels.shape).any():
        raise ValueError(
            f"A kernel of {_size(weights)} does not fit into an image of {_size(pixels)}. "
            "Pass a larger image, or padding='same'."
        )
    down, right = map(int, steps)
    pools = (int(pool_size), int(pool_strides))
    sides = _map_size(pixels.shape, weights.shape, (down, right), padding)
    if min(sides) < pools[0]:
        raise ValueError(
            f"A pool of {pools[0]}×{pools[0]} does not fit into a feature map of {_size_of(sides)}. "
            "Pass a larger image, or pool_size=1."
        )
    layers = _build(pixels.shape, weights, (down, right), padding, pools).layers
    values, maps = pixels[None, :, :, None], []  # (1, height, width, 1)
    for layer in layers:
        values = layer(values)
        maps.append(np.asarray(values)[0, :, :, 0])
    return Convolution(pixels, weights, (down, right), padding, maps[0], maps[1], maps[2], *pools)


def _as_grid(values: Any, name: str) -> np.ndarray:
    array = as_array(values, name)
    if array.ndim == 3 and array.shape[-1] == 1:
        array = array[..., 0]
    if array.ndim != 2 or array.dtype.kind not in "biuf":
        raise ValueError(
            f"{name} has shape {array.shape} and holds {array.dtype}. Expected numbers in rows and columns, "
            f"(height, width). Of a colour image pass one channel, {name}[:, :, 0]."
        )
    require_finite(array, name)
    return array.astype(np.float64)


def _map_size(
    image: tuple[int, ...], kernel: tuple[int, ...], strides: tuple[int, int], padding: str
) -> tuple[int, int]:
    """Compute the sides of the feature map as TensorFlow does."""
    spare = (0, 0) if padding == "same" else (kernel[0] - 1, kernel[1] - 1)
    return -(-(image[0] - spare[0]) // strides[0]), -(-(image[1] - spare[1]) // strides[1])


def _padded(
    image: np.ndarray, kernel: tuple[int, ...], strides: tuple[int, int], padding: str
) -> tuple[tuple[int, int], np.ndarray]:
    """Add the zeros around an image: how many above and to the left, and the image with them."""
    sides = _map_size(image.shape, kernel, strides, padding)
    needed = [max((n - 1) * s + k - side, 0) for n, s, k, side in zip(sides, strides, kernel, image.shape, strict=True)]
    before = needed[0] // 2, needed[1] // 2  # an odd zero comes last, as TensorFlow has it
    return before, np.pad(image, [(b, n - b) for b, n in zip(before, needed, strict=True)])


def _build(
    image: tuple[int, ...], kernel: np.ndarray, strides: tuple[int, int], padding: str, pools: tuple[int, int]
) -> Any:
    """Build the three layers, which share nothing with the process' own settings of dtype and order of axes."""
    import keras

    own: dict[str, Any] = {"dtype": "float64", "data_format": "channels_last"}
    model = keras.Sequential(
        [
            keras.Input((*image, 1), dtype="float64"),
            keras.layers.Conv2D(
                1, kernel.shape, strides, padding, use_bias=False, kernel_initializer="zeros", name="feature_map", **own
            ),
            keras.layers.ReLU(name="relu", dtype="float64"),
            keras.layers.MaxPooling2D(pools[0], pools[1], name="pool", **own),
        ]
    )
    model.get_layer("feature_map").set_weights([kernel[:, :, None, None]])
    return model
