"""From a compiled model and data to a `Run`.

In the order of the data: `inputs.py` (are x and y fit to train on?), `targets.py` (labels to what the loss wants),
`batches.py` (which rows, in which order), `fit.py`, `progress.py`, `run.py`.
"""
