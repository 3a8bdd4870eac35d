"""A detector's grid of cells: what it asks of the head, and of targets `(n, rows, columns, 5)`."""

from collections.abc import Iterator
from typing import TypeGuard

import numpy as np

from cheatsheet.common.words import show_values
from cheatsheet.dataspec import DataSpec, Part, pair
from cheatsheet.finding import Finding
from cheatsheet.modelgraph import LayerSpec
from cheatsheet.modelspec import ModelSpec, OutputSpec
from cheatsheet.rules.outputs import at_output, judged_outputs
from cheatsheet.targets import FLAGS, PER_CELL, look_like_cells

ROW = "1, 0 or -1, then left, top, right, bottom"
# The layer that makes a confidence and a box of five numbers, and what its settings are where they are not known.
HEAD, REACH = "CellBoxes", 1.0


def cell_shape(model: ModelSpec, data: DataSpec) -> list[Finding]:
    """Find heads and targets of a detector that are no grids of five numbers a cell, or not the same grid."""
    found = []
    for output, part in _detections(model, data):
        grid = output.shape
        if (grid is not None and len(grid) != 4) or output.width not in (PER_CELL, None):
            gives = f"{output.width} numbers for each" if grid is None else _shown(grid)
            message = (
                f"The loss 'detection' compares (n, rows, columns, {PER_CELL}), a confidence and a box for each cell. "
                f"The model gives {gives}."
            )
            fix = "end in keras.layers.Conv2D(5, 1) and CellBoxes(), as python -m cheatsheet detection shows"
            found.append(at_output("cell_shape", "error", message, fix, model, output, data))
            continue
        if part is None:
            continue
        shape = part.array.shape
        if len(shape) != 4 or shape[-1] != PER_CELL:
            message = f"y has shape {shape}. The loss 'detection' expects (n, rows, columns, {PER_CELL}): {ROW}."
            fix = "write the boxes into cells with recipes.lecture.astronomy.detector.cell_targets(boxes, side)"
        elif grid is not None and any(a not in (b, None) for a, b in zip(grid[1:3], shape[1:3], strict=True)):
            message = (
                f"y has {shape[1]} x {shape[2]} cells, and the model gives {grid[1]} x {grid[2]}, so that no cell is "
                "compared with its own."
            )
            fix = "make both for images of one side: cell_targets(boxes, side), and a cell as large in the model"
        else:
            continue
        found.append(at_output("cell_shape", "error", message, fix, model, output, data))
    return found


def cell_head(model: ModelSpec, data: DataSpec) -> list[Finding]:
    """Find heads of a detector whose confidence leaves 0 .. 1, or whose boxes cannot be reached by the activation."""
    found = []
    for output, part in _detections(model, data):
        layer = model.layer(output.made_by)
        boxes = _boxes_of(part) if _is_grid(part) else np.empty((0, 4))
        if _makes_boxes(layer):
            before = [each.activation for each in model.before(layer) if each.activation not in (None, "linear")]
            if not before:
                continue
            message = f"{HEAD} applies sigmoid and exp by itself, and is given what {before[0]} has bounded already."
            fix = "leave the activation of the layer before out: keras.layers.Conv2D(5, 1)"
        elif output.activation in ("sigmoid", "hard_sigmoid"):
            if not len(boxes) or (boxes.min() >= 0 and boxes.max() <= 1):
                continue
            message = (
                f"The last activation is {output.activation}, so that boxes end between 0 and 1; those of y run from "
                f"{boxes.min():.4g} to {boxes.max():.4g}."
            )
            fix = "put CellBoxes() last, behind a linear layer, which gives boxes in pixels"
        elif output.activation is not None:
            wrong = "does not keep the confidence between 0 and 1"
            if output.activation == "softmax":
                wrong = "makes the five numbers of a cell sum to 1"
            message = f"The last activation is {output.activation}, which {wrong}. Expected sigmoid for it."
            fix = "put CellBoxes() last, behind a linear layer: sigmoid for the confidence, exp for the sides"
        else:
            continue
        found.append(at_output("cell_head", "error", message, fix, model, output, data))
    return found


def cell_values(model: ModelSpec, data: DataSpec) -> list[Finding]:
    """Find targets of a detector whose cells hold something else than 1, 0 or -1 and left, top, right, bottom."""
    found = []
    for output, part in _detections(model, data):
        if not _is_grid(part):
            continue
        flags, boxes = part.array[..., 0], _boxes_of(part)
        strange = np.setdiff1d(flags, FLAGS)
        turned = int(((boxes[:, 2] <= boxes[:, 0]) | (boxes[:, 3] <= boxes[:, 1])).sum())
        severity = "error"
        if len(strange):
            message = (
                f"The first of a cell's five numbers is 1 with an object, 0 without one, -1 where it is not asked. "
                f"y holds {show_values(strange)} there."
            )
            last = np.isin(part.array[..., -1], FLAGS).all()
            fix = "put it first: y[..., [4, 0, 1, 2, 3]]" if last else "write 1 for an object; overlap is found anew"
        elif turned:
            message = (
                f"Of the {len(boxes):,} cells with an object {turned:,} have a box whose right is not right of its "
                "left, or whose bottom is not below its top, so that it has no area."
            )
            fix = "give left, top, right, bottom; of x, y, width and height these are x, y, x + width, y + height"
        elif not len(boxes) and not data.where and not data.of_trained:
            severity, message = (
                "warning",
                f"None of the {flags.size:,} cells of y has an object: nothing is to be found.",
            )
            fix = "look where the boxes were lost"
        else:
            continue
        found.append(at_output("cell_values", severity, message, fix, model, output, data))
    return found


def cell_reach(model: ModelSpec, data: DataSpec) -> list[Finding]:
    """Find boxes of y whose middle the cells that answer for them cannot reach: other units, or another stride."""
    found = []
    for output, part in _detections(model, data):
        layer = model.layer(output.made_by)
        if not _makes_boxes(layer) or not _is_grid(part):
            continue
        stride, reach = layer.settings.get("stride"), layer.settings.get("reach", REACH)
        if not stride:
            continue
        _, row, column = np.nonzero(part.array[..., 0] == 1)
        boxes = _boxes_of(part)
        away = (boxes[:, :2] + boxes[:, 2:]) / 2 / stride - np.stack([column, row], axis=1) - 0.5  # cells
        beyond = int((np.abs(away) > 0.5 + reach).any(axis=1).sum())
        if not beyond:
            continue
        rows, columns = part.array.shape[1:3]
        message = (
            f"Of the {len(boxes):,} cells with an object {beyond:,} have a box whose middle lies more than {reach:g} "
            f"{'cell' if reach == 1 else 'cells'} away, which {HEAD}(stride={stride:g}) cannot reach: its "
            f"{columns} x {rows} cells are {stride * columns:g} x {stride * rows:g} pixels."
        )
        fix = (
            "give boxes in pixels of the image, as left, top, right, bottom, and the stride that is the image's side "
            "over the number of cells"
        )
        severity = "error" if 2 * beyond > len(boxes) else "warning"
        found.append(at_output("cell_reach", severity, message, fix, model, output, data))
    return found


def cells_as_numbers(model: ModelSpec, data: DataSpec) -> list[Finding]:
    """Find cells of a detector under a loss for numbers, which learns the empty boxes and the cells not asked too."""
    found = []
    for output, part in judged_outputs(model, data):
        if part is None or not look_like_cells(part.array):
            continue
        message = (
            f"y holds cells of a detector ({ROW}), and {output.loss} compares the boxes of empty cells and the cells "
            "that are not asked like all others."
        )
        fix = "compile with recipes.losses.Detection(), as python -m cheatsheet detection shows"
        found.append(at_output("cells_as_numbers", "error", message, fix, model, output, data))
    return found


def _detections(model: ModelSpec, data: DataSpec) -> Iterator[tuple[OutputSpec, Part | None]]:
    """Give each output under the loss of a detector, with the target for it where there is one."""
    if model.has_own_step:
        return
    targets = {id(output): part for output, part in pair(model.outputs, data.y)}
    for output in model.outputs:
        if output.loss == "detection" and not output.is_own_loss:
            yield output, targets.get(id(output))


def _makes_boxes(layer: LayerSpec | None) -> TypeGuard[LayerSpec]:
    """Is this the layer that makes a confidence and a box of five numbers?"""
    return layer is not None and layer.kind == HEAD and layer.home == "recipes"


def _is_grid(part: Part | None) -> TypeGuard[Part]:
    """Are these five finite numbers a cell?"""
    if part is None or not part.is_number or not part.is_finite:
        return False
    return part.array.ndim == 4 and part.array.shape[-1] == PER_CELL


def _boxes_of(grid: Part) -> np.ndarray:
    """Give the boxes of the cells that have an object, `(k, 4)`."""
    return grid.array[grid.array[..., 0] == 1][:, 1:]


def _shown(shape: tuple[int | None, ...]) -> str:
    return f"({', '.join(['n', *('?' if size is None else str(size) for size in shape[1:])])})"
