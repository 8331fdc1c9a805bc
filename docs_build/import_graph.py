"""The rooms of the package and who imports whom, from the imports themselves."""

from __future__ import annotations

import grimp

PACKAGE = "outworx_otel"


def rooms() -> dict[str, set[str]]:
    """Each room (a folder or file right below the package) with those that it imports."""
    graph = grimp.build_graph(PACKAGE)
    room_of = {module: module.split(".")[1] for module in graph.modules if module != PACKAGE}
    found: dict[str, set[str]] = {room: set() for room in room_of.values()}
    for module, room in room_of.items():
        used = {room_of[one] for one in graph.find_modules_directly_imported_by(module) if one in room_of}
        found[room] |= used - {room}
    return found


def levels(graph: dict[str, set[str]]) -> list[list[str]]:
    """The rooms by how high they stand: a room is above all that it imports."""
    height: dict[str, int] = {}
    waiting = dict(graph)
    while waiting:
        for room in [one for one, used in waiting.items() if used <= height.keys()]:
            height[room] = 1 + max((height[one] for one in waiting.pop(room)), default=-1)
    highest = range(max(height.values()), -1, -1)
    return [sorted(room for room, level in height.items() if level == here) for here in highest]


def reduced(graph: dict[str, set[str]]) -> dict[str, set[str]]:
    """The graph without the arrows that follow from others."""

    def reach(room: str) -> set[str]:
        return {further for one in graph[room] for further in ({one} | reach(one))}

    return {
        room: {one for one in used if not any(one in reach(other) for other in used - {one})}
        for room, used in graph.items()
    }


def picture() -> str:
    """The rooms as a diagram, without arrows that follow from others."""
    arrows = [
        f"    {room} --> {one}" for room, used in sorted(reduced(rooms()).items()) for one in sorted(used)
    ]
    return "\n".join(["```mermaid", "flowchart TD", *arrows, "```"]) + "\n"


def table() -> str:
    """Each room with everything that it imports, from the top."""
    graph = rooms()
    lines = ["| room | imports |", "|---|---|"]
    for level in levels(graph):
        lines += [
            f"| `{room}` | {', '.join(f'`{one}`' for one in sorted(graph[room])) or 'nothing'} |"
            for room in level
        ]
    return "\n".join(lines) + "\n"
