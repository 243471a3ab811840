"""The command line as people use it: at a terminal, with the Tab key, by names."""

from __future__ import annotations

import io
import json
import os
import pty
import re
import shlex
import signal
import subprocess
import threading
import time
import zipfile
from pathlib import Path

import pytest
from conftest import BINARY, environment, kiban

ROLE = "arn:aws:iam::000000000000:role/any"
PASS = json.dumps({"StartAt": "準備", "States": {"準備": {"Type": "Pass", "Result": {"n": 1}, "End": True}}})
WAIT = json.dumps({"StartAt": "W", "States": {"W": {"Type": "Wait", "Seconds": 600, "End": True}}})


@pytest.fixture
def stack(serve, tmp_path):
    """A server with two state machines and a log group."""
    server = serve("--data", tmp_path, "--auth", "any")
    states = server.client("stepfunctions")
    states.create_state_machine(name="nightly", definition=PASS, roleArn=ROLE)
    states.create_state_machine(name="noon", definition=WAIT, roleArn=ROLE)
    server.client("logs").create_log_group(logGroupName="/dev/batch")
    return server


class Terminal:
    """A command that believes it sits at one."""

    def __init__(self, *arguments: str | Path, columns: int = 80, **extra: str) -> None:
        self.master, slave = pty.openpty()
        subprocess.run(["stty", "cols", str(columns)], stdin=slave, check=True)
        self.process = subprocess.Popen(
            [str(BINARY), *map(str, arguments)],
            env=environment(TERM="xterm", **extra),
            stdin=slave,
            stdout=slave,
            stderr=slave,
            start_new_session=True,
        )
        os.close(slave)
        self.text = ""
        self.reader = threading.Thread(target=self.read)
        self.reader.start()

    def read(self) -> None:
        while True:
            try:
                more = os.read(self.master, 65536)
            except OSError:  # The other side is closed.
                return
            if not more:
                return
            self.text += more.decode(errors="replace")

    def until(self, text: str) -> None:
        end = time.monotonic() + 15
        while text not in self.text:
            assert time.monotonic() < end, self.text
            time.sleep(0.02)

    def type(self, text: str) -> None:
        os.write(self.master, text.encode())

    def end(self) -> int:
        code = self.process.wait(timeout=20)
        self.reader.join(timeout=5)
        return code


def completed(line: str, data: Path, path: Path) -> list[str]:
    """What bash offers where `line` ends."""
    words = shlex.split(line) + ([""] if line.endswith(" ") else [])
    (path / "kiban").unlink(missing_ok=True)
    (path / "kiban").symlink_to(BINARY)
    script = (
        f"PATH={path}:$PATH; source <(kiban completion bash)\n"
        f"COMP_WORDS=({' '.join(map(shlex.quote, words))}); COMP_CWORD={len(words) - 1}\n"
        'compopt() { :; }\n_kiban; printf "%s\\n" "${COMPREPLY[@]}"'
    )
    done = subprocess.run(
        ["bash", "--norc", "-c", script],
        env=environment(KIBAN_DATA=str(data)),
        cwd=path,
        capture_output=True,
        text=True,
        timeout=20,
        check=True,
    )
    assert done.stderr == ""
    return [word for word in done.stdout.split("\n") if word]


def test_the_tab_key_completes_what_there_is(stack, tmp_path, tmp_path_factory):
    path = tmp_path_factory.mktemp("path")
    (path / "case.json").touch()
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as code:
        code.writestr("bootstrap", "#!/bin/sh\n")
    stack.client("lambda").create_function(
        FunctionName="resize",
        Runtime="provided.al2023",
        Handler="any",
        Role=ROLE,
        Code={"ZipFile": archive.getvalue()},
    )

    def offered(line: str) -> list[str]:
        return completed(line, tmp_path, path)

    assert offered("kiban sch") == ["schedule"]
    assert offered("kiban clock ") == ["show", "advance", "set", "scale", "freeze"]
    assert offered("kiban serve --clock ") == ["real", "virtual"]
    assert "--ephemeral" in offered("kiban serve --")
    assert offered("kiban start n") == ["nightly", "noon"]
    assert offered("kiban logs /dev") == ["/dev/batch"]
    assert offered("kiban invoke re") == ["resize"]
    assert offered("kiban logs --function ") == ["resize"]
    assert offered("kiban asl validate ca") == ["case.json"]
    started = json.loads(kiban("start", "noon", "--name", "try-1", "--json", "--data", tmp_path).stdout)
    assert offered("kiban history tr") == ["try-1"] and started["executionArn"].endswith(":try-1")
    stack.stop()
    assert offered("kiban start n") == []  # And not a word on stderr.
    assert offered("kiban sch") == ["schedule"]


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_each_shell_has_a_script(shell):
    script = kiban("completion", shell)
    assert script.returncode == 0 and "__complete" in script.stdout
    assert kiban("completion", "csh").returncode == 2


def test_a_history_is_found_by_name(stack, tmp_path):
    arns = [
        json.loads(kiban("start", "nightly", "--name", name, "--json", "--data", tmp_path).stdout)["executionArn"]
        for name in ("first-1", "second-1", "second-2")
    ]
    time.sleep(0.01)
    for wanted, arn in (("first", arns[0]), ("second-1", arns[1]), ("nightly", arns[2]), (arns[0], arns[0])):
        shown = kiban("history", wanted, "--data", tmp_path)
        assert shown.returncode == 0, shown.stderr
        assert arn.rsplit(":", 1)[1] in shown.stdout.splitlines()[0]
    both = kiban("history", "second", "--data", tmp_path)
    assert both.returncode == 1 and "second-1" in both.stderr and "second-2" in both.stderr
    none = kiban("history", "third", "--data", tmp_path)
    assert none.returncode == 1 and none.stderr.startswith("kiban: history: ")
    as_json = json.loads(kiban("history", "first-1", "--json", "--data", tmp_path).stdout)
    answer = stack.client("stepfunctions").get_execution_history(executionArn=arns[0])
    assert [e["type"] for e in as_json["events"]] == [e["type"] for e in answer["events"]]
    lines = kiban("history", "first-1", "--data", tmp_path).stdout.splitlines()
    # Wide characters take two columns, so that what follows stands in line.
    exited = next(line for line in lines if "PassStateExited" in line)
    assert re.search(r"\+0\.\d{3} s  PassStateExited +準備   out 7 B \(\+5 B\)", exited), exited


def test_colours_are_for_terminals_that_want_them(stack, tmp_path):
    kiban("start", "nightly", "--data", tmp_path)
    assert "\033" not in kiban("executions", "--data", tmp_path).stdout
    shown = Terminal("executions", "--data", tmp_path)
    assert shown.end() == 0 and "\033[32mSUCCEEDED" in shown.text
    plain = Terminal("executions", "--data", tmp_path, NO_COLOR="1")
    assert plain.end() == 0 and "\033" not in plain.text


def test_tables_end_where_the_terminal_ends(stack, tmp_path):
    kiban("start", "nightly", "--name", "x" * 80, "--data", tmp_path)
    narrow = Terminal("executions", "--data", tmp_path, columns=90, NO_COLOR="1")
    assert narrow.end() == 0
    assert max(map(len, narrow.text.splitlines())) == 90 and "x…" in narrow.text


def test_ctrl_c_leaves_the_execution_alone(stack, tmp_path):
    watched = Terminal("start", "noon", "--follow", "--data", tmp_path)
    watched.until("> W")
    watched.process.send_signal(signal.SIGINT)
    assert watched.end() == 130
    assert "The execution goes on" in watched.text and "kiban history" in watched.text
    assert [e["status"] for e in json.loads(kiban("executions", "--json", "--data", tmp_path).stdout)] == ["RUNNING"]
    running = kiban("executions", "--status", "running", "--data", tmp_path)  # In any case of letters.
    assert "RUNNING" in running.stdout
    assert "RUNNING" not in kiban("executions", "--status", "FAILED", "--data", tmp_path).stdout


def test_logs_are_followed_and_cut_by_age(stack, tmp_path):
    logs = stack.client("logs")
    logs.create_log_stream(logGroupName="/dev/batch", logStreamName="s")

    def put(text: str, age: float) -> None:
        event = {"timestamp": round((time.time() - age) * 1000), "message": text}
        logs.put_log_events(logGroupName="/dev/batch", logStreamName="s", logEvents=[event])

    put("yesterday", 86400)
    put("行 1", 1)
    young = kiban("logs", "/dev/batch", "--since", "1h", "--data", tmp_path).stdout
    assert "行 1" in young and "yesterday" not in young
    followed = Terminal("logs", "/dev/batch", "--follow", "--data", tmp_path)
    followed.until("行 1")
    put("行 2", 0)
    followed.until("行 2")
    time.sleep(1)
    followed.process.send_signal(signal.SIGINT)
    assert followed.end() == 130
    assert followed.text.count("行 1") == 1 and followed.text.count("行 2") == 1
    gone = kiban("logs", "/none", "--data", tmp_path)
    assert gone.returncode == 1 and "'kiban logs' lists" in gone.stderr


def test_reset_asks_at_a_terminal(serve, tmp_path):
    server = serve("--data", tmp_path)
    running = Terminal("reset", "--data", tmp_path)
    assert running.end() == 1 and "Stop the kiban" in running.text  # Before it asks.
    server.stop()
    asked = Terminal("reset", "--data", tmp_path)
    asked.until("[y/N]")
    asked.type("n\n")
    assert asked.end() == 1 and (tmp_path / "rows").exists()
    asked = Terminal("reset", "--data", tmp_path)
    asked.until("[y/N]")
    asked.type("y\n")
    assert asked.end() == 0 and not (tmp_path / "rows").exists()


def test_doctor_names_what_is_missing_and_what_to_do(serve, tmp_path):
    serve("--data", tmp_path)
    checks = json.loads(kiban("doctor", "--json", "--data", tmp_path, PATH="/nowhere").stdout)
    by_name = {check["check"]: check for check in checks}
    assert by_name["server"]["ok"]
    for tool, package in (("skopeo", "skopeo"), ("aws", "awscli")):
        check = by_name[tool]
        assert check["ok"] or f"apt-get install {package}" in check["do"]


def test_an_unknown_command_is_named():
    done = kiban("nightly")
    assert done.returncode == 2 and "there is no command 'nightly'" in done.stderr
    done = kiban("iam", "lgo")
    assert done.returncode == 2 and "there is no command 'kiban iam lgo'" in done.stderr
    done = kiban("iam", "report", "--lgo")
    assert done.returncode == 2 and "'kiban iam report --help'" in done.stderr


def test_a_repeatable_option_takes_one_value_at_a_time(tmp_path):
    template = tmp_path / "template.json"
    template.write_text('{"Parameters": {"P": {"Type": "String"}}, "Resources": {"T": {"Type": "AWS::SNS::Topic"}}}')
    done = kiban("cfn", "transform", "--parameter", "P=1", template)
    assert done.returncode == 0 and json.loads(done.stdout)["Resources"] == {"T": {"Type": "AWS::SNS::Topic"}}
    done = kiban("serve", "--allow-host", "a", "b", "--data", tmp_path / "data")
    assert done.returncode == 2 and "not expected: b" in done.stderr
    assert "cannot be read" in kiban("cfn", "transform", tmp_path).stderr


def test_process_tasks_need_a_source():
    done = kiban("serve", "--ephemeral", "--listen", "127.0.0.1:0", "--tasks", "process")
    assert done.returncode == 1 and "need a folder to run in. Name the folder" in done.stderr


def test_an_error_of_a_rest_service_has_its_name(stack, tmp_path):
    done = kiban("invoke", "nothing", "--data", tmp_path)
    assert done.returncode == 1 and "ResourceNotFoundException: Function not found" in done.stderr
    assert kiban("logs", "/dev/batch", "--function", "f", "--data", tmp_path).returncode == 2
    assert kiban("invoke", "nothing", "--event", "--logs", "--data", tmp_path).returncode == 2


def test_a_server_with_another_key_says_which_option_helps(serve, tmp_path):
    server = serve("--data", tmp_path / "data")
    for command in ("log", "explain", "report"):
        done = kiban("iam", command, "--endpoint", server.endpoint, "--data", tmp_path / "other")
        assert done.returncode == 1 and "has another key. Name the server's data directory with --data" in done.stderr
