"""Short texts that change when arrays, texts or settings do, and in which settings two runs differ."""

import hashlib
import itertools
import json
from collections.abc import Mapping
from typing import Any

import numpy as np


def checksum(held: Mapping[str, np.ndarray]) -> np.ndarray:
    """Compute the SHA-256 of arrays with their names, types and shapes, as 32 bytes."""
    digest = hashlib.sha256()
    for name in sorted(held):
        array = np.ascontiguousarray(held[name])
        digest.update(f"{name} {array.dtype.str} {array.shape}".encode())
        digest.update(array.tobytes())
    return np.frombuffer(digest.digest(), np.uint8)


def digest_of(*arrays: np.ndarray | None) -> str:
    """Make a short text that differs when any of the arrays does."""
    held = {str(i): array for i, array in enumerate(arrays) if array is not None}
    return checksum(held).tobytes().hex()[:16]


def digest_of_text(text: str | bytes, length: int = 16) -> str:
    """Make a short text that differs when this one does: the first digits of its SHA-256."""
    return hashlib.sha256(text.encode() if isinstance(text, str) else text).hexdigest()[:length]


def digest_of_json(value: Any, length: int = 16) -> str:
    """Make a short text that differs when this value does, in which the order of keys says nothing."""
    return digest_of_text(json.dumps(value, sort_keys=True), length)


def differing(before: Mapping[str, Any], now: Mapping[str, Any]) -> str:
    """Say which settings differ, and how, in words; empty where none do."""
    names = [name for name in {**before, **now} if before.get(name) != now.get(name)]
    return "; ".join(f"{name} was {', now '.join(_short(before.get(name), now.get(name)))}" for name in names)


def _short(before: Any, now: Any) -> list[str]:
    """Put two values in words, of long ones what stands where they part."""
    texts = [json.dumps(value) for value in (before, now)]
    alike = itertools.takewhile(lambda pair: pair[0] == pair[1], zip(*texts, strict=False))
    begin = max(0, len(list(alike)) - 20) if max(map(len, texts)) > 60 else 0
    return [
        ("..." if begin else "") + text[begin : begin + 57] + ("..." if len(text) > begin + 57 else "")
        if len(text) > 60
        else text
        for text in texts
    ]
