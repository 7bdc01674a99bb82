"""Prompts and server of the cases: HARMONIC_URL is the server, `analyst` the starter model."""

import os
from typing import Literal

from pydantic import BaseModel, ConfigDict

URL = os.environ["HARMONIC_URL"]
OPENAI = URL + "/v1"
AGENT = "analyst"


class Day(BaseModel):
    """A day of the week."""

    model_config = ConfigDict(extra="forbid")
    name: Literal["Monday", "Tuesday"]
    number: Literal[1, 2]
