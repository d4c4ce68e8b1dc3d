"""What all four kinds share: the base model, bounded types, the shared vocabulary and the two ways to dump.

The models are the single source of the CRDs (`crd.py`) and of everything the operator reads and writes.
They are frozen and made of tuples, so the pure core may hold them without copying. Every string, list and
map is bounded: the API server estimates the cost of our CEL rules from those bounds.

This module knows neither the cluster nor what a field means to an upgrade.
"""

import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Annotated, Any, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, WithJsonSchema

from scenario_operator.api.foreign import escaped

JsonObject = dict[str, Any]

_INITIALISMS = {"id": "ID", "uid": "UID"}


def wire_name(name: str) -> str:
    """Return the camelCase name on the wire: `run_uid` is `runUID`, `from_` is `from`."""
    head, *tail = name.rstrip("_").split("_")
    return head + "".join(_INITIALISMS.get(word, word.capitalize()) for word in tail)


class ApiModel(BaseModel):
    """A frozen piece of an API object.

    Unknown fields are ignored when reading: an object may have been written under a newer CRD. The API
    server's closed schemas refuse or prune them when writing.
    """

    model_config = ConfigDict(
        frozen=True,
        extra="ignore",
        alias_generator=wire_name,
        validate_by_name=True,
        validate_by_alias=True,
        use_attribute_docstrings=True,
    )


# --- What the schema needs beyond types -----------------------------------------------------------


def cel(rule: str, message: str, **more: str | bool) -> JsonObject:
    """Return one CEL rule; the message names the field and says what to do."""
    return {"rule": rule, "message": message, **more}


def rules(*validations: JsonObject) -> JsonObject:
    """Return the schema extension that makes the API server check these CEL rules."""
    return {"x-kubernetes-validations": list(validations)}


def keyed(*keys: str) -> JsonObject:
    """Return the schema extension for a list of named things: server-side apply merges it by these keys."""
    return {"x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": list(keys)}


UNIQUE: JsonObject = {"x-kubernetes-list-type": "set"}


def exactly_one(*fields: str, what: str) -> JsonObject:
    """Return the CEL rule for a union."""
    count = " + ".join(f"(has(self.{field}) ? 1 : 0)" for field in fields)
    names = ", ".join(fields[:-1]) + f" or {fields[-1]}"
    return cel(f"{count} == 1", f"{what} must set exactly one of {names}")


# --- Times ----------------------------------------------------------------------------------------

_RFC3339 = re.compile(
    r"^(\d{4}-\d{2}-\d{2})[Tt](\d{2}:\d{2}:\d{2})(?:\.(\d{1,9}))?([Zz]|[+-]\d{2}:\d{2})$",
)
_HOUR = "([01][0-9]|2[0-3])"
_CLOCK = rf"{_HOUR}(:[0-5][0-9]){{2}}([.][0-9]{{1,9}})?"
TIME_PATTERN = rf"^[0-9]{{4}}-[0-9]{{2}}-[0-9]{{2}}T{_CLOCK}(Z|[+-]{_HOUR}:[0-5][0-9])$"
"""What the API server checks; that the month has such a day, and UTC such a year, is found when a time is read."""


def format_time(moment: datetime) -> str:
    """Return a moment as RFC 3339 in UTC; the fraction is left out when it is zero.

    Raises:
        ValueError: the moment has no time zone.
    """
    if moment.tzinfo is None:
        raise ValueError("a time must have a time zone")
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")


def parse_time(text: str) -> datetime:
    """Return an RFC 3339 time as an aware datetime in UTC; digits below a microsecond are cut off.

    Raises:
        ValueError: the text is not RFC 3339, or it is before or after all years that there are.
    """
    match = _RFC3339.match(text)
    if match is None:
        raise ValueError(f"time {text!r} must be RFC 3339 with a time zone, such as 2026-01-31T12:00:00Z")
    date, clock, fraction, offset = match.groups()
    try:
        stated = datetime.fromisoformat(f"{date}T{clock}{offset.upper().replace('Z', '+00:00')}")
        whole = stated.astimezone(UTC)
    except OverflowError:
        # An offset can lead over either end: 9999-12-31T23:59:59-05:00 is in the year 10000.
        raise ValueError(f"time {text!r} must be in the years 0001 to 9999, in UTC") from None
    return whole + timedelta(microseconds=int((fraction or "0")[:6].ljust(6, "0")))


def normalise_time(value: object) -> object:
    """Return a time in the one spelling that is stored: UTC, `Z`, no trailing zeros; no digit is lost.

    The same moment always has the same text, so that texts can be compared for equality and hashed.
    """
    if isinstance(value, datetime):
        return normalise_time(format_time(value))
    if not isinstance(value, str):
        return value
    whole = format_time(parse_time(value).replace(microsecond=0)).removesuffix("Z")
    match = _RFC3339.match(value)
    fraction = (match.group(3) if match else None) or ""
    fraction = fraction.rstrip("0")
    return f"{whole}.{fraction}Z" if fraction else f"{whole}Z"


Time = Annotated[
    str,
    BeforeValidator(normalise_time),
    Field(max_length=40, json_schema_extra={"format": "date-time", "pattern": TIME_PATTERN}),
]

# --- Bounded scalars ------------------------------------------------------------------------------


_MESSAGE = 1024
_MESSAGE_END = 640
"""Characters of a message that are kept at its end: room for the longest two commands that one can end with."""


def shortened(text: str) -> str:
    """Bring a message onto one line and cut its middle out: a status write must never fail because of its length.

    The end stays, for it is the command that moves things on. Foreign text in it was escaped where it came in; this is
    for what came in elsewhere.
    """
    text = escaped(text)
    if len(text) <= _MESSAGE:
        return text
    return f"{text[: _MESSAGE - _MESSAGE_END - 1]}…{text[-_MESSAGE_END:]}"


def _shorten(value: object) -> object:
    return shortened(value) if isinstance(value, str) else value


Message = Annotated[str, BeforeValidator(_shorten), Field(max_length=_MESSAGE)]
FactValue = Annotated[str, Field(max_length=1_048_576)]
"""Room for the whole merge of parameters, which an operator of before records while the CRDs are newer already."""
Text = Annotated[str, Field(max_length=1024)]
Word = Annotated[str, Field(min_length=1, max_length=64)]
CamelWord = Annotated[str, Field(min_length=1, max_length=64, pattern=r"^[A-Za-z][A-Za-z0-9]*$")]
ReasonText = Annotated[
    str, Field(min_length=1, max_length=128, pattern=r"^[A-Za-z]([A-Za-z0-9_,:]*[A-Za-z0-9_])?$")
]

ObjectName = Annotated[str, Field(min_length=1, max_length=253, pattern=r"^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$")]
LabelName = Annotated[str, Field(min_length=1, max_length=63, pattern=r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?$")]
OwnName = Annotated[str, Field(min_length=1, max_length=40, pattern=r"^[a-z]([-a-z0-9]*[a-z0-9])?$")]
RunName = Annotated[
    str,
    Field(
        min_length=1,
        max_length=104,
        pattern=r"^([a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?/)?[a-z]([-a-z0-9]{0,38}[a-z0-9])?$",
    ),
]
QualifiedKey = Annotated[str, Field(min_length=1, max_length=317)]
LabelValue = Annotated[str, Field(max_length=63, pattern=r"^(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?$")]
DataKey = Annotated[str, Field(min_length=1, max_length=253, pattern=r"^[-._a-zA-Z0-9]+$")]

VersionLabel = Annotated[str, Field(min_length=1, max_length=64, pattern=r"^[0-9A-Za-z][0-9A-Za-z.+_-]*$")]
StateVersion = Annotated[str, Field(min_length=1, max_length=64, pattern=r"^[0-9A-Za-z][0-9A-Za-z.+_-]*$")]
RevisionName = Annotated[str, Field(min_length=1, max_length=63)]
Digest = Annotated[str, Field(max_length=71, pattern=r"^sha256:[0-9a-f]{64}$")]
RecordedDigest = Annotated[str, Field(max_length=256)]
Image = Annotated[str, Field(min_length=1, max_length=512)]
Hash = Annotated[str, Field(min_length=1, max_length=80)]
Uid = Annotated[str, Field(min_length=1, max_length=64)]
Identity = Annotated[str, Field(min_length=1, max_length=128)]
StepId = Annotated[str, Field(min_length=1, max_length=64)]
Nonce = Annotated[str, Field(max_length=64)]

YEAR_SECONDS = 31_536_000
DAY_SECONDS = 86_400
Seconds = Annotated[int, Field(ge=0, le=YEAR_SECONDS)]
TimeoutSeconds = Annotated[int, Field(ge=1, le=7 * DAY_SECONDS)]
LookbackSeconds = Annotated[int, Field(ge=1, le=100 * YEAR_SECONDS)]
MOST_COUNTED = 10**15
"""What is counted: more is not told from it, so that every number survives JSON readers that have floats only."""
Count = Annotated[int, Field(ge=0, le=MOST_COUNTED)]
Number = Annotated[int, Field(ge=0, le=10**9)]
Port = Annotated[int, Field(ge=1, le=65535)]

ParameterName = Annotated[str, Field(min_length=1, max_length=63, pattern=r"^[A-Za-z_][A-Za-z0-9_.-]*$")]
ParameterValue = Annotated[str, Field(max_length=1024)]
ParameterMap = Annotated[Mapping[ParameterName, ParameterValue], Field(max_length=64)]

_DECIMAL = r"(([0-9]+(\.[0-9]*)?)|(\.[0-9]+))"
QUANTITY_PATTERN = rf"^(\+|-)?{_DECIMAL}(([KMGTPE]i)|[numkMGTPE]|([eE](\+|-)?{_DECIMAL}))?$"


def _quantity_text(value: object) -> object:
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else value


Quantity = Annotated[
    str,
    BeforeValidator(_quantity_text),
    Field(max_length=32, pattern=QUANTITY_PATTERN),
    WithJsonSchema({"x-kubernetes-int-or-string": True, "pattern": QUANTITY_PATTERN, "maxLength": 32}),
]
PortReference = Annotated[
    int | str,
    WithJsonSchema({"x-kubernetes-int-or-string": True, "maxLength": 63}),
]

# --- Vocabulary shared by several kinds -----------------------------------------------------------


class Level(StrEnum):
    """How deep a change cuts; ordered from `None` to `Replace`."""

    NONE = "None"
    RESTART = "Restart"
    RESERIALIZE = "Reserialize"
    DISCOVER = "Discover"
    APPLY = "Apply"
    REPLACE = "Replace"

    @property
    def depth(self) -> int:
        """The place of the level in the order: a deeper level has a higher number."""
        return list(Level).index(self)


class OpenWord(StrEnum):
    """A vocabulary that another version of the operator may extend: a word that is not known keeps its text.

    Such a word is a member in type only: it equals its text, no iteration finds it, and no set of members has it.
    """

    @classmethod
    def _missing_(cls, value: object) -> Self | None:
        """Return the word that is not known; only what is no text is refused."""
        if not isinstance(value, str):
            return None
        word = str.__new__(cls, value)
        word._name_ = word._value_ = value
        return word


class ObjectRef(ApiModel):
    """A reference to an object in the same namespace."""

    name: ObjectName
    """Name of the object."""


class ScenarioRef(ApiModel):
    """A reference to a Scenario in the same namespace."""

    name: OwnName
    """Name of the Scenario."""


# --- Objects --------------------------------------------------------------------------------------


class OwnerReference(ApiModel):
    """The part of an owner reference that we read."""

    api_version: str = ""
    """Group and version of the owner."""
    kind: str = ""
    """Kind of the owner."""
    name: str = ""
    """Name of the owner."""
    uid: str = ""
    """UID of the owner."""
    controller: bool = False
    """True for the one owner that controls the object."""


class Metadata(ApiModel):
    """The part of an object's metadata that we read; it is not part of any CRD schema."""

    name: str
    """Name of the object."""
    namespace: str = ""
    """Namespace of the object."""
    uid: str = ""
    """UID given by the API server."""
    generation: int = 0
    """Counts the changes of the spec."""
    resource_version: str = ""
    """Version for guarded writes."""
    creation_timestamp: Time | None = None
    """When the object was created."""
    deletion_timestamp: Time | None = None
    """When deletion was asked for."""
    labels: Mapping[str, str] = Field(default_factory=dict)
    """Labels."""
    annotations: Mapping[str, str] = Field(default_factory=dict)
    """Annotations."""
    finalizers: tuple[str, ...] = ()
    """Finalizers."""
    owner_references: tuple[OwnerReference, ...] = ()
    """Owners."""


class Resource(ApiModel):
    """An object of the API server; the four kinds derive from it."""

    api_version: str = ""
    """Group and version."""
    kind: str = ""
    """Kind."""
    metadata: Metadata
    """Metadata."""

    @classmethod
    def read(cls, body: Mapping[str, Any]) -> Self:
        """Validate what the API server answered.

        Raises:
            pydantic.ValidationError: the object does not fit the schema.
        """
        return cls.model_validate(body)


# --- Dumps ----------------------------------------------------------------------------------------


def canonical(model: ApiModel) -> JsonObject:
    """Return the form that is hashed: two models that mean the same give the same.

    A field at its default is left out, whether the user wrote the default, the API server filled it in or
    nobody did. So a new optional field changes no hash, and defaults must never change within an API version.
    """
    dumped: JsonObject = model.model_dump(
        mode="json", by_alias=True, exclude_defaults=True, exclude_none=True
    )
    return dumped


def wire(model: ApiModel) -> JsonObject:
    """Return the form that is written: absent values, empty lists and empty maps are left out, zeros stay.

    Reading it back gives an equal model.
    """
    dumped: JsonObject = {}
    for name, field in type(model).model_fields.items():
        value = getattr(model, name)
        if value is None or (isinstance(value, tuple | Mapping) and not value and not field.is_required()):
            continue
        dumped[field.alias or name] = _plain(value)
    return dumped


def _plain(value: Any) -> Any:
    if isinstance(value, ApiModel):
        return wire(value)
    if isinstance(value, StrEnum):
        return value.value
    if isinstance(value, tuple):
        return [_plain(item) for item in value]
    if isinstance(value, Mapping):
        return {key: _plain(item) for key, item in value.items()}
    return value
