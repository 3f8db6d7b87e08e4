"""Names with letters and signs that could turn the words round them."""

from playwright.sync_api import expect

from tests.support.batch_page import address, answer_question, row

HEBREW = "הרצאה (2).mp3"
TURNING = "talk\u202e3pm.mp3"
PLACES = """dialog => {
  const walker = document.createTreeWalker(dialog.querySelector("p"), NodeFilter.SHOW_TEXT);
  const text = walker.nextNode();
  const placeOf = (word) => {
    const range = document.createRange();
    range.setStart(text, text.data.indexOf(word));
    range.setEnd(text, text.data.indexOf(word) + word.length);
    return range.getBoundingClientRect().left;
  };
  return ["הרצאה", "will not", "the batch"].map(placeOf);
}"""


def test_a_name_leaves_the_words_round_it_where_they_are(open_page, make_batch, speech):
    batch = make_batch("עברית\u202e talks", {HEBREW: speech, TURNING: speech}, start=False)
    page = open_page(address(batch))
    expect(row(page, "talk�3pm.mp3")).to_be_visible()
    page.wait_for_function("document.title.includes('� talks\u2069')")
    assert "\u202e" not in page.locator("body").inner_text()
    row(page, HEBREW).get_by_role("button", name="Remove").click()
    places = page.get_by_role("dialog").evaluate(PLACES)
    assert places == sorted(places)
    answer_question(page, "Keep it")
