"""What the tests of RDS clusters share: a client, and where the server's process is noted."""

from __future__ import annotations

import os
import subprocess

PASSWORD = "it's-a:secret"
PSQL = "/usr/lib/postgresql/15/bin/psql"


def query(cluster, sql, password=PASSWORD):
    return subprocess.run(
        [PSQL, "-XAt", "-v", "ON_ERROR_STOP=1", "-c", sql],
        env={
            **os.environ,
            "PGHOST": cluster["Endpoint"],
            "PGPORT": str(cluster["Port"]),
            "PGUSER": cluster["MasterUsername"],
            "PGDATABASE": "app",
            "PGPASSWORD": password,
        },
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )


def postmaster(data, cluster):
    """Its process id; None when the server does not run."""
    file = data / "databases" / cluster["DbClusterResourceId"] / "data" / "postmaster.pid"
    return int(file.read_text().split()[0]) if file.exists() else None
