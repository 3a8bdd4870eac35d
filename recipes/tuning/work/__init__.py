"""Who trains the trials.

`loop.py` takes one after the other, `train.py` trains one, `scored.py` brings back the model that had its score;
`processes.py` has several processes do it at once.
"""
