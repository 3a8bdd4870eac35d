"""The steps of grokking, compiled: what the plain Keras model and AdamW do, in fewer operations.

`steps.py` runs many of them in one call, `fast_forward.py` computes the network and its loss, `optimizer.py` the
update. Start with `Program.gradient` and `Optimizer.update`: a step is the one and then the other.
"""
