"""One step of grokking, compiled.

`steps.py` has the loop, `fast_forward.py` the network in fewer operations, `optimizer.py` the update.
"""
