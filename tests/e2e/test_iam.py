"""From a denial to its fix and the proof of the fix: kiban iam log, explain, report, prove."""

from __future__ import annotations

import hashlib
import json
import urllib.error
import urllib.request
from pathlib import Path

import pytest
from botocore.exceptions import ClientError
from conftest import REGION, kiban
from waiting import finished, until

ACCOUNT = "000000000000"
TRUST = {
    "Version": "2012-10-17",
    "Statement": [
        {"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"Service": "states.amazonaws.com"}},
    ],
}
DEFINITION = {
    "StartAt": "Tell",
    "States": {
        "Tell": {
            "Type": "Task",
            "Resource": "arn:aws:states:::sns:publish",
            "Parameters": {"TopicArn.$": "$.topic", "Message": "done"},
            "ResultPath": None,
            "Next": "Hold",
        },
        "Hold": {"Type": "Wait", "Seconds": 3600, "Next": "Enqueue"},
        "Enqueue": {
            "Type": "Task",
            "Resource": "arn:aws:states:::sqs:sendMessage",
            "Parameters": {"QueueUrl.$": "$.queue", "MessageBody": "done"},
            "End": True,
        },
    },
}
TOPIC = f"arn:aws:sns:{REGION}:{ACCOUNT}:alerts"


def template(*statements: dict) -> str:
    """A state machine whose role has these statements."""
    role = {
        "Type": "AWS::IAM::Role",
        "Metadata": {"aws:cdk:path": "App/Runner/Resource"},
        "Properties": {
            "RoleName": "runner",
            "AssumeRolePolicyDocument": TRUST,
            "Policies": [
                {
                    "PolicyName": "main",
                    "PolicyDocument": {"Version": "2012-10-17", "Statement": list(statements)},
                }
            ],
        },
    }
    machine = {
        "StateMachineName": "jobs",
        "RoleArn": {"Fn::GetAtt": ["Runner", "Arn"]},
        "DefinitionString": json.dumps(DEFINITION),
    }
    return json.dumps(
        {
            "Resources": {
                "Alerts": {"Type": "AWS::SNS::Topic", "Properties": {"TopicName": "alerts"}},
                "Queue": {"Type": "AWS::SQS::Queue", "Properties": {"QueueName": "jobs"}},
                "Runner": role,
                "Machine": {"Type": "AWS::StepFunctions::StateMachine", "Properties": machine},
            }
        }
    )


PUBLISH = {"Sid": "Tell", "Effect": "Allow", "Action": "sns:Publish", "Resource": {"Ref": "Alerts"}}
SEND = {
    "Sid": "Enqueue",
    "Effect": "Allow",
    "Action": ["sqs:SendMessage", "sqs:GetQueueUrl"],
    "Resource": {"Fn::GetAtt": ["Queue", "Arn"]},
}
NEVER = {"Sid": "Never", "Effect": "Allow", "Action": "s3:GetObject", "Resource": "arn:aws:s3:::bucket/*"}


def deploy(server, body: str) -> dict[str, str]:
    cloudformation = server.client("cloudformation")
    cloudformation.create_stack(StackName="app", TemplateBody=body, Capabilities=["CAPABILITY_NAMED_IAM"])
    until(
        lambda: cloudformation.describe_stacks(StackName="app")["Stacks"][0]["StackStatus"] == "CREATE_COMPLETE",
        lambda: cloudformation.describe_stack_events(StackName="app"),
        30,
    )
    return {"topic": TOPIC, "queue": server.client("sqs").get_queue_url(QueueName="jobs")["QueueUrl"]}


def run(server, data: Path, given: dict[str, str]) -> dict:
    """An execution and its end, an hour of the clock later."""
    states = server.client("stepfunctions")
    machine = states.list_state_machines()["stateMachines"][0]["stateMachineArn"]
    execution = states.start_execution(stateMachineArn=machine, input=json.dumps(given))["executionArn"]
    assert kiban("clock", "advance", "2h", "--data", data).returncode == 0
    return finished(states, execution, 20)


def decisions(data: Path, *options: str) -> list[dict]:
    done = kiban("iam", "log", "--json", "--data", data, *options)
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


@pytest.fixture
def enforcing(serve, tmp_path):
    return serve("--data", tmp_path, "--clock", "virtual", "--iam", "enforce").use_key_of(tmp_path)


def test_a_denial_is_found_explained_fixed_and_reported(enforcing, tmp_path):
    given = deploy(enforcing, template(PUBLISH, NEVER))
    failed = run(enforcing, tmp_path, given)
    assert failed["status"] == "FAILED"
    role = f"arn:aws:iam::{ACCOUNT}:role/runner"

    denied = decisions(tmp_path, "--denied", "--role", "runner")
    assert [(each["principal"], each["action"]) for each in denied] == [(role, "sqs:SendMessage")]
    explained = kiban("iam", "explain", denied[0]["id"], "--data", tmp_path)
    assert explained.returncode == 0, explained.stderr
    assert "No policy of" in explained.stdout and "App/Runner/Resource" in explained.stdout
    assert "queue.grantSendMessages(role)" in explained.stdout
    newest = json.loads(kiban("iam", "explain", "--json", "--data", tmp_path).stdout)
    assert newest["decision"]["id"] == denied[0]["id"]
    followed = kiban("history", "jobs", "--follow", "--data", tmp_path)
    assert f"kiban iam explain {denied[0]['id']} --data {tmp_path}" in followed.stdout
    unknown = kiban("iam", "explain", "none", "--data", tmp_path)
    assert unknown.returncode == 1 and "no decision with the id none" in unknown.stderr

    statement = newest["explanation"]["fixes"][0]["statement"]
    document = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    enforcing.client("iam").put_role_policy(RoleName="runner", PolicyName="fix", PolicyDocument=document)
    assert run(enforcing, tmp_path, given)["status"] == "SUCCEEDED"

    reported = kiban("iam", "report", "--stack", "app", "--json", "--data", tmp_path)
    assert reported.returncode == 1, reported.stderr
    report = json.loads(reported.stdout)["roles"][0]
    assert [(each["kind"], each["sid"], each["action"]) for each in report["findings"]] == [
        ("unused-statement", "Never", ""),
        ("refused", "", "sqs:SendMessage"),
    ]
    used = report["statements"][0]["actions"][0]
    assert used["seen"] == [{"action": "sns:Publish", "resource": TOPIC, "stack": "app", "logicalId": "Alerts"}]
    assert report["proposals"][0]["place"] == "app.Runner.Properties.Policies[0]"
    assert '-       "Sid": "Never"' in report["proposals"][0]["diff"]
    assert report["observed"]["stateMachines"][0]["neverEntered"] == []
    allow = tmp_path / "allow.yaml"
    allow.write_text(
        "- {role: runner, statement: Never, reason: kept for the next release}\n"
        "- {role: runner, kind: refused, action: 'sqs:*', reason: before the fix}\n"
    )
    gate = kiban("iam", "report", "--role", "runner", "--allow", allow, "--data", tmp_path)
    assert gate.returncode == 0, gate.stdout
    assert "kept for the next release" in gate.stdout


def test_denials_are_kept_over_a_kill(enforcing, serve, tmp_path):
    given = deploy(enforcing, template(PUBLISH))
    run(enforcing, tmp_path, given)
    before = decisions(tmp_path, "--denied")
    enforcing.kill()
    serve("--data", tmp_path, "--clock", "virtual", "--iam", "enforce")
    assert [each["id"] for each in decisions(tmp_path, "--denied")] == [each["id"] for each in before] != []
    # What was allowed is not kept: the denials of before do not lengthen the time that was observed.
    reported = kiban("iam", "report", "--role", "runner", "--data", tmp_path).stdout
    assert "that allowed, in 0 ms of the server's clock" in reported and "and 1 that denied" in reported
    assert "was refused once" in reported


def test_decisions_about_a_user_are_listed_by_its_arn(enforcing, tmp_path):
    iam = enforcing.client("iam")
    user = iam.create_user(UserName="tester")["User"]["Arn"]
    key = iam.create_access_key(UserName="tester")["AccessKey"]
    with pytest.raises(ClientError):
        enforcing.client(
            "sns", aws_access_key_id=key["AccessKeyId"], aws_secret_access_key=key["SecretAccessKey"]
        ).list_topics()
    assert [each["action"] for each in decisions(tmp_path, "--role", user)] == ["sns:ListTopics"]


def test_a_stack_that_was_rolled_back_has_no_roles(enforcing, tmp_path):
    body = json.loads(template(PUBLISH))
    body["Resources"]["Machine"]["Properties"]["DefinitionString"] = "{}"
    cloudformation = enforcing.client("cloudformation")
    cloudformation.create_stack(StackName="app", TemplateBody=json.dumps(body), Capabilities=["CAPABILITY_NAMED_IAM"])
    until(
        lambda: cloudformation.describe_stacks(StackName="app")["Stacks"][0]["StackStatus"] == "ROLLBACK_COMPLETE",
        lambda: cloudformation.describe_stack_events(StackName="app"),
        30,
    )
    reported = kiban("iam", "report", "--stack", "app", "--data", tmp_path)
    assert reported.returncode == 1 and "no stack app with a role exists" in reported.stderr


def test_a_policy_without_use_is_proposed_to_be_removed(enforcing, tmp_path):
    iam = enforcing.client("iam")
    iam.create_role(RoleName="idle", AssumeRolePolicyDocument=json.dumps(TRUST))
    document = json.dumps({"Version": "2012-10-17", "Statement": [NEVER]})
    iam.put_role_policy(RoleName="idle", PolicyName="all", PolicyDocument=document)
    by_diff = kiban("iam", "report", "--role", "idle", "--data", tmp_path).stdout
    assert '-   "Version"' in by_diff and "+" not in by_diff
    by_cdk = kiban("iam", "report", "--role", "idle", "--proposal", "cdk", "--data", tmp_path).stdout
    assert "Remove the policy arn:aws:iam::000000000000:role/idle/policy/all." in by_cdk


def scenario(folder: Path, *statements: dict, extra: str = "") -> Path:
    (folder / "app.json").write_text(template(*statements))
    file = folder / "scenario.yaml"
    queue = f"http://sqs.{REGION}.localhost:4566/{ACCOUNT}/jobs"
    file.write_text(
        f"""tasks: none
stacks: [app]
setup:
  - deploy: app
    template: app.json
steps:
  - start: jobs
    input: {{topic: "{TOPIC}", queue: "{queue}"}}
{extra}"""
    )
    return file


def test_prove_shows_what_is_needed_and_what_is_excess(tmp_path):
    done = kiban("iam", "prove", "--scenario", scenario(tmp_path, PUBLISH, SEND, NEVER), "--json")
    assert done.returncode == 1, done.stderr
    proof = json.loads(done.stdout)
    assert proof["missing"] == [] and "deviation" not in proof
    found = {(each["sid"], each["action"]): each["proof"] for each in proof["mutations"]}
    assert found == {
        ("Tell", ""): "necessary",
        ("Enqueue", ""): "necessary",
        ("Enqueue", "sqs:SendMessage"): "necessary",
        ("Enqueue", "sqs:GetQueueUrl"): "excess",
        ("Never", ""): "excess",
    }
    refused = {
        each["sid"]: [one["action"] for one in each["refused"]] for each in proof["mutations"] if each["refused"]
    }
    assert refused == {"Tell": ["sns:Publish"], "Enqueue": ["sqs:SendMessage"]}
    allow = "allow:\n  - {action: 'sqs:GetQueueUrl', reason: by hand}\n  - {statement: Never, reason: later}\n"
    excepted = kiban("iam", "prove", "--scenario", scenario(tmp_path, PUBLISH, SEND, NEVER, extra=allow))
    assert excepted.returncode == 0, excepted.stdout + excepted.stderr
    assert "5 of 5 are necessary or excepted" in excepted.stdout


def test_prove_names_what_is_missing(tmp_path):
    done = kiban("iam", "prove", "--scenario", scenario(tmp_path, PUBLISH))
    assert done.returncode == 1
    assert "missing" in done.stdout and "sqs:SendMessage" in done.stdout
    wrong = tmp_path / "wrong.yaml"
    wrong.write_text("data: .\nroles: [r]\nsteps: [{begin: jobs}]\n")
    refused = kiban("iam", "prove", "--scenario", wrong)
    assert refused.returncode == 1 and "steps[0]" in refused.stderr


def test_a_user_may_what_its_own_policies_and_those_of_its_groups_allow(enforcing):
    iam = enforcing.client("iam")
    iam.create_user(UserName="ada")
    iam.create_group(GroupName="readers")
    made = iam.create_access_key(UserName="ada")["AccessKey"]
    keys = {"aws_access_key_id": made["AccessKeyId"], "aws_secret_access_key": made["SecretAccessKey"]}
    topics, queues = enforcing.client("sns", **keys), enforcing.client("sqs", **keys)
    user = f"arn:aws:iam::{ACCOUNT}:user/ada"
    with pytest.raises(ClientError, match=f"{user} is not authorized to perform: SNS:ListTopics"):
        topics.list_topics()

    def allowing(action: str) -> str:
        statement = {"Effect": "Allow", "Action": action, "Resource": "*"}
        return json.dumps({"Version": "2012-10-17", "Statement": [statement]})

    iam.put_user_policy(UserName="ada", PolicyName="own", PolicyDocument=allowing("sns:ListTopics"))
    iam.put_group_policy(GroupName="readers", PolicyName="all", PolicyDocument=allowing("sqs:ListQueues"))
    topics.list_topics()
    with pytest.raises(ClientError, match="sqs:listqueues|sqs:ListQueues"):
        queues.list_queues()
    iam.add_user_to_group(UserName="ada", GroupName="readers")
    queues.list_queues()
    boundary = iam.create_policy(PolicyName="limit", PolicyDocument=allowing("sqs:*"))["Policy"]["Arn"]
    iam.put_user_permissions_boundary(UserName="ada", PermissionsBoundary=boundary)
    queues.list_queues()
    with pytest.raises(ClientError, match="because no permissions boundary allows"):
        topics.list_topics()

    job = iam.generate_service_last_accessed_details(Arn=user, Granularity="ACTION_LEVEL")["JobId"]
    details = iam.get_service_last_accessed_details(JobId=job)
    assert details["JobStatus"] == "COMPLETED"
    used = {
        each["ServiceNamespace"]: [action["ActionName"] for action in each["TrackedActionsLastAccessed"]]
        for each in details["ServicesLastAccessed"]
    }
    assert used == {"sns": ["ListTopics"], "sqs": ["ListQueues"]}
    with pytest.raises(ClientError) as raised:
        iam.get_service_last_accessed_details(JobId="0" * 36)
    assert raised.value.response["Error"]["Code"] == "NoSuchEntity"


def test_an_operation_as_the_root_wants_the_token_of_the_data_directory(enforcing):
    def ask(body: object, **headers: str) -> tuple[int, dict]:
        request = urllib.request.Request(
            enforcing.endpoint + "/_kiban/call", json.dumps(body).encode(), headers, method="POST"
        )
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        try:
            with opener.open(request, timeout=10) as reply:
                return reply.status, json.loads(reply.read())
        except urllib.error.HTTPError as error:
            return error.code, json.loads(error.read())

    wish = {"service": "iam", "operation": "CreateUser", "input": {"UserName": "ada"}}
    token = hashlib.sha256(f"kiban token {enforcing.secret}".encode()).hexdigest()
    assert ask(wish)[0] == ask(wish, **{"X-Kiban-Token": "x"})[0] == 403
    assert ask(wish, **{"X-Kiban-Token": token})[1]["User"]["UserName"] == "ada"
    status, error = ask(wish, **{"X-Kiban-Token": token})
    assert (status, error["code"]) == (400, "EntityAlreadyExistsException")
    for wrong in ([], {"service": "iam"}, {"service": "iam", "operation": "Fly"}, {**wish, "input": {}}):
        assert ask(wrong, **{"X-Kiban-Token": token})[0] == 400
