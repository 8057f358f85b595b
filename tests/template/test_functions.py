"""The functions: how they run, what they are told, what wakes them, how they are built."""

import json
import platform
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest
from samcli.lib.providers.sam_function_provider import SamFunctionProvider
from samcli.lib.providers.sam_stack_provider import SamLocalStackProvider

from destination.settings import ConnectionsSettings, FilesSettings, IngestSettings, MonitorSettings, SyncSettings
from testing.template import ROOT, Template, of_type, settle, source

FUNCTIONS = ["IngestFunction", "SyncFunction", "FilesFunction", "MonitorFunction", "ConnectionsFunction"]
MAKE = shutil.which("make") or "make"
ARCHITECTURES = ["arm64", "x86_64"]
MACHINES = ["aarch64", "x86_64"]
LAYERS = {"DependenciesLayer": "dependencies", "DestinationLayer": "destination"}


def function(template: Template, name: str) -> dict[str, Any]:
    properties: dict[str, Any] = template["Resources"][name]["Properties"]
    return properties


def test_there_are_five(template: Template) -> None:
    assert sorted(of_type(template, "AWS::Lambda::Function")) == sorted(FUNCTIONS)


LONG_STACK_NAME = "marketo-engage-destination-production"
HANDLERS = dict.fromkeys(FUNCTIONS, "app.handler") | {"ConnectionsFunction": "functions/connections/app.handler"}


@pytest.mark.parametrize("name", FUNCTIONS)
def test_how_each_runs(template: Template, name: str) -> None:
    properties = function(template, name)

    assert properties["Runtime"] == "python3.13"
    assert properties["Handler"] == HANDLERS[name]
    assert properties["Architectures"] == [{"Ref": "Architecture"}]
    assert properties["TracingConfig"] == {"Mode": "PassThrough"}
    assert 512 <= properties["MemorySize"] <= 1024
    assert len(properties["Layers"]) == 2


def test_a_layer_of_ones_own_brings_sources_to_every_function(expanded: Template) -> None:
    layer = "arn:aws:lambda:eu-central-1:111122223333:layer:source-acme:3"
    settled = settle(expanded, SourceLayerArn=layer)
    for name in FUNCTIONS:
        *_, own, last = function(settled, name)["Layers"]
        assert (own, last) == (function(settle(expanded), name)["Layers"][-1], {"Ref": "SourceLayerArn"})


@pytest.mark.parametrize(
    ("name", "seconds"),
    [
        ("IngestFunction", 10),
        ("SyncFunction", 300),
        ("FilesFunction", 900),
        ("MonitorFunction", 120),
        ("ConnectionsFunction", 30),
    ],
)
def test_timeouts(template: Template, name: str, seconds: int) -> None:
    assert function(template, name)["Timeout"] == seconds


@pytest.mark.parametrize("name", FUNCTIONS)
def test_each_logs_to_its_own_group_at_the_level_that_is_wanted(
    expanded: Template, template: Template, name: str
) -> None:
    variables = function(template, name)["Environment"]["Variables"]
    sampled = function(settle(expanded, DebugSampleRate="0.01"), name)["Environment"]["Variables"]

    assert function(template, name)["LoggingConfig"] == {
        "LogFormat": "Text",  # what Lambda would drop otherwise: tests/integration/test_logs.py
        "LogGroup": {"Ref": name.replace("Function", "LogGroup")},
    }
    assert variables["LOG_LEVEL"] == {"Ref": "LogLevel"}
    assert "POWERTOOLS_LOGGER_SAMPLE_RATE" not in variables
    assert sampled["POWERTOOLS_LOGGER_SAMPLE_RATE"] == {"Ref": "DebugSampleRate"}


def test_variables_are_encrypted_with_the_key_of_the_customer(template: Template, template_with_key: Template) -> None:
    for name in FUNCTIONS:
        assert function(template_with_key, name)["KmsKeyArn"] == {"Ref": "KmsKeyArn"}
        assert "KmsKeyArn" not in function(template, name)


@pytest.mark.parametrize(
    ("name", "settings"),
    [
        ("IngestFunction", IngestSettings),
        ("SyncFunction", SyncSettings),
        ("FilesFunction", FilesSettings),
        ("MonitorFunction", MonitorSettings),
        ("ConnectionsFunction", ConnectionsSettings),
    ],
)
def test_each_is_told_what_its_settings_need(template: Template, name: str, settings: Any) -> None:
    variables = function(template, name)["Environment"]["Variables"]

    assert settings.from_env(dict.fromkeys(variables, "set"))
    assert {"POWERTOOLS_SERVICE_NAME", "POWERTOOLS_METRICS_NAMESPACE", "LOG_LEVEL"} <= variables.keys()
    assert variables["STACK_NAME"] == {"Ref": "AWS::StackName"}
    assert variables["POWERTOOLS_SERVICE_NAME"] == name.removesuffix("Function").lower()


def test_secrets_are_kept_under_the_name_of_the_stack(template: Template) -> None:
    for name in ("SyncFunction", "ConnectionsFunction"):
        assert function(template, name)["Environment"]["Variables"]["SECRETS_PREFIX"] == {"Ref": "AWS::StackName"}


def test_sync_is_woken_by_the_queue_in_large_batches_two_at_a_time(template: Template) -> None:
    (mapping,) = of_type(template, "AWS::Lambda::EventSourceMapping").values()

    assert mapping["EventSourceArn"] == {"Fn::GetAtt": ["Queue", "Arn"]}
    assert mapping["FunctionName"] == {"Ref": "SyncFunction"}
    assert mapping["BatchSize"] == 10_000
    assert mapping["MaximumBatchingWindowInSeconds"] == {"Ref": "BatchWindowSeconds"}
    assert mapping["FunctionResponseTypes"] == ["ReportBatchItemFailures"]
    # A literal, as the emulator cannot take a parameter here.
    assert mapping["ScalingConfig"] == {"MaximumConcurrency": 5}


@pytest.mark.parametrize("name", ["FilesFunction", "MonitorFunction"])
def test_what_is_done_regularly_is_woken_every_few_minutes_and_a_failed_start_is_kept(
    template: Template, name: str
) -> None:
    schedules = of_type(template, "AWS::Scheduler::Schedule").values()
    (schedule,) = (one for one in schedules if one["Target"]["Arn"] == {"Fn::GetAtt": [name, "Arn"]})
    target = schedule["Target"]

    assert schedule["ScheduleExpression"] == {"Fn::Sub": "cron(0/${MonitorMinutes} * * * ? *)"}
    minutes = template["Parameters"]["MonitorMinutes"]
    assert minutes["Default"] == 5
    # An hour is a multiple of each, so that no time between two runs is shorter or longer.
    assert [one for one in range(minutes["MinValue"], minutes["MaxValue"] + 1) if 60 % one] == []
    assert schedule["ScheduleExpressionTimezone"] == "UTC"
    assert "Name" not in schedule  # SAM would give all stacks the same
    assert target["RetryPolicy"] == {"MaximumRetryAttempts": 1, "MaximumEventAgeInSeconds": 300}
    assert target["DeadLetterConfig"] == {"Arn": {"Fn::GetAtt": ["ScheduleDeadLetterQueue", "Arn"]}}


def test_files_are_told_of_when_they_are_uploaded_and_of_nothing_else(template: Template) -> None:
    (rule,) = of_type(template, "AWS::Events::Rule").values()

    assert rule["EventPattern"] == {
        "source": ["aws.s3"],
        "detail-type": ["Object Created"],
        "detail": {"bucket": {"name": [{"Ref": "Bucket"}]}, "object": {"key": [{"prefix": "uploads/"}]}},
    }
    assert [one["Arn"] for one in rule["Targets"]] == [{"Fn::GetAtt": ["FilesFunction", "Arn"]}]
    notifies = template["Resources"]["Bucket"]["Properties"]["NotificationConfiguration"]
    assert notifies == {"EventBridgeConfiguration": {"EventBridgeEnabled": True}}


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_the_layers_are_for_the_functions_architecture_and_runtime(expanded: Template, architecture: str) -> None:
    deployed = settle(expanded, Architecture=architecture)
    layers = of_type(deployed, "AWS::Lambda::LayerVersion")

    assert sorted(re.sub("[0-9a-f]{10}$", "", one) for one in layers) == sorted(LAYERS)
    for one, properties in layers.items():
        assert properties["CompatibleRuntimes"] == ["python3.13"]
        own = [{"Ref": "Architecture"}] if one.startswith("DestinationLayer") else ARCHITECTURES
        assert properties["CompatibleArchitectures"] == own
    for properties in of_type(deployed, "AWS::Lambda::Function").values():
        assert sorted(layer["Ref"] for layer in properties["Layers"]) == sorted(layers)


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # SAM calls what SAM and jsonschema deprecate
@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_sam_local_finds_every_layer_of_every_function(architecture: str) -> None:
    """It reads the template by itself, without CloudFormation, and leaves out what it cannot resolve."""
    chosen = {"Architecture": architecture}
    stacks, _ = SamLocalStackProvider.get_stacks(str(ROOT / "template.yaml"), parameter_overrides=chosen)
    found = {one.name: one for one in SamFunctionProvider(stacks).get_all()}

    for name in FUNCTIONS:
        assert [layer.name for layer in found[name].layers] == list(LAYERS)
        assert found[name].architectures == [architecture]


def make(folder: str, *arguments: str) -> "subprocess.CompletedProcess[str]":
    """What make would do in a folder, without doing it."""
    return subprocess.run(  # noqa: S603 - the arguments stand in this file
        [MAKE, "--dry-run", *arguments], cwd=ROOT / folder, capture_output=True, text=True, check=False
    )


@pytest.mark.parametrize(
    ("folder", "resource"),
    [
        *[("functions", name) for name in FUNCTIONS],
        *[(f"layers/{folder}", name) for name, folder in LAYERS.items()],
    ],
)
def test_each_has_a_target_in_the_makefile_of_its_folder(folder: str, resource: str, tmp_path: Path) -> None:
    planned = make(folder, f"build-{resource}", f"ARTIFACTS_DIR={tmp_path}", "python=python")

    assert planned.returncode == 0, planned.stderr
    assert str(tmp_path) in planned.stdout
    assert source()["Resources"][resource]["Metadata"]["BuildMethod"] == "makefile"


def test_the_dependencies_are_locked_and_built_for_both_processors(tmp_path: Path) -> None:
    """Whatever is said of a processor, in the ways that were once heard and in others."""
    planned = make(
        "layers/dependencies",
        "build-DependenciesLayer",
        f"ARTIFACTS_DIR={tmp_path}",
        "LAYER_ARCHITECTURE=sparc",
        "LAYER_PYTHON_VERSION=3.13",
        "python=python",
    ).stdout

    installed = [step for step in planned.replace("\\\n", "").splitlines() if "pip install" in step]
    assert len(installed) == len(MACHINES)
    for machine, step in zip(MACHINES, installed, strict=True):
        assert "--require-hashes" in step
        assert "--no-deps" in step
        assert set(re.findall(r"--platform manylinux\w+?_(aarch64|x86_64)", step)) == {machine}
        assert "--python-version 3.13" in step
    assert f'libraries.py "{tmp_path}/python" 3.13 aarch64 x86_64' in planned
    assert "unchecked-hash" in planned


def test_on_this_machine_its_own_libraries_alone_are_built(tmp_path: Path) -> None:
    planned = make(
        "layers/dependencies",
        "build-DependenciesLayer",
        f"ARTIFACTS_DIR={tmp_path}",
        "LAYER_PLATFORM=host",
        "python=python",
    )
    assert planned.returncode == 0, planned.stderr
    assert planned.stdout.count("pip install") == 1
    assert "--platform" not in planned.stdout
    here = "aarch64" if platform.machine().lower() in {"arm64", "aarch64"} else "x86_64"
    assert f"for-{here}" in planned.stdout


ELF = b"\x7fELF\x02\x01" + bytes(12)
X86, ARM = ELF + b"\x3e\x00", ELF + b"\xb7\x00"


FITS = {"fits.cpython-313-x86_64-linux-gnu.so": X86, "fits.cpython-313-aarch64-linux-gnu.so": ARM}


def check(folder: Path, libraries: dict[str, bytes], *machines: str) -> "subprocess.CompletedProcess[str]":
    """What the build says of a layer with these libraries."""
    (folder / "package").mkdir()
    for name, content in libraries.items():
        (folder / "package" / name).write_bytes(content)
    return subprocess.run(  # noqa: S603 - the arguments stand in this file
        [sys.executable, str(ROOT / "layers/dependencies/libraries.py"), str(folder), "3.13", *machines],
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("core.cpython-313-x86_64-linux-gnu.so", X86, ""),
        ("core.abi3.so", X86, ""),
        ("libzstd.so.1", X86, ""),
        ("core.py", b"", ""),
        ("core.cpython-313-x86_64-linux-gnu.so", ARM, "built for aarch64, not for x86_64"),
        ("libzstd.so.1", ARM, "built for aarch64, not for x86_64"),
        ("core.abi3.so", ELF + b"\x02\x00", "built for machine 2, not for x86_64"),
        ("core.cpython-312-x86_64-linux-gnu.so", X86, "not for Python 3.13"),
        ("core.so", X86[:19], "no library of 64-bit Linux"),
        ("core.so", b"\xcf\xfa\xed\xfe" + bytes(40), "no library of 64-bit Linux"),
    ],
)
def test_a_library_that_does_not_fit_ends_the_build(tmp_path: Path, name: str, content: bytes, said: str) -> None:
    checked = check(tmp_path, {name: content, "fits.so": X86}, "x86_64")
    assert checked.stderr == (f"{tmp_path / 'package' / name}: {said}\n" if said else "")
    assert checked.returncode == bool(said)


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("core.py", b"", ""),
        ("core.cpython-313-x86_64-linux-gnu.so", X86, "aarch64 has none beside it"),
        ("core.cpython-313-aarch64-linux-gnu.so", ARM, "x86_64 has none beside it"),
        ("core.abi3.so", X86, "aarch64 has none beside it"),  # One of them was written over by the other.
        ("core.so", ELF + b"\x02\x00", "built for machine 2, not for aarch64 or x86_64"),
    ],
)
def test_a_library_of_which_one_processor_has_none_ends_the_build(
    tmp_path: Path, name: str, content: bytes, said: str
) -> None:
    checked = check(tmp_path, {name: content, **FITS}, *MACHINES)
    assert checked.stderr == (f"{tmp_path / 'package' / name}: {said}\n" if said else "")
    assert checked.returncode == bool(said)


@pytest.mark.parametrize(
    ("setting", "words"),
    [("LAYER_PLATFORM=sparc", "must be lambda or host"), ("LAYER_PYTHON_VERSION=2.99", "LAYER_PYTHON")],
)
def test_a_layer_that_cannot_be_built_says_what_to_do(setting: str, words: str, tmp_path: Path) -> None:
    planned = make(
        "layers/dependencies",
        "build-DependenciesLayer",
        f"ARTIFACTS_DIR={tmp_path}",
        f"LAYER_PYTHON={sys.executable}",
        f"LAYER_PYTHON_VERSION={sys.version_info.major}.{sys.version_info.minor}",
        setting,
    )

    assert planned.returncode != 0
    assert words in planned.stderr


def test_no_build_is_taken_from_one_before() -> None:
    """sam knows a cached layer by its sources; for which Python it was built it does not know."""
    configuration = tomllib.loads((ROOT / "samconfig.toml").read_text())

    environments = [one for one in configuration.values() if isinstance(one, dict)]
    builds = [environment["build"]["parameters"] for environment in environments if "build" in environment]
    assert builds
    assert not [one for one in builds if one.get("cached")]


def test_the_calls_of_the_control_plane_fit_into_the_policy_of_its_function(template: Template) -> None:
    """Every call is a statement of the function's policy, which holds 20,480 bytes (AWS Lambda, "Quotas")."""
    size = 0
    for name, properties in of_type(template, "AWS::Lambda::Permission").items():
        if properties["FunctionName"] == {"Ref": "ConnectionsFunction"}:
            arn, _ = properties["SourceArn"]["Fn::Sub"]
            statement = {
                "Sid": f"{LONG_STACK_NAME}-{name}-0123456789AB",
                "Effect": "Allow",
                "Principal": {"Service": "apigateway.amazonaws.com"},
                "Action": "lambda:InvokeFunction",
                "Resource": f"arn:aws:lambda:ap-northeast-1:123456789012:function:{'x' * 64}",
                "Condition": {"ArnLike": {"AWS:SourceArn": arn}},
            }
            size += len(json.dumps(statement, separators=(",", ":"))) + 1
    assert 0 < size < 20_480 - 1_000
