"""Names of fields say what they hold in either spelling: labels of metrics have no dots."""

import pytest

from workbench.masking.classify import names_person, names_secret
from workbench.semconv import plain_name


@pytest.mark.parametrize(
    "name", ["enduser.id", "user.id", "user.name", "user.email", "user.full_name", "user.hash"]
)
def test_a_person_is_named_with_dots_and_without(name):
    assert names_person(name)
    assert names_person(plain_name(name))


@pytest.mark.parametrize("name", ["db.password", "http.request.header.authorization"])
def test_a_secret_is_named_with_dots_and_without(name):
    assert names_secret(name)
    assert names_secret(plain_name(name))
