"""The doctor's checks of where secrets lie and of who has which rights; opens no secret."""

import os
from collections.abc import Mapping
from pathlib import Path

from toolyard_registry.agents.rights_file import RightsFile
from toolyard_registry.rights import FILE as RIGHTS
from toolyard_sdk.errors import ConfigError

from toolyard_runtime.cli.findings import Finding
from toolyard_runtime.config import Config
from toolyard_runtime.secrets.keyring import FILE, VARIABLE, KeyRing, KeysUnusable, given_keys
from toolyard_runtime.secrets.opening import shelves_beside


def secrets(config: Config, repository: Path, state_dir: Path, environment: Mapping[str, str]) -> Finding:
    """Look at every place secrets may lie in, and at the key file."""
    try:
        shelves = shelves_beside(config.secrets, repository, environment)
        keys = KeyRing(state_dir / FILE, given_keys(environment.get(VARIABLE, "")), os.urandom)
        without_key = keys.empty
    except (ConfigError, KeysUnusable) as error:
        return Finding("broken", "Secrets", str(error), "Correct it: what others can read or nobody can is not used.")
    unset = sorted(name for name, variable in config.secrets.environment.items() if not environment.get(variable))
    if unset:
        variables = ", ".join(config.secrets.environment[name] for name in unset)
        return Finding(
            "warn",
            "Secrets",
            f"no value for {', '.join(unset)}",
            f"Set before serving, where nothing else does: {variables}.",
        )
    places = ", ".join(["database (no key yet)" if without_key else "database", *(shelf.kept for shelf in shelves)])
    return Finding("ok", "Secrets", places)


def rights(repository: Path) -> Finding:
    """Read the rights file, where there is one."""
    file = RightsFile(repository)
    told = file.current
    if file.problem is not None:
        return Finding(
            "broken", "Rights", str(file.problem), "Until it is corrected nobody publishes or calls anything."
        )
    if not (repository / RIGHTS).exists():
        return Finding("ok", "Rights", f"no {RIGHTS}: authors publish, agents' grants decide about calls")
    return Finding("ok", "Rights", f"{len(told.publish)} to publish, {len(told.call)} to call")
