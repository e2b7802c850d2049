"""Rendering of ``profiles.yml``, compared with dbt's own."""

from __future__ import annotations

import os

import pytest
from dbt.config.renderer import ProfileRenderer
from dbt_common.context import set_invocation_context

from dbt_activate.dbt.jinja import MissingEnvVarError, Renderer, RenderError

ENVIRONMENT = {
    "PASSWORD": "00123",
    "SCIENTIFIC": "1e5",
    "PORT": "5439",
    "FLAG": "True",
    "SMALL_FLAG": "true",
    "LIST": "[1, 2]",
    "EMPTY": "",
    "QUOTED": '"quoted"',
    "JSON": '{"key": ["a", 1]}',
    "DBT_ENV_SECRET_TOKEN": "0x{{not_jinja}}",
}

CASES = {
    "digits stay text": "{{ env_var('PASSWORD') }}",
    "a float's spelling stays text": "{{ env_var('SCIENTIFIC') }}",
    "literal digits stay text": "00123",
    "jinja's own int": "{{ env_var('PORT') | int }}",
    "as_number": "{{ env_var('PORT') | as_number }}",
    "as_number of a float": "{{ env_var('SCIENTIFIC') | as_number }}",
    "as_bool": "{{ env_var('FLAG') | as_bool }}",
    "as_native list": "{{ env_var('LIST') | as_native }}",
    "as_native of what is no literal": "{{ env_var('SMALL_FLAG') | as_native }}",
    "as_text": "{{ env_var('PORT') | as_text }}",
    "quotes stay": "{{ env_var('QUOTED') }}",
    "several parts are text": "{{ env_var('PORT') }}{{ env_var('PORT') }}",
    "text around": "host-{{ env_var('PORT') }}.example.com",
    "default": "{{ env_var('UNSET', 'fallback') }}",
    "default that is a number": "{{ env_var('UNSET', 5432) }}",
    "default that is empty": "{{ env_var('UNSET', '') }}",
    "set but empty": "{{ env_var('EMPTY', 'fallback') }}",
    "secret": "{{ env_var('DBT_ENV_SECRET_TOKEN') }}",
    "secret inside text": "Bearer {{ env_var('DBT_ENV_SECRET_TOKEN') }}",
    "expression": "{{ 1 + 1 }}",
    "condition": "{% if env_var('FLAG') == 'True' %}yes{% else %}no{% endif %}",
    "last line break": "-----BEGIN-----\nabc\n",
    "windows line breaks": "one\r\ntwo",
    "var": "{{ var('colour') }}",
    "var that is a number": "{{ var('amount') }}",
    "var with jinja": "{{ var('templated') }}",
    "var default": "{{ var('unset', [1]) }}",
    "fromjson": "{{ fromjson(env_var('JSON')) }}",
    "split": "{{ env_var('JSON').split(',') }}",
    "nested": {"hosts": ["{{ env_var('PORT') }}", {"port": "{{ env_var('PORT') | int }}"}], "on": True},
    "not text": [1, 1.5, None, False],
    "password that is no jinja": {"password": "a{%b"},
    "empty": "",
    "comment": "{# nothing #}",
}
VARIABLES = {"colour": "red", "amount": 3, "templated": "{{ env_var('PORT') }}"}


@pytest.fixture
def environment(monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """An environment that dbt sees, too."""
    monkeypatch.delenv("UNSET", raising=False)
    for name, value in ENVIRONMENT.items():
        monkeypatch.setenv(name, value)
    set_invocation_context(dict(os.environ))
    return ENVIRONMENT


@pytest.mark.parametrize("case", CASES)
def test_gives_the_value_and_the_type_that_dbt_gives(environment: dict[str, str], case: str) -> None:
    """What dbt's own renderer makes of a profile, we make of it, down to the type."""
    value = {"key": CASES[case]}
    expected = ProfileRenderer(VARIABLES).render_data(value)
    rendered = Renderer(VARIABLES, environment).render(value)
    assert rendered == expected
    assert repr(rendered) == repr(expected)


@pytest.mark.parametrize(
    ("template", "message"),
    [
        ("{{ env_var('NOT_THERE') }}", "the environment variable NOT_THERE is not set."),
        ("{{ var('not_there') }}", "the variable not_there is not set."),
        ("{{ enviroment }}", "uses a name that is not known here: 'enviroment' is undefined."),
        ("x{{ enviroment }}", "uses a name that is not known here: 'enviroment' is undefined."),
        ("{{ env_var('SMALL_FLAG') | as_bool }}", "has to be True or False, as its filter says."),
        ("{{ env_var('FLAG') | as_number }}", "has to be a number, as its filter says."),
        ("hunter2{% hunter3", "is not valid Jinja."),
    ],
)
def test_says_what_is_wrong_without_the_value(template: str, message: str) -> None:
    """An error names the variable or the filter, and never repeats a value, not even in a traceback."""
    with pytest.raises(RenderError) as caught:
        Renderer({}, ENVIRONMENT).render({"outer": [template]})
    assert caught.value.message == message
    assert caught.value.path == ("outer", 0)
    assert caught.value.__suppress_context__


def test_a_variable_that_refers_to_itself_is_an_error() -> None:
    """A circle of variables ends in an error and not in a crash."""
    with pytest.raises(RenderError):
        Renderer({"a": "{{ var('a') }}"}, {}).render("{{ var('a') }}")


def test_a_missing_password_is_an_error() -> None:
    """A password whose variable is not set is not sent as the text of its template."""
    with pytest.raises(MissingEnvVarError):
        Renderer({}, {}).render({"password": "{{ env_var('NOT_THERE') }}"})
