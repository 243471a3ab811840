"""What AWS answers to whom a policy allows nothing, of functions: who makes, reads and invokes them."""

from __future__ import annotations

import io
import json
import re
import zipfile

import pytest
import test_refusals as refusals
from conftest import REGION, Server
from test_refusals import (
    ACCOUNT,
    SESSION,
    UUID,
    World,
    accept_from,
    allow,
    arn,
    denial,
    policy,
    put_event,
    receive,
    refused,
    task,
    user,
)
from waiting import until

server, world = refusals.server, refusals.world


def packed() -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr("app.py", "def handler(event, context):\n    return event\n")
    return out.getvalue()


def make_function(world: World, name: str, role: str = "", client=None) -> str:
    role = role or world.role(f"{name}-role", {"Service": "lambda.amazonaws.com"})
    code = {"ZipFile": packed()}
    made = (client or world.server.client("lambda")).create_function(
        FunctionName=name, Runtime="python3.12", Handler="app.handler", Role=role, Code=code
    )
    return made["FunctionArn"]


def let_invoke(server: Server, function: str, service: str, source: str) -> None:
    """The function's policy lets the service invoke it for one source: AddPermission."""
    statement = {"Action": "lambda:InvokeFunction", "Principal": service, "SourceArn": source}
    sid = f"s{len(source)}-{service.partition('.')[0]}"
    server.client("lambda").add_permission(FunctionName=function, StatementId=sid, **statement)


def invoked_by(server: Server, principal: str, function: str) -> list[dict]:
    """What was decided when the service was let in."""
    decided = [json.loads(line) for line in server.get("/_kiban/decisions")[1].splitlines()]
    asked = [one for one in decided if (one["principal"], one["resource"]) == (principal, function)]
    return [one for one in asked if one["verdict"] == "Allowed"]


@pytest.mark.parametrize("resource", ["arn", "lambda:invoke", "aws-sdk:lambda:invoke"])
def test_a_machine_that_may_not_invoke_a_function(world, resource):
    """awslabs/aws-deployment-framework#460"""
    name = "uninvoked-" + resource.partition(":")[0]
    function = make_function(world, name)
    role = world.machine_role(name)
    definition = (
        task(function, {}) if resource == "arn" else task(f"arn:aws:states:::{resource}", {"FunctionName": name})
    )
    error, cause = world.failure(world.machine(name, role, definition))
    expected = denial(f"arn:aws:sts::{ACCOUNT}:assumed-role/{name}/{SESSION}", "lambda:InvokeFunction", function)
    if resource.startswith("aws-sdk"):
        tail = rf" \(Service: Lambda, Status Code: 403, Request ID: {UUID}\) \(SDK Attempt Count: 1\)"
        assert error == "Lambda.LambdaException"
    else:
        tail = (
            rf" \(Service: AWSLambda; Status Code: 403; Error Code: AccessDeniedException; Request ID: {UUID}; "
            r"Proxy: null\)"
        )
        assert error == "Lambda.AWSLambdaException"
    assert re.fullmatch(expected + tail, cause), cause


def test_a_function_that_does_not_accept_a_topic(world, server):
    """awslabs/aws-automated-incident-response-and-forensics#13"""
    sns, sqs = server.client("sns"), server.client("sqs")
    function = make_function(world, "by-topic")
    topic = sns.create_topic(Name="uninvoked")["TopicArn"]
    dead = sqs.create_queue(QueueName="uninvoked-dead")["QueueUrl"]
    accept_from(server, dead, "sns.amazonaws.com", topic)
    redrive = {"RedrivePolicy": json.dumps({"deadLetterTargetArn": arn("sqs", "uninvoked-dead")})}
    sns.subscribe(TopicArn=topic, Protocol="lambda", Endpoint=function, Attributes=redrive)
    let_invoke(server, "by-topic", "sns.amazonaws.com", arn("sns", "another"))
    sns.publish(TopicArn=topic, Message="hello")
    message = receive(server, dead)["MessageAttributes"]["ErrorMessage"]["StringValue"]
    assert denial("sns.amazonaws.com", "lambda:InvokeFunction", function, "no resource-based policy allows") in message
    let_invoke(server, "by-topic", "sns.amazonaws.com", topic)
    sns.publish(TopicArn=topic, Message="again")
    until(lambda: invoked_by(server, "sns.amazonaws.com", function), "the topic invokes nothing")


def test_a_function_that_does_not_accept_a_rule(world, server):
    events = server.client("events")
    function = make_function(world, "by-event")
    rule = events.put_rule(Name="uninvoked", EventPattern=json.dumps({"source": ["uninvoked"]}))["RuleArn"]
    dead = server.client("sqs").create_queue(QueueName="rule-dead")["QueueUrl"]
    accept_from(server, dead, "events.amazonaws.com", rule)
    events.put_targets(
        Rule="uninvoked", Targets=[{"Id": "1", "Arn": function, "DeadLetterConfig": {"Arn": arn("sqs", "rule-dead")}}]
    )
    put_event(server, "uninvoked")
    attributes = {name: one["StringValue"] for name, one in receive(server, dead)["MessageAttributes"].items()}
    assert attributes["ERROR_CODE"] == "NO_PERMISSIONS"
    assert attributes["ERROR_MESSAGE"].endswith(
        denial("events.amazonaws.com", "lambda:InvokeFunction", function, "no resource-based policy allows")
    )
    let_invoke(server, "by-event", "events.amazonaws.com", rule)
    put_event(server, "uninvoked")
    until(lambda: invoked_by(server, "events.amazonaws.com", function), "the rule invokes nothing")


def test_a_function_that_does_not_accept_a_bucket(world, server):
    s3 = server.client("s3")
    s3.create_bucket(Bucket="uninvoked", CreateBucketConfiguration={"LocationConstraint": REGION})
    function = make_function(world, "by-bucket")
    wanted = {"LambdaFunctionConfigurations": [{"LambdaFunctionArn": function, "Events": ["s3:ObjectCreated:*"]}]}

    def notify():
        s3.put_bucket_notification_configuration(Bucket="uninvoked", NotificationConfiguration=wanted)

    refusal = ("InvalidArgument", "Unable to validate the following destination configurations")
    assert refused(notify) == refusal
    let_invoke(server, "by-bucket", "s3.amazonaws.com", "arn:aws:s3:::another-one")
    assert refused(notify) == refusal
    let_invoke(server, "by-bucket", "s3.amazonaws.com", "arn:aws:s3:::uninvoked")
    notify()


# --- Functions ------------------------------------------------------------------------------------


def test_making_a_function_needs_to_pass_its_role(world, server):
    client = world.session("no-pass", allow("lambda:*"))("lambda")
    role = world.role("passed", {"Service": "lambda.amazonaws.com"})
    expected = ("AccessDeniedException", denial(user("no-pass"), "iam:PassRole", role))
    assert refused(lambda: make_function(world, "passing", role, client)) == expected
    rights = (
        allow("lambda:*"),
        allow("iam:PassRole", Condition={"StringEquals": {"iam:PassedToService": "lambda.amazonaws.com"}}),
    )
    world.iam.put_role_policy(RoleName="no-pass", PolicyName="own", PolicyDocument=policy(*rights))
    make_function(world, "passing", role, client)


def test_a_function_needs_a_role_that_lambda_may_assume(world):
    role = world.role("not-for-lambda", {"Service": "ecs-tasks.amazonaws.com"})
    assert refused(lambda: make_function(world, "unassumed", role)) == (
        "InvalidParameterValueException",
        "The role defined for the function cannot be assumed by Lambda.",
    )


def test_a_function_is_one_resource_however_it_is_named(world, server):
    """Names, partial and whole ARNs; an alias is a resource of its own when it is invoked."""
    function = make_function(world, "my-function")
    server.client("lambda").create_alias(FunctionName="my-function", Name="live", FunctionVersion="$LATEST")
    client = world.session("named", allow("lambda:GetFunction", on=arn("lambda", "function:other")))("lambda")
    for name in ("my-function", f"{ACCOUNT}:function:my-function", function):
        assert refused(lambda name=name: client.get_function(FunctionName=name)) == (
            "AccessDeniedException",
            denial(user("named"), "lambda:GetFunction", function),
        )
    for name in ("my-function:live", f"{function}:live"):
        assert refused(lambda name=name: client.invoke(FunctionName=name, InvocationType="DryRun")) == (
            "AccessDeniedException",
            denial(user("named"), "lambda:InvokeFunction", f"{function}:live"),
        )
    rights = allow("lambda:InvokeFunction", on=f"{function}:live")
    world.iam.put_role_policy(RoleName="named", PolicyName="own", PolicyDocument=policy(rights))
    assert client.invoke(FunctionName="my-function:live", InvocationType="DryRun")["StatusCode"] == 204


def test_a_function_that_may_not_read_its_queue(world, server):
    server.client("sqs").create_queue(QueueName="source")
    make_function(world, "reader")
    actions = ("sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes")
    client = world.session("maps", allow("lambda:*"))("lambda")  # Whoever makes it needs no right to the queue.

    def make():
        client.create_event_source_mapping(FunctionName="reader", EventSourceArn=arn("sqs", "source"))

    for number, action in enumerate(actions):
        text = f"The provided execution role does not have permissions to call {action.partition(':')[2]} on SQS"
        assert refused(make) == ("InvalidParameterValueException", text)
        document = policy(allow(*actions[: number + 1], on=arn("sqs", "source")))
        world.iam.put_role_policy(RoleName="reader-role", PolicyName="own", PolicyDocument=document)
    make()


def test_code_that_the_caller_may_not_read(world, server):
    s3 = server.client("s3")
    s3.create_bucket(Bucket="code", CreateBucketConfiguration={"LocationConstraint": REGION})
    s3.put_object(Bucket="code", Key="app.zip", Body=packed())
    role = world.role("code-role", {"Service": "lambda.amazonaws.com"})
    client = world.session("no-code", allow("lambda:*", "iam:PassRole"))("lambda")
    code = {"S3Bucket": "code", "S3Key": "app.zip"}
    name, text = refused(
        lambda: client.create_function(
            FunctionName="unread", Runtime="python3.12", Handler="app.handler", Role=role, Code=code
        )
    )
    assert name == "AccessDeniedException"
    assert text.startswith(
        "Your access has been denied by S3, please make sure your request credentials have permission to GetObject "
        "for code/app.zip. S3 Error Code: AccessDenied."
    )
