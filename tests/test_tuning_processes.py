"""Searches that are killed, and searches by several processes, with real processes and real signals."""

import json
import os
import re
import runpy
import signal
import socket
import subprocess
import textwrap
import time
from collections import Counter

import numpy as np
import pytest
from processes import MOST_SECONDS, RESTORE_CTRL_C, kill_after

from recipes import tune
from recipes.tuning.record.journal import RECORD

SCRIPT = RESTORE_CTRL_C + textwrap.dedent("""
    import json, sys
    import numpy as np
    from recipes import tune

    x = np.random.default_rng(0).normal(size=(80, 4)).astype("float32")
    y = (x[:, 0] + x[:, 1] > 0).astype("int32")
    space = {"num_layers": (1, 2), "units": [4, 8], "dropout": (0.1, 0.3), "learning_rate": (1e-3, 1e-1, "log")}

    if __name__ == "__main__":
        folder, trials, workers = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
        print("ready", flush=True)
        search = tune(x, y, max_trials=trials, epochs=40, space=space, directory=folder, workers=workers, verbose=0,
                      tuner=sys.argv[4] if len(sys.argv) > 4 else "random")
        print(json.dumps([[t.number, t.hyperparameters, t.score, t.status] for t in search.trials]))
""")


@pytest.fixture
def start(tmp_path, start_python):
    """Starts the script; whatever still runs at the end is killed."""
    path = tmp_path / "search.py"
    path.write_text(SCRIPT)

    def start(*arguments, **environment):
        return start_python(path, *map(str, arguments), cwd=tmp_path, env={**os.environ, **environment})

    return start


def table(process):
    """What the script printed at its end, and nothing but "ready" before it."""
    out, errors = process.communicate(timeout=MOST_SECONDS)
    assert process.returncode == 0, errors[-2000:]
    *before, last = out.splitlines()
    assert before in ([], ["ready"])
    return json.loads(last)


def events(folder):
    """How often each event stands in the record of each trial."""
    return {
        path.parent.name: Counter(
            next(iter(json.loads(line.split(" ", 1)[1]))) for line in path.read_text().splitlines()
        )
        for path in sorted(folder.glob(f"trial_*/{RECORD}"))
    }


def searched(folder, trials, tuner="random"):
    """The same search, in this process."""
    given = runpy.run_path(str(folder.parent / "search.py"))
    options = {"max_trials": trials, "epochs": 40, "space": given["space"], "tuner": tuner, "verbose": 0}
    return tune(given["x"], given["y"], directory=folder, **options)


def alone(folder, trials, tuner="random"):
    """The table of the same search, in this process and not stopped there."""
    found = searched(folder, trials, tuner)
    return json.loads(json.dumps([[t.number, t.hyperparameters, t.score, t.status] for t in found.trials]))


def killed_and_killed(start, tmp_path, kills, trials, tuner, *, ends_here=False):
    """Kill it so many times; what it ends with, in one more process or in this one, is the table of an unharmed one."""
    whole = alone(tmp_path / "whole", trials, tuner)
    rng = np.random.default_rng(0)
    for _ in range(kills):
        process = start(tmp_path / "killed", trials, 1, tuner)
        assert process.stdout.readline() == "ready\n"
        kill_after(rng.uniform(0.2, 2.0), process)
    if ends_here:
        assert alone(tmp_path / "killed", trials, tuner) == whole
    else:
        assert table(start(tmp_path / "killed", trials, 1, tuner)) == whole
    assert len(whole) == trials
    done, beyond = {("ended", 1), ("execution", 1), ("started", 1)}, {("started", 1)}  # to settle the last wave
    found = [{*counts.items()} for counts in events(tmp_path / "killed").values()]
    assert found == [done] * trials + [beyond] * (len(found) - trials)
    assert not list((tmp_path / "killed").rglob("*.tmp"))


@pytest.mark.slow
def test_killed_it_ends_with_the_same_table(start, tmp_path):
    killed_and_killed(start, tmp_path, kills=1, trials=8, tuner="random", ends_here=True)


@pytest.mark.slow
@pytest.mark.parametrize("tuner", ["random", "bayesian"])
def test_thirty_kills_of_twenty_trials(start, tmp_path, tuner):
    killed_and_killed(start, tmp_path, kills=30, trials=20, tuner=tuner)


def children(process):
    """The workers among the processes that it has started."""
    command = ["pgrep", "-P", str(process.pid), "-f", "spawn_main"]
    found = subprocess.run(command, capture_output=True, text=True, timeout=MOST_SECONDS, check=False)
    return list(map(int, found.stdout.split()))


def wait_for(condition, seconds=120):
    end = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < end, "not in time"
        time.sleep(0.05)
    return found


@pytest.mark.slow
def test_two_workers_one_of_them_killed(start, tmp_path):
    expected = table(start(tmp_path / "unharmed", 10, 2))
    assert [row[:2] for row in expected] == [row[:2] for row in alone(tmp_path / "alone", 10)]  # trained in waves
    together = start(tmp_path / "together", 10, 2)
    victim = wait_for(lambda: len(children(together)) == 2 and children(together))[0]
    wait_for(lambda: list((tmp_path / "together").glob(f"trial_*/{RECORD}")))
    os.kill(victim, signal.SIGKILL)
    found = table(together)
    assert [row[:2] for row in found] == [row[:2] for row in expected]  # the same configurations
    np.testing.assert_allclose([row[2] for row in found], [row[2] for row in expected], rtol=1e-3)
    assert {row[3] for row in found} == {"completed"}
    assert all(count == {"started": 1, "execution": 1, "ended": 1} for count in events(tmp_path / "together").values())
    assert not list((tmp_path / "together").glob("*.alive"))
    search = searched(tmp_path / "together", 10)  # with other threads than its workers had
    best = search.best_trial
    assert (tmp_path / "together" / f"trial_{best.id}" / "scored-0.npz").exists()
    assert len(list((tmp_path / "together").glob("trial_*/scored-*"))) <= 3  # those that were best at nearly one time
    loss = search.best_model.evaluate(*search.problem.validation, verbose=0)[0]
    assert loss == pytest.approx(best.score, abs=1e-6)


FATAL = textwrap.dedent("""
    import pathlib, sys
    import keras, keras_tuner
    import numpy as np
    from keras_tuner import errors
    from recipes import tune

    class Full(errors.FatalValueError):
        pass

    class Own(keras.Sequential):  # whose code alone knows what it measures
        def test_step(self, data):
            return super().test_step(data)

    def build(hp):
        kind = keras.Sequential if sys.argv[2] == "val_loss" else Own
        model = kind([keras.Input((4,)), keras.layers.Dense(hp.Int("units", 1, 90)),
                                  keras.layers.Dense(1)])
        model.compile("sgd", "mean_squared_error")
        if pathlib.Path("full").exists() and len(list(pathlib.Path("s").glob("trial_*"))) > 2:
            raise Full("the disk is full")
        return model

    x = np.random.default_rng(0).normal(size=(80, 4)).astype("float32")
    if __name__ == "__main__":
        kind = keras_tuner.Objective(sys.argv[2], "min")
        try:
            found = tune(x, x[:, 0], hypermodel=build, max_trials=6, epochs=2, directory="s", workers=int(sys.argv[1]),
                         objective=kind, verbose=0)
            print(len(found.completed), len(found.trials))
        except ValueError as error:
            print(type(error).__name__, error, *getattr(error, "__notes__", []), sep=" | ")
""")


@pytest.mark.slow
def test_a_fatal_error_in_a_worker_ends_the_search_which_goes_on_later(start, tmp_path):
    (tmp_path / "search.py").write_text(FATAL)
    (tmp_path / "full").touch()
    out, errors = start(2, "val_loss").communicate(timeout=300)
    assert re.fullmatch(r"FatalValueError \| the disk is full \| in worker-[01]\n", out), errors[-2000:]
    assert all(
        set(record) in ({"started"}, {"started", "execution", "ended"}) for record in events(tmp_path / "s").values()
    )
    (tmp_path / "full").unlink()
    out, errors = start(2, "val_loss").communicate(timeout=300)
    assert out == "6 6\n", errors[-2000:]
    assert not list((tmp_path / "s").glob("*.fatal.json"))


@pytest.mark.slow
def test_an_objective_that_no_worker_measures_ends_the_search(start, tmp_path):
    (tmp_path / "search.py").write_text(FATAL)
    out, errors = start(2, "val_bliss").communicate(timeout=300)
    assert out.startswith("NotMeasured | objective='val_bliss' is not among what is measured: loss, val_loss."), errors


@pytest.mark.slow
def test_workers_end_with_their_chief(start, tmp_path):
    together = start(tmp_path / "s", 200, 2)
    workers = wait_for(lambda: len(children(together)) == 2 and children(together))
    wait_for(lambda: list(tmp_path.glob(f"s/trial_*/{RECORD}")))
    together.send_signal(signal.SIGKILL)
    together.communicate(timeout=MOST_SECONDS)
    wait_for(lambda: not any(os.path.exists(f"/proc/{pid}") for pid in workers), seconds=10)


@pytest.mark.slow
def test_a_chief_and_workers_at_an_address(start, tmp_path):
    """As on several machines: each process is started by hand, and a killed worker is started again."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
    address = {"KERASTUNER_ORACLE_IP": "127.0.0.1", "KERASTUNER_ORACLE_PORT": port}
    chief = start(tmp_path / "s", 20, 1, KERASTUNER_TUNER_ID="chief", **address)
    workers = {name: start(tmp_path / "s", 20, 1, KERASTUNER_TUNER_ID=name, **address) for name in ("a", "b")}
    wait_for(lambda: len(list((tmp_path / "s").glob(f"trial_*/{RECORD}"))) >= 2)
    workers["a"].send_signal(signal.SIGKILL)
    workers["a"].communicate(timeout=MOST_SECONDS)
    start(tmp_path / "s", 20, 1, KERASTUNER_TUNER_ID="a", **address)
    found = table(chief)
    assert [row[0] for row in found] == list(range(20))
    assert {row[3] for row in found} == {"completed"}
    assert all(count == {"started": 1, "execution": 1, "ended": 1} for count in events(tmp_path / "s").values())


@pytest.mark.slow
def test_a_fatal_error_in_a_worker_elsewhere_reaches_the_chief(start, tmp_path):
    (tmp_path / "search.py").write_text(FATAL)
    (tmp_path / "full").touch()
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
    address = {"KERASTUNER_ORACLE_IP": "127.0.0.1", "KERASTUNER_ORACLE_PORT": port}
    chief = start(1, "val_loss", KERASTUNER_TUNER_ID="chief", **address)
    worker = start(1, "val_loss", KERASTUNER_TUNER_ID="a", **address)
    outs = [process.communicate(timeout=300)[0] for process in (worker, chief)]
    assert outs == ["Full | the disk is full\n", "FatalValueError | the disk is full | in a\n"]


@pytest.mark.slow
def test_ctrl_c_ends_a_search_cleanly_and_it_goes_on(start, tmp_path):
    process = start(tmp_path / "s", 200, 1)
    records = (tmp_path / "s").glob
    wait_for(lambda: sum('"ended"' in path.read_text() for path in records(f"trial_*/{RECORD}")) >= 3)  # a first wave
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=MOST_SECONDS)
    assert process.returncode != 0
    ended = re.fullmatch(
        r"recipes\.running\.interrupt\.Interrupted: Ctrl-C ended the search after (\d+) trials; its record is in "
        rf"{tmp_path / 's'}\. The same call goes on from there\.", errors.splitlines()[-1]
    )  # fmt: skip
    assert ended, errors[-2000:]
    assert 3 <= int(ended[1]) < 200
    trials = int(ended[1]) + 1
    assert table(start(tmp_path / "s", trials, 1)) == alone(tmp_path / "whole", trials)
