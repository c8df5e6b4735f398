"""`python -m lkas` is `lkas`."""

from lkas.cli import main

main()
