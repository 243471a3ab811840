"""ECS tasks as processes of this host, waited for by a state machine."""

from __future__ import annotations

import json
import time

from conftest import kiban
from ecs_tasks import make_machine, messages, register, start
from waiting import finished, until


def deploy(server):
    register(server, "unused")
    return make_machine(server)


def ended(server, execution):
    return finished(server.client("stepfunctions"), execution)


def test_output_and_exit_code_reach_logs_and_execution(serve, tmp_path):
    server = serve("--auth", "any", "--data", tmp_path / "data", "--tasks", "process", "--source", tmp_path)
    machine = deploy(server)
    good = ended(server, start(server, machine, "sh", "-c", "echo hello; echo bye"))
    assert good["status"] == "SUCCEEDED"
    assert messages(server) == ["hello", "bye"]
    bad = ended(server, start(server, machine, "sh", "-c", "exit 3"))
    assert (bad["status"], bad["error"]) == ("FAILED", "States.TaskFailed")
    assert json.loads(bad["cause"])["Containers"][0]["ExitCode"] == 3


def test_following_shows_the_states_and_what_the_container_writes(serve, tmp_path):
    server = serve("--auth", "any", "--data", tmp_path / "data", "--tasks", "process", "--source", tmp_path)
    deploy(server)
    command = json.dumps({"command": ["sh", "-c", "echo hello; sleep 0.5; exit 4"]})
    followed = kiban("start", "batch", "--data", tmp_path / "data", "--input", command, "--follow")
    assert followed.returncode == 1
    shown = [line.split(" s  ", 1)[-1] for line in followed.stdout.splitlines()[1:]]
    assert shown[:2] == ["> Run", "  | hello"]
    assert shown[2] == "! TaskFailed States.TaskFailed"
    assert shown[3] == "  container api exited with 4"
    assert shown[4] == "  Essential container in task exited (EssentialContainerExited)"
    assert not any("{" in line for line in shown)  # None of ECS's JSON.
    assert "kiban logs /dev/api --data " in shown[-2] and "kiban history" in shown[-2]
    assert shown[-1] == "FAILED"


def test_the_dockerfile_stands_in_for_the_image(serve, tmp_path):
    (tmp_path / "Dockerfile").write_text('FROM scratch\nENTRYPOINT ["echo", "entry"]\nCMD ["default"]\n')
    server = serve("--auth", "any", "--data", tmp_path / "data", "--tasks", "process", "--source", tmp_path)
    assert ended(server, start(server, deploy(server), "given"))["status"] == "SUCCEEDED"
    server.client("ecs").run_task(cluster="dev", taskDefinition="api")
    until(lambda: len(messages(server)) == 2, lambda: messages(server))
    assert messages(server) == ["entry given", "entry default"]


def test_a_task_outlives_the_engine_and_runs_once(serve, tmp_path):
    arguments = ("--auth", "any", "--data", tmp_path / "data", "--tasks", "process", "--source", tmp_path)
    server = serve(*arguments)
    machine = deploy(server)
    execution = start(server, machine, "sh", "-c", "echo begun >>runs; sleep 2; echo over >>runs")
    until((tmp_path / "runs").exists, "the task did not begin")
    server.kill()
    server = serve(*arguments)
    assert ended(server, execution)["status"] == "SUCCEEDED"
    assert (tmp_path / "runs").read_text() == "begun\nover\n"


def test_files_of_ended_tasks_go_and_those_of_running_ones_stay(serve, tmp_path):
    arguments = ("--auth", "any", "--data", tmp_path / "data", "--tasks", "process", "--source", tmp_path)
    server = serve(*arguments)
    machine = deploy(server)
    tasks = tmp_path / "data" / "tasks"

    def kept() -> list[str]:
        return sorted(entry.name for entry in tasks.iterdir())

    assert ended(server, start(server, machine, "true"))["status"] == "SUCCEEDED"
    until(lambda: kept() == [], kept)
    running = start(server, machine, "sh", "-c", "while [ ! -e go ]; do sleep 0.1; done; echo end")
    (task,) = until(kept, "it does not begin")
    server.kill()
    # As a server leaves it that is killed between the commit of the end and the removal.
    left = tasks / ("0123456789abcdef" * 2) / "api"
    left.mkdir(parents=True)
    (left / "log").write_text("line")
    server = serve(*arguments)
    until(lambda: kept() == [task], kept)
    (tmp_path / "go").touch()
    assert ended(server, running)["status"] == "SUCCEEDED"
    assert messages(server) == ["end"]
    until(lambda: kept() == [], kept)


def test_a_running_task_does_not_hold_the_port(serve, tmp_path):
    arguments = ("--auth", "any", "--data", tmp_path / "data", "--tasks", "process", "--source", tmp_path)
    server = serve(*arguments)
    machine = deploy(server)
    execution = start(server, machine, "sh", "-c", "ls -l /proc/self/fd >descriptors; touch runs; sleep 3")
    until((tmp_path / "runs").exists, "the task did not begin")
    server.kill()
    again = serve(*arguments, port=server.port)
    assert again.port == server.port
    assert "socket:" not in (tmp_path / "descriptors").read_text()
    assert ended(again, execution)["status"] == "SUCCEEDED"


def test_what_a_task_left_running_ends_with_it(serve, tmp_path):
    server = serve("--auth", "any", "--data", tmp_path / "data", "--tasks", "process", "--source", tmp_path)
    child = "(while :; do date >>beats; sleep 0.05; done) & sleep 0.5; echo over"
    assert ended(server, start(server, deploy(server), "sh", "-c", child))["status"] == "SUCCEEDED"
    time.sleep(0.3)
    beats = (tmp_path / "beats").read_text()
    time.sleep(0.3)
    assert (tmp_path / "beats").read_text() == beats


def test_without_a_driver_the_task_says_what_to_do(serve):
    server = serve("--auth", "any", "--ephemeral")
    failed = ended(server, start(server, deploy(server), "true"))
    cause = json.loads(failed["cause"])
    assert (failed["status"], cause["StopCode"]) == ("FAILED", "TaskFailedToStart")
    assert "--tasks process" in cause["StoppedReason"]


STACK = """
Resources:
  Vpc: {Type: AWS::EC2::VPC, Properties: {CidrBlock: 10.7.0.0/16}}
  Subnet: {Type: AWS::EC2::Subnet, Properties: {VpcId: !Ref Vpc, CidrBlock: 10.7.1.0/24}}
  Cluster: {Type: AWS::ECS::Cluster, Properties: {CapacityProviders: [FARGATE, FARGATE_SPOT]}}
  Definition:
    Type: AWS::ECS::TaskDefinition
    Properties:
      Family: web
      NetworkMode: awsvpc
      RequiresCompatibilities: [FARGATE]
      Cpu: 256
      Memory: 512
      ContainerDefinitions: [{Name: web, Image: unused, Command: [sh, -c, %s]}]
  Service:
    Type: AWS::ECS::Service
    Properties:
      ServiceName: web
      Cluster: !Ref Cluster
      TaskDefinition: !Ref Definition
      DesiredCount: 1
      CapacityProviderStrategy: [{CapacityProvider: FARGATE_SPOT, Weight: 1}]
      DeploymentConfiguration: {DeploymentCircuitBreaker: {Enable: true, Rollback: true}}
      NetworkConfiguration: {AwsvpcConfiguration: {Subnets: [!Ref Subnet]}}
"""
TRIGGERED = "Error occurred during operation 'ECS Deployment Circuit Breaker was triggered'."


def test_a_service_whose_tasks_die_fails_its_stack_and_rolls_back(serve, tmp_path):
    """The clock is frozen: what paces a deployment takes the host's time."""
    server = serve("--ephemeral", "--auth", "any", "--clock", "virtual", "--tasks", "process", "--source", tmp_path)
    stacks, ecs = server.client("cloudformation"), server.client("ecs")

    def status() -> str:
        return stacks.describe_stacks(StackName="s")["Stacks"][0]["StackStatus"]

    stacks.create_stack(StackName="s", TemplateBody=STACK % "sleep 300")
    until(lambda: status() == "CREATE_COMPLETE", status)
    stacks.update_stack(StackName="s", TemplateBody=STACK % "exit 1")
    until(lambda: status() == "UPDATE_ROLLBACK_COMPLETE", status, seconds=60)
    events = stacks.describe_stack_events(StackName="s")["StackEvents"]
    reasons = [e.get("ResourceStatusReason", "") for e in events if e["LogicalResourceId"] == "Service"]
    assert any(TRIGGERED in reason for reason in reasons), reasons
    cluster = ecs.list_clusters()["clusterArns"][0]
    (service,) = ecs.describe_services(cluster=cluster, services=["web"])["services"]
    assert (service["runningCount"], service["taskDefinition"].rsplit("/", 1)[1]) == (1, "web:1")
    stacks.delete_stack(StackName="s")
    until(lambda: not ecs.list_clusters()["clusterArns"], lambda: ecs.list_clusters())
