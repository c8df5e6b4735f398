"""Starts one supervised process: imports its module and calls its `main`.

Run by its path, `python -P launch.py MODULE [OPTION]...`, so that nothing in the working directory is imported: neither
a folder named `lkas` nor a file such as logging.py. An import error is one sentence and exit code 2, which ends the
whole run when it happens on a first start.
"""

import sys
import traceback
from importlib import import_module
from pathlib import Path

ROOT = str(Path(__file__).parents[2])  # the folder of the package `lkas` that the supervisor runs


def main() -> int:
    """Run the module named on the command line and return its exit code."""
    del sys.argv[0]
    if ROOT not in sys.path:
        sys.path.append(ROOT)
    from lkas.runtime.descriptors import open_standard_streams
    from lkas.runtime.exit_codes import EXIT_USAGE

    open_standard_streams()

    module = sys.argv[0]
    try:
        return import_module(module).main() or 0
    except (ImportError, SyntaxError) as error:
        print(f"{module} cannot be imported: {error}{_place(error)}; `make setup` installs it again", file=sys.stderr)
        return EXIT_USAGE


def _place(error: BaseException) -> str:
    """Return ` (FILE, line N)` for the innermost import statement, or nothing."""
    for frame in reversed(traceback.extract_tb(error.__traceback__)):
        if not frame.filename.startswith("<frozen") and frame.filename != __file__:
            return f" ({frame.filename}, line {frame.lineno})"
    return ""


if __name__ == "__main__":
    raise SystemExit(main())
