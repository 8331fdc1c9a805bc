"""What the files of collector-config/ say."""

from __future__ import annotations

import json
from typing import Any

import yaml

from .backends import CONFIGURATION

COLLECTORS = ("agent.yaml", "agent-sharding.yaml", "gateway.yaml")


def read(name: str) -> Any:
    """A file of YAML or JSON."""
    text = (CONFIGURATION / name).read_text(encoding="utf-8")
    return json.loads(text) if name.endswith(".json") else yaml.safe_load(text)
