"""A table that the free memory does not hold is refused before it is made, and what is counted is what runs take."""

import re
import textwrap
import tracemalloc

import pytest
from conftest import refused
from processes import run_python

from recipes import grok
from recipes.grokking.equations import equations, is_prime
from recipes.grokking.grok import PRESETS
from recipes.grokking.memory import require_memory, run_bytes
from recipes.grokking.networks import MLP, ONE_HOT, ONE_LAYER, PAPER
from recipes.running.memory import free_memory

FREE = 2e9  # bytes of memory that the tests say are free


@pytest.fixture(autouse=True)
def _little_memory(monkeypatch):
    monkeypatch.setattr("recipes.grokking.memory.free_memory", lambda: FREE)
    monkeypatch.setattr("recipes.grokking.equations.free_memory", lambda: FREE)


def needed(p, operation="x+y", network=MLP):
    return run_bytes(operation, p, 0.5, network, 512, 30_000)


@pytest.fixture
def no_table():
    """Next to nothing is allocated; the smallest of the tables that are refused takes 8 MB for each of its columns."""
    tracemalloc.start()
    yield
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 1e6


@pytest.mark.parametrize("preset", PRESETS)
@pytest.mark.parametrize("p", [None, 97, 113])
def test_presets_and_usual_tables_fit(preset, p):
    chosen = PRESETS[preset]
    for operation in (chosen.operation, "S5: xy"):
        arguments = (operation, p or chosen.p, 0.5, chosen.network, chosen.batch_size, chosen.max_steps)
        require_memory(*arguments)
        assert run_bytes(*arguments) < FREE / 2


@pytest.mark.usefixtures("no_table")
def test_a_table_too_large_is_refused_before_it_is_made():
    with refused(
        "x+y modulo p=9973 does not fit in the memory: evaluating its 99,460,729 equations takes about "
        "15,882.1 GB, and 2.0 GB are free. Expected p=479 at most."
    ):
        grok(p=9973, train_fraction=0.5)
    with refused(
        "The 99,460,729 equations take 6.4 GB of memory, and 2.0 GB are free. Received: p=9973. Expected a smaller p."
    ):
        equations("x+y", 9973)


@pytest.mark.usefixtures("no_table")
@pytest.mark.parametrize("operation", ["x+y", "x/y", "random"])
@pytest.mark.parametrize("p", [1009, 9973, 99_991, 10**18])
def test_the_p_that_would_fit_does(p, operation):
    with pytest.raises(ValueError, match=r"Expected p=(\d+) at most\.$") as caught:
        grok(operation=operation, p=p)
    fitting = int(str(caught.value).split("p=")[-1].split()[0])
    assert is_prime(fitting)
    require_memory(operation, fitting, 0.5, MLP, 64, 30_000)
    larger = next(q for q in range(fitting + 1, p) if is_prime(q))
    with pytest.raises(ValueError, match=f"p={larger} does not fit"):
        require_memory(operation, larger, 0.5, MLP, 64, 30_000)


@pytest.mark.usefixtures("no_table")
def test_where_no_p_would_fit(monkeypatch):
    monkeypatch.setattr("recipes.grokking.memory.free_memory", lambda: 1e8)
    mend = "Expected a smaller network or batch_size, or more free memory."
    for arguments in ({"operation": "S5: xy"}, {"p": 5}):
        with pytest.raises(ValueError, match=re.escape(mend)):
            grok(**arguments)


@pytest.mark.parametrize("network", [MLP, ONE_HOT, ONE_LAYER, PAPER], ids=["mlp", "one hot", "one layer", "paper"])
def test_all_logits_and_their_float64_are_counted(network):
    for p in (53, 509, 9973):
        assert needed(p, network=network) >= p * p * (p + 2) * (4 + 8)
    assert needed(101) < needed(103) < needed(107)


def test_wrong_arguments_are_told_apart_from_large_ones():
    with refused("p must be a whole number of at least 3. Received: p=2.5. Expected 53, 97 or 113, say."):
        grok(p=2.5)


def test_the_free_memory_is_a_number_of_bytes():
    assert 1e6 < free_memory() < 1e15


@pytest.mark.slow
@pytest.mark.parametrize(
    ("p", "network"), [(53, "MLP"), (307, "MLP"), (307, "ONE_LAYER"), (307, "ONE_HOT"), (97, "PAPER"), (307, "PAPER")]
)
def test_a_run_takes_the_memory_that_was_counted(p, network):
    # Pages of files, such as TensorFlow's code, may be taken back meanwhile, which is no less memory that the run took:
    # what of them was there before is not set against its own.
    script = textwrap.dedent("""
        import sys, threading, time
        from recipes.grokking import networks as network
        from recipes.grokking.memory import run_bytes
        from recipes.grokking.grok import grok

        def resident():
            with open("/proc/self/status") as file:
                held = dict(line.split(":", 1) for line in file)
            return [int(held[name].split()[0]) * 1024 for name in ("RssAnon", "RssFile")]

        def watch():
            while not ended.wait(0.005):
                for i, now in enumerate(resident()):
                    peak[i] = max(peak[i], now)

        p, chosen = int(sys.argv[1]), getattr(network, sys.argv[2])
        before = resident()
        peak, ended = [*before], threading.Event()
        watching = threading.Thread(target=watch)
        watching.start()
        grok(p=p, network=chosen, max_steps=3, verbose=0)
        ended.set()
        watching.join()
        taken = sum(peak) - sum(before)
        print(taken / run_bytes("x+y", p, 0.5, chosen, 64, 3))
    """)
    done = run_python("-c", script, str(p), network)
    assert 0.5 < float(done.stdout) < 2, done.stderr[-500:]
