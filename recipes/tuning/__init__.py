"""Searches for hyperparameters: keras-tuner chooses them, the resident engine trains them, a record of each stays.

Where to start reading: `space.py` (what is searched), `search.py` (`tune`), `trial.py` (how one configuration is
trained), `journal.py` (what is kept of it), `oracles.py` (keras-tuner's choosers, made to go on where they stopped).
"""
