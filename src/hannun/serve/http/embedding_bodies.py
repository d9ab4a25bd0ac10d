"""What OpenAI's, Jina's and Cohere's clients ask for vectors and orders goes in, checked; the answers that they expect come out."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, Field, field_validator

from hannun.errors import InputError
from hannun.serve.http.bodies import Content, Words

Task = Literal["retrieval.query", "retrieval.passage", "text-matching", "classification", "separation", "code.query", "code.passage"]


class EmbeddingsBody(BaseModel):
    """OpenAI's request for vectors, and Jina's multimodal one. Fields that neither knows are passed over."""

    input: Words | Content | Annotated[list[Words | Content], Field(min_length=1)] = Field(
        description="one content or a list; token numbers are not taken"
    )
    model: str | None = Field(default=None, max_length=200, json_schema_extra={"format": "model"})
    encoding_format: Literal["float", "base64"] | None = Field(default=None, description="OpenAI's name of it")
    embedding_type: Literal["float", "base64", "binary", "ubinary"] | None = Field(default=None, description="Jina's name of it")
    dimensions: int | None = Field(default=None, ge=1)
    task: Task | None = None
    instruction: Annotated[str, Field(max_length=2000)] | None = Field(
        default=None, description="replaces the encoder's own, where it has one"
    )
    late: bool | None = Field(default=None, description="one vector for each token (for MaxSim), where the encoder gives them")
    return_multivector: bool | None = Field(default=None, description="Jina's name of `late`")
    late_chunking: Literal[False] | None = None
    normalized: bool | None = Field(default=None, description="vectors are of length 1 in any case")
    truncate: bool | None = Field(default=None, description="long texts are read through windows in any case")
    user: str | None = Field(default=None, max_length=1000)

    @field_validator("input", mode="before")
    @classmethod
    def _readable(cls, given: object) -> object:
        """What clients send that follows OpenAI's schema and cannot be encoded gets a line of its own: 400, as OpenAI answers."""
        if isinstance(given, list):
            if not given:
                raise InputError("input is an empty list, expected at least one text or picture")
            if any(isinstance(g[0] if isinstance(g, list) and g else g, int) for g in given):
                raise InputError(
                    "input has token numbers, which belong to another model's vocabulary; expected texts. Send the texts themselves: "
                    "with LangChain's OpenAIEmbeddings, give check_embedding_ctx_length=False"
                )
        return given


class VectorOut(BaseModel):
    """One vector, as numbers or as base64 of little-endian float32; or one for each token in `embeddings`."""

    object: Literal["embedding"] = "embedding"
    index: int
    embedding: list[float] | list[int] | str | None = None
    embeddings: list[list[float]] | str | None = None


class Usage(BaseModel):
    """Characters of text and pictures that were read: Hannun does not meter tokens."""

    prompt_tokens: int
    total_tokens: int


class EmbeddingsOut(BaseModel):
    """Vectors in the order of the input."""

    object: Literal["list"] = "list"
    model: str
    data: list[VectorOut]
    usage: Usage


class RerankBody(BaseModel):
    """Jina's and Cohere's request: a query, and what to put in order for it."""

    query: Words | Content
    documents: list[Words | Content] = Field(min_length=1)
    top_n: int | None = Field(default=None, ge=1)
    return_documents: bool = False
    model: str | None = Field(default=None, max_length=200, json_schema_extra={"format": "model"})


class Ranked(BaseModel):
    """A document's place in the request and its score."""

    index: int
    relevance_score: float
    document: dict[str, Any] | None = None


class RerankOut(BaseModel):
    """Documents, best first."""

    model: str
    results: list[Ranked]
    usage: Usage


class Model(BaseModel):
    """The encoder, as OpenAI lists models."""

    id: str
    object: Literal["model"] = "model"
    created: int = 0
    owned_by: str = "hannun"


class Models(BaseModel):
    """The one model there is."""

    object: Literal["list"] = "list"
    data: list[Model]
