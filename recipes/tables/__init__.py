"""A table of data to a trained network: read, split, decided column by column, trained, and set beside baselines.

Where to start: `fit_table.py`, which tells the way of the rows; `run.py` is what comes back. `reading/` makes a frame
of files and containers, `columns/` decides what each column is and gives its values, `preprocessing.py` is the part of
the model that turns columns into numbers, `network.py` the part that learns, `scoring/` the baselines and the comparison.
"""
