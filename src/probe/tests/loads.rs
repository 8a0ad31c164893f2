//! Loads and times: what probes read of them, and that they never vote.

use super::*;
use crate::health::{Load, LoadPlace, LoadSource, PushCheck, Sample, TlsCheck};
use std::sync::mpsc::channel;

fn source(place: LoadPlace) -> LoadSource {
    LoadSource { place, max: Load::LARGEST, stale_ms: 3_000 }
}

fn field(path: &str) -> LoadPlace {
    LoadPlace::Body(path.split('.').map(Into::into).collect())
}

fn header(name: &str, metric: Option<&str>) -> LoadPlace {
    LoadPlace::Header { name: name.into(), metric: metric.map(Into::into) }
}

fn load(port: u16, source: LoadSource) -> HttpCheck {
    HttpCheck { load: Some(Box::new(source)), ..http(port) }
}

fn response(headers: &str, body: &str) -> String {
    format!("HTTP/1.1 200 OK\r\n{headers}Content-Length: {}\r\n\r\n{body}", body.len())
}

/// One probe of a server with this response.
async fn asked(response: String, source: LoadSource) -> Ended {
    let (port, _) = serve(response, false).await;
    let ended = ask(load(port, source)).await;
    passed(&ended);
    ended
}

#[track_caller]
fn told(ended: &Ended, number: f64) {
    assert_eq!((ended.load, ended.load_missed), (Load::new(number), false), "{}", ended.note);
    assert!(ended.note.ends_with(&format!(", load {number}")), "{}", ended.note);
}

#[track_caller]
fn missed(ended: &Ended, why: &str) {
    assert_eq!((ended.load, ended.load_missed), (None, true), "{}", ended.note);
    assert!(ended.note.contains(&format!("but no load: {why}")), "{:?} does not say {why:?}", ended.note);
}

#[tokio::test]
async fn a_load_is_a_field_of_the_body_and_what_is_no_number_is_no_load() {
    let body = |body: &str| response("", body);
    told(&asked(body(r#"{"stats": {"active": 17}}"#), source(field("stats.active"))).await, 17.0);
    told(&asked(body("[1, 0.25]"), source(field("1"))).await, 0.25);
    missed(&asked(body(r#"{"stats": 3}"#), source(field("stats.active"))).await, "the body has no field stats.active");
    missed(&asked(body(r#"{"n": "17"}"#), source(field("n"))).await, "n is \"17\", no number");
    missed(&asked(body(r#"{"n": -1}"#), source(field("n"))).await, "n is -1, no load");
    missed(&asked(body("<html>busy</html>"), source(field("n"))).await, "the body is no JSON");
    let long = format!(r#"{{"n": 1, "rest": "{}"}}"#, "x".repeat(4 * crate::limits::PROBE_BODY_MAX));
    missed(&asked(body(&long), source(field("n"))).await, "the body is longer than 64 KiB");
}

#[tokio::test]
async fn a_load_is_a_metric_of_a_report_in_a_header() {
    let with = |report: &str| response(&format!("Endpoint-Load-Metrics: {report}\r\n"), "ok");
    let name = crate::limits::LOAD_HEADER;
    told(&asked(with("TEXT cpu_utilization=0.3, rps_fractional=120"), source(header(name, None))).await, 0.3);
    let rps = source(header(name, Some("rps_fractional")));
    told(&asked(with("TEXT cpu_utilization=0.3, rps_fractional=120"), rps.clone()).await, 120.0);
    let named = r#"JSON {"cpu_utilization": 0.3, "named_metrics": {"queue": 4}}"#;
    told(&asked(with(named), source(header(name, Some("queue")))).await, 4.0);
    missed(&asked(with(named), rps).await, "the header endpoint-load-metrics has no metric rps_fractional");
    missed(
        &asked(with("BIN CQAAAAAA"), source(header(name, None))).await,
        "the header endpoint-load-metrics is neither",
    );
    missed(&asked(with("TEXT cpu_utilization=NaN"), source(header(name, None))).await, "endpoint-load-metrics is NaN");
    missed(&asked(with("0.3"), source(header("x-load", None))).await, "there is no header x-load");
    told(&asked(response("X-Load: 12\r\n", ""), source(header("x-load", None))).await, 12.0);
}

#[tokio::test]
async fn a_load_above_max_is_not_believed() {
    let small = LoadSource { max: Load::new(100.0).unwrap(), ..source(field("n")) };
    told(&asked(response("", r#"{"n": 100}"#), small.clone()).await, 100.0);
    missed(&asked(response("", r#"{"n": 100.01}"#), small).await, "n is 100.01, more than max, 100");
}

#[tokio::test]
async fn what_the_check_expects_decides_and_a_failure_tells_no_load() {
    let both = |port| HttpCheck {
        expect_json: Box::new([crate::health::JsonField {
            path: Box::new(["ok".into()]),
            value: crate::health::JsonValue::Bool(true),
        }]),
        ..load(port, source(field("n")))
    };
    let (port, _) = serve(response("", r#"{"ok": true, "n": 5}"#), false).await;
    told(&ask(both(port)).await, 5.0);
    let (port, _) = serve(response("", r#"{"ok": false, "n": 5}"#), false).await;
    let ended = ask(both(port)).await;
    failed(&ended, "ok is false");
    assert_eq!((ended.load, ended.load_missed), (None, false));
    let text = |port| HttpCheck { expect_body: Some("\"n\"".into()), ..load(port, source(field("n"))) };
    let (port, _) = serve(response("", r#"{"n": 6}"#), false).await;
    told(&ask(text(port)).await, 6.0);
}

#[tokio::test]
async fn each_kind_of_probe_that_passes_says_how_soon_the_endpoint_answered() {
    let authority = Authority::new();
    let (port, _) = serve(OK, false).await;
    let (secure, _) = authority.serve("www.example.com", 2100).await;
    let tls = TlsCheck {
        host: Some("www.example.com".into()),
        port: secure,
        security: Security::default(),
        source: Source::default(),
    };
    let push = PushCheck { file: "/nonexistent/geosteer".into(), expires: 60 };
    for (kind, measures) in [
        (CheckKind::Http(http(port)), true),
        (CheckKind::Http(https(secure, "www.example.com")), true),
        (tcp(port), true),
        (CheckKind::Tls(tls), true),
        (tcp(closed_port().await), false),
        (CheckKind::Push(push), false),
    ] {
        let job = job(kind, 20_000);
        let method = Method::new(&job, &mut Shared::with(authority.trusted())).unwrap();
        let begun = crate::clock::instant();
        let (ended, measured) = method.measure(&job).await;
        let time_us = measured.time_us;
        let whole = begun.elapsed().as_micros();
        assert_eq!(time_us.is_some(), measures, "{}", ended.note);
        assert!(time_us.is_none_or(|time| time > 0 && u128::from(time) <= whole), "{time_us:?} of {whole}");
    }
}

#[test]
fn the_time_of_an_http_probe_ends_with_the_first_byte() {
    let ago = |seconds| crate::clock::instant().checked_sub(Duration::from_secs(seconds)).unwrap();
    let progress = super::super::progress::Progress::new(ago(5));
    progress.enter(Phase::FirstByte);
    progress.enter(Phase::Body);
    let took = Duration::from_secs(100);
    let of = |kind: CheckKind| super::super::method::answered(&kind, took, &progress).as_secs();
    assert!((5..50).contains(&of(CheckKind::Http(http(80)))));
    assert_eq!(of(tcp(80)), 100);
}

/// What a zone file asks for, probed by the running prober.
#[test]
fn a_load_of_its_own_path_is_asked_for_beside_the_check_and_told_to_the_writer() {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let (port, seen) = runtime.block_on(serve(response("", r#"{"connections": 42}"#), false));
    let zone = format!(
        "zone = \"example.com\"\nns = [\"ns.example.net\"]\n[checks.web]\ntype = \"http\"\nhost = \"www.example.com\"\n\
         port = {port}\nmethod = \"HEAD\"\nexpect_status = [200]\nheaders = {{ X-Probe = \"geosteer\" }}\n[pools]\n\
         a = {{ check = \"web\", load = {{ path = \"/load.json?all\", field = \"connections\" }}, endpoints = [\"127.0.0.1\"] }}\n\
         b = {{ check = \"web\", load = {{ path = \"/load.json?all\", field = \"sessions\" }}, endpoints = [\"127.0.0.1\"] }}\n\
         c = {{ check = \"web\", endpoints = [\"127.0.0.1\"] }}\n\
         [names.www.policy]\ndefault = [\"a\", \"b\", \"c\"]\n"
    );
    let loaded = crate::config::load_text("z.toml", &zone, &crate::config::Options::default()).unwrap();
    let snapshot = Snapshot::build(loaded.spec, crate::steer::fixture::databases()).unwrap();
    assert_eq!(snapshot.targets.len(), 3, "the check is shared, each load is a request of its own");
    let (sender, events) = channel();
    let prober = Prober::start(1, sender).unwrap();
    prober.adopt(1, &snapshot);
    let mut samples = vec![None; 3];
    while samples.contains(&None) {
        let Event::Probed { target, outcome, sample, note, .. } = events.recv_timeout(LONG).unwrap() else { panic!() };
        assert_eq!(outcome, Outcome::Pass, "{note}");
        samples[target.index()] = Some(sample);
    }
    let samples: Vec<Sample> = samples.into_iter().flatten().collect();
    assert!(samples.iter().all(|sample| sample.time_us.is_some()));
    assert_eq!(samples.iter().map(|sample| sample.load).collect::<Vec<_>>(), [None, Load::new(42.0), None]);
    assert!(prober.stats().loads_missed() >= 1);
    let requests = seen.requests();
    assert!(requests.iter().any(|request| request.starts_with("HEAD / ")));
    let loads: Vec<_> = requests.iter().filter(|request| request.starts_with("GET /load.json?all ")).collect();
    assert!(loads.len() >= 2);
    for request in loads {
        let request = request.to_ascii_lowercase();
        assert!(request.contains("\r\nx-probe: geosteer\r\n"), "{request}");
        assert!(request.contains(&format!("\r\nhost: www.example.com:{port}\r\n")), "{request}");
    }
    // Their outcomes do not vote.
    let web = &snapshot.targets_of(crate::id::EndpointId::new(0), 0);
    assert_eq!(web.len(), 1);
}
