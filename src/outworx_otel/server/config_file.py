"""The server's own file: `outworx serve --config server.toml`. What options can say is not in it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from outworx_otel.errors import ConfigurationError
from outworx_otel.server.channel_tables import ChannelTables, channel_tables
from outworx_otel.server.rule_settings import RuleSettings, rule_settings
from outworx_otel.setup.files import read_file
from outworx_otel.setup.options import unknown_name

_TABLES: Final = ("alerts", "channels")


@dataclass(frozen=True)
class ServerConfig:
    """What the file says.

    Args:
        rules: of the table `[alerts]`.
        channels: the tables `[[channels]]`.
    """

    rules: RuleSettings = field(default_factory=RuleSettings)
    channels: ChannelTables = field(default_factory=ChannelTables)


def server_config(path: Path) -> ServerConfig:
    """Reads the file.

    Raises:
        ConfigurationError: it cannot be read, or says what cannot be used.
    """
    found = read_file(path)
    if found.table is None:
        raise ConfigurationError(f"--config: {found.problem}")
    for name, value in found.table.items():
        if name not in _TABLES:
            raise ConfigurationError(f"--config {path}: {unknown_name('table', name, _TABLES)}")
        if name == "alerts" and not isinstance(value, Mapping):
            raise ConfigurationError(f"--config {path}: {name} must be a table: [{name}]")
    # What is read of it has no lines.
    text = path.read_text(encoding="utf-8-sig", errors="replace")
    channels = channel_tables(f"--config {path}", found.table.get("channels", []), text)
    try:
        return ServerConfig(rule_settings(found.table.get("alerts", {})), channels)
    except ConfigurationError as error:
        raise ConfigurationError(f"--config {path}: {error}") from None
