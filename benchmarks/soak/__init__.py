"""Long tests of channels and sockets: no torn and no lost message, no hang, no memory growth.

    python -m benchmarks.soak torn          10 million self-checking reads with 1, 4 and 20 readers
    python -m benchmarks.soak kills         the writer killed 200 times, readers that hold views twice as often
    python -m benchmarks.soak messages      1 million messages through each pattern of the sockets
    python -m benchmarks.soak frames        20 readers at 30 frames per second for a minute

Each prints its results (`--json` for programs) and exits with 1 when a promise is broken. `--share 0.01` runs a
hundredth of the work, as the test suite does. Times depend on the load of the machine.
"""
