"""What TOML and the environment say, and how they say that it is wrong."""

from __future__ import annotations

from pathlib import Path

import pytest

from outworx_otel.http.paths import PathMap
from outworx_otel.setup.assembly import Assembly
from outworx_otel.setup.configuration import Configuration, read_configuration


def read(directory: Path, **environ: str) -> Configuration:
    return read_configuration(environ, directory)


def write(directory: Path, text: str, name: str = "outworx.toml") -> None:
    (directory / name).write_text(text)


SECRET = "whsec_abc"  # noqa: S105  # for tests alone
STRIPE = '[endpoints."/a"]\nprovider = "stripe"\n'


def test_nothing_said_is_nothing_configured(tmp_path: Path) -> None:
    assert read(tmp_path) == Configuration()


def test_a_file_configures_endpoints(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SHOP", SECRET)
    write(
        tmp_path,
        'detect = false\nidempotency_store = "memory://"\n'
        + STRIPE
        + 'signature_secret_env = "SHOP"\nmethods = ["POST"]\nredact = ["x-*"]\n',
    )
    found = read(tmp_path)
    (endpoint,) = found.endpoints
    assert (endpoint.pattern, endpoint.source, endpoint.problem) == ("/a", "outworx.toml", None)
    assert endpoint.options.secrets() == (SECRET,)
    assert (found.detect, found.store_url, found.problems, found.warnings) == (False, "memory://", (), ())


def test_pyproject_serves_where_there_is_no_file_of_ours(tmp_path: Path) -> None:
    write(
        tmp_path,
        '[tool.other]\nx = 1\n[tool.outworx.endpoints."/a"]\nprovider = "stripe"\n',
        "pyproject.toml",
    )
    assert [endpoint.options.provider for endpoint in read(tmp_path).endpoints] == ["stripe"]
    write(tmp_path, '[endpoints."/b"]\nprovider = "github"\n')
    assert [endpoint.options.provider for endpoint in read(tmp_path).endpoints] == ["github"]


@pytest.mark.parametrize("text", ["[tool", "tool = 5", "[tool]\noutworx = 5"])
def test_somebody_elses_broken_pyproject_is_not_our_business(text: str, tmp_path: Path) -> None:
    write(tmp_path, text, "pyproject.toml")
    assert read(tmp_path).problems == ()


def test_the_environment_names_the_file(tmp_path: Path) -> None:
    write(tmp_path, STRIPE, "shop.toml")
    write(tmp_path, '[endpoints."/b"]\nprovider = "github"\n')
    found = read(tmp_path, OUTWORX_CONFIG_FILE=str(tmp_path / "shop.toml"))
    assert [endpoint.source for endpoint in found.endpoints] == ["shop.toml"]


def test_a_literal_secret_works_with_a_warning_that_does_not_repeat_it(tmp_path: Path) -> None:
    write(tmp_path, STRIPE + f'signature_secret = "{SECRET}"\n')
    found = read(tmp_path)
    assert found.endpoints[0].options.signature_secret == SECRET
    (warning,) = found.warnings
    assert "/a" in warning
    assert SECRET not in warning


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[endpoints", "not valid TOML"),
        ("endpoint = 1", "unknown key 'endpoint': did you mean 'endpoints'"),
        ("endpoints = 1", "endpoints must be tables"),
        ('[endpoints]\n"/a" = "stripe"', "must be a table"),
        ('[endpoints.a]\nprovider = "stripe"', "must begin with /"),
        (STRIPE + "providr = 1", "did you mean 'provider'"),
        (STRIPE + "capture_body = 1", "capture_body must be True or False"),
        ('[endpoints."/a"]\ncapture_body = true', "provider is missing"),
        (STRIPE + 'signature_secret_env = "UNSET"', "UNSET .* is not set"),
        (STRIPE + 'signature_secret = ""', "signature_secret is empty"),
        ('detect = "no"', "detect must be true or false"),
        ("idempotency_store = 5", "idempotency_store must be a URL"),
    ],
)
def test_what_a_file_says_wrong_is_a_problem_that_names_file_and_place(
    text: str, message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import re

    monkeypatch.delenv("UNSET", raising=False)
    write(tmp_path, text)
    (problem,) = read(tmp_path).problems
    assert problem.startswith("outworx.toml")
    assert re.search(message, problem)


def test_bytes_that_are_no_text_are_a_problem_too(tmp_path: Path) -> None:
    (tmp_path / "outworx.toml").write_bytes(b"\xff\xfe")
    assert "not valid TOML" in read(tmp_path).problems[0]


def test_a_named_file_that_is_not_there_is_a_problem(tmp_path: Path) -> None:
    (problem,) = read(tmp_path, OUTWORX_CONFIG_FILE="nowhere.toml").problems
    assert problem.startswith("OUTWORX_CONFIG_FILE=nowhere.toml: cannot be read")


@pytest.mark.parametrize(
    "line",
    [
        'signature_secret_env = "UNSET"',
        'signature_secret = ""',
        'signatur_secret = "x"',
        "signature_valid = 5",
    ],
)
def test_an_endpoint_that_was_to_verify_and_cannot_lets_nothing_in(line: str, tmp_path: Path) -> None:
    write(tmp_path, STRIPE + line)
    configuration = read(tmp_path)
    (endpoint,) = Assembly(configuration, {}, None, tuple).endpoints.values()
    assert endpoint.problem in configuration.problems
    assert endpoint.verifies
    assert endpoint.rejects


def test_a_wrong_option_that_has_nothing_to_do_with_signatures_lets_deliveries_in(tmp_path: Path) -> None:
    write(tmp_path, STRIPE + "capture_body = 1")
    (endpoint,) = read(tmp_path).endpoints
    assert endpoint.problem
    assert endpoint.options.signature_valid is None


def test_one_broken_endpoint_does_not_take_the_others_down(tmp_path: Path) -> None:
    write(tmp_path, STRIPE + '[endpoints."/b"]\nprovder = "x"\n[endpoints."/c"]\nprovider = "github"\n')
    assert [endpoint.pattern for endpoint in read(tmp_path).endpoints] == ["/a", "/b", "/c"]


def test_routes_come_from_the_environment(tmp_path: Path) -> None:
    found = read(
        tmp_path,
        OUTWORX_ROUTES=" /webhooks/stripe=stripe , /hooks/*=git-hub,,",
        **{"OUTWORX_SECRET_STRIPE": "s", "OUTWORX_SECRET_GIT_HUB": "g"},
    )
    assert [(e.pattern, e.options.provider, e.options.signature_secret) for e in found.endpoints] == [
        ("/webhooks/stripe", "stripe", "s"),
        ("/hooks/*", "git-hub", "g"),
    ]
    assert found.problems == ()


@pytest.mark.parametrize("routes", ["stripe", "/a=", "=stripe", "a=stripe", "/a = "])
def test_a_route_that_is_none_is_a_problem(routes: str, tmp_path: Path) -> None:
    (problem,) = read(tmp_path, OUTWORX_ROUTES=routes).problems
    assert "path=provider" in problem


def test_an_empty_secret_in_the_environment_lets_nothing_in(tmp_path: Path) -> None:
    found = read(tmp_path, OUTWORX_ROUTES="/a=stripe", OUTWORX_SECRET_STRIPE="")
    (endpoint,) = found.endpoints
    assert "OUTWORX_SECRET_STRIPE is set but empty" in (endpoint.problem or "")
    assert endpoint.options.signature_valid is False


def test_the_file_outranks_the_environment(tmp_path: Path) -> None:
    write(
        tmp_path,
        'detect = true\nidempotency_store = "memory://toml"\n' + STRIPE + 'signature_secret_env = "SHOP"\n',
    )
    found = read(
        tmp_path,
        OUTWORX_ROUTES="/a=github,/b=slack",
        OUTWORX_DETECT="off",
        OUTWORX_IDEMPOTENCY_STORE="memory://env",
    )
    assert {e.pattern: e.options.provider for e in found.endpoints} == {"/a": "stripe", "/b": "slack"}
    assert found.endpoints[0].source == "outworx.toml"
    # The two switches are one setting each, and a deployment's environment decides.
    assert (found.detect, found.store_url) == (False, "memory://env")


@pytest.mark.parametrize(
    ("word", "detects"), [("true", True), ("1", True), ("", True), ("No", False), ("0", False)]
)
def test_detection_is_switched_by_a_word(word: str, detects: bool, tmp_path: Path) -> None:
    assert read(tmp_path, OUTWORX_DETECT=word).detect is detects


def test_another_word_is_a_problem(tmp_path: Path) -> None:
    found = read(tmp_path, OUTWORX_DETECT="maybe")
    assert found.detect is True
    assert "OUTWORX_DETECT must be true or false" in found.problems[0]


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("/a", "exact"),
        ("/a/", "exact"),
        ("/a/b", "below"),
        ("/a/b/", "below"),
        ("/a/b/hook", "middle"),
        ("/a/b\n", "below"),
        ("/a\n", "exact"),
        ("/a/\n", "exact"),
        ("/a/b/hook/", "middle"),
        ("/", "root"),
        ("/z.z", None),
        ("", None),
    ],
)
def test_paths_are_found_exactly_or_by_the_longest_pattern(path: str, expected: str | None) -> None:
    paths = PathMap(
        {"/a": "exact", "/a/*": "below", "/a/*/hook": "middle", "/": "root", "/z?z": "no pattern"}
    )
    assert paths.find(path) == expected


def test_an_empty_map_is_false() -> None:
    assert not PathMap({})
    assert PathMap({"*": 1})


SALVAGED = {
    "a missing bracket": (
        '[endpoints."/a"\nprovider = "stripe"\nsignature_secret_env = "X"',
        {"/a": "stripe"},
    ),
    "a value cut short": (
        '[endpoints."/a"]\nprovider = "stripe"\nsignature_secret_env = "X',
        {"/a": "stripe"},
    ),
    "no equals sign": ('[endpoints."/a"]\nprovider = "stripe"\nsignature_secret_env "X"', {"/a": "stripe"}),
    "a bare path": ('[endpoints./a/b]\nprovider = "stripe"\nsignature_secret_env = "X"', {"/a/b": "stripe"}),
    "single quotes": (
        "[tool.outworx.endpoints.'/a']\nprovider = 'stripe'\nsecret = 'x'\n]",
        {"/a": "stripe"},
    ),
    "an inline table": ('[endpoints]\n"/a" = { provider = "git", signature_verifier = \n', {"/a": "git"}),
    "a dotted key": ('[endpoints]\n"/a".signature_secret_file = "/s"\n"/a".provider = "x"\n[', {"/a": "x"}),
    "one of two": (
        '[endpoints."/a"]\nprovider="x"\n[endpoints."/b"]\nsignature_secret="y"\n[',
        {"/b": "unknown"},
    ),
    "a comment": ('[endpoints."/a"]\nprovider = "x" # no signature yet\n[', {}),
    "another table": ('[endpoints."/a"]\nprovider = "x"\n[providers.x]\nsignature_header = "y"\n[', {}),
    "nothing": ("[endpoints", {}),
}


@pytest.mark.parametrize("broken", SALVAGED)
def test_what_a_file_that_is_no_toml_was_to_verify_stays_closed(broken: str, tmp_path: Path) -> None:
    text, closed = SALVAGED[broken]
    write(tmp_path, text)
    found = read(tmp_path)
    assert {e.pattern: e.options.provider for e in found.endpoints} == closed
    assert all(e.options.signature_valid is False for e in found.endpoints)
    (problem,) = found.problems
    assert "not valid TOML" in problem


@pytest.mark.parametrize(
    "text",
    [
        '[endpoints.a]\nprovider = "stripe"\nsignature_secret_env = "X"',
        '[endpoint."/a"]\nprovider = "stripe"\nsignature_secret_env = "X"',
        '[endpoints."/a"]\nprovder = "stripe"\nsignatur_secret_env = "X"',
    ],
)
def test_a_misspelt_name_closes_what_was_to_be_verified(text: str, tmp_path: Path) -> None:
    write(tmp_path, text)
    found = read(tmp_path)
    assert [(e.pattern, e.options.signature_valid) for e in found.endpoints] == [("/a", False)]
    assert len(found.problems) == 1


@pytest.mark.parametrize(
    ("routes", "closed"), [("a=stripe", "/a"), ("/a=", "/a"), ("/a=stripe", "/a"), ("/*=x", "/*")]
)
def test_a_path_in_the_environment_is_closed_until_it_has_its_secret(
    routes: str, closed: str, tmp_path: Path
) -> None:
    found = read(tmp_path, OUTWORX_ROUTES=routes)
    assert [(e.pattern, e.options.signature_valid) for e in found.endpoints] == [(closed, False)]
    assert len([*found.problems, *found.closed]) == 1


@pytest.mark.parametrize("name", ["outworx.toml", "pyproject.toml"])
def test_the_nearest_file_upwards_that_speaks_of_us_counts(name: str, tmp_path: Path) -> None:
    below = tmp_path / "a" / "b"
    below.mkdir(parents=True)
    prefix = "" if name == "outworx.toml" else "tool.outworx."
    write(tmp_path, f'[{prefix}endpoints."/far"]\nprovider = "x"\n', name)
    write(tmp_path / "a", "[tool.other]\nx = 1\n", "pyproject.toml")
    found = read(below)
    assert [e.pattern for e in found.endpoints] == ["/far"]
    assert found.file == str(tmp_path / name)
    assert str(tmp_path) in found.endpoints[0].source
    write(tmp_path / "a", f'[{prefix}endpoints."/near"]\nprovider = "x"\n', name)
    assert [e.pattern for e in read(below).endpoints] == ["/near"]


def test_a_broken_pyproject_that_speaks_of_us_is_our_business(tmp_path: Path) -> None:
    write(tmp_path, '[tool.outworx.endpoints."/a"]\nsignature_secret_env = "X"\n[', "pyproject.toml")
    found = read(tmp_path)
    assert [e.pattern for e in found.endpoints] == ["/a"]
    assert len(found.problems) == 1


def test_a_file_without_a_secret_does_not_open_what_the_environment_verifies(tmp_path: Path) -> None:
    write(tmp_path, STRIPE)
    found = read(tmp_path, OUTWORX_ROUTES="/a=stripe", OUTWORX_SECRET_STRIPE=SECRET)
    assert [e.options.signature_secret for e in found.endpoints] == [SECRET]
    assert "/a names no secret" in found.warnings[0]
