"""This checkout against another one, in turns: `python benchmarks/compare.py ../other [JOB ...] --pairs 15 --turns 40`.

Did a change make anything slower? What is read once all is compiled is measured in one process of each checkout, which
live side by side and work in turns of a second or two, so that a slower minute of the machine strikes both. First calls
want a process of their own each time. Printed is the median of the pairs' ratios, ours over theirs (1.02 is 2 %
slower), with the 95 % interval of the median from the order statistics of the pairs.
"""

import argparse
import json
import math
import os
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).parent
# Job, what is read, whether less of it is better, and whether it takes a fresh process each time.
READ = [
    ("mlp-200", "first_s", True, True), ("mlp-3", "first_s", True, True), ("mlp-200", "steps_per_s", False, False),
    ("dense-autoencoder", "steps_per_s", False, False), ("conv-autoencoder", "steps_per_s", False, False),
    ("lenet", "steps_per_s", False, False), ("grok-paper", "steps_per_s", False, False),
    ("tune", "trials_per_min", False, False),
]  # fmt: skip
# Measures a job of the checkout in the working folder, anew for each line that it reads.
AGAIN = """
import json, sys
sys.path.insert(0, "benchmarks")
from jobs import JOBS
for _ in sys.stdin:
    print(json.dumps(JOBS[sys.argv[1]]("recipes")), flush=True)
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("other", type=Path, help="root of the other checkout")
    parser.add_argument("jobs", nargs="*", help="only these jobs")
    parser.add_argument("--pairs", type=int, default=15, help="of fresh processes")
    parser.add_argument("--turns", type=int, default=40, help="of living ones")
    options = parser.parse_intermixed_args()
    roots = (HERE.parent, options.other.resolve())
    print("| job | read | ours / theirs | 95 % interval | pairs |")
    print("|---|---|---|---|---|")
    for job, name, less, fresh in READ:
        number = options.pairs if fresh else options.turns
        if not number or (options.jobs and job not in options.jobs):
            continue
        pairs = (in_fresh_processes if fresh else in_turns)(roots, job, number)
        ratios = sorted((ours[name] / theirs[name]) ** (1 if less else -1) for ours, theirs in pairs)
        low, high = interval(len(ratios))
        print(f"| {job} | {name} | {ratios[len(ratios) // 2]:.3f} | {ratios[low]:.3f} to {ratios[high]:.3f} "
              f"| {len(ratios)} |", flush=True)  # fmt: skip


def in_fresh_processes(roots: tuple[Path, Path], job: str, number: int) -> list[list[dict[str, float]]]:
    """Results of pairs of processes, which of the two comes first changing."""
    pairs = []
    for i in range(number):
        found = {root: measure(root, job) for root in (roots if i % 2 == 0 else roots[::-1])}
        pairs.append([found[root] for root in roots])
    return pairs


def in_turns(roots: tuple[Path, Path], job: str, number: int) -> list[list[dict[str, float]]]:
    """Results of one living process of each checkout; the first of each, which compiles, is left out."""
    workers = {root: start(root, job) for root in roots}
    pairs = []
    try:
        for i in range(number + 1):
            found = {root: ask(workers[root], job) for root in (roots if i % 2 == 0 else roots[::-1])}
            pairs.append([found[root] for root in roots])
    finally:
        for worker in workers.values():
            worker.kill()
    return pairs[1:]


def start(root: Path, job: str) -> subprocess.Popen[str]:
    """A process that measures this job with the code of that checkout whenever it is asked."""
    return subprocess.Popen(
        [sys.executable, "-c", AGAIN, job], cwd=root, env=environment_of(root), text=True,
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
    )  # fmt: skip


def ask(worker: subprocess.Popen[str], job: str) -> dict[str, float]:
    """One more measurement."""
    assert worker.stdin is not None
    assert worker.stdout is not None
    worker.stdin.write("again\n")
    worker.stdin.flush()
    for line in worker.stdout:
        if line.startswith("{"):
            return json.loads(line)
    raise SystemExit(f"{job} ended with {worker.wait()}; run it alone: python benchmarks/jobs.py {job} recipes")


def measure(root: Path, job: str) -> dict[str, float]:
    """One run of this package's way, with the code of that checkout."""
    command = [sys.executable, str(root / "benchmarks" / "jobs.py"), job, "recipes"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=root, env=environment_of(root))
    if done.returncode:
        raise SystemExit(f"{job} failed in {root}:\n{done.stderr[-2000:]}")
    return json.loads(done.stdout.splitlines()[-1])


def environment_of(root: Path) -> dict[str, str]:
    """The environment in which Python takes the package from that checkout."""
    return {**os.environ, "PYTHONPATH": str(root)}


def interval(number: int) -> tuple[int, int]:
    """Places, in sorted order, between which the median of as many measurements lies with 95 %."""
    below, share = 0, 0.0
    while share + math.comb(number, below) / 2**number <= 0.025:
        share += math.comb(number, below) / 2**number
        below += 1
    return max(below - 1, 0), number - 1 - max(below - 1, 0)


if __name__ == "__main__":
    main()
