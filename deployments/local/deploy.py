"""
Set up any Prefect server for this machine, for ``make deploy PREFECT_API_URL=http://prefect-host:4200/api``.

Work pools, deployments and limits, for a server that runs already: one of your own, with or without an auth string, or
a workspace of Prefect Cloud. Doing it again changes nothing. Workers are started by ``make worker``, or by hand with
``prefect worker start --type warm --pool cpu``.
"""

import os
import subprocess
import sys

from pydantic import ValidationError

from deployments.local.console import Console
from deployments.local.devices import DeviceUnavailable, find_devices
from deployments.local.environment import CPU_POOL, ServerUnclear, shared_environment, with_named_server
from deployments.local.stack import PROJECT
from tasks.settings import Settings, faults_in

SERVER_SECONDS = 5.0


def main() -> None:
    """Set up the server that the settings name, for the devices of this machine."""
    os.chdir(PROJECT)
    try:
        settings = with_named_server(Settings())
        devices = find_devices(settings)
    except (DeviceUnavailable, ServerUnclear) as error:
        sys.exit(str(error))
    except ValidationError as error:
        sys.exit(faults_in(error))
    settings.prefect_home.mkdir(parents=True, exist_ok=True)
    command = [sys.executable, "-m", "deployments.local.provision", "--within", str(SERVER_SECONDS)]
    records = [device.model_dump_json() for device in devices]
    set_up = subprocess.run([*command, *records], env=shared_environment(settings), check=False)
    if set_up.returncode != 0:
        sys.exit(set_up.returncode)
    pools = ", ".join([CPU_POOL, *(device.name for device in devices)])
    Console().say("deploy", f"{settings.prefect_api_url} is set up: work pools {pools}, their deployments and limits.")


if __name__ == "__main__":
    main()
