"""Many HTTP clients at a running viewer: requests, errors, p50 and p99 of each path.

    python -m benchmarks.http_clients http://localhost:8080 --clients 100 --seconds 60

Each client asks one path again and again, ten times a second; the clients are spread evenly over the paths.
"""

import argparse
import asyncio
import time
from collections import defaultdict

import httpx
import numpy as np

PATHS = (
    "/api/v1/state",
    "/api/v1/control",
    "/api/v1/detections",
    "/api/v1/health",
    "/api/v1/parameters",
    "/snapshot.jpg",
)
PERIOD_S = 0.1
TIMEOUT_S = 10.0


async def measure(url: str, clients: int, seconds_s: float) -> dict[str, list[tuple[float, bool]]]:
    """Answer times in ms and whether the status was 200, by path."""
    samples: dict[str, list[tuple[float, bool]]] = defaultdict(list)
    end_s = time.monotonic() + seconds_s

    async def ask(session: httpx.AsyncClient, path: str) -> None:
        while (start_s := time.monotonic()) < end_s:
            try:
                is_ok = (await session.get(url + path)).status_code == 200
            except httpx.HTTPError:
                is_ok = False
            took_s = time.monotonic() - start_s
            samples[path].append((took_s * 1e3, is_ok))
            await asyncio.sleep(max(PERIOD_S - took_s, 0))

    limits = httpx.Limits(max_connections=clients, max_keepalive_connections=clients)
    async with httpx.AsyncClient(timeout=TIMEOUT_S, limits=limits) as session:
        await asyncio.gather(*(ask(session, PATHS[index % len(PATHS)]) for index in range(clients)))
    return samples


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("url")
    parser.add_argument("--clients", type=int, default=100)
    parser.add_argument("--seconds", type=float, default=60.0)
    options = parser.parse_args()
    samples = asyncio.run(measure(options.url.rstrip("/"), options.clients, options.seconds))
    print(f"{'path':24}{'requests':>9}{'errors':>8}{'p50 ms':>9}{'p99 ms':>9}")
    for path, found in sorted(samples.items()):
        p50, p99 = np.percentile([took_ms for took_ms, _ in found], (50, 99))
        errors = sum(not is_ok for _, is_ok in found)
        print(f"{path:24}{len(found):9}{errors:8}{p50:9.1f}{p99:9.1f}")


if __name__ == "__main__":
    main()
