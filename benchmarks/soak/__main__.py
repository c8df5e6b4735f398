"""Run one of the long tests; see the package docstring."""

import argparse
import json
import os
import sys
import time

from benchmarks import soak
from benchmarks.soak import frames, kills, messages, torn
from benchmarks.soak.processes import Broken
from lkas.integration.shared_memory import remove_stale

PROOFS = {"torn": torn.prove, "kills": kills.prove, "messages": messages.prove, "frames": frames.prove}


def main() -> int:
    parser = argparse.ArgumentParser(description=soak.__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("proof", choices=PROOFS)
    parser.add_argument("--share", type=float, default=1.0, help="of the work; 1 is the whole test")
    parser.add_argument("--json", action="store_true", help="print JSON on one line")
    options = parser.parse_args()
    instance = os.environ["LKAS_INSTANCE"] = f"soak-{os.getpid()}"
    began = time.monotonic()
    try:
        result = PROOFS[options.proof](options.share, lambda text: print(text, file=sys.stderr, flush=True))
    except Broken as error:
        print(f"broken: {error}", file=sys.stderr)
        return 1
    finally:
        remove_stale(instance=instance)
    result = {"proof": options.proof, "share": options.share} | result | {"took_s": round(time.monotonic() - began, 1)}
    print(json.dumps(result) if options.json else json.dumps(result, indent=2))
    return 0


if __name__ == "__main__":
    sys.exit(main())
