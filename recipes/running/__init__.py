"""What every long run needs, whatever it trains: state on disk, one process a folder, Ctrl-C, a line of progress.

`files.py` has the one atomic writer; `checkpoint.py` writes the states of a run with it; `saved.py` judges the folder
of one that has ended; `lock.py` keeps a folder for one process; `interrupt.py`, `progress.py` and `memory.py` are
what they say; `programs.py` keeps what was compiled; `show.py` is how a result looks in a notebook.
"""
