"""``python -m translate``."""

from translate.commands import main

if __name__ == "__main__":
    main()
