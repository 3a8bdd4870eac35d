"""From a user's x and y to the arrays that an engine trains on, checked before the first step.

`prepare.py` tells the story: `targets.py` (labels to what the loss wants), `checks.py` (do the data fit the model?),
`weights.py`, `yardsticks.py` (what chance gets), `batches.py` (which rows, in which order; `shuffled.py` for Keras' own
fit), `trees.py` (several arrays at once). `streams.py` is for what makes its own batches.
"""
