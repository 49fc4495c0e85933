"""``python -m gifnet``."""

from .cli import main

if __name__ == "__main__":
    main()
