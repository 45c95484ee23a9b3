"""Reads one file in a process of its own: `python -m toolyard_memory.documents.reading.child KIND MEMORY SECONDS`.

The file comes on standard input; what was read, or why it was not, goes to standard output as JSON. What the file
makes of memory (bytes), processor (seconds) and disk is bounded by the kernel: this process ends by it, and no other.
"""

import resource
import sys

import msgspec

from toolyard_memory.documents.reading.kinds import Read, read
from toolyard_memory.documents.reading.outcome import Refused, Unreadable

TOO_MUCH = "it needs more memory than a file is given: it may be made to do harm"
TOO_DEEP = "it is nested too deeply to be read"


def main() -> None:
    """Read one file."""
    _bound(resource.RLIMIT_CORE, 0)
    _bound(resource.RLIMIT_FSIZE, 0)
    _bound(resource.RLIMIT_CPU, int(sys.argv[3]))
    _bound(resource.RLIMIT_AS, int(sys.argv[2]))
    said: Read | Refused
    try:
        said = read(sys.stdin.buffer.read(), sys.argv[1])
    except Unreadable as error:
        said = Refused(str(error))
    except MemoryError:
        said = Refused(TOO_MUCH)
    except RecursionError:
        said = Refused(TOO_DEEP)
    sys.stdout.buffer.write(msgspec.json.encode(said))


def _bound(what: int, most: int) -> None:
    _, hard = resource.getrlimit(what)
    most = most if hard == resource.RLIM_INFINITY else min(most, hard)
    resource.setrlimit(what, (most, most))


if __name__ == "__main__":
    main()
