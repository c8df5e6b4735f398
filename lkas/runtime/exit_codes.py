"""The exit codes of all programs, in one place."""

EXIT_FAILED = 1
EXIT_USAGE = 2  # usage or configuration: starting again would say the same
EXIT_UNREACHABLE = 3  # a needed peer cannot be reached
EXIT_BELOW_THRESHOLD = 5  # a score misses its requirement
EXIT_INTERRUPTED = 130  # SIGINT
EXIT_TERMINATED = 143  # SIGTERM
