"""A server with something on every page: what the console's tests and pictures show."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import machines
from conftest import kiban
from ecs_tasks import register
from waiting import finished, until

HOUR = 3600

TEMPLATE = """
Description: Orders and what they need
Parameters:
  Stage: {Type: String, Default: dev}
Resources:
  Orders:
    Type: AWS::SQS::Queue
    Properties:
      QueueName: !Sub "${Stage}-orders"
      RedrivePolicy: {deadLetterTargetArn: !GetAtt Dead.Arn, maxReceiveCount: 3}
  Dead: {Type: AWS::SQS::Queue, Properties: {QueueName: !Sub "${Stage}-orders-dead"}}
  Alerts: {Type: AWS::SNS::Topic, Properties: {TopicName: !Sub "${Stage}-alerts"}}
  Operator:
    Type: AWS::SNS::Subscription
    Properties: {TopicArn: !Ref Alerts, Protocol: email, Endpoint: operator@example.com}
  Reports: {Type: AWS::S3::Bucket, Properties: {BucketName: !Sub "${Stage}-reports"}}
  Password:
    Type: AWS::SecretsManager::Secret
    Properties: {Name: !Sub "${Stage}/database", SecretString: '{"user": "app"}'}
  Zone: {Type: AWS::SSM::Parameter, Properties: {Name: !Sub "/${Stage}/zone", Type: String, Value: Asia/Tokyo}}
Outputs:
  Orders: {Value: !Ref Orders, Description: Where orders arrive}
"""

# JSONata with variables: what an invoice comes to.
INVOICE = {
    "QueryLanguage": "JSONata",
    "StartAt": "Take rates",
    "States": {
        "Take rates": {"Type": "Pass", "Assign": {"rate": 0.1, "currency": "JPY"}, "Next": "Sum up"},
        "Sum up": {
            "Type": "Pass",
            "Output": {
                "net": "{% $sum($states.input.items.price) %}",
                "tax": "{% $sum($states.input.items.price) * $rate %}",
                "currency": "{% $currency %}",
            },
            "Next": "Record",
        },
        "Record": {
            "Type": "Task",
            "Resource": "arn:aws:states:::sqs:sendMessage",
            "Arguments": {"QueueUrl": "http://127.0.0.1/000000000000/dev-orders", "MessageBody": "{% $states.input %}"},
            "Output": {"sent": "{% $states.result.MessageId != '' %}"},
            "End": True,
        },
    },
}

# The nightly batch: a container, once more after a pause when it fails.
BATCH = {
    "StartAt": "Run batch",
    "States": {
        "Run batch": {
            "Type": "Task",
            "Resource": "arn:aws:states:::ecs:runTask.sync",
            "Parameters": {
                "Cluster": "dev",
                "TaskDefinition": "api",
                "Overrides": {"ContainerOverrides": [{"Name": "api", "Command.$": "$.command"}]},
            },
            "Retry": [{"ErrorEquals": ["States.TaskFailed"], "IntervalSeconds": 20, "MaxAttempts": 1}],
            "End": True,
        },
    },
}


def distributed(iterations: str = "$.items") -> dict:
    """A distributed Map whose item 7 of ten fails."""
    bad = {"Type": "Choice", "Choices": [{"Variable": "$.n", "NumericEquals": 7, "Next": "Bad"}], "Default": "Good"}
    return {
        "StartAt": "Each item",
        "States": {
            "Each item": {
                "Type": "Map",
                "ItemsPath": iterations,
                "MaxConcurrency": 100,
                "ToleratedFailurePercentage": 100,
                "ItemProcessor": {
                    "ProcessorConfig": {"Mode": "DISTRIBUTED", "ExecutionType": "STANDARD"},
                    "StartAt": "Look",
                    "States": {
                        "Look": bad,
                        "Good": {"Type": "Pass", "End": True},
                        "Bad": {"Type": "Fail", "Error": "BadItem"},
                    },
                },
                "End": True,
            }
        },
    }


def inline() -> dict:
    """An inline Map of one state over `$.items`."""
    one = {"StartAt": "One", "States": {"One": {"Type": "Pass", "End": True}}}
    each = {"Type": "Map", "ItemsPath": "$.items", "ItemProcessor": one, "ResultPath": None, "End": True}
    return {"StartAt": "Each", "States": {"Each": each}}


# Scrolls every list of the page down and up; the longest and the mean time of a frame.
FRAMES_WHILE_SCROLLING = """(async () => {
  const lists = [...document.querySelectorAll('.virtual, .timeline')];
  const times = [];
  let last = performance.now();
  for (let i = 0; i < 120; ++i) {
    await new Promise(requestAnimationFrame);
    const now = performance.now();
    times.push(now - last);
    last = now;
    const share = i < 60 ? i / 60 : (120 - i) / 60;
    for (const list of lists) list.scrollTop = share * (list.scrollHeight - list.clientHeight);
  }
  times.sort((a, b) => a - b);
  const mean = times.reduce((a, b) => a + b) / times.length;
  return {longest: times.at(-1), mean, p95: times[Math.floor(times.length * 0.95)]};
})()"""


@dataclass(frozen=True)
class World:
    order: str  # Executions.
    batch: str
    invoice: str
    waiting: str
    many: str
    task: str


def stack(server) -> None:
    cloudformation = server.client("cloudformation")
    cloudformation.create_stack(StackName="dev-orders", TemplateBody=TEMPLATE)

    def status() -> str:
        return cloudformation.describe_stacks(StackName="dev-orders")["Stacks"][0]["StackStatus"]

    until(lambda: status() == "CREATE_COMPLETE", status)


def schedules(server, order: str, invoice: str, role: str) -> None:
    events = server.client("events")
    events.put_rule(Name="nightly-batch", ScheduleExpression="cron(0 17 * * ? *)", Description="2:00 in Tokyo")
    events.put_rule(Name="hourly-invoice", ScheduleExpression="rate(1 hour)")
    events.put_targets(
        Rule="hourly-invoice",
        Targets=[{"Id": "1", "Arn": invoice, "RoleArn": role, "Input": json.dumps({"items": [{"price": 1200}]})}],
    )
    events.put_targets(
        Rule="nightly-batch",
        Targets=[{"Id": "1", "Arn": order, "RoleArn": role, "Input": json.dumps(machines.ORDER_INPUT)}],
    )
    events.put_rule(
        Name="failures", EventPattern=json.dumps({"source": ["aws.states"], "detail": {"status": ["FAILED"]}})
    )
    server.client("scheduler").create_schedule(
        Name="weekday-report",
        ScheduleExpression="cron(30 8 ? * MON-FRI *)",
        ScheduleExpressionTimezone="Asia/Tokyo",
        FlexibleTimeWindow={"Mode": "OFF"},
        Target={"Arn": invoice, "RoleArn": role},
    )


def furnish(server, data: Path, hours: int = 0) -> World:
    """`hours`: so long the schedules have been firing already."""
    states = server.client("stepfunctions")
    role = machines.create_role(server.client("iam"), "workflows")
    machines.create_role(server.client("iam"), "task")
    stack(server)
    register(server, "unused", cpu="256", memory="512")
    order = machines.create(states, role, "order", machines.ORDER)
    invoice = machines.create(states, role, "invoice", INVOICE)
    batch = machines.create(states, role, "batch", BATCH)
    many = machines.create(states, role, "import", distributed())
    schedules(server, order, invoice, role)
    reports = server.client("s3")
    reports.put_object(Bucket="dev-reports", Key="2026/11/summary.csv", Body=b"day,orders\n30,120\n")
    reports.put_object(Bucket="dev-reports", Key="README.txt", Body=b"Reports of the nightly batch.\n")
    server.client("cloudwatch").put_metric_alarm(
        AlarmName="orders-fail",
        Namespace="AWS/States",
        MetricName="ExecutionsFailed",
        Dimensions=[{"Name": "StateMachineArn", "Value": order}],
        Statistic="Sum",
        Period=3600,
        EvaluationPeriods=1,
        Threshold=1,
        ComparisonOperator="GreaterThanOrEqualToThreshold",
    )
    if hours:
        assert kiban("clock", "advance", f"{hours}h", "--data", data).returncode == 0
    failed = machines.start(states, order, "order-1042", machines.ORDER_INPUT)
    good = machines.start(states, invoice, "invoice-7", {"items": [{"price": 1200}, {"price": 300}]})
    waiting = machines.start(states, machines.create(states, role, "waiting", machines.WAIT), "waiting-1", {})
    mapped = machines.start(states, many, "import-1", {"items": [{"n": n} for n in range(40)]})
    shell = "echo 'reading orders'; echo 'checking 120 rows'; echo 'ERROR no such store: 17' >&2; exit 3"
    ran = machines.start(states, batch, "batch-1", {"command": ["sh", "-c", shell]})
    for _ in range(6):
        assert kiban("clock", "advance", "30s", "--data", data).returncode == 0
    for execution in (failed, good, mapped, ran):
        finished(states, execution)
    history = states.get_execution_history(executionArn=ran, maxResults=1000)["events"]
    submitted = next(event["taskSubmittedEventDetails"] for event in history if event["type"] == "TaskSubmitted")
    task = json.loads(submitted["output"])
    task = task.get("Tasks", [task])[0]["TaskArn"]
    return World(order=failed, batch=ran, invoice=good, waiting=waiting, many=mapped, task=task)
