"""Environment variables: typed, with aliases, and what is wrong said with the variable's name."""

from __future__ import annotations

import pytest

from outworx_otel.errors import ConfigurationError
from outworx_otel.process import environment

SET = {
    "EMPTY": "",
    "BLANK": "  ",
    "SPACED": " value ",
    "YES": "On",
    "NO": "FALSE",
    "SEVEN": " 7 ",
    "WORD": "maybe",
}


def test_an_empty_variable_counts_as_an_unset_one() -> None:
    for name in ("EMPTY", "BLANK", "UNSET"):
        assert environment.text(name, environ=SET) is None
        assert environment.name_set(name, environ=SET) is None
        assert environment.flag(name, default=True, environ=SET) is True
        assert environment.number(name, default=3, environ=SET) == 3


def test_of_several_names_the_first_that_is_set_is_read() -> None:
    assert environment.text("UNSET", "BLANK", "SPACED", "WORD", environ=SET) == "value"
    assert environment.name_set("UNSET", "BLANK", "SPACED", "WORD", environ=SET) == "SPACED"


def test_a_raw_value_keeps_its_white_space() -> None:
    assert environment.raw("EMPTY", "SPACED", environ=SET) == " value "


def test_variables_are_found_by_their_beginning_where_they_are_set() -> None:
    variables = {"S_A": " a ", "S_B": "b", "S_EMPTY": "", "S_BLANK": " ", "T_C": "c"}
    assert environment.beginning_with("S_", variables) == {"S_A": " a ", "S_B": "b"}


@pytest.mark.parametrize("said", ["1", "true", "YES", " on "])
def test_yes_is_said_in_four_ways(said: str) -> None:
    assert environment.flag("F", environ={"F": said}) is True


@pytest.mark.parametrize("said", ["0", "False", "no", "OFF\n"])
def test_no_is_said_in_four_ways(said: str) -> None:
    assert environment.flag("F", default=True, environ={"F": said}) is False


@pytest.mark.parametrize("said", ["maybe", "2", "truee"])
def test_anything_else_is_an_error_that_names_the_variable(said: str) -> None:
    with pytest.raises(ConfigurationError, match=r"^SECOND must be true or false"):
        environment.flag("FIRST", "SECOND", environ={"SECOND": said})


def test_a_number_is_whole_and_large_enough() -> None:
    assert environment.number("SEVEN", default=1, environ=SET) == 7
    assert environment.number("N", default=1, least=-5, environ={"N": "-5"}) == -5
    for said in ("6.5", "x", "0", "-1", "--2", "\u0663", "9" * 5000):
        with pytest.raises(ConfigurationError, match=r"^N must be a whole number of 1 or more") as caught:
            environment.number("N", default=1, least=1, environ={"N": said})
        assert len(str(caught.value)) < 150


def test_the_process_s_own_environment_is_read_anew_each_time(monkeypatch: pytest.MonkeyPatch) -> None:
    assert environment.text("OUTWORX_TEST_ONLY") is None
    monkeypatch.setenv("OUTWORX_TEST_ONLY", "now")
    assert environment.text("OUTWORX_TEST_ONLY") == "now"


FAMILY = {
    "API_KEY": environment.API_KEY,
    "ENDPOINT": environment.ENDPOINT,
    "PROTOCOL": environment.PROTOCOL,
    "DEBUG": environment.DEBUG,
    "EXIT_FLUSH": environment.EXIT_FLUSH,
    "QUIET": environment.QUIET,
}


@pytest.mark.parametrize("name", FAMILY)
def test_a_variable_of_the_family_goes_by_its_name_and_by_its_older_one(name: str) -> None:
    newer, older = f"OUTWORX_{name}", f"OUTWORX_HOOKS_{name}"
    for called in (newer, older):
        assert environment.text(*FAMILY[name], environ={called: "x"}) == "x"
    both = {newer: "newer", older: "older"}
    assert environment.text(*FAMILY[name], environ=both) == "newer"
    assert f"{newer} and {older} differ; {newer} is taken" in str(
        environment.disagreement(*FAMILY[name], environ=both)
    )
    assert environment.disagreement(*FAMILY[name], environ={newer: "x", older: " x "}) is None
    assert environment.disagreement(*FAMILY[name], environ={newer: " ", older: "x"}) is None
    assert environment.name_set(*FAMILY[name], environ={}) is None
