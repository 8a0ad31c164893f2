//! Checks of every other type, against real servers, files and programs.

use super::*;
use crate::health::{DnsCheck, ExecCheck, GrpcCheck, Identity, JsonField, JsonValue, PrivateKey, PushCheck, TlsCheck};
use hickory_proto::op::{Message, ResponseCode};
use hickory_proto::rr::{RData, Record};
use hyper::body::{Bytes, Frame, Incoming, SizeHint};
use hyper::service::service_fn;
use hyper::{HeaderMap, Request, Response};
use std::net::SocketAddr;
use std::pin::Pin;
use std::task::{Context, Poll};
use tokio::net::UdpSocket;

fn tls(port: u16, host: &str, verify: bool) -> CheckKind {
    let security = Security { verify, identity: None };
    CheckKind::Tls(TlsCheck { host: Some(host.into()), port, security, source: Source::default() })
}

#[tokio::test]
async fn tls_passes_by_a_handshake_with_a_certificate_that_is_right() {
    let authority = Authority::new();
    let (port, _) = authority.serve("www.example.com", 2100).await;
    let ended = run_with(tls(port, "www.example.com", true), 20_000, authority.trusted()).await;
    passed(&ended);
    assert!(ended.note.starts_with("TLS 1.3 in ") && ended.note.contains("certificate expires in"), "{}", ended.note);
    failed(&run_with(tls(port, "api.example.com", true), 20_000, authority.trusted()).await, "another name");
    passed(&run_with(tls(port, "api.example.com", false), 20_000, authority.trusted()).await);
}

#[tokio::test]
async fn an_endpoint_that_wants_a_client_certificate_gets_it() {
    let authority = Authority::new();
    let (port, _) = authority.serve_clients("www.example.com").await;
    let without = https(port, "www.example.com");
    assert_eq!(ask_tls(without.clone(), &authority).await.outcome, Outcome::Fail);
    let (chain, key) = authority.certificate("prober", 2100);
    let identity = Identity { chain: Box::new([chain.to_vec().into()]), key: PrivateKey::Pkcs8(key.into()) };
    assert_eq!(format!("{identity:?}"), "Identity { certificates: 1, .. }", "the key is never shown");
    let security = Security { verify: true, identity: Some(Arc::new(identity)) };
    passed(&ask_tls(HttpCheck { tls: Some(security), ..without }, &authority).await);
}

#[tokio::test]
async fn json_agents_and_sources_are_as_configured() {
    let body = r#"{"status": "degraded", "db": {"ok": true}}"#;
    let (port, seen) = serve(format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{body}", body.len()), false).await;
    let field = |path: &[&str], value| JsonField { path: path.iter().map(|key| (*key).into()).collect(), value };
    let check = |fields: Vec<JsonField>| HttpCheck { expect_json: fields.into(), ..http(port) };
    passed(&ask(check(vec![field(&["db", "ok"], JsonValue::Bool(true))])).await);
    let status = field(&["status"], JsonValue::Text("ok".into()));
    failed(&ask(check(vec![status.clone()])).await, "status is \"degraded\", not \"ok\"");
    let both = HttpCheck { expect_body: Some("absent".into()), ..check(vec![status]) };
    failed(&ask(both).await, "expected text");
    let agent = HttpCheck { user_agent: Some("prober of ams-1".into()), ..http(port) };
    passed(&ask(agent).await);
    assert!(seen.requests()[3].contains("user-agent: prober of ams-1\r\n"));
    let source = Source { v4: Some(Ipv4Addr::new(127, 0, 0, 9)), v6: None };
    passed(&ask(HttpCheck { source, ..http(port) }).await);
    assert_eq!(seen.peers.lock().unwrap()[4], IpAddr::from([127, 0, 0, 9]));
    let nobody = Source { v4: Some(Ipv4Addr::new(192, 0, 2, 1)), v6: None };
    let ended = ask(HttpCheck { source: nobody, ..http(port) }).await;
    assert_eq!(ended.outcome, Outcome::Inconclusive, "an address that is not ours: {}", ended.note);
}

/// A body of one frame with trailers behind it, as gRPC has them.
struct Answered(Vec<Frame<Bytes>>);

impl hyper::body::Body for Answered {
    type Data = Bytes;
    type Error = std::convert::Infallible;

    fn poll_frame(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        Poll::Ready((!self.0.is_empty()).then(|| Ok(self.0.remove(0))))
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::default()
    }
}

/// An HTTP/2 server whose health service says `message` and this gRPC status.
async fn grpc_server(message: &'static [u8], status: &'static str) -> (u16, Arc<Mutex<Vec<String>>>) {
    let listener = TcpListener::bind((LOCALHOST, 0)).await.unwrap();
    let (port, asked) = (listener.local_addr().unwrap().port(), Arc::new(Mutex::new(Vec::new())));
    let kept = Arc::clone(&asked);
    let executor = hyper_util::rt::TokioExecutor::new();
    tokio::spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            let asked = Arc::clone(&asked);
            let service = service_fn(move |request: Request<Incoming>| {
                let head = format!("{} {} {:?}", request.method(), request.uri(), request.headers().get("te"));
                asked.lock().unwrap().push(head);
                let mut trailers = HeaderMap::new();
                trailers.insert("grpc-status", status.parse().unwrap());
                let frames = vec![Frame::data(Bytes::from_static(message)), Frame::trailers(trailers)];
                std::future::ready(Ok::<_, std::convert::Infallible>(Response::new(Answered(frames))))
            });
            let io = hyper_util::rt::TokioIo::new(stream);
            tokio::spawn(hyper::server::conn::http2::Builder::new(executor.clone()).serve_connection(io, service));
        }
    });
    (port, kept)
}

fn grpc(port: u16) -> CheckKind {
    CheckKind::Grpc(GrpcCheck {
        tls: None,
        host: Some("api.example.com".into()),
        port,
        service: "shop.Cart".into(),
        user_agent: None,
        source: Source::default(),
    })
}

#[tokio::test]
async fn grpc_health_is_asked_over_http2_and_judged_by_status_and_trailers() {
    let (port, asked) = grpc_server(b"\0\0\0\0\x02\x08\x01", "0").await;
    let ended = run(grpc(port), 20_000).await;
    passed(&ended);
    assert!(ended.note.starts_with("SERVING in "), "{}", ended.note);
    let want = format!("POST http://api.example.com:{port}/grpc.health.v1.Health/Check Some(\"trailers\")");
    assert_eq!(asked.lock().unwrap()[..], [want]);
    for (message, status, words) in [
        (&b"\0\0\0\0\x02\x08\x02"[..], "0", "NOT_SERVING"),
        (b"\0\0\0\0\0", "0", "UNKNOWN"),
        // A message that looks well, and a status behind it that says otherwise.
        (b"\0\0\0\0\x02\x08\x01", "14", "gRPC status 14 UNAVAILABLE"),
        (b"", "5", "gRPC status 5 NOT_FOUND"),
        (b"\x01\0\0\0\x02\x08\x01", "0", "no proper health message"),
    ] {
        let (port, _) = grpc_server(message, status).await;
        failed(&run(grpc(port), 20_000).await, words);
    }
    // HTTP/1.1 is no gRPC.
    let (port, _) = serve(OK, false).await;
    assert_eq!(run(grpc(port), 20_000).await.outcome, Outcome::Fail);
}

#[tokio::test]
async fn http2_is_spoken_when_asked_for() {
    let (port, asked) = grpc_server(b"hello", "0").await;
    let check = HttpCheck { http2: true, expect_body: Some("hello".into()), ..http(port) };
    passed(&ask(check).await);
    assert!(asked.lock().unwrap()[0].starts_with("GET http://127.0.0.1:"));
    let authority = Authority::new();
    let (port, _) = authority.serve("www.example.com", 2100).await;
    failed(&ask_tls(HttpCheck { http2: true, ..https(port, "www.example.com") }, &authority).await, "ALPN");
}

/// What a DNS server here does with a query: the replies, in order; over TCP the last one.
type Replies = fn(&Message) -> Vec<Message>;

async fn dns_server(replies: Replies) -> u16 {
    let listener = TcpListener::bind((LOCALHOST, 0)).await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let socket = UdpSocket::bind((LOCALHOST, port)).await.unwrap();
    tokio::spawn(async move {
        let mut buffer = [0; 1500];
        loop {
            let (length, from): (usize, SocketAddr) = socket.recv_from(&mut buffer).await.unwrap();
            for reply in replies(&Message::from_vec(&buffer[..length]).unwrap()) {
                socket.send_to(&reply.to_vec().unwrap(), from).await.unwrap();
            }
        }
    });
    tokio::spawn(async move {
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut query = vec![0; stream.read_u16().await.unwrap().into()];
            stream.read_exact(&mut query).await.unwrap();
            let mut reply = replies(&Message::from_vec(&query).unwrap()).pop().unwrap();
            reply.metadata.truncation = false;
            let bytes = reply.to_vec().unwrap();
            stream.write_u16(bytes.len() as u16).await.unwrap();
            stream.write_all(&bytes).await.unwrap();
        }
    });
    port
}

fn reply(query: &Message, code: ResponseCode, address: [u8; 4]) -> Message {
    let mut reply = Message::response(query.metadata.id, query.metadata.op_code);
    reply.add_query(query.queries[0].clone());
    reply.metadata.response_code = code;
    if code == ResponseCode::NoError {
        let name = query.queries[0].name.clone();
        reply.add_answer(Record::from_rdata(name, 60, RData::A(Ipv4Addr::from(address).into())));
    }
    reply
}

fn dns(port: u16, data: &[&str]) -> CheckKind {
    CheckKind::Dns(DnsCheck {
        port,
        query: Name::parse("WWW.example.com").unwrap(),
        query_type: 1,
        expect_rcode: Box::new([0]),
        expect_data: data.iter().map(|text| (*text).into()).collect(),
        source: Source::default(),
    })
}

#[tokio::test]
async fn dns_is_judged_by_code_and_data() {
    let port = dns_server(|query| vec![reply(query, ResponseCode::NoError, [192, 0, 2, 1])]).await;
    let ended = run(dns(port, &[]), 20_000).await;
    passed(&ended);
    assert!(ended.note.contains("1 A in") && ended.note.ends_with("over UDP"), "{}", ended.note);
    passed(&run(dns(port, &["192.0.2.9", "192.0.2.1"]), 20_000).await);
    failed(&run(dns(port, &["192.0.2.9"]), 20_000).await, "the answer is 192.0.2.1, not the expected data");
    let port = dns_server(|query| vec![reply(query, ResponseCode::Refused, [0; 4])]).await;
    failed(&run(dns(port, &[]), 20_000).await, "rcode 5");
}

#[tokio::test]
async fn a_dns_reply_counts_only_with_our_id_and_question() {
    let port = dns_server(|query| {
        let good = reply(query, ResponseCode::NoError, [192, 0, 2, 1]);
        let (mut id, mut question) = (reply(query, ResponseCode::Refused, [0; 4]), good.clone());
        id.metadata.id ^= 1;
        question.queries[0].name = "other.example.com.".parse().unwrap();
        question.metadata.response_code = ResponseCode::ServFail;
        // The query itself sent back is no reply.
        vec![id, question, query.clone(), good]
    })
    .await;
    passed(&run(dns(port, &["192.0.2.1"]), 20_000).await);
}

#[tokio::test]
async fn a_truncated_dns_reply_is_asked_for_again_over_tcp() {
    let port = dns_server(|query| {
        let mut cut = reply(query, ResponseCode::NoError, [192, 0, 2, 1]);
        cut.metadata.truncation = true;
        vec![cut]
    })
    .await;
    let ended = run(dns(port, &["192.0.2.1"]), 20_000).await;
    passed(&ended);
    assert!(ended.note.ends_with("over TCP"), "{}", ended.note);
}

#[tokio::test]
async fn a_dns_port_where_nobody_listens_fails_at_once() {
    failed(&run(dns(closed_port().await, &[]), 20_000).await, "connection refused");
}

fn exec(words: &[&str]) -> CheckKind {
    let arguments = words[1..].iter().map(|word| (*word).into()).collect();
    CheckKind::Exec(ExecCheck { name: "smtp".into(), program: words[0].into(), arguments })
}

fn shell(script: &str) -> CheckKind {
    exec(&["/bin/sh", "-c", script])
}

#[tokio::test]
async fn a_program_passes_by_its_exit_status_and_is_told_the_address() {
    let ended = run(shell("echo $GEOSTEER_CHECK at $GEOSTEER_ADDRESS; env | wc -l"), 20_000).await;
    passed(&ended);
    assert!(ended.note.ends_with(": smtp at 127.0.0.1"), "{}", ended.note);
    failed(&run(shell("echo queue is full; exit 3"), 20_000).await, "exit status 3: queue is full");
    failed(&run(shell("kill -9 $$"), 20_000).await, "ended by signal 9");
    failed(&run(shell("[ -z \"$HOME$USER\" ] && exit 7"), 20_000).await, "exit status 7");
    // Arguments are passed as they are: no shell reads them.
    failed(&run(exec(&["/bin/sh", "-c", "echo \"$1\"; exit 1", "x", "a b; $(id)"]), 20_000).await, ": a b; $(id)");
    let ended = run(exec(&["/no/such/program"]), 20_000).await;
    assert_eq!(ended.outcome, Outcome::Inconclusive, "{}", ended.note);
}

#[tokio::test]
async fn a_program_that_writes_without_end_is_ended() {
    failed(
        &run(shell("trap '' PIPE; while :; do echo xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx; done"), 20_000).await,
        "more than 16 KiB",
    );
}

#[tokio::test]
async fn at_the_deadline_a_program_dies_with_all_that_it_started() {
    // The children hold this pipe: it is at its end when the last of them is gone.
    let folder = tempfile::tempdir().unwrap();
    let pipe = folder.path().join("pipe");
    assert!(std::process::Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    let path = pipe.to_str().unwrap().to_owned();
    let reader = std::thread::spawn({
        let path = path.clone();
        move || std::fs::read_to_string(path).unwrap()
    });
    let script = format!("exec 9>{path}; echo begun >&9; sleep 600 & sleep 600 & wait");
    let ended = run(shell(&script), 1_000).await;
    assert!(&*ended.note == "the program did not end within 1000 ms" || ended.note.contains("lagged"));
    assert_eq!(reader.join().unwrap(), "begun\n");
}

#[tokio::test]
async fn what_a_program_leaves_behind_dies_when_it_ends() {
    // As above; who is left behind holds the output open as well.
    let folder = tempfile::tempdir().unwrap();
    let pipe = folder.path().join("pipe");
    assert!(std::process::Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    let path = pipe.to_str().unwrap().to_owned();
    let (told, hears) = std::sync::mpsc::channel();
    let reader = std::thread::spawn({
        let path = path.clone();
        move || told.send(std::fs::read_to_string(path).unwrap())
    });
    passed(&run(shell(&format!("exec 9>{path}; echo begun >&9; sleep 60 & echo fine; exit 0")), 20_000).await);
    let read = hears.recv_timeout(Duration::from_secs(20));
    assert_eq!(read.as_deref(), Ok("begun\n"), "somebody is left behind");
    reader.join().unwrap().unwrap();
    // One that has closed its output goes on until its end.
    let script = format!("{{ sleep 60 & }} 9>{path}; exec >&-; exit 4");
    let (told, hears) = std::sync::mpsc::channel();
    std::thread::spawn(move || told.send(std::fs::read_to_string(pipe).unwrap()));
    failed(&run(shell(&script), 20_000).await, "exit status 4");
    assert_eq!(hears.recv_timeout(Duration::from_secs(20)).as_deref(), Ok(""), "somebody is left behind");
}

#[tokio::test]
async fn no_more_programs_run_at_once_than_there_are_places() {
    let mut shared = Shared::new();
    let mut taken = Vec::new();
    for _ in 0..crate::limits::PROGRAMS_AT_ONCE {
        taken.push(shared.places.clone().take().await.unwrap());
    }
    let job = job(shell("true"), 20_000);
    let method = Method::new(&job, &mut shared).unwrap();
    let mut probe = std::pin::pin!(method.run(&job));
    // It waits, and its own time does not run meanwhile.
    assert!(tokio::time::timeout(Duration::from_millis(50), &mut probe).await.is_err());
    taken.pop();
    passed(&probe.await.0);
}

#[tokio::test]
async fn a_pushed_state_is_read_from_the_file_of_the_address() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("{address}");
    let push =
        |file: &std::path::Path| CheckKind::Push(PushCheck { file: file.to_str().unwrap().into(), expires: 3_600 });
    failed(&run(push(&file), 20_000).await, "no such file");
    std::fs::write(folder.path().join("127.0.0.1"), "down maintenance\n").unwrap();
    failed(&run(push(&file), 20_000).await, "maintenance");
    std::fs::write(folder.path().join("127.0.0.1"), "up\n").unwrap();
    passed(&run(push(&file), 20_000).await);
    let old = std::fs::File::options().write(true).open(folder.path().join("127.0.0.1")).unwrap();
    old.set_modified(std::time::UNIX_EPOCH + Duration::from_secs(1_000_000_000)).unwrap();
    failed(&run(push(&file), 20_000).await, "expires after 3600 s");
    let ended = run(push(folder.path()), 20_000).await;
    assert_eq!(ended.outcome, Outcome::Inconclusive, "a folder is no state: {}", ended.note);
}
