"""POST /v1/thumbnail and /v1/tags: pictures go in; which of them stands for a query, and what is found in one, come out."""

from __future__ import annotations

from typing import Annotated, Literal

from fastapi import APIRouter
from fastapi.responses import Response
from pydantic import BaseModel, ConfigDict, Field, model_validator
from pydantic.json_schema import SkipJsonSchema

from hannun.errors import InputError
from hannun.item import Image, item
from hannun.serve import pictured
from hannun.serve.http import bodies
from hannun.serve.http.routes.answers import Served, answer
from hannun.serve.http.service import Service

Aspect = Annotated[str, Field(pattern=r"^([1-9]|1[0-6])[:x]([1-9]|1[0-6])$")]
Category = Literal["상의", "원피스", "치마", "바지", "신발"]  # those of the fashion topic
router = APIRouter(prefix="/v1", tags=["search"])


class ThumbnailBody(BaseModel):
    """A query, and the pictures of one document: sent along, or those of an item of the collection."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={"oneOf": [{"required": ["id"]}, {"required": ["images"], "properties": {"images": {"minItems": 1}}}]},
    )

    query: bodies.Words
    id: bodies.Id | SkipJsonSchema[None] = Field(default=None, description="an item of the collection, whose pictures are meant")
    images: list[bodies.Base64] = Field(default=[], max_length=64)
    aspect: Aspect | SkipJsonSchema[None] = Field(default=None, description="WIDTH:HEIGHT, such as 4:3 or 16:9")
    threshold: float | None = Field(default=None, ge=0, le=1)

    @model_validator(mode="after")
    def _one_of_both(self) -> ThumbnailBody:
        if (self.id is None) == (not self.images):
            raise InputError("expected 'id' or 'images', one of the two")
        return self


class RankedOut(BaseModel):
    """A picture by its place among those that came, 0 the first."""

    number: int
    score: float
    shown: bool
    why_not: str = ""
    same_as: int | None = None
    box: list[int] | None = Field(default=None, description="left, upper, right, lower of the part to show")


class ThumbnailOut(BaseModel):
    """The pictures, best first."""

    pictures: list[RankedOut]


class TagsBody(BaseModel):
    """A picture."""

    model_config = ConfigDict(extra="forbid")

    image: bodies.Base64
    category: Category | SkipJsonSchema[None] = Field(default=None, description="only attributes of things of this category")


class FindingOut(BaseModel):
    """A fact that was found; the value is null where it is unknown."""

    key: str
    value: str | None
    score: float


class TagsOut(BaseModel):
    """What was found, and the version of what found it."""

    version: str
    findings: list[FindingOut]


@router.post("/thumbnail", response_model=ThumbnailOut)
async def thumbnail(body: ThumbnailBody, service: Served) -> Response:
    """Which picture of a document fits a query: ranked, near-duplicates once, none shown where none fits."""
    if body.id is not None:
        pictures = list((await service.engine(service.collection.get, body.id)).images)
    else:
        pictures = [await _sent(service, p) for p in body.images]
    found = await service.engine(pictured.ranked, service.encoder, body.query, pictures, body.aspect, body.threshold)
    return answer({"pictures": found})


@router.post("/tags", response_model=TagsOut)
async def tags(body: TagsBody, service: Served) -> Response:
    """What is found in a picture: colour, type, pattern, each with its probability."""
    return answer(await service.engine(pictured.findings, await _sent(service, body.image), body.category))


async def _sent(service: Service, picture: str) -> Image:
    """A picture as it was sent: a window of it is told in its own pixels. Raises InputError."""
    return item(await service.write(service.row, {"image": picture}), id="sent").images[0]
