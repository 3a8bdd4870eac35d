"""Convolutions, and what is inside a CNN: `pictures.py` shows any array as a picture; start with `convolution.py`."""
