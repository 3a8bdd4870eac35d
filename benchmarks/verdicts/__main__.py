"""Do the verdicts of `diagnose` come true? `python benchmarks/verdicts train|learn|score|advice|gallery`.

`train` makes the corpus, `learn` the numbers of `recipes/diagnosis/weights.json` from its development half, `score`
the tables of `docs/diagnose.md` from its scoring half, `advice` repeats runs as the mend says, `gallery` draws.
"""

import argparse
from pathlib import Path

RAW = Path("runs/verdicts.jsonl")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    command = commands.add_parser("train")
    command.add_argument("--raw", type=Path, default=RAW)
    command.add_argument("--number", type=int, default=320, help="trainings in each half")
    command.add_argument("--seconds", type=float, default=1500)
    command = commands.add_parser("pack")
    command.add_argument("--raw", type=Path, default=RAW)
    commands.add_parser("learn")
    command = commands.add_parser("score")
    command.add_argument("--half", default="scoring", choices=("development", "scoring"))
    command = commands.add_parser("advice")
    command.add_argument("--out", type=Path, default=RAW.with_name("advice.jsonl"))
    command.add_argument("--seconds", type=float, default=900)
    command.add_argument("--half", default="scoring", choices=("development", "scoring"))
    command.add_argument("--only", default="", help="rules whose names begin so")
    commands.add_parser("gallery")
    options = parser.parse_args()
    if options.command == "train":
        from training import corpus

        options.raw.parent.mkdir(parents=True, exist_ok=True)
        corpus(options.raw, options.number, options.seconds)
    elif options.command == "pack":
        from stored import pack

        pack(options.raw)
    elif options.command == "learn":
        from learn import learn

        learn()
    elif options.command == "advice":
        from advice import advise

        advise(options.out, options.seconds, options.half, options.only)
    elif options.command == "gallery":
        from gallery import gallery

        gallery()
    elif options.command == "score":
        from score import report

        report(options.half)


if __name__ == "__main__":
    main()
