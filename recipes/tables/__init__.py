"""A table of data to a trained network: read, split, decided column by column, trained, and set beside baselines.

Where to start: `fit_table.py`, which tells the way of the rows; `run.py` is what comes back. `ready.py` judges all of
the call before Keras is loaded, `kept.py` what was saved. `prepare.py` reads, splits and decides: `reading/` makes a
frame of files and containers, `columns/` says what each column is and gives its values. `learning/` makes one model of
rows; `scoring/` has the baselines and the comparison.
"""
