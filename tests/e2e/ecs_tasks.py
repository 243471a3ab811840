"""What the tests of ECS tasks share: cluster `dev`, task definition `api`, a state machine that runs it."""

from __future__ import annotations

import json

ROLE = "arn:aws:iam::000000000000:role/task"


def register(server, image: str, container: dict | None = None, **definition) -> None:
    log = {"awslogs-group": "/dev/api", "awslogs-stream-prefix": "ecs", "awslogs-region": "ap-northeast-1"}
    logged = {"logConfiguration": {"logDriver": "awslogs", "options": log}}
    server.client("logs").create_log_group(logGroupName="/dev/api")
    ecs = server.client("ecs")
    ecs.create_cluster(clusterName="dev")
    containers = [{"name": "api", "image": image, "memoryReservation": 64, **logged, **(container or {})}]
    ecs.register_task_definition(family="api", containerDefinitions=containers, **definition)


def make_machine(server, **parameters) -> str:
    """Its input names the command."""
    run = {
        "Type": "Task",
        "Resource": "arn:aws:states:::ecs:runTask.sync",
        "Parameters": {
            "Cluster": "dev",
            "TaskDefinition": "api",
            "Overrides": {"ContainerOverrides": [{"Name": "api", "Command.$": "$.command"}]},
            **parameters,
        },
        "End": True,
    }
    definition = json.dumps({"StartAt": "Run", "States": {"Run": run}})
    states = server.client("stepfunctions")
    return states.create_state_machine(name="batch", roleArn=ROLE, definition=definition)["stateMachineArn"]


def start(server, machine: str, *command: str) -> str:
    given = json.dumps({"command": command})
    return server.client("stepfunctions").start_execution(stateMachineArn=machine, input=given)["executionArn"]


def messages(server) -> list[str]:
    found = server.client("logs").filter_log_events(logGroupName="/dev/api")
    return [event["message"] for event in found["events"]]


def last_messages(server, task: str, count: int) -> list[str]:
    """Of the container `api` of a task, by its ARN."""
    stream = {"logGroupName": "/dev/api", "logStreamName": "ecs/api/" + task.rsplit("/", 1)[1]}
    found = server.client("logs").get_log_events(**stream, limit=count)
    return [event["message"] for event in found["events"]]
