"""The forms of what requests say and of what is answered: JSON goes in, checked records come out, and OpenAPI is made of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, JsonValue, StringConstraints, WithJsonSchema, create_model
from pydantic.json_schema import SkipJsonSchema

from hannun.item import JSON_KINDS

Words = Annotated[str, Field(max_length=1_000_000, json_schema_extra={"format": "words"})]
Base64 = Annotated[
    str, Field(json_schema_extra={"format": "picture"}, description="base64, a data: URL, or a URL where the service may fetch it")
]
Where = Annotated[str, Field(max_length=10_000, json_schema_extra={"format": "where"}, description="category = 원피스 and price < 50000")]
Id = Annotated[str, StringConstraints(min_length=1, max_length=1000), Field(json_schema_extra={"format": "item-id"})]
FieldName = Annotated[str, Field(min_length=1, max_length=200, pattern=r'^[^"\\]*[^"\\\s][^"\\]*$')]
Share = Annotated[float, Field(ge=0, le=1)]
Weights = tuple[Share, Share] | Annotated[dict[str, Share], Field(min_length=1)]
WordShare = Annotated[
    Share | Literal["auto"], Field(description="share of the word score (BM25 on morphemes); auto: 0.3 where there are texts")
]
Fact = str | int | float | bool | None | list[JsonValue] | dict[str, JsonValue]


def _some(field: str) -> dict[str, Any]:
    """The schema of an object that has this list, and something in it."""
    return {"required": [field], "properties": {field: {"minItems": 1}}}


_WHICH = ConfigDict(extra="forbid", json_schema_extra={"anyOf": [{"required": ["where"]}, _some("ids")]})


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid")


if TYPE_CHECKING:

    class _Contents(_Strict): ...

    class _Rows(BaseModel): ...

else:  # a field for each further kind of content, described as the kind itself does
    _PARTS = {k: (Annotated[Any, WithJsonSchema(p.schema)] | SkipJsonSchema[None], None) for k, p in JSON_KINDS.items()}
    _Contents, _Rows = create_model("_Contents", __base__=_Strict, **_PARTS), create_model("_Rows", **_PARTS)


class PictureAt(_Strict):
    """A picture by URL, as OpenAI's messages name it."""

    url: Base64


class Content(_Contents):
    """Words, a picture, or both; or what else the encoder reads."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"minProperties": 1})

    text: Words | SkipJsonSchema[None] = None
    image: Base64 | PictureAt | SkipJsonSchema[None] = None


class ById(_Strict):
    """An item of the collection."""

    id: Id


# ------------------------------------------------------------------------------------------------------------- /v1/search


class SearchBody(_Strict):
    """A query and all that the engine can be asked. See `hannun.open(…).search`."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "anyOf": [{"required": ["query"]}, _some("like"), {"required": ["sort"]}],
            "not": {"required": ["sort"], "anyOf": [{"required": [other]} for other in ("rerank", "diversity", "shuffle")]},
        },
    )

    query: Words | Content | SkipJsonSchema[None] = Field(default=None, description="left out where `like` or `sort` says it all")
    like: list[Words | Content | ById] = Field(default=[], max_length=32)
    unlike: list[Words | Content | ById] = Field(default=[], max_length=32)
    mix: float = Field(default=0.5, ge=0, le=1, description="the query's own words (1) against its own picture (0)")
    weights: Weights | None = Field(default=None, description="how much the parts of an item count, by kind; for two kinds also a pair")
    words: WordShare | None = "auto"
    fusion: Literal["scores", "ranks"] = "scores"
    where: Where | None = None
    limit: int = Field(default=10, ge=1, le=1000)
    offset: int = Field(default=0, ge=0, le=9000)
    group_by: FieldName | None = Field(default=None, description="a fact: one hit for each value")
    dim: int | None = Field(default=None, ge=1, description="one of the collection's dims: shorter is faster")
    rerank: Literal["tokens"] | None = None
    diversity: float = Field(default=0.0, ge=0, le=1)
    shuffle: int = Field(default=0, ge=0, le=50, description="visual clusters; 0 is off")
    explain: bool = False
    floor: float = Field(default=0.0, ge=0, le=1, description="leave out hits of less relevance; 0.5 leaves what fits")
    sort: Annotated[FieldName, Field(json_schema_extra={"format": "sort"})] | SkipJsonSchema[None] = Field(
        default=None, description="a fact, `price`, or `-price` for the greatest first: what fits of the best 1,000 comes in its order"
    )
    last: Where | None = Field(default=None, description="a condition; the items it holds for come after all others: stock = 0")


class PictureLink(BaseModel):
    """Where a picture can be seen, for <img>; add ?side=160, 320, 640 or 1600 to the thumbnail."""

    picture: str
    thumbnail: str


class Patches(BaseModel):
    """How well the words fit each cell of the picture, row by row."""

    rows: int
    columns: int
    values: list[float]


class Explanation(BaseModel):
    """What a score was made of."""

    model_config = ConfigDict(extra="allow")

    parts: dict[str, float] = {}
    words: list[dict[str, Any]] = []
    patches: Patches | None = None


class HitOut(BaseModel):
    """One result."""

    id: str
    score: float
    relevance: float | None = None
    text: str | None = None
    facts: dict[str, Any] = {}
    images: list[PictureLink] = []
    group: str | int | float | bool | None = None
    also: list[HitOut] = []
    explain: Explanation | None = None


class SearchOut(BaseModel):
    """Hits, best first."""

    took_ms: float
    hits: list[HitOut]


class ExplainBody(_Strict):
    """A query and the item whose place in the results is to be explained."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"anyOf": [{"required": ["query"]}, _some("like")]})

    query: Words | Content | SkipJsonSchema[None] = Field(default=None, description="left out where `like` says it all")
    id: Id
    like: list[Words | Content | ById] = Field(default=[], max_length=32)
    unlike: list[Words | Content | ById] = Field(default=[], max_length=32)
    mix: float = Field(default=0.5, ge=0, le=1)
    weights: Weights | None = None
    words: WordShare | None = "auto"
    fusion: Literal["scores", "ranks"] = "scores"
    where: Where | None = None
    dim: int | None = Field(default=None, ge=1, description="one of the collection's dims")


# -------------------------------------------------------------------------------------------------------- /v1/items, jobs


class Row(_Rows):
    """One item: an id (its content's hash where left out), text and/or pictures, or other kinds of content; every other key is a fact."""

    model_config = ConfigDict(extra="allow")
    __pydantic_extra__: dict[str, Fact]

    id: Annotated[str, Field(max_length=1000)] | int | SkipJsonSchema[None] = None
    text: Words | SkipJsonSchema[None] = None
    image: Base64 | PictureAt | list[Base64 | PictureAt] | SkipJsonSchema[None] = None


class AddBody(_Strict):
    """Rows to add; one whose id is there replaces it, one with equal content is left alone."""

    items: list[Row] = Field(min_length=1, max_length=10_000)


class DeleteBody(_Strict):
    """Which items to remove."""

    model_config = _WHICH

    ids: list[Id] = Field(default=[], max_length=10_000)
    where: Where | SkipJsonSchema[None] = None


class UpdateBody(_Strict):
    """Facts to merge into the facts of items; null removes a fact. Nothing is encoded anew."""

    model_config = _WHICH

    facts: dict[Annotated[str, Field(min_length=1, max_length=200)], Fact] = Field(min_length=1)
    ids: list[Id] = Field(default=[], max_length=10_000)
    where: Where | SkipJsonSchema[None] = None


class Trouble(BaseModel):
    """A row that could not be read, and why."""

    where: str
    reason: str
    id: str | None = None


class JobOut(BaseModel):
    """Accepted work and how far it is."""

    job: str
    kind: Literal["add", "delete", "update"]
    state: Literal["queued", "running", "done", "failed"]
    done: int
    total: int | None
    added: int
    unchanged: int
    changed: int
    removed: int
    problems: list[Trouble]
    problem_count: int
    error: str | None = Field(description="why it failed; of a queued job: why it could not be done yet (it is kept, and tried again)")
    attempts: int
    accepted: float
    finished: float | None


class JobsOut(BaseModel):
    """The newest jobs first."""

    unfinished: int
    set_aside: list[str] = Field(description="files of accepted work that could not be read or done, kept in the service's inbox")
    jobs: list[JobOut]


class ItemOut(BaseModel):
    """One item as it is kept."""

    id: str
    text: str | None = None
    facts: dict[str, Any] = {}
    images: list[PictureLink] = []


class ItemsOut(BaseModel):
    """Items in no stated order."""

    items: list[ItemOut]


# ------------------------------------------------------------------------------------------------------------- the others


class FacetValue(BaseModel):
    """A value of a fact and how many items have it."""

    value: str | int | float | bool
    count: int


class Facet(BaseModel):
    """A fact and its commonest values."""

    field: str
    values: list[FacetValue]


class FacetsOut(BaseModel):
    """Facts by which one may narrow down."""

    facets: list[Facet]
    count: int


class Range(BaseModel):
    """A fact that is a number or an ISO date, and its least and greatest value as they are kept."""

    field: str
    kind: Literal["number", "date"]
    least: float | int | str
    greatest: float | int | str
    count: int


class RangesOut(BaseModel):
    """Facts that can be asked for with < and >; those that most items have come first."""

    ranges: list[Range]


class CollectionOut(BaseModel):
    """What is served."""

    name: str
    count: int
    encoder: str
    fingerprint: str
    dims: list[int]
    parts: bool
    kinds: list[str]
    patches: bool
    writable: bool
    max_upload_bytes: int
    max_pixels: int
    fetch: bool
    facets: list[Facet]
    version: str


class SettingsOut(BaseModel):
    """What `hannun.collection.Settings` has as plain JSON."""

    settings: dict[str, Any]


class InfoOut(BaseModel):
    """Counts and settings, as `hannun info` prints them."""

    info: dict[str, Any]


class Dupes(BaseModel):
    """Items that are nearly the same: the lowest cosine of two of them, and whether all have a picture in common."""

    ids: list[str]
    similarity: float
    exact: bool


class DupesOut(BaseModel):
    """Groups of near-duplicates, the largest first."""

    groups: list[Dupes]


class Synonyms(_Strict):
    """Lines of words that are searched as the same."""

    lines: list[Annotated[str, Field(max_length=1000, json_schema_extra={"format": "synonyms"})]] = Field(max_length=10_000)


class ReadingsOut(BaseModel):
    """What words may have meant, likeliest first; mostly none."""

    readings: list[str]


class IdsBody(_Strict):
    """Which items."""

    ids: list[Id] = Field(min_length=1, max_length=1000)


class Rows(BaseModel):
    """Numbers: their shape, and base64 of little-endian float32."""

    shape: list[int]
    data: str


class StoredVectors(BaseModel):
    """An item's vectors by part."""

    id: str
    vectors: dict[str, Rows]


class StoredVectorsOut(BaseModel):
    """The items that are there, in no stated order."""

    items: list[StoredVectors]


class MapPoint(BaseModel):
    """An item's place on the map, −1 … 1."""

    id: str
    x: float
    y: float
    title: str
    thumbnail: str | None = None


class MapOut(BaseModel):
    """The collection's geometry: the two directions in which its items differ most, and how much of the variance each explains."""

    points: list[MapPoint]
    explained: list[float]


class Health(BaseModel):
    """Whether it lives, or is ready, and why not."""

    status: Literal["ok", "starting", "closing"]


class ErrorOut(BaseModel):
    """What went wrong, in one line."""

    message: str
    type: str
    code: str | None = None
    param: str | None = None


class Failure(BaseModel):
    """OpenAI's form of an error."""

    error: ErrorOut
