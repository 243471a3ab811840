"""Root in a container is an unprivileged user of the host, where the host offers user namespaces for it."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest
import test_container_isolation as isolation
from conftest import kiban
from ecs_tasks import ROLE, messages
from test_container_isolation import e2e, said
from waiting import until

pytestmark = isolation.pytestmark
network, data, server, wide_image = isolation.network, isolation.data, isolation.server, isolation.wide_image

FIRST, LAST = 0x7200_0000, 0x7FFE_0000
IDS = 65536
HOST = "0 0 4294967295"


def folder_of(data: Path, task: str) -> Path:
    return data / "tasks" / "tasks" / task.rsplit("/", 1)[1]


def mapping(data: Path, task: str, kind: str = "uid", container: int = 0) -> str:
    """Of the first process of a container, as this host sees it."""
    process = (folder_of(data, task) / str(container) / "pid").read_text().strip()
    return " ".join(Path(f"/proc/{process}/{kind}_map").read_text().split())


def first_id(data: Path, task: str, container: int = 0) -> int:
    inside, outside, count = map(int, mapping(data, task, container=container).split())
    assert (inside, count) == (0, IDS)
    return outside


def wait_for(server, line: str) -> None:
    until(lambda: line in messages(server), lambda: messages(server))


def define(server, image_name: str, containers: dict[str, dict]) -> dict:
    """Containers of the task definition `api`, which share the volume `shared` at /shared. Returns the network."""
    configuration = e2e.deploy(server, image_name)
    described = server.client("ecs").describe_task_definition(taskDefinition="api")["taskDefinition"]
    common = {
        "image": image_name,
        "logConfiguration": described["containerDefinitions"][0]["logConfiguration"],
        "mountPoints": [{"sourceVolume": "shared", "containerPath": "/shared"}],
    }
    server.client("ecs").register_task_definition(
        family="api",
        networkMode="awsvpc",
        cpu="256",
        memory="512",
        executionRoleArn=ROLE,
        requiresCompatibilities=["FARGATE"],
        volumes=[{"name": "shared"}],
        containerDefinitions=[{"name": name, **common, **more} for name, more in containers.items()],
    )
    return configuration


def test_root_is_an_unprivileged_user_of_the_host(server, wide_image, data):
    script = (
        "echo x > /shared/file; mkdir /tmp/made; cp /bin/id /tmp/su; chmod 4755 /tmp/su; id -u; id -g; "
        "ls -ldn /bin/bash /shared /etc/hosts /dev/shm /tmp/made; echo y >> /etc/hosts && echo host names; "
        "echo again >/dev/stdout; chmod 600 /bin/cat && echo changed; echo ready; sleep 60"
    )
    configuration = define(server, e2e.push(server, wide_image), {"api": {"command": [script]}})
    tasks = [e2e.run(server, configuration) for _ in range(2)]
    until(lambda: messages(server).count("ready") == 2, lambda: messages(server))
    ranges = [first_id(data, task) for task in tasks]
    assert ranges[0] != ranges[1], "tasks share ids"
    for task, first in zip(tasks, ranges, strict=True):
        assert FIRST <= first < LAST
        assert mapping(data, task, "gid") == mapping(data, task)
        layer = folder_of(data, task) / "layer"
        su = layer / "0" / "upper" / "tmp" / "su"
        for path in (layer / "volumes" / "shared" / "file", layer / "hosts", su, su.parent / "made"):
            assert (path.stat().st_uid, path.stat().st_gid) == (first, first), path
        assert su.stat().st_mode & 0o7777 == 0o4755, "it is setuid to a user that owns nothing"
        server.client("ecs").stop_task(cluster="dev", task=task)
    lines = messages(server)
    owners = [line.split()[2:4] for line in lines if line.startswith(("d", "-"))]
    assert owners == [["0", "0"]] * 10, lines
    assert {"0", "host names", "again", "changed"} <= set(lines), lines
    # The image itself is the host's, and was not changed.
    for name in ("bash", "cat"):
        found = next((data / "tasks" / "images").glob(f"*/root/bin/{name}")).stat()
        assert (found.st_uid, found.st_mode & 0o777) == (0, 0o755)


def test_root_gets_nothing_of_the_host(server, wide_image):
    lines = said(
        server,
        e2e.push(server, wide_image),
        "mount -t tmpfs x /tmp && echo mounted; unshare -U true && echo namespace; "
        "mknod /tmp/disk b 7 0 && echo device; "
        "(echo 1 > /proc/sys/net/ipv4/ip_forward) && echo network; "
        "(echo x > /proc/sys/kernel/domainname) && echo name; "
        "(echo h > /proc/sysrq-trigger) && echo trigger; chmod 600 /dev/null && echo null; "
        "(echo x > /sys/fs/cgroup/pids/pids.max) && echo limits; "
        "echo 5 > /dev/null && echo over; exit 0",
    )
    assert "over" in lines, lines
    assert not {"mounted", "namespace", "device", "network", "name", "trigger", "null", "limits"} & set(lines), lines


def test_a_setuid_program_gives_nothing_to_another_user(server, wide_image):
    name = e2e.push(server, wide_image)
    helper = {"command": ["cp /bin/bash /shared/bash; chmod 4755 /shared/bash"], "essential": False}
    script = "id -u; id -ru; echo x > /dev/stderr; echo x > /etc/hosts && echo wrote"
    asks = {
        "command": [f"id -u; /shared/bash -p -c '{script}'; exit 0"],
        "user": "10001",
        "dependsOn": [{"containerName": "helper", "condition": "SUCCESS"}],
    }
    ended = e2e.wait(server, e2e.run(server, define(server, name, {"helper": helper, "api": asks})))
    assert ended["stopCode"] == "EssentialContainerExited", ended
    lines = messages(server)
    assert lines[:3] == ["10001"] * 3, lines
    assert "x" in lines, "its own output is closed to it"
    assert "wrote" not in lines


def test_read_only_mounts_and_an_init_work_in_it(server, wide_image, data):
    image_name = e2e.push(server, wide_image)
    script = (
        "cat /proc/1/comm; (echo x > /x) 2>/dev/null && echo root; (echo x > /shared/x) 2>/dev/null && echo volume; "
        "cat /shared/given; echo ready; sleep 60"
    )
    writes = {"command": ["echo given > /shared/given"], "essential": False}
    reads = {
        "command": [script],
        "readonlyRootFilesystem": True,
        "linuxParameters": {"initProcessEnabled": True},
        "mountPoints": [{"sourceVolume": "shared", "containerPath": "/shared", "readOnly": True}],
        "healthCheck": {"command": ["CMD", "cat", "/shared/given"], "interval": 5, "startPeriod": 1},
        "dependsOn": [{"containerName": "writes", "condition": "SUCCESS"}],
    }
    task = e2e.run(server, define(server, image_name, {"writes": writes, "api": reads}))
    wait_for(server, "ready")
    assert messages(server) == ["init", "given", "ready"]
    assert first_id(data, task, container=1) >= FIRST
    until(lambda: e2e.wait(server, task, "RUNNING")["healthStatus"] == "HEALTHY", "it is not healthy")
    server.client("ecs").stop_task(cluster="dev", task=task)


def test_an_id_that_it_lacks_is_named(server, wide_image):
    configuration = e2e.deploy(server, e2e.push(server, wide_image), user="100000")
    stopped = e2e.wait(server, e2e.run(server, configuration, "true"))
    assert "the user namespace of a task has the ids 0 to 65535, not 100000" in stopped["stoppedReason"]


WAITS = {"command": ["echo begun; cat /proc/self/uid_map; sleep 2; echo x > /shared/x"], "essential": False}
FOLLOWS = {
    "command": ["echo after; cat /proc/self/uid_map; cat /shared/x; echo y >> /shared/x && exit 5"],
    "dependsOn": [{"containerName": "waits", "condition": "SUCCESS"}],
}


def test_a_task_keeps_it_when_the_server_is_killed(network, serve, data, wide_image):
    arguments = ("--auth", "any", "--data", data, "--tasks", "containers")
    server = serve(*arguments)
    task = e2e.run(server, define(server, e2e.push(server, wide_image), {"waits": WAITS, "follows": FOLLOWS}))
    wait_for(server, "begun")
    first = first_id(data, task)
    server.kill()
    server = serve(*arguments, port=server.port)
    ended = e2e.wait(server, task)
    codes = {container["name"]: container["exitCode"] for container in ended["containers"]}
    assert codes == {"waits": 0, "follows": 5}
    inside = [" ".join(line.split()) for line in messages(server)]
    assert inside == ["begun", f"0 {first} {IDS}", "after", f"0 {first} {IDS}", "x"]


@pytest.fixture
def without_idmaps(data):
    """The images lie in a file system that knows no idmapped mounts: an overlay. Returns what ends that."""
    images = data / "tasks" / "images"
    images.mkdir(parents=True)
    parts = data.parent / "parts"
    for name in ("lower", "upper", "work"):
        (parts / name).mkdir(parents=True)
    options = f"lowerdir={parts}/lower,upperdir={parts}/upper,workdir={parts}/work"
    subprocess.run(["mount", "-t", "overlay", "overlay", "-o", options, images], check=True)
    mounted = [images]

    def end() -> None:
        while mounted:
            subprocess.run(["umount", "-l", mounted.pop()], check=True)

    yield end
    end()


def user_namespace_check(data: Path) -> dict:
    checks = json.loads(kiban("doctor", "--json", "--data", data).stdout)
    return next(check for check in checks if check["check"] == "container user namespace")


def test_without_it_tasks_run_as_before_and_go_on_when_it_comes(without_idmaps, network, serve, data, wide_image):
    arguments = ("--auth", "any", "--data", data, "--tasks", "containers")
    server = serve(*arguments)
    check = user_namespace_check(data)
    assert not check["ok"]
    assert "missing idmapped mounts of the file system of " in check["text"], check
    task = e2e.run(server, define(server, e2e.push(server, wide_image), {"waits": WAITS, "follows": FOLLOWS}))
    wait_for(server, "begun")
    assert mapping(data, task) == HOST
    server.kill()
    # The next version, or kernel, offers it: this task goes on without, the next has one.
    without_idmaps()
    server = serve(*arguments, port=server.port)
    ended = e2e.wait(server, task)
    codes = {container["name"]: container["exitCode"] for container in ended["containers"]}
    assert codes == {"waits": 0, "follows": 5}
    inside = [" ".join(line.split()) for line in messages(server)]
    assert inside == ["begun", HOST, "after", HOST, "x"]
    assert user_namespace_check(data)["ok"]
    subnets = server.client("ec2").describe_subnets()["Subnets"]
    configuration = {"awsvpcConfiguration": {"subnets": [subnets[0]["SubnetId"]]}}
    e2e.wait(server, e2e.run(server, configuration))
    assert HOST not in [" ".join(line.split()) for line in messages(server)[5:]]
