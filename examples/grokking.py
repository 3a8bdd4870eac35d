"""Does a network that has memorised its examples go on to understand them?

Trains a small network on half of all sums modulo 53, live. Expected: after some 700 steps it knows every sum that it
was shown and next to none that it was not; after some 5,000 to 7,000 steps it knows them all, and the embedded numbers
lie on circles. Writes one figure.
References: A. Power et al. (2022), arXiv 2201.02177; N. Nanda et al. (2023), arXiv 2301.05217.
"""

import argparse
from pathlib import Path

from recipes import grok


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--quick", action="store_true", help="fifty steps only")
    parser.add_argument("--out", type=Path, default=Path("figures"), help="folder for the figure; replaces an old one")
    options = parser.parse_args()

    run = grok("lecture", seed=options.seed, max_steps=50 if options.quick else None)
    print(run)
    if run.delay_ratio is not None:
        print(f"memorised at step {run.memorised_at:,}, generalised at step {run.generalised_at:,}")

    options.out.mkdir(parents=True, exist_ok=True)
    path = options.out / "grokking.png"
    run.plot().savefig(path, dpi=150)
    print(f"figure: {path.resolve()}")


if __name__ == "__main__":
    main()
