"""Every setting, read once from the environment (prefix HYPERCARE_). The only reader of the environment."""

import os
import socket
from datetime import time
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field, SecretStr, ValidationError, ValidationInfo, field_validator
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from services.errors import Misconfigured

PREFIX = "HYPERCARE_"
LOOPBACK = ("127.0.0.1", "::1", "localhost")


def _there(path: Path) -> Path:
    if not path.exists():
        raise ValueError(f"names {path}, which does not exist")
    return path


Present = Annotated[Path, AfterValidator(_there)]


class SecretFiles(PydanticBaseSettingsSource):
    """`HYPERCARE_X_FILE` names a file that holds the value of X: for the database URL and every secret."""

    def get_field_value(self, field: Any, field_name: str) -> tuple[Any, str, bool]:
        return None, field_name, False

    def __call__(self) -> dict[str, Any]:
        names = {f"{PREFIX}{name.upper()}_FILE": name for name in secret_names(self.settings_cls)}
        return {names[key]: _content(key, path) for key, path in os.environ.items() if key in names}


def _content(variable: str, path: str) -> str:
    try:
        return Path(path).read_text("utf-8").strip()
    except OSError as error:
        raise Misconfigured(f"{variable} names {path}, which cannot be read ({error.strerror})") from error


def secret_names(cls: type[BaseSettings]) -> list[str]:
    return ["database_url", *(name for name, field in cls.model_fields.items() if "SecretStr" in str(field.annotation))]


class Settings(BaseSettings):
    """Defaults run everything in one process on SQLite, on loopback only."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, frozen=True, extra="ignore", env_ignore_empty=True)

    database_url: str = Field(
        "sqlite:///hypercare.db", description="SQLAlchemy URL: sqlite:///FILE or postgresql://USER:PASSWORD@HOST/NAME"
    )
    kafka_bootstrap_servers: str | None = Field(None, description="HOST:PORT,... of Kafka; empty: services read the ledger table directly")
    kafka_security_protocol: Literal["PLAINTEXT", "SSL", "SASL_SSL"] = Field("PLAINTEXT", description="how to talk to Kafka")
    kafka_username: str | None = Field(None, description="SCRAM-SHA-512 user for SASL_SSL")
    kafka_password: SecretStr | None = Field(None, validate_default=True, description="SCRAM-SHA-512 password for SASL_SSL")
    instance: str | None = Field(
        None,
        description="this replica's name, the same after a restart and no other's (Kafka static membership); empty: host name and port",
    )
    host: str = Field("127.0.0.1", description="address to listen on; anything but loopback needs HYPERCARE_API_KEYS_FILE")
    port: int = Field(8000, ge=0, le=65535, description="port to listen on; 0 takes a free one")
    api_keys_file: Present | None = Field(
        None, validate_default=True, description="TOML file of API keys; without it callers name themselves, on loopback only"
    )
    teams_file: Present | None = Field(None, description="TOML file: which team owns a system at a site, and how it is told")
    calendars_dir: Path = Field(Path("calendars-of-this-site"), description="folder that keeps a copy of each calendar that a rota names")
    evening: time = Field(time(17), description="when it is checked that everybody can be reached through the night, on each rota's clock")
    model: Present | None = Field(
        None, description="folder of the model version that decides until another is promoted; empty: the starter version"
    )
    models_dir: Path = Field(Path("models-of-this-site"), description="folder in which `hypercare model train` keeps the versions it makes")
    autonomy: Literal["earned", "granted"] = Field(
        "earned",
        description="earned: a system is routed to alone once people have confirmed enough of it; granted: from the first ticket on, until "
        "people show otherwise",
    )
    blind_share: float = Field(0.05, ge=0, le=1, description="share of tickets that people decide on without seeing a suggestion")
    floors_file: Present | None = Field(None, description="TOML file of severity floors; empty: the shipped ones")
    systems_file: Present | None = Field(None, description="TOML file of the systems to route to; empty: the shipped taxonomy")
    anchors_file: Path | None = Field(None, description="file outside the database that gets the ledger head every hour and at the end")
    public_url: str = Field("http://127.0.0.1:8000", description="where people reach the API; used in links of notifications")
    page_budget: str = Field(
        "3/15m 7/1h 15/3h", description="most pages that one person gets by mail or apprise, but for a Sev1, as PAGES/TIME; none: no limit"
    )
    link_secret: SecretStr | None = Field(
        None,
        description="seals the links by which people acknowledge and resolve from a message: 32 or more random characters, two of them "
        "separated by a space while one is replaced; empty: no such links",
    )
    webhook_secrets: SecretStr | None = Field(None, description="up to two Standard Webhooks secrets (whsec_...), separated by a space")
    webhook_networks: str = Field(
        "", description="CIDR networks that webhooks, Alertmanager and PagerDuty may be in beside public addresses, separated by commas"
    )
    pagerduty_keys: SecretStr | None = Field(None, description="NAME=ROUTING_KEY pairs, separated by spaces, for targets pagerduty:NAME")
    pagerduty_url: str = Field("https://events.pagerduty.com/v2/enqueue", description="Events API v2 of your PagerDuty region")
    chat_urls: SecretStr | None = Field(None, description="NAME=APPRISE_URL pairs, separated by spaces, for targets apprise:NAME")
    smtp_host: str | None = Field(None, description="mail server; empty: no e-mail")
    smtp_port: int = Field(587, ge=1, le=65535, description="port of the mail server")
    smtp_security: Literal["starttls", "tls", "none"] = Field("starttls", description="encryption to the mail server")
    smtp_username: str | None = Field(None, description="login at the mail server")
    smtp_password: SecretStr | None = Field(None, description="password at the mail server")
    smtp_sender: str = Field("hypercare@localhost", description="From address of e-mails")
    log_level: Literal["debug", "info", "warning", "error"] = Field("info", description="least level that is logged")
    fault: str | None = Field(None, description="for tests: a point at which this process ends itself, e.g. api-after-commit")

    @property
    def replica(self) -> str:
        return self.instance or f"{socket.gethostname()}-{self.port}"

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        return init_settings, env_settings, SecretFiles(settings_cls)

    @field_validator("api_keys_file")
    @classmethod
    def _keys_where_others_can_reach_it(cls, file: Path | None, info: ValidationInfo) -> Path | None:
        """Checks between fields hang on the later one, so that they are told together with the faults of single fields."""
        if file is None and info.data.get("host", LOOPBACK[0]) not in LOOPBACK:
            raise ValueError(
                "needed beyond loopback, or anybody gets in: make keys with `hypercare key new`, or set HYPERCARE_HOST=127.0.0.1"
            )
        return file

    @field_validator("kafka_password")
    @classmethod
    def _login_where_kafka_asks_for_one(cls, password: SecretStr | None, info: ValidationInfo) -> SecretStr | None:
        if info.data.get("kafka_security_protocol") == "SASL_SSL" and not (password and info.data.get("kafka_username")):
            raise ValueError("SASL_SSL needs HYPERCARE_KAFKA_USERNAME and HYPERCARE_KAFKA_PASSWORD")
        return password


def load_settings(**given: Any) -> Settings:
    """The settings, or `Misconfigured` with every fault at once. `given` (tests, command line) wins over the environment."""
    try:
        return Settings(**given)
    except ValidationError as error:
        raise Misconfigured("\n".join(_told(fault) for fault in error.errors())) from None


def _told(fault: Any) -> str:
    where = f"{PREFIX}{str(fault['loc'][0]).upper()}: " if fault["loc"] else ""
    return f"{where}{fault['msg'].removeprefix('Value error, ')}"


def unknown_variables() -> list[str]:
    """HYPERCARE_ variables that no setting reads: a misspelt one is worse than none."""
    known = {PREFIX + name.upper() for name in Settings.model_fields} | {f"{PREFIX}{name.upper()}_FILE" for name in secret_names(Settings)}
    return sorted(name for name in os.environ if name.startswith(PREFIX) and name not in known and not name.startswith(f"{PREFIX}TEST_"))
