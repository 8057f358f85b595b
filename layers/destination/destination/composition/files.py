"""Files, read and ended, and resyncs, which are carried on beside them."""

import functools

from destination.composition import aws, now, shared, stores
from destination.domain.audit import SYSTEM
from destination.files.carrying_on import CarryFilesOn
from destination.files.finishing import FinishFiles
from destination.files.leaving import TakeOff
from destination.files.reading import ReadFiles
from destination.files.resyncs import CarryResyncsOn
from destination.settings import FilesSettings


@functools.cache
def settings() -> FilesSettings:
    return FilesSettings.from_env()


@functools.cache
def carry_resyncs_on() -> CarryResyncsOn:
    return CarryResyncsOn(
        connections=stores.connections(settings()),
        resyncs=stores.resyncs(settings()),
        files=stores.files(settings()),
        queue=aws.queue(settings()),
        ages=shared.queue_ages(settings()),
        parking=stores.parking(settings()),
        seen=stores.seen(settings()),
        runs=stores.runs(settings()),
        ledger=stores.ledger(settings()),
        verifications=shared.manage_verifications(settings(), shared.recorder(settings(), actor=lambda: SYSTEM)),
        clock=now,
    )


@functools.cache
def carry_files_on() -> CarryFilesOn:
    connections = stores.connections(settings())
    files, objects = stores.files(settings()), stores.file_objects(settings())
    ledger = stores.ledger(settings())
    parking = stores.parking(settings())
    read = ReadFiles(connections, files, objects, parking, aws.queue(settings()), ledger, now)
    verifications = shared.manage_verifications(settings(), shared.recorder(settings(), actor=lambda: SYSTEM))
    finish = FinishFiles(files, objects, ledger, now)
    take_off = TakeOff(connections, parking, files, verifications, now)
    return CarryFilesOn(connections, files, objects, read, finish, take_off, now)
