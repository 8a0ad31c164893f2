//! Every metric: its name, what it says, and where its samples come from.

use super::Totals;
use super::facts::{Facts, TransferFacts};
use super::limits::Limited;
use super::writing::{Labels, Page};
use crate::cookies::Standing;
use crate::respond::Transport;
use crate::rrl::{Class, Fate};
use crate::snapshot::{Label, TRANSPORTS};
use crate::transfer::{Kind, Outcome};
use crate::tsig::Failure;

/// One metric.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Metric {
    /// Its name.
    pub name: &'static str,
    /// `counter`, `gauge` or `histogram`.
    pub kind: &'static str,
    /// Its labels, without a histogram's `le`.
    pub labels: &'static [&'static str],
    /// What it says.
    pub help: &'static str,
}

macro_rules! metrics {
    ($($id:ident $name:literal $kind:literal [$($label:literal),*] $help:literal)*) => {
        $(const $id: Metric = Metric { name: $name, kind: $kind, labels: &[$($label),*], help: $help };)*

        /// Every metric, in the order of the text.
        pub const METRICS: &[Metric] = &[$($id),*];
    };
}

metrics! {
    BUILD "geosteer_build_info" "gauge" ["version"] "1, with the version of the program."
    GENERATION "geosteer_configuration_generation" "gauge" [] "The number of the configuration that serves: 1 at the start, one more with each reload."
    ZONES "geosteer_zones" "gauge" [] "Zones."
    NAMES "geosteer_names" "gauge" [] "Balanced names."
    SIGNED "geosteer_dnssec_zone_signed" "gauge" ["zone"] "1 if the zone is signed; 0 if its keys are missing, so that it answers SERVFAIL. Only of zones with [dnssec]."
    KEYS_MISSING "geosteer_dnssec_keys_missing" "gauge" ["zone"] "1 if the files of the zone's keys, or of some of them, cannot be read: signed with those that are loaded, or not at all."
    SIGNED_SETS "geosteer_dnssec_signed_sets" "gauge" ["zone"] "RRsets of the zone whose signatures are kept."
    SIGNATURE_ENDS "geosteer_dnssec_signature_expiry_timestamp_seconds" "gauge" ["zone"] "When the first of the zone's signatures that are in use expires."
    REQUESTS "geosteer_dns_requests_total" "counter" ["transport", "family", "type"] "Messages taken, by transport, family of the client's address, and query type."
    RESPONSES "geosteer_dns_responses_total" "counter" ["zone", "rcode"] "Replies, by zone (none: no zone of ours) and response code."
    ANSWERS "geosteer_answers_total" "counter" ["zone", "policy", "region", "pool", "reason"] "Decisions about balanced names, by the row that decided, the pool that serves and why."
    ANSWERS_OF "geosteer_name_answers_total" "counter" ["name"] "Decisions about single balanced names; only with [metrics] names = true."
    LATENCY "geosteer_respond_duration_seconds" "histogram" ["transport"] "Time that an answer takes from the query in our memory to the reply in it; the mean of each batch."
    SILENT "geosteer_dns_silent_total" "counter" [] "Messages that get no reply by decision."
    UNSENT "geosteer_dns_unsent_total" "counter" [] "Replies that the kernel did not take."
    OVERSIZE "geosteer_dns_oversize_total" "counter" [] "Datagrams longer than any query that is read."
    PANICS "geosteer_worker_panics_total" "counter" [] "Queries whose answering panicked."
    RESTARTS "geosteer_thread_restarts_total" "counter" ["thread"] "Times that a thread panicked and was started again, by what it does: a fault of geosteer."
    ACCEPTED "geosteer_tcp_accepted_total" "counter" [] "TCP connections accepted."
    EVICTED "geosteer_tcp_evicted_total" "counter" [] "TCP connections closed to make room for others."
    TIMED_OUT "geosteer_tcp_timed_out_total" "counter" [] "TCP connections closed by a time limit."
    STARVED "geosteer_tcp_starved_total" "counter" [] "Times that accepting failed for want of descriptors or memory."
    LIMITED "geosteer_rrl_limited_total" "counter" ["class", "fate"] "Replies over a limit, by class and what became of them (dropped, slipped: sent with TC, spared: sent since log_only); only with [rrl]."
    CROWDED "geosteer_rrl_crowded_total" "counter" [] "Buckets in use that made room for others, where table_size is too small; only with [rrl]."
    BLOCKS "geosteer_rrl_blocks" "gauge" [] "Blocks of addresses, with class and zone or client subnet, that are over a limit now; only with [rrl]."
    COOKIES "geosteer_dns_cookies_total" "counter" ["standing"] "Queries with a cookie (RFC 7873), by what it shows (known: we made it for this client, new: a client cookie alone, unknown: any other)."
    BAD_COOKIES "geosteer_dns_badcookie_total" "counter" [] "Replies that say BADCOOKIE: come again with the cookie in it."
    ENC_ACCEPTED "geosteer_encrypted_accepted_total" "counter" ["transport"] "Encrypted connections accepted, by transport (tls, https, quic)."
    ENC_FAILED "geosteer_encrypted_handshakes_failed_total" "counter" ["transport"] "Handshakes of encrypted transports that failed."
    ENC_EVICTED "geosteer_encrypted_evicted_total" "counter" ["transport"] "Encrypted connections, and bodies of HTTP requests, given up to make room for others."
    ENC_TIMED_OUT "geosteer_encrypted_timed_out_total" "counter" ["transport"] "Encrypted connections closed by a time limit."
    ENC_REFUSED "geosteer_encrypted_refused_total" "counter" ["transport"] "Requests over HTTPS that got an error of HTTP, and QUIC connections closed for what they sent."
    ENC_CERTIFICATE "geosteer_tls_certificate_expiry_timestamp_seconds" "gauge" [] "When the certificate of the encrypted transports expires; only with one."
    ENC_CURRENT "geosteer_tls_certificate_current" "gauge" [] "0 if the files hold a certificate that cannot be used, so that the one before is still shown; only with one."
    SERIAL "geosteer_zone_serial" "gauge" ["zone"] "Serial of a zone that secondaries may have."
    TRANSFERS "geosteer_transfers_total" "counter" ["kind", "outcome"] "Transfers of zones that ended, by what was sent (whole, changes, current: nothing but the SOA record) and whether all of it was; only with [transfer] or a TSIG key, as all that follow up to TSIG."
    TRANSFERS_NOW "geosteer_transfers_running" "gauge" [] "Transfers that go on."
    TRANSFERS_REFUSED "geosteer_transfers_refused_total" "counter" [] "Transfers that were asked for and refused."
    TRANSFERRED "geosteer_transfer_bytes_total" "counter" [] "Octets of transfers' messages."
    NOTIFIED "geosteer_notify_total" "counter" ["outcome"] "Secondaries that were told of a change, by outcome (heard, given-up)."
    TSIG "geosteer_tsig_failures_total" "counter" ["failure"] "Messages whose signature was refused, by what is wrong with it (key, signature, time, truncation)."
    UPDATES "geosteer_updates_total" "counter" ["rcode"] "Dynamic updates of somebody whose signature is right, by response code; only with a TSIG key."
    PROBES "geosteer_probes_total" "counter" ["type", "outcome"] "Probes that ended, by type of check and outcome (pass, fail, inconclusive)."
    PROBED "geosteer_probe_duration_seconds" "histogram" ["type"] "Time that probes take, by type of check."
    LOADS_MISSED "geosteer_probe_loads_missed_total" "counter" [] "Probes that passed and told no load although one was asked for."
    TARGETS "geosteer_targets" "gauge" [] "Addresses under checks."
    UNKNOWN "geosteer_targets_unknown" "gauge" [] "Targets without a verdict."
    STALE "geosteer_targets_stale" "gauge" [] "Targets without an outcome for long: does the prober stand still?"
    POOL_UP "geosteer_pool_up" "gauge" ["zone", "pool"] "1 if the pool takes clients."
    POOL_LIVE "geosteer_pool_endpoints_live" "gauge" ["zone", "pool"] "Endpoints of the pool that take clients."
    POOL_SIZE "geosteer_pool_endpoints" "gauge" ["zone", "pool"] "Endpoints of the pool."
    POOL_SHARE "geosteer_pool_share_ratio" "gauge" ["zone", "pool"] "Share of the clients on their way to the pool that stay, 0 to 1."
    POOL_LOAD "geosteer_pool_load" "gauge" ["zone", "pool"] "Load that the pool's live endpoints report."
    ENDPOINT_UP "geosteer_endpoint_up" "gauge" ["zone", "pool", "endpoint"] "1 if the endpoint's checks say that it is up, or if it has none."
    ENDPOINT_LIVE "geosteer_endpoint_live" "gauge" ["zone", "pool", "endpoint"] "1 if the endpoint takes clients: up, and not taken out."
    WEIGHT "geosteer_endpoint_weight" "gauge" ["zone", "pool", "endpoint"] "Weight of the endpoint that holds."
    CHANGES "geosteer_endpoint_state_changes_total" "counter" ["zone", "pool", "endpoint"] "Changes of the verdict of the endpoint's checks."
    LAST_PROBE "geosteer_probe_last_timestamp_seconds" "gauge" ["zone", "pool", "endpoint"] "When the endpoint's last probe ended."
    CERTIFICATE "geosteer_certificate_expiry_timestamp_seconds" "gauge" ["zone", "pool", "endpoint"] "When the first of the certificates that the endpoint has shown expires."
    LOAD "geosteer_endpoint_load" "gauge" ["zone", "pool", "endpoint"] "Load that the endpoint reported last."
    LOAD_STALE "geosteer_endpoint_load_stale" "gauge" ["zone", "pool", "endpoint"] "1 if its pool looks at loads and the endpoint has told none lately; only of such pools."
    GUARD "geosteer_guard_state" "gauge" ["state"] "1 for the state that the blast guard is in (quiet, up: failures are held, spent: they are believed), 0 for the others."
    SITES "geosteer_guard_sites_up" "gauge" [] "Sites that are up."
    FAILING "geosteer_guard_sites_failing" "gauge" [] "Of those the sites that fail."
    HELD "geosteer_guard_targets_held" "gauge" [] "Targets that would be down, but for the blast guard."
    CANARY "geosteer_canary_up" "gauge" ["url"] "1 if the canary answered its last probe."
    OVERRIDES "geosteer_overrides" "gauge" [] "Overrides in force."
    SINCE "geosteer_override_set_timestamp_seconds" "gauge" ["target", "kind"] "When an override in force was set."
    UNTIL "geosteer_override_end_timestamp_seconds" "gauge" ["target", "kind"] "When an override in force ends by itself; none for one that does not."
    STATE "geosteer_state_directory_broken" "gauge" [] "1 if the state directory cannot be written: a restart forgets what operators said."
    RELOADS "geosteer_reloads_total" "counter" ["result"] "Reloads, by result (taken, refused)."
    RELOAD_OK "geosteer_reload_last_successful" "gauge" [] "0 if the last reload was refused: files and server differ."
    RELOAD_AT "geosteer_reload_last_success_timestamp_seconds" "gauge" [] "When the configuration that serves was read."
    LOG_WRITTEN "geosteer_query_log_written_total" "counter" [] "Lines of the query log written; only with [query_log]."
    LOG_DROPPED "geosteer_query_log_dropped_total" "counter" [] "Entries of the query log for which there was no room; only with [query_log]."
    LOG_FAILED "geosteer_query_log_failed_total" "counter" [] "Lines of the query log that could not be written; only with [query_log]."
    DATABASE "geosteer_geo_database_build_timestamp_seconds" "gauge" ["database"] "When a geographic database was built."
    CONFINED "geosteer_process_confined" "gauge" ["by"] "1 if the process is kept from more than it needs: user (it is not root), capabilities (none but NET_BIND_SERVICE), no-new-privileges, landlock (its files)."
    RESIDENT "process_resident_memory_bytes" "gauge" [] "Memory in use."
    CPU "process_cpu_seconds_total" "counter" [] "Processor time used."
    FDS "process_open_fds" "gauge" [] "Open descriptors."
    FDS_MAX "process_max_fds" "gauge" [] "Most descriptors that can be open."
    THREADS "process_threads" "gauge" [] "Threads."
    LOG_LOST "geosteer_log_lines_lost_total" "counter" [] "Lines of the program's log for which there was no room."
    STARTED "process_start_time_seconds" "gauge" [] "When the server started."
}

/// The metrics as Prometheus reads them.
#[must_use]
pub fn text(facts: &Facts) -> String {
    let mut page = Page::default();
    page.text.reserve(4_096 + 1_024 * facts.endpoints.len());
    page.begin(&BUILD);
    page.sample(&BUILD, &[("version", facts.version)], 1);
    page.only(&GENERATION, facts.generation);
    page.only(&ZONES, facts.zones[0]);
    page.only(&NAMES, facts.zones[1]);
    signed(&mut page, facts);
    facts.transfers.iter().for_each(|facts| transfers(&mut page, facts));
    sums(&mut page, facts);
    threads(&mut page, facts);
    probes(&mut page, facts);
    pools(&mut page, facts);
    endpoints(&mut page, facts);
    guard(&mut page, facts);
    operators(&mut page, facts);
    process(&mut page, facts);
    page.text
}

/// Zones that are signed, or should be.
fn signed(page: &mut Page, facts: &Facts) {
    rows(page, &SIGNED, &facts.signed, |page, metric, one| {
        page.sample(metric, &[("zone", &one.zone)], u8::from(one.signed));
    });
    rows(page, &KEYS_MISSING, &facts.signed, |page, metric, one| {
        page.sample(metric, &[("zone", &one.zone)], u8::from(one.keys_missing));
    });
    rows(page, &SIGNED_SETS, &facts.signed, |page, metric, one| {
        page.sample(metric, &[("zone", &one.zone)], one.sets);
    });
    rows(page, &SIGNATURE_ENDS, &facts.signed, |page, metric, one| {
        if let Some(ends) = one.ends {
            page.sample(metric, &[("zone", &one.zone)], ends);
        }
    });
}

/// What updates can end with (RFC 2136 §2.2).
const UPDATE_RCODES: [(u16, &str); 10] = [
    (0, "NOERROR"),
    (1, "FORMERR"),
    (2, "SERVFAIL"),
    (3, "NXDOMAIN"),
    (5, "REFUSED"),
    (6, "YXDOMAIN"),
    (7, "YXRRSET"),
    (8, "NXRRSET"),
    (9, "NOTAUTH"),
    (10, "NOTZONE"),
];

/// What secondaries get, and signed messages.
fn transfers(page: &mut Page, facts: &TransferFacts) {
    let counts = &facts.shared.counts;
    page.begin(&SERIAL);
    for (zone, serial) in &facts.serials {
        page.sample(&SERIAL, &[("zone", zone)], serial);
    }
    page.begin(&TRANSFERS);
    for kind in Kind::ALL {
        for outcome in Outcome::ALL {
            let labels = [("kind", kind.word()), ("outcome", outcome.word())];
            page.sample(&TRANSFERS, &labels, counts.ended(kind, outcome));
        }
    }
    page.only(&TRANSFERS_NOW, facts.shared.running());
    page.only(&TRANSFERS_REFUSED, counts.refused());
    page.only(&TRANSFERRED, counts.octets());
    page.begin(&NOTIFIED);
    for (outcome, count) in ["heard", "given-up"].into_iter().zip(counts.notified()) {
        page.sample(&NOTIFIED, &[("outcome", outcome)], count);
    }
    page.begin(&UPDATES);
    for (rcode, word) in UPDATE_RCODES {
        page.sample(&UPDATES, &[("rcode", word)], counts.updates(rcode));
    }
    page.begin(&TSIG);
    for failure in Failure::ALL {
        page.sample(&TSIG, &[("failure", failure.word())], counts.failures(failure));
    }
}

/// What queries came to. Answers are told where one can come from as things are, or has come.
fn sums(page: &mut Page, facts: &Facts) {
    let (sums, counted) = (&facts.sums, facts.sums.counted());
    let told = |index: &usize| !counted.is_of_answers(*index) || sums.value(*index) > 0 || facts.counts.contains(index);
    let of_index = |index| Some((counted.label(index)?, sums.value(index)));
    // Once for all metrics: there are many more counts than are told.
    let all: Vec<(Label<'_>, u64)> = (0..counted.len()).filter(told).filter_map(of_index).collect();
    page.begin(&REQUESTS);
    for &(label, value) in &all {
        let Label::Request(transport, family, kind) = label else { continue };
        page.sample(&REQUESTS, &[("transport", transport), ("family", family), ("type", kind)], value);
    }
    page.begin(&RESPONSES);
    for &(label, value) in &all {
        let Label::Response(zone, rcode) = label else { continue };
        page.sample(&RESPONSES, &[("zone", zone), ("rcode", rcode)], value);
    }
    page.begin(&ANSWERS);
    for &(label, value) in &all {
        let Label::Answer(of) = label else { continue };
        let labels =
            [("zone", of.zone), ("policy", of.policy), ("region", of.region), ("pool", of.pool), ("reason", of.reason)];
        page.sample(&ANSWERS, &labels, value);
    }
    if counted.names().1 > 0 {
        page.begin(&ANSWERS_OF);
    }
    for &(label, value) in &all {
        let Label::Name(name) = label else { continue };
        page.sample(&ANSWERS_OF, &[("name", name)], value);
    }
}

fn threads(page: &mut Page, facts: &Facts) {
    page.begin(&LATENCY);
    for (transport, buckets) in TRANSPORTS.into_iter().zip(&facts.latency) {
        // 512 ns to 17 ms.
        page.histogram(&LATENCY, ("transport", transport), buckets, (1 << 9, 1 << 24, 4));
    }
    let totals = &facts.totals;
    page.only(&SILENT, totals.silent);
    page.only(&UNSENT, totals.unsent);
    page.only(&OVERSIZE, totals.oversize);
    page.only(&PANICS, totals.panics);
    page.begin(&RESTARTS);
    for &(thread, count) in &facts.restarts {
        page.sample(&RESTARTS, &[("thread", thread)], count);
    }
    let tcp = &facts.by_transport[Transport::Stream as usize];
    page.only(&ACCEPTED, tcp.accepted);
    page.only(&EVICTED, tcp.evicted);
    page.only(&TIMED_OUT, tcp.timed_out);
    page.only(&STARVED, totals.starved);
    page.begin(&COOKIES);
    for standing in Standing::ALL {
        page.sample(&COOKIES, &[("standing", standing.word())], totals.limited.cookies[standing as usize]);
    }
    page.only(&BAD_COOKIES, totals.limited.bad_cookies);
    if let Some(blocks) = facts.limited_blocks {
        limits(page, &totals.limited, blocks);
    }
    encrypted(page, facts);
}

fn limits(page: &mut Page, limited: &Limited, blocks: usize) {
    page.begin(&LIMITED);
    for class in Class::ALL {
        for fate in Fate::OVER {
            page.sample(&LIMITED, &[("class", class.word()), ("fate", fate.word())], limited.of(class, fate));
        }
    }
    page.only(&CROWDED, limited.crowded);
    page.only(&BLOCKS, blocks);
}

fn encrypted(page: &mut Page, facts: &Facts) {
    let of = [Transport::Tls, Transport::Https, Transport::Quic].map(|transport| transport as usize);
    let mut tell = |metric: &Metric, value: fn(&Totals) -> u64| {
        page.begin(metric);
        for transport in of {
            let labels = [("transport", TRANSPORTS[transport])];
            page.sample(metric, &labels, value(&facts.by_transport[transport]));
        }
    };
    tell(&ENC_ACCEPTED, |totals| totals.accepted);
    tell(&ENC_FAILED, |totals| totals.failed);
    tell(&ENC_EVICTED, |totals| totals.evicted);
    tell(&ENC_TIMED_OUT, |totals| totals.timed_out);
    tell(&ENC_REFUSED, |totals| totals.refused);
    if let Some(certificate) = facts.certificate {
        page.only_if(&ENC_CERTIFICATE, certificate.expires);
        page.only(&ENC_CURRENT, u8::from(!certificate.is_refused));
    }
}

fn probes(page: &mut Page, facts: &Facts) {
    page.begin(&PROBES);
    for probes in &facts.probes {
        for (outcome, count) in ["pass", "fail", "inconclusive"].into_iter().zip(probes.ended) {
            page.sample(&PROBES, &[("type", probes.kind), ("outcome", outcome)], count);
        }
    }
    page.begin(&PROBED);
    for probes in &facts.probes {
        // 262 µs to 69 s.
        page.histogram(&PROBED, ("type", probes.kind), &probes.took, (1 << 18, 1 << 36, 2));
    }
    page.only(&LOADS_MISSED, facts.loads_missed);
    for (metric, count) in [TARGETS, UNKNOWN, STALE].iter().zip(facts.targets) {
        page.only(metric, count);
    }
}

/// A metric with a sample for each row that has a value.
fn rows<T>(page: &mut Page, metric: &Metric, rows: &[T], sample: impl Fn(&mut Page, &Metric, &T)) {
    page.begin(metric);
    rows.iter().for_each(|row| sample(page, metric, row));
}

fn pools(page: &mut Page, facts: &Facts) {
    let sets = facts.pools.iter().map(|one| [("zone", &*one.zone), ("pool", &*one.pool)]);
    let labels = Labels::new(&POOL_UP, sets);
    let mut tell = |metric: &Metric, value: fn(&super::PoolFacts) -> Option<f64>| {
        page.column(metric, &labels, facts.pools.iter().map(value));
    };
    tell(&POOL_UP, |pool| Some(number(pool.up)));
    tell(&POOL_LIVE, |pool| Some(pool.live as f64));
    tell(&POOL_SIZE, |pool| Some(pool.endpoints as f64));
    tell(&POOL_SHARE, |pool| Some(pool.share));
    tell(&POOL_LOAD, |pool| pool.load);
}

fn endpoints(page: &mut Page, facts: &Facts) {
    let sets = facts.endpoints.iter().map(|one| {
        let pool = &facts.pools[one.pool.index()];
        [("zone", &*pool.zone), ("pool", &*pool.pool), ("endpoint", &*one.endpoint)]
    });
    let labels = Labels::new(&ENDPOINT_UP, sets);
    let mut tell = |metric: &Metric, value: fn(&super::EndpointFacts) -> Option<f64>| {
        page.column(metric, &labels, facts.endpoints.iter().map(value));
    };
    tell(&ENDPOINT_UP, |one| Some(number(one.up)));
    tell(&ENDPOINT_LIVE, |one| Some(number(one.live)));
    tell(&WEIGHT, |one| Some(f64::from(one.weight)));
    tell(&CHANGES, |one| Some(one.changes as f64));
    tell(&LAST_PROBE, |one| one.probed);
    tell(&CERTIFICATE, |one| one.expires.map(|at| at as f64));
    tell(&LOAD, |one| one.load);
    tell(&LOAD_STALE, |one| (one.load.is_some() || one.load_stale).then(|| number(one.load_stale)));
}

const fn number(is: bool) -> f64 {
    if is { 1.0 } else { 0.0 }
}

fn guard(page: &mut Page, facts: &Facts) {
    let guard = &facts.guard;
    rows(page, &GUARD, &["quiet", "up", "spent"], |page, metric, state| {
        page.sample(metric, &[("state", state)], u8::from(*state == guard.state));
    });
    page.only(&SITES, guard.sites[0]);
    page.only(&FAILING, guard.sites[1]);
    page.only(&HELD, guard.held);
    rows(page, &CANARY, &guard.canaries, |page, metric, canary| {
        if let Some(answers) = canary.answers {
            page.sample(metric, &[("url", &canary.url)], u8::from(answers));
        }
    });
}

fn operators(page: &mut Page, facts: &Facts) {
    page.only(&OVERRIDES, facts.overrides.len());
    rows(page, &SINCE, &facts.overrides, |page, metric, one| {
        page.sample(metric, &[("target", &one.target), ("kind", one.kind)], one.since);
    });
    rows(page, &UNTIL, &facts.overrides, |page, metric, one| {
        if let Some(until) = one.until {
            page.sample(metric, &[("target", &one.target), ("kind", one.kind)], until);
        }
    });
    page.only(&STATE, u8::from(facts.state_broken));
    page.begin(&RELOADS);
    page.sample(&RELOADS, &[("result", "taken")], facts.reloads.taken);
    page.sample(&RELOADS, &[("result", "refused")], facts.reloads.refused);
    page.only(&RELOAD_OK, u8::from(!facts.reloads.last_was_refused));
    page.only(&RELOAD_AT, facts.reloads.last_taken.unwrap_or(facts.started));
    if let Some(log) = facts.query_log {
        page.only(&LOG_WRITTEN, log.written);
        page.only(&LOG_DROPPED, log.dropped);
        page.only(&LOG_FAILED, log.failed);
    }
    rows(page, &DATABASE, &facts.databases, |page, metric, one| {
        page.sample(metric, &[("database", &one.label)], one.built);
    });
}

fn process(page: &mut Page, facts: &Facts) {
    rows(page, &CONFINED, &facts.confined, |page, metric, &(by, is)| page.sample(metric, &[("by", by)], u8::from(is)));
    let process = &facts.process;
    page.only_if(&RESIDENT, process.resident);
    page.only_if(&CPU, process.cpu);
    page.only_if(&FDS, process.descriptors);
    page.only_if(&FDS_MAX, process.descriptors_max);
    page.only_if(&THREADS, process.threads);
    page.only_if(&LOG_LOST, process.log_lost);
    page.only(&STARTED, facts.started);
}
