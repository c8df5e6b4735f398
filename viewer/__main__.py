"""Run the command `viewer` as `python -m viewer`."""

from viewer.cli import main

if __name__ == "__main__":
    main()
