"""Descriptors: the standard streams and the limit of open files.

Descriptors 0 to 2 belong to the standard streams, also when a program is started without them.

Otherwise the first file or segment that is opened takes one of them, and the next message of a library on standard
error overwrites it.
"""

import os
import resource
import sys

NEEDED_DESCRIPTORS = 128  # by the process that has most, with some peers; usual limits are 1024 and more
MAX_DESCRIPTORS = 65_536


class DescriptorLimitError(Exception):
    """The limit of open files is too low; the text says what to do."""


def open_standard_streams() -> None:
    """Open the missing ones of descriptors 0 to 2 on /dev/null. The first thing that a program does."""
    for descriptor in range(3):
        try:
            os.fstat(descriptor)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # takes the lowest free one: this one
            os.set_inheritable(descriptor, True)
    if sys.stdin is None:
        sys.stdin = open(0, encoding="utf-8", closefd=False)  # noqa: SIM115 - for as long as the program runs
    if sys.stdout is None:
        sys.stdout = open(1, "w", encoding="utf-8", closefd=False)  # noqa: SIM115
    if sys.stderr is None:
        sys.stderr = open(2, "w", encoding="utf-8", closefd=False)  # noqa: SIM115


def raise_descriptor_limit() -> None:
    """Use the highest limit of open files that is allowed. Raises DescriptorLimitError when that is too low."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = MAX_DESCRIPTORS if hard == resource.RLIM_INFINITY else min(hard, MAX_DESCRIPTORS)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
        soft = wanted
    if soft != resource.RLIM_INFINITY and soft < NEEDED_DESCRIPTORS:
        raise DescriptorLimitError(
            f"a process may open {soft} files, needed are {NEEDED_DESCRIPTORS}: raise the limit with `ulimit -n`"
        )
