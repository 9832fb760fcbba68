"""Translate pictures with a trained run: python test.py [--name NAME] (see --help); installed: translate test."""

from translate.commands.test import main, run

__all__ = ["main"]

if __name__ == "__main__":
    run()
