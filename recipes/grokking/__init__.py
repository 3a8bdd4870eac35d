"""Grokking (A. Power et al. 2022, arXiv 2201.02177): small networks that generalise long after they have memorised.

Where to start reading: `equations.py` (the tables), `transformer.py` (the model as plain Keras), `step/` (the same
mathematics in fewer operations, compiled), `loop.py` (train, evaluate, keep), `grok.py` (`grok`), `result.py`.
`arguments.py` judges the call without Keras.
"""
