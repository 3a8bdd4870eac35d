"""A whole network, read and not run: what it learns, what was chosen for it, and how the slides would draw it.

Start with `parameters.py` (35 = 16 + 15 + 4, and the hyperparameters in the slides' two colours); `layers.py` reads one
layer. `drawing.py` says what is drawn: `calls.py` finds what gives its numbers to what, `fold.py` makes a deep network
short, `layout.py` finds the places.
"""
