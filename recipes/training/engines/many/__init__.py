"""Many networks at once: stacked as `(K, in, out)` matrices, they train in one compiled program.

From the outside in: `engine.py` (which jobs go together; `cost.py` weighs it, `ahead.py` compiles what looks alike),
`train.py` (blocks of epochs, in `threads.py`), `program.py` (what is compiled: epochs, steps, early stopping).
`stacked/` has the networks themselves: as values, as arrays, layer by layer.
"""
