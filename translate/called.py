"""How the user called a command of the library, so that the next one is told in the same words."""

import shlex
import sys
from pathlib import Path

SCRIPTS = ("train.py", "test.py")
IN_SCRIPTS = {"download": "scripts/download_dataset.py", "transfer": "scripts/transfer.py"}
AS_MODULE = ("__main__.py", "-m")  # what python -m calls itself, the latter while it looks for the package


def script(command: str) -> str:
    """A command as Python is told it: ``test.py``, or ``-m translate test`` for the installed one."""
    path = IN_SCRIPTS.get(command, f"{command}.py")
    of_a_checkout = (*SCRIPTS, *(Path(name).name for name in IN_SCRIPTS.values()))
    has_file = path in (*SCRIPTS, *IN_SCRIPTS.values())
    return path if has_file and _called() in of_a_checkout else f"-m translate {command}"


def spoken(command: str) -> str:
    """A command as it is typed: ``python test.py``, ``translate test`` or ``python -m translate test``."""
    words = script(command)
    by_module = _called() in AS_MODULE
    return f"python {words}" if by_module or not words.startswith("-m ") else words.removeprefix("-m ")


def title(command: str) -> str:
    """The same, as a page of help or a sentence names it: ``test.py`` or ``translate test``."""
    return script(command).removeprefix("-m ")


def again() -> str:
    """The whole command line, as torchrun is told it."""
    installed = _called() in ("translate", "translate.exe", *AS_MODULE)
    return shlex.join(["-m", "translate", *sys.argv[1:]] if installed else sys.argv)


def _called() -> str:
    return Path(sys.argv[0]).name if sys.argv else ""
