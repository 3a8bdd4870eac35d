"""Who chooses the trials.

`persistent.py` has keras-tuner's oracles, made to go on where they stopped; `schedule.py` says what they will do;
`_keras_tuner.py` holds all that is used of keras-tuner's insides, here and elsewhere.
"""
