"""What is asked, and the forms that answers must have.

A model of 135 million parameters says nonsense: cases assert the form of an answer, and its words
only where a grammar or temperature 0 leaves no choice.
"""

from typing import Literal

import jsonschema_rs
from pydantic import BaseModel, Field

QUESTION = "Name the days of the week."

# Alone in the engine, temperature 0 says the same again.
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
    """One day, for clients that take their schema from a class."""

    name: str = Field(max_length=10)
    is_free: bool


class Forecast(BaseModel):
    """The arguments of a call, for clients that make a tool from a class."""

    city: Literal["Paris", "Rome", "Oslo"]
    days: int = Field(ge=1, le=7)


def function(name, parameters):
    """A tool, as OpenAI and Ollama describe one."""
    about = {"name": name, "description": f"Says the {name}.", "parameters": parameters}
    return {"type": "function", "function": about}


def user(text=QUESTION):
    return [{"role": "user", "content": text}]


def holds(schema, value):
    """Fails where `value` is not what `schema` describes."""
    jsonschema_rs.validate(schema, value)
    return True


def text_of(chunks, index=0):
    """What the chunks of an OpenAI stream say, of one of its answers."""
    choices = [choice for chunk in chunks for choice in chunk.choices if choice.index == index]
    return "".join(choice.delta.content or "" for choice in choices)


def reasons_of(chunks, index=0):
    """The reasons that such a stream gives for an end: one, if all is well."""
    choices = [choice for chunk in chunks for choice in chunk.choices if choice.index == index]
    return [choice.finish_reason for choice in choices if choice.finish_reason]
