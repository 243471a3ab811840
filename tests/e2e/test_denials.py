"""A denial holds however a request names the resource, and permissions hold for each of its names."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Iterator

import pytest
from botocore.exceptions import ClientError
from conftest import REGION, Server

ACCOUNT = "000000000000"
EVERYTHING = {"Effect": "Allow", "Action": "*", "Resource": "*"}


def arn(service: str, resource: str) -> str:
    return f"arn:aws:{service}:{REGION}:{ACCOUNT}:{resource}"


def deny(action: str, *resources: str) -> dict:
    return {"Effect": "Deny", "Action": action, "Resource": list(resources)}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    data = tmp_path_factory.mktemp("data")
    server = Server("--data", data, "--iam", "enforce").use_key_of(data)
    yield server
    server.stop()


def user(server: Server, name: str, *statements: dict):
    """A function that makes clients of a new user."""
    iam = server.client("iam")
    iam.create_user(UserName=name)
    document = json.dumps({"Version": "2012-10-17", "Statement": list(statements)})
    iam.put_user_policy(UserName=name, PolicyName="own", PolicyDocument=document)
    key = iam.create_access_key(UserName=name)["AccessKey"]
    keys = {"aws_access_key_id": key["AccessKeyId"], "aws_secret_access_key": key["SecretAccessKey"]}
    return lambda service: server.client(service, **keys)


def code_of(call) -> str:
    with pytest.raises(ClientError) as raised:
        call()
    return raised.value.response["Error"]["Code"]


def test_a_key_that_looks_like_an_arn_is_a_key(server):
    s3 = server.client("s3")
    for bucket in ("mine", "secret"):
        s3.create_bucket(Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": REGION})
    key = "arn:aws:s3:::mine/key"
    s3.put_object(Bucket="secret", Key=key, Body=b"secret")
    mine = user(server, "owner", {"Effect": "Allow", "Action": "s3:*", "Resource": "arn:aws:s3:::mine/*"})("s3")
    assert code_of(lambda: mine.get_object(Bucket="secret", Key=key)) == "AccessDenied"
    assert code_of(lambda: mine.put_object(Bucket="secret", Key=key, Body=b"")) == "AccessDenied"
    assert code_of(lambda: mine.delete_objects(Bucket="secret", Delete={"Objects": [{"Key": key}]})) == "AccessDenied"
    mine.put_object(Bucket="mine", Key=key, Body=b"")


def test_the_root_can_take_back_a_bucket_policy_that_shuts_it_out(server):
    s3 = server.client("s3")
    s3.create_bucket(Bucket="shut", CreateBucketConfiguration={"LocationConstraint": REGION})
    shut = {**deny("s3:*", "arn:aws:s3:::shut", "arn:aws:s3:::shut/*"), "Principal": "*"}
    policy = json.dumps({"Version": "2012-10-17", "Statement": [shut]})
    s3.put_bucket_policy(Bucket="shut", Policy=policy)
    assert code_of(lambda: s3.list_objects_v2(Bucket="shut")) == "AccessDenied"
    assert code_of(lambda: user(server, "shut", EVERYTHING)("s3").delete_bucket_policy(Bucket="shut")) == "AccessDenied"
    assert s3.get_bucket_policy(Bucket="shut")["Policy"] == policy
    s3.delete_bucket_policy(Bucket="shut")
    s3.list_objects_v2(Bucket="shut")


def test_parameters_by_version_label_and_arn(server):
    ssm = server.client("ssm")
    ssm.put_parameter(Name="/app/secret", Value="v", Type="String")
    ssm.label_parameter_version(Name="/app/secret", Labels=["now"])
    denied = user(server, "reader", EVERYTHING, deny("ssm:Get*", arn("ssm", "parameter/app/secret")))("ssm")
    abroad = arn("ssm", "parameter/app/secret").replace(REGION, "us-east-1")
    for name in ("/app/secret", "/app/secret:1", "/app/secret:now", arn("ssm", "parameter/app/secret"), abroad):
        assert code_of(lambda name=name: denied.get_parameter(Name=name)) == "AccessDeniedException", name
    assert code_of(lambda: denied.get_parameters(Names=["/app/secret:1"])) == "AccessDeniedException"


def test_secrets_in_batches(server):
    secrets = server.client("secretsmanager")
    kept = secrets.create_secret(Name="kept", SecretString="x")["ARN"]
    secrets.create_secret(Name="told", SecretString="y")
    reads = user(server, "batch", EVERYTHING, deny("secretsmanager:GetSecretValue", kept))("secretsmanager")
    for asked in ({"SecretIdList": ["kept", "told"]}, {"Filters": [{"Key": "name", "Values": ["kept", "told"]}]}):
        reply = reads.batch_get_secret_value(**asked)
        assert [value["Name"] for value in reply["SecretValues"]] == ["told"]
        assert [error["ErrorCode"] for error in reply["Errors"]] == ["AccessDeniedException"]


def test_functions_and_layers_by_parts_of_their_arns(server):
    iam, functions = server.client("iam"), server.client("lambda")
    principal = {"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"Service": "lambda.amazonaws.com"}}
    trust = json.dumps({"Version": "2012-10-17", "Statement": [principal]})
    role = iam.create_role(RoleName="function", AssumeRolePolicyDocument=trust)["Role"]["Arn"]
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr("bootstrap", "")
    code = {"ZipFile": out.getvalue()}
    functions.create_function(FunctionName="f", Runtime="provided.al2023", Handler="x", Role=role, Code=code)
    functions.publish_layer_version(LayerName="l", Content=code)
    whole, layer = arn("lambda", "function:f"), arn("lambda", "layer:l")
    denied = user(server, "outsider", EVERYTHING, deny("lambda:*", whole, f"{layer}:*"))("lambda")
    allowed = user(server, "insider", {"Effect": "Allow", "Action": "lambda:*", "Resource": whole})("lambda")
    for name in ("f", whole, f"{ACCOUNT}:function:f", "function:f"):
        asked = {"FunctionName": name}
        assert code_of(lambda asked=asked: denied.get_function_configuration(**asked)) == "AccessDeniedException"
        assert code_of(lambda asked=asked: denied.delete_function(**asked)) == "AccessDeniedException"
        assert allowed.get_function_configuration(**asked)["FunctionArn"] == whole
    elsewhere = whole.replace("arn:aws:", "arn:aws-cn:")
    assert code_of(lambda: denied.get_function(FunctionName=elsewhere)) == "AccessDeniedException"
    assert code_of(lambda: allowed.get_function(FunctionName=elsewhere)) == "ResourceNotFoundException"
    for name in ("l", layer):
        asked = {"LayerName": name, "VersionNumber": 1}
        assert code_of(lambda asked=asked: denied.get_layer_version(**asked)) == "AccessDeniedException"
    uses = {"FunctionName": "g", "Runtime": "provided.al2023", "Handler": "x", "Role": role, "Code": code}
    assert code_of(lambda: denied.create_function(**uses, Layers=[f"{layer}:1"])) == "AccessDeniedException"


def test_keys_by_the_arn_of_an_alias(server):
    kms = server.client("kms")
    key = kms.create_key()["KeyMetadata"]["Arn"]
    kms.create_alias(AliasName="alias/mine", TargetKeyId=key)
    denied = user(server, "keyless", EVERYTHING, deny("kms:DescribeKey", key))("kms")
    for name in (key, key.rpartition("/")[2], "alias/mine", arn("kms", "alias/mine")):
        assert code_of(lambda name=name: denied.describe_key(KeyId=name)) == "AccessDeniedException", name


def test_clusters_by_what_is_no_arn_of_one(server):
    ecs = server.client("ecs")
    ecs.create_cluster(clusterName="c")
    whole = arn("ecs", "cluster/c")
    denied = user(server, "clusterless", EVERYTHING, deny("ecs:*", whole))("ecs")
    for name in ("c", whole, "arn:/c", whole.replace("ecs", "x"), whole.replace(REGION, "us-east-1"), "x/c"):
        asked = {"clusters": [name]}
        assert code_of(lambda asked=asked: denied.describe_clusters(**asked)) == "AccessDeniedException", name
    service = deny("ecs:*", arn("ecs", "service/c/s"))
    denied = user(server, "serviceless", EVERYTHING, service)("ecs")
    for name in ("s", arn("ecs", "service/c/s"), arn("ecs", "service/other/s"), arn("ecs", "service/s")):
        asked = {"cluster": "c", "services": [name]}
        assert code_of(lambda asked=asked: denied.describe_services(**asked)) == "AccessDeniedException", name


def test_users_may_leave_their_own_name_out(server):
    own = {"Effect": "Allow", "Action": "iam:*", "Resource": f"arn:aws:iam::{ACCOUNT}:user/${{aws:username}}"}
    allowed = user(server, "ann", own)("iam")
    assert allowed.get_user()["User"]["UserName"] == "ann"
    assert allowed.list_access_keys()["AccessKeyMetadata"][0]["UserName"] == "ann"
    assert code_of(lambda: allowed.get_user(UserName="reader")) == "AccessDenied"
    denied = user(server, "bob", EVERYTHING, deny("iam:*", f"arn:aws:iam::{ACCOUNT}:user/bob"))("iam")
    assert code_of(denied.get_user) == "AccessDenied"
    assert code_of(denied.create_access_key) == "AccessDenied"


def test_an_operation_on_many_resources_is_decided_within_bounds(server):
    """Patterns that are slow to match, for a thousand keys."""
    iam, s3 = server.client("iam"), server.client("s3")
    s3.create_bucket(Bucket="many", CreateBucketConfiguration={"LocationConstraint": REGION})
    client = user(server, "slow", EVERYTHING)("s3")
    for number in range(10):
        slow = [f"arn:aws:s3:::{'*a' * 20}{at}" for at in range(85)]
        document = json.dumps({"Version": "2012-10-17", "Statement": [deny("s3:DeleteObject", *slow)]})
        policy = iam.create_policy(PolicyName=f"slow{number}", PolicyDocument=document)["Policy"]["Arn"]
        iam.attach_user_policy(UserName="slow", PolicyArn=policy)
    keys = {"Objects": [{"Key": f"{at}{'a' * 990}z"} for at in range(1000)]}
    assert code_of(lambda: client.delete_objects(Bucket="many", Delete=keys)) == "AccessDenied"
    client.delete_object(Bucket="many", Key="one")
