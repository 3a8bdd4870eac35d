"""Compiled programs that are kept for the next model of the same kind: one cache for the whole package.

A kept program holds a graph and no model, no data and no numbers. What can be told of two models before they share one
is said in `training/engines/tensorflow/alike.py`.
"""

import threading
from collections import OrderedDict
from collections.abc import Hashable, Iterator
from typing import Any
from weakref import WeakKeyDictionary

MOST_PROGRAMS = 16  # shared ones, the least recently used of which go first


class Programs:
    """Programs by key: those that any model may use, and those of one model, which die with it.

    Args:
        most: Shared programs that are kept.
    """

    def __init__(self, most: int = MOST_PROGRAMS) -> None:
        self.most = most
        self._shared: OrderedDict[Hashable, Any] = OrderedDict()
        self._own: WeakKeyDictionary[Any, dict[Hashable, Any]] = WeakKeyDictionary()
        self._lock = threading.Lock()

    def get(self, key: Hashable, owner: Any = None) -> Any:
        """Return the program under this key, `None` if there is none; with an owner, one of that model's own."""
        with self._lock:
            if owner is not None:
                return self._own.get(owner, {}).get(key)
            if key in self._shared:
                self._shared.move_to_end(key)
            return self._shared.get(key)

    def put(self, key: Hashable, program: Any, owner: Any = None) -> None:
        """Keep a program; with an owner, for as long as that lives."""
        with self._lock:
            if owner is not None:
                self._own.setdefault(owner, {})[key] = program
                return
            self._shared[key] = program
            self._shared.move_to_end(key)
            while len(self._shared) > self.most:
                self._shared.popitem(last=False)

    def discard(self, key: Hashable) -> None:
        """Let a shared program go, where it is there."""
        with self._lock:
            self._shared.pop(key, None)

    def clear(self) -> None:
        """Let every program go; those that are running end first."""
        with self._lock:
            self._shared.clear()
            self._own.clear()

    def __len__(self) -> int:
        return len(self._shared)

    def __iter__(self) -> Iterator[Any]:
        """The shared programs, the least recently used one first."""
        return iter([*self._shared.values()])


PROGRAMS = Programs()


def clear_programs() -> None:
    """Free what was compiled so far in this process, for `fit`, `tune` and `grok`; the next run compiles anew.

    Models, runs and data are untouched. Worth calling in a long session that has trained many different architectures;
    some 2 MB of each compiled function stay with TensorFlow, which never gives them back.
    """
    PROGRAMS.clear()
