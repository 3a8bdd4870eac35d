"""`python -m recipes`."""

import sys

if __name__ == "__main__":
    from recipes.cli import main

    sys.exit(main())
