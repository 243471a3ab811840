"""The state machines of the scenarios."""

from __future__ import annotations


def chain(count: int) -> dict:
    states: dict = {f"S{i}": {"Type": "Pass", "Next": f"S{i + 1}"} for i in range(count - 1)}
    return {"StartAt": "S0", "States": {**states, f"S{count - 1}": {"Type": "Pass", "End": True}}}


def one(state: dict, name: str = "One") -> dict:
    return {"StartAt": name, "States": {name: {**state, "End": True}}}


FOREVER = one({"Type": "Wait", "Seconds": 864000})
PASS = one({"Type": "Pass"})
CHILD = one({"Type": "Pass"}, "Child")
# 2,003 transitions: a choice and an addition for each round.
LOOP = {
    "StartAt": "Begin",
    "States": {
        "Begin": {"Type": "Pass", "Result": {"i": 0}, "Next": "Enough"},
        "Enough": {
            "Type": "Choice",
            "Choices": [{"Variable": "$.i", "NumericGreaterThanEquals": 1000, "Next": "End"}],
            "Default": "Add",
        },
        "Add": {"Type": "Pass", "Parameters": {"i.$": "States.MathAdd($.i, 1)"}, "Next": "Enough"},
        "End": {"Type": "Succeed"},
    },
}
MAP = one({"Type": "Map", "ItemsPath": "$.items", "ItemProcessor": CHILD})


def distributed_map(bucket: str) -> dict:
    return one(
        {
            "Type": "Map",
            "ItemsPath": "$.items",
            "MaxConcurrency": 1000,
            "ItemProcessor": {**CHILD, "ProcessorConfig": {"Mode": "DISTRIBUTED", "ExecutionType": "STANDARD"}},
            "ResultWriter": {
                "Resource": "arn:aws:states:::s3:putObject",
                "Parameters": {"Bucket": bucket, "Prefix": "results"},
            },
        }
    )
