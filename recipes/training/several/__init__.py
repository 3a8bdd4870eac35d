"""Several networks as one result: seeds of one model, folds of the rows, or different models.

`fit_many.py` and `cross_validate.py` are the calls, `runs.py` is what comes back; `folds.py` says which rows train,
`ensemble.py` averages the networks; `copies.py` makes them of one model. `keep_many.py` and `save_many.py` are on disk.
"""
