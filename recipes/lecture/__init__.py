"""The lecture's slides as recipes to run, see and change: on its own examples, and on one's own data and models.

`neuron.py` (threshold and gates) and `perceptron.py` (Rosenblatt's rule beside the gradient) stand on `separate.py`: is
there a line at all? `lines.py` and `clusters.py` ask which is best, and by which measure; `descent.py` goes down to the
best line with Keras' optimizers; `occam.py` asks how large a model should be, `batches.py` how many rows a step should
have. `parameters.py` counts what any network learns and lists what was chosen for it, and `drawing.py` says how it is
drawn (`calls.py` reads it, `fold.py` makes it short, `layout.py` finds the places). `backpropagation.py` follows the
chain rule by hand (`chain.py` has its links, `dense.py` reads the network), and `landscape.py` looks at the loss around
any trained model (`directions.py` says whereto). `convolution.py` shows a convolution window by window; `inside.py`,
`field.py`, `occlusion.py` and `dream.py` look into any trained CNN, through `reach.py`. Their figures are in
`recipes.plots`; each slide has a script in `examples/`.
"""
