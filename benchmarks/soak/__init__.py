"""Long proofs of channels and sockets: nothing torn, nothing lost, nothing stuck, no memory eaten.

    python -m benchmarks.soak torn          10 million self-checking reads with 1, 4 and 20 readers
    python -m benchmarks.soak kills         the writer killed 200 times, readers with views in hand twice as often
    python -m benchmarks.soak messages      1 million messages through each pattern of the sockets
    python -m benchmarks.soak frames        20 readers at 30 frames per second for a minute

Each prints its figures (`--json` for programs) and ends with 1 when a promise was broken. `--share 0.01` does a
hundredth of the work; the tests run such a share. Times are those of the machine as busy as it is.
"""
