//! The name servers of a fleet: one change goes to the admin server of each, to all at the same time.

use crate::control::{Answer, Lift, MoveRow, Order, Request};
use crate::limits::{FLEET_CONNECT_MS, FLEET_MS, FLEET_REPLY_MAX};
use crate::web_client::{Method, Url, WebClient};
use serde_json::Value;
use std::io;
use std::time::Duration;

/// One of its servers.
#[derive(Clone)]
pub struct Member {
    /// What people call it.
    pub name: Box<str>,
    /// Where its admin server is, without a slash at the end.
    pub url: Box<str>,
    /// The token of its admin server, or why there is none, in words.
    pub token: Result<Box<str>, String>,
}

impl std::fmt::Debug for Member {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Member({} at {})", self.name, self.url)
    }
}

/// A change of overrides.
#[derive(Clone, Debug)]
pub enum Change {
    /// Set one.
    Set(Order),
    /// Remove one.
    Lift(Lift),
}

impl Change {
    /// The same, only looked at.
    #[must_use]
    pub fn looked_at(&self) -> Self {
        match self.clone() {
            Self::Set(order) => Self::Set(Order { dry_run: true, ..order }),
            Self::Lift(lift) => Self::Lift(Lift { dry_run: true, ..lift }),
        }
    }
}

impl From<Change> for Request {
    fn from(change: Change) -> Self {
        match change {
            Change::Set(order) => Self::Set(order),
            Change::Lift(lift) => Self::Lift(lift),
        }
    }
}

/// What each of the servers answers, in their order; in words why one gives no answer.
///
/// # Errors
/// TLS cannot be set up, or the system refuses.
pub fn ask(members: &[Member], change: &Change) -> io::Result<Vec<Result<Answer, String>>> {
    let (patience, connect) = (Duration::from_millis(FLEET_MS), Duration::from_millis(FLEET_CONNECT_MS));
    let client = WebClient::direct(patience, connect).map_err(io::Error::other)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let answers = runtime.block_on(async {
        let asked = members.iter().map(|member| tokio::spawn(ask_one(client.clone(), member.clone(), change.clone())));
        let asked = asked.collect::<Vec<_>>();
        let mut answers = Vec::with_capacity(asked.len());
        for one in asked {
            answers.push(one.await.unwrap_or_else(|error| Err(error.to_string())));
        }
        answers
    });
    // A look-up of a host may still block a helper thread: it is left behind.
    runtime.shutdown_background();
    Ok(answers)
}

async fn ask_one(client: WebClient, member: Member, change: Change) -> Result<Answer, String> {
    let token = format!("Bearer {}", member.token?);
    let url = format!("{}/api/v1/overrides", member.url);
    let mut url = Url::parse(&url).map_err(|error| error.to_string())?;
    let (method, body) = match &change {
        Change::Set(order) => (Method::POST, serde_json::to_string(order).map_err(|error| error.to_string())?),
        Change::Lift(lift) => {
            put_into_query(&mut url, lift);
            (Method::DELETE, String::new())
        }
    };
    let headers = [("authorization", &*token), ("content-type", "application/json")];
    let reply = client.send(method, &url, &headers, body).await?;
    let status = reply.status();
    let body = reply.body(FLEET_REPLY_MAX).await?;
    if status.is_success() {
        return serde_json::from_slice(&body)
            .map_err(|error| format!("it answers something else than was asked for: {error}"));
    }
    let said: Value = serde_json::from_slice(&body).unwrap_or_default();
    refusal(&said).ok_or_else(|| match said["error"]["message"].as_str() {
        Some(message) => format!("{status}: {message}"),
        None => format!("{status}: no geosteer answers there"),
    })
}

/// A [`Lift`] as the query of a URL.
fn put_into_query(url: &mut Url, lift: &Lift) {
    let Lift { target, weight, shed, over_s, owner, reason, force, dry_run } = lift;
    let mut query = url.query_pairs_mut();
    query.append_pair("target", target).append_pair("reason", reason);
    for (name, flag) in [("weight", weight), ("shed", shed), ("force", force), ("dry_run", dry_run)] {
        query.append_pair(name, &flag.to_string());
    }
    if let Some(seconds) = over_s {
        query.append_pair("over_s", &seconds.to_string());
    }
    if let Some(owner) = owner {
        query.append_pair("owner", owner);
    }
}

/// What the desk said no to, out of the problem that the admin server makes of it.
fn refusal(said: &Value) -> Option<Answer> {
    let error = &said["error"];
    let why = error["message"].as_str()?.to_owned();
    let moves = || serde_json::from_value::<Vec<MoveRow>>(error["moves"].clone()).unwrap_or_default();
    match error["code"].as_str()? {
        "not_found" => Some(Answer::No { why }),
        "bad_request" => Some(Answer::Wrong { why }),
        "refused" => Some(Answer::Refused { why, moves: moves() }),
        _ => None,
    }
}
