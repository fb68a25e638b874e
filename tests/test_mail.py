"""E-mail: what a mail reader and a mail server see, and what the channel makes of their answers."""

from collections.abc import Iterator
from dataclasses import replace

import pytest

from services.dispatcher.channels import About, MailSettings, Message, Undelivered
from services.dispatcher.channels.mail import Mail
from services.errors import Misconfigured
from tests.sinks import AUTHORITY, MailSink, TarPit, server_tls

MESSAGE = Message("dlv-0001", "sev1 · Line 4 stopped", "Batch B-2231 waits.", About("T-17", "sev1", "mes_config", "muc-mes"))
ENGINEER = "engineer@plant.example"


@pytest.fixture
def sink() -> Iterator[MailSink]:
    with MailSink() as running:
        yield running


def plain(port: int, deadline: float = 20.0) -> Mail:
    return Mail(MailSettings("127.0.0.1", "hypercare@plant.example", port, "none", deadline=deadline))


def refusal(mail: Mail, address: str = ENGINEER) -> Undelivered:
    with pytest.raises(Undelivered) as refused:
        mail.send(MESSAGE, address)
    return refused.value


def test_a_letter_says_who_what_and_that_a_machine_wrote_it(sink: MailSink) -> None:
    plain(sink.port).send(MESSAGE, ENGINEER)
    (letter,) = sink.letters
    assert (letter["From"], letter["To"], letter["Subject"]) == ("hypercare@plant.example", ENGINEER, MESSAGE.title)
    assert (letter["X-Hypercare-Delivery"], letter["Auto-Submitted"]) == ("dlv-0001", "auto-generated")
    assert letter.get_content_type() == "text/plain"
    assert letter["Date"].datetime.tzinfo is not None
    assert letter.get_content().splitlines() == ["Batch B-2231 waits.", "", "Ticket T-17 · sev1 · mes_config · muc-mes"]


def test_a_letter_sent_again_has_the_same_message_id_and_another_delivery_has_not(sink: MailSink) -> None:
    mail = plain(sink.port)
    for delivery_id in ("dlv-0001", "dlv-0001", "dlv-0002"):
        mail.send(replace(MESSAGE, delivery_id=delivery_id), ENGINEER)
    first, again, other = (letter["Message-ID"] for letter in sink.letters)
    assert first == again == "<dlv-0001@plant.example>"
    assert other == "<dlv-0002@plant.example>"


@pytest.mark.parametrize("end", ["\r\n", "\n", "\r", "\r\n\r\n", "\u2028", "\x85", "\x0b"])
def test_a_title_cannot_add_a_header_or_a_recipient(sink: MailSink, end: str) -> None:
    plain(sink.port).send(
        replace(
            MESSAGE,
            title=f"stopped{end}Bcc: eve@evil.example{end}X-Hypercare-Delivery: forged",
            about=About("T-17", "sev1", "mes_config", f"muc{end}Bcc: x"),
        ),
        ENGINEER,
    )
    (letter,) = sink.letters
    assert letter["Bcc"] is None
    assert letter.get_all("X-Hypercare-Delivery") == ["dlv-0001"]
    assert sink.addressed == [ENGINEER]


@pytest.mark.parametrize("title", ["x" * 10_000, "温度" * 5_000, "a b " * 3_000])
def test_a_title_of_any_length_becomes_a_subject_that_servers_accept(sink: MailSink, title: str) -> None:
    plain(sink.port).send(replace(MESSAGE, title=title), ENGINEER)
    assert sink.letters[0]["Subject"] == title[:199] + "…"


def test_lines_that_smtp_would_misread_arrive_as_written(sink: MailSink) -> None:
    text = "first\n.\n..\nQUIT\nFrom here on\n" + "z" * 5_000
    plain(sink.port).send(replace(MESSAGE, text=text), ENGINEER)
    assert sink.letters[0].get_content().replace("\r\n", "\n").startswith(text + "\n\nTicket T-17")


@pytest.mark.parametrize(
    "address", ["", "engineer", "a@b\r\nRCPT TO:<eve@evil.example>", "<a@b>", "a@b, c@d", "a b@c", "Eve <a@b>", "é@plant.example", "a@"]
)
def test_an_address_that_is_not_one_plain_address_is_refused_unsent(sink: MailSink, address: str) -> None:
    refused = refusal(plain(sink.port), address)
    assert not refused.retry
    assert "name@plant.example" in refused.reason
    assert sink.addressed == []


@pytest.mark.parametrize(
    ("answer", "retry"), [("450 4.2.1 busy", True), ("421 closing", True), ("550 5.1.1 unknown", False), ("552 full", False)]
)
def test_the_servers_answer_decides_whether_to_try_again(sink: MailSink, answer: str, retry: bool) -> None:
    sink.refuse(answer)
    refused = refusal(plain(sink.port))
    assert refused.retry is retry
    assert answer[:3] in refused.reason


def test_the_servers_words_are_shown_without_their_control_characters(sink: MailSink) -> None:
    sink.refuse("550 \x1b[2J" + "no " * 300)
    reason = refusal(plain(sink.port)).reason
    assert "\\x1b[2J" in reason
    assert len(reason) < 300


def test_nobody_listening_is_tried_again() -> None:
    with MailSink() as sink:
        port = sink.port
    assert refusal(plain(port)).retry


def test_a_greeting_byte_by_byte_is_left_at_the_deadline_and_hung_up_on() -> None:
    with TarPit() as pit:
        refused = refusal(plain(pit.port, deadline=0.3))
        assert pit.hung_up.wait(30)
    assert refused.retry
    assert "within 0.3 seconds" in refused.reason


@pytest.mark.parametrize(
    ("greeting", "retry"), [(b"421 too busy\r\n", True), (b"554 no service here\r\n", False), (b"SSH-2.0-x\r\n", True)]
)
def test_an_unfriendly_greeting_is_a_refusal(greeting: bytes, retry: bool) -> None:
    with TarPit(greeting, once=True) as pit:
        assert refusal(plain(pit.port)).retry is retry


def secured(port: int, host: str = "127.0.0.1", password: str = "right", ca_file: str | None = AUTHORITY) -> Mail:
    return Mail(MailSettings(host, "hypercare@plant.example", port, "starttls", "hypercare", password, ca_file=ca_file))


def test_over_tls_the_right_password_is_accepted_and_the_letter_arrives() -> None:
    with MailSink(server_tls(), password="right") as sink:
        secured(sink.port).send(MESSAGE, ENGINEER)
        assert sink.addressed == [ENGINEER]


def test_a_wrong_password_is_reported_and_not_tried_again() -> None:
    with MailSink(server_tls(), password="right") as sink:
        refused = refusal(secured(sink.port, password="wrong"))
        assert sink.letters == []
    assert not refused.retry
    assert "refused the user name or password (535)" in refused.reason


def test_a_tls_connection_from_the_first_byte_works_too() -> None:
    with MailSink(server_tls(), implicit=True) as sink:
        Mail(MailSettings("127.0.0.1", "hypercare@plant.example", sink.port, "tls", ca_file=AUTHORITY)).send(MESSAGE, ENGINEER)
        assert sink.addressed == [ENGINEER]


@pytest.mark.parametrize(("host", "ca_file"), [("localhost", AUTHORITY), ("127.0.0.1", None)])
def test_a_certificate_for_another_name_or_of_an_unknown_authority_stops_the_conversation(host: str, ca_file: str | None) -> None:
    with MailSink(server_tls(), password="right") as sink:
        assert "certificate" in refusal(secured(sink.port, host, ca_file=ca_file)).reason
        assert sink.letters == []


def test_a_server_that_offers_no_tls_gets_neither_password_nor_letter(sink: MailSink) -> None:
    refused = refusal(secured(sink.port))
    assert not refused.retry
    assert "STARTTLS" in refused.reason
    assert sink.letters == []


def test_a_password_is_not_configurable_without_tls() -> None:
    with pytest.raises(Misconfigured, match="TLS only"):
        MailSettings("127.0.0.1", "hypercare@plant.example", security="none", username="hypercare", password="secret")


@pytest.mark.parametrize("sender", ["", "hypercare", "Hyper <a@b>", "a@b\r\nBcc: c@d"])
def test_a_sender_that_is_not_one_plain_address_is_named_at_once(sender: str) -> None:
    with pytest.raises(Misconfigured, match="plain address"):
        MailSettings("127.0.0.1", sender)
