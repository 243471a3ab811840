"""What is asked of every bucket, and what a bucket tells of its objects, over the wire."""

from __future__ import annotations

import json
import urllib.error
import urllib.request

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError
from conftest import REGION


@pytest.fixture
def s3(server):
    client = server.client("s3")
    client.create_bucket(Bucket="bucket", CreateBucketConfiguration={"LocationConstraint": REGION})
    return client


def code_of(caught) -> str:
    return caught.value.response["Error"]["Code"]


# The reads that Terraform's provider makes of every bucket.
ABSENT = {
    "get_bucket_cors": "NoSuchCORSConfiguration",
    "get_bucket_website": "NoSuchWebsiteConfiguration",
    "get_bucket_lifecycle_configuration": "NoSuchLifecycleConfiguration",
    "get_bucket_replication": "ReplicationConfigurationNotFoundError",
    "get_object_lock_configuration": "ObjectLockConfigurationNotFoundError",
    "get_bucket_policy": "NoSuchBucketPolicy",
    "get_bucket_tagging": "NoSuchTagSet",
}


def test_a_bucket_without_configurations(s3):
    for operation, code in ABSENT.items():
        with pytest.raises(ClientError) as caught:
            getattr(s3, operation)(Bucket="bucket")
        assert (operation, code_of(caught)) == (operation, code)
        assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == 404
    grant = s3.get_bucket_acl(Bucket="bucket")["Grants"][0]
    assert (grant["Grantee"]["Type"], grant["Permission"]) == ("CanonicalUser", "FULL_CONTROL")
    assert s3.get_bucket_request_payment(Bucket="bucket")["Payer"] == "BucketOwner"
    assert "Status" not in s3.get_bucket_accelerate_configuration(Bucket="bucket")
    assert "LoggingEnabled" not in s3.get_bucket_logging(Bucket="bucket")
    assert s3.get_public_access_block(Bucket="bucket")["PublicAccessBlockConfiguration"]["BlockPublicPolicy"]
    rules = s3.get_bucket_ownership_controls(Bucket="bucket")["OwnershipControls"]["Rules"]
    assert rules == [{"ObjectOwnership": "BucketOwnerEnforced"}]


def test_configurations_come_back_as_they_went(s3):
    cors = [{"AllowedMethods": ["GET"], "AllowedOrigins": ["*"], "MaxAgeSeconds": 3}]
    s3.put_bucket_cors(Bucket="bucket", CORSConfiguration={"CORSRules": cors})
    assert s3.get_bucket_cors(Bucket="bucket")["CORSRules"] == cors
    website = {"IndexDocument": {"Suffix": "index.html"}, "ErrorDocument": {"Key": "error.html"}}
    s3.put_bucket_website(Bucket="bucket", WebsiteConfiguration=website)
    assert s3.get_bucket_website(Bucket="bucket")["IndexDocument"] == website["IndexDocument"]
    tiers = {"Id": "t", "Status": "Enabled", "Tierings": [{"Days": 90, "AccessTier": "ARCHIVE_ACCESS"}]}
    s3.put_bucket_intelligent_tiering_configuration(Bucket="bucket", Id="t", IntelligentTieringConfiguration=tiers)
    listed = s3.list_bucket_intelligent_tiering_configurations(Bucket="bucket")
    assert listed["IntelligentTieringConfigurationList"] == [tiers]
    s3.put_bucket_ownership_controls(
        Bucket="bucket", OwnershipControls={"Rules": [{"ObjectOwnership": "BucketOwnerPreferred"}]}
    )
    s3.put_bucket_acl(Bucket="bucket", ACL="log-delivery-write")
    uris = [grant["Grantee"].get("URI", "") for grant in s3.get_bucket_acl(Bucket="bucket")["Grants"]]
    assert any(uri.endswith("/LogDelivery") for uri in uris)


def test_a_queue_and_a_bus_are_told(server, s3):
    sqs, events = server.client("sqs"), server.client("events")
    url = sqs.create_queue(QueueName="q")["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    rule = {"QueueArn": arn, "Events": ["s3:ObjectCreated:*"]}
    rule["Filter"] = {"Key": {"FilterRules": [{"Name": "prefix", "Value": "in/"}]}}
    s3.put_bucket_notification_configuration(
        Bucket="bucket", NotificationConfiguration={"QueueConfigurations": [rule], "EventBridgeConfiguration": {}}
    )
    kept = s3.get_bucket_notification_configuration(Bucket="bucket")
    assert kept["QueueConfigurations"][0]["QueueArn"] == arn
    assert kept["EventBridgeConfiguration"] == {}
    events.put_rule(Name="r", EventPattern=json.dumps({"source": ["aws.s3"], "detail-type": ["Object Created"]}))
    events.put_targets(Rule="r", Targets=[{"Id": "q", "Arn": arn}])
    s3.put_object(Bucket="bucket", Key="in/a b", Body=b"12345")
    bodies = []
    while len(bodies) < 3:
        for message in sqs.receive_message(QueueUrl=url, WaitTimeSeconds=5, MaxNumberOfMessages=10)["Messages"]:
            bodies.append(json.loads(message["Body"]))
    records = [body["Records"][0] for body in bodies if "Records" in body]
    assert [record["s3"]["object"]["key"] for record in records] == ["in/a+b"]
    assert records[0]["s3"]["object"]["size"] == 5
    assert [body["detail"]["object"]["key"] for body in bodies if "detail" in body] == ["in/a b"]
    assert [body["Event"] for body in bodies if "Event" in body] == ["s3:TestEvent"]


def test_a_bucket_of_another_region_is_named(server, s3):
    elsewhere = boto3.client(
        "s3",
        endpoint_url=server.endpoint,
        region_name="us-east-1",
        aws_access_key_id=server.key,
        aws_secret_access_key=server.secret,
        config=Config(signature_version="s3v4", proxies={}),
    )
    url = elsewhere.generate_presigned_url("list_objects_v2", Params={"Bucket": "bucket"})
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with pytest.raises(urllib.error.HTTPError) as caught:
        opener.open(url, timeout=10)
    assert caught.value.headers["x-amz-bucket-region"] == REGION
    assert f"<Region>{REGION}</Region>" in caught.value.read().decode()


@pytest.mark.parametrize("region", [REGION, "us-east-1"])
def test_a_template_makes_a_bucket_that_tells_a_queue(server, region):
    template = {
        "Resources": {
            "Queue": {"Type": "AWS::SQS::Queue"},
            "Bus": {
                "Type": "AWS::S3::Bucket",
                "Properties": {"NotificationConfiguration": {"EventBridgeConfiguration": {"EventBridgeEnabled": True}}},
            },
            "Inbox": {
                "Type": "AWS::S3::Bucket",
                "Properties": {
                    "NotificationConfiguration": {
                        "QueueConfigurations": [
                            {"Event": "s3:ObjectCreated:*", "Queue": {"Fn::GetAtt": ["Queue", "Arn"]}}
                        ]
                    }
                },
            },
        },
        "Outputs": {"Queue": {"Value": {"Ref": "Queue"}}, "Inbox": {"Value": {"Ref": "Inbox"}}},
    }
    cloudformation = server.client("cloudformation", region_name=region)
    cloudformation.create_stack(StackName="s", TemplateBody=json.dumps(template))
    cloudformation.get_waiter("stack_create_complete").wait(StackName="s", WaiterConfig={"Delay": 1, "MaxAttempts": 30})
    (stack,) = cloudformation.describe_stacks(StackName="s")["Stacks"]
    outputs = {output["OutputKey"]: output["OutputValue"] for output in stack["Outputs"]}
    server.client("s3", region_name=region).put_object(Bucket=outputs["Inbox"], Key="a")
    bodies = []
    while len(bodies) < 2:
        reply = server.client("sqs", region_name=region).receive_message(QueueUrl=outputs["Queue"], WaitTimeSeconds=5)
        bodies += [json.loads(message["Body"]) for message in reply["Messages"]]
    assert [body["Records"][0]["awsRegion"] for body in bodies if "Records" in body] == [region]


def test_services_that_are_not_served_are_named(server):
    for service, call, name in [
        ("dynamodb", "list_tables", "DynamoDB"),
        ("route53", "list_hosted_zones", "Route 53"),
        ("glue", "get_databases", "Glue"),
        ("elb", "describe_load_balancers", "Elastic Load Balancing"),
    ]:
        with pytest.raises(ClientError) as caught:
            getattr(server.client(service), call)()
        assert f"kiban does not serve {name} " in caught.value.response["Error"]["Message"]
