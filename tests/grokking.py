"""What the tests of grokking share: networks that compile in a moment, runs of seconds, and written-down histories."""

import os
import signal

from recipes.grokking.networks import Network
from recipes.grokking.step.optimizer import Optimizer
from recipes.grokking.step.steps import Trainer

SMALL = {
    "paper": Network(width=16, num_heads=2, hidden=24),
    "sinusoidal": Network(width=16, num_heads=4, hidden=24, positions="sinusoidal"),
    "one layer": Network(num_layers=1, width=16, num_heads=4, hidden=24, normalised=False),
    "three layers": Network(num_layers=3, width=8, num_heads=2, hidden=12),
    "mlp": Network("mlp", width=8, hidden=12),
    "one hot": Network("one_hot", width=8, hidden=12),
}
QUICK = {"p": 11, "network": SMALL["mlp"], "batch_size": 24, "verbose": 0}  # compiles in a moment


def press_ctrl_c_at_every_step(monkeypatch):
    """Have every block of steps begin with a Ctrl-C to this process."""
    steps = Trainer.steps

    def interrupted(self, state, first, last):
        os.kill(os.getpid(), signal.SIGINT)
        return steps(self, state, first, last)

    monkeypatch.setattr(Trainer, "steps", interrupted)


def trainer(network, table, dtype, *, optimizer=None, jit_compile=False):
    """A trainer of batches of 32, with the seeds that every test of exactness has."""
    model = network.build(table.num_tokens, seed=1, dtype=dtype)
    options = {"batch_size": 32, "seed": 0, "model": model, "jit_compile": jit_compile}
    return Trainer(table, network, optimizer or Optimizer(), **options)


def history(*rows):
    """The history of a run with these evaluations: step, accuracy, val_accuracy."""
    columns = zip(("step", "accuracy", "val_accuracy"), zip(*rows, strict=True), strict=True)
    return {name: list(column) for name, column in columns}
