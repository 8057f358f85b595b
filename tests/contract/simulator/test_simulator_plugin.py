"""The pytest plugin, in test runs of its own."""

import pytest

pytest_plugins = ["pytester"]

PLUGIN = ("-p", "marketo_simulator.pytest_plugin", "--strict-markers", "-Werror")
HELPERS = """
import json
from urllib.parse import urlencode
from urllib.request import Request, urlopen

import pytest

from marketo_simulator import Fault

def get(url, token=None):
    request = Request(url, headers={"Authorization": f"Bearer {token}"} if token else {})
    with urlopen(request, timeout=10) as answer:
        return json.loads(answer.read())

def sign_in(marketo):
    form = {"grant_type": "client_credentials", "client_id": marketo.client_id, "client_secret": marketo.client_secret}
    return get(f"{marketo.url}/identity/oauth/token?{urlencode(form)}").get("access_token")

def find(marketo, email):
    query = urlencode({"filterType": "email", "filterValues": email})
    return get(f"{marketo.url}/rest/v1/leads.json?{query}", sign_in(marketo))
"""


@pytest.fixture(autouse=True)
def alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """The runs load no other plugins than they name, which takes a tenth of the time."""
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")


def run(pytester: pytest.Pytester, tests: str, *options: str) -> pytest.RunResult:
    pytester.makepyfile(HELPERS + tests)
    return pytester.runpytest_subprocess(*PLUGIN, *options)


def test_a_test_has_a_marketo_that_it_can_seed_call_break_and_look_into(pytester: pytest.Pytester) -> None:
    tests = """
def test_leads(marketo):
    marketo.seed(leads=[{"email": "ada@example.org"}])
    marketo.seed({"lists": [{"name": "Webinar", "members": [1]}]})
    assert [lead["email"] for lead in find(marketo, "ada@example.org")["result"]] == ["ada@example.org"]
    assert [call.path for call in marketo.calls] == ["/identity/oauth/token", "/rest/v1/leads.json"]
    assert marketo.dump()["lists"][0]["members"] == [1]

def test_faults(marketo):
    marketo.script(Fault("error", "606", path="/leads"))
    assert find(marketo, "ada@example.org")["errors"][0]["code"] == "606"
    assert find(marketo, "ada@example.org")["success"] is True

def test_time_and_settings(marketo):
    token = sign_in(marketo)
    marketo.configure(calls_per_window=1)
    marketo.advance(7200)
    answer = get(f"{marketo.url}/rest/v1/leads/partitions.json", token)
    assert answer["errors"][0]["code"] == "602"
"""
    run(pytester, tests).assert_outcomes(passed=3)


def test_every_test_has_its_own_behind_one_port(pytester: pytest.Pytester) -> None:
    tests = """
URLS = set()

@pytest.mark.parametrize("turn", [1, 2, 3])
def test_alone(marketo, turn):
    URLS.add(marketo.url)
    assert marketo.calls == [] and marketo.dump()["leads"] == []
    assert find(marketo, "ada@example.org")["result"] == []
    marketo.seed(leads=[{"email": "ada@example.org"}])
    assert len(find(marketo, "ada@example.org")["result"]) == 1

def test_one_port(marketo):
    (url,) = URLS
    assert get(f"{url}/_simulator/dump")["leads"] == [], "also for those who know the port already"
    assert url == marketo.url
"""
    run(pytester, tests).assert_outcomes(passed=4)


def test_the_marker_says_what_it_starts_with_and_the_nearest_one_counts(pytester: pytest.Pytester) -> None:
    tests = """
pytestmark = pytest.mark.marketo(settings={"calls_per_window": 7})
CLIENT = {"client_id": "mine", "client_secret": "s"}

@pytest.mark.marketo(seed={"leads": [{"email": "class@example.org"}], "clients": [CLIENT]})
class TestOfAClass:
    def test_seed(self, marketo):
        assert [lead["email"] for lead in marketo.dump()["leads"]] == ["class@example.org"]
        assert (marketo.client_id, marketo.client_secret) == ("mine", "s")
        assert sign_in(marketo)

    @pytest.mark.marketo(seed={"leads": [{"email": "own@example.org"}]})
    def test_nearest(self, marketo):
        assert [lead["email"] for lead in marketo.dump()["leads"]] == ["own@example.org"]
        assert marketo.client_id == "client"
        assert marketo.simulator.settings.calls_per_window == 7
"""
    run(pytester, tests).assert_outcomes(passed=2)


def test_a_marker_that_says_nothing_useful_is_an_error_with_its_place(pytester: pytest.Pytester) -> None:
    told = {
        "seed={'leeds': []}": "seed: unknown key 'leeds'; did you mean 'leads'?",
        "settings={'latency': 'long'}": "settings.latency: expected a number, got 'long'",
        "speed=1": "'speed' is no option; use seed and settings by name",
        "{}": "a value without a name is no option; use seed and settings by name",
    }
    tests = [f"@pytest.mark.marketo({marker})\ndef test_{i}(marketo): pass\n" for i, marker in enumerate(told)]
    result = run(pytester, "\n".join(tests))
    result.assert_outcomes(errors=len(told))
    shown = result.stdout.str()
    assert [text for text in told.values() if f"{text}\n" not in shown] == []
    # By lines: on a CI machine pytest repeats each message in its summary, whole.
    assert sum(line.startswith("@pytest.mark.marketo: ") for line in shown.splitlines()) == len(told)
    assert "Traceback" not in shown


def test_no_port_is_opened_by_who_asks_for_none(pytester: pytest.Pytester) -> None:
    tests = """
import requests
from marketo_simulator.adapter import SimulatorAdapter

@pytest.mark.disable_socket
def test_in_process(marketo):
    with requests.Session() as session:
        session.mount("https://", SimulatorAdapter(marketo.simulator))
        assert session.get("https://mktorest.example.org/_simulator/health").json() == {"status": "ok"}
"""
    run(pytester, tests, "-p", "pytest_socket").assert_outcomes(passed=1)


def test_a_fixture_of_the_same_name_goes_before_it(pytester: pytest.Pytester) -> None:
    pytester.makeconftest("import pytest\n\n@pytest.fixture\ndef marketo():\n    return 'mine'\n")
    run(pytester, "def test_it(marketo):\n    assert marketo == 'mine'\n").assert_outcomes(passed=1)


def test_it_shows_its_marker_and_its_fixture(pytester: pytest.Pytester) -> None:
    run(pytester, "", "--markers").stdout.fnmatch_lines(["@pytest.mark.marketo(seed=None, settings=None)*"])
    shown = run(pytester, "", "--fixtures")
    shown.stdout.fnmatch_lines(["marketo -- *", "*A Marketo Engage stand-in*"])
    assert "_marketo_port" not in shown.stdout.str()


def test_it_works_with_workers(pytester: pytest.Pytester) -> None:
    tests = """
@pytest.mark.parametrize("turn", range(4))
def test_alone(marketo, turn):
    assert find(marketo, "ada@example.org")["result"] == []
    marketo.seed(leads=[{"email": "ada@example.org"}])
    assert len(find(marketo, "ada@example.org")["result"]) == 1
"""
    run(pytester, tests, "-p", "xdist.plugin", "-n", "2").assert_outcomes(passed=4)
