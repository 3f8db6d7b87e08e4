import pytest


@pytest.mark.parametrize("page_name", ["Upload", "Batches", "Transcript", "GPUs"])
def test_every_page_is_reached_from_the_first(open_page, page_name):
    page = open_page()
    page.get_by_role("link", name=page_name).first.click()
    page.get_by_role("heading", name=page_name, level=1).wait_for()
