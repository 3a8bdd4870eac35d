"""The command line, `recipes` and `python -m recipes`: one module for each family of commands.

`entry.py` is where to start: which commands there are, and what their exit codes mean. `sheet.py` has those that read a
target, `findings.py` those that judge, `tables.py` and `networks.py` those that train; `files.py` reads what they are
given, `flags.py` says in flags what was wrong with it, and `quiet.py` loads Keras. `--help` loads neither NumPy nor
Keras: what needs them is imported where it runs.
"""

from recipes.cli.entry import main as main
