"""A serverless application: `aws cloudformation package` and `deploy`, functions that really run, IAM enforced."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import test_containers as containers
from conftest import REGION, Server, environment
from waiting import until

network = containers.network

RUNTIME = "python3.11"  # Debian 12's own.

TEMPLATE = """
Transform: AWS::Serverless-2016-10-31
Parameters:
  Word: {Type: String}
Globals:
  Function: {Runtime: RUNTIME, Timeout: 20}
Resources:
  Out: {Type: AWS::SQS::Queue}
  Shout:
    Type: AWS::Serverless::Function
    Properties:
      CodeUri: source
      Handler: app.handler
      Environment: {Variables: {QUEUE: !Ref Out, ANSWER: !GetAtt Answer.Loud}}
      Policies: [{SQSSendMessagePolicy: {QueueName: !GetAtt Out.QueueName}}]
      Events:
        Sold: {Type: EventBridgeRule, Properties: {Pattern: {source: [shop]}}}
  Provider:
    Type: AWS::Serverless::Function
    Properties:
      Handler: index.handler
      InlineCode: |
        import cfnresponse
        def handler(event, context):
            word = event["ResourceProperties"]["Word"]
            print(event["RequestType"], word)
            if word == "bad":
                return cfnresponse.send(event, context, cfnresponse.FAILED, {}, "answer", reason="a bad word")
            cfnresponse.send(event, context, cfnresponse.SUCCESS, {"Loud": word.upper()}, "answer")
  Answer:
    Type: Custom::Answer
    Properties: {ServiceToken: !GetAtt Provider.Arn, ServiceTimeout: 20, Word: !Ref Word}
Outputs:
  Answer: {Value: !GetAtt Answer.Loud}
  Queue: {Value: !Ref Out}
  Provider: {Value: !Ref Provider}
"""

CODE = """
import json, os
import boto3

def handler(event, context):
    message = {"detail": event["detail"], "answer": os.environ["ANSWER"]}
    boto3.client("sqs").send_message(QueueUrl=os.environ["QUEUE"], MessageBody=json.dumps(message))
"""


NODE_PROVIDER = """
Transform: AWS::Serverless-2016-10-31
Resources:
  Provider:
    Type: AWS::Serverless::Function
    Properties:
      Handler: index.handler
      Runtime: nodejs20.x
      Timeout: 20
      InlineCode: |
        const response = require('cfn-response');
        exports.handler = (event, context) => {
          response.send(event, context, response.SUCCESS, { Loud: 'YES' }, 'answer');
        };
  Answer:
    Type: Custom::Answer
    Properties: {ServiceToken: !GetAtt Provider.Arn, ServiceTimeout: 20}
Outputs:
  Answer: {Value: !GetAtt Answer.Loud}
"""


class Application:
    """A folder with a template and code, and the AWS CLI."""

    def __init__(self, server: Server, folder: Path) -> None:
        self.server = server
        self.folder = folder
        (folder / "source").mkdir(parents=True)
        (folder / "source" / "app.py").write_text(CODE)
        (folder / "template.yaml").write_text(TEMPLATE.replace("RUNTIME", RUNTIME))
        server.client("s3").create_bucket(Bucket="artifacts", CreateBucketConfiguration={"LocationConstraint": REGION})

    def aws(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [str(Path(sys.executable).parent / "aws"), *arguments],
            cwd=self.folder,
            env=environment(
                AWS_ENDPOINT_URL=self.server.endpoint,
                AWS_ACCESS_KEY_ID=self.server.key,
                AWS_SECRET_ACCESS_KEY=self.server.secret,
                AWS_DEFAULT_REGION=REGION,
                AWS_CONFIG_FILE=str(self.folder / "none"),
            ),
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    def deploy(self, word: str) -> str:
        """The stack's state at the end. The CLI's own wait looks at the stack every 30 seconds only."""
        packaged = ["--template-file", "template.yaml", "--output-template-file", "packaged.yaml"]
        done = self.aws("cloudformation", "package", *packaged, "--s3-bucket", "artifacts")
        assert done.returncode == 0, done.stderr
        made = ["--stack-name", "app", "--template-file", "packaged.yaml", "--no-execute-changeset"]
        allowed = ["--capabilities", "CAPABILITY_IAM", "CAPABILITY_AUTO_EXPAND"]
        done = self.aws("cloudformation", "deploy", *made, *allowed, "--parameter-overrides", f"Word={word}")
        assert done.returncode == 0, done.stderr
        [change] = re.findall(r"arn:aws:cloudformation:\S+:changeSet/\S+", done.stdout)
        self.server.client("cloudformation").execute_change_set(ChangeSetName=change)
        return until(self.settled, lambda: self.stack()["StackStatus"])

    def settled(self) -> str:
        status = self.stack()["StackStatus"]
        return "" if status.endswith("IN_PROGRESS") else status

    def stack(self) -> dict[str, Any]:
        return self.server.client("cloudformation").describe_stacks(StackName="app")["Stacks"][0]

    def outputs(self) -> dict[str, str]:
        return {one["OutputKey"]: one["OutputValue"] for one in self.stack()["Outputs"]}


@pytest.fixture(params=["process", pytest.param("containers", marks=containers.pytestmark)])
def application(request, serve, tmp_path) -> Application:
    if request.param == "containers":
        request.getfixturevalue("network")
    data = tmp_path / "data"
    source = ["--source", tmp_path] if request.param == "process" else []
    server = serve("--data", data, "--iam", "enforce", "--tasks", request.param, *source).use_key_of(data)
    return Application(server, tmp_path / "application")


def requests_of(application: Application, provider: str) -> list[str]:
    events = application.server.client("logs").filter_log_events(logGroupName=f"/aws/lambda/{provider}")["events"]
    kinds = ("Create", "Update", "Delete")
    return [event["message"].strip() for event in events if event["message"].startswith(kinds)]


def test_an_application_with_a_custom_resource_is_deployed_changed_and_deleted(application):
    server = application.server
    assert application.deploy("yes") == "CREATE_COMPLETE"
    outputs = application.outputs()
    assert outputs["Answer"] == "YES"
    entry = {"Source": "shop", "DetailType": "sold", "Detail": json.dumps({"n": 1})}
    server.client("events").put_events(Entries=[entry])
    received = server.client("sqs").receive_message(QueueUrl=outputs["Queue"], WaitTimeSeconds=15)
    assert [json.loads(one["Body"]) for one in received["Messages"]] == [{"detail": {"n": 1}, "answer": "YES"}]

    assert application.deploy("no") == "UPDATE_COMPLETE"
    assert application.outputs()["Answer"] == "NO"
    assert application.deploy("bad") == "UPDATE_ROLLBACK_COMPLETE"
    events = server.client("cloudformation").describe_stack_events(StackName="app")["StackEvents"]
    reasons = [event.get("ResourceStatusReason", "") for event in events if event["LogicalResourceId"] == "Answer"]
    expected = "Received response status [FAILED] from custom resource. Message returned: a bad word (RequestId: "
    assert any(reason.startswith(expected) for reason in reasons), reasons
    assert application.outputs()["Answer"] == "NO"

    made = ["Create yes", "Update no", "Update bad", "Update no"]
    provider = outputs["Provider"]
    until(lambda: requests_of(application, provider) == made, lambda: requests_of(application, provider))

    stack = application.stack()["StackId"]
    cloudformation = server.client("cloudformation")
    cloudformation.delete_stack(StackName="app")

    def ended() -> bool:
        return cloudformation.describe_stacks(StackName=stack)["Stacks"][0]["StackStatus"] == "DELETE_COMPLETE"

    until(ended, lambda: application.stack()["StackStatus"])
    # Only the provider's response ends the deletion of its resource.
    events = cloudformation.describe_stack_events(StackName=stack)["StackEvents"]
    assert ("Answer", "DELETE_COMPLETE") in [(one["LogicalResourceId"], one["ResourceStatus"]) for one in events]


def test_a_provider_of_node_answers_by_the_module_beside_its_code(application):
    node = shutil.which("node")
    if not node or not subprocess.check_output([node, "--version"], text=True).startswith("v20."):
        pytest.skip("no Node.js 20")
    cloudformation = application.server.client("cloudformation")
    allowed = ["CAPABILITY_IAM", "CAPABILITY_AUTO_EXPAND"]
    cloudformation.create_stack(StackName="app", TemplateBody=NODE_PROVIDER, Capabilities=allowed)
    assert until(application.settled, lambda: application.stack()["StackStatus"]) == "CREATE_COMPLETE"
    assert application.outputs()["Answer"] == "YES"
