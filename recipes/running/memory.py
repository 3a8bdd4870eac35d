"""How much memory a program may still take, and how what it no longer needs is found."""

import gc
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


def free_memory() -> float:
    """Count the bytes that a program may still take, caches that make room included; infinite where nobody says."""
    try:
        lines = Path("/proc/meminfo").read_text().splitlines()
        return next(float(line.split()[1]) * 1024 for line in lines if line.startswith("MemAvailable:"))
    except (OSError, StopIteration):
        pass
    try:
        return float(os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE"))
    except (ValueError, OSError, AttributeError):
        return float("inf")


@contextmanager
def new_objects_alone() -> Iterator[None]:
    """Let Python look for cycles among the objects made within the block alone, and among all again thereafter.

    Of the half a million objects of TensorFlow and Keras none ever goes, and a search that makes thousands of models
    would look through them every few seconds. Nothing is done where somebody has frozen objects already.
    """
    if gc.get_freeze_count():
        yield
        return
    gc.collect()
    gc.freeze()
    try:
        yield
    finally:
        gc.unfreeze()
