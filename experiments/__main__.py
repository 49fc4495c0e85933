"""``python -m experiments``: see `experiments.cli`."""

from .cli import main

if __name__ == "__main__":
    main()
