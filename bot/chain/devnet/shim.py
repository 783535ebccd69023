"""Runs one program for as long as the process that asked for it lives. Stdlib only: started as a file, isolated.

``shim.py LIFELINE_FD LOG PROGRAM ARGUMENTS…``: the parent holds the other end of the lifeline pipe. When that closes,
by whatever death of the parent, the program is ended. If this process is killed, the kernel ends the program. A death
signal set by the parent itself would not do: it fires when the parent's *thread* ends.

The program's output goes to the log, without the secret URL in PATRON_FORK_URL and without the one line for each
request that a node prints.
"""

from __future__ import annotations

import ctypes
import os
import re
import signal
import subprocess
import sys
import threading

PR_SET_PDEATHSIG = 1
GRACE = 3.0  # seconds between SIGTERM and SIGKILL
REQUEST = re.compile(rb"^(eth|net|web3|anvil|evm|debug|txpool|hardhat|trace)_\w+\s*$")


def main(arguments: list[str]) -> int:
    """The program's exit code, negative for a signal."""
    lifeline, log, command = int(arguments[0]), arguments[1], arguments[2:]
    us = os.getpid()
    libc = ctypes.CDLL(None, use_errno=True)

    def die_with_us() -> None:
        libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != us:  # we died before the line above
            os._exit(1)

    program = subprocess.Popen(  # noqa: S603 the command is our own caller's
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        preexec_fn=die_with_us,
    )
    threading.Thread(target=_end_after, args=(lifeline, program), daemon=True).start()
    signal.signal(signal.SIGTERM, lambda *_: program.terminate())
    secret = os.environ.get("PATRON_FORK_URL", "").encode()
    assert program.stdout is not None
    with open(log, "wb", buffering=0) as file:
        for line in program.stdout:
            if not REQUEST.match(line) and line.strip():
                file.write(line.replace(secret, b"<upstream>") if secret else line)
    return program.wait()


def _end_after(lifeline: int, program: subprocess.Popen[bytes]) -> None:
    while os.read(lifeline, 1):
        pass
    program.terminate()
    try:
        program.wait(GRACE)
    except subprocess.TimeoutExpired:
        program.kill()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]) & 0xFF)
