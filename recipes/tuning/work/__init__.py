"""Who trains the trials.

`loop.py` takes one after the other, or wave by wave; `train.py` trains one, `together.py` a wave; `scored.py` brings
back the model that had its score; `processes.py` has several processes do it at once.
"""
