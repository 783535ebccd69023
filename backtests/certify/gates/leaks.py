"""Whether anything in the pipeline knows what it could not have known."""

from __future__ import annotations

from backtests.lookahead.findings import Report
from backtests.lookahead.tampering import TAMPERINGS
from bot.core.certificate import FAILED, PASSED, Gate

SHOWN = 3  # findings named in the sentence


def lookahead(report: Report) -> Gate:
    """Passed where the detectors found nothing and the budget was enough for every kind of other future at least once.

    `observed`: findings.
    """
    figures = {"passes": float(report.passes), "planned": float(report.planned), "fits": float(report.fits)}
    found = len(report.findings)
    if found:
        named = "; ".join(str(finding) for finding in report.findings[:SHOWN])
        more = f"; and {found - SHOWN} more" if found > SHOWN else ""
        return Gate("lookahead", FAILED, f"{named}{more}", float(found), 0.0, figures)
    if report.passes < min(len(TAMPERINGS), report.planned):
        said = f"only {report.passes} of {len(TAMPERINGS)} kinds of other futures were tried: raise --budget"
        return Gate("lookahead", FAILED, said, 0.0, 0.0, figures)
    said = f"nothing that was said of the past changed with {report.passes} other futures"
    return Gate("lookahead", PASSED, said, 0.0, 0.0, figures)
