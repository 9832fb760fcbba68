"""Several processes that train together, one a GPU or a few CPU cores each, started by ``torchrun``."""

import contextlib
import os
import socket
import sys
import time
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import torch
import torch.distributed as dist
from torch import nn
from torch.distributed.rendezvous import rendezvous

from translate.collectives import PATIENCE, copy_from_first, gather_values, leave, process_count
from translate.data.sampling import Share
from translate.errors import InputError, RunError, TranslateError

TOLD = {"rank": "RANK", "count": "WORLD_SIZE", "local_rank": "LOCAL_RANK", "local_count": "LOCAL_WORLD_SIZE"}
SPEAKS_WITHIN_S = 20  # what one process may be behind the others when all of them read the same flags


@dataclass(frozen=True)
class Processes:
    """Which of the processes this is.

    Attributes:
        rank: counted from 0 over all machines; the first one writes the files.
        count: of all processes.
        local_rank, local_count: the same among those of this machine.
        launches: names of the calls of torchrun that started this process and those it has joined, one a machine; they
            stay the same when torchrun starts the processes again.
    """

    rank: int = 0
    count: int = 1
    local_rank: int = 0
    local_count: int = 1
    launches: frozenset[str] = frozenset()

    @property
    def is_first(self) -> bool:
        return self.rank == 0

    def share(self, parts: int = 1) -> Share:
        """What this process computes of each batch."""
        return Share(self.rank, self.count, parts)

    @contextlib.contextmanager
    def first_goes_first(self) -> Iterator[None]:
        """The first process runs the block, then all others do: what it leaves on disk is there for them.

        To be used within ``fail_together``, which ends the others where the first one fails.
        """
        if not self.is_first:
            self._meet()
        yield
        if self.is_first:
            self._meet()

    @contextlib.contextmanager
    def fail_together(self) -> Iterator[None]:
        """All processes get through the block, or all end: one of those that failed says why, once."""
        try:
            yield
        except TranslateError as error:
            self._meet(error)
            raise
        self._meet()

    def _meet(self, problem: TranslateError | None = None) -> None:
        """Wait for the others, and for what they have to say."""
        codes = gather_values(problem.exit_code if problem else None)
        failed = [rank for rank, code in enumerate(codes) if code is not None]
        if failed and self.rank != failed[0]:
            raise SystemExit(codes[failed[0]])

    @contextlib.contextmanager
    def one_speaks(self) -> Iterator[None]:
        """What is printed within the block, before the processes are joined, is printed once a machine."""
        with contextlib.ExitStack() as quiet:
            if self.local_rank > 0:
                nowhere = quiet.enter_context(open(os.devnull, "w"))
                quiet.enter_context(contextlib.redirect_stdout(nowhere))
                quiet.enter_context(contextlib.redirect_stderr(nowhere))
            yield

    def alone(self, error: TranslateError) -> TranslateError | SystemExit:
        """What to raise where all processes end alike: one a machine says it, the others end with its exit code.

        torchrun ends all of them as soon as one has failed. So where they cannot agree yet, the others leave it to
        the one that has something to say, and are ended with it.
        """
        if self.local_rank == 0:
            return error
        if not dist.is_initialized():
            time.sleep(SPEAKS_WITHIN_S)
        return SystemExit(error.exit_code)

    def end(self, code: int) -> None:
        """End this process with its exit code, at once where it is one of several.

        Threads of their communication outlive the group now and then, and abort a process whose work is done and saved
        while it exits (seen with gloo and torch 2.14: "terminate called without an active exception").
        """
        if self.count > 1:
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(code)


def processes_of_environment() -> Processes:
    """What torchrun has told this process; without torchrun, that it is the only one."""
    told = {field: int(os.environ[name]) for field, name in TOLD.items() if os.environ.get(name, "").isdigit()}
    if told.keys() != TOLD.keys():
        return Processes()  # one of these alone may be another program's
    return Processes(**told, launches=frozenset(_launch()))


def _launch() -> list[str]:
    """A name of the call of torchrun; none for other launchers, which start nothing again."""
    told = os.environ.get("TORCHELASTIC_RUN_ID")
    if told != "none":
        return [told] if told else []  # by --standalone or --rdzv_id; without these it is "none" for all calls
    parent = os.getppid()
    try:
        # In containers the number of the process is always the same; when it began is not.
        began = Path(f"/proc/{parent}/stat").read_text().rpartition(")")[2].split()[19]
    except OSError:
        began = ""  # not Linux
    return [" ".join(["torchrun", socket.gethostname(), str(parent), began]).strip()]


@contextlib.contextmanager
def joined(processes: Processes, device: torch.device) -> Iterator[Processes]:
    """The others can be talked to within the block. All but the first print nothing there.

    Gives the processes as all of them know them: which of them is the first may change when they are started again, so
    each has to know what the others call a start.
    """
    if processes.count == 1:
        _note_others()
        yield processes
        return
    if device.type == "cuda":
        torch.cuda.set_device(device)
    try:
        _find_each_other("nccl" if device.type == "cuda" else "gloo")
    except ValueError as error:  # something is missing in the environment
        wrong = InputError(f"several processes train together where torchrun starts them ({error})")
        raise processes.alone(wrong) from error
    except RuntimeError as error:
        raise RunError(f"the processes of this training did not find each other ({error}); start them again") from error
    with contextlib.ExitStack() as quiet:
        if not processes.is_first:
            nowhere = quiet.enter_context(open(os.devnull, "w"))
            quiet.enter_context(contextlib.redirect_stdout(nowhere))
        yield replace(processes, launches=frozenset().union(*gather_values(processes.launches)))
    leave()  # not after a failure: it would wait for processes that are gone


def _note_others() -> None:
    """Say so where a launcher means several processes and did not tell them all that they need to know."""
    count = os.environ.get("WORLD_SIZE", "1")
    if count not in ("", "0", "1"):
        missing = [name for name in TOLD.values() if not os.environ.get(name)]
        if missing:
            print(
                f"note: WORLD_SIZE is {count}, but this process trains alone, since {', '.join(missing)} is not set; "
                "torchrun sets all that is needed"
            )


def _find_each_other(backend: str) -> None:
    store, rank, count = next(rendezvous("env://"))
    # Where torchrun starts processes again, they would find the addresses of their predecessors in its store.
    store = dist.PrefixStore(f"attempt {os.environ.get('TORCHELASTIC_RESTART_COUNT', 0)}", store)
    patience = {"timeout": PATIENCE} if backend == "gloo" else {}
    dist.init_process_group(backend, store=store, rank=rank, world_size=count, **patience)


def start_alike(module: nn.Module) -> None:
    """Give all processes the weights and buffers of the first."""
    copy_from_first([*module.parameters(), *module.buffers()])


def check_alike(module: nn.Module, step: int) -> None:
    """Processes that take the same steps have the same weights, to the bit.

    Raises:
        RunError: they have not.
    """
    if process_count() == 1:
        return
    checksum = 0
    for weight in module.parameters():
        checksum = zlib.crc32(weight.detach().cpu().contiguous().numpy().tobytes(), checksum)
    checksums = gather_values(checksum)
    if len(set(checksums)) > 1:
        other = next(rank for rank, value in enumerate(checksums) if value != checksums[0])
        raise RunError(
            f"the weights of process {other} are no longer those of process 0 at step {step}; the last saved state is "
            "intact: start all processes again with --continue_train, on machines of one kind"
        )
