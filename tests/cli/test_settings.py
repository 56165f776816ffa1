"""`ims settings`."""

import json

from config.settings import Settings
from tests.cli.conftest import Ims


def test_every_setting_is_shown_with_its_meaning_and_no_secret(ims: Ims, s3_settings: Settings) -> None:
    shown = ims("settings", "--format", "json").stdout
    known = {setting["variable"]: setting for setting in json.loads(shown)}
    assert set(known) == {f"IMS_{name.upper()}" for name in Settings.model_fields}
    assert all(setting["meaning"] for setting in known.values())
    assert known["IMS_IMS_BUCKET"]["value"] == s3_settings.ims_bucket
    assert s3_settings.s3_secret_key.get_secret_value() not in shown
