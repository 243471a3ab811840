"""`python -m app.serve`: brings the schema up to date, then serves on port 8000.

Exit codes of the migration: see app.migrate. Several tasks that start at once wait for each other.
"""

from __future__ import annotations

import sys

import uvicorn

from app import migrate
from app.json_log import configure_logging

PORT = 8000


def main() -> int:
    code = migrate.main([])
    if code != 0:
        return code
    configure_logging(job_name="api")
    # All addresses: a container is reached from outside it. Health checks would fill an access log.
    uvicorn.run(
        "app.main:app",
        host="0.0.0.0",  # noqa: S104
        port=PORT,
        log_config=None,
        access_log=False,
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
