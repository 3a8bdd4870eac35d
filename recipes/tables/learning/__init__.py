"""From the values of columns to one model of rows.

`fit_rows.py` tells the story: `preprocessing.py` turns columns into features, `network.py` is the part that learns, of
numbers on the scales of `scales.py` and beside `linear.py`, which is solved at once. `quantiles.py` makes a second
model.
"""
