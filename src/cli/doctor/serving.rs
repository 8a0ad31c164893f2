//! Does the server answer where it should, over UDP and TCP, in every size?

use super::ask::{Question, reachable, words};
use super::ports::{self, Holder};
use super::{Finding, Verdict};
use crate::limits::DOCTOR_ZONES;
use crate::snapshot::Spec;
use hickory_proto::op::{Message, ResponseCode};
use hickory_proto::rr::RecordType;
use std::net::SocketAddr;

/// The sizes of replies that resolvers offer: without EDNS in mind, as advised since 2020, and of old.
const SIZES: [u16; 3] = [512, 1_232, 4_096];

/// Looks at one address that the server listens at.
pub(super) fn look(address: SocketAddr, spec: &Spec) -> Vec<Finding> {
    let holders = ports::holders(address);
    let mut findings = vec![held(address, &holders)];
    let others = holders.iter().any(|holder| !holder.is_ours());
    if holders.is_empty() && ports::can_look() || others {
        return findings;
    }
    findings.extend(spec.zones.iter().take(DOCTOR_ZONES).map(|zone| answers(address, &zone.apex.to_string())));
    findings.extend(spec.zones.first().map(|zone| sizes(address, &zone.apex.to_string())));
    findings
}

/// Who has the port.
fn held(address: SocketAddr, holders: &[Holder]) -> Finding {
    let check = format!("port {address}");
    let names = |holders: &[Holder]| holders.iter().map(Holder::to_string).collect::<Vec<_>>().join(", ");
    let others: Vec<_> = holders.iter().filter(|holder| !holder.is_ours()).cloned().collect();
    if !ports::can_look() {
        return Finding::new(check, Verdict::CannotTell, "there is no /proc/net here");
    }
    match (holders, &others[..]) {
        ([], _) => Finding::new(check, Verdict::Warn, "nobody listens there")
            .help("`geosteer run` does; if it should run: its log says why it does not"),
        (_, []) => Finding::new(check, Verdict::Ok, format!("held by {}", names(holders))),
        (_, others) => {
            Finding::new(check, Verdict::Fail, format!("held by {}", names(others))).help(remedy(&others[0]))
        }
    }
}

/// What to do about another program on the port.
fn remedy(holder: &Holder) -> String {
    match &*holder.program {
        "systemd-resolve" | "systemd-resolved" => {
            "its stub listener has 127.0.0.53 only: listen on this machine's own \
             addresses, or set DNSStubListener=no in /etc/systemd/resolved.conf and restart systemd-resolved"
                .to_owned()
        }
        "?" => "run doctor as root to learn which program it is".to_owned(),
        program => format!("stop {program} (pid {}), or let `[dns] listen` name other addresses", holder.pid),
    }
}

/// The zone's SOA, with authority, over UDP and over TCP.
fn answers(address: SocketAddr, zone: &str) -> Finding {
    let (check, server) = (format!("{zone} at {address}"), reachable(address));
    let question = Question { name: zone, rtype: RecordType::SOA, payload: 1_232, recursive: false, signed: false };
    let udp = question.over_udp(server).map(|(reply, _)| reply);
    let tcp = question.over_tcp(server);
    let judged = [("UDP", udp), ("TCP", tcp)].map(|(how, reply)| match reply {
        Ok(reply) => authority(&reply).map_err(|why| format!("{how}: {why}")),
        Err(error) => Err(format!("{how}: {}", words(&error))),
    });
    let wrong: Vec<_> = judged.into_iter().filter_map(Result::err).collect();
    match wrong.is_empty() {
        true => Finding::new(check, Verdict::Ok, "answers with authority over UDP and TCP"),
        false => Finding::new(check, Verdict::Fail, wrong.join("; "))
            .help("a firewall may drop one of the two; both are needed. Or the server serves another configuration: `geosteer reload`"),
    }
}

fn authority(reply: &Message) -> Result<(), String> {
    match reply.metadata.response_code {
        ResponseCode::NoError if reply.metadata.authoritative && !reply.answers.is_empty() => Ok(()),
        ResponseCode::NoError => Err("an answer without authority: another server has the port".to_owned()),
        code => Err(format!("{code}")),
    }
}

/// Replies come in every size that is offered, and are never larger.
fn sizes(address: SocketAddr, zone: &str) -> Finding {
    let check = format!("EDNS at {address}");
    for payload in SIZES {
        let question = Question { name: zone, rtype: RecordType::NS, payload, recursive: false, signed: false };
        match question.over_udp(reachable(address)) {
            Ok((_, length)) if length > usize::from(payload) => {
                let says = format!("a reply of {length} octets to whoever takes {payload}");
                return Finding::new(check, Verdict::Fail, says);
            }
            Ok((reply, _)) if reply.metadata.truncation && payload > SIZES[0] => {
                let says =
                    format!("NS of {zone} do not fit into {payload} octets: every resolver must ask again by TCP");
                return Finding::new(check, Verdict::Warn, says).help("fewer name servers, or shorter names");
            }
            Ok((reply, _)) if reply.edns.is_none() => {
                return Finding::new(check, Verdict::Fail, "replies have no EDNS: something between takes it away");
            }
            Ok(_) => {}
            Err(error) => return Finding::new(check, Verdict::Fail, format!("{payload}: {}", words(&error))),
        }
    }
    Finding::new(check, Verdict::Ok, "replies to whoever takes 512, 1232 and 4096 octets")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn another_program_on_the_port_is_named_with_the_way_out() {
        let holder = |program: &str| Holder { program: program.into(), pid: 7 };
        let address = SocketAddr::from(([0, 0, 0, 0], 53));
        let found = held(address, &[holder("systemd-resolve")]);
        assert_eq!((found.verdict, found.says.as_str()), (Verdict::Fail, "held by systemd-resolve (pid 7)"));
        assert!(found.help.unwrap_or_default().contains("DNSStubListener=no"));
        assert!(held(address, &[holder("named")]).help.unwrap_or_default().starts_with("stop named (pid 7)"));
        assert_eq!(held(address, &[holder("geosteer")]).verdict, Verdict::Ok);
        assert_eq!(held(address, &[]).verdict, Verdict::Warn);
    }
}
