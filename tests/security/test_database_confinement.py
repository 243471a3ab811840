"""A database gives SQL and nothing else: its master user gets nothing of the host."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest
from conftest import kiban
from databases import PASSWORD, PSQL, postmaster, query
from waiting import until

ROLES = ("pg_execute_server_program", "pg_read_server_files", "pg_write_server_files")

pytestmark = pytest.mark.skipif(not Path(PSQL).exists() or os.geteuid() != 0, reason="needs PostgreSQL 15 and root")


@pytest.fixture
def data(tmp_path):
    yield tmp_path / "data"
    erased = kiban("reset", "--yes", "--data", tmp_path / "data")
    assert erased.returncode == 0, erased.stderr


def create(rds, name):
    rds.create_db_cluster(
        DBClusterIdentifier=name,
        Engine="aurora-postgresql",
        DatabaseName="app",
        MasterUsername="app_user",
        MasterUserPassword=PASSWORD,
    )
    rds.create_db_instance(
        DBInstanceIdentifier=f"{name}-writer",
        DBInstanceClass="db.serverless",
        Engine="aurora-postgresql",
        DBClusterIdentifier=name,
    )

    def described():
        cluster = rds.describe_db_clusters(DBClusterIdentifier=name)["DBClusters"][0]
        assert cluster["Status"] != "failed", rds.describe_events()["Events"]
        return cluster if cluster["Status"] == "available" else None

    return until(described, f"{name} did not become available", 60)


@pytest.fixture
def cluster(data, serve):
    server = serve("--auth", "any", "--data", data, "--tasks", "process", "--source", data.parent)
    made = create(server.client("rds"), "main")
    for role in ROLES:  # PostgreSQL 15 lets CREATEROLE do so; what it gives is what counts.
        query(made, f"GRANT {role} TO app_user")
    query(made, "CREATE TABLE t (line text)")
    return made


def test_it_runs_no_program(cluster, data, tmp_path):
    for program in ("id", "/bin/sh -c id", "/usr/bin/id", "/lib64/ld-linux-x86-64.so.2 /usr/bin/id"):
        ran = query(cluster, f"COPY t FROM PROGRAM '{program}'")
        assert ran.returncode != 0, program
        ran = query(cluster, f"COPY (SELECT 1) TO PROGRAM '{program}'")
        assert ran.returncode != 0, program
    assert query(cluster, "SELECT count(*) FROM t").stdout.strip() == "0"


def test_it_reads_no_file_of_the_host(cluster, data):
    secret = data / "credentials.json"
    for path in ("/etc/shadow", "/etc/hostname", "/proc/self/environ", "/root", secret, data / "key"):
        assert query(cluster, f"COPY t FROM '{path}'").returncode != 0, path
        assert query(cluster, f"SELECT pg_read_file('{path}')").returncode != 0, path
        assert query(cluster, f"SELECT lo_import('{path}')").returncode != 0, path
    # It has a passwd file of its own, in which no user of the host is.
    assert query(cluster, "COPY t FROM '/etc/passwd'").returncode == 0
    assert "root" not in query(cluster, "SELECT line FROM t").stdout


def test_it_writes_no_file_of_the_host(cluster, tmp_path):
    open_to_all = tmp_path / "open"
    open_to_all.mkdir()
    open_to_all.chmod(0o777)
    for path in (open_to_all / "x", "/tmp/kiban-test-written", "/dev/shm/kiban-test-written"):
        query(cluster, f"COPY t TO '{path}'")
        assert not Path(path).exists(), path


def test_its_process_is_confined(cluster, data):
    pid = postmaster(data, cluster)
    status = Path(f"/proc/{pid}/status").read_text()
    assert "NoNewPrivs:\t1" in status
    assert "Seccomp:\t2" in status
    assert "CapEff:\t0000000000000000" in status
    uid = Path(f"/proc/{pid}").stat().st_uid
    assert str(uid) not in [line.split(":")[2] for line in Path("/etc/passwd").read_text().splitlines()]
    root = Path(f"/proc/{pid}/root")
    assert not (root / "bin/sh").exists()
    assert not (root / "proc/1").exists()


def test_clusters_are_apart_and_adopted_after_a_kill(data, serve):
    arguments = ("--auth", "any", "--data", data, "--tasks", "process", "--source", data.parent)
    server = serve(*arguments)
    one, two = (create(server.client("rds"), name) for name in ("one", "two"))
    pids = [postmaster(data, each) for each in (one, two)]
    assert len({Path(f"/proc/{pid}").stat().st_uid for pid in pids}) == 2
    # Neither Debian's `postgres` nor `nobody` gets to the socket, at which the superuser is trusted.
    socket = data / "databases" / two["DbClusterResourceId"] / "data"
    for user in ("postgres", "nobody"):
        tried = subprocess.run(
            [
                *("setpriv", f"--reuid={user}", "--regid=nogroup", "--clear-groups", PSQL, "-XAt"),
                *(f"--host={socket}", f"--port={two['Port']}", "-Urdsadmin", "-dpostgres", "-cSELECT 1"),
            ],
            capture_output=True,
            text=True,
            check=False,
        )
        assert tried.returncode != 0, user
    server.process.kill()
    server.process.wait()
    server = serve(*arguments)
    again = server.client("rds").describe_db_clusters(DBClusterIdentifier="one")["DBClusters"][0]
    until(lambda: query(again, "SELECT 1").returncode == 0, "the cluster does not answer", 30)
    assert postmaster(data, one) == pids[0]


def test_what_a_client_wrote_opens_nothing_at_the_next_start(data, serve):
    rds = serve("--auth", "any", "--data", data, "--tasks", "process", "--source", data.parent).client("rds")
    cluster = create(rds, "main")

    def becomes(status):
        def described():
            found = rds.describe_db_clusters(DBClusterIdentifier="main")["DBClusters"][0]
            return found if found["Status"] == status else None

        return until(described, f"it did not become {status}", 60)

    assert query(cluster, "GRANT pg_write_server_files, pg_read_all_settings TO app_user").returncode == 0
    directory = query(cluster, "SHOW data_directory").stdout.strip()
    for name, line in (("pg_hba.conf", "host all all all trust"), ("postgresql.auto.conf", "listen_addresses = ''*''")):
        written = query(cluster, f"COPY (SELECT '{line}') TO '{directory}/{name}'")
        assert written.returncode == 0, written.stderr
    rds.stop_db_cluster(DBClusterIdentifier="main")
    becomes("stopped")
    rds.start_db_cluster(DBClusterIdentifier="main")
    again = becomes("available")
    entered = subprocess.run(
        [PSQL, "-wXAt", "-h", "127.0.0.1", "-p", str(again["Port"]), "-U", "rdsadmin", "-c", "SELECT 1", "postgres"],
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert entered.returncode != 0
    assert "reject" in entered.stderr, entered.stderr
    assert "*" not in query(again, "SHOW listen_addresses").stdout
