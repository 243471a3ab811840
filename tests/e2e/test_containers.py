"""ECS tasks as containers: pushed, run, logged, stopped, waited for, and alive after a kill -9.

The server and the clients live in a network namespace of this test, so that no other kiban of this
host is in the way. Needs root, runc, conmon, umoci, skopeo and iproute2; without them it is skipped.
"""

from __future__ import annotations

import base64
import ctypes
import hashlib
import io
import json
import os
import shutil
import signal
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest
from conftest import kiban
from ecs_tasks import ROLE, make_machine, messages, register, start
from waiting import finished, until

TOOLS = ("runc", "conmon", "umoci", "skopeo", "ip")
MISSING = [t for t in TOOLS if not shutil.which(t, path=os.environ["PATH"] + ":/usr/sbin:/sbin")]
if os.geteuid() != 0:
    MISSING.append("root")
pytestmark = pytest.mark.skipif(bool(MISSING), reason=f"REAL CONTAINERS ARE NOT TESTED: no {', '.join(MISSING)}")

CLONE_NEWNET = 0x40000000
LIBC = ctypes.CDLL(None, use_errno=True)


def enter(namespace: int) -> None:
    if LIBC.setns(namespace, CLONE_NEWNET) != 0:
        raise OSError(ctypes.get_errno(), "setns")


@pytest.fixture
def network():
    """This thread, and what it starts, in a network of its own."""
    before = os.open("/proc/thread-self/ns/net", os.O_RDONLY)
    if LIBC.unshare(CLONE_NEWNET) != 0:
        raise OSError(ctypes.get_errno(), "unshare")
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
    yield
    enter(before)
    os.close(before)


def add_program(layer: tarfile.TarFile, name: str) -> None:
    path = os.path.realpath(shutil.which(name))
    layer.add(path, f"bin/{name}")
    said = subprocess.run(["ldd", path], capture_output=True, text=True, check=True).stdout
    for word in said.split():
        if word.startswith("/"):
            layer.add(os.path.realpath(word), word.lstrip("/"))


@pytest.fixture(scope="session")
def image(tmp_path_factory) -> Path:
    """An OCI layout (tag latest) with bash and a few tools of this host."""
    layout = tmp_path_factory.mktemp("image")
    blobs = layout / "blobs" / "sha256"
    blobs.mkdir(parents=True)

    def put(content: bytes) -> dict:
        digest = hashlib.sha256(content).hexdigest()
        (blobs / digest).write_bytes(content)
        return {"digest": f"sha256:{digest}", "size": len(content)}

    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as layer:
        for name in ("bash", "cat", "sleep", "ls"):
            add_program(layer, name)
        for folder in ("tmp", "etc"):
            entry = tarfile.TarInfo(folder)
            entry.type, entry.mode = tarfile.DIRTYPE, 0o1777
            layer.addfile(entry)
    content = packed.getvalue()
    layer_blob = {"mediaType": "application/vnd.oci.image.layer.v1.tar", **put(content)}
    config = {
        "architecture": "amd64",
        "os": "linux",
        "config": {"Env": ["PATH=/bin"], "Entrypoint": ["bash", "-c"], "Cmd": ["echo from the image"]},
        "rootfs": {"type": "layers", "diff_ids": [layer_blob["digest"]]},
    }
    manifest = {
        "schemaVersion": 2,
        "mediaType": "application/vnd.oci.image.manifest.v1+json",
        "config": {
            "mediaType": "application/vnd.oci.image.config.v1+json",
            **put(json.dumps(config).encode()),
        },
        "layers": [layer_blob],
    }
    entry = {
        "mediaType": manifest["mediaType"],
        **put(json.dumps(manifest).encode()),
        "annotations": {"org.opencontainers.image.ref.name": "latest"},
    }
    (layout / "index.json").write_text(json.dumps({"schemaVersion": 2, "manifests": [entry]}))
    (layout / "oci-layout").write_text('{"imageLayoutVersion": "1.0.0"}')
    return layout


def push(server, image: Path, repository: str = "api", tag: str = "v1") -> str:
    """Pushes the image; returns its name as a task definition on AWS has it."""
    ecr = server.client("ecr")
    ecr.create_repository(repositoryName=repository)
    token = ecr.get_authorization_token()["authorizationData"][0]["authorizationToken"]
    options = ["--quiet", "--dest-tls-verify=false", f"--dest-creds={base64.b64decode(token).decode()}"]
    subprocess.run(
        ["skopeo", "copy", *options, f"oci:{image}:latest", f"docker://127.0.0.1:{server.port}/{repository}:{tag}"],
        check=True,
        timeout=60,
        env={**os.environ, "NO_PROXY": "127.0.0.1"},
    )
    return f"000000000000.dkr.ecr.ap-northeast-1.amazonaws.com/{repository}:{tag}"


def deploy(server, image_name: str, **changes):
    ec2 = server.client("ec2")
    vpc = ec2.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
    subnet = ec2.create_subnet(VpcId=vpc, CidrBlock="10.0.1.0/24")["Subnet"]["SubnetId"]
    register(
        server,
        image_name,
        changes,
        networkMode="awsvpc",
        cpu="256",
        memory="512",
        taskRoleArn=ROLE,
        executionRoleArn=ROLE,
        requiresCompatibilities=["FARGATE"],
    )
    return {"awsvpcConfiguration": {"subnets": [subnet]}}


def run(server, network, *command: str) -> str:
    overrides = {"containerOverrides": [{"name": "api", "command": list(command)}]} if command else {}
    reply = server.client("ecs").run_task(
        cluster="dev", taskDefinition="api", networkConfiguration=network, overrides=overrides
    )
    return reply["tasks"][0]["taskArn"]


def wait(server, task: str, status: str = "STOPPED") -> dict:
    def described():
        return server.client("ecs").describe_tasks(cluster="dev", tasks=[task])["tasks"][0]

    return until(lambda: (found := described())["lastStatus"] == status and found, described)


def bridge_is_there() -> bool:
    return subprocess.run(["ip", "link", "show", "kiban0"], capture_output=True, check=False).returncode == 0


@pytest.fixture
def server(network, serve, tmp_path):
    return serve("--auth", "any", "--data", tmp_path / "data", "--tasks", "containers")


def test_a_pushed_image_runs_and_its_output_is_logged(server, image):
    network = deploy(server, push(server, image))
    ended = wait(server, run(server, network))
    assert ended["stopCode"] == "EssentialContainerExited"
    assert ended["stoppedReason"] == "Essential container in task exited"
    assert ended["containers"][0]["exitCode"] == 0
    assert messages(server) == ["from the image"]  # All there as soon as it is STOPPED.
    failed = wait(server, run(server, network, "echo no >&2; exit 3"))
    assert failed["containers"][0]["exitCode"] == 3
    assert messages(server) == ["from the image", "no"]


def test_a_task_has_the_address_of_its_subnet_and_reaches_the_engine(server, image):
    network = deploy(server, push(server, image))
    url = "GET /_kiban/health HTTP/1.0\\r\\n\\r\\n"
    task = run(
        server,
        network,
        f"exec 3<>/dev/tcp/169.254.170.2/{server.port}; printf '{url}' >&3; cat <&3; echo; "
        "echo $AWS_ENDPOINT_URL; cat /etc/hosts; sleep 1",
    )
    running = wait(server, task, "RUNNING")
    details = {d["name"]: d["value"] for d in running["attachments"][0]["details"]}
    assert details["privateIPv4Address"].startswith("10.0.1.")
    assert running["containers"][0]["networkInterfaces"][0]["privateIpv4Address"] == details["privateIPv4Address"]
    wait(server, task)
    said = messages(server)
    assert any('"status":"ok"' in line for line in said), said
    assert f"http://169.254.170.2:{server.port}" in said
    assert any(line.startswith(details["privateIPv4Address"] + " ") for line in said)


def test_a_task_takes_its_role(server, image):
    network = deploy(server, push(server, image))
    wait(
        server,
        run(
            server,
            network,
            "path=${AWS_CONTAINER_CREDENTIALS_FULL_URI#http://*/}; "
            f"exec 3<>/dev/tcp/169.254.170.2/{server.port}; "
            'printf "GET /$path HTTP/1.0\\r\\n\\r\\n" >&3; cat <&3; echo',
        ),
    )
    given = json.loads(next(line for line in messages(server) if line.startswith("{")))
    assert given["RoleArn"] == ROLE
    who = server.client(
        "sts",
        aws_access_key_id=given["AccessKeyId"],
        aws_secret_access_key=given["SecretAccessKey"],
        aws_session_token=given["Token"],
    ).get_caller_identity()
    assert who["Arn"].startswith("arn:aws:sts::000000000000:assumed-role/task/")


def test_a_task_asks_about_itself(server, image):
    network = deploy(server, push(server, image))
    ask = (
        "ask() { path=${1#http://*/}; "
        f"exec 3<>/dev/tcp/169.254.170.2/{server.port}; "
        'printf "GET /$path HTTP/1.0\\r\\n\\r\\n" >&3; cat <&3; echo; }; '
    )
    task = run(
        server,
        network,
        ask + "sleep 0.5; ask $ECS_CONTAINER_METADATA_URI_V4; ask $ECS_CONTAINER_METADATA_URI_V4/task; "
        "ask $ECS_CONTAINER_METADATA_URI_V4/stats; echo $AWS_EXECUTION_ENV ${ECS_AGENT_URI-none}",
    )
    ended = wait(server, task)
    said = messages(server)
    container, whole, stats = (json.loads(line) for line in said if line.startswith("{"))
    assert container["DockerId"] == ended["containers"][0]["runtimeId"]
    assert container["Networks"][0]["IPv4Addresses"] == [
        ended["containers"][0]["networkInterfaces"][0]["privateIpv4Address"]
    ]
    assert (whole["TaskARN"], whole["KnownStatus"], whole["LaunchType"]) == (task, "RUNNING", "FARGATE")
    assert whole["Containers"] == [container]
    assert stats["message"] == "kiban does not serve stats"
    assert said[-1] == "AWS_ECS_FARGATE none"


@pytest.fixture
def world(network):
    """A namespace that this test's network has a default route to, and a server there that tells who called."""
    name = f"kiban-world-{os.getpid()}"

    def ip(*words: str) -> None:
        subprocess.run(["ip", *words], check=True)

    ip("netns", "add", name)
    ip("link", "add", "up0", "type", "veth", "peer", "name", "eth0", "netns", name)
    ip("addr", "add", "198.51.100.1/24", "dev", "up0")
    ip("link", "set", "up0", "up")
    ip("route", "add", "default", "via", "198.51.100.2")
    ip("-n", name, "addr", "add", "198.51.100.2/24", "dev", "eth0")
    ip("-n", name, "link", "set", "eth0", "up")
    tell = (
        "import socket\ns = socket.create_server(('198.51.100.2', 80))\nprint(flush=True)\n"
        "while True:\n c, a = s.accept()\n c.sendall((a[0] + '\\n').encode())\n c.close()"
    )
    there = ["nsenter", f"--net=/run/netns/{name}", sys.executable, "-c", tell]
    with subprocess.Popen(there, stdout=subprocess.PIPE) as process:
        process.stdout.readline()
        yield
        process.kill()
    ip("link", "del", "up0")
    ip("netns", "del", name)


@pytest.mark.skipif(not shutil.which("nft", path="/usr/sbin:/sbin:/usr/bin"), reason="no nft")
def test_the_routes_of_its_subnet_let_a_task_out(world, server, image):
    network = deploy(server, push(server, image))["awsvpcConfiguration"]
    ec2 = server.client("ec2")
    call = "(exec 3<>/dev/tcp/198.51.100.2/80; cat <&3) & sleep 1; kill $! 2>/dev/null; echo over"

    def called(public: str) -> list[str]:
        before = len(messages(server))
        wait(server, run(server, {"awsvpcConfiguration": {**network, "assignPublicIp": public}}, call))
        return messages(server)[before:]

    assert called("ENABLED") == ["over"]
    vpc = ec2.describe_subnets(SubnetIds=network["subnets"])["Subnets"][0]["VpcId"]
    gateway = ec2.create_internet_gateway()["InternetGateway"]["InternetGatewayId"]
    ec2.attach_internet_gateway(InternetGatewayId=gateway, VpcId=vpc)
    tables = ec2.describe_route_tables(Filters=[{"Name": "vpc-id", "Values": [vpc]}])["RouteTables"]
    ec2.create_route(RouteTableId=tables[0]["RouteTableId"], DestinationCidrBlock="0.0.0.0/0", GatewayId=gateway)
    assert called("DISABLED") == ["over"]
    assert called("ENABLED") == ["198.51.100.1", "over"]


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("000000000000.dkr.ecr.ap-northeast-1.amazonaws.com/api:v2", "api:v2: not found"),
        ("000000000000.dkr.ecr.ap-northeast-1.amazonaws.com/none:v1", "none:v1: not found"),
        ("busybox", "its own ECR only"),
    ],
)
def test_a_missing_image_is_told_as_aws_tells_it(server, image, name, reason):
    push(server, image)
    stopped = wait(server, run(server, deploy(server, name)))
    assert stopped["stopCode"] == "TaskFailedToStart"
    assert stopped["stoppedReason"].startswith("CannotPullContainerError: ")
    assert reason in stopped["stoppedReason"]


def test_a_state_machine_waits_for_it(server, image):
    network = deploy(server, push(server, image))["awsvpcConfiguration"]
    machine = make_machine(server, NetworkConfiguration={"AwsvpcConfiguration": {"Subnets": network["subnets"]}})
    states = server.client("stepfunctions")
    good = finished(states, start(server, machine, "echo hello"))
    assert good["status"] == "SUCCEEDED"
    assert json.loads(good["output"])["Containers"][0]["ExitCode"] == 0
    bad = finished(states, start(server, machine, "exit 7"))
    assert (bad["status"], bad["error"]) == ("FAILED", "States.TaskFailed")
    assert json.loads(bad["cause"])["Containers"][0]["ExitCode"] == 7


def test_a_container_outlives_the_engine_and_runs_once(network, serve, tmp_path, image):
    arguments = ("--auth", "any", "--data", tmp_path / "data", "--tasks", "containers")
    server = serve(*arguments)
    configuration = deploy(server, push(server, image))
    task = run(server, configuration, "echo begun; sleep 2; echo over; exit 5")
    wait(server, task, "RUNNING")
    server.kill()
    server = serve(*arguments, port=server.port)
    ended = wait(server, task)
    assert ended["containers"][0]["exitCode"] == 5
    assert messages(server) == ["begun", "over"]


def test_ctrl_c_ends_tasks_and_a_service_manager_does_not(network, serve, tmp_path, image):
    arguments = ("--auth", "any", "--data", tmp_path / "data", "--tasks", "containers")
    server = serve(*arguments)
    configuration = deploy(server, push(server, image))
    task = run(server, configuration, "trap 'echo bye; exit 0' TERM; while true; do sleep 0.1; done")
    wait(server, task, "RUNNING")
    assert server.stop(signal.SIGTERM) == 0
    server = serve(*arguments, port=server.port)
    assert wait(server, task, "RUNNING")["desiredStatus"] == "RUNNING"
    assert server.stop() == 0
    assert not Path(f"/run/netns/kiban-{task.rsplit('/', 1)[1]}").exists()
    assert not bridge_is_there()
    server = serve(*arguments, port=server.port)
    stopped = wait(server, task)
    assert (stopped["stopCode"], stopped["containers"][0]["exitCode"]) == ("TerminationNotice", 0)
    assert messages(server) == ["bye"]


def test_a_stopped_task_leaves_nothing(server, image, tmp_path):
    configuration = deploy(server, push(server, image))
    task = run(server, configuration, "trap 'echo bye; exit 0' TERM; while true; do sleep 0.1; done")
    wait(server, task, "RUNNING")
    server.client("ecs").stop_task(cluster="dev", task=task, reason="enough")
    stopped = wait(server, task)
    assert (stopped["stopCode"], stopped["stoppedReason"]) == ("UserInitiated", "enough")
    assert messages(server) == ["bye"]
    identifier = task.rsplit("/", 1)[1]
    files = tmp_path / "data" / "tasks" / "tasks" / identifier / "0"
    until(lambda: not files.exists(), "its files stayed")
    assert not Path(f"/run/netns/kiban-{identifier}").exists()
    assert identifier not in Path("/proc/self/mounts").read_text()


def test_a_reset_ends_what_a_killed_engine_left(server, image, tmp_path):
    task = run(server, deploy(server, push(server, image)), "sleep 100")
    wait(server, task, "RUNNING")
    server.kill()
    assert Path(f"/run/netns/kiban-{task.rsplit('/', 1)[1]}").exists()
    assert kiban("reset", "--data", tmp_path / "data", "--yes").returncode == 0
    assert not Path(f"/run/netns/kiban-{task.rsplit('/', 1)[1]}").exists()
    assert not (tmp_path / "data" / "tasks").exists()
    assert not bridge_is_there()


def test_a_second_kiban_does_not_take_the_bridge(server, tmp_path):
    second = kiban("serve", "--listen", "127.0.0.1:0", "--ephemeral", "--tasks", "containers")
    assert second.returncode == 1
    assert f"the bridge kiban0 belongs to another kiban, process {server.process.pid}" in second.stderr
