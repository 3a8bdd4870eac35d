"""From a compiled model and data to a `Run`.

`fit.py` tells the story: `data/` checks and encodes x and y, an engine of `engines/` trains, `run.py` is what
comes back. `evaluate.py` asks a trained model, `scoring/` says what its predictions are worth; `signature.py` remembers
what it was trained on. `save.py` and `files/` keep it on disk; `several/` has many networks as one result.
"""
