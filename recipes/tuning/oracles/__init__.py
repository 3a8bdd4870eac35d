"""Who chooses the trials.

`persistent.py` has keras-tuner's oracles, made to go on where they stopped; `schedule.py` says what they will do.
"""
