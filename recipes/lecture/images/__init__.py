"""Convolution, and what a network for images has learnt to see.

Start with `convolution.py` (the slide's example, window by window). Any trained CNN is looked into by `inside.py`
(kernels, feature maps, exciting patches), `field.py` (what a unit can see), `occlusion.py` (what a class rests on) and
`dream.py` (Deep Dream, with `eye.py` for the units that look); all through `reach.py`, which runs a model and leaves no
trace, and `gradient.py`.
"""
