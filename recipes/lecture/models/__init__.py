"""What a model is: a line, or a few clusters, that make a loss as small as it can be, and no larger than it need be.

Start with `lines.py` (L1 and L2 on the same points); `clusters.py` does without a target, by variances; `occam.py` asks
how large a model should be, and finds the simplest that is as good as the best.
"""
