"""Who asks: the root key, and sessions of roles."""

from __future__ import annotations

import json

import pytest
from botocore.exceptions import ClientError
from conftest import kiban

ACCOUNT = "000000000000"


def trust(**principal: str) -> str:
    statement = {"Effect": "Allow", "Principal": principal, "Action": "sts:AssumeRole"}
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})


def test_the_key_of_the_data_directory_is_root(serve, tmp_path):
    server = serve("--data", tmp_path, "--account", "123456789012").use_key_of(tmp_path)
    found = server.client("sts").get_caller_identity()
    assert (found["Account"], found["Arn"]) == ("123456789012", "arn:aws:iam::123456789012:root")


def test_a_session_signs_as_its_role_and_survives_kill(serve, tmp_path):
    server = serve("--data", tmp_path).use_key_of(tmp_path)
    role = f"arn:aws:iam::{ACCOUNT}:role/deploy"
    server.client("iam").create_role(
        RoleName="deploy", AssumeRolePolicyDocument=trust(AWS=f"arn:aws:iam::{ACCOUNT}:root")
    )
    made = server.client("sts").assume_role(RoleArn=role, RoleSessionName="session")["Credentials"]
    keys = {
        "aws_access_key_id": made["AccessKeyId"],
        "aws_secret_access_key": made["SecretAccessKey"],
        "aws_session_token": made["SessionToken"],
    }
    session_arn = f"arn:aws:sts::{ACCOUNT}:assumed-role/deploy/session"
    assert server.client("sts", **keys).get_caller_identity()["Arn"] == session_arn
    server.kill()
    again = serve("--data", tmp_path).use_key_of(tmp_path)
    assert again.client("sts", **keys).get_caller_identity()["Arn"] == session_arn
    with pytest.raises(ClientError) as raised:
        again.client("sqs", **keys).list_queues()
    assert raised.value.response["Error"]["Code"] == "AccessDenied"
    assert raised.value.response["Error"]["Message"] == (
        f"User: {session_arn} is not authorized to perform: sqs:listqueues on resource: * "
        "because no identity-based policy allows the sqs:listqueues action"
    )
    again.client("iam").put_role_policy(
        RoleName="deploy",
        PolicyName="list",
        PolicyDocument=json.dumps({"Statement": {"Effect": "Allow", "Action": "sqs:ListQueues", "Resource": "*"}}),
    )
    again.client("sqs", **keys).list_queues()
    recorded = [json.loads(line) for line in again.get("/_kiban/decisions")[1].splitlines()]
    assert (recorded[-1]["session"], recorded[-1]["action"]) == (session_arn, "sqs:ListQueues")
    for changed in ({"aws_session_token": "x"}, {"aws_secret_access_key": "x"}):
        with pytest.raises(ClientError):
            again.client("sts", **{**keys, **changed}).get_caller_identity()


def test_a_role_that_is_not_there_cannot_be_assumed(serve, tmp_path):
    server = serve("--data", tmp_path).use_key_of(tmp_path)
    with pytest.raises(ClientError) as raised:
        server.client("sts").assume_role(RoleArn=f"arn:aws:iam::{ACCOUNT}:role/none", RoleSessionName="session")
    assert raised.value.response["Error"]["Code"] == "AccessDenied"


def test_sessions_of_a_deleted_role_have_no_permissions(serve, tmp_path):
    server = serve("--data", tmp_path).use_key_of(tmp_path)
    iam = server.client("iam")
    policy = trust(AWS=f"arn:aws:iam::{ACCOUNT}:root")
    iam.create_role(RoleName="gone", AssumeRolePolicyDocument=policy)
    role = f"arn:aws:iam::{ACCOUNT}:role/gone"
    made = server.client("sts").assume_role(RoleArn=role, RoleSessionName="me")["Credentials"]
    keys = {
        "aws_access_key_id": made["AccessKeyId"],
        "aws_secret_access_key": made["SecretAccessKey"],
        "aws_session_token": made["SessionToken"],
    }
    allow = {"Statement": {"Effect": "Allow", "Action": "sqs:ListQueues", "Resource": "*"}}
    iam.put_role_policy(RoleName="gone", PolicyName="list", PolicyDocument=json.dumps(allow))
    server.client("sqs", **keys).list_queues()
    iam.delete_role_policy(RoleName="gone", PolicyName="list")
    iam.delete_role(RoleName="gone")
    iam.create_role(RoleName="gone", AssumeRolePolicyDocument=policy)  # Another role by the same name.
    with pytest.raises(ClientError, match="AccessDenied.*is not authorized to perform: "):
        server.client("sqs", **keys).list_queues()
    assert server.client("sts", **keys).get_caller_identity()["Arn"].endswith("assumed-role/gone/me")


@pytest.mark.parametrize(
    "role",
    [
        "arn:aws:iam::999999999999:role/p/open",
        f"arn:aws:iam::{ACCOUNT}:role/open",
        f"arn:aws:iam::{ACCOUNT}:role/other/open",
        f"arn:aws:iam::{ACCOUNT}:role/denied",
    ],
)
def test_only_the_role_of_that_arn_and_trust_is_assumed(serve, tmp_path, role):
    server = serve("--data", tmp_path).use_key_of(tmp_path)
    iam = server.client("iam")
    allow = {"Effect": "Allow", "Principal": "*", "Action": "sts:AssumeRole"}
    deny = {"Effect": "Deny", "Principal": {"AWS": ACCOUNT}, "Action": "sts:*"}
    for name, path, statements in (("open", "/p/", [allow]), ("denied", "/", [allow, deny])):
        document = json.dumps({"Version": "2012-10-17", "Statement": statements})
        iam.create_role(RoleName=name, Path=path, AssumeRolePolicyDocument=document)
    sts = server.client("sts")
    sts.assume_role(RoleArn=f"arn:aws:iam::{ACCOUNT}:role/p/open", RoleSessionName="me")
    with pytest.raises(ClientError, match=f"not authorized to perform: sts:AssumeRole on resource: {role}"):
        sts.assume_role(RoleArn=role, RoleSessionName="me")


def test_policies_are_simulated(serve, tmp_path):
    server = serve("--data", tmp_path).use_key_of(tmp_path)
    iam = server.client("iam")
    role = iam.create_role(RoleName="app", AssumeRolePolicyDocument=trust(Service="ecs-tasks.amazonaws.com"))
    own = {
        "Version": "2012-10-17",
        "Statement": [
            {"Effect": "Allow", "Action": "s3:*", "Resource": "arn:aws:s3:::data/${aws:username}/*"},
            {"Effect": "Deny", "Action": "s3:Delete*", "Resource": "*"},
        ],
    }
    iam.put_role_policy(RoleName="app", PolicyName="own", PolicyDocument=json.dumps(own, indent=1))
    arn = role["Role"]["Arn"]
    assert iam.get_context_keys_for_principal_policy(PolicySourceArn=arn)["ContextKeyNames"] == ["aws:username"]
    found = iam.simulate_principal_policy(
        PolicySourceArn=arn,
        ActionNames=["s3:GetObject", "s3:DeleteObject", "sqs:SendMessage"],
        ResourceArns=["arn:aws:s3:::data/bob/x"],
        ContextEntries=[
            {"ContextKeyName": "aws:username", "ContextKeyType": "string", "ContextKeyValues": ["bob"]},
        ],
    )["EvaluationResults"]
    assert [each["EvalDecision"] for each in found] == ["allowed", "explicitDeny", "implicitDeny"]
    [matched] = found[1]["MatchedStatements"]
    assert matched["SourcePolicyId"] == "role_app_own"
    assert (matched["StartPosition"]["Line"], matched["EndPosition"]["Line"]) == (8, 13)
    [result] = iam.simulate_custom_policy(PolicyInputList=[json.dumps(own)], ActionNames=["s3:GetObject"])[
        "EvaluationResults"
    ]
    assert (result["EvalDecision"], result["MissingContextValues"]) == ("implicitDeny", ["aws:username"])
    with pytest.raises(iam.exceptions.InvalidInputException, match="Syntax errors in policy"):
        iam.get_context_keys_for_custom_policy(PolicyInputList=["{}"])


def test_requests_are_evaluated_without_a_server(tmp_path):
    policy = {"Statement": {"Sid": "Read", "Effect": "Allow", "Action": "s3:Get*", "Resource": "*"}}
    line = {"principal": f"arn:aws:iam::{ACCOUNT}:user/bob", "action": "s3:GetObject", "identityPolicies": [policy]}
    file = tmp_path / "requests.jsonl"
    file.write_text(json.dumps(line) + "\n\n{\n" + json.dumps(line | {"action": "s3:PutObject"}) + "\n")
    done = kiban("iam", "evaluate", file)
    assert done.returncode == 0, done.stderr
    allowed, malformed, denied = [json.loads(each) for each in done.stdout.splitlines()]
    statement = {"policy": "identityPolicies[0]", "index": 0, "sid": "Read"}
    assert allowed == {"decision": "Allowed", "statements": [statement]}
    assert malformed["error"].startswith("InvalidJson")
    assert denied == {"decision": "ImplicitlyDenied", "statements": []}
    missing = kiban("iam", "evaluate", tmp_path / "none")
    assert missing.returncode == 1 and "cannot be read" in missing.stderr


def test_a_users_key_signs_as_the_user_until_it_is_inactive(serve, tmp_path):
    server = serve("--data", tmp_path).use_key_of(tmp_path)
    iam = server.client("iam")
    user = iam.create_user(UserName="ada", Path="/team/")["User"]
    iam.attach_user_policy(UserName="ada", PolicyArn="arn:aws:iam::aws:policy/AdministratorAccess")
    made = iam.create_access_key(UserName="ada")["AccessKey"]
    keys = {"aws_access_key_id": made["AccessKeyId"], "aws_secret_access_key": made["SecretAccessKey"]}
    found = server.client("sts", **keys).get_caller_identity()
    assert (found["Arn"], found["UserId"]) == (f"arn:aws:iam::{ACCOUNT}:user/team/ada", user["UserId"])
    server.kill()
    again = serve("--data", tmp_path).use_key_of(tmp_path)
    assert again.client("iam", **keys).get_user()["User"]["UserName"] == "ada"
    with pytest.raises(ClientError, match="SignatureDoesNotMatch"):
        again.client("sts", **{**keys, "aws_secret_access_key": "x"}).get_caller_identity()
    again.client("iam").update_access_key(UserName="ada", AccessKeyId=made["AccessKeyId"], Status="Inactive")
    with pytest.raises(ClientError, match="InvalidClientTokenId"):
        again.client("sts", **keys).get_caller_identity()


def session_of(server, role: str, policies: dict[str, dict], **assume) -> dict[str, str]:
    """Keys of a session of a new role that has these inline policies."""
    iam = server.client("iam")
    iam.create_role(RoleName=role, AssumeRolePolicyDocument=trust(AWS=f"arn:aws:iam::{ACCOUNT}:root"))
    for name, statement in policies.items():
        iam.put_role_policy(RoleName=role, PolicyName=name, PolicyDocument=json.dumps({"Statement": statement}))
    made = server.client("sts").assume_role(
        RoleArn=f"arn:aws:iam::{ACCOUNT}:role/{role}", RoleSessionName="me", **assume
    )["Credentials"]
    return {
        "aws_access_key_id": made["AccessKeyId"],
        "aws_secret_access_key": made["SecretAccessKey"],
        "aws_session_token": made["SessionToken"],
    }


def refused(call, **arguments) -> tuple[str, int, str]:
    with pytest.raises(ClientError) as raised:
        call(**arguments)
    reply = raised.value.response
    return reply["Error"]["Code"], reply["ResponseMetadata"]["HTTPStatusCode"], reply["Error"]["Message"]


ALLOW_ALL = {"Effect": "Allow", "Action": "*", "Resource": "*"}


def test_each_protocol_refuses_in_its_words(serve, tmp_path):
    server = serve("--data", tmp_path).use_key_of(tmp_path)
    keys = session_of(server, "nothing", {})
    who = f"User: arn:aws:sts::{ACCOUNT}:assumed-role/nothing/me is not authorized to perform: "
    topic = f"arn:aws:sns:ap-northeast-1:{ACCOUNT}:t"
    none = "because no identity-based policy allows the {} action"

    def client(name):
        return server.client(name, **keys)

    assert refused(client("ecs").list_clusters) == (
        "AccessDeniedException",
        400,
        f"{who}ecs:ListClusters on resource: * {none.format('ecs:ListClusters')}",
    )
    assert refused(client("iam").list_roles) == (
        "AccessDenied",
        403,
        f"{who}iam:ListRoles on resource: * {none.format('iam:ListRoles')}",
    )
    assert refused(client("sns").publish, TopicArn=topic, Message="m") == (
        "AuthorizationError",
        403,
        f"{who}SNS:Publish on resource: {topic} {none.format('SNS:Publish')}",
    )
    assert refused(client("s3").list_objects_v2, Bucket="b-1") == (
        "AccessDenied",
        403,
        f"{who}s3:ListBucket on resource: arn:aws:s3:::b-1 {none.format('s3:ListBucket')}",
    )
    code, status, message = refused(client("ec2").create_vpc, CidrBlock="10.0.0.0/16")
    assert (code, status) == ("UnauthorizedOperation", 403)
    text, _, encoded = message.partition(". Encoded authorization failure message: ")
    vpc = f"arn:aws:ec2:ap-northeast-1:{ACCOUNT}:vpc/*"
    assert text == (
        "You are not authorized to perform this operation. "
        f"{who}ec2:CreateVpc on resource: {vpc} {none.format('ec2:CreateVpc')}"
    )
    decoded = json.loads(server.client("sts").decode_authorization_message(EncodedMessage=encoded)["DecodedMessage"])
    assert (decoded["allowed"], decoded["context"]["action"], decoded["context"]["resource"]) == (
        False,
        "ec2:CreateVpc",
        vpc,
    )


def test_session_policies_and_buckets_limit(serve, tmp_path):
    server = serve("--data", tmp_path).use_key_of(tmp_path)
    limit = json.dumps({"Statement": {"Effect": "Allow", "Action": "sqs:*", "Resource": "*"}})
    keys = session_of(server, "limited", {"all": ALLOW_ALL}, Policy=limit)
    server.client("sqs", **keys).create_queue(QueueName="q")
    assert (
        "because no session policy allows the states:ListActivities action"
        in (refused(server.client("stepfunctions", **keys).list_activities)[2])
    )
    s3 = server.client("s3")
    s3.create_bucket(Bucket="closed", CreateBucketConfiguration={"LocationConstraint": "ap-northeast-1"})
    s3.put_object(Bucket="closed", Key="k", Body=b"1")
    deny = {"Effect": "Deny", "Principal": "*", "Action": "s3:GetObject", "Resource": "arn:aws:s3:::closed/*"}
    s3.put_bucket_policy(Bucket="closed", Policy=json.dumps({"Version": "2012-10-17", "Statement": deny}))
    assert refused(s3.get_object, Bucket="closed", Key="k")[2].endswith(
        "with an explicit deny in a resource-based policy"
    )
    assert s3.list_objects_v2(Bucket="closed")["KeyCount"] == 1


def test_secrets_are_granted_by_their_full_arn(serve, tmp_path):
    server = serve("--data", tmp_path).use_key_of(tmp_path)
    arn = server.client("secretsmanager").create_secret(Name="db", SecretString="x")["ARN"]
    server.client("secretsmanager").create_secret(Name="other", SecretString="y")
    read = {"Effect": "Allow", "Action": "secretsmanager:GetSecretValue", "Resource": arn}
    secrets = server.client("secretsmanager", **session_of(server, "reader", {"read": read}))
    for name in ("db", arn, arn[:-7]):
        assert secrets.get_secret_value(SecretId=name)["SecretString"] == "x"
    assert refused(secrets.get_secret_value, SecretId="other")[0] == "AccessDeniedException"


def test_observe_records_and_off_does_not(serve, tmp_path):
    for mode, verdicts in (("observe", ["ImplicitlyDenied"]), ("off", [])):
        server = serve("--data", tmp_path / mode, "--iam", mode).use_key_of(tmp_path / mode)
        keys = session_of(server, "nothing", {})
        server.client("sqs", **keys).list_queues()
        lines = server.get("/_kiban/decisions?role=nothing&denied=true")[1].splitlines()
        assert [json.loads(line)["verdict"] for line in lines] == verdicts
        shown = kiban("doctor", "--data", tmp_path / mode, "--json").stdout
        assert ("every request passes" in shown) == (mode == "observe")
        server.stop()
