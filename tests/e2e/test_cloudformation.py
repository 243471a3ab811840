"""CloudFormation by real clients: nested stacks, custom resources, wait conditions, transforms."""

from __future__ import annotations

import json
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

import pytest
from conftest import REGION, Server, environment

AWS = Path(sys.executable).with_name("aws")


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    made = Server("--data", tmp_path_factory.mktemp("data") / "d", "--auth", "any")
    try:
        yield made
    finally:
        made.stop()


def aws(server: Server, *arguments: str | Path) -> str:
    done = subprocess.run(
        [str(AWS), "cloudformation", *map(str, arguments)],
        env=environment(
            AWS_ENDPOINT_URL=server.endpoint,
            AWS_DEFAULT_REGION=REGION,
            AWS_ACCESS_KEY_ID=server.key,
            AWS_SECRET_ACCESS_KEY=server.secret,
            AWS_EC2_METADATA_DISABLED="true",
        ),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, f"aws cloudformation {' '.join(map(str, arguments))}:\n{done.stdout}"
    return done.stdout


def stack(server: Server, name: str) -> dict[str, Any]:
    return server.client("cloudformation").describe_stacks(StackName=name)["Stacks"][0]


def outputs(server: Server, name: str) -> dict[str, str]:
    return {each["OutputKey"]: each["OutputValue"] for each in stack(server, name).get("Outputs", [])}


def wait_until(server: Server, name: str, status: str) -> None:
    end = time.monotonic() + 30
    while (now := stack(server, name)["StackStatus"]) != status:
        assert time.monotonic() < end, f"{name} is {now}, not {status}"
        time.sleep(0.1)


def put(url: str, document: Any) -> int:
    request = urllib.request.Request(url, data=json.dumps(document).encode(), method="PUT")
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(request, timeout=10) as reply:
            return reply.status
    except urllib.error.HTTPError as error:
        return error.code


CHILD = """
Parameters:
  Delay: {Type: Number}
Resources:
  Queue:
    Type: AWS::SQS::Queue
    Properties: {DelaySeconds: !Ref Delay}
Outputs:
  Name: {Value: !GetAtt Queue.QueueName}
"""
PARENT = """
Parameters:
  Delay: {Type: String}
Resources:
  Child:
    Type: AWS::CloudFormation::Stack
    Properties:
      TemplateURL: child.yaml
      Parameters: {Delay: !Ref Delay}
Outputs:
  Name: {Value: !GetAtt Child.Outputs.Name}
"""


def test_nested_stacks_are_packaged_deployed_and_deleted_by_the_cli(server, tmp_path):
    (tmp_path / "child.yaml").write_text(CHILD)
    (tmp_path / "parent.yaml").write_text(PARENT)
    server.client("s3").create_bucket(Bucket="nested", CreateBucketConfiguration={"LocationConstraint": REGION})
    packaged = tmp_path / "packaged.yaml"
    aws(
        *(server, "package", "--template-file", tmp_path / "parent.yaml", "--s3-bucket", "nested"),
        *("--output-template-file", packaged),
    )
    deploy = ("deploy", "--template-file", packaged, "--stack-name", "parent", "--parameter-overrides")
    aws(server, *deploy, "Delay=1")
    queue = outputs(server, "parent")["Name"]
    client, queues = server.client("cloudformation"), server.client("sqs")
    url = queues.get_queue_url(QueueName=queue)["QueueUrl"]
    child = client.describe_stack_resource(StackName="parent", LogicalResourceId="Child")
    child_id = child["StackResourceDetail"]["PhysicalResourceId"]
    assert stack(server, child_id)["ParentId"] == stack(server, "parent")["StackId"]
    aws(server, *deploy, "Delay=2")
    attributes = queues.get_queue_attributes(QueueUrl=url, AttributeNames=["DelaySeconds"])["Attributes"]
    assert attributes == {"DelaySeconds": "2"}
    aws(server, "delete-stack", "--stack-name", "parent")
    aws(server, "wait", "stack-delete-complete", "--stack-name", "parent")
    assert stack(server, child_id)["StackStatus"] == "DELETE_COMPLETE"
    assert queues.list_queues(QueueNamePrefix="parent-Child").get("QueueUrls", []) == []


class Provider:
    """A topic that custom resources are asked of, read through a queue."""

    def __init__(self, server: Server) -> None:
        topics, self.queues = server.client("sns"), server.client("sqs")
        self.topic = topics.create_topic(Name="provider")["TopicArn"]
        self.queue = self.queues.create_queue(QueueName="provider")["QueueUrl"]
        arn = self.topic.replace(":sns:", ":sqs:")
        policy = {
            "Statement": [
                {"Effect": "Allow", "Principal": "*", "Action": "sqs:SendMessage", "Resource": arn},
            ]
        }
        self.queues.set_queue_attributes(QueueUrl=self.queue, Attributes={"Policy": json.dumps(policy)})
        topics.subscribe(TopicArn=self.topic, Protocol="sqs", Endpoint=arn, Attributes={"RawMessageDelivery": "true"})

    def request(self) -> dict[str, Any]:
        (message,) = self.queues.receive_message(QueueUrl=self.queue, WaitTimeSeconds=10)["Messages"]
        self.queues.delete_message(QueueUrl=self.queue, ReceiptHandle=message["ReceiptHandle"])
        return json.loads(message["Body"])

    def respond(self, request: dict[str, Any], status: str = "SUCCESS", **more: Any) -> int:
        copied = {name: request[name] for name in ("StackId", "RequestId", "LogicalResourceId")}
        return put(request["ResponseURL"], {"Status": status, "PhysicalResourceId": "thing", **copied, **more})


def test_a_custom_resource_is_asked_of_a_topic(server):
    provider, client = Provider(server), server.client("cloudformation")

    def template(size: int) -> str:
        return json.dumps(
            {
                "Resources": {
                    "Thing": {
                        "Type": "Custom::Thing",
                        "Properties": {"ServiceToken": provider.topic, "Size": size},
                    }
                },
                "Outputs": {"Color": {"Value": {"Fn::GetAtt": ["Thing", "Color"]}}},
            }
        )

    client.create_stack(StackName="custom", TemplateBody=template(1))
    asked = provider.request()
    assert (asked["RequestType"], asked["ResourceProperties"]["Size"]) == ("Create", "1")
    assert put(asked["ResponseURL"] + "0", {}) == 403
    assert provider.respond(asked, Data={"Color": "red"}) == 200
    wait_until(server, "custom", "CREATE_COMPLETE")
    assert outputs(server, "custom") == {"Color": "red"}
    assert provider.respond(asked) == 403  # It was answered.

    client.update_stack(StackName="custom", TemplateBody=template(2))
    provider.respond(provider.request(), PhysicalResourceId="other", Data={"Color": "blue"})
    gone = provider.request()
    assert (gone["RequestType"], gone["PhysicalResourceId"]) == ("Delete", "thing")
    provider.respond(gone)
    wait_until(server, "custom", "UPDATE_COMPLETE")
    assert outputs(server, "custom") == {"Color": "blue"}

    client.delete_stack(StackName="custom")
    asked = provider.request()
    assert (asked["RequestType"], asked["PhysicalResourceId"]) == ("Delete", "other")
    provider.respond(asked, status="FAILED", PhysicalResourceId="other", Reason="in use")
    wait_until(server, "custom", "DELETE_FAILED")


def test_a_wait_condition_waits_for_its_signal(server):
    client = server.client("cloudformation")
    client.create_stack(
        StackName="waits",
        TemplateBody="""
Resources:
  Handle: {Type: AWS::CloudFormation::WaitConditionHandle}
  Signal:
    Type: AWS::CloudFormation::WaitCondition
    Properties: {Handle: !Ref Handle, Timeout: 600}
Outputs:
  Data: {Value: !GetAtt Signal.Data}
""",
    )
    assert stack(server, "waits")["StackStatus"] == "CREATE_IN_PROGRESS"
    handle = client.describe_stack_resource(StackName="waits", LogicalResourceId="Handle")
    url = handle["StackResourceDetail"]["PhysicalResourceId"]
    assert put(url, {"Status": "SUCCESS"}) == 400
    assert put(url, {"Status": "SUCCESS", "UniqueId": "one", "Data": "ready"}) == 200
    wait_until(server, "waits", "CREATE_COMPLETE")
    assert json.loads(outputs(server, "waits")["Data"]) == {"one": "ready"}


def test_loops_and_snippets_are_expanded_by_the_cli(server, tmp_path):
    objects = server.client("s3")
    objects.create_bucket(Bucket="snippets", CreateBucketConfiguration={"LocationConstraint": REGION})
    objects.put_object(Bucket="snippets", Key="queue.yaml", Body=b"Type: AWS::SQS::Queue\n")
    template = tmp_path / "loops.yaml"
    template.write_text(
        """
Transform: AWS::LanguageExtensions
Parameters:
  Names: {Type: CommaDelimitedList}
  Policy: {Type: String, Default: Delete}
Resources:
  Fn::ForEach::Topics:
    - Name
    - !Ref Names
    - Topic${Name}:
        Type: AWS::SNS::Topic
        DeletionPolicy: !Ref Policy
        Properties: {DisplayName: !Sub 'of ${Name}'}
  Queue:
    Fn::Transform: {Name: AWS::Include, Parameters: {Location: s3://snippets/queue.yaml}}
Outputs:
  Count: {Value: {'Fn::Length': !Ref Names}}
"""
    )
    deploy = ("deploy", "--template-file", template, "--stack-name", "loops")
    capabilities = ("--capabilities", "CAPABILITY_AUTO_EXPAND", "--parameter-overrides")
    aws(server, *deploy, *capabilities, "Names=a,b")
    assert outputs(server, "loops") == {"Count": "2"}
    aws(server, *deploy, *capabilities, "Names=b,c")
    client = server.client("cloudformation")
    listed = client.list_stack_resources(StackName="loops")["StackResourceSummaries"]
    assert sorted(each["LogicalResourceId"] for each in listed) == ["Queue", "Topicb", "Topicc"]
    original = client.get_template(StackName="loops")["TemplateBody"]
    assert "Fn::ForEach::Topics" in original
    processed = client.get_template(StackName="loops", TemplateStage="Processed")["TemplateBody"]
    assert sorted(processed["Resources"]) == ["Queue", "Topicb", "Topicc"]


SAM = """
Transform: AWS::Serverless-2016-10-31
Parameters:
  Stage: {Type: String}
Resources:
  Queue: {Type: AWS::SQS::Queue}
  Machine:
    Type: AWS::Serverless::StateMachine
    Properties:
      Definition:
        StartAt: Send
        States:
          Send:
            Type: Task
            Resource: arn:aws:states:::sqs:sendMessage
            Parameters: {QueueUrl: !Ref Queue, MessageBody: '${stage}'}
            End: true
      DefinitionSubstitutions: {stage: !Ref Stage}
      Policies:
        - SQSSendMessagePolicy: {QueueName: !GetAtt Queue.QueueName}
      Events:
        Orders: {Type: EventBridgeRule, Properties: {Pattern: {source: [shop]}}}
        Nightly:
          Type: ScheduleV2
          Properties:
            {ScheduleExpression: 'cron(0 2 * * ? *)', ScheduleExpressionTimezone: Asia/Tokyo}
Outputs:
  Url: {Value: !Ref Queue}
"""


def test_a_serverless_state_machine_is_deployed_and_started_by_its_event(server, tmp_path):
    template = tmp_path / "sam.yaml"
    template.write_text(SAM)
    deploy = ("deploy", "--template-file", template, "--stack-name", "sam")
    capabilities = ("--capabilities", "CAPABILITY_IAM", "CAPABILITY_AUTO_EXPAND")
    aws(server, *deploy, *capabilities, "--parameter-overrides", "Stage=prod")
    client = server.client("cloudformation")
    processed = client.get_template(StackName="sam", TemplateStage="Processed")["TemplateBody"]
    types = sorted(each["Type"] for each in processed["Resources"].values())
    assert types == [
        *("AWS::Events::Rule", "AWS::IAM::Role", "AWS::IAM::Role", "AWS::IAM::Role", "AWS::SQS::Queue"),
        *("AWS::Scheduler::Schedule", "AWS::StepFunctions::StateMachine"),
    ]
    server.client("events").put_events(Entries=[{"Source": "shop", "DetailType": "order", "Detail": "{}"}])
    url = outputs(server, "sam")["Url"]
    got = server.client("sqs").receive_message(QueueUrl=url, WaitTimeSeconds=10)["Messages"]
    assert [each["Body"] for each in got] == ["prod"]
    schedule = server.client("scheduler").get_schedule(Name="MachineNightly")
    assert schedule["ScheduleExpressionTimezone"] == "Asia/Tokyo"
