"""What AWS answers to whom a policy allows nothing, hop by hop: code and text, at AWS's place.

The texts are those that users of AWS quoted; each test names where. One server serves them all.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator

import pytest
from botocore.exceptions import ClientError
from conftest import REGION, Server
from waiting import finished, until

ACCOUNT = "000000000000"
UUID = r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"
SESSION = "[A-Za-z]{32}"
WAIT = json.dumps({"StartAt": "W", "States": {"W": {"Type": "Wait", "Seconds": 3600, "End": True}}})
PASS = json.dumps({"StartAt": "P", "States": {"P": {"Type": "Pass", "End": True}}})


def arn(service: str, resource: str) -> str:
    return f"arn:aws:{service}:{REGION}:{ACCOUNT}:{resource}"


def role_arn(name: str) -> str:
    return f"arn:aws:iam::{ACCOUNT}:role/{name}"


def policy(*statements: dict) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": list(statements)})


def allow(*actions: str, on: str | list[str] = "*", **more) -> dict:
    return {"Effect": "Allow", "Action": list(actions), "Resource": on, **more}


def trust(principal: dict, **conditions) -> str:
    statement = {"Effect": "Allow", "Principal": principal, "Action": "sts:AssumeRole"}
    return policy({**statement, **({"Condition": conditions} if conditions else {})})


def task(resource: str, parameters: dict) -> str:
    state = {"Type": "Task", "Resource": resource, "Parameters": parameters, "End": True}
    return json.dumps({"StartAt": "T", "States": {"T": state}})


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    data = tmp_path_factory.mktemp("data")
    server = Server("--data", data, "--iam", "enforce").use_key_of(data)
    yield server
    server.stop()


class World:
    """Roles with names of their own, and clients that are their sessions."""

    def __init__(self, server: Server) -> None:
        self.server = server
        self.iam = server.client("iam")
        self.states = server.client("stepfunctions")

    def role(self, name: str, principal: dict, *statements: dict, **conditions) -> str:
        self.iam.create_role(RoleName=name, AssumeRolePolicyDocument=trust(principal, **conditions))
        if statements:
            self.iam.put_role_policy(RoleName=name, PolicyName="own", PolicyDocument=policy(*statements))
        return role_arn(name)

    def machine_role(self, name: str, *statements: dict) -> str:
        return self.role(name, {"Service": "states.amazonaws.com"}, *statements)

    def session(self, name: str, *statements: dict, session_policy: str | None = None):
        """A function that makes clients of a session `me` of a new role."""
        role = self.role(name, {"AWS": f"arn:aws:iam::{ACCOUNT}:root"}, *statements)
        limits = {"Policy": session_policy} if session_policy else {}
        made = self.server.client("sts").assume_role(RoleArn=role, RoleSessionName="me", **limits)["Credentials"]
        keys = {
            "aws_access_key_id": made["AccessKeyId"],
            "aws_secret_access_key": made["SecretAccessKey"],
            "aws_session_token": made["SessionToken"],
        }
        return lambda service: self.server.client(service, **keys)

    def machine(self, name: str, role: str, definition: str) -> str:
        made = self.states.create_state_machine(name=name, roleArn=role, definition=definition)
        return made["stateMachineArn"]

    def failure(self, machine: str) -> tuple[str, str]:
        """Error and cause of an execution, as the history's last event has them."""
        execution = self.states.start_execution(stateMachineArn=machine)["executionArn"]
        assert finished(self.states, execution)["status"] == "FAILED"
        events = self.states.get_execution_history(executionArn=execution)["events"]
        details = {"TaskFailed": "taskFailedEventDetails", "LambdaFunctionFailed": "lambdaFunctionFailedEventDetails"}
        [failed] = [event[details[event["type"]]] for event in events if event["type"] in details]
        return failed["error"], failed["cause"]


@pytest.fixture(scope="module")
def world(server: Server) -> World:
    return World(server)


def refused(call) -> tuple[str, str]:
    with pytest.raises(ClientError) as raised:
        call()
    error = raised.value.response["Error"]
    return error["Code"], error["Message"]


def user(name: str) -> str:
    return f"arn:aws:sts::{ACCOUNT}:assumed-role/{name}/me"


def denial(who: str, action: str, resource: str, why: str = "no identity-based policy allows") -> str:
    return (
        f"User: {who} is not authorized to perform: {action} on resource: {resource} because {why} the {action} action"
    )


# --- Making a state machine -----------------------------------------------------------------------


def test_a_machine_needs_a_role_that_step_functions_may_assume(world):
    """lumigo-io/lumigo-CLI#83"""
    role = world.role("other-service", {"Service": "lambda.amazonaws.com"})
    for given in (role, role_arn("nowhere")):
        assert refused(lambda given=given: world.machine("m1", given, PASS)) == (
            "AccessDeniedException",
            "Neither the global service principal states.amazonaws.com, nor the regional one is authorized to assume "
            "the provided role.",
        )
    world.machine("m1", world.role("regional", {"Service": f"states.{REGION}.amazonaws.com"}), PASS)


@pytest.mark.parametrize(
    ("resource", "parameters", "rule"),
    [
        ("ecs:runTask.sync", {"TaskDefinition": "t"}, "StepFunctionsGetEventsForECSTaskRule"),
        (
            "states:startExecution.sync:2",
            {"StateMachineArn": arn("states", "stateMachine:other")},
            "StepFunctionsGetEventsForStepFunctionsExecutionRule",
        ),
    ],
)
def test_sync_needs_the_managed_rule_when_the_machine_is_made(world, resource, parameters, rule):
    """terraform-aws-modules/terraform-aws-step-functions#11"""
    definition = task(f"arn:aws:states:::{resource}", parameters)
    name = "sync-" + resource.split(":")[0]
    role = world.machine_role(name)
    assert refused(lambda: world.machine(name, role, definition)) == (
        "AccessDeniedException",
        f"'{role}' is not authorized to create managed-rule.",
    )
    rights = allow("events:PutTargets", "events:PutRule", "events:DescribeRule", on=arn("events", f"rule/{rule}"))
    world.iam.put_role_policy(RoleName=name, PolicyName="own", PolicyDocument=policy(rights))
    world.machine(name, role, definition)


DELIVERY = (
    "logs:CreateLogDelivery",
    "logs:GetLogDelivery",
    "logs:UpdateLogDelivery",
    "logs:DeleteLogDelivery",
    "logs:ListLogDeliveries",
    "logs:PutResourcePolicy",
    "logs:DescribeResourcePolicies",
    "logs:DescribeLogGroups",
)


def test_logging_needs_the_log_delivery(world, server):
    """aws/aws-cdk#26432"""
    server.client("logs").create_log_group(logGroupName="/machine")
    role = world.machine_role("logging")
    group = {"logGroupArn": arn("logs", "log-group:/machine:*")}
    logging = {"level": "ALL", "destinations": [{"cloudWatchLogsLogGroup": group}]}

    def make():
        world.states.create_state_machine(name="logs", roleArn=role, definition=PASS, loggingConfiguration=logging)

    assert refused(make) == (
        "AccessDeniedException",
        "The state machine IAM Role is not authorized to access the Log Destination",
    )
    world.iam.put_role_policy(RoleName="logging", PolicyName="own", PolicyDocument=policy(allow(*DELIVERY)))
    make()


def create_stack(world: World, name: str, resource: dict, client=None, **more) -> str:
    """The reason for which the resource R failed, with ids replaced."""
    cloudformation = client or world.server.client("cloudformation")
    body = json.dumps({"Resources": {"R": resource}})
    cloudformation.create_stack(StackName=name, TemplateBody=body, Capabilities=["CAPABILITY_NAMED_IAM"], **more)
    own = world.server.client("cloudformation")

    def reason():
        events = own.describe_stack_events(StackName=name)["StackEvents"]
        return [event for event in events if event["ResourceStatus"] == "CREATE_FAILED"]

    return re.sub(UUID, "UUID", until(reason, "nothing failed")[0]["ResourceStatusReason"])


def test_a_stack_tells_the_log_delivery_as_its_handler_does(world, server):
    """aws/aws-cdk#33332"""
    server.client("logs").create_log_group(logGroupName="/stack")
    group = {"CloudWatchLogsLogGroup": {"LogGroupArn": arn("logs", "log-group:/stack:*")}}
    properties = {
        "RoleArn": world.machine_role("logging-stack"),
        "DefinitionString": PASS,
        "LoggingConfiguration": {"Level": "ALL", "Destinations": [group]},
    }
    machine = {"Type": "AWS::StepFunctions::StateMachine", "Properties": properties}
    assert create_stack(world, "logging", machine) == (
        'Resource handler returned message: "The state machine IAM Role is not authorized to access the Log '
        "Destination (Service: AWSStepFunctions; Status Code: 400; Error Code: AccessDeniedException; Request ID: "
        'UUID; Proxy: null)" (RequestToken: UUID, HandlerErrorCode: AccessDenied)'
    )


# --- Tasks of a state machine ---------------------------------------------------------------------


def test_a_machine_that_may_not_publish(world, server):
    """aws-ia/terraform-aws-control_tower_account_factory#151"""
    topic = server.client("sns").create_topic(Name="quiet")["TopicArn"]
    role = world.machine_role("mute")
    expected = denial(f"arn:aws:sts::{ACCOUNT}:assumed-role/mute/{SESSION}", "SNS:Publish", topic)
    parameters = {"TopicArn": topic, "Message": "m"}
    for name, integration, error, tail in (
        (
            "mute",
            "sns:publish",
            "SNS.AuthorizationErrorException",
            rf" \(Service: AmazonSNS; Status Code: 403; Error Code: AuthorizationError; Request ID: {UUID}; "
            r"Proxy: null\)",
        ),
        (
            "mute-sdk",
            "aws-sdk:sns:publish",
            "Sns.AuthorizationErrorException",
            rf" \(Service: Sns, Status Code: 403, Request ID: {UUID}\) \(SDK Attempt Count: 1\)",
        ),
    ):
        machine = world.machine(name, role, task(f"arn:aws:states:::{integration}", parameters))
        found, cause = world.failure(machine)
        assert found == error
        assert re.fullmatch(expected + tail, cause), cause


def make_task_definition(server, family: str, **more) -> str:
    ecs = server.client("ecs")
    ecs.create_cluster(clusterName="c")
    container = {"name": "main", "image": "example.com/app:v1", "memory": 64, **more.pop("container", {})}
    made = ecs.register_task_definition(family=family, containerDefinitions=[container], **more)
    return made["taskDefinition"]["taskDefinitionArn"]


def test_a_machine_that_may_not_pass_the_tasks_role(world, server):
    """serverless-operations/serverless-step-functions#189, aws/serverless-application-model#2247"""
    execution = world.role("ecsTaskExecutionRole", {"Service": "ecs-tasks.amazonaws.com"})
    definition = make_task_definition(server, "passing", executionRoleArn=execution)
    role = world.machine_role("runner", allow("ecs:RunTask", on=definition))
    parameters = {"Cluster": "c", "TaskDefinition": "passing"}
    error, cause = world.failure(world.machine("runner", role, task("arn:aws:states:::ecs:runTask", parameters)))
    assert error == "ECS.AccessDeniedException"
    expected = denial(f"arn:aws:sts::{ACCOUNT}:assumed-role/runner/{SESSION}", "iam:PassRole", execution)
    tail = (
        rf" \(Service: AmazonECS; Status Code: 400; Error Code: AccessDeniedException; Request ID: {UUID}; "
        r"Proxy: null\)"
    )
    assert re.fullmatch(expected + tail, cause), cause


def test_an_explicit_deny_says_so(world, server):
    """doug-macleod/Pipe-1Dev#13"""
    topic = server.client("sns").create_topic(Name="denied")["TopicArn"]
    deny = {"Effect": "Deny", "Action": "sns:*", "Resource": "*"}
    role = world.machine_role("denied", allow("*"), deny)
    machine = world.machine("denied", role, task("arn:aws:states:::sns:publish", {"TopicArn": topic, "Message": "m"}))
    error, cause = world.failure(machine)
    assert error == "SNS.AuthorizationErrorException"
    assert f"not authorized to perform: SNS:Publish on resource: {topic} with an explicit deny in a" in cause


def test_the_role_of_credentials_is_assumed_by_the_machines_role_with_its_arn_as_external_id(world, server):
    """docs.aws.amazon.com/step-functions/latest/dg/concepts-cross-acct-sync-pattern.html"""
    topic = server.client("sns").create_topic(Name="foreign")["TopicArn"]
    worker = world.machine_role("worker", allow("sts:AssumeRole"))
    for name, trusted in (("target-own", "worker-own"), ("target-other", "another")):
        external = {"sts:ExternalId": arn("states", f"stateMachine:{trusted}")}
        world.role(name, {"AWS": worker}, allow("sns:Publish"), StringEquals=external)

    def definition(target: str) -> str:
        made = json.loads(task("arn:aws:states:::sns:publish", {"TopicArn": topic, "Message": "m"}))
        made["States"]["T"]["Credentials"] = {"RoleArn": role_arn(target)}
        return json.dumps(made)

    own = world.machine("worker-own", worker, definition("target-own"))
    execution = world.states.start_execution(stateMachineArn=own)["executionArn"]
    assert finished(world.states, execution)["status"] == "SUCCEEDED"
    assert world.failure(world.machine("worker-other", worker, definition("target-other"))) == (
        "States.TaskFailed",
        f"The role {worker} is not authorized to assume the task state's role, {role_arn('target-other')}.",
    )


# --- Clients --------------------------------------------------------------------------------------


def test_running_a_task_names_the_definition_with_its_revision(world, server):
    """LBHackney-IT/Data-Platform#1818, pulumi/pulumi#6725"""
    definition = make_task_definition(server, "revised")
    client = world.session("nobody-runs", allow("ecs:ListTasks"))("ecs")
    assert definition.endswith(":1")
    assert refused(lambda: client.run_task(cluster="c", taskDefinition="revised")) == (
        "AccessDeniedException",
        denial(user("nobody-runs"), "ecs:RunTask", definition),
    )


def test_whoever_may_run_a_family_hears_that_it_has_no_active_revision(world, server):
    make_task_definition(server, "gone")
    server.client("ecs").deregister_task_definition(taskDefinition="gone:1")
    role = world.machine_role("gone", allow("ecs:RunTask", on=arn("ecs", "task-definition/gone:*")))
    parameters = {"Cluster": "c", "TaskDefinition": "gone"}
    error, cause = world.failure(world.machine("gone", role, task("arn:aws:states:::ecs:runTask", parameters)))
    assert (error, cause.split(" (")[0]) == ("ECS.ClientException", "TaskDefinition not found.")


def test_listing_tasks_has_no_resource_but_the_cluster_as_condition(world, server):
    """cdklabs/construct-hub#1207"""
    make_task_definition(server, "listed")
    client = world.session("nobody-lists", allow("ecs:ListTasks", on=arn("ecs", "cluster/c")))("ecs")
    assert refused(lambda: client.list_tasks(cluster="c")) == (
        "AccessDeniedException",
        denial(user("nobody-lists"), "ecs:ListTasks", "*"),
    )
    here = {"ArnEquals": {"ecs:cluster": arn("ecs", "cluster/c")}}
    world.session("lists", allow("ecs:ListTasks", Condition=here))("ecs").list_tasks(cluster="c")


def test_a_session_policy_limits_what_the_role_allows(world):
    """aws/aws-sdk-js-v3#3262"""
    machine = world.machine("limited", world.machine_role("limited-machine"), PASS)
    limit = policy(allow("states:StartExecution"))
    client = world.session("limited", allow("states:*"), session_policy=limit)("stepfunctions")
    client.start_execution(stateMachineArn=machine)
    assert refused(lambda: client.list_executions(stateMachineArn=machine)) == (
        "AccessDeniedException",
        denial(user("limited"), "states:ListExecutions", machine, "no session policy allows"),
    )


def test_validating_a_definition_is_asked_of_all_machines(world):
    """DataBiosphere/azul#8006"""
    client = world.session("no-validator")("stepfunctions")
    assert refused(lambda: client.validate_state_machine_definition(definition=PASS)) == (
        "AccessDeniedException",
        denial(user("no-validator"), "states:ValidateStateMachineDefinition", arn("states", "stateMachine:*")),
    )


def test_stopping_is_asked_of_the_execution(world):
    """aws-ia/terraform-aws-control_tower_account_factory#408"""
    machine = world.machine("long", world.machine_role("long"), WAIT)
    execution = world.states.start_execution(stateMachineArn=machine)["executionArn"]
    client = world.session("no-stopper", allow("states:StopExecution", on=machine))("stepfunctions")
    assert refused(lambda: client.stop_execution(executionArn=execution)) == (
        "AccessDeniedException",
        denial(user("no-stopper"), "states:StopExecution", execution),
    )


def test_a_task_token_is_asked_of_the_machine(world, server):
    """NOAA-OWP/hydrovis#837"""
    queue = server.client("sqs").create_queue(QueueName="tokens")["QueueUrl"]
    role = world.machine_role("asking", allow("sqs:SendMessage"))
    parameters = {"QueueUrl": queue, "MessageBody": {"token.$": "$$.Task.Token"}}
    machine = world.machine("asking", role, task("arn:aws:states:::sqs:sendMessage.waitForTaskToken", parameters))
    world.states.start_execution(stateMachineArn=machine)
    [message] = server.client("sqs").receive_message(QueueUrl=queue, WaitTimeSeconds=5)["Messages"]
    token = json.loads(message["Body"])["token"]
    client = world.session("no-answer", allow("states:SendTaskSuccess"))("stepfunctions")
    assert refused(lambda: client.send_task_failure(taskToken=token)) == (
        "AccessDeniedException",
        denial(user("no-answer"), "states:SendTaskFailure", machine),
    )
    world.session("answer", allow("states:SendTaskFailure", on=machine))("stepfunctions").send_task_failure(
        taskToken=token
    )


# --- Tasks of ECS ---------------------------------------------------------------------------------


def stopped_reason(server, family: str) -> tuple[str, str]:
    """Of a task that could not start: its id, and the reason with ids of requests replaced."""
    [started] = server.client("ecs").run_task(cluster="c", taskDefinition=family)["tasks"]
    assert (started["lastStatus"], started["stopCode"]) == ("STOPPED", "TaskFailedToStart")
    return started["taskArn"].rsplit("/", 1)[1], re.sub(UUID, "UUID", started["stoppedReason"])


def test_an_execution_role_that_may_not_read_a_parameter(world, server):
    """aws/copilot-cli#4504"""
    server.client("ssm").put_parameter(Name="GOOGLE_CLIENT_ID", Value="v", Type="SecureString")
    role = world.role("no-parameters", {"Service": "ecs-tasks.amazonaws.com"})
    secrets = {"secrets": [{"name": "ID", "valueFrom": "GOOGLE_CLIENT_ID"}]}
    make_task_definition(server, "parameters", executionRoleArn=role, container=secrets)
    task_id, reason = stopped_reason(server, "parameters")
    who = f"arn:aws:sts::{ACCOUNT}:assumed-role/no-parameters/{task_id}"
    assert reason == (
        "ResourceInitializationError: unable to pull secrets or registry auth: execution resource retrieval failed: "
        "unable to retrieve secrets from ssm: service call has been retried 1 time(s): AccessDeniedException: "
        + denial(who, "ssm:GetParameters", arn("ssm", "parameter/GOOGLE_CLIENT_ID"))
        + " status code: 400, request id: UUID"
    )


def test_an_execution_role_that_may_not_read_a_secret(world, server):
    """aws-samples/dify-self-hosted-on-aws#35, agentic-community/mcp-gateway-registry#1684"""
    secret = server.client("secretsmanager").create_secret(Name="db", SecretString="s")["ARN"]
    role = world.role("no-secrets", {"Service": "ecs-tasks.amazonaws.com"})
    secrets = {"secrets": [{"name": "DB", "valueFrom": secret}]}
    make_task_definition(server, "secrets", executionRoleArn=role, container=secrets)
    task_id, reason = stopped_reason(server, "secrets")
    who = f"arn:aws:sts::{ACCOUNT}:assumed-role/no-secrets/{task_id}"
    assert reason == (
        "ResourceInitializationError: unable to pull secrets or registry auth: execution resource retrieval failed: "
        f"unable to retrieve secret from asm: service call has been retried 1 time(s): failed to fetch secret {secret} "
        "from secrets manager: AccessDeniedException: "
        + denial(who, "secretsmanager:GetSecretValue", secret)
        + " status code: 400, request id: UUID"
    )


def test_an_execution_role_that_may_not_log_in_to_the_registry(world, server):
    role = world.role("no-registry", {"Service": "ecs-tasks.amazonaws.com"})
    image = {"image": f"{ACCOUNT}.dkr.ecr.{REGION}.amazonaws.com/app:v1"}
    make_task_definition(server, "registry", executionRoleArn=role, container=image)
    task_id, reason = stopped_reason(server, "registry")
    who = f"arn:aws:sts::{ACCOUNT}:assumed-role/no-registry/{task_id}"
    assert reason == (
        "ResourceInitializationError: unable to pull secrets or registry auth: execution resource retrieval failed: "
        "unable to retrieve ecr registry auth: service call has been retried 1 time(s): AccessDeniedException: "
        + denial(who, "ecr:GetAuthorizationToken", "*")
        + " status code: 400, request id: UUID"
    )


def test_an_execution_role_that_may_not_log(world, server):
    """doctorray117/minecraft-ondemand#12"""
    role = world.role("no-logs", {"Service": "ecs-tasks.amazonaws.com"})
    options = {"awslogs-group": "/job", "awslogs-region": REGION, "awslogs-stream-prefix": "p"}
    logged = {"logConfiguration": {"logDriver": "awslogs", "options": options}}
    make_task_definition(server, "logged", executionRoleArn=role, container=logged)
    task_id, reason = stopped_reason(server, "logged")
    who = f"arn:aws:sts::{ACCOUNT}:assumed-role/no-logs/{task_id}"
    stream = arn("logs", f"log-group:/job:log-stream:p/main/{task_id}")
    assert reason == (
        "ResourceInitializationError: failed to validate logger args: create stream has been retried 1 times: failed "
        "to create Cloudwatch log stream: AccessDeniedException: "
        + denial(who, "logs:CreateLogStream", stream)
        + " status code: 400, request id: UUID : exit status 1"
    )


def test_a_role_that_ecs_may_not_assume(world, server):
    role = world.role("not-for-ecs", {"Service": "lambda.amazonaws.com"})
    make_task_definition(server, "foreign", taskRoleArn=role)
    assert refused(lambda: server.client("ecs").run_task(cluster="c", taskDefinition="foreign")) == (
        "ClientException",
        f"ECS was unable to assume the role '{role}' that was provided for this task. Please verify that the role "
        "being passed has the proper trust relationship and permissions and that your IAM user has permissions to pass "
        "this role.",
    )


# --- Stacks ---------------------------------------------------------------------------------------


def test_a_stack_whose_caller_may_not_create_a_role(world):
    """serverless-operations/serverless-step-functions#210"""
    client = world.session("no-roles", allow("cloudformation:*"))("cloudformation")
    document = json.loads(trust({"Service": "states.amazonaws.com"}))
    properties = {"RoleName": "made", "AssumeRolePolicyDocument": document}
    assert create_stack(world, "roles", {"Type": "AWS::IAM::Role", "Properties": properties}, client) == (
        "API: iam:CreateRole " + denial(user("no-roles"), "iam:CreateRole", role_arn("made"))
    )


def test_a_stack_whose_role_may_not_create_a_topic(world):
    role = world.role("no-topics", {"Service": "cloudformation.amazonaws.com"})
    topic = {"Type": "AWS::SNS::Topic", "Properties": {"TopicName": "made"}}
    who = f"arn:aws:sts::{ACCOUNT}:assumed-role/no-topics/AWSCloudFormation"
    assert create_stack(world, "topics", topic, RoleARN=role) == (
        'Resource handler returned message: "'
        + denial(who, "SNS:CreateTopic", arn("sns", "made"))
        + ' (Service: Sns, Status Code: 403, Request ID: UUID)" (RequestToken: UUID, HandlerErrorCode: AccessDenied)'
    )


# --- Rules, schedules, topics ---------------------------------------------------------------------


def receive(server, queue: str) -> dict:
    sqs = server.client("sqs")
    found = sqs.receive_message(QueueUrl=queue, WaitTimeSeconds=5, MessageAttributeNames=["All"])
    [message] = found["Messages"]
    return message


def accept_from(server, queue: str, service: str, source: str) -> None:
    """Lets the service send to the queue for one source, as the CDK writes it."""
    statement = {
        "Effect": "Allow",
        "Principal": {"Service": service},
        "Action": "sqs:SendMessage",
        "Resource": arn("sqs", queue.rsplit("/", 1)[1]),
        "Condition": {"ArnEquals": {"aws:SourceArn": source}},
    }
    server.client("sqs").set_queue_attributes(QueueUrl=queue, Attributes={"Policy": policy(statement)})


def put_event(server, source: str) -> None:
    entry = {"Source": source, "DetailType": "d", "Detail": "{}"}
    assert server.client("events").put_events(Entries=[entry])["FailedEntryCount"] == 0


def test_a_rule_whose_role_may_not_start_the_machine(world, server):
    """docs.aws.amazon.com/eventbridge/latest/userguide/eb-rule-event-delivery.html"""
    events = server.client("events")
    machine = world.machine("by-rule", world.machine_role("by-rule"), PASS)
    rule = events.put_rule(Name="starter", EventPattern=json.dumps({"source": ["starter"]}))["RuleArn"]
    role = world.role("starter", {"Service": "events.amazonaws.com"}, ArnEquals={"aws:SourceArn": rule})
    dead = server.client("sqs").create_queue(QueueName="dead")["QueueUrl"]
    accept_from(server, dead, "events.amazonaws.com", rule)
    target = {"Id": "1", "Arn": machine, "RoleArn": role, "DeadLetterConfig": {"Arn": arn("sqs", "dead")}}
    assert events.put_targets(Rule="starter", Targets=[target])["FailedEntryCount"] == 0
    put_event(server, "starter")
    attributes = {name: one["StringValue"] for name, one in receive(server, dead)["MessageAttributes"].items()}
    assert attributes.pop("ERROR_MESSAGE").endswith(
        denial(f"arn:aws:sts::{ACCOUNT}:assumed-role/starter/AWSEvents_starter", "states:StartExecution", machine)
    )
    assert attributes == {"RULE_ARN": rule, "TARGET_ARN": machine, "ERROR_CODE": "NO_PERMISSIONS"}
    assert world.states.list_executions(stateMachineArn=machine)["executions"] == []
    world.iam.put_role_policy(
        RoleName="starter", PolicyName="own", PolicyDocument=policy(allow("states:StartExecution", on=machine))
    )
    put_event(server, "starter")
    until(lambda: world.states.list_executions(stateMachineArn=machine)["executions"], "the rule starts nothing")


def test_a_rules_role_that_trusts_another_rule(world, server):
    """KensioSoftware/yulin#1085"""
    events = server.client("events")
    machine = world.machine("confused", world.machine_role("confused"), PASS)
    rule = events.put_rule(Name="deputy", EventPattern=json.dumps({"source": ["deputy"]}))["RuleArn"]
    other = {"ArnEquals": {"aws:SourceArn": arn("events", "rule/other")}}
    role = world.role("deputy", {"Service": "events.amazonaws.com"}, allow("states:StartExecution"), **other)
    dead = server.client("sqs").create_queue(QueueName="confused")["QueueUrl"]
    accept_from(server, dead, "events.amazonaws.com", rule)
    target = {"Id": "1", "Arn": machine, "RoleArn": role, "DeadLetterConfig": {"Arn": arn("sqs", "confused")}}
    events.put_targets(Rule="deputy", Targets=[target])
    put_event(server, "deputy")
    assert receive(server, dead)["MessageAttributes"]["TARGET_ARN"]["StringValue"] == machine
    assert world.states.list_executions(stateMachineArn=machine)["executions"] == []


def test_a_queue_that_does_not_accept_a_rule(server):
    events = server.client("events")
    sqs = server.client("sqs")
    rule = events.put_rule(Name="uninvited", EventPattern=json.dumps({"source": ["uninvited"]}))["RuleArn"]
    closed, dead = (sqs.create_queue(QueueName=name)["QueueUrl"] for name in ("closed", "closed-dead"))
    accept_from(server, dead, "events.amazonaws.com", rule)
    target = {"Id": "1", "Arn": arn("sqs", "closed"), "DeadLetterConfig": {"Arn": arn("sqs", "closed-dead")}}
    events.put_targets(Rule="uninvited", Targets=[target])
    put_event(server, "uninvited")
    attributes = receive(server, dead)["MessageAttributes"]
    assert attributes["ERROR_CODE"]["StringValue"] == "NO_PERMISSIONS"
    assert "because no resource-based policy allows the" in attributes["ERROR_MESSAGE"]["StringValue"]
    accept_from(server, closed, "events.amazonaws.com", rule)
    put_event(server, "uninvited")
    assert json.loads(receive(server, closed)["Body"])["source"] == "uninvited"


def test_a_schedule_needs_a_role_that_scheduler_may_assume_for_its_group(world, server):
    """aws/aws-sdk-js-v3#6494, KensioSoftware/yulin#1085"""
    scheduler = server.client("scheduler")
    server.client("sqs").create_queue(QueueName="scheduled")

    def schedule(name: str, role: str) -> None:
        scheduler.create_schedule(
            Name=name,
            ScheduleExpression="rate(1 day)",
            FlexibleTimeWindow={"Mode": "OFF"},
            Target={"Arn": arn("sqs", "scheduled"), "RoleArn": role, "Input": "{}"},
        )

    service = {"Service": "scheduler.amazonaws.com"}
    group = arn("scheduler", "schedule-group/default")
    other = world.role("group-other", service, ArnEquals={"aws:SourceArn": arn("scheduler", "schedule-group/other")})
    for role in (other, role_arn("nowhere")):
        assert refused(lambda role=role: schedule("s", role)) == (
            "ValidationException",
            "The execution role you provide must allow AWS EventBridge Scheduler to assume the role.",
        )
    own = {"ArnEquals": {"aws:SourceArn": group}, "StringEquals": {"aws:SourceAccount": ACCOUNT}}
    schedule("s", world.role("group-own", service, **own))


def test_a_queue_that_does_not_accept_a_topic(server):
    """awslabs/aws-automated-incident-response-and-forensics#13, of a queue instead of a function"""
    sns, sqs = server.client("sns"), server.client("sqs")
    topic = sns.create_topic(Name="uninvited")["TopicArn"]
    shut, dead = (sqs.create_queue(QueueName=name)["QueueUrl"] for name in ("shut", "shut-dead"))
    accept_from(server, dead, "sns.amazonaws.com", topic)
    redrive = json.dumps({"deadLetterTargetArn": arn("sqs", "shut-dead")})
    attributes = {"RawMessageDelivery": "true", "RedrivePolicy": redrive}
    sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn("sqs", "shut"), Attributes=attributes)
    sns.publish(TopicArn=topic, Message="hello")
    found = receive(server, dead)
    assert found["Body"] == "hello"
    message = found["MessageAttributes"]["ErrorMessage"]["StringValue"]
    assert message.startswith("User: sns.amazonaws.com is not authorized to perform: sqs:")
    assert "because no resource-based policy allows the" in message
    accept_from(server, shut, "sns.amazonaws.com", topic)
    sns.publish(TopicArn=topic, Message="again")
    assert receive(server, shut)["Body"] == "again"


def test_a_queue_that_does_not_accept_a_bucket(server):
    s3, sqs = server.client("s3"), server.client("sqs")
    s3.create_bucket(Bucket="uninvited", CreateBucketConfiguration={"LocationConstraint": REGION})
    queue = sqs.create_queue(QueueName="objects")["QueueUrl"]
    wanted = {"QueueConfigurations": [{"QueueArn": arn("sqs", "objects"), "Events": ["s3:ObjectCreated:*"]}]}

    def notify():
        s3.put_bucket_notification_configuration(Bucket="uninvited", NotificationConfiguration=wanted)

    assert refused(notify) == (
        "InvalidArgument",
        "Unable to validate the following destination configurations",
    )
    accept_from(server, queue, "s3.amazonaws.com", "arn:aws:s3:::uninvited")
    notify()
    assert json.loads(receive(server, queue)["Body"])["Event"] == "s3:TestEvent"


def test_an_alarm_needs_the_topics_policy(server):
    sns, sqs, cloudwatch = server.client("sns"), server.client("sqs"), server.client("cloudwatch")
    topic = sns.create_topic(Name="alarms")["TopicArn"]
    queue = sqs.create_queue(QueueName="alarms")["QueueUrl"]
    accept_from(server, queue, "sns.amazonaws.com", topic)
    raw = {"RawMessageDelivery": "true"}
    sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn("sqs", "alarms"), Attributes=raw)
    cloudwatch.put_metric_alarm(
        AlarmName="a",
        Namespace="n",
        MetricName="m",
        Statistic="Sum",
        Period=3600,
        EvaluationPeriods=1,
        Threshold=1,
        ComparisonOperator="GreaterThanThreshold",
        AlarmActions=[topic],
    )

    def publishing(account: str) -> None:
        statement = {
            "Effect": "Allow",
            "Principal": {"Service": "cloudwatch.amazonaws.com"},
            "Action": "sns:Publish",
            "Resource": topic,
            "Condition": {"StringEquals": {"aws:SourceAccount": account}},
        }
        sns.set_topic_attributes(TopicArn=topic, AttributeName="Policy", AttributeValue=policy(statement))
        for state in ("OK", "ALARM"):
            cloudwatch.set_alarm_state(AlarmName="a", StateValue=state, StateReason=account)

    publishing("999999999999")
    publishing(ACCOUNT)
    assert json.loads(receive(server, queue)["Body"])["NewStateReason"] == ACCOUNT


# --- Other modes ----------------------------------------------------------------------------------


@pytest.mark.parametrize("mode", ["observe", "off"])
def test_without_enforcement_no_hop_is_refused(serve, tmp_path, mode):
    server = serve("--data", tmp_path, "--iam", mode).use_key_of(tmp_path)
    world = World(server)
    sns, sqs = server.client("sns"), server.client("sqs")
    topic = sns.create_topic(Name="t")["TopicArn"]
    queue = sqs.create_queue(QueueName="q")["QueueUrl"]
    raw = {"RawMessageDelivery": "true"}
    sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn("sqs", "q"), Attributes=raw)
    role = world.role("none", {"Service": "lambda.amazonaws.com"})
    definition = task("arn:aws:states:::sns:publish", {"TopicArn": topic, "Message": "hello"})
    machine = world.machine("m", role, definition)
    execution = world.states.start_execution(stateMachineArn=machine)["executionArn"]
    assert finished(world.states, execution)["status"] == "SUCCEEDED"
    assert receive(server, queue)["Body"] == "hello"
    denied = [json.loads(line) for line in server.get("/_kiban/decisions?denied=true")[1].splitlines()]
    found = {(one["action"], one["enforced"]) for one in denied}
    expected = {("sts:AssumeRole", False), ("sns:Publish", False), ("sqs:SendMessage", False)}
    assert found == (expected if mode == "observe" else set())
    acting = [one["actsFor"] for one in denied if one["action"] == "sns:Publish"]
    assert acting == ([execution] if mode == "observe" else [])
