"""An installation on which nothing has been transcribed yet: every page says what there is to do."""

from playwright.sync_api import expect


def test_every_page_says_what_comes_first(open_page, new_stack):
    stack = new_stack()
    stack.start()
    page = open_page("/batches", on=stack)
    expect(page.get_by_text("There are no batches yet.")).to_be_visible()
    page.get_by_role("link", name="Transcript").first.click()
    expect(page.get_by_text("There is no transcript to read yet.")).to_be_visible()
    page.get_by_role("link", name="Devices").first.click()
    expect(page.get_by_text("Nothing: it waits for jobs.")).to_be_visible()
    page.get_by_role("link", name="Batches").first.click()
    page.get_by_role("link", name="Upload recordings").click()
    expect(page.get_by_text("Drop files or folders here")).to_be_visible()
