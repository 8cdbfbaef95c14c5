"""The settings as JSON schema, for editors: `python -m zpscope.config.schema > config/schema.json`.

Knows nothing but `settings.py`; a contract test holds the checked-in file to it.
"""

import json

from zpscope.config.settings import Settings


def schema_text() -> str:
    """Return the text of `schema.json`."""
    return json.dumps(Settings.model_json_schema(), indent=2, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    print(schema_text(), end="")
