"""The bridge is a boundary: what a task, another task and another host can and cannot reach.

Needs what tests/e2e/test_containers.py needs, and nft.
"""

from __future__ import annotations

import json
import signal
import subprocess
import sys

import pytest
import test_containers
from conftest import BINARY, environment
from test_containers import deploy, image, messages, network, push, run, server, wait, world  # noqa: F401
from waiting import until

pytestmark = test_containers.pytestmark

# "open" when the connection is accepted within a second.
PROBE = (
    "probe() { (exec 3<>/dev/tcp/$1/$2) 2>/dev/null & local p=$!; "
    "(sleep 1; kill $p 2>/dev/null) & wait $p && echo $1:$2 open || echo $1:$2 closed; }; "
)
LISTEN = (
    "import socket, sys\ns = socket.create_server((sys.argv[1], int(sys.argv[2])))\nprint(flush=True)\n"
    "while True:\n c, a = s.accept()\n c.close()"
)
CONNECT = (
    "import socket, sys\n"
    "try:\n socket.create_connection((sys.argv[1], int(sys.argv[2])), 1, (sys.argv[3], 0)).close()\n print('open')\n"
    "except OSError:\n print('closed')"
)


def in_namespace(name: str, *command: str) -> str:
    words = ["nsenter", f"--net=/run/netns/{name}", *command]
    return subprocess.run(words, check=True, capture_output=True, text=True, timeout=20).stdout


def connects(name: str, address: str, port: int, source: str = "0.0.0.0") -> str:
    return in_namespace(name, sys.executable, "-c", CONNECT, address, str(port), source).strip()


def listening(address: str, port: int) -> subprocess.Popen:
    process = subprocess.Popen([sys.executable, "-c", LISTEN, address, str(port)], stdout=subprocess.PIPE)
    process.stdout.readline()
    return process


def address_of(task: dict) -> str:
    return task["containers"][0]["networkInterfaces"][0]["privateIpv4Address"]


def namespace_of(task: dict) -> str:
    return "kiban-" + task["taskArn"].rsplit("/", 1)[1]


def two_tasks(server, image) -> tuple[dict, dict]:  # noqa: F811
    configuration = deploy(server, push(server, image))
    arns = [run(server, configuration, "sleep 60") for _ in range(2)]
    one, two = (wait(server, arn, "RUNNING") for arn in arns)
    return one, two


def test_a_task_reaches_kiban_and_no_other_service_of_the_host(server, image):  # noqa: F811
    configuration = deploy(server, push(server, image))
    subprocess.run(["ip", "addr", "add", "203.0.113.1/32", "dev", "lo"], check=True)
    services = [listening("0.0.0.0", 25001), listening("169.254.170.2", 25002)]
    try:
        targets = [
            ("169.254.170.2", server.port, "open"),
            ("169.254.170.2", 25001, "closed"),  # Bound to all addresses.
            ("169.254.170.2", 25002, "open"),  # On the bridge's address itself, as a database is.
            ("203.0.113.1", 25001, "closed"),
        ]
        script = PROBE + "; ".join(f"probe {address} {port}" for address, port, _ in targets)
        wait(server, run(server, configuration, script))
        assert messages(server) == [f"{address}:{port} {state}" for address, port, state in targets]
    finally:
        for process in services:
            process.kill()


def test_another_host_reaches_neither_the_bridge_nor_a_task(world, server, image):  # noqa: F811
    name = next(line.split()[0] for line in subprocess.getoutput("ip netns list").splitlines() if "world" in line)
    one, _ = two_tasks(server, image)
    for address in ("169.254.170.2", address_of(one)):
        in_namespace(name, "ip", "route", "add", f"{address}/32", "via", "198.51.100.1")
    assert connects(name, "169.254.170.2", server.port) == "closed"
    # So that the address is what makes the difference.
    with listening("0.0.0.0", 25003) as process:
        assert connects(name, "198.51.100.1", 25003) == "open"
        assert connects(name, "169.254.170.2", 25003) == "closed"
        process.kill()


ANNOUNCE = """
import socket, struct, sys, time
interface, claimed = "eth0", socket.inet_aton(sys.argv[1])
raw = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
raw.bind((interface, 0x0806))
own = raw.getsockname()[4]
for target in sys.argv[2:]:
    frame = b"\\xff" * 6 + own + struct.pack("!HHHBBH", 0x0806, 1, 0x0800, 6, 4, 2)
    frame += own + claimed + b"\\xff" * 6 + socket.inet_aton(target)
    for _ in range(20):
        raw.send(frame)
        time.sleep(0.01)
"""


def neighbour(namespace: str, address: str) -> str:
    shown = in_namespace(namespace, "ip", "neigh", "show", address)
    return shown.split("lladdr ")[1].split()[0] if "lladdr" in shown else ""


def test_a_task_cannot_answer_for_the_bridge_or_another_task(server, image):  # noqa: F811
    victim, attacker = two_tasks(server, image)
    there = namespace_of(victim)
    assert connects(there, "169.254.170.2", server.port) == "open"
    before = neighbour(there, "169.254.170.2")
    assert before
    # As root of the host in the task's network: with more rights than any container has.
    in_namespace(namespace_of(attacker), sys.executable, "-c", ANNOUNCE, "169.254.170.2", address_of(victim))
    in_namespace(namespace_of(attacker), sys.executable, "-c", ANNOUNCE, address_of(victim), "169.254.170.2")
    assert neighbour(there, "169.254.170.2") == before
    assert connects(there, "169.254.170.2", server.port) == "open"


def test_a_task_cannot_send_under_another_address(server, image):  # noqa: F811
    victim, attacker = two_tasks(server, image)
    there = namespace_of(attacker)
    assert connects(there, "169.254.170.2", server.port) == "open"
    for stolen in (address_of(victim), "10.0.1.77"):
        in_namespace(there, "ip", "addr", "add", f"{stolen}/32", "dev", "eth0")
        assert connects(there, "169.254.170.2", server.port, stolen) == "closed"
    in_namespace(there, "ip", "link", "set", "eth0", "down")
    in_namespace(there, "ip", "link", "set", "eth0", "address", "02:00:00:00:00:01", "up")
    in_namespace(there, "ip", "route", "replace", "169.254.170.2", "dev", "eth0")
    assert connects(there, "169.254.170.2", server.port, address_of(attacker)) == "closed"


ASK = (
    "ask() { path=${1#http://*/}; exec 3<>/dev/tcp/169.254.170.2/PORT; "
    'printf "GET /$path HTTP/1.0\\r\\n\\r\\n" >&3; read -r line <&3; echo "$2 ${line%$\'\\r\'}"; }; '
)


def test_credentials_and_metadata_are_for_the_task_itself(server, image):  # noqa: F811
    configuration = deploy(server, push(server, image))
    ask = ASK.replace("PORT", str(server.port))
    tell = "echo $AWS_CONTAINER_CREDENTIALS_FULL_URI $ECS_CONTAINER_METADATA_URI_V4; "
    run(server, configuration, ask + tell + "ask $AWS_CONTAINER_CREDENTIALS_FULL_URI own; "
        "ask $ECS_CONTAINER_METADATA_URI_V4/task own; sleep 60")  # fmt: skip
    said = until(lambda: len(found := messages(server)) >= 3 and found, lambda: messages(server))
    credentials, metadata = next(line for line in said if line.startswith("http")).split()
    assert said.count("own HTTP/1.0 200 OK") == 2, said
    wait(server, run(server, configuration, ask + f"ask {credentials} other; ask {metadata} other"))
    assert messages(server).count("other HTTP/1.0 404 Not Found") == 2, messages(server)
    for url in (credentials, metadata):
        status, body = server.get("/" + url.split("/", 3)[3])
        assert (status, json.loads(body)["code"]) == (404, "NotFound")


@pytest.mark.parametrize("listen", ["127.0.0.1", "0.0.0.0"])
def test_the_rules_are_there_whatever_kiban_listens_on(network, listen):  # noqa: F811
    words = [
        str(BINARY),
        "serve",
        "--ephemeral",
        "--auth",
        "any",
        "--tasks",
        "containers",
        "--listen",
        f"{listen}:24099",
        "--allow-remote",
    ]
    with subprocess.Popen(words, stdout=subprocess.PIPE, text=True, env=environment()) as process:
        assert "serving on" in process.stdout.readline()
        rules = subprocess.run(["nft", "list", "ruleset"], check=True, capture_output=True, text=True).stdout
        process.send_signal(signal.SIGINT)
    assert 'ip daddr 169.254.170.2 iifname != { "lo", "kiban0" } drop' in rules
    assert "tcp dport 24099 accept" in rules
    assert "kiban" not in subprocess.run(["nft", "list", "tables"], check=True, capture_output=True, text=True).stdout
