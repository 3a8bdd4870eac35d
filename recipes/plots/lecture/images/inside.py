"""What a CNN does inside: kernels, feature maps, exciting patches, and what hiding parts of an image costs."""

from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from matplotlib.patheffects import withStroke

from recipes.lecture.images.reach import range_of
from recipes.plots.lecture.images.pictures import as_picture, draw_rows
from recipes.plots.style import POINTS, VALIDATION, new_ax, new_figure

TILE = 0.75  # inches, of a picture among many
MOST_LAYERS = 9  # drawn, the first and the last among them
MOST_TILES = 10  # of a row
MOST_KERNELS = 48
OUTSIDE = 1.0  # white: what a unit at the image's edge would see beyond


def plot_kernels(kernels: Any, ax: Axes | None = None) -> Axes:
    """Show a convolution's kernels, one tile each, of the same scale: white excites, black inhibits, grey is 0.

    Over three channels they are colours. Over any other number above one each column is a unit, each row a channel.

    Args:
        kernels: What `recipes.lecture.images.inside.kernels` returns.
        ax: Where to draw; a new figure without it.
    """
    values = kernels.values
    height, width, before, units = values.shape
    scale = float(np.abs(values).max()) or 1.0
    pictures = np.clip(0.5 + values / (2 * scale), 0, 1)
    if before in (1, 3):
        shown = min(units, MOST_KERNELS)
        columns = min(shown, 2 * MOST_TILES if shown > 2 * MOST_TILES else max(8, -(-shown // 2)))
        tiles = [pictures[..., unit] if before == 3 else pictures[:, :, 0, unit] for unit in range(shown)]
        rows = [tiles[i : i + columns] for i in range(0, shown, columns)]
        names = [f"units {i} to {min(i + columns, shown) - 1}" for i in range(0, shown, columns)]
    else:
        shown, channels = min(units, MOST_TILES), min(before, MOST_LAYERS)
        rows = [[pictures[:, :, channel, unit] for unit in range(shown)] for channel in range(channels)]
        names = [f"channel {channel}" for channel in range(channels)]
    ax = ax or new_ax((1.2 + TILE * max(map(len, rows)), 0.5 + TILE * len(rows) * height / width))
    draw_rows(ax, rows, names)
    left_out = "" if shown == units else f", the first {shown} of {units}"
    ax.set_title(
        f"{kernels.layer}: {height}×{width} kernels{left_out}; white {scale:.2g}, grey 0, black {-scale:.2g}",
        loc="left", fontsize=POINTS,
    )  # fmt: skip
    return ax


def plot_feature_maps(maps: Any, ax: Axes | None = None) -> Axes:
    """Show what each layer makes of an image, a row each: the maps of the largest mean, each on its own scale.

    Args:
        maps: What `recipes.lecture.images.inside.feature_maps` returns.
        ax: Where to draw; a new figure without it.
    """
    chosen = np.unique(np.linspace(0, len(maps.layers) - 1, MOST_LAYERS).round().astype(int))
    layers = [maps.layers[i] for i in chosen]
    rows, notes = [[as_picture(maps.image)]], [[""]]
    for layer in layers:
        strongest = np.argsort(-np.abs(layer.values).mean(axis=(0, 1)), kind="stable")[:MOST_TILES]
        rows.append([_stretched(layer.values[..., unit]) for unit in strongest])
        notes.append([str(unit) for unit in strongest])
    names = [f"{layer.layer}\n{'×'.join(map(str, layer.values.shape))}" for layer in layers]
    width = max(sum(tile.shape[1] / tile.shape[0] for tile in row) for row in rows)
    ax = ax or new_ax((1.4 + 1.05 * TILE * width, 0.3 + 1.3 * TILE * len(rows)))
    draw_rows(ax, rows, ["image", *names], notes)
    of = f"{len(layers)} of {len(maps.layers)} layers; " if len(layers) < len(maps.layers) else ""
    ax.set_title(f"{of}of each layer the strongest units, by number, from black to white each on its own scale",
                 loc="left", fontsize=POINTS)  # fmt: skip
    return ax


def _stretched(values: np.ndarray) -> np.ndarray:
    low, high = float(values.min()), float(values.max())
    return (values - low) / (high - low) if high > low else np.zeros(values.shape)


def plot_patches(patches: Any, ax: Axes | None = None) -> Axes:
    """Show the parts of images that excite a unit most, the strongest first, each with the unit's activation below.

    Args:
        patches: What `recipes.lecture.images.inside.exciting_patches` returns.
        ax: Where to draw; a new figure without it.
    """
    found = patches.patches
    limits = range_of(np.concatenate([patch.pixels.ravel() for patch in found]))
    height, width = (max(sizes) for sizes in zip(*(patch.seen.size for patch in found), strict=True))
    tiles = [_framed(as_picture(patch.pixels, limits), patch.seen, (height, width)) for patch in found]
    columns = min(len(tiles), MOST_TILES)
    rows = [tiles[i : i + columns] for i in range(0, len(tiles), columns)]
    notes = [[f"{patch.activation:.3g}" for patch in found[i : i + columns]] for i in range(0, len(tiles), columns)]
    ax = ax or new_ax((0.6 + 1.3 * TILE * columns * width / height, 0.4 + 1.6 * TILE * len(rows)))
    draw_rows(ax, rows, [""] * len(rows), notes)
    ax.set_title(
        f"unit {patches.unit} of {patches.layer} sees {height}×{width}; its activation below",
        loc="left",
        fontsize=POINTS,
    )
    return ax


def _framed(picture: np.ndarray, field: Any, size: tuple[int, int]) -> np.ndarray:
    """Put a part that an edge of the image has cut to where it would lie in a whole one."""
    framed = np.full((*size, *picture.shape[2:]), OUTSIDE)
    spare = size[0] - picture.shape[0], size[1] - picture.shape[1]
    top, left = (spare[0] if field.top == 0 else 0), (spare[1] if field.left == 0 else 0)
    framed[top : top + picture.shape[0], left : left + picture.shape[1]] = picture
    return framed


def plot_occlusion(occlusion: Any) -> Figure:
    """Draw an image, and how far the class' probability falls where it is hidden; return the Figure.

    Args:
        occlusion: What `recipes.lecture.images.occlusion.occlusion_map` returns.
    """
    height, width = occlusion.image.shape[:2]
    figure = new_figure((7.4, 0.8 + 3.0 * height / width))
    left, right = figure.subplots(1, 2)
    left.imshow(as_picture(occlusion.image), cmap="gray", vmin=0, vmax=1, interpolation="nearest")
    top, first = occlusion.worst
    frame = Rectangle((first - 0.5, top - 0.5), occlusion.patch, occlusion.patch, fill=False, edgecolor=VALIDATION,
                      linewidth=2, gid="worst", path_effects=[withStroke(linewidth=4, foreground="white")])  # fmt: skip
    left.add_patch(frame)
    without = occlusion.value - occlusion.falls.max()
    left.set_title(
        f"class {occlusion.target}: {occlusion.quantity} {occlusion.value:.4g},\n{without:.4g} without what is framed",
        loc="left", fontsize=POINTS,
    )  # fmt: skip
    drawn = right.imshow(occlusion.by_pixel, cmap="cividis", interpolation="nearest")
    bar = figure.colorbar(drawn, ax=right, shrink=0.8)
    bar.set_label(f"fall of the {occlusion.quantity}", fontsize=POINTS)
    right.set_title(
        f"hidden square by square of {occlusion.patch}×{occlusion.patch};\neach pixel: mean of its squares",
        loc="left", fontsize=POINTS,
    )  # fmt: skip
    for ax in (left, right):
        ax.set(xticks=[], yticks=[])
    return figure
