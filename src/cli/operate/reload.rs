//! `geosteer reload`: the running server reads its files again; the exit code says whether they serve.

use super::table::table;
use super::{Where, print_json, strange};
use crate::control::{Answer, ChangeRow, Reload, Reloaded, Request};
use crate::error::Exit;

/// Changes that are printed; `--json` has more.
const SHOWN: usize = 50;

/// Arguments of `geosteer reload`.
#[derive(Clone, Debug, clap::Args)]
pub struct ReloadArgs {
    /// Why, for whoever looks at it later
    #[arg(long, value_name = "TEXT", default_value = "", hide_default_value = true)]
    reason: String,
    /// Who wants it [default: your user name]
    #[arg(long, value_name = "NAME")]
    owner: Option<String>,
    #[command(flatten)]
    server: Where,
}

/// Has the server read its files again, and waits for what becomes of it.
#[must_use]
pub fn reload(args: ReloadArgs) -> Exit {
    let ReloadArgs { reason, owner, server } = args;
    let answer = match server.ask(&Request::Reload(Reload { owner, reason })) {
        Ok(answer) => answer,
        Err(exit) => return exit,
    };
    let exit = match &answer {
        Answer::Reloaded(reloaded) if reloaded.serves => Exit::Ok,
        Answer::Reloaded(_) => Exit::Failed,
        Answer::NotReloaded(_) => Exit::Refused,
        _ => return strange(),
    };
    if server.json {
        print_json(&answer);
        return exit;
    }
    match answer {
        Answer::Reloaded(reloaded) => {
            print!("{}", text(&reloaded));
            reloaded.warnings.iter().for_each(|warning| eprintln!("warning: {warning}"));
            if !reloaded.serves {
                eprintln!("error: it does not serve yet; `geosteer events` says when it does");
            }
        }
        Answer::NotReloaded(not) => {
            eprintln!("{}\n", not.text);
            eprintln!("error: nothing was reloaded: the configuration and the databases from before serve on");
        }
        _ => {}
    }
    exit
}

fn text(reloaded: &Reloaded) -> String {
    let Reloaded { generation, serves, summary, changes, changes_in_all, .. } = reloaded;
    let state = if *serves { "serves" } else { "is loaded" };
    let mut out = format!("configuration {generation} {state}: {summary}\n");
    if changes.is_empty() {
        return out;
    }
    let row = |one: &ChangeRow| vec![one.change.clone(), one.what.clone(), one.name.clone()];
    let rows: Vec<_> = changes.iter().take(SHOWN).map(row).collect();
    out.push_str(&table(&["CHANGE", "WHAT", "NAME"], &rows));
    if *changes_in_all > rows.len() {
        out.push_str(&format!("… and {} more\n", changes_in_all - rows.len()));
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_changed_is_a_table_that_ends_somewhere() {
        let change = |name: usize| ChangeRow {
            change: "added".to_owned(),
            what: "name".to_owned(),
            name: format!("n{name}.example.com."),
        };
        let mut reloaded =
            Reloaded { generation: 3, serves: true, summary: "nothing changed".to_owned(), ..Reloaded::default() };
        assert_eq!(text(&reloaded), "configuration 3 serves: nothing changed\n");
        reloaded.changes = (0..SHOWN + 2).map(change).collect();
        reloaded.changes_in_all = SHOWN + 9;
        reloaded.summary = "59 names added".to_owned();
        let text = text(&reloaded);
        assert!(text.starts_with(
            "configuration 3 serves: 59 names added\nCHANGE  WHAT  NAME\nadded   name  n0.example.com.\n"
        ));
        assert!(text.ends_with("n49.example.com.\n… and 9 more\n"), "{text}");
    }
}
