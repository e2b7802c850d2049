"""Promises about privacy: neither an identifier nor a secret is in anything that a person reads."""

from __future__ import annotations

import logging
import traceback

import pytest
from pydantic import ValidationError

from dbt_activate.errors import DestinationError
from dbt_activate.testing.calls import Setting, calls_of
from dbt_activate.testing.double import Trouble
from dbt_activate.testing.scene import Scene
from dbt_activate.testing.troubles import IMPATIENT, require, waits


class PrivacyPromises:
    """Errors, logs and texts hold neither whom we sent nor how we proved who we are."""

    @pytest.mark.parametrize("trouble", Trouble, ids=lambda trouble: trouble.name)
    def test_nothing_personal_is_told(
        self, scene: Scene, trouble: Trouble, caplog: pytest.LogCaptureFixture
    ) -> None:
        """Whatever goes wrong with whichever call, no error, cause or log names a person or a secret."""
        require(scene, trouble)
        caplog.set_level(logging.DEBUG)
        setting = Setting(scene, "VIP customers")
        scene.reconnect(retry=IMPATIENT, **waits(trouble))
        scene.double.fail(trouble, nth=2, times=None)
        told = []
        for call in calls_of(scene.destination):
            try:
                call(setting)
            except DestinationError as error:
                told += _texts(error)
            except AssertionError:  # done in part, or not the same after an earlier call: not looked at here
                continue
        _look_for(scene, setting, "\n".join((*told, *_records(caplog))))

    def test_success_is_quiet(self, scene: Scene, caplog: pytest.LogCaptureFixture) -> None:
        """Neither is anybody named in what is logged of calls that go well, nor in receipts."""
        caplog.set_level(logging.DEBUG)
        told = []
        for number, call in enumerate(calls_of(scene.destination)):
            setting = Setting(scene, f"Audience {number}")
            call(setting)
            told += [repr(scene.add(scene.create("Receipts"), setting.newcomers)), repr(scene.destination)]
            _look_for(scene, setting, "\n".join((*told, *_records(caplog))))

    def test_settings_keep_their_secrets(self, scene: Scene) -> None:
        """They are in no text of the settings, nor in what is said of a key that is wrong."""
        settings = scene.settings()
        texts = [repr(settings), str(settings), repr(settings.model_dump()), settings.model_dump_json()]
        with pytest.raises(ValidationError) as caught:
            scene.settings(no_such_key="canary-value")
        texts += [str(caught.value), repr(caught.value)]
        assert "no_such_key" in str(caught.value)
        assert "canary-value" not in "".join(texts)
        assert not [1 for secret in scene.secrets if secret in "".join(texts)]

    def test_secrets_are_declared(self, scene: Scene) -> None:
        """Where credentials can be wrong, what makes them wrong is a `SecretStr`."""
        wrong = scene.double.wrong_entry()
        if wrong is None:
            pytest.skip("This tool has no credentials.")
        assert scene.secrets

    def test_an_audience_refuses_unknown_keys(self, scene: Scene) -> None:
        """A key that ``audience:`` does not know is named."""
        keys = scene.double.audience("VIP customers", "")
        with pytest.raises(ValidationError, match="no_such_key"):
            scene.kind.AudienceSettings.model_validate({**keys, "no_such_key": "canary-value"})


def _texts(error: BaseException | None) -> list[str]:
    """Return all that can be read in an error and in what is behind it."""
    texts = []
    while error is not None:
        texts += [str(error), repr(error), "".join(traceback.format_exception(error))]
        error = error.__cause__ or error.__context__
    return texts


def _records(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [f"{record.getMessage()} {record.args}" for record in caplog.records]


def _look_for(scene: Scene, setting: Setting, text: str) -> None:
    private = [*setting.inside, *setting.newcomers, *scene.secrets]
    found = sum(value in text for value in private)
    assert not found, f"{found} identifiers or secrets can be read in errors or logs."
