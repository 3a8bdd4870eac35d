"""This checkout against another one, in pairs: `python benchmarks/compare.py ../other [JOB ...] --pairs 15`.

Did a change make anything slower? For each job of `jobs.py` the two checkouts run in turn, each run in a process of its
own, so that a slower minute of the machine strikes both. Printed is the median of the pairs' ratios, ours over theirs
(1.02 is 2 % slower), with the 95 % interval of the median from the order statistics of the pairs.
"""

import argparse
import json
import math
import os
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).parent
# Job, what is read, and whether less of it is better.
READ = [
    ("mlp-200", "first_s", True), ("mlp-200", "steps_per_s", False), ("mlp-3", "first_s", True),
    ("dense-autoencoder", "steps_per_s", False), ("conv-autoencoder", "steps_per_s", False),
    ("lenet", "steps_per_s", False), ("grok-paper", "steps_per_s", False), ("tune", "trials_per_min", False),
]  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("other", type=Path, help="root of the other checkout")
    parser.add_argument("jobs", nargs="*", help="only these jobs")
    parser.add_argument("--pairs", type=int, default=15)
    options = parser.parse_args()
    print("| job | read | ours / theirs | 95 % interval | pairs |")
    print("|---|---|---|---|---|")
    for job in dict.fromkeys(job for job, *_ in READ if not options.jobs or job in options.jobs):
        pairs = []
        for i in range(options.pairs):
            roots = (HERE.parent, options.other.resolve())
            found = {root: measure(root, job) for root in (roots if i % 2 == 0 else roots[::-1])}
            pairs.append([found[root] for root in roots])
        for _, name, less in (row for row in READ if row[0] == job):
            ratios = sorted((ours[name] / theirs[name]) ** (1 if less else -1) for ours, theirs in pairs)
            low, high = interval(len(ratios))
            print(f"| {job} | {name} | {ratios[len(ratios) // 2]:.3f} | {ratios[low]:.3f} to {ratios[high]:.3f} "
                  f"| {len(ratios)} |", flush=True)  # fmt: skip


def measure(root: Path, job: str) -> dict[str, float]:
    """One run of this package's way, with the code of that checkout."""
    environment = {**os.environ, "PYTHONPATH": str(root)}
    command = [sys.executable, str(root / "benchmarks" / "jobs.py"), job, "recipes"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=root, env=environment)
    if done.returncode:
        raise SystemExit(f"{job} failed in {root}:\n{done.stderr[-2000:]}")
    return json.loads(done.stdout.splitlines()[-1])


def interval(number: int) -> tuple[int, int]:
    """Places, in sorted order, between which the median of as many measurements lies with 95 %."""
    below, share = 0, 0.0
    while share + math.comb(number, below) / 2**number <= 0.025:
        share += math.comb(number, below) / 2**number
        below += 1
    return max(below - 1, 0), number - 1 - max(below - 1, 0)


if __name__ == "__main__":
    main()
