#!/usr/bin/env python3
"""Make the .gz twin of a recorded response: `convert_to_gzip.py FILE… [--check]`.

The server sends a twin as it is stored when a client accepts gzip.  The same file always gives the
same bytes (no name and no time in the header), and the file itself stays.
"""

from __future__ import annotations

import sys
import zlib
from pathlib import Path
from typing import List, Optional, Sequence

USAGE = "usage: convert_to_gzip.py FILE... [--check]"


def gzip_bytes(data: bytes) -> bytes:
    """One gzip member without name and time (RFC 1952), compressed as well as zlib can."""
    packer = zlib.compressobj(9, zlib.DEFLATED, 31)
    return packer.compress(data) + packer.flush()


def plain_bytes(data: bytes) -> Optional[bytes]:
    """The content of one gzip member, or None if that is not what the bytes are."""
    unpacker = zlib.decompressobj(31)
    try:
        plain = unpacker.decompress(data)
    except zlib.error:
        return None
    return plain if unpacker.eof and not unpacker.unused_data else None


def problem(source: Path) -> str:
    """What is wrong with a file's twin; empty if it is there and holds what the file holds."""
    twin = Path(f"{source}.gz")
    if not twin.is_file():
        return f"{twin} is missing"
    same = plain_bytes(twin.read_bytes()) == source.read_bytes()
    return "" if same else f"{twin} is stale: it does not hold what {source} holds"


def convert(source: Path) -> str:
    """Write the twin of one file, or raise OSError; a line that says so."""
    twin = Path(f"{source}.gz")
    data = gzip_bytes(source.read_bytes())
    if not (twin.is_file() and twin.read_bytes() == data):
        twin.write_bytes(data)
    return f"{twin}: {len(data)} bytes from {source.stat().st_size}"


def main(arguments: Sequence[str]) -> int:
    """The exit status: 0, 1 (a twin is missing or stale, or a file can't be read or written) or 2
    (usage)."""
    names = [word for word in arguments if not word.startswith("-")]
    flags = [word for word in arguments if word.startswith("-")]
    if "--help" in flags or "-h" in flags:
        print(
            f"{USAGE}\n\nMakes FILE.gz beside each FILE.  With --check nothing is written: "
            "exit 1 if one is missing or stale."
        )
        return 0
    wrong: List[str] = [f"unknown option {flag}" for flag in flags if flag != "--check"]
    wrong += [
        f"{name} is a twin already; name the file that it was made from"
        for name in names
        if name.endswith(".gz")
    ]
    if wrong or not names:
        print("\n".join([*wrong, USAGE]), file=sys.stderr)
        return 2
    failed = False
    for name in names:
        try:
            said = problem(Path(name)) if "--check" in flags else convert(Path(name))
        except OSError as error:
            said = f"{name}: {error.strerror or error}"
            failed = True
        failed = failed or ("--check" in flags and bool(said))
        if said:
            print(said, file=sys.stderr if failed else sys.stdout)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
