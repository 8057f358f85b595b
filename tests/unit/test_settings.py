from typing import Any

import pytest

from destination.settings import ConnectionsSettings, IngestSettings, MonitorSettings, SettingsError, SyncSettings

ENVIRONMENTS: list[tuple[Any, tuple[str, ...]]] = [
    (IngestSettings, ("STACK_NAME", "CONNECTIONS_TABLE", "QUEUE_URL")),
    (
        SyncSettings,
        (
            "STACK_NAME",
            "CONNECTIONS_TABLE",
            "LEDGER_TABLE",
            "RUNS_TABLE",
            "BUCKET",
            "QUEUE_URL",
            "DEAD_LETTER_QUEUE_URL",
            "SECRETS_PREFIX",
            "PSEUDONYM_SECRET",
            "BATCH_WINDOW_SECONDS",
            "MARKETO_URL",
        ),
    ),
    (
        ConnectionsSettings,
        (
            "CONNECTIONS_TABLE",
            "LEDGER_TABLE",
            "RUNS_TABLE",
            "BUCKET",
            "QUEUE_URL",
            "ALERT_TOPIC_ARN",
            "DEAD_LETTER_QUEUE_URL",
            "SECRETS_PREFIX",
            "PSEUDONYM_SECRET",
            "MARKETO_URL",
        ),
    ),
    (
        MonitorSettings,
        (
            "CONNECTIONS_TABLE",
            "LEDGER_TABLE",
            "RUNS_TABLE",
            "BUCKET",
            "QUEUE_URL",
            "ALERT_TOPIC_ARN",
            "SECRETS_PREFIX",
            "STACK_NAME",
            "MARKETO_URL",
        ),
    ),
]


@pytest.mark.parametrize(("settings", "names"), ENVIRONMENTS)
def test_each_function_reads_its_environment(settings: Any, names: tuple[str, ...]) -> None:
    env = {name: f"value of {name}" for name in names}
    read = settings.from_env({**env, "OTHER": "x"})
    assert {name: getattr(read, name.lower()) for name in names} == env


@pytest.mark.parametrize(("settings", "names"), ENVIRONMENTS)
def test_a_variable_that_is_missing_or_empty_is_named(settings: Any, names: tuple[str, ...]) -> None:
    for name in names:
        for env in ({other: "x" for other in names if other != name}, {**dict.fromkeys(names, "x"), name: ""}):
            with pytest.raises(SettingsError, match=name):
                settings.from_env(env)
