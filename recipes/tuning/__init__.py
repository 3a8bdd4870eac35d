"""Searches for hyperparameters: keras-tuner chooses them, an engine trains them, a record of each stays.

Where to start: `tune.py`, then `kinds.py`, what a kind of search is; `networks.py`, `hypermodels.py` and
`grokking.py` are the kinds. `words.py` judges what needs no Keras, `arguments.py` makes a `problem.py` of a call;
`oracles/` choose the trials, `work/` trains them, `record/` keeps what came of it, `search.py` is what comes back.
"""
