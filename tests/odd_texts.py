"""Odd text for every door of the system: what people, machines and attackers write, over 300 strings."""

import unicodedata

CONTROLS = [chr(code) for code in (*range(0x20), 0x7F)]
HIGH_CONTROLS = [chr(code) for code in range(0x80, 0xA0)]
SURROGATES = [chr(code) for code in range(0xD800, 0xE000, 16)]
INVISIBLE_CODES = (0xAD, 0x34F, 0x61C, 0x115F, 0x180E, *range(0x200B, 0x2010), *range(0x2028, 0x202F), *range(0x2060, 0x2070), 0xFEFF)
OUTSIDE_CODES = (0xE000, 0xF8FF, 0xFDD0, 0xFFF9, 0xFFFC, 0xFFFD, 0xFFFE, 0xFFFF, 0x1FFFF, 0xF0000, 0x10FFFF)
SPACE_CODES = (0x20, 0xA0, 0x1680, *range(0x2000, 0x200B), 0x2028, 0x2029, 0x202F, 0x205F, 0x3000)
CHARACTERS = [*CONTROLS, *HIGH_CONTROLS, *SURROGATES, *map(chr, (*INVISIBLE_CODES, *OUTSIDE_CODES, *SPACE_CODES))]
WRITTEN = [
    "Zurück zur Linie 3", "Не печатает этикетки", "ラベルが印刷されない", "标签打印机停机", "라인 정지",
    "\u062e\u0637 \u0627\u0644\u062a\u0639\u0628\u0626\u0629 \u0645\u062a\u0648\u0642\u0641",
    "\u05e7\u05d5 \u05d4\u05d0\u05e8\u05d9\u05d6\u05d4 \u05e0\u05e2\u05e6\u05e8", "สายการผล\u0e34ตหย\u0e38ด",
    "ल\u093eइन र\u0941क गई", "Ａｌａｒｍ", "ﬁlling ﬂow", "İstanbul ısı", "Straße ẞ", "Ǆ ǅ ǆ", "µ µ Ω Ω", "½ ² ³", "naïve café",
    "a\u0301\u0302\u0303", "e" + "\u0301" * 199,
    "Z\u0351\u036b\u0313\u036a\u0302\u036b\u033d\u034f\u0334\u0319\u0324\u031e\u0349\u035a\u032f\u031e\u0320\u034dA\u0334\u0335\u031c\u0330\u0354\u036b\u0357\u0362L\u0320\u0368\u0367\u0369\u0358G\u0334\u033b\u0348\u034d\u0354\u0339\u0311\u0357\u030e\u0305\u035b\u0301Ǫ\u0335\u0339\u033b\u031d\u0333\u0342\u030c\u030c\u0358!\u0356\u032c\u0330\u0319\u0317\u033f\u030b\u0365\u0365\u0302\u0363\u0310\u0301\u0301\u035c\u035e",
    "👩\u200d🔧", "👨\u200d👩\u200d👧\u200d👦", "🏴\U000e0067\U000e0062\U000e0065\U000e006e\U000e0067\U000e007f", "🇩🇪🇮🇪",
    "1\ufe0f\u20e3", "👍🏿", "🧪\ufe0f", "x\u202egnp.exe", "\u2066hidden\u2069", "ab\u200bcd", "\ufdfa" * 100, "ᅠㅤ",
]  # fmt: skip
HOSTILE = [
    "'; DROP TABLE ticket; --", "' OR '1'='1", "1; SELECT pg_sleep(10)", "%", "_", "%%%___", "\\", "\\'", "\"", "''", "`id`",
    "$(id)", "${7*7}", "{{7*7}}", "#{7*7}", "<%= 7*7 %>", "{0.__class__}", "%(name)s", "%s%s%s%n", "<script>alert(1)</script>",
    "<img src=x onerror=alert(1)>", "javascript:alert(1)", "]]>", "<!--", "&lt;", "&#0;",
    "<!ENTITY x SYSTEM 'file:///etc/passwd'>", "=HYPERLINK(\"http://x\")", "@SUM(1)", "-2+3+cmd|'/C calc'!A0", "+1", "＝1+1",
    "\tcell", "<!channel>", "@everyone", "[x](javascript:1)", "{{ .ExternalURL }}", "x\r\nBcc: a@b", "x\nSet-Cookie: a=b",
    "{\"level\":\"INFO\"}", "\n{\"level\":\"INFO\"}", "../../etc/passwd", "..\\..\\boot.ini", "file:///etc/passwd", "C:\\CON",
    "/dev/null", "NUL", "null", "None", "undefined", "NaN", "Infinity", "true", "0", "-0", "1e999", "0x10", "1_000", "__proto__",
    "constructor", "__class__", "()", "(?:(a+)+)+$", "a" * 300, "(" * 100, "[[[[", "}}}}", "eval(1)", "\\u0000", "\\x00",
    "\\ud800", "%00", "%ed%a0%80", "%0d%0a", "hc_desk_" + "x" * 43,
]  # fmt: skip
SPELT = ("\u00c5ngstr\u00f6m", "\ufb01 \ufb03", "\uac01", "Vi\u1ec7t")
FORMS = [unicodedata.normalize(form, text) for text in SPELT for form in ("NFC", "NFD", "NFKC", "NFKD")]
ODD_TEXTS = list(dict.fromkeys([around.format(each) for each in CHARACTERS for around in ("x{}y", "{}")] + WRITTEN + HOSTILE + FORMS))
REFUSED_CHARACTERS = set(CONTROLS) - {"\t", "\n", "\r"} | {chr(code) for code in range(0xD800, 0xE000)}


def is_kept(text: str) -> bool:
    """The rule of what may be stored, told a second time."""
    return not REFUSED_CHARACTERS & set(text)
