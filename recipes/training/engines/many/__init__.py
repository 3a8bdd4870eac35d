"""Many networks at once: stacked as `(K, in, out)` matrices, they train in one compiled program.

From the outside in: `engine.py` (which jobs go together; `cost.py` weighs it), `train.py` (blocks of epochs),
`program.py` (what is compiled: epochs, steps, early stopping), `layers.py`, `optimizers.py` (the same mathematics as
Keras', for K networks). `network.py` reads a Keras model as the plain value from which a program is made, and refuses
what that value does not say; `common.py` finds what several have in common; `stack.py` puts the numbers of K models
into arrays, and back.
"""
