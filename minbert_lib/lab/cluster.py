"""A sweep's runs on a Ray cluster: the same runs, the same records.

Notable choices: a run is one task, and Ray gives a lost worker's task to another, which goes on from the last checkpoint where it sees
the same disk. An address is tried before Ray is given it, for Ray tries for minutes.
"""

import os
import socket

from ..errors import MinbertError
from . import records
from .config import RunConfig
from .run import run

RETRIES = 3  # of a run whose worker was lost


def run_on_ray(configs, address, counter):
    """Run them on the cluster at `address` ("local" starts one here); `counter(workers)` makes what is told of every end."""
    _reach(address)
    try:
        import ray
    except ImportError as error:
        raise MinbertError("--ray needs the package ray: pip install 'minbert[ray]'") from error
    try:
        ray.init(address=address, log_to_driver=False, ignore_reinit_error=True)
    except (OSError, ValueError, RuntimeError) as error:
        remedy = "`ray start --head` starts a cluster, --ray local one for this sweep"
        raise MinbertError(f"--ray {address}: {_first_line(error)}; {remedy}") from error
    try:
        resources = ray.cluster_resources()
        unit = "GPU" if resources.get("GPU") else "CPU"
        ended = counter(max(1, int(resources.get(unit, 1))))
        task = ray.remote(max_retries=RETRIES, **{f"num_{unit.lower()}s": 1})(_ray_task)
        home = os.environ.get("MINBERT_HOME")
        waiting = {task.remote(config.to_dict(), home): config for config in configs}
        while waiting:
            (done,), _ = ray.wait(list(waiting))
            config, why = waiting.pop(done), ""
            try:
                record, predictions = ray.get(done)
                if records.find(config) is None:  # that machine has a disk of its own
                    records.save(record, predictions=predictions)
            except ray.exceptions.RayError as error:  # the others go on
                why = _first_line(getattr(error, "cause", error))
            ended(config, why)
    finally:
        ray.shutdown()


def _reach(address, seconds=5):
    """Refuse what is no address, and one where nobody listens."""
    if address == "auto":
        address = os.environ.get("RAY_ADDRESS") or address  # as Ray does
    if address in ("local", "auto"):
        return
    host, _, port = address.removeprefix("ray://").rpartition(":")
    if not host or not port.isdecimal():
        raise MinbertError(
            f"--ray {address!r}: host:port of a cluster, 'auto' for the one of this machine, or 'local' to start one"
        )
    try:
        socket.create_connection((host.strip("[]"), int(port)), seconds).close()
    except (OSError, OverflowError, ValueError) as error:
        raise MinbertError(f"--ray {address}: no cluster answers there ({error}); --ray local starts one here") from error


def _first_line(error):
    return str(error).strip().split("\n")[0].rstrip(".")


def _ray_task(values, home):
    if home:
        os.environ["MINBERT_HOME"] = home
    record = run(RunConfig.from_dict(values), progress=False)
    return record, records.predictions(record)
