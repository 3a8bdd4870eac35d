"""The lecture's slides as recipes to run, see and change: on its own examples, and on one's own data and models.

The rooms follow the slides, and each stands on those before it: `models` (which line, which clusters, how large),
`neurons` (one neuron, and what it can learn), `networks` (their parameters, choices and drawing), `training` (the way
down the loss, and the chain rule), `images` (convolution, and what a CNN sees), `astronomy` (the lecturer's own
systems, on simulated data). Their figures are in `recipes.plots`;
each slide has a script in `examples/`, and `examples/lecture.py` runs them all; `own.py` reads one's own files for
them. Start with `neurons/perceptron.py`.
"""
