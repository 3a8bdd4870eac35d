"""From a compiled model and data to a `Run`.

`fit.py` tells the story: `data/` checks and encodes x and y, an engine of `engines/` trains, `run.py` is what
comes back. `evaluate.py` asks a trained model; `signature.py` remembers what it was trained on.
"""
