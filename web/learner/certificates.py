"""Deletion certificates: a page that prints well, and the file that anybody can verify."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import msgspec
from aiohttp import web

from proctor.errors import Refused
from proctor.modules.privacy import erasing
from web import context
from web.render import at, render, translator


def _n(text: str) -> str:
    """Marks a sentence for extraction; it is translated where it is shown."""
    return text


WHY = {
    "withdrawn": _n("撤回同意或不同意"),
    "enrolment_end": _n("最后一个班级结束已满期限"),
    "left_over": _n("案件办结后清除"),
}
# What somebody outside needs, in the file itself: jq, xxd and openssl stand on every server.
VERIFY = (
    "jq -j .certificate FILE > body",
    "jq -r .signature FILE | xxd -r -p > signature",
    "openssl pkeyutl -verify -pubin -inkey certificates.pem -rawin -in body -sigfile signature",
    "certificates.pem: https://THIS-PLATFORM/keys/certificates.pem; never the key that a file brings along",
)
ROLES = {"learner": _n("学员本人"), "reviewer": _n("审核员"), "administrator": _n("管理员"), "timer": _n("到期自动")}


@dataclass(frozen=True, slots=True, kw_only=True)
class BodyView:
    """What a certificate says, in the reader's language and time zone."""

    institution: str
    learner: dict
    reason_words: str
    asked: str
    asker: str
    done: str
    deleted_pictures: int
    keys: list
    kept: int


async def page(request: web.Request) -> web.StreamResponse:
    """GET /consent/certificates/{id}"""
    return await shown(request, "learner/certificate.html", room="me")


async def file(request: web.Request) -> web.StreamResponse:
    """GET /consent/certificates/{id}.json"""
    return downloaded(await found(request))


async def found(request: web.Request) -> erasing.Certificate:
    """Learners find their own, staff those of their institution. Raises Refused("not_found")."""
    person = context.signed(request)
    async with context.deps(request).db.read() as conn:
        certificate = await erasing.certificate(
            conn, institution_id=person.institution_id, erasure_id=context.path_id(request, "id"),
            learner_id=person.account_id if person.role == "learner" else None,
        )  # fmt: skip
    if certificate is None:
        raise Refused("not_found")
    return certificate


async def shown(request: web.Request, template: str, *, room: str) -> web.StreamResponse:
    certificate = await found(request)
    body, _, zone = msgspec.json.decode(certificate.body), translator(request), context.signed(request).zone
    view = BodyView(
        institution=body["institution"], learner=body["learner"], reason_words=_(WHY[body["why"]]),
        asked=_at(body["asked_at"], zone), asker=_(ROLES[body["asked_by"]["role"]]), done=_at(body["done_at"], zone),
        deleted_pictures=body["deleted_pictures"], keys=body["keys_erased"], kept=len(body["kept_for_open_cases"]),
    )  # fmt: skip
    return render(
        request, template, certificate=certificate, body=view, id=context.path_id(request, "id"), room=room
    )


async def public_key(request: web.Request) -> web.StreamResponse:
    """GET /keys/certificates.pem — for everybody: a certificate that somebody hands on is verified by this key, not
    by the one that it brings along."""
    return web.Response(body=context.deps(request).signer.public_pem, content_type="application/x-pem-file")


def _at(iso: str, zone: str) -> str:
    return at(int(datetime.fromisoformat(iso).timestamp() * 1_000), zone)


def downloaded(certificate: erasing.Certificate) -> web.Response:
    """`certificate` is the very text that was signed: verify the signature over its UTF-8 bytes."""
    body = {
        "certificate": certificate.body, "sha256": certificate.sha256, "signature": certificate.signature,
        "public_key": certificate.public_key, "algorithm": "Ed25519", "verify": VERIFY,
    }  # fmt: skip
    return web.Response(
        body=msgspec.json.format(msgspec.json.encode(body)), content_type="application/json",
        headers={
            "Content-Disposition": f'attachment; filename="deletion-{certificate.number}.json"',
            "Cache-Control": "no-store",
        },
    )  # fmt: skip
