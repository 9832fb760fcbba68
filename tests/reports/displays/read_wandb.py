"""What lies in files of offline W&B runs, as JSON; a program of its own, since wandb changes the process it is in.

A file is a log in the format of LevelDB (7 bytes in front, then blocks of 32 KiB) of the records that wandb defines.
"""

import json
import struct
import sys
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

BLOCK_BYTES = 32768


def read_records(data: bytes) -> Iterator[Any]:
    from wandb.proto import wandb_internal_pb2 as wandb_records  # here, since pytest looks into this file too

    assert data[:4] == b":W&B"
    at, record = 7, b""
    while at + 7 <= len(data):
        if BLOCK_BYTES - at % BLOCK_BYTES < 7:
            at += BLOCK_BYTES - at % BLOCK_BYTES
            continue
        checksum, size, kind = struct.unpack("<IHB", data[at : at + 7])
        part = data[at + 7 : at + 7 + size]
        if len(part) < size:  # it is being written
            return
        assert zlib.crc32(bytes([kind]) + part) == checksum
        record = part if kind in (1, 2) else record + part
        if kind in (1, 4):
            yield wandb_records.Record.FromString(record)
        at += 7 + size


def items(entries: Any) -> dict[str, Any]:
    """Names (those of parts joined by a dot) and values."""
    return {entry.key or ".".join(entry.nested_key): json.loads(entry.value_json) for entry in entries}


def read_file(path: Path) -> dict[str, Any]:
    found: dict[str, Any] = {"history": [], "axes": {}, "exit_code": None}
    for record in read_records(path.read_bytes()):
        kind = record.WhichOneof("record_type")
        if kind == "run":
            run = record.run
            found |= {"id": run.run_id, "name": run.display_name, "project": run.project, "kind": run.job_type}
            found["config"] = items(run.config.update)
        elif kind == "metric":
            found["axes"][record.metric.name or record.metric.glob_name] = record.metric.step_metric
        elif kind == "history":
            found["history"].append(items(record.history.item))
        elif kind == "exit":
            found["exit_code"] = record.exit.exit_code
    return found


if __name__ == "__main__":
    print(json.dumps([read_file(Path(name)) for name in sys.argv[1:]]))
