"""An RDS cluster is a PostgreSQL server of this host, and outlives the engine."""

from __future__ import annotations

import json
import signal
import tempfile
from pathlib import Path

import pytest
from botocore.exceptions import ClientError
from conftest import kiban
from databases import PASSWORD, PSQL, postmaster, query
from waiting import until

pytestmark = pytest.mark.skipif(
    not Path(PSQL).exists(), reason="PostgreSQL is not installed: apt-get install postgresql-15"
)


@pytest.fixture
def data(tmp_path):
    """A data directory whose servers are gone when those of `serve`, asked for behind it, are."""
    yield tmp_path / "data"
    erased = kiban("reset", "--yes", "--data", tmp_path / "data")
    assert erased.returncode == 0, erased.stderr


def begin(serve, data):
    return serve("--auth", "any", "--data", data, "--tasks", "process", "--source", data.parent)


def create(rds, **more):
    rds.create_db_cluster(
        DBClusterIdentifier="main",
        Engine="aurora-postgresql",
        DatabaseName="app",
        MasterUsername="app_user",
        MasterUserPassword=PASSWORD,
        **more,
    )
    rds.create_db_instance(
        DBInstanceIdentifier="writer",
        DBInstanceClass="db.serverless",
        Engine="aurora-postgresql",
        DBClusterIdentifier="main",
    )
    return becomes(rds, "available")


def cluster_of(rds):
    return rds.describe_db_clusters(DBClusterIdentifier="main")["DBClusters"][0]


def becomes(rds, status):
    def described():
        cluster = cluster_of(rds)
        assert cluster["Status"] != "failed", rds.describe_events()["Events"]
        return cluster if cluster["Status"] == status else None

    return until(described, lambda: cluster_of(rds)["Status"], 60)


def gone(rds):
    until(lambda: not rds.describe_db_clusters()["DBClusters"], "the cluster was not deleted", 60)


def exported(server, words):
    group = {"logGroupName": "/aws/rds/cluster/main/postgresql", "filterPattern": f'"{words}"'}
    logs = server.client("logs")
    return until(lambda: logs.filter_log_events(**group)["events"], f"nothing was logged of: {words}")


def test_a_cluster_keeps_running_when_the_engine_is_killed(data, serve):
    server = begin(serve, data)
    rds = server.client("rds")
    cluster = create(rds, EnableCloudwatchLogsExports=["postgresql"])
    instance = rds.describe_db_instances(DBInstanceIdentifier="writer")["DBInstances"][0]
    assert instance["DBInstanceStatus"] == "available"
    assert instance["Endpoint"]["Port"] == cluster["Port"]
    assert query(cluster, "CREATE TABLE kept AS SELECT 42 AS n").returncode == 0
    assert "password" in query(cluster, "SELECT 1", "wrong").stderr
    assert exported(server, "password authentication failed")
    before = postmaster(data, cluster)
    server.kill()
    assert query(cluster, "SELECT n FROM kept").stdout == "42\n"
    again = begin(serve, data).client("rds")
    assert postmaster(data, becomes(again, "available")) == before
    # A password changes while it runs.
    again.modify_db_cluster(DBClusterIdentifier="main", MasterUserPassword="another-one")
    cluster = becomes(again, "available")
    assert query(cluster, "SELECT n FROM kept", "another-one").stdout == "42\n"
    assert postmaster(data, cluster) == before


def test_ctrl_c_stops_databases_and_a_service_manager_does_not(data, serve):
    server = begin(serve, data)
    cluster = create(server.client("rds"))
    query(cluster, "CREATE TABLE kept AS SELECT 42 AS n")
    before = postmaster(data, cluster)
    assert server.stop(signal.SIGTERM) == 0
    assert postmaster(data, cluster) == before
    assert query(cluster, "SELECT n FROM kept").stdout == "42\n"
    assert begin(serve, data).stop() == 0
    assert postmaster(data, cluster) is None
    assert query(cluster, "SELECT 1").returncode != 0
    begin(serve, data)
    assert until(lambda: query(cluster, "SELECT n FROM kept").stdout, "the cluster did not come back") == "42\n"


def test_deletion_leaves_a_snapshot_that_becomes_a_cluster(data, serve):
    rds = begin(serve, data).client("rds")
    cluster = create(rds, DeletionProtection=True)
    query(cluster, "CREATE TABLE kept AS SELECT 42 AS n")
    last = {"DBClusterIdentifier": "main", "FinalDBSnapshotIdentifier": "last"}
    for allow in (
        lambda: rds.delete_db_instance(DBInstanceIdentifier="writer"),
        lambda: rds.modify_db_cluster(DBClusterIdentifier="main", DeletionProtection=False),
    ):
        with pytest.raises(ClientError):
            rds.delete_db_cluster(**last)
        allow()
    rds.delete_db_cluster(**last)
    gone(rds)
    assert not (data / "databases" / cluster["DbClusterResourceId"]).exists()
    rds.restore_db_cluster_from_snapshot(
        DBClusterIdentifier="main", SnapshotIdentifier="last", Engine="aurora-postgresql"
    )
    assert query(becomes(rds, "available"), "SELECT n FROM kept").stdout == "42\n"
    rds.stop_db_cluster(DBClusterIdentifier="main")
    stopped = becomes(rds, "stopped")
    assert query(stopped, "SELECT 1").returncode != 0
    rds.start_db_cluster(DBClusterIdentifier="main")
    assert query(becomes(rds, "available"), "SELECT n FROM kept").stdout == "42\n"
    rds.delete_db_cluster(DBClusterIdentifier="main", SkipFinalSnapshot=True)
    gone(rds)
    messages = [
        event["Message"] for event in rds.describe_events(SourceIdentifier="main", SourceType="db-cluster")["Events"]
    ]
    assert messages.count("DB cluster created") == 2 and messages[-1] == "DB cluster deleted"


def test_a_frozen_clock_does_not_hold_a_deployment(data, serve):
    server = serve("--auth", "any", "--data", data, "--tasks", "process", "--source", data.parent, "--clock", "virtual")
    cluster = {"Engine": "aurora-postgresql", "MasterUsername": "app_user", "MasterUserPassword": PASSWORD}
    instance = {
        "Engine": "aurora-postgresql",
        "DBInstanceClass": "db.serverless",
        "DBClusterIdentifier": {"Ref": "Cluster"},
    }
    resources = {
        "Cluster": {"Type": "AWS::RDS::DBCluster", "Properties": cluster},
        "Writer": {"Type": "AWS::RDS::DBInstance", "Properties": instance},
    }
    formation = server.client("cloudformation")
    formation.create_stack(StackName="data", TemplateBody=json.dumps({"Resources": resources}))

    def status():
        return formation.describe_stacks(StackName="data")["Stacks"][0]["StackStatus"]

    until(lambda: status() == "CREATE_COMPLETE", status, seconds=60)


def test_errors_have_awss_codes(server):
    rds = server.client("rds")
    for call, arguments, code in (
        (rds.describe_db_clusters, {"DBClusterIdentifier": "none"}, "DBClusterNotFoundFault"),
        (rds.describe_db_instances, {"DBInstanceIdentifier": "none"}, "DBInstanceNotFound"),
        (rds.delete_db_subnet_group, {"DBSubnetGroupName": "none"}, "DBSubnetGroupNotFoundFault"),
        (rds.create_db_cluster, {"DBClusterIdentifier": "m", "Engine": "aurora-mysql"}, "InvalidParameterValue"),
        (rds.failover_db_cluster, {"DBClusterIdentifier": "m"}, "InvalidAction"),
    ):
        with pytest.raises(ClientError) as raised:
            call(**arguments)
        assert raised.value.response["Error"]["Code"] == code


def test_the_next_start_ends_what_a_killed_ephemeral_engine_left(serve, tmp_path):
    arguments = ("--auth", "any", "--ephemeral", "--tasks", "process", "--source", tmp_path)
    server = serve(*arguments)
    create(server.client("rds"))
    (directory,) = Path(tempfile.gettempdir()).glob(f"kiban-databases-{server.process.pid}-*")
    assert list(directory.glob("*/data/postmaster.pid"))
    server.kill()
    assert directory.exists()
    serve(*arguments)
    assert not directory.exists()
