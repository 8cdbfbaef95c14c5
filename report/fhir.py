"""A report as HL7 FHIR R4: a Bundle with Specimen, Device, Observations and the DiagnosticReport.

Pure; the same bytes for the same evidence. No patient is in it: the accession stands on the specimen, pseudonymous;
whose it is, is for the laboratory's own system. No LOINC code for ZP-binding is known; the codes are zpscope's own.
"""

import json
import time
from typing import Any
from uuid import NAMESPACE_URL, uuid5

from zpscope.config.notice import NOTICE
from zpscope.daemon.wire import Count, ReviewedResult
from zpscope.report.answer import Answer, answer_of
from zpscope.report.evidence import Evidence

_CODES = "urn:zpscope:codes"
_UCUM = "http://unitsofmeasure.org"
_ABSENT = "http://terminology.hl7.org/CodeSystem/data-absent-reason"
_INTERPRETED = {
    "above": "above the published research threshold",
    "below": "at or below the published research threshold",
    "indeterminate": "indeterminate: the count does not tell",
}
Resource = dict[str, Any]


def fhir_json(evidence: Evidence) -> str:
    """Return the bundle."""
    return json.dumps(bundle(evidence), indent=2, ensure_ascii=False) + "\n"


def bundle(evidence: Evidence) -> Resource:
    """Return the bundle as JSON values."""
    sample = evidence.summary
    answer = answer_of(sample)
    reviewed = sample.reviewed
    links = {name: f"urn:uuid:{uuid5(NAMESPACE_URL, f'{sample.sample}/{name}')}" for name in _NAMES}
    resources = {
        "specimen": _specimen(evidence),
        "device": _device(evidence),
        "percentage": _percentage(evidence, answer, links, sample, "by the model"),
        **({"reviewed": _percentage(evidence, answer, links, reviewed, "after review")} if reviewed else {}),
        "answer": _answer(evidence, answer, links),
        "report": _report(evidence, answer, links),
    }
    entries = [{"fullUrl": links[name], "resource": resource} for name, resource in resources.items()]
    return {"resourceType": "Bundle", "type": "collection", "timestamp": _instant(evidence), "entry": entries}


_NAMES = ("specimen", "device", "percentage", "reviewed", "answer", "report")


def _specimen(evidence: Evidence) -> Resource:
    return {
        "resourceType": "Specimen",
        "identifier": [{"system": "urn:zpscope:accession", "value": evidence.summary.accession}],
        "type": {"text": "semen"},
    }


def _device(evidence: Evidence) -> Resource:
    model = evidence.summary.model
    return {
        "resourceType": "Device",
        "deviceName": [{"name": "zpscope", "type": "user-friendly-name"}],
        "version": [
            {"type": {"text": "model"}, "value": f"{model.name} {model.version}"},
            {"type": {"text": "sha256 of the model"}, "value": model.sha256},
            *({"type": {"text": "software"}, "value": one} for one in evidence.software),
            *(
                {"type": {"text": "sha256 of the preprocessing"}, "value": one}
                for one in evidence.preprocessing
            ),
            *({"type": {"text": "sha256 of the settings"}, "value": one} for one in evidence.settings_sha256),
            {"type": {"text": "counting rules"}, "value": evidence.summary.rules_version},
        ],
        "note": [{"text": NOTICE}],
    }


def _percentage(
    evidence: Evidence, answer: Answer, links: dict[str, str], sample: Count | ReviewedResult, whose: str
) -> Resource:
    low, high = sample.interval
    share: Resource = (
        _absent("not-performed", "no head was counted")
        if sample.percent is None
        else {"valueQuantity": _percent(sample.percent)}
    )
    return {
        **_observation(evidence, answer, links),
        "code": _code(
            f"zp-binding-percentage-{whose.replace(' ', '-')}", f"ZP-binding heads {whose}, raw percentage"
        ),
        **share,
        "component": [
            {"code": _code("bound-heads", "heads called ZP-binding"), "valueInteger": sample.k},
            {"code": _code("counted-heads", "heads counted"), "valueInteger": sample.n},
            {
                "code": _code("wilson-95", "Wilson 95 % interval"),
                "valueRange": {"low": _percent(low), "high": _percent(high)},
            },
        ],
    }


def _answer(evidence: Evidence, answer: Answer, links: dict[str, str]) -> Resource:
    """Return the answer, or a reason for its absence; never both."""
    value: Resource
    if answer.state in _INTERPRETED:
        value = {"valueCodeableConcept": _code(answer.state, _INTERPRETED[answer.state])}
    elif answer.state == "collecting":
        value = _absent("temp-unknown", "; ".join(answer.reasons))
    else:
        value = _absent("not-permitted", "; ".join(answer.reasons))
    return {
        **_observation(evidence, answer, links),
        "code": _code("zp-binding-answer", "ZP-binding against the research threshold"),
        **value,
    }


def _report(evidence: Evidence, answer: Answer, links: dict[str, str]) -> Resource:
    sample = evidence.summary
    results = ["percentage", *(["reviewed"] if sample.reviewed else []), "answer"]
    return {
        "resourceType": "DiagnosticReport",
        "status": answer.status,
        "code": _code("zp-binding-report", "ZP-binding of sperm heads, research use only"),
        "effectiveDateTime": _time(sample.started_ns),
        "issued": _instant(evidence),
        "specimen": [{"reference": links["specimen"]}],
        "result": [{"reference": links[name]} for name in results],
        "conclusion": f"{NOTICE} {answer.headline}: {'; '.join(answer.reasons)}".removesuffix(": "),
    }


def _observation(evidence: Evidence, answer: Answer, links: dict[str, str]) -> Resource:
    return {
        "resourceType": "Observation",
        "status": answer.status,
        "effectiveDateTime": _time(evidence.summary.started_ns),
        "issued": _instant(evidence),
        "specimen": {"reference": links["specimen"]},
        "device": {"reference": links["device"]},
        "note": [{"text": NOTICE}],
    }


def _absent(code: str, why: str) -> Resource:
    return {"dataAbsentReason": {"coding": [{"system": _ABSENT, "code": code}], "text": why}}


def _code(code: str, words: str) -> Resource:
    return {"coding": [{"system": _CODES, "code": code, "display": words}], "text": words}


def _percent(value: float) -> Resource:
    return {"value": round(value, 2), "unit": "%", "system": _UCUM, "code": "%"}


def _instant(evidence: Evidence) -> str:
    """Return when the evidence was complete: the end of the scan, or the last field so far."""
    sample = evidence.summary
    last_ns = max((field.captured_ns for field in evidence.fields), default=sample.started_ns)
    return _time(sample.stopped_ns or last_ns)


def _time(ns: int) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(ns // 10**9))
