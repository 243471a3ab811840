"""Lambda as boto3 and the command line see it: functions that really run, and what invokes them."""

from __future__ import annotations

import base64
import io
import json
import os
import zipfile

import pytest
from botocore.exceptions import ClientError
from conftest import REGION, Server, kiban
from waiting import finished, until

ACCOUNT = "000000000000"
TRUST = {"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}
RUNTIME = "python3.11"  # Debian 12's own.

CODE = """
import json, os, time

def echo(event, context):
    print("got", json.dumps(event))
    return {"event": event, "stage": os.environ.get("STAGE"), "version": context.function_version}

def fail(event, context):
    raise ValueError("no " + str(event))

def batch(event, context):
    failed = [r["messageId"] for r in event["Records"] if r["body"] == "bad"]
    print("batch", json.dumps([r["body"] for r in event["Records"]]))
    return {"batchItemFailures": [{"itemIdentifier": i} for i in failed]}

def slow(event, context):
    time.sleep(30)
"""


def packed(code: str = CODE) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("app.py", code)
    return out.getvalue()


@pytest.fixture
def functions(serve, tmp_path):
    """A server that runs functions as processes, with a role for them."""
    data = tmp_path / "data"
    server = serve("--data", data, "--iam", "enforce", "--tasks", "process", "--source", tmp_path).use_key_of(data)
    server.role = make_role(server)
    return server


def make_role(server: Server) -> str:
    trust = {**TRUST, "Principal": {"Service": ["lambda.amazonaws.com", "states.amazonaws.com"]}}
    policy = json.dumps({"Version": "2012-10-17", "Statement": [trust]})
    iam = server.client("iam")
    role = iam.create_role(RoleName="function", AssumeRolePolicyDocument=policy)["Role"]["Arn"]
    everything = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}
    iam.put_role_policy(RoleName="function", PolicyName="all", PolicyDocument=json.dumps(everything))
    return role


def create(server: Server, name: str, handler: str, **more) -> dict:
    return server.client("lambda").create_function(
        FunctionName=name,
        Runtime=RUNTIME,
        Handler=f"app.{handler}",
        Role=server.role,
        Code={"ZipFile": packed()},
        **more,
    )


def invoke(server: Server, name: str, payload=None, **more) -> dict:
    return server.client("lambda").invoke(FunctionName=name, Payload=json.dumps(payload), **more)


def lines(server: Server, name: str) -> list[str]:
    logs = server.client("logs")
    try:
        events = logs.filter_log_events(logGroupName=f"/aws/lambda/{name}")["events"]
    except ClientError:
        return []
    return [event["message"] for event in events]


def test_an_archive_of_7_mb_and_a_payload_of_6_are_taken(functions):
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr("app.py", "def handler(event, context):\n    return len(event)\n")
        archive.writestr("model.bin", os.urandom(7 * 1024 * 1024))
    functions.client("lambda").create_function(
        FunctionName="large",
        Runtime=RUNTIME,
        Handler="app.handler",
        Role=functions.role,
        Code={"ZipFile": out.getvalue()},
    )
    length = 6 * 1024 * 1024 - 2
    assert json.load(invoke(functions, "large", "a" * length)["Payload"]) == length
    with pytest.raises(ClientError, match="6291457 byte payload is too large for the RequestResponse"):
        invoke(functions, "large", "a" * (length + 1))


def test_a_function_is_made_invoked_changed_and_deleted(functions):
    client = functions.client("lambda")
    made = create(functions, "echo", "echo", Environment={"Variables": {"STAGE": "dev"}})
    assert made["FunctionArn"] == f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:echo"
    client.get_waiter("function_active_v2").wait(FunctionName="echo", WaiterConfig={"Delay": 1})

    reply = invoke(functions, "echo", {"n": 1}, LogType="Tail")
    assert json.load(reply["Payload"]) == {"event": {"n": 1}, "stage": "dev", "version": "$LATEST"}
    assert reply["StatusCode"] == 200
    assert reply["ExecutedVersion"] == "$LATEST"
    tail = base64.b64decode(reply["LogResult"]).decode()
    assert 'got {"n": 1}' in tail and "REPORT RequestId:" in tail
    written = until(lambda: lines(functions, "echo"), "no lines in the log group")
    assert any("START RequestId:" in line for line in written)

    client.publish_version(FunctionName="echo")
    client.create_alias(FunctionName="echo", Name="live", FunctionVersion="1")
    client.update_function_configuration(FunctionName="echo", Environment={"Variables": {"STAGE": "prod"}})
    client.get_waiter("function_updated_v2").wait(FunctionName="echo", WaiterConfig={"Delay": 1})
    assert json.load(invoke(functions, "echo")["Payload"])["stage"] == "prod"
    assert json.load(invoke(functions, "echo:live")["Payload"])["stage"] == "dev"

    client.delete_function(FunctionName="echo")
    with pytest.raises(client.exceptions.ResourceNotFoundException):
        invoke(functions, "echo")


def test_lines_are_written_as_the_functions_role(functions):
    iam = functions.client("iam")
    trust = json.dumps({"Version": "2012-10-17", "Statement": [TRUST]})
    role = iam.create_role(RoleName="silent", AssumeRolePolicyDocument=trust)["Role"]["Arn"]
    code = {"ZipFile": packed()}
    functions.client("lambda").create_function(
        FunctionName="silent", Runtime=RUNTIME, Handler="app.echo", Role=role, Code=code
    )
    assert json.load(invoke(functions, "silent", 1)["Payload"])["event"] == 1
    decided = [json.loads(line) for line in functions.get("/_kiban/decisions?denied=true")[1].splitlines()]
    [refused] = [one for one in decided if one["action"] == "logs:PutLogEvents"]
    session = f"arn:aws:sts::{ACCOUNT}:assumed-role/silent/silent"
    function = f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:silent"
    assert (refused["principal"], refused["session"], refused["actsFor"]) == (role, session, function)
    with pytest.raises(ClientError):
        functions.client("logs").filter_log_events(logGroupName="/aws/lambda/silent")
    basic = "arn:aws:iam::aws:policy/service-role/AWSLambdaBasicExecutionRole"
    iam.attach_role_policy(RoleName="silent", PolicyArn=basic)
    invoke(functions, "silent", 2)
    until(lambda: any("got 2" in line for line in lines(functions, "silent")), "no lines with the permission")


def test_what_a_function_throws_and_its_timeout_are_told(functions):
    create(functions, "fail", "fail")
    reply = invoke(functions, "fail", 7)
    assert reply["FunctionError"] == "Unhandled"
    told = json.load(reply["Payload"])
    assert (told["errorType"], told["errorMessage"]) == ("ValueError", "no 7")
    create(functions, "slow", "slow", Timeout=1)
    reply = invoke(functions, "slow")
    assert reply["FunctionError"] == "Unhandled"
    assert "Task timed out after 1.00 seconds" in json.load(reply["Payload"])["errorMessage"]


def test_a_workflow_calls_functions_by_arn_by_invoke_and_catches_their_errors(functions):
    arn = create(functions, "echo", "echo")["FunctionArn"]
    create(functions, "fail", "fail")
    definition = {
        "StartAt": "Bare",
        "States": {
            "Bare": {"Type": "Task", "Resource": arn, "ResultPath": "$.bare", "Next": "Invoke"},
            "Invoke": {
                "Type": "Task",
                "Resource": "arn:aws:states:::lambda:invoke",
                "Parameters": {"FunctionName": "fail", "Payload": ["x"]},
                "Catch": [{"ErrorEquals": ["ValueError"], "ResultPath": "$.caught", "Next": "Done"}],
                "End": True,
            },
            "Done": {"Type": "Succeed"},
        },
    }
    states = functions.client("stepfunctions")
    machine = states.create_state_machine(name="m", definition=json.dumps(definition), roleArn=functions.role)
    run = states.start_execution(stateMachineArn=machine["stateMachineArn"], input='{"n":1}')["executionArn"]
    done = finished(states, run)
    assert done["status"] == "SUCCEEDED", done
    output = json.loads(done["output"])
    assert output["bare"]["event"] == {"n": 1}
    assert json.loads(output["caught"]["Cause"])["errorMessage"] == "no ['x']"


def test_a_queue_feeds_a_function_and_keeps_what_it_reports(functions):
    create(functions, "batch", "batch")
    sqs = functions.client("sqs")
    url = sqs.create_queue(QueueName="work", Attributes={"VisibilityTimeout": "30"})["QueueUrl"]
    functions.client("lambda").create_event_source_mapping(
        FunctionName="batch",
        EventSourceArn=f"arn:aws:sqs:{REGION}:{ACCOUNT}:work",
        FunctionResponseTypes=["ReportBatchItemFailures"],
    )
    sqs.send_message_batch(
        QueueUrl=url, Entries=[{"Id": body, "MessageBody": body} for body in ("good", "bad", "better")]
    )

    def left() -> str:
        names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
        counts = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=names)["Attributes"]
        return counts[names[0]] + counts[names[1]]

    until(lambda: left() == "01", "not all but the reported message were deleted")
    assert any("good" in line for line in until(lambda: lines(functions, "batch"), "no lines"))


def test_an_accepted_event_survives_a_crash(serve, tmp_path):
    server = serve("--iam", "enforce", "--tasks", "process", "--source", tmp_path, "--data", tmp_path / "data")
    server.use_key_of(tmp_path / "data")
    server.role = make_role(server)
    create(server, "echo", "echo")
    client = server.client("lambda")
    client.put_function_concurrency(FunctionName="echo", ReservedConcurrentExecutions=0)
    accepted = invoke(server, "echo", {"n": 42}, InvocationType="Event")
    assert accepted["StatusCode"] == 202
    server.kill()
    server = serve("--iam", "enforce", "--tasks", "process", "--source", tmp_path, "--data", tmp_path / "data")
    server.use_key_of(tmp_path / "data")
    server.client("lambda").delete_function_concurrency(FunctionName="echo")
    until(lambda: any('got {"n": 42}' in line for line in lines(server, "echo")), "it did not run")


def test_the_command_line_invokes_and_reads_logs(serve, tmp_path):
    data = tmp_path / "data"
    server = serve("--iam", "enforce", "--tasks", "process", "--source", tmp_path, "--data", data)
    server.use_key_of(data)
    server.role = make_role(server)
    create(server, "echo", "echo")
    done = kiban("invoke", "echo", "--payload", '{"n":1}', "--data", data)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["event"] == {"n": 1}
    shown = until(lambda: kiban("logs", "--function", "echo", "--data", data).stdout, "no lines")
    assert 'got {"n": 1}' in shown
    create(server, "fail", "fail")
    done = kiban("invoke", "fail", "--data", data)
    assert done.returncode != 0
    assert "ValueError" in done.stderr


def test_a_code_folder_runs_instead_of_the_archive(serve, tmp_path):
    folder = tmp_path / "source"
    folder.mkdir()
    (folder / "app.py").write_text("def echo(event, context):\n    return 'first'\n")
    server = serve(
        "--ephemeral", "--auth", "any", "--tasks", "process", "--source", tmp_path, "--code-dir", f"echo={folder}"
    )
    server.role = make_role(server)
    create(server, "echo", "echo")
    assert json.load(invoke(server, "echo")["Payload"]) == "first"
    (folder / "app.py").write_text("def echo(event, context):\n    return 'second'\n")
    until(lambda: json.load(invoke(server, "echo")["Payload"]) == "second", "the change was not loaded")


def test_a_stack_deploys_a_function_with_its_trigger(functions):
    template = {
        "Resources": {
            "Role": {
                "Type": "AWS::IAM::Role",
                "Properties": {
                    "AssumeRolePolicyDocument": {"Version": "2012-10-17", "Statement": [TRUST]},
                    "ManagedPolicyArns": ["arn:aws:iam::aws:policy/service-role/AWSLambdaBasicExecutionRole"],
                },
            },
            "Echo": {
                "Type": "AWS::Lambda::Function",
                "Properties": {
                    "Runtime": RUNTIME,
                    "Handler": "index.handler",
                    "Role": {"Fn::GetAtt": ["Role", "Arn"]},
                    "Code": {
                        "ZipFile": "import cfnresponse\ndef handler(event, context):\n    print('deployed', event)"
                    },
                },
            },
            "Rule": {
                "Type": "AWS::Events::Rule",
                "Properties": {
                    "EventPattern": {"source": ["shop"]},
                    "Targets": [{"Id": "t", "Arn": {"Fn::GetAtt": ["Echo", "Arn"]}}],
                },
            },
            "Permission": {
                "Type": "AWS::Lambda::Permission",
                "Properties": {
                    "FunctionName": {"Ref": "Echo"},
                    "Action": "lambda:InvokeFunction",
                    "Principal": "events.amazonaws.com",
                    "SourceArn": {"Fn::GetAtt": ["Rule", "Arn"]},
                },
            },
        },
        "Outputs": {"Name": {"Value": {"Ref": "Echo"}}},
    }
    cloudformation = functions.client("cloudformation")
    cloudformation.create_stack(StackName="s", TemplateBody=json.dumps(template), Capabilities=["CAPABILITY_IAM"])
    cloudformation.get_waiter("stack_create_complete").wait(StackName="s", WaiterConfig={"Delay": 1})
    name = cloudformation.describe_stacks(StackName="s")["Stacks"][0]["Outputs"][0]["OutputValue"]
    functions.client("events").put_events(Entries=[{"Source": "shop", "DetailType": "sold", "Detail": "{}"}])
    until(lambda: any("deployed" in line for line in lines(functions, name)), "the rule invoked nothing")
