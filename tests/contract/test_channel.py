"""What every channel promises. A new channel joins by adding a rig."""

import io
import json
import logging
import re
import threading
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, replace
from email.message import EmailMessage
from importlib.util import find_spec

import pytest

from services.dispatcher.channels import (
    About,
    AlertmanagerSettings,
    AppriseSettings,
    Channel,
    ConsoleSettings,
    MailSettings,
    Message,
    PagerDutySettings,
    Recorder,
    Undelivered,
    WebhookSettings,
    open_channels,
)
from services.dispatcher.channels.chat import unmentioned
from services.dispatcher.channels.courier import Road
from services.errors import Misconfigured
from tests.sinks import AUTHORITY, MailSink, Received, Reply, Sink, drip, never, raw, reset, server_tls, status

SECRET = "whsec_Q2FuYXJ5Q2FuYXJ5Q2FuYXJ5Q2FuYXJ5"
PASSWORD = "canary-of-the-mail-server"
ROUTING_KEY = "canary0routing0key0of0pagerduty0"
DEADLINE = 0.3
LOOPBACK = Road(["127.0.0.0/8"], DEADLINE)
MESSAGE = Message(
    delivery_id="dlv-0001",
    title="sev1 · Line 4 stopped: labels print the wrong expiry date",
    text="Filling line 4 stands still.\nBatch B-2231, 40 min on the clock.\nWorkaround: none known.",
    about=About("T-17", "sev1", "packaging_serialization", "muc-packaging"),
    data={"ticket": {"id": "T-17", "gxp": "potential"}, "ranked": [["packaging_serialization", 0.93]]},
)


@dataclass(frozen=True)
class Arrival:
    delivery_id: str
    title: str
    text: str


@dataclass(frozen=True)
class Rig:
    """A channel with a provider behind it; `for_people`: the provider shows the text rather than parses it. `quoted`: what the channel
    makes of text that its provider would act on. `sink`: the provider, where it speaks HTTP. `told_final`: it tells a final refusal from a
    passing one.
    """

    channel: Channel
    address: str
    arrivals: Callable[[], list[Arrival]]
    refuse: Callable[[bool], object]
    for_people: bool
    quoted: Callable[[str], str] = str
    sink: Sink | None = None
    told_final: bool = True

    def send(self, message: Message) -> None:
        self.channel.send(message, self.address)


class Screen(io.StringIO):
    """A stream that can be told to fail, and lets other threads in between two lines."""

    failing = False
    pause = threading.Event()

    def fail_once(self) -> None:
        self.failing = True

    def write(self, text: str) -> int:
        if self.failing:
            self.failing = False
            raise OSError("no space left on device")
        for line in text.splitlines(keepends=True):
            super().write(line)
            self.pause.wait(0.001)
        return len(text)


def console(_stack: ExitStack) -> Rig:
    screen = Screen()
    shown = re.compile(r"^●.* delivery (\S+)\n  (.*)\n((?:  .*\n)*)", re.MULTILINE)

    def arrivals() -> list[Arrival]:
        return [Arrival(found, title, text.replace("\n  ", "\n")[2:-1]) for found, title, text in shown.findall(screen.getvalue())]

    return Rig(open_channels(ConsoleSettings(screen))["console"], "stdout", arrivals, lambda _: screen.fail_once(), for_people=True)


def webhook(stack: ExitStack) -> Rig:
    sink = stack.enter_context(Sink())
    channel = open_channels(WebhookSettings({sink.url: [SECRET]}, ["127.0.0.0/8"], DEADLINE))["webhook"]

    def arrivals() -> list[Arrival]:
        bodies = [(request.headers["webhook-id"], json.loads(request.body)) for request in sink.received]
        return [Arrival(found, body["title"], body["text"]) for found, body in bodies]

    return Rig(channel, sink.url, arrivals, lambda final: sink.reply(400 if final else 503), for_people=False, sink=sink)


def pagerduty(stack: ExitStack) -> Rig:
    sink = stack.enter_context(Sink())
    channel = open_channels(PagerDutySettings({"erp": ROUTING_KEY}, sink.url, LOOPBACK))["pagerduty"]

    def arrival(request: Received) -> Arrival:
        payload = json.loads(request.body)["payload"]
        return Arrival(payload["custom_details"]["delivery"], payload["summary"], payload["custom_details"]["text"])

    return over_http(channel, "erp", sink, arrival)


def alertmanager(stack: ExitStack) -> Rig:
    sink = stack.enter_context(Sink())

    def arrival(request: Received) -> Arrival:
        told = json.loads(request.body)[0]["annotations"]
        return Arrival(told["delivery"], told["summary"], told["description"])

    return over_http(open_channels(AlertmanagerSettings(LOOPBACK))["alertmanager"], sink.url, sink, arrival)


def name_of(rig: Callable[[ExitStack], Rig]) -> str:
    return rig.__name__


def over_http(channel: Channel, address: str, sink: Sink, arrival: Callable[[Received], Arrival]) -> Rig:
    def arrivals() -> list[Arrival]:
        return [arrival(request) for request in sink.received]

    return Rig(channel, address, arrivals, lambda final: sink.reply(400 if final else 503), for_people=True, sink=sink)


def apprise(stack: ExitStack) -> Rig:
    """Posts of JSON, one of the services that apprise knows. It does not say which refusals are final."""
    sink = stack.enter_context(Sink())
    channel = open_channels(AppriseSettings({"room": f"json://127.0.0.1:{sink.port}/"}, DEADLINE))["apprise"]

    def arrival(request: Received) -> Arrival:
        body = json.loads(request.body)
        text, _, foot = body["message"].rpartition("\n\n")
        return Arrival(foot.rpartition(" ")[2], body["title"], text)

    return replace(over_http(channel, "room", sink, arrival), quoted=unmentioned, told_final=False)


def mail(stack: ExitStack) -> Rig:
    sink = stack.enter_context(MailSink())
    channel = open_channels(MailSettings("127.0.0.1", "hypercare@plant.example", sink.port, "none"))["mail"]

    def arrivals() -> list[Arrival]:
        return [Arrival(*(str(letter[name]) for name in ("X-Hypercare-Delivery", "Subject")), body_of(letter)) for letter in sink.letters]

    def body_of(letter: EmailMessage) -> str:
        before, about, whole = letter.get_content().replace("\r\n", "\n").rpartition("\n\nTicket ")
        return str(before if about else whole.removesuffix("\n"))

    return Rig(channel, "engineer@plant.example", arrivals, lambda final: sink.refuse("550 no" if final else "450 busy"), for_people=True)


def recorder(_stack: ExitStack) -> Rig:
    channel = Recorder()

    def arrivals() -> list[Arrival]:
        return [Arrival(message.delivery_id, message.title, message.text) for message, _ in channel.sent]

    return Rig(channel, "anyone", arrivals, lambda final: channel.refuse(Undelivered("told to", retry=not final)), for_people=False)


needs_apprise = pytest.mark.skipif(find_spec("apprise") is None, reason="NOT RUN: the chat extra is not installed (hypercare[chat])")
CHAT = pytest.param(apprise, marks=(needs_apprise, pytest.mark.filterwarnings("ignore::DeprecationWarning")))
OVER_HTTP = pytest.mark.parametrize("rig", [webhook, pagerduty, alertmanager, CHAT], ids=name_of, indirect=True)


@pytest.fixture(params=[console, webhook, mail, pagerduty, alertmanager, CHAT, recorder], ids=name_of)
def rig(request: pytest.FixtureRequest) -> Iterator[Rig]:
    with ExitStack() as stack:
        yield request.param(stack)


def test_a_message_arrives_whole(rig: Rig) -> None:
    rig.send(MESSAGE)
    assert rig.arrivals() == [Arrival(MESSAGE.delivery_id, MESSAGE.title, MESSAGE.text)]


NO_TICKET = replace(MESSAGE, about=None, data={"golive": "GL-1"})
"""What a shift hands to the next."""


@pytest.mark.parametrize("rig", [console, webhook, mail, CHAT, recorder], ids=name_of, indirect=True)
def test_a_message_that_is_about_no_ticket_arrives_whole_too(rig: Rig) -> None:
    rig.send(NO_TICKET)
    assert rig.arrivals() == [Arrival(MESSAGE.delivery_id, MESSAGE.title, MESSAGE.text)]


@pytest.mark.parametrize("rig", [pagerduty, alertmanager], ids=name_of, indirect=True)
def test_tools_that_keep_incidents_refuse_for_good_what_is_about_no_ticket(rig: Rig) -> None:
    with pytest.raises(Undelivered, match="take tickets only") as refusal:
        rig.send(NO_TICKET)
    assert (refusal.value.retry, rig.arrivals()) == (False, [])


def test_the_same_message_sent_twice_is_the_same_for_its_receiver(rig: Rig) -> None:
    rig.send(MESSAGE)
    rig.send(MESSAGE)
    first, second = rig.arrivals()
    assert first == second


def test_two_deliveries_of_one_ticket_can_be_told_apart(rig: Rig) -> None:
    rig.send(MESSAGE)
    rig.send(replace(MESSAGE, delivery_id="dlv-0002"))
    assert [arrival.delivery_id for arrival in rig.arrivals()] == ["dlv-0001", "dlv-0002"]


def test_after_a_passing_refusal_the_message_may_be_sent_again(rig: Rig) -> None:
    rig.refuse(False)
    with pytest.raises(Undelivered) as refusal:
        rig.send(MESSAGE)
    assert refusal.value.retry
    assert not refusal.value.disable
    rig.send(MESSAGE)
    assert rig.arrivals()[-1].delivery_id == MESSAGE.delivery_id


@pytest.mark.parametrize("rig", [webhook, mail, pagerduty, alertmanager, recorder], ids=name_of, indirect=True)
def test_after_a_final_refusal_nobody_should_try_again(rig: Rig) -> None:
    rig.refuse(True)
    with pytest.raises(Undelivered) as refusal:
        rig.send(MESSAGE)
    assert not refusal.value.retry


ODD = {
    "chat mentions": ("@everyone <!channel> @here", "@everyone <!channel> @here"),
    "markup": ("[x](javascript:alert(1)) <b>{{ .ExternalURL }}", "[x](javascript:alert(1)) <b>{{ .ExternalURL }}"),
    "line ends": ("stopped\rBcc: eve@evil.example", "stopped\\rBcc: eve@evil.example"),
    "line separator": ("a\u2028b", "a\\u2028b"),
    "right-to-left override": ("batch \u202e1322-B", "batch \\u202e1322-B"),
    "zero width": ("pass\u200bword", "pass\\u200bword"),
    "terminal escape": ("\x1b[2Jall is well", "\\x1b[2Jall is well"),
    "half a surrogate pair": ("cut \ud83d", "cut \\ud83d"),
    "tag characters": ("x\U000e0041", "x\\U000e0041"),
    "other scripts": ("Störung Linie 4 – 温度 🧪 ‰", "Störung Linie 4 – 温度 🧪 ‰"),
    "quotes and escapes": ('\\r "quoted" %s {} \\', '\\r "quoted" %s {} \\'),
}


@pytest.mark.parametrize(("given", "shown"), ODD.values(), ids=ODD)
def test_odd_text_arrives_literally_and_is_visible_to_people(rig: Rig, given: str, shown: str) -> None:
    rig.send(replace(MESSAGE, title=given, text=given))
    expected = rig.quoted(shown) if rig.for_people else given
    assert rig.arrivals() == [Arrival(MESSAGE.delivery_id, expected, expected)]


def test_a_title_cannot_add_lines_headers_or_messages(rig: Rig) -> None:
    title = "stopped\r\nBcc: eve@evil.example\r\n\r\n● sev4 erp → nobody · delivery dlv-9999"
    rig.send(replace(MESSAGE, title=title, text=title))
    (arrival,) = rig.arrivals()
    assert arrival.delivery_id == MESSAGE.delivery_id
    assert arrival.title == (title.replace("\r\n", "\\r\\n") if rig.for_people else title)
    assert arrival.text == (title.replace("\r\n", "\n") if rig.for_people else title)


TROUBLE: dict[str, int | Reply] = {
    "never answers": never,
    "answers byte by byte": drip,
    "hangs up": reset,
    "garbage": raw(b"\x00\xffnot HTTP\r\n\r\n"),
    "nothing": raw(b""),
    "broken": 500,
    "gateway": 502,
    "too many requests": status(429, retry_after="7"),
}


@OVER_HTTP
@pytest.mark.parametrize("trouble", TROUBLE.values(), ids=TROUBLE)
def test_a_provider_in_trouble_is_left_in_time_and_asked_again(rig: Rig, trouble: int | Reply) -> None:
    assert rig.sink
    rig.sink.reply(*[trouble] * 3)
    begun = time.monotonic()
    with pytest.raises(Undelivered) as refusal:
        rig.send(MESSAGE)
    assert time.monotonic() - begun < 10 * DEADLINE
    assert refusal.value.retry


@OVER_HTTP
def test_a_provider_that_points_elsewhere_is_not_followed(rig: Rig) -> None:
    assert rig.sink
    with Sink() as inner:
        rig.sink.reply(status(307, location=inner.url))
        with pytest.raises(Undelivered):
            rig.send(MESSAGE)
        assert inner.connections == 0


@OVER_HTTP
def test_a_provider_that_asks_for_time_is_given_it_where_the_channel_can_hear_it(rig: Rig) -> None:
    assert rig.sink
    rig.sink.reply(status(429, retry_after="7"))
    with pytest.raises(Undelivered) as refusal:
        rig.send(MESSAGE)
    assert refusal.value.retry_after == (7.0 if rig.told_final else None)


@OVER_HTTP
@pytest.mark.parametrize("code", [400, 401, 403, 404, 410])
def test_a_provider_that_says_no_is_not_asked_again_where_the_channel_can_tell(rig: Rig, code: int) -> None:
    assert rig.sink
    rig.sink.reply(code)
    with pytest.raises(Undelivered) as refusal:
        rig.send(MESSAGE)
    assert refusal.value.retry is not rig.told_final


def test_messages_sent_at_the_same_time_do_not_mix(rig: Rig) -> None:
    messages = [replace(MESSAGE, delivery_id=f"dlv-{place}", text=f"line one of {place}\nline two of {place}") for place in range(8)]
    threads = [threading.Thread(target=rig.send, args=(message,)) for message in messages]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    wanted = [Arrival(message.delivery_id, message.title, message.text) for message in messages]
    assert sorted(rig.arrivals(), key=lambda arrival: arrival.delivery_id) == wanted


def guarded(stack: ExitStack) -> list[tuple[object, Channel, str]]:
    """Each channel that holds a secret, with its settings and an address where it will be refused."""
    sink, letters = stack.enter_context(Sink()), stack.enter_context(MailSink(server_tls(), password="another"))
    sink.reply(401)
    hook = WebhookSettings({sink.url: [SECRET]}, allowed_networks=["127.0.0.0/8"])
    post = MailSettings("127.0.0.1", "hypercare@plant.example", letters.port, "starttls", "hypercare", PASSWORD, ca_file=AUTHORITY)
    duty = PagerDutySettings({"erp": ROUTING_KEY}, sink.url, LOOPBACK)
    sink.reply(401)
    channels = open_channels(hook, post, duty)
    return [(hook, channels["webhook"], sink.url), (post, channels["mail"], "engineer@plant.example"), (duty, channels["pagerduty"], "erp")]


def test_secrets_appear_in_no_text_that_anyone_may_see(caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]) -> None:
    caplog.set_level(logging.DEBUG)
    texts = []
    with ExitStack() as stack:
        for settings, channel, address in guarded(stack):
            with pytest.raises(Undelivered) as refusal:
                channel.send(MESSAGE, address)
            texts += [
                repr(settings),
                str(settings),
                repr(channel),
                repr(vars(refusal.value)),
                "".join(traceback.format_exception(refusal.value)),
            ]
    seen = "\n".join([*texts, caplog.text, *capsys.readouterr()])
    assert SECRET not in seen
    assert SECRET.removeprefix("whsec_") not in seen
    assert PASSWORD not in seen
    assert ROUTING_KEY not in seen


@pytest.mark.parametrize(
    "text", ["", "whsec_", "whsec_c2hvcnQ=", "Q2FuYXJ5Q2FuYXJ5Q2FuYXJ5Q2FuYXJ5", "whsec_Q2FuYXJ5*Q2FuYXJ5Q2FuYXJ5Q2FuYXJ5"]
)
def test_an_unusable_secret_is_named_at_once_and_not_quoted(text: str) -> None:
    with pytest.raises(Misconfigured, match="whsec_ followed by 24 to 64 random bytes") as refusal:
        open_channels(WebhookSettings({"https://hooks.example/x": [text]}))
    assert text.removeprefix("whsec_") == "" or text not in str(refusal.value)


def test_two_channels_of_one_kind_are_a_mistake() -> None:
    with pytest.raises(Misconfigured, match="twice"):
        open_channels(ConsoleSettings(io.StringIO()), ConsoleSettings(io.StringIO()))


@pytest.mark.parametrize("delivery_id", ["", "a b", "a.b", "a\r\nBcc: x", "ä", "x" * 129])
def test_a_delivery_id_fits_every_header(delivery_id: str) -> None:
    with pytest.raises(Misconfigured):
        replace(MESSAGE, delivery_id=delivery_id)


def test_a_recorder_can_take_the_place_of_any_channel_and_counts_repeats_once() -> None:
    stand_in = Recorder("mail")
    stand_in.send(MESSAGE, "a@plant.example")
    stand_in.send(MESSAGE, "a@plant.example")
    assert stand_in.name == "mail"
    assert len(stand_in.sent) == 2
    assert stand_in.received == {MESSAGE.delivery_id: MESSAGE}
