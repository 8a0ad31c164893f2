//! `[fleet] servers`: an order of the command line goes to every name server, and the result of each is shown.

use geosteer::config::{self, Admin, AdminListen};
use geosteer::daemon::{Options, Server, ServerSource};
use hickory_proto::op::{Message, Query};
use hickory_proto::rr::{Name, RecordType};
use rustls::ServerConfig;
use rustls::pki_types::PrivatePkcs8KeyDer;
use serde_json::Value;
use std::fs;
use std::net::{SocketAddr, UdpSocket};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;

/// Only what never happens is waited for so long.
const LONG: Duration = Duration::from_secs(60);

const ZONE: &str = r#"
zone = "example.com"
ns = ["ns.example.net"]

[pools]
one = { check = "none", endpoints = [{ name = "a", address = "192.0.2.1" }] }
two = { check = "none", endpoints = [{ name = "b", address = "192.0.2.2" }] }

[names.www]
ttl = 60
policy = { default = ["one", "two"] }
"#;

const TOKEN: &str = "0123456789abcdef0123456789abcdef";

/// A name server with a state directory and an admin server.
fn server(folder: &Path, name: &str, zone: &str) -> Server {
    let state = folder.join(name);
    fs::create_dir(&state).unwrap();
    let admin = Admin { token_file: Some(folder.join("token")), ..Admin::default() };
    let mut options = Options::for_text("example.toml", zone);
    options.admin = Some(AdminListen::At(SocketAddr::from(([127, 0, 0, 1], 0))));
    options.state = Some(state);
    options.sources.server = ServerSource::Given(Box::new(config::Server { admin, ..config::Server::default() }));
    Server::start(options).unwrap()
}

/// The URL of its admin server.
fn url(server: &Server) -> String {
    format!("http://{}", server.admin().unwrap())
}

/// A folder with the token of all servers.
fn folder() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    write_token(&folder.path().join("token"), TOKEN);
    folder
}

fn write_token(path: &Path, token: &str) {
    fs::write(path, token).unwrap();
    fs::set_permissions(path, fs::Permissions::from_mode(0o600)).unwrap();
}

/// A server file that names the fleet.
fn fleet(folder: &Path, servers: &[(&str, String, &str)]) -> PathBuf {
    let server = |(name, url, token): &(&str, String, &str)| {
        format!("{{ name = \"{name}\", url = \"{url}\", token_file = \"{token}\" }},\n")
    };
    let file = folder.join("geosteer.toml");
    let servers = servers.iter().map(server).collect::<String>();
    fs::write(&file, format!("state = \"ams\"\n[fleet]\nservers = [\n{servers}]\n")).unwrap();
    file
}

/// Runs a verb: its exit code, its output and its errors.
fn verb(file: &Path, arguments: &[&str]) -> (i32, String, String) {
    let authority = file.with_file_name("ca.pem");
    let mut command = Command::new(env!("CARGO_BIN_EXE_geosteer"));
    command.args(arguments).arg("--config").arg(file);
    // The authority that it trusts, if a test has one of its own.
    let output = command.envs(authority.exists().then_some(("SSL_CERT_FILE", authority))).output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (output.status.code().unwrap(), text(output.stdout), text(output.stderr))
}

/// The address that a server answers for www.example.com.
fn answered(server: &Server) -> String {
    let mut message = Message::query();
    message.add_query(Query::query(Name::from_ascii("www.example.com.").unwrap(), RecordType::A));
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    socket.set_read_timeout(Some(LONG)).unwrap();
    socket.send_to(&message.to_vec().unwrap(), server.address()).unwrap();
    let mut reply = [0; 1500];
    let length = socket.recv(&mut reply).unwrap();
    Message::from_vec(&reply[..length]).unwrap().answers[0].data.to_string()
}

/// The lines of a table that begin with these words.
fn row<'t>(text: &'t str, words: &[&str]) -> &'t str {
    let is = |line: &&str| line.split_whitespace().take(words.len()).eq(words.iter().copied());
    text.lines().find(is).unwrap_or_else(|| panic!("no row {words:?}:\n{text}"))
}

#[test]
fn an_order_goes_to_every_server_and_one_that_is_gone_is_said() {
    let folder = folder();
    let (ams, sin) = (server(folder.path(), "ams", ZONE), server(folder.path(), "sin", ZONE));
    let members = [("ams", url(&ams), "token"), ("sin", url(&sin), "token")];
    let file = fleet(folder.path(), &members);
    assert_eq!([answered(&ams), answered(&sin)], ["192.0.2.1", "192.0.2.1"]);

    let (code, text, errors) = verb(&file, &["drain", "pool/one", "--dry-run"]);
    assert_eq!((code, &*errors), (0, ""), "{text}");
    row(&text, &["sin", "would", "be", "done"]);
    assert_eq!([answered(&ams), answered(&sin)], ["192.0.2.1", "192.0.2.1"]);

    let (code, text, errors) = verb(&file, &["drain", "pool/one", "--reason", "new switches"]);
    assert_eq!((code, &*errors), (0, ""), "{text}");
    row(&text, &["ams", "done", "no", "override", "drain"]);
    row(&text, &["sin", "done", "no", "override", "drain"]);
    assert_eq!(text.matches("\nFROM").count() + text.matches(" FROM ").count(), 1, "all say the same\n{text}");
    assert!(text.ends_with("(all 2 servers)\n"), "{text}");
    assert_eq!([answered(&ams), answered(&sin)], ["192.0.2.2", "192.0.2.2"]);
    let kept = fs::read_to_string(folder.path().join("sin/overrides.json")).unwrap();
    assert!(kept.contains("new switches") && !kept.contains("admin API"), "the owner is who gave the order: {kept}");

    sin.stop();
    let (code, text, errors) = verb(&file, &["undrain", "pool/one"]);
    assert_eq!(code, 3, "{text}{errors}");
    row(&text, &["ams", "done", "drain", "no", "override"]);
    row(&text, &["sin", "no", "answer"]);
    assert_eq!(errors, "error: not by sin\n");
    assert_eq!(answered(&ams), "192.0.2.1");

    let (code, text, _) = verb(&file, &["drain", "pool/one", "--json"]);
    let view: Value = serde_json::from_str(&text).unwrap();
    assert_eq!((code, view["exit"].as_u64(), view["servers"][1]["exit"].as_u64()), (3, Some(3), Some(3)), "{text}");
    assert_eq!((&view["servers"][0]["answer"]["now"], &view["servers"][1]["answer"]), (&"drain".into(), &Value::Null));
    assert!(!text.contains(TOKEN));

    let (code, text, _) = verb(&file, &["undrain", "pool/one", "--here"]);
    assert_eq!((code, text.lines().next().unwrap()), (0, "pool/one: drain → no override"));
}

#[test]
fn what_one_server_refuses_is_done_by_none() {
    let folder = folder();
    let bare = ZONE.replace("[\"one\", \"two\"]", "[\"one\"]");
    let (ams, sin) = (server(folder.path(), "ams", ZONE), server(folder.path(), "sin", &bare));
    let members = [("ams", url(&ams), "token"), ("sin", url(&sin), "token")];
    let file = fleet(folder.path(), &members);

    let (code, text, errors) = verb(&file, &["down", "pool/one"]);
    assert_eq!(code, 4, "{text}");
    row(&text, &["ams", "unchanged"]);
    assert!(row(&text, &["sin", "refused"]).contains("no live pool would be left"), "{text}");
    assert_eq!(errors, "error: refused by sin: nothing was changed on any server\n");
    assert_eq!(answered(&ams), "192.0.2.1");

    let (code, text, _) = verb(&file, &["down", "pool/one", "--force"]);
    assert_eq!((code, answered(&ams)), (0, "192.0.2.2".to_owned()), "{text}");

    // What only some have is taken away there; each verb reaches all of them.
    assert_eq!(verb(&file, &["undrain", "pool/one", "--here"]).0, 0);
    let (code, text, errors) = verb(&file, &["undrain", "pool/one"]);
    assert_eq!(code, 1, "{text}{errors}");
    row(&text, &["ams", "no"]);
    row(&text, &["sin", "done", "down", "no", "override"]);
    for arguments in [
        &["shed", "pool/two", "20%"][..],
        &["shed", "pool/two", "0%"],
        &["up", "pool/two"],
        &["auto", "pool/two", "--for", "1h"],
        &["undrain", "pool/two"],
        &["weight", "endpoint/two/b", "7"],
        &["weight", "endpoint/two/b", "auto"],
    ] {
        let (code, text, errors) = verb(&file, arguments);
        assert_eq!((code, text.matches(" done ").count()), (0, 2), "{arguments:?}\n{text}{errors}");
    }
    let (code, text, _) = verb(&file, &["drain", "pool/nowhere"]);
    assert_eq!((code, text.matches("nothing is called pool/nowhere").count()), (1, 2), "{text}");
    assert_eq!(verb(&file, &["drain", "nonsense"]).0, 2);
}

#[test]
fn a_token_that_is_wrong_or_cannot_be_read_is_that_servers_matter_only() {
    let folder = folder();
    let (ams, sin) = (server(folder.path(), "ams", ZONE), server(folder.path(), "sin", ZONE));
    write_token(&folder.path().join("other"), "another token that is long enough".replace(' ', "-").as_str());
    for (token, why) in [("other", "this is not the token"), ("missing", "No such file")] {
        let members = [("ams", url(&ams), "token"), ("sin", url(&sin), token)];
        let file = fleet(folder.path(), &members);
        let (code, text, _) = verb(&file, &["drain", "pool/one"]);
        assert_eq!(code, 3, "{text}");
        row(&text, &["ams", "done"]);
        assert!(row(&text, &["sin", "no", "answer"]).contains(why), "{text}");
        assert!(text.ends_with("not safe to switch off: clients may still be sent there by sin\n"), "{text}");
        assert_eq!([answered(&ams), answered(&sin)], ["192.0.2.2", "192.0.2.1"]);
    }
    let token = folder.path().join("token");
    fs::set_permissions(&token, fs::Permissions::from_mode(0o640)).unwrap();
    let file = fleet(folder.path(), &[("ams", url(&ams), "token")]);
    let (code, _, errors) = verb(&file, &["undrain", "pool/one"]);
    assert_eq!((code, errors.contains("others may read the token")), (0, true), "{errors}");
}

/// A proxy that takes TLS off, as `localhost`, before the server at `to`; its port, and its certificate.
fn tls_before(to: SocketAddr, runtime: &tokio::runtime::Runtime) -> (u16, String) {
    let key = rcgen::KeyPair::generate().unwrap();
    let certificate = rcgen::CertificateParams::new(["localhost".to_owned()]).unwrap().self_signed(&key).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
    let private = PrivatePkcs8KeyDer::from(key.serialize_der());
    let config = config.with_no_client_auth().with_single_cert(vec![certificate.der().clone()], private.into());
    let acceptor = TlsAcceptor::from(Arc::new(config.unwrap()));
    let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0")).unwrap();
    let port = listener.local_addr().unwrap().port();
    runtime.spawn(async move {
        while let Ok((client, _)) = listener.accept().await {
            let acceptor = acceptor.clone();
            tokio::spawn(async move {
                // Whoever does not trust the certificate goes away.
                let Ok(mut client) = acceptor.accept(client).await else { return };
                let mut server = TcpStream::connect(to).await.unwrap();
                let _ended = copy_bidirectional(&mut client, &mut server).await;
            });
        }
    });
    (port, certificate.pem())
}

#[test]
fn over_https_an_order_goes_only_to_a_server_whose_certificate_is_trusted() {
    let folder = folder();
    let ams = server(folder.path(), "ams", ZONE);
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let (port, certificate) = tls_before(ams.admin().unwrap(), &runtime);
    let file = fleet(folder.path(), &[("ams", format!("https://localhost:{port}"), "token")]);
    let (code, text, _) = verb(&file, &["drain", "pool/one"]);
    assert_eq!(code, 3, "{text}");
    assert!(row(&text, &["ams", "no", "answer"]).contains("certificate"), "{text}");
    assert_eq!(answered(&ams), "192.0.2.1");

    fs::write(folder.path().join("ca.pem"), certificate).unwrap();
    let (code, text, errors) = verb(&file, &["drain", "pool/one"]);
    assert_eq!((code, answered(&ams)), (0, "192.0.2.2".to_owned()), "{text}{errors}");
}
