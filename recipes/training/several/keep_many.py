"""What a call that trains many networks keeps on disk: what it was asked, and the state of each of its parts.

The folder holds a checkpoint that says which call it belongs to, and a folder of its own for each part of it: networks
in one program, or one that goes alone. Each is a `Checkpoint`, whole at every moment.
"""

import os
from collections.abc import Sequence
from typing import Any

from recipes.running.checkpoint import Checkpoint
from recipes.running.digests import digest_of_json
from recipes.training.engines.description import rate_of
from recipes.training.engines.engine import Job
from recipes.training.engines.resume import digest_of_data, settings_of


class KeptCall:
    """The folder of one call.

    Attributes:
        checkpoint: What says whose it is; to be closed.
        every: Epochs after which the state is written; `None` for whenever it costs next to nothing.

    Raises:
        OtherRunError: where another call wrote it, with what differs.
    """

    def __init__(
        self,
        folder: str | os.PathLike[str],
        every: int | None,
        jobs: Sequence[Job],
        engine: str,
        parts: Sequence[Sequence[int]],
    ) -> None:
        self.every = every
        settings = _settings(jobs, engine)
        self.checkpoint = Checkpoint(folder, settings)
        try:
            saved = self.checkpoint.load()
            self._settings = {"call": digest_of_json(settings), "parts": [[*part] for part in parts]}
            if saved is None:
                self.checkpoint.save({}, {})
        except BaseException:
            self.checkpoint.close()
            raise

    def of_part(self, number: int) -> Checkpoint:
        """Open the checkpoint of one part of the call."""
        return Checkpoint(self.checkpoint.folder / f"part_{number:03d}", {**self._settings, "part": number})


def _settings(jobs: Sequence[Job], engine: str) -> dict[str, Any]:
    """List what must stay the same, of each network that which it does not have in common with the first."""
    digests: dict[int, str] = {}
    each = []
    for job in jobs:
        if id(job.data) not in digests:
            digests[id(job.data)] = digest_of_data(job.data)
        plan, rate = job.plan, rate_of(job.model)
        own = settings_of(job.model, job.data, engine=engine, batch_size=plan.batch_size, shuffle=plan.shuffle,
                          seed=plan.seed, callbacks=plan.callbacks, digest=digests[id(job.data)])  # fmt: skip
        own |= {"epochs": plan.epochs, "patience": plan.patience}
        own |= {"learning_rate": rate} if rate is not None else {}
        each.append(own)
    first = each[0]
    found: dict[str, Any] = {"number of networks": len(jobs), **first}
    for k, own in enumerate(each[1:], start=1):
        found |= {f"{name} of network {k}": value for name, value in own.items() if value != first.get(name)}
    return found
