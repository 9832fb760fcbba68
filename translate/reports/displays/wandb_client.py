"""The training's side of the process in which wandb runs.

Import it where a display begins: it needs the package wandb, though wandb itself is imported in that process alone.
"""

import contextlib
import os
import pickle
import subprocess
import sys
import threading
from importlib.util import find_spec
from typing import Any

from translate.errors import RunError

LEAVE_AFTER_S = 4.0  # less than the end of a training waits for its displays
PROGRAM = (
    "import sys; sys.path[:] = sys.argv[1].split(chr(10)); "
    "from translate.reports.displays.wandb_process import main; main()"
)

_found = find_spec("wandb")
if _found is None or _found.origin is None:  # a folder of runs that is called wandb has none
    raise ModuleNotFoundError("No module named 'wandb'")

# A process that is forked while another one is started keeps the pipes of that one open, and whoever reads from them
# waits for its end. The processes that load pictures are forked in the training's thread, so they wait for the start.
_starting = threading.Lock()
if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=_starting.acquire, after_in_parent=_starting.release, after_in_child=_starting.release)


class WandbProcess:
    """A process that does what is asked, see ``wandb_process.Session``. After a failure it is gone."""

    def __init__(self) -> None:
        paths = "\n".join(os.path.abspath(path) for path in sys.path)
        words = [sys.executable, "-c", PROGRAM, paths, *sys.argv]
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.DEVNULL}
        with _starting:
            self._process = subprocess.Popen(words, env=_environment(), **pipes, **_out_of_reach())

    @property
    def is_alive(self) -> bool:
        return self._process.poll() is None

    def ask(self, method: str, **arguments: Any) -> Any:
        """Call a method there.

        Raises:
            RunError: it failed there, or the process is gone.
        """
        try:
            pickle.dump((method, arguments), self._process.stdin)
            self._process.stdin.flush()
            reason, result = pickle.load(self._process.stdout)
        except (OSError, EOFError):
            reason, result = "its process is gone", None
        if reason is not None:
            self._process.kill()
            self._process.wait()
            raise RunError(reason)
        return result

    def leave(self) -> None:
        """Let it send what is left and end, by itself if that takes longer."""
        with contextlib.suppress(OSError):
            self._process.stdin.close()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(LEAVE_AFTER_S)


def _out_of_reach() -> dict[str, Any]:
    """A process group of its own, since Ctrl-C is for the training alone."""
    return {"creationflags": subprocess.CREATE_NEW_PROCESS_GROUP} if os.name == "nt" else {"start_new_session": True}


def _environment() -> dict[str, str]:
    """The training's own, with two words to wandb: which process it shall measure, and not to report on itself to its
    makers, which it else does even offline."""
    others = {name: value for name, value in os.environ.items() if name != "WANDB_SERVICE"}  # of another run
    return {"WANDB_ERROR_REPORTING": "false", **others, "WANDB__STATS_PID": str(os.getpid())}
