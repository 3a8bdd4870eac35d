"""From a target `y` to the loss, the last activation and the width of the last layer.

Standard library and NumPy alone: importing it loads neither Keras nor TensorFlow. Where to start reading:
`table.py` holds the cheatsheet, `targets.py` reads a `y`, `head.py` joins the two; `modelspec.py` and `dataspec.py`
describe a model and its data, `rules/` find what does not fit together, `check.py` asks them all.
"""

from cheatsheet.chance import chance_loss, least_loss
from cheatsheet.check import check
from cheatsheet.finding import DataError, Finding
from cheatsheet.fix import Fixed, fix
from cheatsheet.head import Head, head
from cheatsheet.table import EXTENDED, LECTURE, TABLE, TASKS, Row, lookup
from cheatsheet.targets import Inference, infer_task

__all__ = [
    "EXTENDED",
    "LECTURE",
    "TABLE",
    "TASKS",
    "DataError",
    "Finding",
    "Fixed",
    "Head",
    "Inference",
    "Row",
    "chance_loss",
    "check",
    "fix",
    "head",
    "infer_task",
    "least_loss",
    "lookup",
]
