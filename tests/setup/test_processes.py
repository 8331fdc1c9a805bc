"""What is closed, said and ended in a process under `opentelemetry-instrument`, and in one that calls `init()`."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from support.deployment import NOT_LOADED, only
from support.scale import rows

SITE = Path(__file__).parent / "sites" / "flask_site.py"
INSTRUMENT = str(Path(sys.executable).parent / "opentelemetry-instrument")
ROUTES = {"OUTWORX_ROUTES": "/webhooks/stripe=stripe,/hooks/github=github"}
SECRET_OF_GITHUB = {"OUTWORX_SECRET_GITHUB": "abcdefghijkl"}
BOTH_SECRETS = {"OUTWORX_SECRET_STRIPE": "whsec_abcdefghijkl", **SECRET_OF_GITHUB}
QUIET = {"OTEL_TRACES_EXPORTER": "none", "OTEL_METRICS_EXPORTER": "none", "OTEL_LOGS_EXPORTER": "none"}
OUR_SAMPLER = {"OTEL_TRACES_SAMPLER": "outworx_webhook"}
STAR = pytest.mark.needs("opentelemetry-instrumentation >=0.60b0")
OUR_EXPORTER = {"OTEL_TRACES_EXPORTER": "outworx", "OUTWORX_HOOKS_ENDPOINT": "http://127.0.0.1:9"}
CLOSED = "/webhooks/stripe 401\n/hooks/github 401\n"
REFUSED_STRIPE = "/webhooks/stripe 401\n/hooks/github 200\n"


def run(
    directory: Path, *command: str, seconds: float = 60, **environ: str
) -> subprocess.CompletedProcess[str]:
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("OTEL_", "OUTWORX_"))}
    return subprocess.run(  # noqa: S603  # our own sites
        command,
        cwd=directory,
        env={**clean, **QUIET, **only("flask"), **environ},
        capture_output=True,
        text=True,
        timeout=seconds,
        check=False,
    )


def instrumented(directory: Path, **environ: str) -> subprocess.CompletedProcess[str]:
    return run(directory, INSTRUMENT, sys.executable, str(SITE), **environ)


def in_code(directory: Path, calls: str, **environ: str) -> subprocess.CompletedProcess[str]:
    program = f"import outworx_otel\n{calls}\nexec(open({str(SITE)!r}).read())"
    return run(directory, sys.executable, "-c", program, **environ)


def said_at_start(done: subprocess.CompletedProcess[str], words: str) -> list[str]:
    """Lines with these words, but for those of rejected deliveries and of what was found."""
    others = ("webhook rejected", "by path,")
    lines = done.stderr.splitlines()
    return [line for line in lines if words in line and not any(other in line for other in others)]


def write(directory: Path, text: str) -> None:
    (directory / "outworx.toml").write_text(text)


STRIPE = '[endpoints."/webhooks/stripe"]\nprovider = "stripe"\n'
WRONG_FILES = {
    "syntax": STRIPE + 'signature_secret_env = "SHOP"\nmethods = [\n',
    "unset_variable": STRIPE + 'signature_secret_env = "NOT_SET_ANYWHERE"\n',
    "no_file": STRIPE + 'signature_secret_file = "/nowhere/secret"\n',
}


@pytest.mark.parametrize("wrong", WRONG_FILES)
def test_what_a_wrong_file_was_to_verify_stays_closed_and_is_one_error(wrong: str, tmp_path: Path) -> None:
    write(tmp_path, WRONG_FILES[wrong])
    done = instrumented(tmp_path, SHOP="whsec_abcdefghijkl")
    assert done.stdout == REFUSED_STRIPE
    assert len(said_at_start(done, "outworx.toml")) == 1


def test_a_route_without_its_secret_is_answered_401(tmp_path: Path) -> None:
    done = instrumented(tmp_path, **ROUTES, **SECRET_OF_GITHUB)
    assert done.stdout == CLOSED
    assert len(said_at_start(done, "OUTWORX_SECRET_STRIPE is not set")) == 1


@pytest.mark.parametrize("below", ["deep/er", "."])
def test_the_file_is_found_from_a_folder_further_down(below: str, tmp_path: Path) -> None:
    write(tmp_path, STRIPE + 'signature_secret_env = "SHOP"\n')
    (tmp_path / below).mkdir(parents=True, exist_ok=True)
    done = instrumented(tmp_path / below, SHOP="whsec_abcdefghijkl")
    assert done.stdout == REFUSED_STRIPE
    assert f"configuration {tmp_path}/outworx.toml; 1 endpoint by path, 1 verified" in done.stderr


def test_the_file_is_found_beside_the_program_wherever_it_is_started(tmp_path: Path) -> None:
    application, elsewhere = tmp_path / "srv", tmp_path / "elsewhere"
    application.mkdir()
    elsewhere.mkdir()
    write(application, STRIPE + 'signature_secret_env = "SHOP"\n')
    (application / "manage.py").write_text(SITE.read_text())
    program = str(application / "manage.py")
    done = run(elsewhere, INSTRUMENT, sys.executable, program, SHOP="whsec_abcdefghijkl")
    assert done.stdout == REFUSED_STRIPE


def test_nothing_configured_is_said_too_unless_quiet_is_asked_for(tmp_path: Path) -> None:
    assert instrumented(tmp_path).stderr.count("outworx: no configuration file; 0 endpoints by path") == 1
    assert "outworx" not in instrumented(tmp_path, OUTWORX_HOOKS_QUIET="1").stderr


@pytest.mark.parametrize(
    ("disabled", "loaded"),
    rows(
        [
            pytest.param("*", OUR_SAMPLER, marks=STAR),
            ("outworx_flask", OUR_EXPORTER),
            ("requests , outworx_flask", OUR_SAMPLER),
        ],
        [
            pytest.param("*", OUR_EXPORTER, marks=STAR),
            ("outworx_flask", OUR_SAMPLER),
            ("requests , outworx_flask", OUR_EXPORTER),
        ],
    ),
)
def test_endpoints_that_nobody_guards_are_one_error(
    disabled: str, loaded: dict[str, str], tmp_path: Path
) -> None:
    environ = {**ROUTES, **BOTH_SECRETS, **loaded, "OTEL_PYTHON_DISABLED_INSTRUMENTATIONS": disabled}
    done = instrumented(tmp_path, **environ)
    assert done.stderr.count("NOBODY GUARDS /hooks/github, /webhooks/stripe") == 1
    assert "outworx: outworx" not in done.stderr
    strict = instrumented(tmp_path, OUTWORX_STRICT="true", **environ)
    assert strict.returncode == 78
    assert "NOBODY GUARDS" in strict.stderr


def test_an_application_that_instruments_itself_is_guarded_although_the_loader_is_told_not_to(
    tmp_path: Path,
) -> None:
    # Not site.py, which Python 3.10 would take for its own module of that name.
    (tmp_path / "shop.py").write_text(f"import outworx_otel; outworx_otel.instrument()\n{SITE.read_text()}")
    done = run(
        tmp_path,
        INSTRUMENT,
        sys.executable,
        "shop.py",
        OTEL_PYTHON_DISABLED_INSTRUMENTATIONS="*",
        **ROUTES,
        **BOTH_SECRETS,
    )
    assert done.stdout == CLOSED
    assert "NOBODY GUARDS" not in done.stderr


STRICTLY_WRONG = {
    "file": ("[endpoints", {}),
    "secret": ("", {"OUTWORX_ROUTES": "/webhooks/stripe=stripe"}),
    "variable": (WRONG_FILES["unset_variable"], {}),
    "word": ("", {"OUTWORX_ENFORCE": "maybe"}),
}


@pytest.mark.parametrize("wrong", STRICTLY_WRONG)
def test_a_strict_process_ends_at_start_with_78_and_the_list(wrong: str, tmp_path: Path) -> None:
    text, environ = STRICTLY_WRONG[wrong]
    write(tmp_path, text)
    for done in (
        instrumented(tmp_path, OUTWORX_STRICT="true", **environ),
        in_code(tmp_path, "outworx_otel.instrument()", OUTWORX_STRICT="1", **environ),
    ):
        assert done.returncode == 78, done.stderr
        assert done.stdout == ""
        assert done.stderr.count("OUTWORX_STRICT is set") == 1
        assert "\n  - " in done.stderr
        assert "Traceback" not in done.stderr


def test_a_strict_process_whose_set_up_is_whole_starts(tmp_path: Path) -> None:
    loads_all = {NOT_LOADED: ""}
    environ = {**ROUTES, **BOTH_SECRETS, **loads_all}
    assert instrumented(tmp_path, OUTWORX_STRICT="true", **environ).stdout == CLOSED


def test_reporting_refuses_nobody_and_says_so(tmp_path: Path) -> None:
    done = instrumented(tmp_path, OUTWORX_ENFORCE="report", **SECRET_OF_GITHUB, **ROUTES)
    assert done.stdout == CLOSED.replace("401", "200")
    # At start, and with the first delivery that would have been refused; not with the second.
    assert done.stderr.count("NOBODY IS REFUSED") == 2


def test_code_that_swallows_our_error_has_its_endpoints_closed_all_the_same(tmp_path: Path) -> None:
    calls = "try:\n    outworx_otel.instrument()\nexcept ValueError:\n    pass"
    assert in_code(tmp_path, calls, **ROUTES).stdout == CLOSED


def test_the_loader_is_not_stopped_by_a_misspelt_argument_and_its_endpoints_stay_closed(
    tmp_path: Path,
) -> None:
    """As the declarative configuration passes them on, or a distribution of somebody's own."""
    (tmp_path / "loader.py").write_text(
        "__name__ = 'opentelemetry.instrumentation.auto_instrumentation.of_a_test'\n"
        "from outworx_otel.integrations.flask import FlaskInstrumentor\n"
        "FlaskInstrumentor().instrument(endpoint={'/webhooks/stripe': {'provider': 'stripe'}}, skip_dep_check=True)\n"
        "print('went on')\n"
        f"exec(compile({SITE.read_text()!r}, 'site', 'exec'), {{'__name__': 'site'}})\n"
    )
    done = run(tmp_path, sys.executable, "loader.py")
    assert done.stdout == f"went on\n{REFUSED_STRIPE}"
    assert len(said_at_start(done, "unknown argument 'endpoint': did you mean 'endpoints'")) == 1
