"""Who trains the trials.

`loop.py` takes one after the other, `train.py` trains one, `processes.py` has several processes do it at once.
"""
