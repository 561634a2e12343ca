"""What the environment says: where things are and how the product is reached."""

from __future__ import annotations

from pathlib import Path

from pydantic import Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict


class Settings(BaseSettings):
    """`ML_CONNECTOR_*` variables, with their defaults."""

    model_config = SettingsConfigDict(env_prefix="ML_CONNECTOR_", extra="ignore")

    home: Path = Field(default_factory=lambda: Path.home() / ".ml-connector")
    """Where the key and the embedded database live."""
    database_url: SecretStr | None = None
    """A PostgreSQL of your own; the embedded one where it is not set."""
    key: SecretStr | None = None
    key_file: Path | None = None
    public_url: str | None = None
    """Where the payables system reaches the webhook."""
    trail_retention_months: int = Field(default=0, ge=0)
    """Whole months of trail to keep; 0 keeps everything."""
    slice_seconds: float = Field(default=60.0, gt=0)
    """How long a connection is worked at most before others get their turn."""
    concurrency: int = Field(default=20, ge=1)
    """Connections that one process works at the same time."""
    log_level: str = "INFO"
