"""The signals that ask a program to end."""

import signal


def stop_signals() -> tuple[signal.Signals, ...]:
    """Return SIGINT, SIGTERM and, unless it is ignored as under nohup, SIGHUP (the terminal was closed)."""
    hangs_up = signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN
    return (signal.SIGINT, signal.SIGTERM, signal.SIGHUP) if hangs_up else (signal.SIGINT, signal.SIGTERM)
