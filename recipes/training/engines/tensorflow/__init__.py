"""Whole epochs inside one compiled TensorFlow function, for data that fit in memory.

From the outside in: `engine.py`, `loop.py` (blocks of epochs, callbacks), `program.py` (which compiled program a model
runs), `steps.py` (what a program does, down to Keras' own `train_step`). `alike.py` decides which models may share a
program (`walk.py` reads them), `state.py` says what it takes from each, `wide.py` makes one for networks of many
widths; `rewrites.py` and `noise.py` are the same mathematics in fewer operations.
"""
