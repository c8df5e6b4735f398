"""`python -m simulation`: the same as the command `simulation`."""

from simulation.cli import main

main()
