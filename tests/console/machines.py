"""What the console is shown in the tests: machines that fail, retry, catch and wait."""

from __future__ import annotations

import json

SERVICES = [f"{name}.amazonaws.com" for name in ("states", "events", "scheduler", "ecs-tasks")]
TRUST = {"Effect": "Allow", "Principal": {"Service": SERVICES}, "Action": "sts:AssumeRole"}
EVERYTHING = {"Effect": "Allow", "Action": "*", "Resource": "*"}

# Checks an order, ships its items, and fails for lack of a queue.
ORDER = {
    "StartAt": "Check order",
    "States": {
        "Check order": {
            "Type": "Choice",
            "Choices": [{"Variable": "$.amount", "NumericGreaterThan": 100, "Next": "Ship items"}],
            "Default": "Too small",
        },
        "Ship items": {
            "Type": "Map",
            "ItemsPath": "$.items",
            "MaxConcurrency": 2,
            "ItemProcessor": {
                "StartAt": "Weigh",
                "States": {
                    "Weigh": {"Type": "Pass", "Parameters": {"item.$": "$", "grams": 250}, "Next": "Pack"},
                    "Pack": {"Type": "Pass", "End": True},
                },
            },
            "ResultPath": "$.parcels",
            "Next": "In parallel",
        },
        "In parallel": {
            "Type": "Parallel",
            "Branches": [
                {"StartAt": "Print label", "States": {"Print label": {"Type": "Wait", "Seconds": 1, "End": True}}},
                {
                    "StartAt": "Reserve courier",
                    "States": {
                        "Reserve courier": {
                            "Type": "Task",
                            "Resource": "arn:aws:states:::sqs:sendMessage",
                            "Parameters": {
                                "QueueUrl": "http://127.0.0.1/000000000000/couriers",
                                "MessageBody.$": "$.customer",
                            },
                            "Catch": [{"ErrorEquals": ["States.ALL"], "Next": "Use own van"}],
                            "End": True,
                        },
                        "Use own van": {"Type": "Pass", "End": True},
                    },
                },
            ],
            "ResultPath": "$.shipping",
            "Next": "Tell customer",
        },
        "Tell customer": {
            "Type": "Task",
            "Resource": "arn:aws:states:::sqs:sendMessage",
            "Parameters": {"QueueUrl": "http://127.0.0.1/000000000000/missing", "MessageBody.$": "$.customer"},
            "Retry": [{"ErrorEquals": ["States.ALL"], "IntervalSeconds": 1, "MaxAttempts": 2, "BackoffRate": 2}],
            "Next": "Done",
        },
        "Too small": {"Type": "Fail", "Error": "OrderTooSmall", "Cause": "the amount is below 100"},
        "Done": {"Type": "Succeed"},
    },
}

WAIT = {"StartAt": "Wait a while", "States": {"Wait a while": {"Type": "Wait", "Seconds": 3600, "End": True}}}

ORDER_INPUT = {"amount": 120, "customer": "Ada", "items": ["lamp", "chair", "desk"]}


def document(statement: dict) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})


def create_role(iam, name: str = "console") -> str:
    """A role that may do everything, for machines, rules, schedules and tasks."""
    role = iam.create_role(RoleName=name, AssumeRolePolicyDocument=document(TRUST))["Role"]["Arn"]
    iam.put_role_policy(RoleName=name, PolicyName="everything", PolicyDocument=document(EVERYTHING))
    return role


def create(states, role: str, name: str, definition: dict) -> str:
    made = states.create_state_machine(name=name, definition=json.dumps(definition), roleArn=role)
    return made["stateMachineArn"]


def start(states, machine: str, name: str, given: dict) -> str:
    return states.start_execution(stateMachineArn=machine, name=name, input=json.dumps(given))["executionArn"]
