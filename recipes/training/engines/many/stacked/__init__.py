"""Networks as values, and K of them as arrays with the network's axis in front.

`network.py` reads a Keras model as the plain value from which a program is made, and refuses what that value does not
say; `common.py` finds what several have in common; `stack.py` puts the numbers of K models into arrays, and back.
`layers.py` and `optimizers.py` are the same mathematics as Keras', for K networks.
"""
