"""A task that writes without end slows itself down or loses lines; nobody else waits for it."""

from __future__ import annotations

import os
import threading
import time
from pathlib import Path

import pytest
import test_containers
from ecs_tasks import last_messages, register
from test_containers import deploy, image, messages, network, push, run, wait  # noqa: F401
from waiting import until

LONGEST_WAIT = 1.5  # Seconds of one DescribeTasks; a loaded machine adds to the second that is promised.
BLOCKING = {
    "awslogs-group": "/dev/api",
    "awslogs-stream-prefix": "ecs",
    "awslogs-region": "ap-northeast-1",
    "mode": "blocking",
}


def memory_of(server) -> int:
    """The most that the server held at a time, in MiB."""
    status = Path(f"/proc/{server.process.pid}/status").read_text()
    return int(next(line for line in status.splitlines() if line.startswith("VmHWM")).split()[1]) // 1024


def slowest_while(server, task: str, over) -> float:
    ecs = server.client("ecs")
    slowest = 0.0
    while not over():
        begun = time.monotonic()
        ecs.describe_tasks(cluster="dev", tasks=[task])
        slowest = max(slowest, time.monotonic() - begun)
        time.sleep(0.02)
    return slowest


def start_process_task(server, script: str, **options: str) -> str:
    log = {"awslogs-group": "/dev/api", "awslogs-stream-prefix": "ecs", "awslogs-region": "ap-northeast-1", **options}
    configuration = {"logDriver": "awslogs", "options": log}
    register(server, "unused", {"command": ["sh", "-c", script], "logConfiguration": configuration})
    return server.client("ecs").run_task(cluster="dev", taskDefinition="api")["tasks"][0]["taskArn"]


def status_of(server, task: str) -> str:
    return server.client("ecs").describe_tasks(cluster="dev", tasks=[task])["tasks"][0]["lastStatus"]


@pytest.fixture
def processes(serve, tmp_path):
    return serve("--auth", "any", "--data", tmp_path / "data", "--tasks", "process", "--source", tmp_path)


FLOOD = "yes 'ninety-nine bytes of a line that says nothing, again and again and again, until somebody stops it.'"


@pytest.mark.parametrize("mode", ["blocking", "non-blocking"])
def test_a_flood_of_a_process_delays_nobody(processes, mode, tmp_path):
    task = start_process_task(processes, f"{FLOOD} | head -c 60000000; echo; echo the end", mode=mode)
    slowest = slowest_while(processes, task, lambda: status_of(processes, task) == "STOPPED")
    assert slowest < LONGEST_WAIT
    assert memory_of(processes) < 400
    assert last_messages(processes, task, 1) == ["the end"]
    until(lambda: not list((tmp_path / "data" / "tasks").glob("*")), "the task's directory stays")


def test_a_blocked_process_writes_no_more_than_its_backlog(processes, tmp_path):
    task = start_process_task(processes, FLOOD, mode="blocking")
    time.sleep(3)
    disk = sum(f.stat().st_blocks * 512 for f in (tmp_path / "data" / "tasks").rglob("log"))
    memory = memory_of(processes)
    # It would go on after the server and fill the disk.
    processes.client("ecs").stop_task(cluster="dev", task=task)
    until(lambda: status_of(processes, task) == "STOPPED", lambda: status_of(processes, task))
    assert disk < 64_000_000
    assert memory < 400


@pytest.mark.skipif(bool(test_containers.MISSING), reason="REAL CONTAINERS ARE NOT TESTED")
def test_a_flood_of_a_container_delays_nobody(network, serve, tmp_path, image):  # noqa: F811
    server = serve("--auth", "any", "--data", tmp_path / "data", "--tasks", "containers")
    configuration = deploy(server, push(server, image), logConfiguration={"logDriver": "awslogs", "options": BLOCKING})
    flood = "printf -v x %1000s end; for i in {1..60000}; do echo $i$x; done; echo the end"
    task = run(server, configuration, flood)
    slowest = slowest_while(server, task, lambda: status_of(server, task) == "STOPPED")
    assert slowest < LONGEST_WAIT
    assert memory_of(server) < 500
    assert wait(server, task)["containers"][0]["exitCode"] == 0
    before_last, last = last_messages(server, task, 2)
    assert last == "the end"
    assert before_last.startswith("60000 ")


def test_a_process_task_whose_start_was_cut_off_runs_once(serve, tmp_path):
    """As if the engine had been killed between the folder and the start of the command."""
    arguments = ("--auth", "any", "--data", tmp_path / "data", "--tasks", "process", "--source", tmp_path)
    server = serve(*arguments)
    task = start_process_task(server, "echo ran >>runs; sleep 2; echo over")
    until((tmp_path / "runs").exists, "the task did not begin")
    server.kill()
    (directory,) = (tmp_path / "data" / "tasks").glob("*/api")
    os.kill(int((directory / "pid").read_text()), 9)
    until(lambda: (directory / "exit").exists(), "the shell did not note the end")
    for entry in sorted(directory.iterdir()):
        entry.rmdir() if entry.is_dir() else entry.unlink()
    server = serve(*arguments)
    until(lambda: status_of(server, task) == "STOPPED", lambda: status_of(server, task))
    assert (tmp_path / "runs").read_text() == "ran\nran\n"


def test_each_line_of_a_process_comes_once_across_kills(serve, tmp_path):
    arguments = ("--auth", "any", "--data", tmp_path / "data", "--tasks", "process", "--source", tmp_path)
    server = serve(*arguments)
    count = 400
    task = start_process_task(server, f"i=0; while [ $i -lt {count} ]; do i=$((i+1)); echo $i; sleep 0.01; done")
    for _ in range(4):
        time.sleep(0.7)
        server.kill()
        server = serve(*arguments)
    until(lambda: status_of(server, task) == "STOPPED", lambda: status_of(server, task))
    assert messages(server) == [str(i + 1) for i in range(count)]


def test_dependencies_hold_for_processes(processes, tmp_path):
    ecs = processes.client("ecs")
    ecs.create_cluster(clusterName="dev")

    def ends(**containers: dict) -> dict:
        definitions = [
            {"name": n, "image": "x", "memory": 64, "essential": n == "app", **c} for n, c in containers.items()
        ]
        ecs.register_task_definition(family="f", containerDefinitions=definitions)
        task = ecs.run_task(cluster="dev", taskDefinition="f")["tasks"][0]["taskArn"]
        until(lambda: status_of(processes, task) == "STOPPED", lambda: status_of(processes, task))
        return ecs.describe_tasks(cluster="dev", tasks=[task])["tasks"][0]

    def after(condition: str, name: str) -> dict:
        depends = [{"containerName": "migrate", "condition": condition}]
        return {"command": ["sh", "-c", f"cat migrated >{name}; true"], "dependsOn": depends}

    def migrate(code: int) -> dict:
        return {"command": ["sh", "-c", f"sleep 0.5; echo done >migrated; exit {code}"]}

    failed = ends(app=after("SUCCESS", "one"), migrate=migrate(4))
    assert failed["stopCode"] == "TaskFailedToStart"
    assert "dependency migrate of container app exited with 4" in failed["stoppedReason"]
    assert not (tmp_path / "one").exists()
    (tmp_path / "migrated").unlink()
    assert ends(app=after("COMPLETE", "two"), migrate=migrate(4))["stopCode"] == "EssentialContainerExited"
    assert (tmp_path / "two").read_text() == "done\n"


def test_a_killed_server_leaves_no_task_stopped(serve, tmp_path):
    arguments = ("--auth", "any", "--data", tmp_path / "data", "--tasks", "process", "--source", tmp_path)
    server = serve(*arguments)
    task = start_process_task(server, f"{FLOOD} | head -c 30000000; echo; echo over", mode="blocking")
    killer = threading.Timer(0.6, server.kill)
    killer.start()
    killer.join()
    server = serve(*arguments)
    until(lambda: status_of(server, task) == "STOPPED", lambda: status_of(server, task), 60)


def test_ctrl_c_ends_a_process_that_was_asked_to_end_before(processes, tmp_path):
    task = start_process_task(processes, "trap '' TERM; while true; do sleep 0.1; done")
    until(lambda: status_of(processes, task) == "RUNNING", lambda: status_of(processes, task))
    (group,) = (tmp_path / "data" / "tasks").glob("*/api/pid")
    process = int(group.read_text())
    processes.client("ecs").stop_task(cluster="dev", task=task)
    assert processes.stop() == 0
    assert not Path(f"/proc/{process}").exists()
