//! Replies to queries that ask for more than an answer: the server's name (RFC 5001), and cookies (RFC 7873).

use super::limited;
use super::{Ending, Request, Transport, UNREAD, Verdict};
use crate::cookies::{Shown, Standing};
use crate::rrl::{Class, Fate};
use crate::state::State;
use crate::wire::code::rcode;
use crate::wire::edns::Edns;
use crate::wire::reply::{self, Extras};
use crate::wire::{Asks, Query, Reply, SubnetOption};
use crate::worker::Worker;

/// Ends a reply, and counts it. Whoever shows a cookie that we made is not limited.
#[inline(never)]
pub(super) fn finish(
    state: &State,
    worker: &Worker,
    request: &Request<'_>,
    query: Query<'_>,
    mut reply: Reply<'_>,
    Ending { mut rcode, error }: Ending,
) -> Verdict {
    let asks = query.edns.asks;
    let data = if asks.has(Asks::COOKIE) { query.cookie() } else { None };
    let shown = data.and_then(|data| show(state, worker, request, data));
    let nsid = state.identity.nsid.as_deref().filter(|_| asks.has(Asks::NSID));
    let mut extras = Extras { cookie: shown.as_ref().map(|shown| &shown.reply), nsid, error };
    let is_known = shown.is_some_and(|shown| shown.standing == Standing::Known);
    let must_know = state.identity.cookies.as_ref().is_some_and(|cookies| cookies.require);
    if must_know && !is_known && shown.is_some() && request.transport == Transport::Udp {
        rcode = come_again(&mut reply);
        extras.error = None;
    }
    if !is_known && let Some(limiter) = &state.identity.limiter {
        let subnet = limited::subnet(&reply, &query);
        match limited::judge(limiter, worker, request, limited::class(&reply, rcode), subnet) {
            Fate::Sent | Fate::Spared => {}
            Fate::Dropped => {
                worker.asked(request, query.qtype());
                return Verdict::Drop;
            }
            Fate::Slipped => {
                extras = Extras { cookie: extras.cookie, ..Extras::default() };
                match extras.cookie {
                    // A cookie sets it free as well as TCP would.
                    Some(_) => rcode = come_again(&mut reply),
                    None => reply.truncate(),
                }
            }
        }
    }
    if rcode == rcode::BADCOOKIE {
        worker.refused_cookie();
    }
    worker.replied(request, query.qtype(), rcode);
    Verdict::Send(reply.finish_with(&query, rcode, extras))
}

/// Makes it a reply without data that asks its client to come again with the cookie in it; gives its RCODE.
fn come_again(reply: &mut Reply<'_>) -> u16 {
    reply.clear();
    reply.authoritative = false;
    rcode::BADCOOKIE
}

/// Reads a cookie and counts it; `None` where cookies are not answered.
fn show(state: &State, worker: &Worker, request: &Request<'_>, data: &[u8]) -> Option<Shown> {
    let shown = state.identity.cookies.as_ref()?.show(data, &request.source.address)?;
    worker.showed(shown.standing);
    Some(shown)
}

/// Answers a message that has no question and a cookie (RFC 7873 §5.4).
#[cold]
pub(super) fn cookie_alone(
    state: &State,
    worker: &mut Worker,
    request: &Request<'_>,
    (edns, data): (Edns<'_>, &[u8]),
    out: &mut [u8],
) -> Verdict {
    worker.found_nothing();
    let Some(shown) = show(state, worker, request, data) else {
        return reject(state, worker, request, (rcode::FORMERR, reply::HEADER_ALONE, edns), out);
    };
    let limiter = state.identity.limiter.as_ref().filter(|_| shown.standing != Standing::Known);
    let judge = |limiter| limited::judge(limiter, worker, request, Class::Error, SubnetOption::default());
    if limiter.map(judge) == Some(Fate::Dropped) {
        worker.asked(request, UNREAD);
        return Verdict::Drop;
    }
    let rcode = if shown.standing == Standing::Unknown { rcode::BADCOOKIE } else { rcode::NOERROR };
    if rcode == rcode::BADCOOKIE {
        worker.refused_cookie();
    }
    worker.replied(request, UNREAD, rcode);
    Verdict::Send(reply::cookie_alone(request.bytes, rcode, edns, &shown.reply, out))
}

/// Answers a message that is no query with an error, within limits.
#[cold]
pub(super) fn reject(
    state: &State,
    worker: &mut Worker,
    request: &Request<'_>,
    (rcode, echo, edns): (u16, usize, Edns<'_>),
    out: &mut [u8],
) -> Verdict {
    /// The TC bit in the third octet.
    const TC: u8 = 0x02;
    worker.found_nothing();
    let judge = |limiter| limited::judge(limiter, worker, request, Class::Error, SubnetOption::default());
    let fate = state.identity.limiter.as_ref().map_or(Fate::Sent, judge);
    if fate == Fate::Dropped {
        worker.asked(request, UNREAD);
        return Verdict::Drop;
    }
    worker.replied(request, UNREAD, rcode);
    let length = reply::reject(request.bytes, rcode, echo, edns, out);
    if fate == Fate::Slipped {
        out[2] |= TC;
    }
    Verdict::Send(length)
}
