"""Runs a tool by its name: checks its arguments, turns errors into answers, quotes, and hides secrets."""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Mapping
from typing import Any, Final, NamedTuple

from outworx_otel.cli.mcp import delivery_tools, sending_tools, signature_tools
from outworx_otel.cli.mcp.arguments import checked
from outworx_otel.cli.mcp.quotation import quoted
from outworx_otel.cli.mcp.tool_context import ToolAnswer, ToolContext, not_answered
from outworx_otel.cli.server_calls import ServerCallFailed
from outworx_otel.errors import OutworxError
from outworx_otel.server.capabilities import TOOLS
from outworx_otel.server.capability import Capability

_logger: Final = logging.getLogger("outworx_otel.mcp")
_MAX_SAID: Final = 4_000
_OPTION: Final = re.compile(r"--[a-z]+(?:-[a-z]+)*")

Tool = Callable[[ToolContext, Mapping[str, Any]], ToolAnswer]
FUNCTIONS: Final[dict[str, Tool]] = {
    "list_problems": delivery_tools.list_problems,
    "explain_problem": delivery_tools.explain_problem,
    "list_deliveries": delivery_tools.list_deliveries,
    "explain_delivery": delivery_tools.explain_delivery,
    "verify_signature": signature_tools.verify_signature,
    "describe_endpoint": signature_tools.describe_endpoint,
    "list_providers": signature_tools.list_providers,
    "trigger": sending_tools.trigger,
    "replay": sending_tools.replay,
}
_CAPABILITIES: Final = {capability.name: capability for capability in TOOLS}


class RenderedAnswer(NamedTuple):
    """What goes to the agent: texts of ours first, then quotations."""

    texts: list[str]
    is_error: bool


def called(name: str, given: Mapping[str, Any], context: ToolContext) -> RenderedAnswer:
    """Calls a tool. Blocks, and raises nothing: what goes wrong is an answer."""
    capability = _CAPABILITIES.get(name)
    if capability is None:
        answer = ToolAnswer(f"There is no such tool; there are {', '.join(_CAPABILITIES)}.", is_error=True)
    else:
        answer = _run(capability, given, context)
    hiding = context.hiding
    said = "".join(
        sign if sign.isprintable() or sign == "\n" else "?" for sign in hiding.said(answer.said)[:_MAX_SAID]
    )
    quotations = [quoted(title, hiding.document(document)) for title, document in answer.quoted]
    return RenderedAnswer([said, *quotations], answer.is_error)


def _run(capability: Capability, given: Mapping[str, Any], context: ToolContext) -> ToolAnswer:
    try:
        return FUNCTIONS[capability.name](context, checked(capability, given))
    except ServerCallFailed as error:
        return not_answered(error)
    except OutworxError as error:
        return ToolAnswer(_in_words_of_tools(capability, str(error)), is_error=True)
    except Exception as error:  # noqa: BLE001  # its text may hold anything
        _logger.error("the tool %s failed: %s", capability.name, type(error).__name__)
        return ToolAnswer(
            f"{capability.name} failed by a fault of its own ({type(error).__name__}): the log of whoever serves it"
            " says no more.",
            is_error=True,
        )


def _in_words_of_tools(capability: Capability, text: str) -> str:
    """An error of a command as the tool's: `--secret-env` is `secret_env` there."""
    names = {one.in_command: one.name for one in capability.of("tool")}
    return _OPTION.sub(lambda found: names.get(found[0], found[0]), text)
