"""Signed posts: what a receiver can check, what a bad receiver cannot do, and where nothing is ever sent."""

import base64
import hashlib
import hmac
import json
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import replace
from email.utils import formatdate

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.dispatcher.channels import About, Message, Undelivered, WebhookSettings
from services.dispatcher.channels.signature import sign
from services.dispatcher.channels.target import checked_addresses, read_target
from services.dispatcher.channels.webhook import Webhook
from services.errors import Misconfigured
from tests.sinks import (
    AUTHORITY,
    GIGABYTE,
    Received,
    Reply,
    Sink,
    TarPit,
    drip,
    endless_headers,
    flood,
    never,
    raw,
    reset,
    server_tls,
    status,
)

OLD, NEW, FOREIGN = ("whsec_" + base64.b64encode(hashlib.sha256(name).digest()).decode() for name in (b"old", b"new", b"foreign"))
NOW = 1_790_000_000.7
MESSAGE = Message(
    "dlv-0001",
    "sev2 · LIMS results late",
    "Batch B-2231 waits.",
    About("T-17", "sev2", "lims", "muc-lab"),
    {"ticket": {"id": "T-17", "facts": [1, None, "°C"]}},
)
LOOPBACK = ("127.0.0.0/8", "::1/128")


@pytest.fixture
def sink() -> Iterator[Sink]:
    with Sink() as running:
        yield running


def channel(*urls: str, deadline: float = 20.0, networks: tuple[str, ...] = LOOPBACK, **answers: list[str]) -> Webhook:
    """`answers`: what the name server says, by name with `_` for `.`; names that it does not know do not exist."""
    known = {name.replace("_", "."): found for name, found in answers.items()}
    settings = WebhookSettings({url: [OLD] for url in urls}, networks, deadline, AUTHORITY)
    return Webhook(settings, resolve=lambda host, _port: known[host], clock=lambda: NOW)


def refusal(webhook: Webhook, url: str) -> Undelivered:
    with pytest.raises(Undelivered) as refused:
        webhook.send(MESSAGE, url)
    return refused.value


def verified(secret: str, request: Received, tolerance: float = 300.0) -> bool:
    """The receiver's side, from the text of the Standard Webhooks specification."""
    key = base64.b64decode(secret.partition("_")[2])
    name, stamp = request.headers["webhook-id"], request.headers["webhook-timestamp"]
    content = b".".join([name.encode(), stamp.encode(), request.body])
    expected = hmac.new(key, content, hashlib.sha256).digest()
    offered = [part.partition(",") for part in request.headers["webhook-signature"].split(" ")]
    fresh = abs(int(stamp) - NOW) <= tolerance
    return fresh and any(version == "v1" and hmac.compare_digest(base64.b64decode(value), expected) for version, _, value in offered)


def delivered(sink: Sink, *secrets: str) -> Received:
    Webhook(WebhookSettings({sink.url: secrets}, LOOPBACK), clock=lambda: NOW).send(MESSAGE, sink.url)
    return sink.wait_for(1)[-1]


def test_the_signature_agrees_with_the_published_example() -> None:
    key = base64.b64decode("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
    signature = sign([key], "msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, b'{"test": 2432232314}')
    assert signature == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


def test_a_receiver_can_verify_a_message_with_its_secret_and_with_no_other(sink: Sink) -> None:
    request = delivered(sink, OLD)
    assert verified(OLD, request)
    assert not verified(FOREIGN, request)


def test_while_a_secret_is_replaced_the_old_and_the_new_one_verify(sink: Sink) -> None:
    request = delivered(sink, OLD, NEW)
    assert len(request.headers["webhook-signature"].split(" ")) == 2
    assert verified(OLD, request)
    assert verified(NEW, request)
    assert not verified(FOREIGN, request)


def test_each_address_has_secrets_of_its_own(sink: Sink) -> None:
    one, other = sink.url + "/one", sink.url + "/other"
    webhook = Webhook(WebhookSettings({one: [OLD], other: [FOREIGN]}, LOOPBACK), clock=lambda: NOW)
    webhook.send(MESSAGE, other)
    request = sink.wait_for(1)[0]
    assert verified(FOREIGN, request)
    assert not verified(OLD, request)


@given(place=st.integers(min_value=0), bit=st.integers(0, 7))
def test_one_changed_bit_of_the_body_fails_verification(place: int, bit: int) -> None:
    body = bytearray(b'{"ticket_id":"T-17","severity":"sev2"}')
    headers = {
        "webhook-id": "dlv-1",
        "webhook-timestamp": str(int(NOW)),
        "webhook-signature": sign([base64.b64decode(OLD[6:])], "dlv-1", int(NOW), bytes(body)),
    }
    assert verified(OLD, Received("/", headers, bytes(body)))
    body[place % len(body)] ^= 1 << bit
    assert not verified(OLD, Received("/", headers, bytes(body)))


@pytest.mark.parametrize("header", ["webhook-id", "webhook-timestamp"])
def test_the_id_and_the_time_are_signed_too(sink: Sink, header: str) -> None:
    request = delivered(sink, OLD)
    changed = request.headers[header][:-1] + ("1" if request.headers[header][-1] != "1" else "2")
    assert not verified(OLD, replace(request, headers=request.headers | {header: changed}))


def test_a_repeated_message_keeps_its_id_and_body_and_renews_its_time(sink: Sink) -> None:
    times = iter([NOW, NOW + 400, NOW + 400])
    webhook = Webhook(WebhookSettings({sink.url: [OLD]}, LOOPBACK), clock=lambda: next(times))
    sink.reply(503)
    with pytest.raises(Undelivered):
        webhook.send(MESSAGE, sink.url)
    times = iter([NOW + 400])
    webhook.send(MESSAGE, sink.url)
    first, second = sink.wait_for(2)
    assert (first.headers["webhook-id"], first.body) == (second.headers["webhook-id"], second.body)
    assert int(second.headers["webhook-timestamp"]) - int(first.headers["webhook-timestamp"]) == 400
    assert verified(OLD, first)
    assert verified(OLD, second, tolerance=500)


def test_the_body_is_the_complete_record(sink: Sink) -> None:
    request = delivered(sink, OLD)
    assert request.headers["content-type"] == "application/json"
    assert request.headers["host"] == f"127.0.0.1:{sink.port}"
    told = {name: value for name, value in vars(MESSAGE).items() if name != "about"}
    about = {"ticket_id": "T-17", "severity": "sev2", "system": "lims", "team": "muc-lab"}
    assert json.loads(request.body) == {"type": "hypercare.delivery"} | about | told


def test_an_address_without_a_secret_of_its_own_gets_nothing(sink: Sink) -> None:
    refused = refusal(channel(sink.url), sink.url + "/other")
    assert not refused.retry
    assert "add it to the webhook targets" in refused.reason
    assert sink.connections == 0


@pytest.mark.parametrize("code", [408, 425, 429, 500, 502, 503, 504, 599])
def test_a_receiver_in_trouble_is_tried_again(sink: Sink, code: int) -> None:
    sink.reply(code)
    refused = refusal(channel(sink.url), sink.url)
    assert refused.retry
    assert str(code) in refused.reason


@pytest.mark.parametrize("code", [304, 400, 401, 403, 404, 409, 413, 422])
def test_a_receiver_that_says_no_is_not_asked_again(sink: Sink, code: int) -> None:
    sink.reply(code)
    refused = refusal(channel(sink.url), sink.url)
    assert (refused.retry, refused.disable) == (False, False)
    assert str(code) in refused.reason


def test_gone_disables_the_address(sink: Sink) -> None:
    sink.reply(410)
    refused = refusal(channel(sink.url), sink.url)
    assert (refused.retry, refused.disable) == (False, True)


@pytest.mark.parametrize("code", [200, 201, 202, 204])
def test_any_2xx_is_a_delivery(sink: Sink, code: int) -> None:
    sink.reply(code)
    channel(sink.url).send(MESSAGE, sink.url)
    assert len(sink.received) == 1


@pytest.mark.parametrize(
    ("asked", "seconds"),
    [
        ("7", 7.0),
        ("0", 0.0),
        (formatdate(int(NOW) + 90, usegmt=True), pytest.approx(90, abs=1)),
        (formatdate(int(NOW) - 90, usegmt=True), 0.0),
        ("86400", 3600.0),
        ("9" * 400, 3600.0),
        ("-5", None),
        ("soon", None),
        ("", None),
        ("٣", None),
    ],
)
def test_retry_after_is_honoured_within_reason(sink: Sink, asked: str, seconds: float | None) -> None:
    sink.reply(raw(f"HTTP/1.1 429 Slow\r\nretry-after: {asked}\r\n\r\n".encode()))
    assert refusal(channel(sink.url), sink.url).retry_after == seconds


@pytest.mark.parametrize("tarpit", [never, drip])
def test_a_receiver_that_does_not_finish_its_answer_is_left_at_the_deadline(sink: Sink, tarpit: Reply) -> None:
    sink.reply(tarpit)
    refused = refusal(channel(sink.url, deadline=0.3), sink.url)
    assert refused.retry
    assert refused.reason == "127.0.0.1 did not answer within 0.3 seconds."


def test_a_name_server_that_never_answers_is_left_at_the_deadline(sink: Sink) -> None:
    released = threading.Event()
    url = f"http://slow.test:{sink.port}/"
    webhook = Webhook(WebhookSettings({url: [OLD]}, LOOPBACK, 0.2), resolve=lambda _host, _port: ["127.0.0.1"] * released.wait())
    refused = refusal(webhook, url)
    released.set()
    assert refused.retry
    assert "within 0.2 seconds" in refused.reason
    assert sink.connections == 0


def test_a_body_of_two_gigabytes_is_not_read() -> None:
    with Sink() as sink:
        sink.reply(flood)
        channel(sink.url).send(MESSAGE, sink.url)
    assert sink.flooded < GIGABYTE


@pytest.mark.parametrize(
    "nonsense",
    [
        reset,
        raw(b""),
        raw(b"SSH-2.0-OpenSSH_9.6\r\n"),
        raw(b"HTTP/1.1 OK\r\n\r\n"),
        raw(b"HTTP/1.1 2000 OK\r\n\r\n"),
        raw(b"HTTP/1.1 200"[:9]),
        raw(b"z" * 100_000),
        raw(b"HTTP/1.1 200 OK\r\n" + b"a: b\r\n" * 200 + b"\r\n"),
    ],
)
def test_an_answer_that_is_not_http_is_tried_again(sink: Sink, nonsense: Reply) -> None:
    sink.reply(nonsense)
    assert refusal(channel(sink.url), sink.url).retry


def test_headers_without_end_are_read_up_to_a_limit(sink: Sink) -> None:
    sink.reply(endless_headers)
    assert "the answer is too long" in refusal(channel(sink.url), sink.url).reason


def test_interim_answers_are_skipped(sink: Sink) -> None:
    sink.reply(raw(b"HTTP/1.1 103 Early Hints\r\nlink: x\r\n\r\nHTTP/1.1 410 Gone\r\n\r\n"))
    assert refusal(channel(sink.url), sink.url).disable


def test_nobody_listening_is_tried_again() -> None:
    with Sink() as sink:
        gone = sink.url
    assert refusal(channel(gone), gone).retry


@pytest.mark.parametrize("code", [301, 302, 303, 307, 308])
def test_a_redirect_is_not_followed(sink: Sink, code: int) -> None:
    with Sink() as inner:
        sink.reply(status(code, location=inner.url))
        refused = refusal(channel(sink.url), sink.url)
        assert inner.connections == 0
    assert not refused.retry
    assert "configure the final address" in refused.reason


UNREADABLE = {
    "file": "file:///etc/passwd",
    "gopher": "gopher://127.0.0.1:{port}/_GET",
    "no scheme": "127.0.0.1:{port}/hook",
    "upper-case scheme with a tab": "ht\ttp://127.0.0.1:{port}/",
    "leading space": " http://127.0.0.1:{port}/",
    "user name": "https://good.test@127.0.0.1:{port}/",
    "user name and password": "https://good:pw@127.0.0.1:{port}/",
    "user name behind a fragment": "https://good.test#@127.0.0.1:{port}/",
    "user name behind a backslash": "https://good.test\\@127.0.0.1:{port}/",
    "fragment": "https://good.test/#x",
    "line ends": "http://127.0.0.1:{port}/\r\nX-Injected: 1",
    "line end in the host": "http://127.0.0.1\r\n:{port}/",
    "escape in the host": "http://%31%32%37.0.0.1:{port}/",
    "IDN twin": "https://g\u043e\u043ed.test/",
    "full-width digits": "http://１２７.0.0.1:{port}/",
    "ideographic full stop": "http://127。0。0。1:{port}/",
    "root label": "http://localhost.:{port}/",
    "empty host": "http://:{port}/",
    "hexadecimal": "http://0x7f000001:{port}/",
    "hexadecimal metadata": "http://0xA9FEA9FE:{port}/",
    "decimal": "http://2130706433:{port}/",
    "decimal metadata": "http://2852039166/",
    "octal": "http://0177.0.0.1:{port}/",
    "short": "http://127.1:{port}/",
    "hexadecimal part": "http://127.0.0.0x1:{port}/",
    "IPv4 in brackets": "http://[127.0.0.1]:{port}/",
    "zone": "http://[::1%25lo]:{port}/",
    "port out of range": "http://127.0.0.1:65536/",
    "port zero": "http://127.0.0.1:0/",
    "70 kB": "https://good.test/" + "x" * 70_000,
}


@pytest.mark.parametrize("url", UNREADABLE.values(), ids=UNREADABLE)
def test_an_odd_address_is_refused_before_connecting_even_where_its_network_is_allowed(sink: Sink, url: str) -> None:
    url = url.replace("{port}", str(sink.port))
    refused = refusal(channel(url, good_test=["127.0.0.1"], localhost=["127.0.0.1"]), url)
    assert not refused.retry
    assert refused.reason.startswith("The webhook address is refused")
    assert sink.connections == 0


INSIDE = {
    "loopback": "127.0.0.1",
    "all interfaces": "0.0.0.0",
    "metadata": "169.254.169.254",
    "private": "10.20.30.40",
    "carrier": "100.64.0.1",
    "broadcast": "255.255.255.255",
    "multicast": "224.0.0.251",
    "documentation": "192.0.2.1",
    "IPv6 loopback": "::1",
    "IPv6 any": "::",
    "mapped loopback": "::ffff:127.0.0.1",
    "mapped metadata": "::ffff:169.254.169.254",
    "compatible loopback": "::127.0.0.1",
    "NAT64 metadata": "64:ff9b::a9fe:a9fe",
    "6to4 metadata": "2002:a9fe:a9fe::1",
    "Teredo": "2001:0:53aa:64c:0:0:80ff:fffe",
    "link local": "fe80::1",
    "link local with zone": "fe80::1%lo",
    "unique local": "fd00:ec2::254",
    "site local": "fec0::1",
    "IPv6 multicast": "ff02::1",
}


@pytest.mark.parametrize("address", INSIDE.values(), ids=INSIDE)
@pytest.mark.parametrize("scheme", ["http", "https"])
def test_a_name_that_leads_inside_is_refused(scheme: str, address: str) -> None:
    url = f"{scheme}://hooks.test/"
    refused = refusal(channel(url, networks=(), hooks_test=[address]), url)
    assert not refused.retry
    assert "inside a private network" in refused.reason


@pytest.mark.parametrize("address", [address for address in INSIDE.values() if "%" not in address])
def test_an_inside_address_written_out_is_refused_without_asking_anyone(address: str) -> None:
    url = f"https://[{address}]/" if ":" in address else f"https://{address}/"
    assert "inside a private network" in refusal(channel(url, networks=()), url).reason


@pytest.mark.parametrize("answers", [["93.184.215.14", "10.0.0.7"], ["10.0.0.7", "93.184.215.14"], ["2606:2800:21f::1", "::1"]])
def test_one_inside_address_among_public_ones_spoils_all(answers: list[str]) -> None:
    url = "https://hooks.test/"
    assert "inside a private network" in refusal(channel(url, networks=(), hooks_test=answers), url).reason


@pytest.mark.parametrize(("url", "what"), [("http://hooks.test/", "begin with https"), ("https://hooks.test:9200/", "443 or 8443")])
def test_a_public_receiver_is_called_by_https_on_the_usual_ports_only(url: str, what: str) -> None:
    refused = refusal(channel(url, networks=(), hooks_test=["93.184.215.14"]), url)
    assert what in refused.reason
    assert not refused.retry


@pytest.mark.parametrize(
    "url", ["https://Hooks.Test/a?b=c", "https://hooks.test:8443", "https://93.184.215.14/", "https://[2606:2800:21f::1]/x"]
)
def test_a_public_receiver_passes(url: str) -> None:
    public = ["93.184.215.14", "2606:2800:21f::1", "64:ff9b::5db8:d70e"]
    assert checked_addresses(read_target(url), (), lambda _host, _port: public)


def test_only_the_network_that_is_named_is_allowed(sink: Sink) -> None:
    allowed, other = f"http://in.test:{sink.port}/", f"http://out.test:{sink.port}/"
    webhook = channel(allowed, other, networks=("127.0.0.1/32",), in_test=["127.0.0.1"], out_test=["127.0.0.2"])
    webhook.send(MESSAGE, allowed)
    assert "private network" in refusal(webhook, other).reason
    assert sink.connections == 1


def test_the_name_is_resolved_once_and_the_checked_address_is_called(sink: Sink) -> None:
    answers = iter([["127.0.0.1"], ["10.0.0.1"]])
    url = f"http://rebinding.test:{sink.port}/"
    webhook = Webhook(WebhookSettings({url: [OLD]}, LOOPBACK), resolve=lambda _host, _port: next(answers))
    webhook.send(MESSAGE, url)
    assert sink.wait_for(1)[0].headers["host"] == f"rebinding.test:{sink.port}"
    assert "private network" in refusal(webhook, url).reason
    assert sink.connections == 1


def test_a_dead_address_gives_way_to_the_next(sink: Sink) -> None:
    url = f"http://twofold.test:{sink.port}/"
    channel(url, twofold_test=["::1", "127.0.0.1"]).send(MESSAGE, url)
    assert len(sink.received) == 1


def test_an_address_that_swallows_packets_leaves_time_for_the_next(sink: Sink) -> None:
    """A full accept queue drops further connection attempts unanswered (Linux)."""
    url = f"http://twofold.test:{sink.port}/"
    with ExitStack() as stack:
        full = stack.enter_context(socket.create_server(("127.0.0.2", sink.port), backlog=0))
        stack.enter_context(socket.create_connection(full.getsockname()))
        channel(url, deadline=2.0, twofold_test=["127.0.0.2", "127.0.0.1"]).send(MESSAGE, url)
    assert len(sink.received) == 1


@pytest.mark.parametrize("failure", [OSError("Name or service not known"), TimeoutError()])
def test_a_failing_name_server_is_asked_again(failure: OSError) -> None:
    def fail(_host: str, _port: int) -> list[str]:
        raise failure

    assert refusal(Webhook(WebhookSettings({"https://hooks.test/": [OLD]}), resolve=fail), "https://hooks.test/").retry


def test_a_name_without_addresses_is_asked_for_again() -> None:
    assert refusal(channel("https://hooks.test/", hooks_test=[]), "https://hooks.test/").retry


def test_https_asks_for_the_name_and_checks_the_certificate_against_it() -> None:
    with Sink(server_tls()) as sink:
        right, wrong = f"https://receiver.test:{sink.port}/hook?x=1", f"https://twin.test:{sink.port}/hook"
        webhook = channel(right, wrong, receiver_test=["127.0.0.1"], twin_test=["127.0.0.1"])
        webhook.send(MESSAGE, right)
        (request,) = sink.wait_for(1)
        assert (request.path, request.headers["host"]) == ("/hook?x=1", f"receiver.test:{sink.port}")
        refused = refusal(webhook, wrong)
        assert sink.names == ["receiver.test", "twin.test"]
        assert len(sink.received) == 1
    assert "certificate" in refused.reason


def test_https_refuses_a_certificate_of_an_unknown_authority() -> None:
    with Sink(server_tls()) as sink:
        url = f"https://receiver.test:{sink.port}/"
        webhook = Webhook(WebhookSettings({url: [OLD]}, LOOPBACK), resolve=lambda _host, _port: ["127.0.0.1"])
        assert "certificate" in refusal(webhook, url).reason
    assert sink.received == []


def test_a_silent_tls_handshake_ends_at_the_deadline() -> None:
    with TarPit(b"") as silent:
        url = f"https://receiver.test:{silent.port}/"
        assert "within 0.3 seconds" in refusal(channel(url, deadline=0.3, receiver_test=["127.0.0.1"]), url).reason


@pytest.mark.parametrize("network", ["10.0.0.1/8", "plant", "10.0.0.0/64"])
def test_a_mistyped_network_is_named_at_once(network: str) -> None:
    with pytest.raises(Misconfigured, match="CIDR"):
        Webhook(WebhookSettings({}, (network,)))


def test_a_reason_names_the_host_and_not_the_path(sink: Sink) -> None:
    url = sink.url + "?token=canary"
    planted: list[Callable[[], None]] = [
        lambda: sink.reply(500),
        lambda: sink.reply(404),
        lambda: sink.reply(reset),
        lambda: sink.reply(302),
    ]
    for plant in planted:
        plant()
        assert "canary" not in refusal(channel(url), url).reason
