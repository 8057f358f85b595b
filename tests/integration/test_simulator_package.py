"""The simulator as others get it: installed from its folder into an empty environment, and used as its README says."""

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import pytest

FOLDER: Final = Path(__file__).parents[2] / "simulator"
README: Final = (FOLDER / "README.md").read_text(encoding="utf-8")
SHELL: Final = re.findall(r"^```sh\n(.*?)^```", README, re.DOTALL | re.MULTILINE)
PYTHON: Final = re.findall(r"^```python\n(.*?)^```", README, re.DOTALL | re.MULTILINE)

pytestmark = pytest.mark.timeout(300)  # what is installed comes over the network

MY_CLIENT: Final = """
import time

import requests

class MyClient:
    \"\"\"What the README takes for granted: somebody's client, which tries again when it is throttled.\"\"\"

    def __init__(self, url, client_id, client_secret):
        form = {"grant_type": "client_credentials", "client_id": client_id, "client_secret": client_secret}
        answer = requests.post(f"{url}/identity/oauth/token", data=form, timeout=10)
        self.url, self.headers = url, {"Authorization": f"Bearer {answer.json()['access_token']}"}

    def rename(self, email, name):
        sent = {"action": "updateOnly", "input": [{"email": email, "firstName": name}]}
        url = f"{self.url}/rest/v1/leads.json"
        while not requests.post(url, json=sent, headers=self.headers, timeout=10).json()["success"]:
            time.sleep(0.01)
"""


@dataclass(frozen=True)
class Environment:
    """A virtual environment, and a folder with a checkout in which its user works."""

    root: Path
    packages: frozenset[str] = frozenset()
    """What was installed by the README's first command."""

    @property
    def checkout(self) -> Path:
        return self.root / "checkout"

    @property
    def variables(self) -> dict[str, str]:
        own = {name: value for name, value in os.environ.items() if not name.startswith(("PYTEST", "PYTHON", "COV"))}
        return own | {"PATH": f"{self.root / 'venv/bin'}{os.pathsep}{os.environ['PATH']}"}

    def shell(self, commands: str) -> str:
        """What the commands print; they must end well."""
        done = subprocess.run(  # noqa: S603 (the commands of our own README)
            ["/bin/bash", "-euo", "pipefail", "-c", commands],
            cwd=self.checkout,
            env=self.variables,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def installed(self) -> frozenset[str]:
        listed: list[dict[str, str]] = json.loads(self.shell("pip list --format json"))
        return frozenset(each["name"].lower() for each in listed)


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory) -> Environment:
    """Empty but for what `pip install ./simulator` brings."""
    root = tmp_path_factory.mktemp("package")
    shutil.copytree(FOLDER, root / "checkout/simulator", ignore=shutil.ignore_patterns("__pycache__"))
    subprocess.run([sys.executable, "-m", "venv", root / "venv"], check=True)  # noqa: S603 (no input of others)
    empty = Environment(root)
    before = empty.installed()
    assert SHELL[0] == "pip install ./simulator\n"
    empty.shell(SHELL[0])
    return Environment(root, empty.installed() - before)


@pytest.fixture(scope="module")
def with_extras(environment: Environment) -> Environment:
    """The same with all extras; what is installed is not built again."""
    environment.shell("pip install --quiet 'marketo-simulator[requests,httpx,pytest,tls]'")
    return environment


@contextmanager
def started(environment: Environment, command: str) -> Iterator[str]:
    """The command in a process of its own, as the README writes it but at a free port; gives that port."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = str(probe.getsockname()[1])
    words = command.replace("9000", port).split()
    words[0] = str(environment.root / "venv/bin" / words[0])
    with subprocess.Popen(  # noqa: S603 (the command of our own README)
        words, cwd=environment.checkout, env=environment.variables, stdout=subprocess.PIPE, text=True
    ) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == f"Marketo simulator ready at http://127.0.0.1:{port}\n"
            yield port
            process.send_signal(signal.SIGINT)
            assert process.wait(20) == 0
        finally:
            process.kill()


def test_it_brings_two_small_packages_along_and_nothing_of_the_project(environment: Environment) -> None:
    assert environment.packages == {"marketo-simulator", "h11", "tzdata"}


def test_the_first_commands_of_the_readme_do_what_it_says(environment: Environment) -> None:
    start, commands = SHELL[1:3]
    with started(environment, start) as port:
        printed = environment.shell(commands.replace("9000", port))
    answers, at = [], 0
    while at < len(printed.rstrip()):
        answer, end = json.JSONDecoder().raw_decode(printed, at)
        answers.append(answer)
        at = end + len(printed[end:]) - len(printed[end:].lstrip())
    created, found, scripted, throttled, dump = answers
    assert created["result"] == [{"id": 1, "status": "created"}]
    assert found["result"][0]["email"] == "ada@example.org"
    assert scripted[0]["code"] == "606"
    assert throttled["errors"][0]["code"] == "606"
    assert dump["leads"][0]["firstName"] == "Ada"


def test_all_modules_the_licence_and_the_types_are_installed(environment: Environment) -> None:
    (packages,) = (environment.root / "venv/lib").glob("python*/site-packages")
    (about,) = packages.glob("marketo_simulator-*.dist-info")
    assert (about / "licenses/LICENSE").read_text() == (FOLDER / "LICENSE").read_text()
    needed = [*(FOLDER / "marketo_simulator").rglob("*.py"), FOLDER / "marketo_simulator/py.typed"]
    assert [path for path in needed if not (packages / path.relative_to(FOLDER)).exists()] == []


def test_the_test_of_the_readme_passes_with_the_plugin_found_by_itself(with_extras: Environment) -> None:
    (with_extras.checkout / "test_readme.py").write_text(MY_CLIENT + PYTHON[0])
    assert "1 passed" in with_extras.shell("python -m pytest -q --strict-markers -Werror test_readme.py")


def test_the_readme_reaches_it_without_a_port(with_extras: Environment) -> None:
    by_requests, by_httpx, asserted = PYTHON[1:]
    for name, code in (("requests", by_requests + asserted), ("httpx", by_httpx)):
        (with_extras.checkout / f"by_{name}.py").write_text(code)
    assert with_extras.shell("python -W error by_requests.py") == ""
    assert "'code': '600'" in with_extras.shell("python -W error by_httpx.py")


def test_https_as_the_readme_trusts_it(with_extras: Environment) -> None:
    script = """
    marketo-simulator --tls --port 0 > said & simulator=$!
    until grep -q 'its CA' said; do sleep 0.05; done
    url=$(sed -n 's/.* ready at //p' said)
    curl -s --cacert marketo-simulator-ca.pem "$url/_simulator/health"
    ca=marketo-simulator-ca.pem
    REQUESTS_CA_BUNDLE=$ca python -c "import requests; print(requests.get('$url/_simulator/health').json())"
    SSL_CERT_FILE=$ca python -c "import httpx; print(httpx.get('$url/_simulator/health').json())"
    kill $simulator; wait $simulator
    """
    assert with_extras.shell(script).replace(" ", "").replace("'", '"').count('{"status":"ok"}') == 3
