"""Loopback ports for programs whose port has to be known before they start."""

import fcntl
import os
import socket
from pathlib import Path
from typing import TextIO

# Below the range that systems assign to outgoing connections. The Rust tests use the same range and
# the same lock files (`aar-testkit/src/ports.rs`).
RANGE = range(20_000, 30_000)
LOCKS = Path(f"/tmp/aar-test-ports-{os.getuid()}")

# A lock ends when its file is closed: every port stays reserved until this process ends.
_locks: list[TextIO] = []


def reserve_port() -> int:
    """Return a port that no other test uses and no outgoing connection gets."""
    LOCKS.mkdir(exist_ok=True)
    for port in reversed(RANGE):
        lock = (LOCKS / str(port)).open("w")
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            with socket.socket() as probe:
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                probe.bind(("127.0.0.1", port))
        except OSError:
            lock.close()
            continue
        _locks.append(lock)
        return port
    raise RuntimeError(f"no loopback port from {RANGE.start} to {RANGE.stop - 1} is free")
