"""Searches for hyperparameters: keras-tuner chooses them, an engine trains them, a record of each stays.

Where to start: `tune.py`. `space.py` says what is searched, `problem.py` what is trained and scored; `oracles/` choose
the trials, `work/` trains them, `record/` keeps what came of it, `search.py` is what comes back.
"""
