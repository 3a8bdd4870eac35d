"""Engines: what trains a model on arrays. `engine.py` says what one is, and which run gets which.

Each has a room: `keras_fit.py` is Keras' own `model.fit`; `tensorflow/` runs whole epochs inside one compiled function.
`resume.py` and `description.py` serve all of them: what of a run goes into a checkpoint.
"""
