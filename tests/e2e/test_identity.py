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
    assert raised.value.response["Error"] == {
        "Code": "AccessDeniedException",
        "Message": f"User: {session_arn} is not authorized to perform: sqs:ListQueues on resource: * because no "
        "identity-based policy allows the sqs:ListQueues action",
        **{key: raised.value.response["Error"][key] for key in ("Type", "QueryErrorCode") if key in raised.value.response["Error"]},
    }
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
    server.client("sqs", **keys).list_queues()
    iam.delete_role(RoleName="gone")
    iam.create_role(RoleName="gone", AssumeRolePolicyDocument=policy)  # Another role by the same name.
    with pytest.raises(ClientError, match="AccessDenied.*is not authorized to perform: sqs:ListQueues"):
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
