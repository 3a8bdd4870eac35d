"""Networks as the slides draw them: `drawing.py`, on the places that `geometry.py` finds; start there.

`choices.py` sets the parameters and hyperparameters beside it, `backpropagation.py` the chain rule's numbers on it.
"""
