"""Train a translator: python train.py --dataroot PATH --name NAME (see --help)."""

from collections.abc import Sequence

from translate.commandline import parse_train, run_command


def main(arguments: Sequence[str]) -> None:
    values = parse_train(arguments)
    from translate.training.run import train_from_flags

    result = train_from_flags(values)
    if result:
        print(f"done: {result.step} steps, {result.folder}")
        print(f"next: python test.py --name {result.folder.name}")


if __name__ == "__main__":
    run_command(main)
