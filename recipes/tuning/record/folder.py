"""The folder of a search: which files in it are the search's own, so that nothing else is ever deleted.

    search.json                   what the search is
    oracle.json                   keras-tuner's
    lock, worker-0.alive          who works on it
    worker-0.fatal.json           why a worker ended the search
    trial_0007/record.jsonl       the truth
    trial_0007/trial.json         keras-tuner's
    trial_0007/state-0/           a checkpoint for each training
    trial_0007/scored-0.npz       the weights of a training at its best epoch, where it would not come back the same

and, for as long as one of them is being written, its name with `.<process>.tmp` behind it.
"""

import contextlib
import json
import re
from pathlib import Path
from typing import Any

from recipes.running.checkpoint import remove_state
from recipes.running.files import remove_files
from recipes.tuning.record.journal import TRIAL_FOLDER

SETTINGS = "search.json"
WEIGHTS = re.compile(r"scored-\d+\.npz")
_LEFTOVER = re.compile(rf"((search|oracle|trial)\.json|{WEIGHTS.pattern})\.\d+\.tmp")
_OF_SEARCH = re.compile(rf"oracle\.json|{_LEFTOVER.pattern}")
_OF_TRIAL = re.compile(rf"record\.jsonl|trial\.json|{WEIGHTS.pattern}|{_LEFTOVER.pattern}")
_STATE = re.compile(r"(state|inherited)-\d+")  # the latter of an earlier version
_BEFORE = re.compile(r"lock|.+\.alive|search\.json\.\d+\.tmp")  # what may lie there before search.json does
_KEYS = {"tuner", "objective", "space", "epochs", "seed"}  # that every search has had
MOST_NAMES = 5  # of files, in an error


class OtherSearchError(ValueError):
    """A folder holds another search, or something else, so this one is not kept there."""


def require_own(folder: Path) -> None:
    """Require a folder in which a search may be kept: one's already, or new, or empty.

    Raises:
        OtherSearchError: where it is none, naming what lies there.
    """
    if not folder.exists():
        return
    if not folder.is_dir():
        raise OtherSearchError(f"{folder} is a file. A search is kept in a folder: name an empty or a new one.")
    if settings_in(folder) is not None:
        return
    strange = sorted(
        f"{path.name}/" if path.is_dir() else path.name for path in folder.iterdir() if not _BEFORE.fullmatch(path.name)
    )
    if strange:
        more = f" and {len(strange) - MOST_NAMES} more" if len(strange) > MOST_NAMES else ""
        raise OtherSearchError(
            f"{folder} holds {', '.join(strange[:MOST_NAMES])}{more}, but no search. "
            "A search is kept in a folder of its own: name an empty or a new directory."
        )


def settings_in(folder: Path) -> dict[str, Any] | None:
    """Read what the search in this folder is; `None` where there is none.

    Raises:
        OtherSearchError: where a file of the same name is something else.
    """
    path = folder / SETTINGS
    if not path.exists():
        return None
    found: Any = None
    with contextlib.suppress(ValueError, OSError):
        found = json.loads(path.read_text())
    if not isinstance(found, dict) or not found.keys() >= _KEYS:
        raise OtherSearchError(f"{path} is no search's. Name an empty or a new directory.")
    return found


def clear(folder: Path) -> None:
    """Delete the trials of a search; files that are not its own stay, and so do the folders that they lie in."""
    for trial in list(folder.iterdir()):
        if not TRIAL_FOLDER.fullmatch(trial.name) or not trial.is_dir():
            continue
        for state in list(trial.iterdir()):
            if _STATE.fullmatch(state.name) and state.is_dir():
                remove_state(state)
        remove_files(trial, _OF_TRIAL)
        with contextlib.suppress(OSError):  # it is not empty, or only a link
            trial.rmdir()
    remove_files(folder, _OF_SEARCH)


def remove_leftovers(folder: Path) -> None:
    """Delete what a process that was killed while it wrote has left; of states, their checkpoint does so."""
    for place in (folder, *folder.iterdir()):
        if place == folder or (TRIAL_FOLDER.fullmatch(place.name) and place.is_dir()):
            remove_files(place, _LEFTOVER)


def let_go(trial: Path) -> None:
    """Delete the states and weights of a trial that nobody will need."""
    with contextlib.suppress(OSError):  # the next search that is cleared takes what is left
        remove_files(trial, WEIGHTS)
        for state in list(trial.iterdir()):
            if _STATE.fullmatch(state.name) and state.is_dir():
                remove_state(state)
