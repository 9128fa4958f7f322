"""Settings in files: NAME is read from the file that `NAME_FILE` names, so that a secret need not be in a variable."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from pydantic.fields import FieldInfo
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource


class SettingError(ValueError):
    """A setting is missing or invalid; the message names it. A retry gives the same result."""

    final = True


class FileSource(PydanticBaseSettingsSource):
    """A source that reads settings from files; an empty file sets nothing."""

    def __init__(self, settings_cls: type[BaseSettings], prefix: str, environ: Mapping[str, str]) -> None:
        super().__init__(settings_cls)
        self._prefix, self._environ = prefix, environ

    def get_field_value(self, field: FieldInfo, field_name: str) -> tuple[Any, str, bool]:
        """Return the setting's value, or None. Raises SettingError when the file can't be read, or both are set."""
        name = str(field.validation_alias or f"{self._prefix}{field_name.upper()}")
        return text_of_file(name, self._environ), field_name, False

    def __call__(self) -> dict[str, Any]:
        """Return all settings that are read from files."""
        values = {name: self.get_field_value(field, name)[0] for name, field in self.settings_cls.model_fields.items()}
        return {name: value for name, value in values.items() if value is not None}


def text_of_file(name: str, environ: Mapping[str, str]) -> str | None:
    """Return the text of the file with a setting, without blanks around it; None when it is empty or there is none.

    Raises SettingError when the file can't be read, or the variable is set as well.
    """
    variable = f"{name}_FILE"
    path = environ.get(variable)
    if not path:
        return None
    if environ.get(name):
        raise SettingError(f"{name} and {variable} are both set: unset one of them")
    try:
        return Path(path).expanduser().read_text("utf-8-sig").strip() or None
    except UnicodeDecodeError:
        raise SettingError(f"{variable}: {path} is not text in UTF-8: save it in that encoding") from None
    # RuntimeError: ~NAME, and there is no such user.
    except (OSError, RuntimeError) as error:
        raise SettingError(f"{variable}: {path}: {getattr(error, 'strerror', None) or error}") from error


def texts_of(names: Iterable[str], environ: Mapping[str, str]) -> dict[str, str]:
    """Return the texts of the settings that are set, each by its variable or in a file.

    Raises SettingError when a file can't be read, or a setting has both.
    """
    texts = {name: text_of_file(name, environ) or environ.get(name) for name in names}
    return {name: text for name, text in texts.items() if text}
