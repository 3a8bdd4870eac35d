"""Does a network in the manner of YOLO find light echoes that a matched filter misses, from 19 scenes?

Everything is simulated, and nothing is claimed of real fields: the slide's point, 0.80 precision at 0.70 recall, is of
other data and stands in the figure for orientation alone.
Expected: on one split the filter's AP50 is 0.44, the network's some 0.68, with attention 0.70; over five 0.44, 0.71 and
0.66. On fields that no satellite crosses the filter is the better one, with 0.85 against 0.78: what the network has
learnt is what streaks are. Four minutes on two cores, of which each network takes some 100 s of processor.
`--splits 5` makes the table of docs/light-echoes.md, `--plain` leaves attention out, `--tune` tunes the filter anew.
Reference: X. Li et al. (2022), AJ 164, 250 (AILE); J. Redmon and A. Farhadi (2018), YOLOv3.
"""

import argparse
from pathlib import Path

from recipes.lecture.astronomy.echoes import simulate_echoes
from recipes.lecture.astronomy.light_echoes import (
    EPOCHS,
    FILTER,
    METHODS,
    PLAIN,
    SEED,
    SHIFTS,
    TUNED,
    TUNING_SCENES,
    TUNING_SEED,
    compare_detectors,
    judge_without_streaks,
)
from recipes.lecture.astronomy.matched_filter import tune_filter


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--quick", action="store_true", help="three scenes, one epoch, no attention: finds next to nothing"
    )
    parser.add_argument("--splits", type=int, default=1, help="of five, in each of which another 19 scenes train")
    parser.add_argument("--plain", action="store_true", help="leave out the network with attention")
    parser.add_argument("--seed", type=int, default=SEED)
    parser.add_argument("--tune", action="store_true", help="tune the filter first; its settings are known")
    parser.add_argument("--out", type=Path, default=Path("figures"), help="folder for the figure; replaces an old one")
    options = parser.parse_args()

    if options.tune:
        tuned = tune_filter(simulate_echoes(TUNING_SCENES, seed=TUNING_SEED))
        print(f"{tuned}: {'as before' if tuned == TUNED else f'before it was {TUNED}'}")
    methods = (FILTER, PLAIN) if options.plain or options.quick else METHODS
    small = {"training_scenes": 3} if options.quick else {}
    found = compare_detectors(methods, splits=options.splits, shifts=1 if options.quick else SHIFTS,
                              epochs=1 if options.quick else EPOCHS, seed=options.seed, say=print, **small)  # fmt: skip
    print(f"\n{found}\n\nAP50 on other scenes, without satellites' streaks:")
    for method, precisions in judge_without_streaks(found).items():
        print(f"{method:22}  {precisions.mean():.3f}")

    options.out.mkdir(parents=True, exist_ok=True)
    path = options.out / "light_echoes.png"
    found.plot().savefig(path, dpi=110)
    print(f"figure: {path}")
    if options.quick:
        print("--quick: one epoch on three scenes, of which a network learns next to nothing; the filter needs none")


if __name__ == "__main__":
    main()
