//! Overrides for every name server of `[fleet]`: all look at the order before any carries it out, and the result of each
//! is shown.

use super::orders::{moves_text, now_text, override_text, safe_text};
use super::table::{moment, table};
use crate::clock;
use crate::control::{Answer, Done, MoveRow, Safe};
use crate::error::Exit;
use crate::fleet::{self, Change, Member};
use serde_json::{Value, json};

/// What one server says, or in words why it says nothing.
type Said = Result<Answer, String>;

/// How the order is given.
#[derive(Clone, Copy, Debug)]
pub(super) struct How {
    pub(super) force: bool,
    pub(super) dry_run: bool,
    pub(super) json: bool,
}

/// What became of an order, server by server.
struct Outcome<'m> {
    members: &'m [Member],
    said: Vec<Said>,
    /// One has refused it when all looked at it: nothing was changed anywhere.
    is_stopped: bool,
}

/// Has every server carry out a change, unless one of them would refuse it.
pub(super) fn send(members: &[Member], change: &Change, how: How) -> Exit {
    let outcome = match carry_out(members, change, how) {
        Ok(outcome) => outcome,
        Err(error) => {
            eprintln!("error: the fleet cannot be asked: {error}");
            return Exit::Failed;
        }
    };
    match how.json {
        true => println!("{:#}", outcome.view()),
        false => print!("{}", outcome.text(clock::unix_seconds())),
    }
    outcome.complain();
    outcome.exit()
}

fn carry_out<'m>(members: &'m [Member], change: &Change, how: How) -> std::io::Result<Outcome<'m>> {
    // What is forced is refused by nobody.
    let looks = how.dry_run || !how.force;
    if looks {
        let said = fleet::ask(members, &change.looked_at())?;
        let is_stopped = !how.dry_run && said.iter().any(stops);
        if how.dry_run || is_stopped {
            return Ok(Outcome { members, said, is_stopped });
        }
    }
    Ok(Outcome { members, said: fleet::ask(members, change)?, is_stopped: false })
}

/// True if nobody shall do what this one says no to. That one is gone, or knows no such target, stops nobody: a site must
/// be drained although a server is down, and what holds on some servers only must be removable there.
fn stops(said: &Said) -> bool {
    match said {
        Ok(Answer::Done(done)) => done.refused.is_some(),
        Ok(Answer::Refused { .. } | Answer::Wrong { .. }) => true,
        _ => false,
    }
}

impl Outcome<'_> {
    /// A word for what one server did, and what that means for the exit code.
    fn result(&self, said: &Said) -> (&'static str, Exit) {
        match said {
            Ok(Answer::Done(Done { refused: Some(_), .. })) if self.is_stopped => ("refused", Exit::Refused),
            Ok(Answer::Done(_)) if self.is_stopped => ("unchanged", Exit::Ok),
            Ok(Answer::Done(Done { refused: Some(_), .. })) => ("would be refused", Exit::No),
            Ok(Answer::Done(done)) if done.dry_run => ("would be done", Exit::Ok),
            Ok(Answer::Done(_)) => ("done", Exit::Ok),
            Ok(Answer::No { .. }) => ("no", Exit::No),
            Ok(Answer::Wrong { .. }) => ("wrong", Exit::Usage),
            Ok(Answer::Refused { .. }) => ("refused", Exit::Refused),
            Ok(_) | Err(_) => ("no answer", Exit::Failed),
        }
    }

    /// The gravest of all: refused, then no answer, then wrong, then no.
    fn exit(&self) -> Exit {
        let exits = self.said.iter().map(|said| self.result(said).1);
        exits.max_by_key(|exit| exit.code()).unwrap_or(Exit::Ok)
    }

    fn each(&self) -> impl Iterator<Item = (&Member, &Said)> {
        self.members.iter().zip(&self.said)
    }

    fn dones(&self) -> impl Iterator<Item = (&Member, &Done)> {
        self.each().filter_map(|(member, said)| match said {
            Ok(Answer::Done(done)) => Some((member, done)),
            _ => None,
        })
    }

    fn text(&self, now: u64) -> String {
        let rows = self.each().map(|(member, said)| self.row(member, said)).collect();
        let mut text = columns(&["SERVER", "RESULT", "BEFORE", "NOW", "SAFE TO SWITCH OFF", "WHY"], rows);
        text.push_str(&self.moves());
        let arrives = self.dones().filter(|(_, done)| !done.dry_run).filter_map(|(_, done)| done.arrives).max();
        if let Some(arrives) = arrives {
            text.push_str(&format!("little by little until {}; above is its end\n", moment(arrives)));
        }
        text.push_str(&self.countdown(now).unwrap_or_default());
        text
    }

    fn row(&self, member: &Member, said: &Said) -> Vec<String> {
        let (result, _) = self.result(said);
        let (before, now, safe) = match said {
            Ok(Answer::Done(done)) => {
                let now = if self.is_stopped { String::new() } else { now_text(done) };
                (override_text(&done.before), now, done.safe.as_ref().map_or_else(String::new, short))
            }
            _ => Default::default(),
        };
        [&*member.name, result, &before, &now, &safe, why(said)].map(str::to_owned).into()
    }

    /// Whose clients go where; once, if all servers say the same.
    fn moves(&self) -> String {
        let mut groups: Vec<(Vec<&str>, &[MoveRow])> = Vec::new();
        for (member, said) in self.each() {
            let moves = match said {
                Ok(Answer::Done(Done { moves, .. }) | Answer::Refused { moves, .. }) => &moves[..],
                _ => continue,
            };
            match groups.iter_mut().find(|group| group.1 == moves) {
                Some(group) => group.0.push(&member.name),
                None => groups.push((vec![&member.name], moves)),
            }
        }
        let mut text = String::new();
        for (names, moves) in &groups {
            if groups.len() > 1 {
                text.push_str(&format!("{}:\n", names.join(", ")));
            }
            text.push_str(&if moves.is_empty() { "no client goes elsewhere\n".to_owned() } else { moves_text(moves) });
        }
        text
    }

    /// When it can be switched off: what the last of all servers says, if every one says so.
    fn countdown(&self, now: u64) -> Option<String> {
        let said = self.dones().filter_map(|(member, done)| Some((member, done.safe.as_ref()?))).collect::<Vec<_>>();
        let at = said.iter().map(|(_, safe)| safe.at).max()?;
        if let Some((member, safe)) = said.iter().find(|(_, safe)| safe.is_never()) {
            return Some(format!("{}: {}", member.name, safe_text(safe, now, "")));
        }
        let silent = self.members.iter().filter(|member| said.iter().all(|(other, _)| other.name != member.name));
        let silent = silent.map(|member| &*member.name).collect::<Vec<_>>().join(", ");
        if !silent.is_empty() {
            return Some(format!("not safe to switch off: clients may still be sent there by {silent}\n"));
        }
        let latest = Safe { at, ..Safe::default() };
        Some(safe_text(&latest, now, &format!("all {} servers", self.members.len())))
    }

    fn view(&self) -> Value {
        let one = |(member, said): (&Member, &Said)| {
            let (result, exit) = self.result(said);
            let (answer, error) = match said {
                Ok(answer) => (Some(answer), None),
                Err(why) => (None, Some(why)),
            };
            json!({
                "server": member.name, "url": member.url, "result": result, "exit": exit.code(), "answer": answer,
                "error": error,
            })
        };
        json!({ "exit": self.exit().code(), "servers": self.each().map(one).collect::<Vec<_>>() })
    }

    /// What is not as it should be, on standard error.
    fn complain(&self) {
        for (member, done) in self.dones() {
            done.warnings.iter().for_each(|warning| eprintln!("warning: {}: {warning}", member.name));
        }
        let failed = self.each().filter(|(_, said)| self.result(said).1 != Exit::Ok);
        let failed = failed.map(|(member, _)| &*member.name).collect::<Vec<_>>().join(", ");
        match (failed.is_empty(), self.is_stopped) {
            (true, _) => {}
            (false, true) => eprintln!("error: refused by {failed}: nothing was changed on any server"),
            (false, false) => eprintln!("error: not by {failed}"),
        }
    }
}

fn short(safe: &Safe) -> String {
    if safe.is_never() { "not yet".to_owned() } else { moment(safe.at) }
}

fn why(said: &Said) -> &str {
    match said {
        Ok(Answer::Done(done)) => done.refused.as_deref().unwrap_or_default(),
        Ok(Answer::No { why } | Answer::Wrong { why } | Answer::Refused { why, .. }) | Err(why) => why,
        Ok(_) => "an answer of another kind: is it another version?",
    }
}

/// A table without the columns that are empty.
fn columns(head: &[&str], rows: Vec<Vec<String>>) -> String {
    let used: Vec<_> = (0..head.len()).filter(|&column| rows.iter().any(|row| !row[column].is_empty())).collect();
    let head: Vec<_> = used.iter().map(|&column| head[column]).collect();
    let rows: Vec<Vec<_>> = rows.iter().map(|row| used.iter().map(|&column| row[column].clone()).collect()).collect();
    table(&head, &rows)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn members() -> Vec<Member> {
        let member = |name: &str| Member { name: name.into(), url: "http://x".into(), token: Ok("t".into()) };
        vec![member("ams"), member("fra")]
    }

    fn done(at: u64) -> Done {
        let row = MoveRow {
            policy: "world".into(),
            region: "default".into(),
            r#type: "A".into(),
            from: vec!["one".into()],
            to: vec!["two".into()],
            names: vec!["www.example.com.".into()],
            names_in_all: 1,
            ..MoveRow::default()
        };
        let safe = Some(Safe { at, ..Safe::default() });
        Done { target: "pool/one".into(), now: Some("drain".into()), moves: vec![row], safe, ..Done::default() }
    }

    fn outcome(members: &[Member], said: [Said; 2]) -> Outcome<'_> {
        Outcome { members, said: said.into(), is_stopped: false }
    }

    #[test]
    fn the_countdown_is_the_latest_of_all_servers() {
        let members = members();
        let outcome = outcome(&members, [Ok(Answer::Done(done(1_032))), Ok(Answer::Done(done(1_060)))]);
        assert_eq!(
            outcome.text(1_000),
            "SERVER  RESULT  BEFORE       NOW    SAFE TO SWITCH OFF\n\
             ams     done    no override  drain  1970-01-01 00:17:12 UTC\n\
             fra     done    no override  drain  1970-01-01 00:17:40 UTC\n\
             POLICY  REGION   TYPE  FROM  TO   NAMES\n\
             world   default  A     one   two  www.example.com.\n\
             safe to switch off at 1970-01-01 00:17:40 UTC, in 1m 0s (all 2 servers)\n"
        );
        assert_eq!(outcome.exit(), Exit::Ok);
    }

    #[test]
    fn as_long_as_one_server_does_not_know_it_is_not_safe() {
        let members = members();
        for (said, result, exit) in [
            (Err("connection refused".to_owned()), "no answer", Exit::Failed),
            (Ok(Answer::No { why: "connection refused".into() }), "no ", Exit::No),
            (Ok(Answer::Refused { why: "connection refused".into(), moves: Vec::new() }), "refused", Exit::Refused),
            (Ok(Answer::Wrong { why: "connection refused".into() }), "wrong", Exit::Usage),
        ] {
            let outcome = outcome(&members, [Ok(Answer::Done(done(1_032))), said]);
            let text = outcome.text(1_000);
            assert!(text.contains(&format!("\nfra     {result}")), "{text}");
            assert!(text.contains("connection refused\n"), "{text}");
            assert!(text.ends_with("not safe to switch off: clients may still be sent there by fra\n"), "{text}");
            assert_eq!(outcome.exit(), exit);
            let view = outcome.view();
            assert_eq!((&view["exit"], &view["servers"][0]["result"]), (&json!(exit.code()), &json!("done")));
        }
        let shared = Done { safe: Some(Safe { at: 1, named: true, ..Safe::default() }), ..done(1) };
        let outcome = outcome(&members, [Ok(Answer::Done(done(1_032))), Ok(Answer::Done(shared))]);
        assert!(outcome.text(1_000).contains("\nfra: not safe to switch off: nothing else is left"));
    }

    #[test]
    fn the_gravest_result_is_the_exit_code_and_a_refusal_stops_all() {
        let members = members();
        let refused = Done { refused: Some("no live pool".into()), dry_run: true, ..done(1) };
        let looked = [Ok(Answer::Done(Done { dry_run: true, ..done(1) })), Ok(Answer::Done(refused))];
        assert_eq!(looked.iter().map(stops).collect::<Vec<_>>(), [false, true]);
        let dry = outcome(&members, looked.clone());
        assert_eq!(
            (dry.result(&looked[0]), dry.result(&looked[1])),
            (("would be done", Exit::Ok), ("would be refused", Exit::No))
        );
        let stopped = Outcome { members: &members, said: looked.to_vec(), is_stopped: true };
        assert_eq!(stopped.exit(), Exit::Refused);
        assert_eq!((stopped.result(&looked[0]).0, stopped.result(&looked[1]).0), ("unchanged", "refused"));
        let gone: Said = Err(String::new());
        assert!(!stops(&gone) && !stops(&Ok(Answer::No { why: String::new() })));
        assert_eq!(outcome(&members, [gone, Ok(Answer::No { why: String::new() })]).exit(), Exit::Failed);
    }
}
