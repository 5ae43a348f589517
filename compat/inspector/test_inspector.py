"""The inspector, as people use it."""

from __future__ import annotations

import io
import json
import re
import struct
from contextlib import closing
from http.client import HTTPConnection
from pathlib import Path
from typing import Any, Callable, Dict, List

import pytest
from axe_playwright_python.sync_playwright import Axe
from inspected import Server, a_server
from playwright.sync_api import Browser, Locator, Page, expect
from scene import play

DOCS = Path(__file__).resolve().parents[2] / "docs"
PHONE = {"width": 390, "height": 844}
PICTURE = {"width": 1280, "height": 800}
REFUND = "What is the refund policy for orders that were placed within the last 30 days, and does "
REFUND += "it hold for orders that were paid for by invoice, too?"
Visit = Callable[..., Page]


def rows(page: Page, text: str = "") -> Locator:
    """The rows of the list, or those with a text in them."""
    found = page.locator("#rows .row")
    return found.filter(has_text=text) if text else found


def opened(page: Page, text: str) -> Locator:
    """The details of the newest request with a text in its row."""
    rows(page, text).first.click()
    details = page.locator("#details")
    expect(details.locator(".title")).to_be_visible()
    return details


def part(details: Locator, title: str) -> Locator:
    """A part of the details."""
    return details.locator("details.part").filter(
        has=details.page.locator("summary", has_text=title)
    )


def copied(page: Page) -> str:
    """What is on the clipboard."""
    expect(page.locator("#toast")).to_have_text("Copied")
    text: str = page.evaluate("navigator.clipboard.readText()")
    return text


def test_a_request_is_shown_when_it_comes_with_what_was_asked_and_what_became_of_it(
    server: Server, visit: Visit
) -> None:
    page = visit(server.url)
    expect(page.get_by_role("heading", name="No requests yet")).to_be_visible()
    server.chat("Explain recursion in one sentence.", prefix="/@checkout")
    row = rows(page)
    expect(row).to_have_count(1)
    for name, text in (
        ("req", "POST@checkout/v1/chat/completions"),
        ("model", "openai · gpt-4o-mini"),
        ("user", "Explain recursion in one sentence."),
        ("answer", "recursion in a sentence"),
        ("status", "200"),
        ("end", "complete"),
    ):
        expect(row.locator("." + name)).to_have_text(text)
    expect(row.locator(".time")).to_have_text(re.compile(r"^\d\d:\d\d:\d\d\.\d{3}$"))
    expect(row.locator(".took")).to_have_text(re.compile(r"^[\d.]+ m?s$"))
    server.chat("Something else")
    expect(rows(page).first.locator(".answer")).to_have_text("no match")
    server.chat("x", headers={"X_Mock_Response": '{"text": "a b c", "fault": "truncate"}'})
    expect(rows(page).first.locator(".end")).to_contain_text("truncate")
    expect(page.get_by_role("tab", name="Requests")).to_have_text("Requests3")


def test_the_page_leaves_nothing_in_the_journal_that_it_shows(server: Server, visit: Visit) -> None:
    page = visit(server.url)
    expect(page.locator("#state")).to_have_text("Live")
    server.send("/favicon.ico")
    server.chat("Explain recursion in one sentence.")
    expect(rows(page)).to_have_count(1)
    assert len(server.control("requests?session=*")["requests"]) == 1


def test_details_tell_the_request_the_answer_and_the_headers_of_both(
    server: Server, visit: Visit
) -> None:
    server.chat("Explain recursion in one sentence.", temperature=0.25)
    details = opened(visit(server.url), "Explain")
    expect(part(details, "Answer").locator("pre").first).to_contain_text(
        '"content": "Recursion is a function that asks itself for a smaller answer."'
    )
    expect(part(details, "Answer")).to_contain_text("application/json")
    expect(part(details, "Request").first).to_contain_text('"temperature": 0.25')
    part(details, "Headers of the request").locator("summary").click()
    expect(part(details, "Headers of the request").locator("pre")).to_contain_text("User-Agent: ")
    expect(part(details, "More about it")).to_contain_text("chat")


def test_the_events_of_a_stream_are_on_a_line_and_keys_and_the_pointer_choose_one(
    server: Server, visit: Visit
) -> None:
    say = [{"role": "user", "content": "Write a poem."}]
    server.send("/v1/messages", {"model": "m", "max_tokens": 9, "stream": True, "messages": say})
    details = opened(visit(server.url), "Write a poem.")
    events = details.locator(".events li")
    total = len(server.control("requests/1")["answer"]["events"])
    expect(events).to_have_count(total)
    assert total > 20
    slider = details.get_by_role("slider", name="Events")
    expect(slider).to_have_attribute("aria-valuetext", re.compile("^Event 1 of .*message_start"))
    slider.press("End")
    expect(slider).to_have_attribute("aria-valuenow", str(total))
    expect(details.locator(".block", has_text=f"Event {total} of ")).to_contain_text(
        "event: message_stop"
    )
    slider.press("ArrowLeft")
    expect(events.nth(total - 2)).to_have_class("now")
    box = slider.bounding_box()
    assert box
    slider.hover(position={"x": 1, "y": box["height"] / 2})
    expect(slider).to_have_attribute("aria-valuenow", "1")
    events.nth(4).click()
    expect(slider).to_have_attribute("aria-valuenow", "5")


def test_a_binary_event_of_aws_is_told_by_its_kind_and_its_text(
    server: Server, visit: Visit
) -> None:
    said = [{"role": "user", "content": [{"text": "Explain recursion in one sentence."}]}]
    server.send("/model/m/converse-stream", {"messages": said})
    events = opened(visit(server.url), "Explain").locator(".events li code")
    expect(events.nth(1)).to_have_text('contentBlockDelta  "Recursion"')


def test_the_numbers_of_an_embedding_stand_side_by_side(server: Server, visit: Visit) -> None:
    server.send("/v1/embeddings", {"model": "text-embedding-3-small", "input": "parcel"})
    answer = part(opened(visit(server.url), "parcel"), "Answer").locator("pre").first
    expect(answer).to_contain_text("[0.5, -0.5, 0.5, -0.5]")


def test_a_held_stream_tells_how_far_it_is_and_buttons_let_events_out(
    server: Server, visit: Visit
) -> None:
    page = visit(server.url)
    server.begin("Count to twenty.")
    row = rows(page)
    expect(row.locator(".end")).to_have_text(re.compile("held"))
    details = opened(page, "Count to twenty.")
    expect(details.locator(".events li")).to_have_count(1)
    details.get_by_role("button", name="Release 1 event").click()
    expect(row.locator(".events-sent")).to_have_text(re.compile("^2/"))
    expect(details.locator(".events li")).to_have_count(2)
    details.get_by_role("button", name="Release all").click()
    expect(row.locator(".end")).to_have_text(re.compile("complete"))
    expect(details.locator(".events li").last).to_contain_text("[DONE]")
    expect(details.get_by_role("button", name="Release 1 event")).to_have_count(0)


def test_details_and_the_list_keep_their_place_while_others_come(
    server: Server, visit: Visit
) -> None:
    for number in range(40):
        server.chat(f"Question {number}")
    page = visit(server.url)
    details = opened(page, "Question 35")
    part(details, "Answer").locator("summary").click()
    details.evaluate("node => { node.scrollTop = 120; node.firstChild.mark = 'the same'; }")
    before = rows(page, "Question 35").bounding_box()
    scrolled = details.evaluate("node => node.scrollTop")
    for number in range(40, 60):
        server.chat(f"Question {number}")
    expect(page.get_by_role("tab", name="Requests")).to_have_text("Requests60")
    expect(page.get_by_role("button", name="newer requests")).to_have_text("↑ 20 newer requests")
    assert rows(page, "Question 35").bounding_box() == before
    assert details.evaluate("node => [node.scrollTop, node.firstChild.mark]") == [
        scrolled,
        "the same",
    ]
    expect(part(details, "Answer")).not_to_have_attribute("open", "")
    page.get_by_role("button", name="newer requests").click()
    expect(rows(page).first).to_contain_text("Question 59")


def test_a_miss_shows_what_differs_and_copies_a_mock_that_would_have_matched(
    server: Server, visit: Visit
) -> None:
    server.chat(REFUND, prefix="/@checkout")
    page = visit(server.url, permissions=["clipboard-read", "clipboard-write"])
    details = opened(page, "refund policy")
    card = details.locator(".card").first
    expect(card).to_contain_text("refund policy")
    expect(card.locator(".got mark")).to_have_text("paid for by invoice")
    expect(card.locator(".expected mark")).to_have_text("shipped abroad")
    details.get_by_role("button", name="Copy mock").click()
    mock = json.loads(copied(page))
    expect(part(details, "No mock matched").locator("pre")).to_contain_text('"match"')
    server.control("mocks?session=checkout", mock)
    server.chat(REFUND, prefix="/@checkout")
    expect(rows(page).first.locator(".status")).to_have_text("200")
    # A letter that both have by chance is no part of a common text: "image", "… asks for this one".
    server.send("/v1/images/generations", {"model": "gpt-image-1", "prompt": "a cat"})
    expect(opened(page, "a cat").locator(".got mark").first).to_have_text("image")


def test_a_mock_that_would_have_matched_is_added_to_the_session_that_missed_it(
    server: Server, visit: Visit
) -> None:
    page = visit(server.url)
    server.chat("Who are you?", prefix="/@checkout")
    opened(page, "Who are you?").get_by_role("button", name="Add this mock").click()
    expect(page.locator("#toast")).to_contain_text("Added as ")
    server.chat("Who are you?", prefix="/@checkout")
    expect(rows(page).first.locator(".status")).to_have_text("200")
    server.chat("Who are you?")
    expect(rows(page).first.locator(".answer")).to_have_text("no match")


def test_violations_are_told_with_rule_place_and_message(server: Server, visit: Visit) -> None:
    play(server)
    page = visit(server.url)
    details = opened(page, "⚠ 1 violation")
    told = part(details, "Violations")
    broken = server.control("requests?session=*")["requests"]
    one = [entry for entry in broken if entry["violations"]][-1]["violations"][0]
    expect(told).to_contain_text(f"{one['rule']} at {one['place']}")
    expect(told).to_contain_text(one["message"])


def test_a_request_that_was_forwarded_says_where_to_and_what_was_recorded(
    server: Server, visit: Visit, tmp_path: Path
) -> None:
    folder = tmp_path / "recorder"
    folder.mkdir()
    with a_server(folder, "--record", f"openai={server.url}") as recorder:
        recorder.write([])
        recorder.chat("Explain recursion in one sentence.")
        page = visit(recorder.url)
        expect(rows(page).locator(".answer")).to_contain_text("forwarded, recorded as ")
        facts = part(opened(page, "Explain"), "More about it")
        expect(facts).to_contain_text(f"to {server.url}/v1/chat/completions, which answered 200")


def test_filters_by_text_provider_session_misses_and_violations(
    server: Server, visit: Visit
) -> None:
    play(server)
    page = visit(server.url)
    expect(rows(page)).to_have_count(11)
    page.get_by_label("Filter requests by text").fill("LISBON")
    expect(rows(page)).to_have_count(1)
    page.get_by_label("Filter requests by text").fill("")
    page.get_by_label("Provider").select_option("anthropic")
    expect(rows(page)).to_have_count(3)
    page.get_by_label("Provider").select_option("All providers")
    page.get_by_label("Session", exact=True).select_option("@checkout")
    expect(rows(page)).to_have_count(2)
    page.get_by_role("button", name="No match").click()
    expect(rows(page)).to_have_count(1)
    page.reload()
    expect(rows(page)).to_have_count(1)
    page.get_by_role("button", name="Violations").click()
    expect(page.get_by_role("heading", name="No request fits the filters")).to_be_visible()
    page.get_by_role("button", name="Show all").click()
    expect(rows(page)).to_have_count(11)
    assert "#" not in page.url
    page.get_by_role("button", name="Violations").click()
    for row in rows(page).all():
        expect(row.locator(".end")).to_contain_text("violation")


def test_a_pause_holds_the_list_and_its_end_shows_what_came(server: Server, visit: Visit) -> None:
    server.chat("first")
    page = visit(server.url)
    expect(rows(page)).to_have_count(1)
    page.get_by_role("button", name="Pause").click()
    expect(page.locator("#state")).to_have_text("Paused")
    server.chat("second")
    resume = page.get_by_role("button", name="Resume (1 new)")
    expect(resume).to_be_visible()
    expect(rows(page)).to_have_count(1)
    resume.click()
    expect(rows(page)).to_have_count(2)
    expect(page.locator("#state")).to_have_text("Live")
    page.get_by_role("button", name="Pause").click()
    page.get_by_role("button", name="Clear").click()
    expect(rows(page)).to_have_count(0)


def test_clear_forgets_the_requests_of_the_chosen_session_and_a_reset_takes_its_rows_away(
    server: Server, visit: Visit
) -> None:
    for prefix in ("", "/@one", "/@two", "/@three"):
        server.chat("hello", prefix=prefix)
    page = visit(server.url)
    expect(rows(page)).to_have_count(4)
    page.get_by_label("Session", exact=True).select_option("@one")
    page.get_by_role("button", name="Clear").click()
    expect(rows(page)).to_have_count(0)
    page.get_by_label("Session", exact=True).select_option("All sessions")
    expect(rows(page)).to_have_count(3)
    details = opened(page, "@two")
    server.control("reset?session=two", {})
    expect(rows(page)).to_have_count(2)
    expect(details.locator(".note")).to_contain_text("has forgotten this request")
    expect(part(details, "Request").first).to_contain_text("hello")
    server.control("requests?session=*", method="DELETE")
    expect(page.get_by_role("heading", name="No requests yet")).to_be_visible()


def test_a_server_that_ends_and_starts_again_is_found_again_and_old_requests_are_not_mixed_in(
    server: Server, visit: Visit
) -> None:
    server.chat("before the end")
    page = visit(server.url)
    opened(page, "before the end")
    server.stop()
    expect(page.locator("#state")).to_contain_text("Disconnected")
    expect(rows(page)).to_have_count(1)
    expect(page.get_by_role("button", name="Try now")).to_be_visible()
    server.start()
    server.chat("after the start")
    # It asks again by itself, at least every five seconds.
    expect(page.locator("#state")).to_have_text("Live", timeout=20_000)
    expect(rows(page)).to_have_count(1)
    expect(rows(page)).to_contain_text("after the start")
    expect(page.locator("#details .note")).to_contain_text("was started again")


def test_mock_files_that_can_not_be_read_are_told_of_until_they_are_mended(
    server: Server, visit: Visit
) -> None:
    page = visit(server.url)
    expect(page.locator("#state")).to_have_text("Live")
    server.write('[{"match": {"usr": "x"}, "response": {"text": "y"}}]')
    server.chat("Explain recursion in one sentence.")
    banner = page.get_by_role("alert")
    expect(banner).to_contain_text("mocks.json#1")
    expect(banner).to_contain_text("usr")
    server.write([{"match": {"user": "x"}, "response": {"text": "y"}}])
    server.chat("x")
    expect(banner).to_have_count(0)


def test_mocks_are_listed_with_how_often_they_were_used_and_those_that_were_not(
    server: Server, visit: Visit
) -> None:
    server.chat("Explain recursion in one sentence.")
    page = visit(server.url)
    page.get_by_role("tab", name="Mocks").click()
    mocks = page.locator("details.mock")
    expect(mocks).to_have_count(9)
    expect(mocks.first).to_contain_text("1 ×")
    server.chat("Explain recursion in one sentence.")
    expect(mocks.first).to_contain_text("2 ×")
    page.get_by_role("button", name="Unused 8").click()
    expect(mocks).to_have_count(8)
    page.get_by_label("Filter mocks by text").fill("refund")
    expect(mocks).to_have_count(1)
    mocks.locator("summary").click()
    expect(mocks.locator("pre")).to_contain_text('"provider": "openai"')


def test_the_uses_of_a_mock_are_those_of_all_sessions_or_of_the_one_that_is_chosen(
    server: Server, visit: Visit
) -> None:
    for prefix in ("", "/@one", "/@one"):
        server.chat("Explain recursion in one sentence.", prefix=prefix)
    page = visit(server.url)
    page.get_by_role("tab", name="Mocks").click()
    first = page.locator("details.mock").first
    expect(first).to_contain_text("3 ×")
    page.get_by_label("Session of the mocks").select_option("@one")
    expect(first).to_contain_text("2 ×")


def test_sessions_are_listed_with_their_address_and_lead_to_their_requests(
    server: Server, visit: Visit
) -> None:
    server.chat("Explain recursion in one sentence.")
    server.chat("What?", prefix="/@checkout")
    page = visit(server.url)
    page.get_by_role("tab", name="Sessions").click()
    row = page.get_by_role("row").filter(has_text="@checkout")
    expect(row).to_contain_text(server.url + "/@checkout")
    expect(row.get_by_role("cell").nth(3)).to_have_text("1")
    row.get_by_role("button", name="Requests").click()
    expect(rows(page)).to_have_count(1)
    page.get_by_role("tab", name="Sessions").click()
    row.get_by_role("button", name="Reset").click()
    expect(page.locator("#toast")).to_have_text("@checkout was reset")
    page.get_by_role("tab", name="Requests").click()
    expect(rows(page)).to_have_count(0)


@pytest.mark.parametrize("path", ["/@checkout/__mock__", "/%40checkout/__mock__/"])
def test_below_the_prefix_of_a_session_the_page_shows_that_session(
    path: str, server: Server, visit: Visit
) -> None:
    server.chat("mine", prefix="/@checkout")
    server.chat("another's")
    page = visit(server.url, path)
    expect(rows(page)).to_have_count(1)
    expect(rows(page)).to_contain_text("mine")
    assert page.url.split("#")[0].endswith("checkout/__mock__/")
    page.get_by_label("Session", exact=True).select_option("All sessions")
    expect(rows(page)).to_have_count(2)
    page.reload()
    expect(rows(page)).to_have_count(2)


def test_a_server_with_a_token_asks_for_it_where_it_is_needed(tmp_path: Path, visit: Visit) -> None:
    with a_server(tmp_path, "--control-token", "secret") as server:
        server.token = "secret"
        server.send("/v1/chat/completions", {"model": "m", "messages": []})
        # As a proxy would pass it on: to the server that is nobody of this machine.
        page = visit(server.url, extra_http_headers={"X-Forwarded-For": "10.0.0.7"})
        expect(page.get_by_role("heading", name="wants its control token")).to_be_visible()
        expect(page.locator("#locked")).to_contain_text("--control-token")
        expect(page.locator("#requests")).to_have_attribute("inert", "")  # no key leads below it
        page.get_by_label("Control token").fill("wrong")
        page.get_by_role("button", name="Connect").click()
        expect(page.get_by_text("That is not the token.")).to_be_visible()
        page.get_by_label("Control token").fill("secret")
        page.get_by_label("Control token").press("Enter")
        expect(page.locator("#state")).to_have_text("Live")
        expect(page.locator("#locked")).to_be_hidden()
        page.get_by_label("Filter requests by text").focus()
        expect(page.get_by_label("Filter requests by text")).to_be_focused()
        expect(rows(page)).to_have_count(1)


def test_keys_go_through_the_list_open_close_and_search(server: Server, visit: Visit) -> None:
    for number in range(3):
        server.chat(f"Question {number}")
    page = visit(server.url)
    expect(rows(page)).to_have_count(3)
    chosen = page.locator("#rows [aria-selected=true]")
    page.keyboard.press("j")
    expect(chosen).to_contain_text("Question 2")
    page.keyboard.press("ArrowDown")
    expect(chosen).to_contain_text("Question 1")
    page.keyboard.press("Enter")
    details = page.locator("#details")
    expect(details).to_be_focused()
    page.keyboard.press("j")
    expect(part(details, "Request").first).to_contain_text("Question 0")
    page.keyboard.press("k")
    expect(part(details, "Request").first).to_contain_text("Question 1")
    page.keyboard.press("Escape")
    expect(details).to_be_hidden()
    grid = page.get_by_role("grid")
    expect(grid).to_be_focused()
    expect(grid).to_have_attribute("aria-activedescendant", "r2")
    page.keyboard.press("/")
    page.keyboard.type("Question 0 j")
    expect(page.get_by_role("heading", name="No request fits the filters")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.get_by_label("Filter requests by text")).not_to_be_focused()
    page.get_by_role("tab", name="Requests").press("ArrowRight")
    expect(page.get_by_role("tab", name="Mocks")).to_be_focused()
    expect(page.get_by_role("tabpanel", name="Mocks")).to_be_visible()


def test_the_focus_stays_when_what_has_it_is_drawn_anew(server: Server, visit: Visit) -> None:
    play(server)
    page = visit(server.url)
    details = opened(page, "Count to twenty.")
    held = details.get_by_role("button", name="Release 1 event")
    expect(details.locator(".events li")).to_have_count(1)
    held.press("Enter")
    expect(details.locator(".events li")).to_have_count(2)
    expect(held).to_be_focused()
    details.get_by_role("button", name="Release all").press("Enter")
    expect(held).to_have_count(0)
    expect(details).to_be_focused()
    older = details.get_by_role("button", name="Older request")
    older.press("Enter")
    expect(details).to_contain_text("refund policy")
    expect(older).to_be_focused()
    page.get_by_role("tab", name="Mocks").click()
    mock = page.locator("details.mock summary").first
    mock.focus()
    server.chat("Explain recursion in one sentence.")
    expect(mock).to_contain_text("5 ×")
    expect(mock).to_be_focused()
    page.get_by_role("tab", name="Sessions").click()
    reset = page.get_by_role("button", name="Reset").first
    reset.press("Enter")
    expect(page.get_by_role("row").nth(1).get_by_role("cell").nth(1)).to_have_text("0")
    expect(reset).to_be_focused()


def test_a_page_behind_another_gives_up_its_connection_and_misses_nothing(
    server: Server, visit: Visit
) -> None:
    page = visit(server.url)
    server.chat("before")
    expect(rows(page)).to_have_count(1)
    hidden = "is => { Object.defineProperty(document, 'hidden', { value: is, configurable: true });"
    hidden += " document.dispatchEvent(new Event('visibilitychange')); }"
    page.evaluate(hidden, True)
    expect(page.locator("#state")).to_have_text("Live")
    other = page.context.new_page()
    other.goto(page.url)
    expect(rows(other)).to_have_count(1)
    expect(page.locator("#state")).to_have_text("Connecting…")
    server.chat("meanwhile")
    expect(rows(other)).to_have_count(2)
    page.evaluate(hidden, False)
    expect(page.locator("#state")).to_have_text("Live")
    server.chat("after")
    expect(rows(page)).to_have_count(3)
    expect(rows(page).nth(1)).to_contain_text("meanwhile")


def serious(page: Page) -> List[Dict[str, Any]]:
    """What axe calls serious or critical."""
    found = Axe().run(page).response["violations"]
    return [
        {"rule": one["id"], "nodes": [node["html"][:200] for node in one["nodes"][:3]]}
        for one in found
        if one["impact"] in ("serious", "critical")
    ]


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [390, 1440])
def test_axe_finds_nothing_serious(scheme: str, width: int, server: Server, visit: Visit) -> None:
    play(server)
    page = visit(
        server.url,
        viewport={"width": width, "height": 844},
        color_scheme=scheme,
        reduced_motion="reduce",
    )
    expect(rows(page, "Count to twenty.")).to_be_visible()
    assert serious(page) == []
    opened(page, "refund policy").get_by_text("Headers of the request").click()
    page.keyboard.press("Escape")
    for text in ("refund policy", "Write a poem", "⚠ 1 violation", "Count to twenty."):
        details = opened(page, text)
        expect(part(details, "Answer").locator("pre").first).to_be_visible()
        assert serious(page) == [], text
        page.keyboard.press("Escape")
    page.get_by_role("tab", name="Mocks").click()
    page.locator("details.mock summary").first.click()
    expect(page.locator("details.mock pre")).to_be_visible()
    assert serious(page) == []
    page.get_by_role("tab", name="Sessions").click()
    expect(page.locator("#session-list").get_by_text("@checkout").first).to_be_visible()
    assert serious(page) == []
    server.stop()
    expect(page.locator("#state")).to_contain_text("Disconnected")
    assert serious(page) == []


HOSTILE = [
    "<script>alert(1)</script>",
    "</script><img src=x onerror=alert(2)>",
    '"><svg onload=alert(3)>',
    "\u202ereversed\u202c and \u2066isolated",
    "a\u0000b\u0007c\u007f\u009b",
    "half \ud83d of a pair",
    "W" * 10_000,
    "{{constructor.constructor('alert(4)')()}}",
]


def no_wider_than_its_window(page: Page) -> bool:
    """Whether nothing makes the page scroll sideways."""
    found: bool = page.evaluate(
        "[document.documentElement, $('list'), $('details'), $('mock-list')]"
        ".every(one => one.scrollWidth <= one.clientWidth + 1)"
    )
    return found


@pytest.mark.parametrize("width", [390, 1440])
def test_hostile_content_is_shown_and_not_executed(
    width: int, server: Server, visit: Visit
) -> None:
    page = visit(server.url, viewport={"width": width, "height": 844})
    mocks = [
        {"name": text, "match": {"model": text}, "response": {"text": text.replace("{{", "{{{{")}}
        for text in HOSTILE
        if "\ud83d" not in text
    ]
    assert len(server.control("mocks", mocks)["ids"]) == len(mocks)
    for text in HOSTILE:
        server.chat(text, model=text, __proto__={"constructor": text})
    server.send("/v1/%3Cscript%3Ealert(5)%3C/script%3E%00%0A%E2%80%AE?q=%3Cimg%20src=x%3E", {})
    server.send("/v1/chat/completions", b"\xff\xfe not \x00 JSON <script>alert(6)</script>")
    server.chat("B" * 1_000_000)
    expect(rows(page)).to_have_count(len(HOSTILE) + 3)
    expect(page.locator("[role=row].running")).to_have_count(0)  # a row that ends is drawn anew
    for row in range(len(HOSTILE) + 3):
        rows(page).nth(row).click()
        details = page.locator("#details")
        expect(part(details, "Answer").locator("pre").first).to_be_visible()
        assert no_wider_than_its_window(page), row
        page.keyboard.press("Escape")
    expect(rows(page, HOSTILE[0]).first.locator(".user")).to_have_text(HOSTILE[0])
    expect(rows(page, "reversed").first.locator(".user")).to_contain_text(
        "\\u202ereversed\\u202c and \\u2066isolated"
    )
    details = opened(page, "half ")
    expect(part(details, "Request").first).to_contain_text("half \\ud83d of a pair")
    expect(part(details, "Request").first).to_contain_text('"__proto__": {')
    page.keyboard.press("Escape")
    page.get_by_role("tab", name="Mocks").click()
    expect(page.get_by_text("<script>alert(1)</script>").first).to_be_visible()
    assert no_wider_than_its_window(page)
    assert page.locator("#rows script, #details script, #mock-list script, img").count() == 0


def test_two_thousand_requests_are_a_screenful_of_rows(tmp_path: Path, visit: Visit) -> None:
    with a_server(tmp_path, "--journal", "2000") as server:
        connection = HTTPConnection(server.url.partition("://")[2], timeout=10)
        for number in range(2000):
            said = [{"role": "user", "content": f"Question {number}"}]
            connection.request(
                "POST", "/v1/chat/completions", json.dumps({"model": "m", "messages": said})
            )
            connection.getresponse().read()
        connection.close()
        page = visit(server.url)
        expect(page.get_by_role("tab", name="Requests")).to_have_text("Requests2000")
        expect(page.get_by_role("grid")).to_have_attribute("aria-rowcount", "2001")
        assert rows(page).count() < 60
        page.get_by_role("grid").press("End")
        expect(page.locator("#rows [aria-selected=true]")).to_contain_text("Question 0")
        assert rows(page).count() < 60
        page.get_by_label("Filter requests by text").fill("Question 1234")
        expect(rows(page)).to_have_count(1)


def test_copying_works_without_the_clipboard_of_secure_pages(server: Server, visit: Visit) -> None:
    server.chat("Explain recursion in one sentence.")
    page = visit(server.url)
    page.evaluate("Object.defineProperty(navigator, 'clipboard', { value: undefined })")
    page.evaluate(
        "document.addEventListener('copy', event => { window.was = event.target.value; }, true)"
    )
    opened(page, "Explain").get_by_role("button", name="Copy: Headers of the answer").click()
    expect(page.locator("#toast")).to_have_text("Copied")
    assert "Content-Type: application/json" in page.evaluate("window.was")


def test_nothing_moves_for_those_who_want_less_motion(server: Server, visit: Visit) -> None:
    page = visit(server.url, reduced_motion="reduce")
    dot = page.locator("#state .dot")
    expect(page.locator("#state")).to_have_text("Live")
    assert dot.evaluate("node => getComputedStyle(node).animationName") == "none"


def test_the_page_tells_the_browser_to_run_its_own_script_only(
    server: Server, browser: Browser
) -> None:
    with closing(browser.new_page()) as page:
        page.goto(server.url + "/__mock__/")
        expect(page.locator("#state")).to_have_text("Live")
        page.evaluate(
            "document.body.append(Object.assign(document.createElement('script'),"
            " { textContent: 'window.was_run = true' }))"
        )
        assert page.evaluate("window.was_run") is None


def drawn(page: Page, picture: Path, request: pytest.FixtureRequest) -> None:
    """Check that a picture of the docs has the size of the page, and is small; with the flag, take
    it anew, in 256 colours."""
    page.mouse.move(0, 0)
    taken = page.screenshot()
    if request.config.getoption("--refresh-screenshot"):
        from PIL import Image

        few = Image.open(io.BytesIO(taken)).convert("RGB").quantize(256, dither=Image.Dither.NONE)
        few.save(picture, optimize=True)
    kept = picture.read_bytes()
    for one in (taken, kept):
        assert struct.unpack(">II", one[16:24]) == (2 * PICTURE["width"], 2 * PICTURE["height"])
    assert len(kept) < 300_000


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_pictures_of_the_docs_are_of_the_page_as_it_is(
    scheme: str, server: Server, visit: Visit, request: pytest.FixtureRequest
) -> None:
    play(server)
    page = visit(
        server.url,
        viewport=PICTURE,
        device_scale_factor=2,
        color_scheme=scheme,
        reduced_motion="reduce",
    )
    details = opened(page, "refund policy")
    expect(details.locator(".got mark").first).to_have_text("paid for by invoice")
    expect(details.get_by_role("button", name="Copy mock")).to_be_visible()
    expect(rows(page, "Count to twenty.").locator(".end")).to_have_text(re.compile("held"))
    expect(rows(page, "⚠ 1 violation")).to_be_visible()
    drawn(page, DOCS / f"inspector-{scheme}.png", request)
    if scheme == "light":
        details = opened(page, "Write a poem")
        expect(details.locator(".events li").nth(30)).to_be_attached()
        details.locator(".events li").nth(7).click()
        drawn(page, DOCS / "inspector-stream.png", request)
