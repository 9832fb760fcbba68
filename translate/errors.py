"""What can go wrong, each with the exit code that a command ends with."""


class TranslateError(Exception):
    """A failure that is told to the user in one sentence, without a traceback."""

    exit_code = 1


class InputError(TranslateError):
    """The input, a flag or a file is wrong; the message names it and the remedy (exit code 2)."""

    exit_code = 2


class RunError(TranslateError):
    """Something failed while running; the last good state is intact (exit code 1)."""

    exit_code = 1


class LostReader(RunError):
    """A process that reads pictures was lost, or cannot hand them over; the training itself is sound."""


class Described(TranslateError):
    """A dry run has said all it can; nothing is wrong (exit code 0)."""

    exit_code = 0


class Stopped(TranslateError):
    """A signal ended the run after its state was saved (exit code 128 + signal)."""

    def __init__(self, message: str, signal_number: int):
        super().__init__(message)
        self.exit_code = 128 + signal_number
