"""The stack on this machine: bring it up, tell about it, take it down."""

import hashlib
import json
import sys
import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from local import emulator, places, sam
from local.clients import client
from local.errors import LocalStackError
from local.processes import Process, ProcessRecord, free_port, start, wait_for

STACK_FILE = places.STATE / "stack.json"
ENVIRONMENT_FILE = places.STATE / "env.json"
DEPLOYED_FILE = places.STATE / "deployed.json"
PROCESSES = places.STATE / "processes.json"
"""The record of what was started, which is what `down` ends."""

STACK_NAME = "marketo-destination"
SIMULATOR = "simulator"
SIMULATOR_LOG = places.STATE / "simulator.log"
ANSWER_SECONDS = 15.0
SOURCE_LAYER = "SourceLayerArn"
"""The parameter of the template that names a layer with sources."""

_FUNCTIONS = ("ingest", "sync", "files", "monitor", "connections")


@dataclass(frozen=True, slots=True)
class LocalStack:
    """A stack that has answered, as `.local/stack.json` tells it.

    `queues` has `events` and `dead_letters` (URLs), `tables` has `connections`, `ledger` and `runs` (names),
    `functions` has the five functions (names), `pids` has what `down` ends.
    """

    api_url: str
    emulator_url: str
    marketo_url: str
    secrets_prefix: str
    queues: Mapping[str, str]
    tables: Mapping[str, str]
    functions: Mapping[str, str]
    pids: Mapping[str, int]

    @classmethod
    def load(cls) -> "LocalStack | None":
        """The stack that stands, as far as the file knows; None if none was brought up."""
        try:
            return cls(**json.loads(STACK_FILE.read_text()))
        except (FileNotFoundError, TypeError, ValueError):  # an older or half-written file: bring it up again
            return None


def up(
    *, marketo_url: str | None, port: int | None, simulator_port: int | None, source_layer: Path | None = None
) -> LocalStack:
    """Bring the stack up, or up to date, and wait until it answers.

    A healthy stack is kept with what is in it, and gets what has changed. It starts again, and empty, when its emulator
    has ended, when nothing was ever deployed to it, or when another port is wanted. `source_layer`: the zip file of a
    layer that brings sources (docs/sources.md); None: the stack keeps the one that it has.
    """
    with places.alone():
        return _up(marketo_url, port, simulator_port, source_layer)


def _up(marketo_url: str | None, port: int | None, simulator_port: int | None, source_layer: Path | None) -> LocalStack:
    record = _record()
    progress = ProgressLines()
    with ThreadPoolExecutor(max_workers=2) as pool:  # both mostly wait for the package registry, the first time
        progress("building the functions and layers; installing the emulator")
        building = pool.submit(sam.build)
        installed = emulator.install()
        built = building.result()
    progress("built")

    STACK_FILE.unlink(missing_ok=True)  # there is none until it has answered again
    previous = _deployed()
    running = _running(record, emulator.NAME, installed, port)
    if running is None or previous is None:
        previous = None
        DEPLOYED_FILE.unlink(missing_ok=True)
        record.end(emulator.NAME)
        progress("starting the emulator")
        running = emulator.launch(record, port, installed)
    if marketo_url is None:
        # The simulator keeps one instance for each Munchkin ID.
        marketo_url = f"{_simulator(record, simulator_port, progress).url}/{{munchkin_id}}"
    marketo_url = marketo_url.rstrip("/")

    parameters = {
        "Architecture": places.architecture(),
        "AwsEndpointUrl": running.url,
        "BatchWindowSeconds": "1",
        "MarketoUrl": marketo_url,
        "MonitorMinutes": "1",
        "StageName": places.STAGE,
        **_source_layer(running.url, source_layer, previous),
    }
    wanted = {"built": built, "parameters": parameters}
    if previous != wanted:
        progress("deploying")
        sam.deploy(running.url, parameters)
        emulator.allow_batches(running.url, STACK_NAME)
        emulator.open_control_plane(running.url, _outputs(running.url)["ApiId"])
        places.write(DEPLOYED_FILE, wanted)
        progress("deployed")

    stack = _describe(running, marketo_url, record)
    wait_for(f"{stack.api_url}/connections", ANSWER_SECONDS, running, emulator.LOG)
    places.write(ENVIRONMENT_FILE, _function_environments(stack))
    places.write(STACK_FILE, asdict(stack))
    progress(f"the stack answers at {stack.api_url}")
    return stack


def down() -> list[str]:
    """End what `up` started, and nothing else, and remove what it left; the names of what was still running."""
    if not places.STATE.exists():
        return []
    with places.alone():
        STACK_FILE.unlink(missing_ok=True)  # nobody is to find it while it ends
        record = _record()
        ended = [name for name in record.read() if record.end(name)]
        places.clear()
        return ended


def alive() -> dict[str, bool]:
    """Whether each process that `up` started is still running."""
    return {name: process.is_alive() for name, process in _record().read().items()}


def _record() -> ProcessRecord:
    return ProcessRecord(PROCESSES)


class ProgressLines:
    """Lines on standard error with the seconds since the beginning."""

    def __init__(self) -> None:
        self._began = time.monotonic()

    def __call__(self, line: str) -> None:
        print(f"[{time.monotonic() - self._began:5.1f} s] {line}", file=sys.stderr, flush=True)


def _running(record: ProcessRecord, name: str, digest: str, port: int | None) -> Process | None:
    """The recorded process if it is alive, made from the same sources and at the wanted port."""
    process = record.read().get(name)
    if process is None or not process.is_alive() or process.digest != digest or port not in {None, process.port}:
        return None
    return process


def _simulator(record: ProcessRecord, port: int | None, progress: ProgressLines) -> Process:
    digest = places.digest([places.ROOT / "simulator"], sys.version)
    running = _running(record, SIMULATOR, digest, port)
    if running is not None:
        return running
    before = record.read().get(SIMULATOR)
    record.end(SIMULATOR)
    progress("starting the Marketo simulator")
    # A new one takes the place of the old one, so that the functions need not be told another address.
    chosen = free_port(port or (before.port if before else None), "Marketo simulator")
    process = start(
        SIMULATOR,
        [sys.executable, "-m", "marketo_simulator", "--port", str(chosen)],
        port=chosen,
        environment=places.environment(),
        log=SIMULATOR_LOG,
        digest=digest,
        cwd=places.ROOT,
    )
    record.add(process)
    wait_for(process.url, emulator.START_SECONDS, process, SIMULATOR_LOG)
    return process


def _source_layer(endpoint: str, layer: Path | None, previous: Any) -> dict[str, str]:
    """The parameter by which the stack gets a layer of sources: a version of its own for each content."""
    there = {} if previous is None else previous["parameters"]
    if layer is None:
        return {name: there[name] for name in (SOURCE_LAYER,) if name in there}
    try:
        content = layer.read_bytes()
    except OSError as error:
        raise LocalStackError(f"the layer {layer} cannot be read: {error}", hint="build it first") from error
    functions, name = client("lambda", endpoint), f"source-{hashlib.sha256(content).hexdigest()[:12]}"
    versions = functions.list_layer_versions(LayerName=name)["LayerVersions"]
    found = versions or [functions.publish_layer_version(LayerName=name, Content={"ZipFile": content})]
    return {SOURCE_LAYER: found[0]["LayerVersionArn"]}


def _deployed() -> Any:
    """What the last deployment that succeeded put there; None if there was none."""
    try:
        return json.loads(DEPLOYED_FILE.read_text())
    except (FileNotFoundError, ValueError):  # a file that was cut off tells of no deployment
        return None


def _outputs(endpoint: str) -> dict[str, str]:
    described = client("cloudformation", endpoint).describe_stacks(StackName=STACK_NAME)["Stacks"][0]
    return {output["OutputKey"]: output["OutputValue"] for output in described["Outputs"]}


def _describe(running: Process, marketo_url: str, record: ProcessRecord) -> LocalStack:
    outputs = _outputs(running.url)
    return LocalStack(
        # The emulator knows an API by its path, for the names of its hosts cannot be resolved everywhere.
        api_url=f"{running.url}/_aws/execute-api/{outputs['ApiId']}/{places.STAGE}",
        emulator_url=running.url,
        marketo_url=marketo_url,
        secrets_prefix=outputs["SecretsPrefix"],
        queues={"events": outputs["QueueUrl"], "dead_letters": outputs["DeadLetterQueueUrl"]},
        tables={name: outputs[f"{name.title()}TableName"] for name in ("connections", "ledger", "runs")},
        functions={name: outputs[f"{name.title()}FunctionName"] for name in _FUNCTIONS},
        pids={name: process.pid for name, process in record.read().items()},
    )


def _function_environments(stack: LocalStack) -> dict[str, dict[str, str]]:
    """Each function's variables as `sam local invoke --env-vars` takes them."""
    functions = client("lambda", stack.emulator_url)
    return {
        f"{name.title()}Function": functions.get_function_configuration(FunctionName=function)["Environment"][
            "Variables"
        ]
        for name, function in stack.functions.items()
    }
