"""The figures of `recipes.lecture`, one module for each of its subjects; start with `separation.py`.

`networks` draws a network, alone and with what was chosen for it or the chain rule's numbers; `images` what is seen in
pictures.
"""
