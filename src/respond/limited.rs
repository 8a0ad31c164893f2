//! Limits: what becomes of a reply that is made.

use super::{Request, Transport, Verdict};
use crate::client::Wish;
use crate::rrl::{Class, Fate, Limiter, Said};
use crate::wire::code::rcode;
use crate::wire::reply::Section;
use crate::wire::{Query, Reply, SubnetOption};
use crate::worker::Worker;

/// What a reply is.
#[inline(always)]
pub(super) fn class(reply: &Reply<'_>, rcode: u16) -> Class {
    match rcode {
        // A truncated one would have an answer, and has the size of an empty one.
        rcode::NOERROR if reply.has(Section::Answer) || reply.is_truncated() => Class::Response,
        rcode::NOERROR if reply.has(Section::Authority) && !reply.authoritative => Class::Referral,
        rcode::NOERROR => Class::NoData,
        rcode::NXDOMAIN => Class::NxDomain,
        _ => Class::Error,
    }
}

/// The client subnet that a reply is for. One whose scope is 0 is for everybody: a resolver asks for it once, whatever
/// the subnet, and whoever made up a new one each time would never be limited.
#[inline(always)]
pub(super) fn subnet<'q>(reply: &Reply<'_>, query: &Query<'q>) -> SubnetOption<'q> {
    if matches!(reply.scope, Some(1..)) { query.edns.subnet } else { SubnetOption::default() }
}

/// Decides the fate of a reply. `subnet`: the client subnet that its answer is for, if there is one.
#[inline(never)]
pub(super) fn judge(
    limiter: &Limiter,
    worker: &Worker,
    request: &Request<'_>,
    class: Class,
    subnet: SubnetOption<'_>,
) -> Fate {
    // Whoever asks over a stream is who he says.
    if request.transport != Transport::Udp {
        return Fate::Sent;
    }
    let heeded = subnet.read();
    let subnet = (heeded.wish == Wish::Used).then_some(heeded.address);
    let said = Said { class, zone: worker.trace().responses, source: &request.source.address, subnet };
    let judged = limiter.judge(worker.now, &said);
    if judged.fate != Fate::Sent || judged.crowded {
        worker.judged(judged);
    }
    judged.fate
}

/// Drops a reply, or sends it without data: then it is no longer than its query.
#[cold]
pub(super) fn hold_back(
    worker: &Worker,
    request: &Request<'_>,
    query: Query<'_>,
    mut reply: Reply<'_>,
    rcode: u16,
    fate: Fate,
) -> Verdict {
    if fate == Fate::Dropped {
        worker.asked(request, query.qtype());
        return Verdict::Drop;
    }
    worker.replied(request, query.qtype(), rcode);
    reply.truncate();
    Verdict::Send(reply.finish(&query, rcode, None))
}
