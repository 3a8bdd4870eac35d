"""One neuron: what it can compute, and what it can learn.

`neuron.py` is McCulloch and Pitts' threshold as a Keras layer, `perceptron.py` Rosenblatt's rule beside a sigmoid's
gradient; start with either. Both stand on `separate.py`: is there a line at all, and the proof where there is none.
`points.py` reads two columns and two classes from whatever they come in.
"""
