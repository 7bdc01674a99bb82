"""Answers that were given twice, and whether they are the same."""

# Two most likely tokens as close as this (in nats) may change places: how many prompts share a batch,
# and how much of a prompt was kept from before, decide in which order a processor sums, and so the
# last digits. What reads another's context is off by whole nats.
NEAR_TIE = 0.25


def said(choice):
    """The tokens of an answer with `top_logprobs` of 2, each with its lead over the next."""
    return [
        (token.token, token.top_logprobs[0].logprob - token.top_logprobs[1].logprob)
        for token in choice.logprobs.content
    ]


def check_alike(before, now):
    """Fails unless the answers are the same up to a near tie, after which texts part for good; whether
    they are the same to the end."""
    for (was, lead_before), (is_, lead_now) in zip(before, now):
        if was != is_:
            assert max(lead_before, lead_now) < NEAR_TIE, f"{before}\nbecame\n{now}"
            return False
    assert len(before) == len(now), f"{before}\nbecame\n{now}"
    return True
