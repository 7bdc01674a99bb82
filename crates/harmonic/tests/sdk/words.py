"""Prompts, and output formats of answers.

A model of 135 million parameters says nonsense: cases assert the form of an answer, and its words
only where a grammar or temperature 0 leaves no choice.
"""

from typing import Literal

import jsonschema_rs
from pydantic import BaseModel, ConfigDict, Field

QUESTION = "Name the days of the week."

# Without other requests, temperature 0 is repeatable.
SAME = {"temperature": 0, "seed": 1}

WEATHER = {
    "type": "object",
    "properties": {
        "city": {"type": "string", "enum": ["Paris", "Rome", "Oslo"]},
        "days": {"type": "integer", "minimum": 1, "maximum": 7},
    },
    "required": ["city", "days"],
    "additionalProperties": False,
}

CITY = {
    "type": "object",
    "properties": {"city": {"type": "string", "enum": ["Paris", "Rome", "Oslo"]}},
    "required": ["city"],
    "additionalProperties": False,
}

TEAM = {
    "type": "object",
    "properties": {
        "name": {"type": "string", "maxLength": 12},
        "members": {
            "type": "array",
            "items": {"type": "string", "enum": ["coder", "analyst"]},
            "minItems": 1,
            "maxItems": 3,
        },
        "ready": {"type": "boolean"},
    },
    "required": ["name", "members", "ready"],
    "additionalProperties": False,
}


class Day(BaseModel):
    """A day, for clients that derive the schema from a class.

    Anthropic's leaves the length of a text out of the schema, and Ollama's users send the schema as
    pydantic makes it: without `forbid` it allows fields that nobody named.
    """

    model_config = ConfigDict(extra="forbid")

    name: Literal["Monday", "Sunday"]
    is_free: bool


# After these messages even a small model calls the tool by itself, repeating the pattern. Each
# token of the call is then the most likely by more than a nat, on every processor.
EARLIER = [{"city": "Paris", "days": 2}, {"city": "Oslo", "days": 5}, {"city": "Rome", "days": 4}]
NEXT = {"city": "Oslo", "days": 3}


def weather_in(place):
    return f"Weather in {place['city']}, {place['days']} days"


class Forecast(BaseModel):
    """Arguments of a call, for clients that derive a tool from a class."""

    city: Literal["Paris", "Rome", "Oslo"]
    days: int = Field(ge=1, le=7)


def function(name, parameters):
    """A tool in the form of OpenAI and Ollama."""
    about = {"name": name, "description": f"Says the {name}.", "parameters": parameters}
    return {"type": "function", "function": about}


def user(text=QUESTION):
    return [{"role": "user", "content": text}]


def holds(schema, value):
    """Fails unless `value` matches `schema`."""
    jsonschema_rs.validate(schema, value)
    return True


def text_of(chunks, index=0):
    """Text of one answer in an OpenAI stream."""
    choices = [choice for chunk in chunks for choice in chunk.choices if choice.index == index]
    return "".join(choice.delta.content or "" for choice in choices)


def reasons_of(chunks, index=0):
    """Finish reasons in such a stream: one, if it is correct."""
    choices = [choice for chunk in chunks for choice in chunk.choices if choice.index == index]
    return [choice.finish_reason for choice in choices if choice.finish_reason]
