"""All timings, side by side: `python benchmarks/run.py [JOB ...]` prints the table and writes benchmarks/results.json.

Each measurement runs in a process of its own (`jobs.py`), the ways in turn, so that a slower minute of the machine
strikes them all; medians over the repeats. PyTorch and Optuna are compared with where they are installed
(pip install torch optuna); Keras on JAX where `--jax` names the Python of an environment of its own
(pip install keras jax scikit-learn pandas).
"""

import argparse
import importlib.metadata
import importlib.util
import json
import os
import platform
import re
import statistics
import subprocess
import sys
import time
from pathlib import Path

HERE = Path(__file__).parent
PACKAGES = ("tensorflow", "keras", "keras-tuner", "numpy", "scikit-learn", "torch", "optuna")
OPTIONAL = {"torch": "torch", "torch-compiled": "torch", "optuna": "optuna"}  # what a way needs beside the package

# What is compared: job, what is read, whether more is better, and against whom; then what is asked and aimed for.
ROWS = [
    ("mlp-200", "first_s", "keras", 7, 12, "breast cancer, MLP 64-32, batch 32, 200 epochs, first call"),
    ("mlp-200", "first_s", "sklearn", 1.3, 1.8, "the same, scikit-learn's MLPClassifier"),
    ("mlp-200", "first_s", "keras-jax", 1.6, 1.8, "the same, Keras on JAX, an epoch in one execution"),
    ("mlp-200", "steps_per_s", "keras", 15, 28, "the same, once compiled"),
    ("mlp-200", "steps_per_s", "sklearn", 3, 5, "the same, once compiled"),
    ("mlp-200", "steps_per_s", "torch", 5, 10, "the same, once compiled"),
    ("mlp-200", "steps_per_s", "keras-jax", 3, 5, "the same, once compiled"),
    ("mlp-3", "first_s", "keras", 1.0, 1.5, "the same, 3 epochs, first call in the process"),
    ("dense-autoencoder", "steps_per_s", "keras", 2, 3, "MNIST dense autoencoder, batch 100"),
    ("dense-autoencoder", "steps_per_s", "torch", 1.5, 2, "the same"),
    ("dense-autoencoder", "steps_per_s", "keras-jax", 1.4, 1.7, "the same"),
    ("conv-autoencoder", "steps_per_s", "keras", 1.4, 2, "MNIST conv autoencoder, batch 128"),
    ("conv-autoencoder", "steps_per_s", "torch", 1.0, 1.5, "the same, channels last"),
    ("lenet", "steps_per_s", "keras", 1.3, 2, "LeNet-5 on MNIST, batch 64"),
    ("grok-paper", "steps_per_s", "keras", 3, None, "grokking, the paper's network, batch 512"),
    ("grok-paper", "steps_per_s", "torch", 3, None, "the same"),
    ("grok-paper", "steps_per_s", "torch-compiled", 1.8, None, "the same, torch.compile and fused AdamW"),
    (
        "many-64",
        "first_s",
        "one by one",
        10,
        20,
        "64 networks of widths up to 64, 50 epochs, against 64 calls of `fit`",
    ),
    ("many-64", "again_s", "one by one", 4, 8, "the same, every program compiled beforehand"),
    ("folds", "first_s", "one fit", 0.4, 0.6, "5 folds by 4 repeats, digits, 60 epochs, against one call of `fit`"),
    ("tune", "trials_per_min", "keras-tuner", 30, 50, "random search, breast cancer, 30 trials of 50 epochs, batch 32"),
    ("tune", "trials_per_min", "optuna", 4, None, "the same"),
    ("tune-more", "first_s", "thirty", 0.2, 0.33, "300 trials of it, against 30"),
    ("tune-memory", "rss_mb", "fifty", 0.95, None, "memory after 500 trials, against that after 50"),
    ("memory", "peak_mb", "keras", 1.0, None, "peak memory, dense autoencoder on 60,000 images"),
]
# Multiplications and additions of one training step: 2 per weight and row forward, 4 backward, less the gradient of
# the first layer's input, which nobody needs.
_CONV = 784 * 9 * 16 + 196 * 9 * 16 * 8 + 49 * 9 * 8 * 8 + 196 * 9 * 8 * 16 + 784 * 9 * 16
_LENET = 784 * 25 * 6 + 100 * 150 * 16 + 400 * 120 + 120 * 84 + 840
FLOPS = {
    "dense-autoencoder": 100 * (6 * 217_088 - 2 * 784 * 128),
    "conv-autoencoder": 128 * (6 * _CONV - 2 * 784 * 9 * 16),
    "mlp-200": 32 * (6 * (30 * 64 + 64 * 32 + 32) - 2 * 30 * 64),
    "grok-paper": 465.6 * 3_744_000,  # 4,656 equations in 10 steps; `networks.flops_per_example` with shared=True
    "lenet": 64 * (6 * _LENET - 2 * 784 * 25 * 6),
}  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("jobs", nargs="*", help="only these jobs")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument(
        "--grok-seeds", type=int, metavar="N", help="instead: N seeds of grokking's lecture preset, N // 2 of paper"
    )
    parser.add_argument(
        "--grok-accelerations", type=int, metavar="N", help="instead: N seeds of each changed optimisation of grokking"
    )
    parser.add_argument("--jax", metavar="PYTHON", help="the Python that has Keras and JAX")
    options = parser.parse_args()
    if options.grok_accelerations:
        grok_accelerations(options.grok_accelerations)
        return
    if options.grok_seeds:
        grok_seeds(options.grok_seeds)
        return
    missing = {way for way, package in OPTIONAL.items() if importlib.util.find_spec(package) is None}
    python = {"keras-jax": options.jax}
    missing |= {way for way, path in python.items() if path is None}
    rows = [row for row in ROWS if (not options.jobs or row[0] in options.jobs) and row[2] not in missing]
    results: dict[str, dict[str, list[dict[str, float]]]] = {}
    for job in dict.fromkeys(row[0] for row in rows):
        ways = ["recipes", *dict.fromkeys(row[2] for row in rows if row[0] == job)]
        results[job] = {way: [] for way in ways}
        for _ in range(options.repeats):
            for way in ways:
                results[job][way].append(measure(job, way, python.get(way)))
    roof = statistics.median(measure("roof", "-")["gflops"] for _ in range(options.repeats))
    importing = statistics.median(measure("import", "-")["first_s"] for _ in range(options.repeats))
    print_table(rows, results, roof, importing)
    path = HERE / "results.json"
    before = json.loads(path.read_text()) if path.exists() else {"results": {}}  # jobs that were left out stay
    record = {"machine": machine(), "roof_gflops": roof, "import_recipes_s": importing}
    path.write_text(json.dumps({**before, **record, "results": before["results"] | results}, indent=1) + "\n")


def grok_seeds(number: int) -> None:
    """Each seed in a process of its own, from its start to sustained 99 % validation accuracy; failures included."""
    print("| preset | seed | memorised at | generalised at | ratio | steps/s | call, s | process, s |")
    print("|---|---|---|---|---|---|---|---|")
    results: dict[str, list[dict[str, float]]] = {}
    for preset, seeds in (("lecture", range(number)), ("paper", range(number // 2))):
        for seed in seeds:
            start = time.perf_counter()
            found = measure(f"grok-{preset}-seeds", f"seed-{seed}") | {"seed": seed}
            found["process_s"] = time.perf_counter() - start
            results.setdefault(preset, []).append(found)
            steps = " | ".join(f"{found[name]:,.0f}" for name in ("memorised_at", "generalised_at"))
            print(f"| {preset} | {seed} | {steps} | {found['delay_ratio']:.1f} | {found['steps_per_s']:.0f} "
                  f"| {found['first_s']:.1f} | {found['process_s']:.1f} |", flush=True)  # fmt: skip
    (HERE / "grokking.json").write_text(json.dumps({"machine": machine(), "runs": results}, indent=1) + "\n")


ACCELERATIONS = {
    "the preset": "",
    "decay 3": ",weight_decay=3",
    "rate 0.003": ",learning_rate=0.003",
    "rate 0.003 and decay 3": ",learning_rate=0.003,weight_decay=3",
    "Grokfast, factor 2": ",grokfast=2",
    "Muon": ",muon=1",
}
SWITCHES = {
    "AdamW": "",
    "⊥Grad": ",orthograd=1",
    "StableMax": ",stablemax=1",
    "⊥Grad and StableMax": ",orthograd=1,stablemax=1",
    "Grokfast, factor 2": ",grokfast=2",
    "Muon": ",muon=1",
}
# Each switch at the same decay and rate as the others, and more of both.
OF_113 = {
    f"{name}, decay {decay}": f",learning_rate=0.01,beta_2=0.99,weight_decay={decay}{changes}"
    for decay in (0, 1) for name, changes in SWITCHES.items()
} | {
    f"AdamW, decay {decay}, rate {rate}": f",learning_rate={rate},beta_2=0.99,weight_decay={decay}"
    for decay, rate in ((8, 0.01), (1, 0.03))
}  # fmt: skip


def grok_accelerations(number: int) -> None:
    """The lecture preset, and the table modulo 113, with another optimisation: medians over the seeds.

    `accelerations.json` holds every run, by job and way; what it has is not run again.
    """
    path = HERE / "accelerations.json"
    known: dict[str, dict[str, float | None]] = json.loads(path.read_text())["runs"] if path.exists() else {}
    tables = {"grok-lecture-stays": ACCELERATIONS, "grok-113-stays": OF_113}
    for seed in range(number):
        for job, variants in tables.items():
            for changes in variants.values():
                key = f"{job} seed-{seed}{changes}"
                if key not in known:
                    found = measure(*key.split(" "))
                    known[key] = {name: value if value == value else None for name, value in found.items()}
                    path.write_text(json.dumps({"machine": machine(), "runs": known}, indent=1) + "\n")
    for job, variants in tables.items():
        print_accelerations(job, variants, known)


def print_accelerations(job: str, variants: dict[str, str], known: dict[str, dict[str, float | None]]) -> None:
    """Steps and seconds to 99 %, how many seeds come there, and how many of these are there five times as late."""
    print("| optimisation | memorised at | generalised at | ratio | seconds | seeds that generalised | that stayed |")
    print("|---|---|---|---|---|---|---|")
    for name, changes in variants.items():
        found = [run for key, run in known.items() if re.fullmatch(rf"{job} seed-\d+{re.escape(changes)}", key)]
        steps = [run for run in found if run["generalised_at"] is not None]
        cells = [
            f"{statistics.median(run[what] or 0.0 for run in steps):{form}}" if steps else "–"
            for what, form in (("memorised_at", ",.0f"), ("generalised_at", ",.0f"), ("delay_ratio", ".1f"),
                               ("first_s", ".0f"))
        ]  # fmt: skip
        stayed = f"{sum(run['stayed'] or 0.0 for run in steps):.0f} of {len(steps)}" if steps else "–"
        print(f"| {name} | {' | '.join(cells)} | {len(steps)} of {len(found)} | {stayed} |", flush=True)
    print()


def measure(job: str, way: str, python: str | None = None) -> dict[str, float]:
    done = subprocess.run(
        [python or sys.executable, HERE / "jobs.py", job, way], capture_output=True, text=True, check=False,
        cwd=HERE.parent, env={**os.environ, "PYTHONPATH": str(HERE.parent)},
    )  # fmt: skip
    if done.returncode:
        raise SystemExit(f"{job} {way} failed:\n{done.stderr[-2000:]}")
    return json.loads(done.stdout.splitlines()[-1])


def machine() -> dict[str, object]:
    """What the numbers depend on."""
    cpu = next((line.split(":")[1].strip() for line in _lines("/proc/cpuinfo") if line.startswith("model name")), "")
    commit = subprocess.run(["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True, check=False)
    versions = {}
    for name in PACKAGES:
        try:
            versions[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            versions[name] = "not installed"
    return {
        "cpu": cpu or platform.processor(),
        "cores": os.cpu_count(),
        "system": platform.platform(),
        "python": platform.python_version(),
        "versions": versions,
        "commit": commit.stdout.strip(),
        "mnist": "real" if os.environ.get("RECIPES_DATA") else "noise of the same shape",
    }


def _lines(path: str) -> list[str]:
    try:
        return Path(path).read_text().splitlines()
    except OSError:
        return []


def print_table(rows, results, roof: float, importing: float) -> None:
    """One line a comparison: medians of both, their ratio, and what was asked."""
    print("| work | against | recipes | other | ratio | at least | aim | of the roof |")
    print("|---|---|---|---|---|---|---|---|")
    for job, what, other, least, aim, label in rows:
        ours, theirs = (statistics.median(run[what] for run in results[job][way]) for way in ("recipes", other))
        more_is_better = what in ("steps_per_s", "trials_per_min")
        ratio = ours / theirs if more_is_better else theirs / ours
        unit = {"steps_per_s": "steps/s", "trials_per_min": "trials/min", "first_s": "s", "again_s": "s"}.get(
            what, "MB"
        )
        share = f"{ours * FLOPS[job] / roof / 1e9:.0%}" if what == "steps_per_s" and job in FLOPS else ""
        cells = (label, other, f"{ours:,.4g} {unit}", f"{theirs:,.4g} {unit}", f"{ratio:.2f}×", f"{least}×",
                 f"{aim}×" if aim else "", share)  # fmt: skip
        print("| " + " | ".join(cells) + " |")
    print(f"\nroof: {roof:.0f} GFLOP/s of float32 matrix products; import recipes: {importing:.3f} s (at most 0.3)")


if __name__ == "__main__":
    main()
