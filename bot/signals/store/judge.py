"""Whether a row may be kept: pure rules on one row, and on a row beside its own past. No other topic is looked at.

A number that is not one, a time that cannot be, a name that shows as another: refused at once. A value that leaps by a
power of ten, as it does when a decimal point slips, or a hundredfold is *held*: it is not believed until `CONFIRMED`
values after the last believed one have said the same. Only what was said before a row decides about it, so nothing
that comes later changes what was kept.
"""

from __future__ import annotations

import math
import unicodedata
from collections.abc import Sequence
from statistics import median
from typing import Final

from bot.core.observation import Bar, Observation
from bot.signals.quality import (
    ABSURD_LOG_GAP,
    ABSURD_LOG_RETURN,
    EARLIEST,
    LEAST_PRICE,
    MOST_LEVEL,
    MOST_MONEY,
    MOST_PRICE,
)
from bot.signals.storage import BARS, PLAIN_NAME

SKEW: Final = 60  # seconds by which another clock may be ahead of ours
LATEST: Final = 4_102_444_800  # 2100-01-01: a number of seconds beyond it counts milliseconds
LONGEST_NAME: Final = 200
EXCERPT: Final = 200  # characters of what was said that quarantine keeps

CONFIRMED: Final = 2  # held values that say the same before a third is believed
ALIKE: Final = 1.5  # times one another that two values may be and still say the same
NEAR: Final = math.log10(1.1)  # of a power of ten: what a level moves by itself between two looks
LEAST_JUDGED: Final = 1_000.0  # the larger of two levels below which tenfold is growth, not a slip
ABSURD: Final = 100.0  # times its past, or a part of it, that no level moves between two looks; nothing is such a part
CALM: Final = 2.0  # times its least that a topic's recent past may reach and still say what is usual
PAST: Final = 5  # values before a row that it is measured against
MEMORY: Final = 45 * 86_400  # seconds after which a past value says nothing any more

SLIPPED: Final = "as if a decimal point had slipped: held until"  # how a reason ends that is not for good

Fault = tuple[str, str]  # (field, reason)
Said = tuple[int, float]  # (when, what)


def observation_fault(row: Observation, now: int) -> Fault | None:
    """(field, reason) why `row` is no observation of anything, None where it may be; `now`: unix seconds."""
    if not (isinstance(row.series, str) and PLAIN_NAME.fullmatch(row.series)):
        return "series", "no plain name (letters, digits, dot, dash, underscore)"
    for field, name in (("topic", row.topic), ("entity", row.entity)):
        problem = name_fault(name, may_be_empty=field == "entity")
        if problem:
            return field, problem
    problem = number_fault(row.value)
    if problem:
        return "value", problem
    if row.value < 0:
        return "value", "negative: a level is never below nothing"
    if row.value > MOST_LEVEL:
        return "value", f"above {MOST_LEVEL:g}"
    for field, at in (("observed_at", row.observed_at), ("published_at", row.published_at)):
        problem = time_fault(at, now)
        if problem:
            return field, problem
    if row.published_at < row.observed_at:
        return "published_at", "published before it was observed"
    return None


def bar_fault(row: Bar, now: int) -> Fault | None:
    """(field, reason) why `row` is no bar that a market could have made, None where it may be."""
    for field, name in (("source", row.source), ("asset", row.asset)):
        if not (isinstance(name, str) and PLAIN_NAME.fullmatch(name)):
            return field, "no plain name (letters, digits, dot, dash, underscore)"
    if row.bar not in BARS:
        return "bar", f"not one of {', '.join(BARS)}"
    prices = {"open": row.open, "high": row.high, "low": row.low, "close": row.close}
    for field, value in {**prices, "volume_quote": row.volume_quote}.items():
        problem = number_fault(value)
        if problem:
            return field, problem
    for field, price in prices.items():
        if price <= 0:
            return field, "price zero or negative"
        if not LEAST_PRICE <= price <= MOST_PRICE:
            return field, f"price below {LEAST_PRICE:g} or above {MOST_PRICE:g}"
    if row.high < row.low:
        return "high", "high below low"
    for field in ("open", "close"):
        if not 0.1 * row.low <= prices[field] <= 10.0 * row.high:
            return field, "tenfold beyond high or low: a decimal point slipped"
    if not 0 <= row.volume_quote <= MOST_MONEY:
        return "volume_quote", f"negative, or above {MOST_MONEY:g} of money in a bar"
    for field, at in (("time", row.time), ("published_at", row.published_at)):
        problem = time_fault(at, now)
        if problem:
            return field, problem
    if row.time % BARS[row.bar]:
        return "time", "not the close of a whole bar"
    if row.published_at < row.time:
        return "published_at", "published before the bar had closed"
    return None


def number_fault(value: object) -> str:
    """Why `value` is no finite number, "" where it is one. Text is none, though it may look like one."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return "not a number"
    try:
        number = float(value)
    except OverflowError:
        return "beyond all numbers"
    if math.isnan(number):
        return "not a number (NaN)"
    return "infinite" if math.isinf(number) else ""


def time_fault(at: object, now: int) -> str:
    """Why `at` is no time that somebody can have known by `now`, "" where it is one."""
    if isinstance(at, bool) or not isinstance(at, int):
        return "not whole unix seconds"
    if at > LATEST:
        return "no time in seconds: it looks like milliseconds, or finer"
    if at < EARLIEST:
        return "a time before 2005: is its unit wrong?"
    return "in the future" if at > now + SKEW else ""


def name_fault(name: object, may_be_empty: bool = False) -> str:
    """Why `name` is not to be shown or matched, "" where it may be. Control and format characters hide in a name."""
    if not isinstance(name, str):
        return "not text"
    if not name:
        return "" if may_be_empty else "empty"
    if len(name) > LONGEST_NAME:
        return f"longer than {LONGEST_NAME} characters"
    if name != name.strip():
        return "spaces around the name"
    hidden = next((sign for sign in name if unicodedata.category(sign)[0] == "C"), "")
    return f"a character that does not show: U+{ord(hidden):04X}" if hidden else ""


def leap(value: float, before: Sequence[float], held: Sequence[float]) -> str:
    """Why a level is not believed yet, "" where it is.

    `before`: up to `PAST` believed values before it, newest last; `held`: those that were held since. A level is
    measured against the median of a calm past only: a flow that swings tenfold by itself has no slips to be told.
    """
    if not before or min(before) <= 0 or max(before) > CALM * min(before):
        return ""
    usual = median(before)
    if max(value, usual) < LEAST_JUDGED or not (_power_of_ten(value, usual) or _absurd(value, usual)):
        return ""
    return "" if _confirmed(value, held) else _told(value, usual)


def price_leap(close: float, last: float, bars: float, held: Sequence[float]) -> str:
    """Why a close is not believed yet, "" where it is; `last`: the believed one before, `bars` bars earlier."""
    moved = abs(math.log(close / last))
    absurd = moved > (ABSURD_LOG_RETURN if bars <= 1 else ABSURD_LOG_GAP)
    if not (absurd or _power_of_ten(close, last)) or _confirmed(close, held):
        return ""
    return _told(close, last)


def shown(text: object, most: int = EXCERPT) -> str:
    """`text` as quarantine keeps it: short, and with nothing in it that a terminal would obey or a file refuse."""
    letters = (
        sign if unicodedata.category(sign)[0] != "C" else sign.encode("unicode_escape").decode()
        for sign in str(text)[:most]
    )
    return "".join(letters)[:most]


def _power_of_ten(value: float, usual: float) -> bool:
    power = math.log10(value / usual) if value > 0 else 0.0
    return round(power) != 0 and abs(power - round(power)) <= NEAR


def _absurd(value: float, usual: float) -> bool:
    return not usual / ABSURD < value < usual * ABSURD


def _confirmed(value: float, held: Sequence[float]) -> bool:
    last = held[-CONFIRMED:]
    return len(last) == CONFIRMED and all(value / ALIKE <= other <= value * ALIKE for other in last)


def _told(value: float, usual: float) -> str:
    if value > usual:
        times = f"{value / usual:,.4g} times"
    else:
        times = f"1/{usual / value:,.4g} of" if value > 0 else "nothing of"
    return f"{times} its own past ({usual:g}), {SLIPPED} {CONFIRMED} more say the same"
