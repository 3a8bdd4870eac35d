"""A table of data to a trained network: read, split, decided column by column, trained, and set beside baselines.

Where to start: `fit_table.py`, which tells the way of the rows; `run.py` is what comes back. `prepare.py` reads, splits
and decides: `reading/` makes a frame of files and containers, `columns/` says what each column is and gives its values.
`preprocessing.py` is the part of the model that turns columns into numbers, `network.py` the part that learns;
`scoring/` has the baselines and the comparison.
"""
