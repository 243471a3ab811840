"""The transform AWS::Serverless-2016-10-31 beside AWS's published translator, over templates of our own."""

from __future__ import annotations

import copy
import json
import os
import subprocess
from typing import Any

import pytest
from conftest import BINARY, REGION

os.environ.setdefault("AWS_DEFAULT_REGION", REGION)  # The translator asks boto3 for the partition.
pytest.importorskip("samtranslator", reason="SAM IS NOT COMPARED: aws-sam-translator is not installed (tools/setup)")
from samtranslator.parser.parser import Parser
from samtranslator.translator.translator import Translator

Json = dict[str, Any]

CODE = {"Handler": "app.handler", "Runtime": "python3.12", "CodeUri": "s3://bucket/code.zip"}
INLINE = {"Handler": "index.handler", "Runtime": "nodejs22.x", "InlineCode": "exports.handler = async () => 1"}
STATES = {"StartAt": "Wait", "States": {"Wait": {"Type": "Wait", "Seconds": 1, "End": True}}}


def function(**properties: Any) -> Json:
    return {"Type": "AWS::Serverless::Function", "Properties": {**CODE, **properties}}


def machine(**properties: Any) -> Json:
    return {"Type": "AWS::Serverless::StateMachine", "Properties": {"Definition": STATES, **properties}}


def event(kind: str, **properties: Any) -> Json:
    return {"Type": kind, "Properties": properties}


RULE_EVENTS = {
    "Nightly": event("Schedule", Schedule="cron(0 17 * * ? *)", Input='{"a":1}', Enabled=False, Description="d"),
    "Often": event(
        "Schedule", Schedule="rate(5 minutes)", State="ENABLED", Name="often", RetryPolicy={"MaximumRetryAttempts": 2}
    ),
    "Dead": event(
        "Schedule", Schedule="rate(1 day)", DeadLetterConfig={"Type": "SQS", "QueueLogicalId": "DeadLetters"}
    ),
    "Own": event(
        "EventBridgeRule", Pattern={"source": ["shop"]}, DeadLetterConfig={"Type": "SQS"}, Target={"Id": "own"}
    ),
    "Bus": event(
        "CloudWatchEvent", Pattern={"source": ["a"]}, EventBusName="bus", InputPath="$.detail", RuleName="named"
    ),
    "Shaped": event(
        "EventBridgeRule",
        Pattern={"detail-type": ["x"]},
        InputTransformer={"InputPathsMap": {"a": "$.a"}, "InputTemplate": "<a>"},
        DeadLetterConfig={"Arn": {"Fn::GetAtt": ["Queue", "Arn"]}},
    ),
    "Zoned": event(
        "ScheduleV2",
        ScheduleExpression="cron(0 2 * * ? *)",
        ScheduleExpressionTimezone="Asia/Tokyo",
        FlexibleTimeWindow={"Mode": "FLEXIBLE", "MaximumWindowInMinutes": 5},
        DeadLetterConfig={"Type": "SQS"},
        RetryPolicy={"MaximumRetryAttempts": 3},
        Input="{}",
    ),
    "Nameless": event("ScheduleV2", ScheduleExpression="rate(1 hour)", OmitName=True, RoleArn="arn:aws:iam::1:role/r"),
    "Bounded": event(
        "ScheduleV2", ScheduleExpression="rate(1 hour)", Name="n", PermissionsBoundary="arn:aws:iam::aws:policy/X"
    ),
}
QUEUE = {"Queue": {"Type": "AWS::SQS::Queue"}}

TEMPLATES: dict[str, Json] = {
    "a function": {"Resources": {"F": function()}},
    "every plain property": {
        "Resources": {
            "F": function(
                FunctionName={"Fn::Sub": "${AWS::StackName}-f"},
                Description="d",
                MemorySize=256,
                Timeout=30,
                VpcConfig={"SubnetIds": ["a"], "SecurityGroupIds": ["b"]},
                Environment={"Variables": {"A": {"Ref": "AWS::Region"}}},
                Tags={"Team": "us", "Cost": "1"},
                Tracing="Active",
                KmsKeyArn="k",
                ReservedConcurrentExecutions=3,
                EphemeralStorage={"Size": 1024},
                Architectures=["arm64"],
                FileSystemConfigs=[{"Arn": "a", "LocalMountPath": "/mnt/a"}],
                CodeSigningConfigArn="c",
                LoggingConfig={"LogFormat": "JSON"},
                RuntimeManagementConfig={"UpdateRuntimeOn": "Auto"},
                RecursiveLoop="Allow",
                RolePath="/x/",
                PermissionsBoundary="arn:aws:iam::aws:policy/Y",
                SourceKMSKeyArn="s",
                SnapStart={"ApplyOn": "PublishedVersions"},
            )
        }
    },
    "code": {
        "Resources": {
            "Inline": {"Type": "AWS::Serverless::Function", "Properties": INLINE},
            "Place": function(CodeUri={"Bucket": "b", "Key": {"Ref": "AWS::StackName"}, "Version": "v"}),
            "Versioned": function(CodeUri="s3://b/dir/k.zip?versionId=123"),
            "Image": {
                "Type": "AWS::Serverless::Function",
                "Properties": {"PackageType": "Image", "ImageUri": "x/y:z", "ImageConfig": {"Command": ["a"]}},
            },
        }
    },
    "globals": {
        "Globals": {
            "Function": {
                "Runtime": "python3.12",
                "Handler": "a.b",
                "Timeout": 10,
                "Environment": {"Variables": {"A": "1", "B": "2"}},
                "Tags": {"A": "1"},
                "Layers": ["l1"],
                "Architectures": ["x86_64"],
            }
        },
        "Resources": {
            "F": {
                "Type": "AWS::Serverless::Function",
                "Properties": {
                    "CodeUri": "s3://b/k",
                    "Timeout": 20,
                    "Environment": {"Variables": {"B": "3", "C": "4"}},
                    "Layers": ["l2"],
                    "Architectures": ["arm64"],
                },
            },
            "G": {"Type": "AWS::Serverless::Function", "IgnoreGlobals": ["Environment", "Layers"], "Properties": CODE},
            "H": {"Type": "AWS::Serverless::Function", "IgnoreGlobals": "*", "Properties": CODE},
        },
    },
    "policies": {
        "Conditions": {"C": {"Fn::Equals": ["a", "a"]}},
        "Resources": {
            "One": function(Policies="AmazonS3ReadOnlyAccess"),
            "Many": function(
                Policies=[
                    "AWSLambdaBasicExecutionRole",
                    "arn:aws:iam::1:policy/own",
                    {"Ref": "Managed"},
                    {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "s3:*", "Resource": "*"}]},
                    {"SQSPollerPolicy": {"QueueName": {"Fn::GetAtt": ["Queue", "QueueName"]}}},
                    {"S3ReadPolicy": {"BucketName": {"Ref": "BucketName"}}},
                    {"CloudWatchPutMetricPolicy": {}},
                    {"Fn::If": ["C", "AWSLambdaRole", {"Ref": "AWS::NoValue"}]},
                    {"Fn::If": ["C", {"SNSPublishMessagePolicy": {"TopicName": "t"}}, {"Ref": "AWS::NoValue"}]},
                ]
            ),
            "Trusted": function(AssumeRolePolicyDocument={"Version": "2012-10-17", "Statement": []}),
            "Owned": function(Role="arn:aws:iam::1:role/r"),
            "Either": function(Role={"Fn::If": ["C", "arn:aws:iam::1:role/r", {"Ref": "AWS::NoValue"}]}),
            "Or": function(Role={"Fn::If": ["C", {"Ref": "AWS::NoValue"}, "arn:aws:iam::1:role/r"]}),
            "M": machine(Policies=[{"EventBridgePutEventsPolicy": {"EventBusName": "b"}}, "AWSLambdaRole"]),
            **QUEUE,
        },
    },
    "an alias": {
        "Parameters": {"Stage": {"Type": "String", "Default": "live"}, "Key": {"Type": "String", "Default": "k.zip"}},
        "Resources": {
            "F": function(
                AutoPublishAlias={"Ref": "Stage"},
                CodeUri={"Bucket": "b", "Key": {"Ref": "Key"}},
                MemorySize=512,
                Environment={"Variables": {"Ä": "日本", "B": [1, True, 2.5]}},
                VersionDescription="v",
                ProvisionedConcurrencyConfig={"ProvisionedConcurrentExecutions": 2},
                Events={"Q": event("SQS", Queue="arn:q"), "T": event("SNS", Topic="arn:t"), "S": RULE_EVENTS["Often"]},
            ),
            "G": function(AutoPublishAlias="a-b_c", AutoPublishCodeSha256="6b86b273ff34fce1", Description="text"),
            "H": function(AutoPublishAlias="x", VersionDeletionPolicy="Delete"),
            "User": {"Type": "AWS::SNS::Topic", "Properties": {"DisplayName": {"Ref": "F.Alias"}}},
        },
        "Outputs": {
            "Alias": {"Value": {"Fn::Sub": "${F.Alias} ${F.Version.Version} ${F.Arn}"}},
            "Version": {"Value": {"Fn::GetAtt": ["F.Version", "Version"]}},
        },
    },
    "dead letters and destinations": {
        "Resources": {
            "F": function(
                DeadLetterQueue={"Type": "SQS", "TargetArn": {"Fn::GetAtt": ["Queue", "Arn"]}},
                EventInvokeConfig={
                    "MaximumEventAgeInSeconds": 70,
                    "MaximumRetryAttempts": 1,
                    "DestinationConfig": {
                        "OnSuccess": {"Type": "SQS"},
                        "OnFailure": {"Type": "EventBridge", "Destination": "arn:bus"},
                    },
                },
            ),
            "G": function(
                DeadLetterQueue={"Type": "SNS", "TargetArn": "arn:t"},
                AutoPublishAlias="live",
                EventInvokeConfig={
                    "DestinationConfig": {
                        "OnSuccess": {"Type": "Lambda", "Destination": "arn:l"},
                        "OnFailure": {"Type": "SNS"},
                    }
                },
            ),
            **QUEUE,
        },
        "Outputs": {"Q": {"Value": {"Ref": "F.DestinationQueue"}}, "T": {"Value": {"Ref": "G.DestinationTopic"}}},
    },
    "function URLs": {
        "Resources": {
            "Open": function(
                FunctionUrlConfig={"AuthType": "NONE", "Cors": {"AllowOrigins": ["*"]}, "InvokeMode": "BUFFERED"}
            ),
            "Signed": function(FunctionUrlConfig={"AuthType": "AWS_IAM"}, AutoPublishAlias="live"),
        }
    },
    "rules and schedules of a function": {"Resources": {"F": function(Events=RULE_EVENTS), **QUEUE}},
    "rules and schedules of a state machine": {
        "Resources": {
            "M": machine(
                PermissionsBoundary="arn:aws:iam::aws:policy/Z",
                Events={
                    "Given": event("Schedule", Schedule="rate(1 day)", RoleArn="arn:aws:iam::1:role/r"),
                    **{name: each for name, each in RULE_EVENTS.items()},
                },
            ),
            **QUEUE,
        }
    },
    "queues, topics and buckets": {
        "Conditions": {"C": {"Fn::Equals": ["a", "a"]}},
        "Resources": {
            "F": function(
                Events={
                    "Q": event(
                        "SQS",
                        Queue={"Fn::GetAtt": ["Queue", "Arn"]},
                        BatchSize=5,
                        MaximumBatchingWindowInSeconds=3,
                        FunctionResponseTypes=["ReportBatchItemFailures"],
                        FilterCriteria={"Filters": [{"Pattern": "{}"}]},
                        ScalingConfig={"MaximumConcurrency": 4},
                        Enabled=False,
                    ),
                    "T": event(
                        "SNS", Topic={"Ref": "Topic"}, FilterPolicy={"a": ["b"]}, FilterPolicyScope="MessageBody"
                    ),
                    "TQ": event("SNS", Topic={"Ref": "Topic"}, SqsSubscription=True),
                    "TO": event(
                        "SNS",
                        Topic={"Ref": "Topic"},
                        SqsSubscription={
                            "QueueArn": {"Fn::GetAtt": ["Queue", "Arn"]},
                            "QueueUrl": {"Ref": "Queue"},
                            "BatchSize": 8,
                        },
                    ),
                    "B": event("S3", Bucket={"Ref": "Bucket"}, Events="s3:ObjectCreated:*"),
                    "B2": event(
                        "S3",
                        Bucket={"Ref": "Bucket"},
                        Events=["s3:ObjectRemoved:*", "s3:ObjectCreated:Put"],
                        Filter={"S3Key": {"Rules": [{"Name": "prefix", "Value": "in/"}]}},
                    ),
                }
            ),
            "G": {
                **function(Events={"B": event("S3", Bucket={"Ref": "Other"}, Events="s3:ObjectCreated:*")}),
                "Condition": "C",
            },
            "Bucket": {"Type": "AWS::S3::Bucket", "DependsOn": "Queue"},
            "Other": {"Type": "AWS::S3::Bucket", "Properties": {"BucketName": "other"}},
            "Topic": {"Type": "AWS::SNS::Topic", "Properties": {"FifoTopic": True, "TopicName": "t.fifo"}},
            **QUEUE,
        },
    },
    "state machines": {
        "Parameters": {"Bucket": {"Type": "String", "Default": "b"}},
        "Resources": {
            "M": machine(
                Name="m", Type="EXPRESS", Tags={"A": "1"}, Logging={"Level": "ALL"}, Tracing={"Enabled": True}
            ),
            "Uri": {
                "Type": "AWS::Serverless::StateMachine",
                "Properties": {
                    "DefinitionUri": "s3://b/k.asl.json",
                    "DefinitionSubstitutions": {"A": {"Ref": "AWS::Region"}},
                    "Role": {"Fn::Sub": "arn:aws:iam::${AWS::AccountId}:role/r"},
                },
            },
            "Place": {
                "Type": "AWS::Serverless::StateMachine",
                "Properties": {"DefinitionUri": {"Bucket": {"Ref": "Bucket"}, "Key": "k", "Version": "1"}},
            },
            "Dynamic": machine(
                Definition={
                    "StartAt": "A",
                    "States": {
                        "A": {
                            "Type": "Task",
                            "Resource": {"Fn::GetAtt": ["F", "Arn"]},
                            "Parameters": {"list": [{"Ref": "Bucket"}, "{{resolve:ssm:/a}}", []], "none": {}},
                            "End": True,
                        }
                    },
                },
                DefinitionSubstitutions={"own": "x"},
            ),
            "F": function(),
        },
    },
    "a published state machine": {
        "Resources": {
            "M": machine(AutoPublishAlias="live", UseAliasAsEventTarget=True, Events={"S": RULE_EVENTS["Nightly"]}),
        }
    },
    "layers": {
        "Parameters": {"Name": {"Type": "String", "Default": "named"}},
        "Resources": {
            "L": {
                "Type": "AWS::Serverless::LayerVersion",
                "Properties": {
                    "ContentUri": "s3://b/layer.zip",
                    "LayerName": {"Ref": "Name"},
                    "CompatibleRuntimes": ["python3.12"],
                    "CompatibleArchitectures": ["arm64"],
                    "RetentionPolicy": "delete",
                    "Description": "d",
                    "LicenseInfo": "MIT",
                },
            },
            "N": {
                "Type": "AWS::Serverless::LayerVersion",
                "DependsOn": "L",
                "Properties": {"ContentUri": {"Bucket": "b", "Key": "k"}},
            },
            "F": {**function(Layers=[{"Ref": "L"}, {"Fn::Sub": "${N}"}]), "DependsOn": ["L"]},
        },
        "Outputs": {"L": {"Value": {"Ref": "L"}}},
    },
    "attributes": {
        "Conditions": {"C": {"Fn::Equals": ["a", "a"]}},
        "Resources": {
            "F": {
                **function(
                    Events={"S": RULE_EVENTS["Dead"]},
                    AutoPublishAlias="live",
                    FunctionUrlConfig={"AuthType": "NONE"},
                    EventInvokeConfig={"MaximumRetryAttempts": 0},
                ),
                "Condition": "C",
                "DeletionPolicy": "Retain",
                "UpdateReplacePolicy": "Retain",
                "DependsOn": ["Queue"],
                "Metadata": {"a": 1},
            },
            "M": {**machine(Events={"S": RULE_EVENTS["Zoned"]}), "Condition": "C", "DependsOn": "Queue"},
            **QUEUE,
        },
    },
    "tags of all that is made": {
        "Globals": {"StateMachine": {"PropagateTags": True}},
        "Resources": {
            "F": function(Tags={"A": "1"}, PropagateTags=True, Events={"S": RULE_EVENTS["Dead"]}),
            "M": machine(Tags={"B": "2"}, Events={"S": RULE_EVENTS["Dead"]}),
            "N": machine(),
        },
    },
}


def ours(template: Json) -> Json:
    done = subprocess.run(
        [str(BINARY), "cfn", "transform"],
        input=json.dumps({"Transform": "AWS::Serverless-2016-10-31", **template}),
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def theirs(template: Json) -> Json:
    whole = {"Transform": "AWS::Serverless-2016-10-31", **copy.deepcopy(template)}
    return Translator({}, Parser()).translate(whole, {})


def settled(template: Json) -> Json:
    """Where the order of a list is without meaning it is sorted."""
    for resource in template["Resources"].values():
        if isinstance(resource.get("DependsOn"), list):
            resource["DependsOn"] = sorted(resource["DependsOn"])
    return template


@pytest.mark.parametrize("name", TEMPLATES)
def test_is_what_the_translator_makes(name):
    made, wanted = settled(ours(TEMPLATES[name])), settled(theirs(TEMPLATES[name]))
    assert sorted(made["Resources"]) == sorted(wanted["Resources"])
    for key, resource in wanted["Resources"].items():
        assert made["Resources"][key] == resource, key
    assert made == wanted
