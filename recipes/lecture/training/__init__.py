"""How a network learns: down its loss, by steps that depend on the optimizer, the rate and the batch.

Start with `descent.py` (Keras' optimizers on the loss of one line); `batches.py` compares batch sizes.
`backpropagation.py` follows the chain rule by hand (`chain.py` has its links, `dense.py` reads the network), and
`landscape.py` looks at the loss around any trained model (`directions.py` says whereto).
"""
