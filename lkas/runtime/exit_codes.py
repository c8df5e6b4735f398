"""The exit codes of all programs."""

EXIT_FAILED = 1
EXIT_USAGE = 2  # usage or configuration: another start with the same input would fail in the same way
EXIT_UNREACHABLE = 3  # a needed peer cannot be reached
EXIT_BELOW_THRESHOLD = 5  # a score misses its requirement
EXIT_INTERRUPTED = 130  # SIGINT
EXIT_TERMINATED = 143  # SIGTERM


def exit_code_of_signal(number: int) -> int:
    """Return the exit code of a program that a signal ended, as shells report it."""
    return 128 + number
