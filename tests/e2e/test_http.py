"""Somebody's HTTP API, called by rules and by state machines: a real server that each test starts."""

from __future__ import annotations

import base64
import json
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

ROLE = "arn:aws:iam::000000000000:role/any"


class Api:
    """Keeps what it was asked; answers what `answers` says by path, in turn, the last again and again."""

    def __init__(self) -> None:
        self.asked: list[dict] = []
        self.answers: dict[str, list[tuple[int, dict]]] = {}
        api = self

        class Handler(BaseHTTPRequestHandler):
            def handle_any(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0)).decode()
                url = urlsplit(self.path)
                headers = {name.lower(): value for name, value in self.headers.items()}
                asked = {"method": self.command, "path": url.path, "query": parse_qs(url.query), "headers": headers}
                api.asked.append({**asked, "body": body})
                waiting = api.answers.get(url.path, [(200, {"ok": True})])
                status, answer = waiting.pop(0) if len(waiting) > 1 else waiting[0]
                text = json.dumps(answer).encode()
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(text)))
                self.end_headers()
                self.wfile.write(text)

            do_GET = do_POST = do_PUT = do_DELETE = handle_any

            def log_message(self, *_: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def calls(self, path: str) -> list[dict]:
        return [asked for asked in self.asked if asked["path"] == path]

    def wait_for(self, path: str, count: int) -> list[dict]:
        for _ in range(200):
            if len(self.calls(path)) >= count:
                break
            time.sleep(0.05)
        assert len(self.calls(path)) == count
        return self.calls(path)


@pytest.fixture
def api() -> Iterator[Api]:
    started = Api()
    yield started
    started.server.shutdown()
    started.server.server_close()


def basic(events, **more: object) -> str:
    parameters = {"BasicAuthParameters": {"Username": "user", "Password": "hush"}, **more}
    return events.create_connection(Name="basic", AuthorizationType="BASIC", AuthParameters=parameters)["ConnectionArn"]


def machine_of(parameters: dict, **state: object) -> str:
    call = {"Type": "Task", "Resource": "arn:aws:states:::http:invoke", "Parameters": parameters, "End": True, **state}
    states = {"Call": call, **({"Caught": {"Type": "Pass", "End": True}} if "Catch" in state else {})}
    return json.dumps({"StartAt": "Call", "States": states})


def run(server, definition: str, text: str = "{}", name: str = "m") -> dict:
    states = server.client("stepfunctions")
    machine = states.create_state_machine(name=name, definition=definition, roleArn=ROLE)["stateMachineArn"]
    execution = states.start_execution(stateMachineArn=machine, input=text)["executionArn"]
    return end_of(states, execution)


def end_of(states, execution: str) -> dict:
    for _ in range(200):
        described = states.describe_execution(executionArn=execution)
        if described["status"] != "RUNNING":
            return described
        time.sleep(0.05)
    raise AssertionError(f"{execution} goes on and on")


def test_a_rule_calls_an_api_destination_until_it_is_taken(serve, tmp_path, api):
    server = serve("--data", tmp_path, "--auth", "any")
    events = server.client("events")
    api.answers["/hook/7"] = [(503, {}), (200, {})]
    header = {"Key": "X-From", "Value": "connection"}
    connection = basic(events, InvocationHttpParameters={"HeaderParameters": [header]})
    destination = events.create_api_destination(
        Name="hook", ConnectionArn=connection, InvocationEndpoint=f"{api.url}/hook/*", HttpMethod="POST"
    )
    assert destination["ApiDestinationState"] == "ACTIVE"
    events.put_rule(Name="r", EventPattern=json.dumps({"source": ["orders"]}))
    target = {
        "Id": "t",
        "Arn": destination["ApiDestinationArn"],
        "RoleArn": ROLE,
        "InputPath": "$.detail",
        "HttpParameters": {"PathParameterValues": ["$.detail.n"], "QueryStringParameters": {"v": "1 2"}},
    }
    assert events.put_targets(Rule="r", Targets=[target])["FailedEntryCount"] == 0
    events.put_events(Entries=[{"Source": "orders", "DetailType": "made", "Detail": json.dumps({"n": 7})}])

    first, second = api.wait_for("/hook/7", 2)
    assert first == second
    assert (first["method"], first["query"], json.loads(first["body"])) == ("POST", {"v": ["1 2"]}, {"n": 7})
    sent = first["headers"]
    assert sent["authorization"] == "Basic " + base64.b64encode(b"user:hush").decode()
    assert (sent["x-from"], sent["user-agent"]) == ("connection", "Amazon/EventBridge/ApiDestinations")
    assert sent["content-type"] == "application/json; charset=utf-8"
    time.sleep(0.5)
    assert len(api.asked) == 2


def test_a_connection_tells_no_secret_and_refuses_plain_http_elsewhere(serve, tmp_path):
    server = serve("--data", tmp_path, "--auth", "any")
    events, secrets = server.client("events"), server.client("secretsmanager")
    connection = basic(events)
    described = events.describe_connection(Name="basic")
    assert described["ConnectionState"] == "AUTHORIZED"
    assert described["AuthParameters"] == {"BasicAuthParameters": {"Username": "user"}}
    assert ":secret:events!connection/basic/" in described["SecretArn"]
    assert json.loads(secrets.get_secret_value(SecretId=described["SecretArn"])["SecretString"])["password"] == "hush"
    with pytest.raises(ClientError, match="loopback"):
        events.create_api_destination(
            Name="d", ConnectionArn=connection, InvocationEndpoint="http://example.com/", HttpMethod="GET"
        )
    with pytest.raises(events.exceptions.ResourceAlreadyExistsException):
        basic(events)
    events.delete_connection(Name="basic")
    with pytest.raises(events.exceptions.ResourceNotFoundException):
        events.describe_connection(Name="basic")
    with pytest.raises(secrets.exceptions.ResourceNotFoundException):
        secrets.describe_secret(SecretId=described["SecretArn"])


def test_a_state_machine_calls_with_an_api_key(serve, tmp_path, api):
    server = serve("--data", tmp_path, "--auth", "any")
    key = {"ApiKeyAuthParameters": {"ApiKeyName": "X-Key", "ApiKeyValue": "hush"}}
    connection = server.client("events").create_connection(Name="k", AuthorizationType="API_KEY", AuthParameters=key)[
        "ConnectionArn"
    ]
    api.answers["/customers"] = [(201, {"id": 5})]
    parameters = {
        "ApiEndpoint": f"{api.url}/customers",
        "Method": "POST",
        "InvocationConfig": {"ConnectionArn": connection},
        "QueryParameters": {"currency": "usd"},
        "RequestBody": {"name.$": "$.name", "tags": ["a", "b"]},
    }
    ended = run(server, machine_of(parameters), json.dumps({"name": "Ann"}))
    assert ended["status"] == "SUCCEEDED"
    output = json.loads(ended["output"])
    assert (output["StatusCode"], output["StatusText"]) == (201, "Created")
    assert output["ResponseBody"] == {"id": 5}
    assert output["Headers"]["content-type"] == ["application/json"]
    (asked,) = api.asked
    assert (asked["query"], json.loads(asked["body"])) == ({"currency": ["usd"]}, {"name": "Ann", "tags": ["a", "b"]})
    assert asked["headers"]["x-key"] == "hush"
    assert asked["headers"]["user-agent"] == "Amazon|StepFunctions|HttpInvoke|ap-northeast-1"
    assert asked["headers"]["range"] == "bytes=0-262144"
    assert asked["headers"]["content-type"] == "application/json; charset=UTF-8"

    form = {
        **parameters,
        "Headers": {"content-type": "application/x-www-form-urlencoded"},
        "Transform": {"RequestBodyEncoding": "URL_ENCODED", "RequestEncodingOptions": {"ArrayFormat": "BRACKETS"}},
    }
    assert run(server, machine_of(form), json.dumps({"name": "A b"}), name="form")["status"] == "SUCCEEDED"
    assert parse_qs(api.asked[1]["body"]) == {"name": ["A b"], "tags[]": ["a", "b"]}
    assert api.asked[1]["headers"]["content-type"] == "application/x-www-form-urlencoded"


def test_an_oauth_token_is_fetched_once(serve, tmp_path, api):
    server = serve("--data", tmp_path, "--auth", "any")
    events = server.client("events")
    api.answers["/token"] = [(200, {"access_token": "T", "token_type": "Bearer", "expires_in": 3600})]
    oauth = {
        "ClientParameters": {"ClientID": "id", "ClientSecret": "hush"},
        "AuthorizationEndpoint": f"{api.url}/token",
        "HttpMethod": "POST",
        "OAuthHttpParameters": {"BodyParameters": [{"Key": "scope", "Value": "all"}]},
    }
    connection = events.create_connection(
        Name="o", AuthorizationType="OAUTH_CLIENT_CREDENTIALS", AuthParameters={"OAuthParameters": oauth}
    )["ConnectionArn"]
    (asked,) = api.wait_for("/token", 1)
    fields = {"grant_type": ["client_credentials"], "client_id": ["id"], "client_secret": ["hush"], "scope": ["all"]}
    assert parse_qs(asked["body"]) == fields
    for _ in range(100):
        if events.describe_connection(Name="o")["ConnectionState"] == "AUTHORIZED":
            break
        time.sleep(0.05)
    parameters = {"ApiEndpoint": f"{api.url}/a", "Method": "GET", "Authentication": {"ConnectionArn": connection}}
    for name in ("one", "two"):
        assert run(server, machine_of(parameters), name=name)["status"] == "SUCCEEDED"
    assert [call["headers"]["authorization"] for call in api.calls("/a")] == ["Bearer T", "Bearer T"]
    assert len(api.calls("/token")) == 1


def test_errors_are_retried_and_caught_by_their_status(serve, tmp_path, api):
    server = serve("--data", tmp_path, "--auth", "any")
    connection = basic(server.client("events"))
    api.answers["/flaky"] = [(503, {}), (200, {"n": 1})]
    api.answers["/gone"] = [(404, {"message": "no such thing"})]

    def parameters(url: str) -> dict:
        return {"ApiEndpoint": url, "Method": "GET", "Authentication": {"ConnectionArn": connection}}

    retry = {"ErrorEquals": ["States.Http.StatusCode.503"], "IntervalSeconds": 1, "MaxAttempts": 2}
    ended = run(server, machine_of(parameters(f"{api.url}/flaky"), Retry=[retry]), name="flaky")
    assert json.loads(ended["output"])["ResponseBody"] == {"n": 1}
    assert len(api.calls("/flaky")) == 2

    catch = {"ErrorEquals": ["States.Http.StatusCode.404", "States.Http.Socket"], "Next": "Caught"}
    caught = json.loads(run(server, machine_of(parameters(f"{api.url}/gone"), Catch=[catch]), name="gone")["output"])
    assert caught["Error"] == "States.Http.StatusCode.404"
    assert json.loads(caught["Cause"]) == {"message": "no such thing"}
    closed = run(server, machine_of(parameters("http://127.0.0.1:1/"), Catch=[catch]), name="closed")
    assert json.loads(closed["output"])["Error"] == "States.Http.Socket"

    plain = run(server, machine_of(parameters("http://example.com/")), name="plain")
    assert (plain["status"], plain["error"]) == ("FAILED", "States.Runtime")
    nobody = {**parameters(api.url), "Authentication": {"ConnectionArn": connection[:-1] + "x"}}
    lost = run(server, machine_of(nobody), name="lost")
    assert lost["error"] == "Events.ConnectionResource.ResourceNotFound"


def test_a_call_under_way_survives_a_kill(serve, tmp_path, api):
    server = serve("--data", tmp_path, "--auth", "any")
    connection = basic(server.client("events"))
    hold, held = threading.Event(), threading.Event()
    plain = api.server.RequestHandlerClass.handle_any

    def slow(handler) -> None:
        held.set()
        hold.wait(20)
        plain(handler)

    api.server.RequestHandlerClass.do_GET = slow
    parameters = {"ApiEndpoint": f"{api.url}/x", "Method": "GET", "Authentication": {"ConnectionArn": connection}}
    states = server.client("stepfunctions")
    machine = states.create_state_machine(name="m", definition=machine_of(parameters), roleArn=ROLE)["stateMachineArn"]
    execution = states.start_execution(stateMachineArn=machine)["executionArn"]
    assert held.wait(10)
    server.kill()
    hold.set()
    server = serve("--data", tmp_path, "--auth", "any")
    assert end_of(server.client("stepfunctions"), execution)["status"] == "SUCCEEDED"


def test_test_state_shows_request_and_response(serve, tmp_path, api):
    server = serve("--data", tmp_path, "--auth", "any")
    query = {"Key": "token", "Value": "hush"}
    connection = basic(server.client("events"), InvocationHttpParameters={"QueryStringParameters": [query]})
    state = {
        "Type": "Task",
        "Resource": "arn:aws:states:::http:invoke",
        "Parameters": {
            "ApiEndpoint": f"{api.url}/x",
            "Method": "GET",
            "Authentication": {"ConnectionArn": connection},
            "Headers": {"definitionHeader": "h1"},
        },
        "End": True,
    }
    config = Config(inject_host_prefix=False, retries={"total_max_attempts": 1}, proxies={})
    states = server.client("stepfunctions", config=config)

    def trace(**more: object) -> dict:
        return states.test_state(definition=json.dumps(state), roleArn=ROLE, inspectionLevel="TRACE", **more)

    hidden = trace()
    assert hidden["status"] == "SUCCEEDED"
    assert json.loads(hidden["output"])["ResponseBody"] == {"ok": True}
    request, response = hidden["inspectionData"]["request"], hidden["inspectionData"]["response"]
    assert (request["protocol"], request["method"], request["url"]) == ("http", "GET", f"{api.url}/x")
    assert request["headers"].startswith("[definitionHeader: h1, User-Agent: Amazon|StepFunctions|HttpInvoke|")
    assert (response["statusCode"], response["statusMessage"], response["body"]) == ("200", "OK", '{"ok": true}')
    assert "content-type: application/json" in response["headers"]
    shown = trace(revealSecrets=True)["inspectionData"]["request"]
    assert shown["url"] == f"{api.url}/x?token=hush"
    assert "Authorization: Basic dXNlcjpodXNo" in shown["headers"]
    api.answers["/x"] = [(500, {})]
    failed = trace()
    assert (failed["status"], failed["error"]) == ("FAILED", "States.Http.StatusCode.500")
    assert failed["inspectionData"]["response"]["statusCode"] == "500"


def test_a_mock_stands_for_the_call(serve, tmp_path):
    mocked = {"StatusCode": 200, "ResponseBody": {"n": 1}}
    config = {
        "StateMachines": {"m": {"TestCases": {"Good": {"Call": "Answer"}}}},
        "MockedResponses": {"Answer": {"0": {"Throw": {"Error": "States.Http.StatusCode.503", "Cause": "busy"}}}},
    }
    config["MockedResponses"]["Answer"]["1"] = {"Return": mocked}
    (tmp_path / "mocks.json").write_text(json.dumps(config))
    server = serve("--data", tmp_path / "data", "--auth", "any", "--mock-config", tmp_path / "mocks.json")
    states = server.client("stepfunctions")
    retry = {"ErrorEquals": ["States.Http.StatusCode.503"], "IntervalSeconds": 1, "MaxAttempts": 1}
    definition = machine_of({"ApiEndpoint": "https://example.com/", "Method": "GET"}, Retry=[retry])
    machine = states.create_state_machine(name="m", definition=definition, roleArn=ROLE)["stateMachineArn"]
    execution = states.start_execution(stateMachineArn=f"{machine}#Good")["executionArn"]
    assert json.loads(end_of(states, execution)["output"]) == mocked


def test_cloudformation_makes_them(serve, tmp_path, api):
    server = serve("--data", tmp_path, "--auth", "any")
    basic_parameters = {"BasicAuthParameters": {"Username": "u", "Password": "hush"}}
    statement = {"Effect": "Allow", "Principal": "*", "Action": "events:PutEvents", "Resource": "*"}
    resources = {
        "Bus": {"Type": "AWS::Events::EventBus", "Properties": {"Name": "orders", "Description": "all of them"}},
        "Policy": {
            "Type": "AWS::Events::EventBusPolicy",
            "Properties": {"EventBusName": {"Ref": "Bus"}, "StatementId": "all", "Statement": statement},
        },
        "Connection": {
            "Type": "AWS::Events::Connection",
            "Properties": {"AuthorizationType": "BASIC", "AuthParameters": basic_parameters},
        },
        "Destination": {
            "Type": "AWS::Events::ApiDestination",
            "Properties": {
                "ConnectionArn": {"Fn::GetAtt": ["Connection", "Arn"]},
                "HttpMethod": "POST",
                "InvocationEndpoint": f"{api.url}/hook",
            },
        },
        "Rule": {
            "Type": "AWS::Events::Rule",
            "Properties": {
                "EventBusName": {"Ref": "Bus"},
                "EventPattern": {"source": ["s"]},
                "Targets": [{"Id": "t", "Arn": {"Fn::GetAtt": ["Destination", "Arn"]}, "RoleArn": ROLE}],
            },
        },
    }
    outputs = {"Secret": {"Value": {"Fn::GetAtt": ["Connection", "SecretArn"]}}}
    formation, events = server.client("cloudformation"), server.client("events")
    formation.create_stack(StackName="s", TemplateBody=json.dumps({"Resources": resources, "Outputs": outputs}))
    formation.get_waiter("stack_create_complete").wait(StackName="s", WaiterConfig={"Delay": 1, "MaxAttempts": 30})
    (stack,) = formation.describe_stacks(StackName="s")["Stacks"]
    assert ":secret:events!connection/" in stack["Outputs"][0]["OutputValue"]
    bus = events.describe_event_bus(Name="orders")
    assert bus["Description"] == "all of them"
    assert json.loads(bus["Policy"])["Statement"] == [{"Sid": "all", **statement}]
    events.put_events(Entries=[{"Source": "s", "DetailType": "t", "Detail": "{}", "EventBusName": "orders"}])
    api.wait_for("/hook", 1)

    resources["Bus"]["Properties"]["Description"] = "some"
    resources["Destination"]["Properties"]["InvocationEndpoint"] = f"{api.url}/other"
    formation.update_stack(StackName="s", TemplateBody=json.dumps({"Resources": resources, "Outputs": outputs}))
    formation.get_waiter("stack_update_complete").wait(StackName="s", WaiterConfig={"Delay": 1, "MaxAttempts": 30})
    assert events.describe_event_bus(Name="orders")["Description"] == "some"
    events.put_events(Entries=[{"Source": "s", "DetailType": "t", "Detail": "{}", "EventBusName": "orders"}])
    api.wait_for("/other", 1)
    formation.delete_stack(StackName="s")
    formation.get_waiter("stack_delete_complete").wait(StackName="s", WaiterConfig={"Delay": 1, "MaxAttempts": 30})
    assert events.list_connections()["Connections"] == []
    assert events.list_api_destinations()["ApiDestinations"] == []
