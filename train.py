"""Train a translator: python train.py --dataroot PATH --name NAME (see --help); installed: translate train."""

from translate.commands.train import main, run

__all__ = ["main"]

if __name__ == "__main__":
    run()
