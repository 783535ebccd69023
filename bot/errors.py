"""Every exception that Patron raises on purpose, with the exit code it ends a command with.

::

    PatronError                 1   something outside failed, or was asked for wrongly
    ├── ConfigError             2   a strategy file, option or environment value
    ├── DataError               3   a data or model file
    ├── ChainError              4   the chain, or the node that speaks for it
    │   ├── RpcDown                 nobody answered
    │   ├── RpcTimeout              the answer did not come in time: the outcome is unknown
    │   ├── Reverted                the chain executed the call and refused it
    │   └── SendError               the node refused to take a transaction
    ├── SourceError             1   a source of signals could not be read
    │   ├── SourceDrift             it answered, in another shape than the one that we know
    │   └── SourceGone              it knows nothing under that address
    ├── LockHeld                5   another process holds this data directory, folder or log
    ├── StorageError            6   the ledger's disk is full, broken or of a newer version
    ├── LedgerMismatch          7   ledger and chain disagree: halted
    ├── SecretError             8   a key is missing, wrong or too readable
    └── RefusedError            9   no valid certificate, or a gate that said no
    InvariantBroken             1   we are wrong: stop, keep the ledger

A *no* is a value (`Refused`, `Disagreement`), never an exception. Unknown is not failed.
"""

from __future__ import annotations


class PatronError(Exception):
    """Something outside failed. `str(error)` is the one line that the user reads."""

    exit_code = 1


class ConfigError(PatronError):
    exit_code = 2


class DataError(PatronError):
    exit_code = 3


class ChainError(PatronError):
    exit_code = 4


class RpcDown(ChainError):
    pass


class RpcTimeout(ChainError):
    pass


class Reverted(ChainError):
    pass


class SendError(ChainError):
    pass


class SourceError(PatronError):
    pass


class SourceDrift(SourceError):
    pass


class SourceGone(SourceError):
    pass


class LockHeld(PatronError):
    exit_code = 5


class StorageError(PatronError):
    exit_code = 6


class LedgerMismatch(PatronError):
    exit_code = 7


class SecretError(PatronError):
    exit_code = 8


class RefusedError(PatronError):
    exit_code = 9


class InvariantBroken(Exception):
    """Our own reasoning failed. Nothing catches it below the command line: the ledger is kept as it is."""

    exit_code = 1


def located(file: object, field: str, problem: str, got: object = None) -> str:
    """The one line of a bad input: ``<file>: <field>: <what is wrong> (got …)``, at most 80 characters of `got`."""
    shown = "" if got is None else f" (got {str(got)[:80]!r})" if isinstance(got, str) else f" (got {str(got)[:80]})"
    return f"{file}: {field}: {problem}{shown}" if field else f"{file}: {problem}{shown}"
