"""A DBOS workflow of ten durable steps in this process: dbos_ten.py DATABASE_URL SECONDS

Prints JSON: workflows per second with 64 at a time, and the median of workflows one at a time."""

import json
import logging
import statistics
import sys
import time
from concurrent.futures import ThreadPoolExecutor

from dbos import DBOS, DBOSConfig

config: DBOSConfig = {"name": "ten", "system_database_url": sys.argv[1], "run_admin_server": False}
DBOS(config=config)
logging.getLogger("dbos").setLevel(logging.ERROR)


@DBOS.step()
def step() -> dict:
    return {}


@DBOS.workflow()
def ten() -> str:
    for _ in range(10):
        step()
    return "SUCCEEDED"


def timed() -> float:
    began = time.perf_counter()
    ten()
    return (time.perf_counter() - began) * 1000


def main() -> None:
    seconds = float(sys.argv[2])
    DBOS.launch()
    for _ in range(5):
        ten()
    alone, end = [], time.monotonic() + seconds
    while time.monotonic() < end:
        alone.append(timed())
    began = time.monotonic()

    def repeat(_: int) -> int:
        done = 0
        while time.monotonic() - began < seconds:
            ten()
            done += 1
        return done

    with ThreadPoolExecutor(64) as pool:
        done = sum(pool.map(repeat, range(64)))
    rate = done / (time.monotonic() - began)
    print(json.dumps({"ten": rate, "single": statistics.median(alone)}))
    DBOS.destroy()


main()
