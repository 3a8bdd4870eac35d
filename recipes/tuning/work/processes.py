"""Several processes, or several machines, at one search: keras-tuner's chief hands out the trials over gRPC.

The chief has the oracle; workers train. They share the folder of the search, in which each records its trials. A worker
that dies is started again under its own name, so that the chief gives it the same trial again; one on another machine
that has not been heard of for two minutes loses its trial to the next that asks.
"""

import json
import multiprocessing
import os
import re
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import keras_tuner
from keras_tuner import errors

from recipes.running.files import remove_files, write_atomically
from recipes.running.interrupt import Interrupt
from recipes.tuning.kinds import NotMeasured
from recipes.tuning.oracles._keras_tuner import (
    OracleServicer,
    has_chief_oracle,
    is_chief_oracle,
    protos,
    silent_conditions,
    try_again,
)
from recipes.tuning.record.journal import Journal
from recipes.tuning.work.loop import Setup, explored, work

LOOPBACK = "127.0.0.1"
LOOK_SECONDS = 0.2  # how often the chief looks after its workers
BEAT_SECONDS = 5.0  # how often a worker shows that it lives
SILENT_SECONDS = 120.0  # after which a worker counts as dead
ENOUGH_SECONDS = 30.0  # for a worker to come to a clean end
ENDS = 3  # exit code of a worker that ends the search
MOST_DEATHS = 3  # of a process in one trial, which then counts as failed
_TOLD = ".fatal.json"  # behind a worker's name: why it ended the search
_KINDS: dict[str, type[Exception]] = {
    kind.__name__: kind
    for kind in (
        errors.FatalValueError,
        errors.FatalTypeError,
        errors.FatalRuntimeError,
        errors.FatalError,
        NotMeasured,
    )
}
_ADDRESS = ("KERASTUNER_ORACLE_IP", "KERASTUNER_ORACLE_PORT", "KERASTUNER_TUNER_ID")


def role() -> str:
    """Say `"chief"` or `"worker"`, as keras-tuner's environment variables do; `"alone"` without them."""
    if not has_chief_oracle():
        return "alone"
    return "chief" if is_chief_oracle() else "worker"


def serve(oracle: Any, journal: Journal, interrupt: Interrupt, on_end: Callable[[int], None]) -> None:
    """Be the chief at the address of the environment variables, until every trial has ended.

    Raises:
        FatalError, NotMeasured: where a worker met what ends the search.
    """
    with _served(oracle, f"{os.environ[_ADDRESS[0]]}:{os.environ[_ADDRESS[1]]}", on_end) as servicer:
        while not interrupt.requested and not _is_done(oracle, servicer):
            time.sleep(LOOK_SECONDS)
            _raise_told(journal.folder)
            for name in list(oracle.tuner_ids):
                if _silent_for(journal.folder, name) > SILENT_SECONDS:
                    _take_back(oracle, name)


def run(setup: Setup, oracle: Any, num_workers: int, interrupt: Interrupt, on_end: Callable[[int], None]) -> None:
    """Be the chief of so many processes on this machine, and look after them until every trial has ended.

    Raises:
        RuntimeError: where processes cannot be started.
        FatalError, NotMeasured: where a worker met what ends the search.
    """
    spawn = multiprocessing.get_context("spawn")  # a process with TensorFlow's threads cannot be forked
    deaths: dict[str, int] = {}
    with _served(oracle, f"{LOOPBACK}:0", on_end) as servicer:

        def start(name: str) -> Any:
            address = (LOOPBACK, str(servicer.port))
            process = spawn.Process(target=_be_worker, args=(setup, address, name, os.getpid()))
            with _few_threads(num_workers):
                process.start()
            return process

        processes = {name: start(name) for name in (f"worker-{i}" for i in range(num_workers))}
        try:
            told = ending = False
            while processes and not _is_done(oracle, servicer):
                time.sleep(LOOK_SECONDS)
                if (interrupt.requested or ending) and not told:  # Ctrl-C in a terminal has told them, nothing else has
                    told = True
                    for process in processes.values():
                        os.kill(process.pid, signal.SIGINT)
                for name, process in list(processes.items()):
                    if process.is_alive():
                        continue
                    ended_well = process.exitcode == 0
                    ending |= process.exitcode == ENDS
                    process.join()
                    del processes[name]
                    if ended_well or interrupt.requested or ending:
                        continue
                    trial = oracle.ongoing_trials.get(name)
                    key = name if trial is None else trial.trial_id
                    deaths[key] = deaths.get(key, 0) + 1
                    if deaths[key] >= MOST_DEATHS:
                        if trial is None:
                            raise RuntimeError(
                                f"{name} ended {MOST_DEATHS} times before it began a trial (exit code "
                                f"{process.exitcode}). Does the script that calls tune(workers={num_workers}) do so "
                                'under `if __name__ == "__main__":`?'
                            )
                        _fail(oracle, setup.journal, trial, process.exitcode, on_end)
                    processes[name] = start(name)
        finally:
            for process in processes.values():
                process.join(timeout=ENOUGH_SECONDS)
                if process.is_alive():
                    process.terminate()
                    process.join()
    _raise_told(setup.folder)


class _Servicer(OracleServicer):
    """keras-tuner's, which also tells of each trial that ended."""

    def __init__(self, oracle: Any, on_end: Callable[[int], None]) -> None:
        super().__init__(oracle)
        self.on_end = on_end
        self.port = 0

    def EndTrial(self, request: Any, context: Any) -> Any:
        response = super().EndTrial(request, context)
        self.on_end(int(request.trial.trial_id))
        return response


@contextmanager
def _served(oracle: Any, address: str, on_end: Callable[[int], None]) -> Iterator[_Servicer]:
    """Serve the oracle at this address, within the block; port 0 takes a free one."""
    import grpc

    server = grpc.server(ThreadPoolExecutor(max_workers=1))  # one request after the other
    servicer = _Servicer(oracle, on_end)
    protos.get_service_grpc().add_OracleServicer_to_server(servicer, server)
    servicer.port = server.add_insecure_port(address)
    server.start()
    try:
        with silent_conditions():
            yield servicer
    finally:
        server.stop(grace=1).wait()


def _is_done(oracle: Any, servicer: _Servicer) -> bool:
    """Has a worker been told that there is nothing left, and has every one ended?"""
    return servicer.stop_triggered and not oracle.ongoing_trials and not oracle.tuner_ids


@keras_tuner.synchronized
def _take_back(oracle: Any, name: str) -> None:
    """Give a silent worker's trial to the next that asks."""
    trial = oracle.ongoing_trials.pop(name, None)
    oracle.tuner_ids.discard(name)
    if trial is not None:
        try_again(oracle, trial.trial_id)


def _fail(oracle: Any, journal: Journal, trial: Any, exit_code: int | None, on_end: Callable[[int], None]) -> None:
    """Record a trial that kills its process."""
    error = f"its process ended {MOST_DEATHS} times with exit code {exit_code}"
    number = int(trial.trial_id)
    journal.append(number, {"ended": {"status": "failed", "error": error}})
    trial.status, trial.message = "FAILED", error
    oracle.end_trial(trial)
    on_end(number)


@contextmanager
def _few_threads(num_workers: int) -> Iterator[None]:
    """Let processes that are started within the block share the cores instead of each taking all."""
    share = str(max(1, (os.cpu_count() or 1) // num_workers))
    names = ("TF_NUM_INTRAOP_THREADS", "OMP_NUM_THREADS")
    before = {name: os.environ.get(name) for name in names}
    os.environ.update({name: share for name in names if before[name] is None})
    try:
        yield
    finally:
        for name in names:
            if before[name] is None:
                del os.environ[name]


def _be_worker(setup: Setup, address: tuple[str, str], name: str, chief: int) -> None:
    """Live a worker's whole life, in its own process."""
    _end_with(chief)
    os.environ.update(zip(_ADDRESS, (*address, name), strict=True))
    try:
        with Interrupt() as interrupt:
            be_worker(setup, interrupt)
    except tuple(_KINDS.values()):
        sys.exit(ENDS)


def be_worker(setup: Setup, interrupt: Interrupt) -> None:
    """Train what the chief at the address of the environment variables hands out, as long as it has something."""
    name = os.environ[_ADDRESS[2]]
    with alive(setup.folder, name), telling(setup.folder, name), silent_conditions():
        work(setup, explored(setup.oracle(), setup), interrupt, worker=name)


@contextmanager
def telling(folder: Path, name: str) -> Iterator[None]:
    """Write down for the chief an error in the block that ends the search, before it is raised."""
    try:
        yield
    except tuple(_KINDS.values()) as error:
        kind = next(kind.__name__ for kind in type(error).__mro__ if kind in _KINDS.values())
        write_atomically(folder / f"{name}{_TOLD}", json.dumps({"kind": kind, "message": str(error)}).encode())
        raise


def forget(folder: Path) -> None:
    """Delete what workers told before: whoever goes on with a search tries again."""
    remove_files(folder, re.compile(rf".+{re.escape(_TOLD)}(\.\d+\.tmp)?"))


def _raise_told(folder: Path) -> None:
    """Raise what a worker met that ends the search."""
    for path in sorted(folder.glob(f"*{_TOLD}")):
        told = json.loads(path.read_text())
        error = _KINDS[told["kind"]](told["message"])
        error.add_note(f"in {path.name.removesuffix(_TOLD)}")
        raise error


def _end_with(parent: int) -> None:
    """End this process when its chief has gone, however it went; also if it has gone before this process was ready."""

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(LOOK_SECONDS)
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


@contextmanager
def alive(folder: Path, name: str) -> Iterator[None]:
    """Show, within the block, by a file in the folder of the search that this worker lives."""
    ended = threading.Event()
    path = folder / f"{name}.alive"

    def beat() -> None:
        while not ended.wait(BEAT_SECONDS):
            path.touch()

    path.touch()
    threading.Thread(target=beat, daemon=True).start()
    try:
        yield
    finally:
        ended.set()
        path.unlink(missing_ok=True)


def _silent_for(folder: Path, name: str) -> float:
    """Count the seconds since this worker last showed that it lives; 0 where it never did, or has ended."""
    try:
        return time.time() - (folder / f"{name}.alive").stat().st_mtime
    except OSError:
        return 0.0
