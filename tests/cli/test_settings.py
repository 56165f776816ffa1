"""`ims settings`."""

import json

from config.settings import Settings
from tests.cli.conftest import Ims


def test_every_setting_is_shown_with_its_meaning_and_no_secret(ims: Ims, s3_settings: Settings) -> None:
    shown = ims("settings", "--format", "json").stdout
    known = {setting["variable"]: setting for setting in json.loads(shown)}
    assert {"IMS_DATA_DIR", "IMS_S3_READ_TIMEOUT", "IMS_PREPARE_LIMIT", "IMS_TASK_RETRY_SECONDS"} <= set(known)
    assert all(setting["meaning"] for setting in known.values())
    assert known["IMS_BUCKET"]["value"] == s3_settings.bucket
    assert s3_settings.s3.secret_key.get_secret_value() not in shown
