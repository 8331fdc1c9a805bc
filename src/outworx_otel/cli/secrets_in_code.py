"""Which variables an application's code takes its signing secrets from. Nothing is imported, and no value is read."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from outworx_otel.cli.doctor.source_scan import parsed, python_files
from outworx_otel.signatures import scheme_for

_MAX_FILES: Final = 300
_NAMED: Final = "signature_secret_env"
_GIVEN: Final = "signature_secret"


@dataclass(frozen=True)
class SecretInCode:
    """A variable that code names for a provider's secret.

    Args:
        provider: whose secret it is, as it is written.
        variable: its name.
        place: file and line.
    """

    provider: str
    variable: str
    place: str


def secrets_in_code(directory: Path) -> list[SecretInCode]:
    """Every `signature_secret_env="NAME"` and `signature_secret=os.environ["NAME"]` with its provider beside it.

    Args:
        directory: the application's; its Python files and those below are read, up to some hundreds.
    """
    found: list[SecretInCode] = []
    for number, path in enumerate(python_files(directory)):
        if number >= _MAX_FILES:
            break
        tree = parsed(path)
        for node in ast.walk(tree) if tree is not None else ():
            found += _named(node, path.relative_to(directory).as_posix())
    return found


def same_provider(one: str, other: str) -> bool:
    """Whether two names are one provider's."""
    schemes = scheme_for(one), scheme_for(other)
    if None in schemes:
        return one.lower() == other.lower()
    return schemes[0] == schemes[1]


def _named(node: ast.AST, file: str) -> Iterator[SecretInCode]:
    """What a call's keywords or a dictionary's keys say."""
    if isinstance(node, ast.Call):
        said = {keyword.arg: keyword.value for keyword in node.keywords if keyword.arg is not None}
        if node.args:
            said.setdefault("provider", node.args[0])
    elif isinstance(node, ast.Dict):
        pairs = zip(node.keys, node.values, strict=True)
        said = {_text(key): value for key, value in pairs if key is not None and _text(key)}
    else:
        return
    provider = _text(said.get("provider"))
    if not provider:
        return
    named = said.get(_NAMED)
    listed = named.elts if isinstance(named, ast.List | ast.Tuple) else [named]
    variables = [*(_text(one) for one in listed), _variable(said.get(_GIVEN))]
    for variable in filter(None, variables):
        yield SecretInCode(provider, variable, f"{file}:{node.lineno}")


def _text(node: ast.AST | None) -> str:
    return node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else ""


def _variable(node: ast.AST | None) -> str:
    """`NAME` of `os.environ["NAME"]`, `os.environ.get("NAME")` and `os.getenv("NAME")`."""
    if isinstance(node, ast.Subscript) and _ends(node.value, "environ"):
        return _text(node.slice)
    if isinstance(node, ast.Call) and node.args and (_ends(node.func, "getenv") or _is_get(node.func)):
        return _text(node.args[0])
    return ""


def _is_get(node: ast.AST) -> bool:
    return isinstance(node, ast.Attribute) and node.attr == "get" and _ends(node.value, "environ")


def _ends(node: ast.AST, name: str) -> bool:
    return name in (getattr(node, "attr", None), getattr(node, "id", None))
