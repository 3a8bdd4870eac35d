"""How much memory does a run take, before it takes it? A table has p * p equations of p + 2 logits each.

Counted from the largest arrays that live at one time, in bytes; a run's true peak is within a factor of two
(`tests/test_grokking_memory.py`). The memory of a GPU is not looked at.
"""

from collections.abc import Callable

from recipes.grokking.equations import PERMUTATIONS, TABLE_BYTES, is_prime, table_size
from recipes.grokking.networks import Network
from recipes.grokking.operations import Binary
from recipes.grokking.phases import next_evaluation
from recipes.grokking.step.steps import CHUNK_STEPS
from recipes.running.memory import free_memory

SINGLE, DOUBLE = 4, 8  # bytes of a float32 and of a float64
COMPILING = 150_000_000  # what TensorFlow and XLA take for themselves, and as much again for each attention
FLAT_VECTORS = 12  # as long as all weights: the state before and after a step, the gradient, and what they pass through


def require_memory(
    operation: str | Binary, p: int, train_fraction: float, network: Network, batch_size: int, max_steps: int
) -> None:
    """Require enough memory for a run of these arguments of `grok`.

    Raises:
        ValueError: where it would take more than is free, with the p that would fit.
    """

    def needed(p: int) -> float:
        return run_bytes(operation, p, train_fraction, network, batch_size, max_steps)

    need, free = needed(p), free_memory()
    if need <= free:
        return
    rows, _ = table_size(operation, p, train_fraction)
    mend = "a smaller network or batch_size, or more free memory"
    if operation not in PERMUTATIONS:
        fitting = _largest_prime(p, lambda smaller: needed(smaller) <= free)
        mend = mend if fitting is None else f"p={fitting} at most"
    name = operation if isinstance(operation, str) else getattr(operation, "__name__", "the operation")
    table = name if operation in PERMUTATIONS else f"{name} modulo p={p}"
    raise ValueError(
        f"{table} does not fit in the memory: evaluating its {rows:,} equations takes about {need / 1e9:,.1f} GB, "
        f"and {free / 1e9:,.1f} GB are free. Expected {mend}."
    )


def run_bytes(
    operation: str | Binary, p: int, train_fraction: float, network: Network, batch_size: int, max_steps: int
) -> float:
    """Estimate the bytes at the peak of a run; not less than all its large arrays together."""
    rows, num_train = table_size(operation, p, train_fraction)
    tokens = (120 if operation in PERMUTATIONS else p) + 2
    batch = min(batch_size, -(-num_train // 2))
    num_layers = network.num_layers if network.kind == "transformer" else 1
    at_once = max(
        _activations(network, rows, tokens),
        _loss(rows, num_train, tokens),
        1.5 * num_layers * _activations(network, batch, tokens),  # kept for the gradient, beside its own
    )
    orders = 2 * DOUBLE * num_train * max(1, CHUNK_STEPS * batch // num_train)
    weights = 2 * tokens * network.width
    weights += num_layers * (4 * network.width**2 + 2 * network.width * network.hidden)
    # each on its own, and all in one array at the end
    embeddings = 2 * SINGLE * _num_evaluations(max_steps) * tokens * network.width
    compiling = COMPILING * (1 + num_layers if network.kind == "transformer" else 1)
    return compiling + TABLE_BYTES * rows + at_once + orders + FLAT_VECTORS * SINGLE * weights + embeddings


def _activations(network: Network, rows: int, tokens: int) -> float:
    """Count the bytes that live at one time while logits are computed: inside the network, or at its end."""
    if network.kind == "mlp":
        inside = 3 * network.hidden  # what x and y give, and their sum
    elif network.kind == "one_hot":
        inside = 3 * network.width + network.hidden
    else:
        positions = 1 if network.num_layers == 1 else 2  # those of y and of the equals sign depend on both operands
        inside = positions * (2 * network.hidden + 6 * network.width)
    at_the_end = network.hidden + 3 * tokens  # logits, with their bias, transposed
    return float(SINGLE * rows * max(inside, at_the_end))


def _loss(rows: int, num_train: int, tokens: int) -> float:
    """Count the bytes of the logits, and beside them of what their crossentropy or their waves are computed with."""
    return tokens * (SINGLE * rows + max((SINGLE + DOUBLE) * rows, 3.0 * DOUBLE * num_train))


def _num_evaluations(max_steps: int) -> int:
    """Count evaluations before the validation set is known; nobody can say for how long they are closer after that."""
    step = count = 0
    while step < max_steps:
        count += 1
        step = next_evaluation({"step": [step], "val_accuracy": [0.0]})
    return count + 1


def _largest_prime(p: int, fits: Callable[[int], bool]) -> int | None:
    """Find the largest prime number below p that fits; `fits` is false from some number on."""
    low, high = 2, p
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if fits(middle) else (low, middle)
    return next((number for number in range(low, 2, -1) if is_prime(number) and fits(number)), None)
