"""What must be equal for reuse to be allowed, each alone."""

from typing import Any

import msgspec
import pytest

from chorus_policies.costs.profile_book import Shape
from chorus_policies.namespace import INPUT_FIELDS, Deployment, identity_of, namespace_of
from chorus_traces.request import DEPLOYMENT_FIELDS, Request

SHAPE = Shape(model="wan", height=480, width=832, frames=81, steps=50, guidance=5.0)
HERE = Deployment()
ASKED = Request(id="a", arrival_s=0.0, prompt="a cat", tenant="one", seed=3)


def space(
    request: Request = ASKED, shape: Shape = SHAPE, deployment: Deployment = HERE
) -> str | None:
    return namespace_of(request, shape, deployment)


def asked(**changes: Any) -> Request:
    return msgspec.structs.replace(ASKED, **changes)


@pytest.mark.parametrize(
    "changes",
    [
        {"model": "ltx"},
        {"height": 720},
        {"width": 1280},
        {"frames": 49},
        {"steps": 49},
        {"guidance": 1.0},
    ],
)
def test_every_field_of_the_shape_keeps_apart(changes: dict[str, Any]) -> None:
    assert space(shape=msgspec.structs.replace(SHAPE, **changes)) != space()


@pytest.mark.parametrize(
    "changes",
    [
        {"negative_prompt": "blur"},
        {"conditioning": "a digest"},
        {"tenant": "two"},
        {"tenant": None},
        *({"extra": {name: "other"}} for name in DEPLOYMENT_FIELDS),
    ],
)
def test_what_a_request_states_keeps_apart(changes: dict[str, Any]) -> None:
    assert space(asked(**changes)) not in (space(), None)


@pytest.mark.parametrize("name", DEPLOYMENT_FIELDS)
def test_every_field_of_the_deployment_keeps_apart(name: str) -> None:
    other = msgspec.structs.replace(Deployment(), **{name: "other"})
    assert space(deployment=other) != space()
    # What a request states comes first.
    assert space(asked(extra={name: "own"}), deployment=other) == space(asked(extra={name: "own"}))


def test_what_says_nothing_of_the_latents_keeps_nobody_apart() -> None:
    assert space(asked(id="b", arrival_s=9.0, prompt="a dog", seed=4, user="u")) == space()


def test_tenants_share_where_the_deployment_says_so_and_only_there() -> None:
    shared = Deployment(tenants="shared")
    assert space(deployment=shared) == space(asked(tenant="two"), deployment=shared)
    assert space() != space(asked(tenant="two"))


@pytest.mark.parametrize("name", INPUT_FIELDS)
def test_a_picture_without_a_digest_is_a_namespace_nobody_knows(name: str) -> None:
    assert space(asked(extra={name: "a.png"})) is None
    assert space(asked(extra={name: "a.png"}, conditioning="digest")) is not None


def test_an_empty_prompt_has_no_namespace() -> None:
    assert space(asked(prompt=" \n")) is None


def test_identical_requests_have_prompt_and_seed_in_common() -> None:
    assert identity_of(ASKED) == identity_of(asked(id="b", arrival_s=9.0))
    assert identity_of(asked(seed=4)) != identity_of(ASKED) != identity_of(asked(prompt="a dog"))
    assert identity_of(asked(seed=0)) is not None
    assert identity_of(asked(seed=None)) is None
