"""Worlds and cars of others: FILE.py:NAME as a world of `simulation`."""
