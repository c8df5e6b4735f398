"""What `lkas bench ipc` compares, and how it measures it."""
