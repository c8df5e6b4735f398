"""The transports that `lkas bench ipc` compares, and the measurement."""
