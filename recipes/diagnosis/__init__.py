"""From a history to findings: what a loss curve says, in NumPy alone.

Start with `diagnose.py`. On the way: `curves` (read, smooth), `course` (measure, with `forecast`), `verdicts` (weigh,
with `weights`), `rules` (the verdict in words), `remarks` (what stands beside it), `mends` (what to do, from `facts`
of a model). The numbers in `weights.json` are learnt by `benchmarks/verdicts` and scored in `docs/diagnose.md`.
"""
