import os

import pytest

os.environ["ENVIRONMENT"] = "test"


@pytest.fixture(autouse=True)
def a_folder_of_its_own(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
